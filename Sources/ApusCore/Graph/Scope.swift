import CApus

// Which gradients are being asked for, and which layers are running, are facts about the calling thread: the closures that open
// these scopes are synchronous, so a word of thread-local storage holds each, and reading it costs a nanosecond.

/// The innermost `valueWithGradient` on this thread.
package final class GradientScope {
  let parent: GradientScope?
  /// The parameters whose gradients are asked for, and their variables in the same order.
  private let parameters: [Parameter]
  @exclusivity(unchecked) private var variables: [Tensor] = []
  /// Positions by identity, once there are so many that searching would take longer.
  private var positions: [ObjectIdentifier: Int] = [:]
  private static let fewParameters = 12

  private init(parent: GradientScope?, parameters: [Parameter]) {
    self.parent = parent
    self.parameters = parameters
    variables.reserveCapacity(parameters.count)
  }

  /// The variable that stands for `parameter` here, or in an enclosing scope; nil when nobody asks for its gradient.
  func variable(for parameter: Parameter) -> Tensor? {
    if parameters.count > Self.fewParameters {
      if let position = positions[ObjectIdentifier(parameter)] { return variables[position] }
    } else {
      for position in variables.indices where parameters[position] === parameter { return variables[position] }
    }
    return parent?.variable(for: parameter)
  }

  /// Says which variable stands for the next of the parameters.
  func track(_ variable: Tensor) {
    if parameters.count > Self.fewParameters {
      positions[ObjectIdentifier(parameters[variables.count])] = variables.count
    }
    variables.append(variable)
  }

  static var current: GradientScope? {
    guard let pointer = apus_thread().pointee.gradient_scope else { return nil }
    return Unmanaged<GradientScope>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Runs `body` in a scope of its own, in which operations on tracked tensors are recorded.
  static func open<R>(_ parameters: [Parameter] = [], _ body: (GradientScope) throws -> R) rethrows -> R {
    let thread = apus_thread()
    let before = thread.pointee
    let scope = GradientScope(parent: current, parameters: parameters)
    thread.pointee.gradient_scope = Unmanaged.passUnretained(scope).toOpaque()
    thread.pointee.is_recording = true
    defer {
      thread.pointee.gradient_scope = before.gradient_scope
      thread.pointee.is_recording = before.is_recording
    }
    return try withExtendedLifetime(scope) { try body(scope) }
  }
}

/// Runs `body` without recording what it does for any gradient.
func withoutGraph<R>(_ body: () throws -> R) rethrows -> R {
  let thread = apus_thread()
  let before = thread.pointee.is_recording
  thread.pointee.is_recording = false
  defer { thread.pointee.is_recording = before }
  return try body()
}

/// Whether an operation on `x` becomes a node.
func isRecording(_ x: [Tensor]) -> Bool {
  for tensor in x where tensor.object.node != nil { return apus_thread().pointee.is_recording }
  return false
}

func isRecording(_ x: Tensor) -> Bool { x.object.node != nil && apus_thread().pointee.is_recording }

/// Something that runs operations and can say how it was written: a layer.
package typealias RunningLayer = AnyObject & Sendable & CustomStringConvertible

/// The layers that are running on this thread, as a list through their stack frames.
package struct LayerFrame {
  let layer: any RunningLayer
  private let parent: UnsafeMutableRawPointer?

  static var current: LayerFrame? {
    apus_thread().pointee.layer_path?.assumingMemoryBound(to: LayerFrame.self).pointee
  }

  /// The layers as they were written, outermost first.
  package static var path: [String] {
    var path: [String] = []
    var frame = current
    while let layer = frame {
      path.append(layer.layer.description)
      frame = layer.parent?.assumingMemoryBound(to: LayerFrame.self).pointee
    }
    return path.reversed()
  }

  /// Runs `body` as a part of `layer`, so that errors, graphs and programs can name it.
  /// - Parameter parts: the layers directly inside `layer` with their names; only asked for while a program is recorded.
  package static func run<R>(
    _ layer: any RunningLayer, parts: @autoclosure () -> [(name: String, layer: any RunningLayer)] = [],
    _ body: () throws -> R
  ) rethrows -> R {
    Recorder.current?.enter(layer, parts: parts())
    let thread = apus_thread()
    let before = thread.pointee.layer_path
    var frame = LayerFrame(layer: layer, parent: before)
    return try withUnsafeMutablePointer(to: &frame) { pointer in
      thread.pointee.layer_path = UnsafeMutableRawPointer(pointer)
      defer { thread.pointee.layer_path = before }
      return try body()
    }
  }
}
