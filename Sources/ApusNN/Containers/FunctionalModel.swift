import ApusCore

/// What a model takes under one name.
public struct FunctionalInput: Sendable, Hashable {
  public let name: String
  /// The shape of one example.
  public let extents: Shape
  /// Whether layers get it as int32.
  public let isWhole: Bool
}

/// A model of several inputs and outputs, with layers connected in any way that has no circle (Keras' functional models).
///
/// ```swift
/// let image = SymbolicTensor.input("image", [28, 28, 1]), table = SymbolicTensor.input("table", [5])
/// let seen = Sequential { Conv2D(1, 8, kernel: 3, activation: .relu); GlobalAveragePool() }(image)
/// let known = Dense(5, 8, activation: .relu)(table)
/// let model = FunctionalModel(inputs: [image, table], output: Dense(16, 10)(concatenate([seen, known])))
/// let logits = model(["image": pixels, "table": measurements])
/// ```
/// It is a layer of one tensor like every other, so that it is trained, saved and summarised like every other: several inputs are one
/// tensor (n, Σ sizes) that holds them side by side, each flattened, in their order; several outputs likewise. ``packed(_:)`` and
/// ``outputs(in:)`` translate, and a `JoinedSource` gives such batches. A single input or output is what it is.
public final class FunctionalModel: Layer {
  /// How one of the tensors comes about; they are numbered in an order in which each comes after what it needs.
  enum Step: Sendable, Hashable {
    case input(Int)
    case layer(Int, from: Int)
    case joined(Parallel.Joining, [Int])
  }

  public let inputs: [FunctionalInput]
  /// Every layer once, in the order of their first use.
  public let layers: [any Layer]
  let steps: [Step]
  /// The names of the outputs with the numbers of their tensors.
  let results: [(name: String, step: Int)]

  /// A model with one output.
  public convenience init(inputs: [SymbolicTensor], output: SymbolicTensor) {
    self.init(inputs: inputs, outputs: [("output", output)])
  }

  /// - Parameters:
  ///   - inputs: made by ``SymbolicTensor/input(_:_:isWhole:)``, with different names; all that the outputs depend on.
  ///   - outputs: at least one, with different names.
  public init(inputs: [SymbolicTensor], outputs: [(name: String, tensor: SymbolicTensor)]) {
    var builder = FunctionalBuilder()
    for tensor in inputs { builder.add(input: tensor) }
    results = outputs.map { ($0.name, builder.number(of: $0.tensor)) }
    (self.inputs, layers, steps) = (builder.inputs, builder.layers, builder.steps)
    let names = self.inputs.map(\.name)
    guard !results.isEmpty, !names.isEmpty, Set(names).count == names.count,
      Set(results.map(\.name)).count == results.count
    else {
      fatalError("FunctionalModel: the inputs \(names) and outputs \(results.map(\.name)) need different names")
    }
  }

  init(inputs: [FunctionalInput], layers: [any Layer], steps: [Step], results: [(name: String, step: Int)]) {
    (self.inputs, self.layers, self.steps, self.results) = (inputs, layers, steps, results)
  }

  // MARK: One tensor for several

  /// Several inputs side by side, as the model takes them: (n, Σ sizes), or a single one as it is.
  public func packed(_ tensors: [String: Tensor]) -> Tensor {
    do throws(ShapeError) {
      var parts: [Tensor] = []
      for input in inputs {
        guard let tensor = tensors[input.name] else {
          throw ShapeError(description, "the input '\(input.name)' is missing")
        }
        guard tensor.rank > 0, Shape(tensor.shape.dropFirst()) == input.extents else {
          throw ShapeError(
            description,
            "the input '\(input.name)' of shape \(tensor.shape) was found; expected (n\(input.extents.map { ", \($0)" }.joined()))"
          )
        }
        if inputs.count == 1 { return tensor }
        parts.append(tensor.reshaped([tensor.shape[0], input.extents.elementCount]).cast(to: parameterType))
      }
      return concatenate(parts, axis: 1)
    } catch { stop(error) }
  }

  /// The model's output for inputs by their names.
  public func callAsFunction(_ tensors: [String: Tensor]) -> Tensor { self(packed(tensors)) }

  /// The single outputs by their names, from the model's output `y`; of a single one that itself.
  /// - Parameter input: the shape of the input that `y` was computed from.
  public func outputs(in y: Tensor) -> [String: Tensor] {
    guard results.count > 1 else { return [results[0].name: y] }
    do throws(ShapeError) {
      let shapes = try shapes(of: y.shape[0])
      let sizes = results.map { shapes[$0.step].dropFirst().reduce(1, *) }
      var (start, outputs) = (0, [String: Tensor]())
      for (result, size) in zip(results, sizes) {
        outputs[result.name] = y[.all, start..<start + size].reshaped(Array(shapes[result.step]))
        start += size
      }
      return outputs
    } catch { stop(error) }
  }

  private var parameterType: DType { parameters.first?.dtype ?? .float32 }

