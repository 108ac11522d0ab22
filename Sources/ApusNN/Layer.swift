import ApusCore

/// A part of a network: a function of one tensor with parameters of its own.
///
/// Layers are final classes. A layer describes itself (as it is written in code), states its shape rule and lists its
/// parameters and children in ``visit(_:)``; users' own layers may leave that out, and their stored properties are
/// looked through instead:
/// ```swift
/// final class Residual: Layer {
///   let inner: Dense
///   init(_ size: Int) { inner = Dense(size, size, activation: .relu) }
///   func forward(_ x: Tensor) -> Tensor { x + inner(x) }
///   func outputShape(for input: Shape) throws(ShapeError) -> Shape { try inner.outputShape(for: input) }
/// }
/// ```
/// Whether a layer trains or predicts is a fact about the running code, not about the layer: see
/// ``withTraining(random:_:)``.
public protocol Layer: AnyObject, Sendable, CustomStringConvertible {
  /// The layer's output; call the layer itself (`layer(x)`), which also keeps track of where an error happened.
  func forward(_ x: Tensor) -> Tensor

  /// The shape of the output for an input of shape `input`, without running anything. The first axis is the batch.
  /// - Throws: `ShapeError` when the input does not fit, naming the layer and both shapes.
  func outputShape(for input: Shape) throws(ShapeError) -> Shape

  /// Names the layer's own parameters, its buffers and its children, in a fixed order.
  func visit(_ visitor: inout LayerVisitor)
}

extension Layer {
  /// The layer's output for `x`.
  public func callAsFunction(_ x: Tensor) -> Tensor { running { forward(x) } }

  /// Runs `body` as a call of this layer: errors and programs can name it, and whoever looks into the network is told its output.
  /// - Parameter output: what of the result that is.
  package func running<R>(_ output: (R) -> Tensor, _ body: () throws -> R) rethrows -> R {
    let result = try LayerFrame.run(self, parts: children.map { ($0.name, $0.layer) }, body)
    OutputObserver.current?.note(self, output(result))
    return result
  }

  package func running(_ body: () throws -> Tensor) rethrows -> Tensor { try running({ $0 }, body) }

  public func visit(_ visitor: inout LayerVisitor) { visitor.visitStoredProperties(of: self) }

  public var description: String { "\(Swift.type(of: self))" }

  /// The trainable tensors of this layer and everything in it, each once.
  public var parameters: [Parameter] {
    var visitor = LayerVisitor(hasNames: false)
    visit(&visitor)
    return visitor.unnamed
  }

  /// The trainable tensors with their paths, such as "0.weight": unique, in a fixed order, as in model files. A
  /// parameter that is shared appears once, under its first path.
  public var namedParameters: [(name: String, parameter: Parameter)] {
    var visitor = LayerVisitor()
    visit(&visitor)
    return visitor.parameters
  }

  /// The tensors that the layers keep beside their parameters, such as running statistics, with their paths: saved with
  /// the model, changed by their layers while training, unknown to optimisers.
  public var namedBuffers: [(name: String, buffer: Parameter)] {
    var visitor = LayerVisitor()
    visit(&visitor)
    return visitor.buffers
  }

  /// What a visitor would find if this layer had no hand-written ``visit(_:)``: for the test that both agree.
  package var reflected: LayerVisitor {
    var visitor = LayerVisitor()
    visitor.visitStoredProperties(of: self)
    return visitor
  }

  /// The layers directly inside this one, with their names.
  public var children: [(name: String, layer: any Layer)] {
    var visitor = LayerVisitor(isDeep: false)
    visit(&visitor)
    return visitor.children
  }

  /// The number of trainable numbers.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.elementCount } }
}

/// Collects the parameters, buffers and children that a layer names.
public struct LayerVisitor {
  package private(set) var parameters: [(name: String, parameter: Parameter)] = []
  package private(set) var buffers: [(name: String, buffer: Parameter)] = []
  private(set) var unnamed: [Parameter] = []
  private(set) var children: [(name: String, layer: any Layer)] = []
  private var seen: Set<ObjectIdentifier> = []
  private var prefix = ""
  private let isDeep: Bool
  private let hasNames: Bool

