import Synchronization

/// A trainable tensor with an identity: layers own parameters, optimisers change them, and two layers that hold the same one are tied.
///
/// Reading ``value`` inside a `valueWithGradient` that asks for this parameter gives the variable that gradients flow to; anywhere
/// else it gives the plain tensor.
///
/// A ``buffer(_:name:)`` has the same identity and storage, but is no parameter of the model: its layer alone changes it.
public final class Parameter: Sendable {
  /// A short name such as "weight".
  public let name: String?
  /// Whether this is state that a layer keeps for itself, such as running statistics: saved with the model, never trained.
  public let isBuffer: Bool
  private let state: Mutex<State>

  private struct State {
    var value: Tensor
    var isTrainable: Bool
    /// Counts whenever the value is replaced or somebody is about to overwrite it.
    var version = 0
  }

  /// A parameter that starts as `value`, of any floating-point type; not trainable, it starts frozen.
  public convenience init(_ value: Tensor, name: String? = nil, isTrainable: Bool = true) {
    self.init(value, name: name, isTrainable: isTrainable, isBuffer: false)
  }

  /// State that starts as `value` and is not trained; layers name it with `LayerVisitor.buffer(_:_:)`.
  public static func buffer(_ value: Tensor, name: String? = nil) -> Parameter {
    Parameter(value, name: name, isTrainable: false, isBuffer: true)
  }

  private init(_ value: Tensor, name: String?, isTrainable: Bool, isBuffer: Bool) {
    self.name = name
    self.isBuffer = isBuffer
    let own = value.stopGradient().dense
    state = Mutex(State(value: Recorder.current?.elementsForNewParameter(own) ?? own, isTrainable: isTrainable))
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
      state.withLock { ($0.value, $0.version) = (new, $0.version + 1) }
    }
  }

  /// The plain value, whatever scope is open.
  package var stored: Tensor { versioned.value }

  /// The plain value, and a number that is another one when the elements may have changed.
  package var versioned: (value: Tensor, version: Int) {
    let found = state.withLock { ($0.value, $0.version) }
    Recorder.current?.note(self, holds: found.0)
    return found
  }

  public var shape: Shape { stored.shape }
  public var dtype: DType { stored.dtype }

  /// Whether optimisers and `valueWithGradient(of:)` include this parameter; set it to false to freeze it.
  /// - Precondition: a buffer stays untrainable.
  public var isTrainable: Bool {
    get { state.withLock { $0.isTrainable } }
    set {
      guard !isBuffer || !newValue else { fatalError("Parameter \(name ?? ""): a buffer cannot be trained") }
      state.withLock { $0.isTrainable = newValue }
    }
  }

  /// The value, to be overwritten in place: copied first if anybody else can see its elements.
  package func writable() -> Tensor {
    state.withLock { state in
      state.version += 1
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
    if isUnique() { return }
    let copy = Tensor(uninitialized: shape, dtype, on: backend)
    backend.copy(self, into: copy)
    self = copy
  }

  /// Whether this dense tensor is the only one that refers to its storage.
  mutating func isUnique() -> Bool { isKnownUniquelyReferenced(&object) && object.ownsStorage() && object.isDense }
}

extension Parameter: Hashable {
  public static func == (left: Parameter, right: Parameter) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
