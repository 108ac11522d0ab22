import Synchronization

/// A trainable tensor with an identity: layers own parameters, optimisers change them, and two layers that hold the same one are tied.
///
/// Reading ``value`` inside a `valueWithGradient` that asks for this parameter gives the variable that gradients flow to; anywhere
/// else it gives the plain tensor.
public final class Parameter: Sendable {
  /// A short name such as "weight".
  public let name: String?
  private let state: Mutex<State>

  private struct State {
    var value: Tensor
    var isTrainable = true
  }

  /// A parameter that starts as `value`, of any floating-point type.
  public init(_ value: Tensor, name: String? = nil) {
    self.name = name
    let own = value.stopGradient().dense
    state = Mutex(State(value: Recorder.current?.copyForNewParameter(own) ?? own))
  }

  /// The present value. Assigning replaces it: the shape and element type must stay the same.
  public var value: Tensor {
    get { GradientScope.current?.variable(for: self) ?? stored }
    set {
      let new = newValue.stopGradient().dense
      let old = stored
      guard new.type == old.type else {
        stop(
          ShapeError("Parameter \(name ?? "")", "a value of type \(new.type) cannot replace one of type \(old.type)"))
      }
      // While a step is recorded the parameter's memory stays the same, since later runs write to it.
      if Recorder.current != nil {
        let target = writable()
        return target.backend.copy(new, into: target)
      }
      state.withLock { $0.value = new }
    }
  }

  /// The plain value, whatever scope is open.
  package var stored: Tensor {
    let value = state.withLock { $0.value }
    Recorder.current?.note(self, holds: value)
    return value
  }

  public var shape: Shape { stored.shape }
  public var dtype: DType { stored.dtype }

  /// Whether optimisers and `valueWithGradient(of:)` include this parameter; set it to false to freeze it.
  public var isTrainable: Bool {
    get { state.withLock { $0.isTrainable } }
    set { state.withLock { $0.isTrainable = newValue } }
  }

  /// The value, to be overwritten in place: copied first if anybody else can see its elements.
  package func writable() -> Tensor {
    state.withLock { state in
      if let recorder = Recorder.current {
        recorder.note(self, makesUnique: &state.value)
      } else {
        state.value.makeUnique()
      }
      return state.value
    }
  }
}

extension Tensor {
  /// Makes this tensor the only one that refers to its storage, copying the elements if it is not.
  package mutating func makeUnique() {
    if isKnownUniquelyReferenced(&object), object.ownsStorage(), object.isDense { return }
    let copy = Tensor(uninitialized: shape, dtype, on: backend)
    backend.copy(self, into: copy)
    self = copy
  }
}

extension Parameter: Hashable {
  public static func == (left: Parameter, right: Parameter) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