  /// - Parameter hasNames: whether paths are wanted: a training step asks for the parameters alone, each time.
  init(isDeep: Bool = true, hasNames: Bool = true) {
    self.isDeep = isDeep
    self.hasNames = hasNames
    if !hasNames { unnamed.reserveCapacity(16) }
  }

  /// Names a parameter of the layer; nil, for a layer that has none, is passed over.
  public mutating func parameter(_ name: String, _ parameter: Parameter?) {
    guard let parameter, isNew(parameter) else { return }
    guard !parameter.isBuffer else { fatalError("'\(prefix + name)' is a buffer: name it with buffer(_:_:)") }
    if hasNames { parameters.append((prefix + name, parameter)) } else { unnamed.append(parameter) }
  }

  /// Names a tensor of the layer that is state but not trained; nil is passed over.
  public mutating func buffer(_ name: String, _ buffer: Parameter?) {
    guard hasNames, let buffer, isNew(buffer) else { return }
    guard buffer.isBuffer else { fatalError("'\(prefix + name)' is no buffer: make it with Parameter.buffer(_:name:)") }
    buffers.append((prefix + name, buffer))
  }

  private mutating func isNew(_ parameter: Parameter) -> Bool {
    // Of a few parameters, looking at each is faster than a set.
    if !hasNames && unnamed.count < 12 { return !unnamed.contains { $0 === parameter } }
    if seen.isEmpty { seen = Set(unnamed.map(ObjectIdentifier.init)) }
    return seen.insert(ObjectIdentifier(parameter)).inserted
  }

  /// Names a layer inside the layer.
  public mutating func child(_ name: String, _ layer: (any Layer)?) {
    guard let layer else { return }
    guard hasNames else { return layer.visit(&self) }
    children.append((name, layer))
    guard isDeep else { return }
    let outer = prefix
    prefix += name + "."
    layer.visit(&self)
    prefix = outer
  }

  /// Names layers inside the layer by their positions: "0", "1", …
  public mutating func children(_ layers: [any Layer]) {
    for (i, layer) in layers.enumerated() { child(hasNames ? "\(i)" : "", layer) }
  }

  /// Looks through stored properties: parameters, buffers and layers, also in optionals, arrays, dictionaries and tuples.
  mutating func visitStoredProperties(of layer: any Layer) {
    var mirror: Mirror? = Mirror(reflecting: layer)
    var levels: [Mirror] = []
    while let level = mirror {
      levels.append(level)
      mirror = level.superclassMirror
    }
    for level in levels.reversed() {
      for property in level.children { visit(property.value, name: property.label ?? "") }
    }
  }

  private mutating func visit(_ value: Any, name: String) {
    switch value {
    case let tensor as Parameter: if tensor.isBuffer { buffer(name, tensor) } else { parameter(name, tensor) }
    case let layer as any Layer: child(name, layer)
    case let array as [Any]:
      for (i, element) in array.enumerated() { visit(element, name: "\(name).\(i)") }
    case let dictionary as [AnyHashable: Any]:
      // In the order of the keys' texts: a dictionary has none of its own.
      let entries = dictionary.map { (key: "\($0.key.base)", value: $0.value) }
      for (key, value) in entries.sorted(by: { $0.key < $1.key }) { visit(value, name: "\(name).\(key)") }
    default:
      let mirror = Mirror(reflecting: value)
      switch mirror.displayStyle {
      case .optional?:
        if let wrapped = mirror.children.first { visit(wrapped.value, name: name) }
      case .tuple?:
        for (i, element) in mirror.children.enumerated() {
          // Unnamed elements are labelled ".0", ".1", …
          let label = element.label.flatMap { $0.hasPrefix(".") ? nil : $0 } ?? "\(i)"
          visit(element.value, name: "\(name).\(label)")
        }
      case .struct?:
        // A group of layers or parameters, such as the heads of an attention.
        for property in mirror.children { visit(property.value, name: "\(name).\(property.label ?? "")") }
      default: break
      }
    }
  }
}