  // MARK: As a layer

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    var tensors: [Tensor] = []
    // Which steps of them count: as the layer before knew; of several tensors joined, as the first has it.
    var masks: [Tensor?] = []
    for step in steps {
      var mask: Tensor?
      switch step {
      case .input(let number): tensors.append(part(number, of: x))
      case .layer(let number, let source):
        mask = (layers[number] as? any MaskingLayer)?.stepMask(of: tensors[source]) ?? masks[source]
        tensors.append(layers[number](tensors[source], stepMask: mask))
      case .joined(let joining, let sources):
        mask = sources.lazy.compactMap { masks[$0] }.first
        tensors.append(joining(sources.map { tensors[$0] }))
      }
      masks.append(stepMask(mask, of: tensors[tensors.count - 1]))
    }
    guard results.count > 1 else { return tensors[results[0].step] }
    return concatenate(results.map { tensors[$0.step].reshaped([x.shape[0], -1]) }, axis: 1)
  }

  private func part(_ number: Int, of x: Tensor) -> Tensor {
    let input = inputs[number]
    let own: Tensor
    if inputs.count == 1 {
      own = x
    } else {
      let start = inputs[..<number].reduce(0) { $0 + $1.extents.elementCount }
      let columns = x[.all, start..<start + input.extents.elementCount]
      own = columns.reshaped([x.shape[0]] + Array(input.extents))
    }
    return input.isWhole && own.dtype.isFloatingPoint ? own.cast(to: .int32) : own
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let size = inputs.reduce(0) { $0 + $1.extents.elementCount }
    let expected = inputs.count == 1 ? inputs[0].extents : [size]
    guard input.rank > 0, Shape(input.dropFirst()) == expected else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (n\(expected.map { ", \($0)" }.joined()))")
    }
    let shapes = try shapes(of: input[0])
    guard results.count > 1 else { return shapes[results[0].step] }
    return [input[0], results.reduce(0) { $0 + shapes[$1.step].dropFirst().reduce(1, *) }]
  }

  /// The shapes of all tensors for so many examples.
  private func shapes(of count: Int) throws(ShapeError) -> [Shape] {
    var shapes: [Shape] = []
    for step in steps {
      switch step {
      case .input(let number): shapes.append(Shape([count] + Array(inputs[number].extents)))
      case .layer(let number, let source):
        do { shapes.append(try layers[number].outputShape(for: shapes[source])) } catch {
          throw error.inside("FunctionalModel, layer \(number)")
        }
      case .joined(let joining, let sources):
        let found = sources.map { shapes[$0] }
        guard let shape = joining.shape(of: found) else {
          throw ShapeError(
            description,
            "\(found.map(\.description).joined(separator: " and ")) were found; expected shapes to \(joining)")
        }
        shapes.append(shape)
      }
    }
    return shapes
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.children(layers) }

  public var description: String {
    let taken = inputs.map { "\($0.name): \($0.extents)" }.joined(separator: ", ")
    return "FunctionalModel(\(taken) → \(results.map(\.name).joined(separator: ", ")); \(layers.count) layers)"
  }
}

extension FunctionalModel: CompositeLayer {
  public func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)] {
    _ = try outputShape(for: input)
    let shapes = try shapes(of: input[0])
    var parts: [(name: String, layer: any Layer, input: Shape)] = []
    for case .layer(let number, let source) in steps where number == parts.count {
      parts.append((name: "\(number)", layer: layers[number], input: shapes[source]))
    }
    return parts
  }
}

/// Numbers the tensors that a model consists of.
private struct FunctionalBuilder {
  var inputs: [FunctionalInput] = []
  var layers: [any Layer] = []
  var steps: [FunctionalModel.Step] = []
  private var numbers: [ObjectIdentifier: Int] = [:]

  mutating func add(input tensor: SymbolicTensor) {
    guard case .input(let input) = tensor.source else {
      fatalError("FunctionalModel: an input is what a layer puts out; make it with SymbolicTensor.input")
    }
    inputs.append(input)
    add(.input(inputs.count - 1), for: tensor)
  }

  private mutating func add(_ step: FunctionalModel.Step, for tensor: SymbolicTensor) {
    numbers[ObjectIdentifier(tensor)] = steps.count
    steps.append(step)
  }

  mutating func number(of tensor: SymbolicTensor) -> Int {
    if let known = numbers[ObjectIdentifier(tensor)] { return known }
    switch tensor.source {
    case .input(let input): fatalError("FunctionalModel: the input '\(input.name)' is used, but not listed")
    case .layer(let layer, let source):
      let from = number(of: source)
      let known = layers.firstIndex { $0 === layer }
      if known == nil { layers.append(layer) }
      add(.layer(known ?? layers.count - 1, from: from), for: tensor)
    case .joined(let joining, let sources):
      let from = sources.map { number(of: $0) }
      add(.joined(joining, from), for: tensor)
    }
    return steps.count - 1
  }
}
