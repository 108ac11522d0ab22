import ApusCore
import ApusNN
import FoundationEssentials

/// One harness for every layer: shapes, element types, gradients, names, files and descriptions.
///
/// ```swift
/// let check = LayerCheck("Dense(3, 2)", accepts: [[4, 3], [1, 3], [0, 3]], refuses: [[4, 2]]) { Dense(3, 2, dtype: $0)
/// } #expect(check.problems() == [])
/// ```
public struct LayerCheck: Sendable, CustomStringConvertible {
  /// The layer as it is written.
  public let description: String
  /// Shapes that fit; gradients are checked on the first.
  let accepted: [Shape]
  let refused: [Shape]
  let isTraining: Bool
  /// If not nil, inputs are whole numbers below it, which have no gradient.
  let tokenCount: Int?
  let make: @Sendable (DType) -> any Layer

  /// - Parameters:
  ///   - description: what the layer's `description` must be.
  ///   - tokenCount: if not nil, inputs are whole numbers below it.
  ///   - isTraining: whether outputs and gradients are those of training; the same random numbers are drawn each time.
  ///   - make: a layer whose parameters are of the given type; called inside `withSeed`, so that it always starts the
  ///     same.
  public init(
    _ description: String, accepts: [Shape], refuses: [Shape] = [], tokenCount: Int? = nil, isTraining: Bool = false,
    make: @escaping @Sendable (DType) -> any Layer
  ) {
    self.description = description
    accepted = accepts
    refused = refuses
    self.isTraining = isTraining
    self.tokenCount = tokenCount
    self.make = make
  }

  /// What is wrong with the layer, a sentence each.
  public func problems() -> [String] {
    let layer = withSeed(5) { make(.float64) }
    var problems: [String] = []
    if layer.description != description { problems.append("the description is \(layer.description)") }
    for shape in accepted { problems += forwardProblems(layer, shape) }
    for shape in refused { problems += refusalProblems(layer, shape) }
    problems += visitProblems(layer) + gradientProblems(layer)
    if let configurable = withSeed(5, { make(.float32) }) as? any ConfigurableLayer {
      problems += fileProblems(configurable)
    }
    return problems
  }

  /// How many shapes are refused.
  public var refusals: Int { refused.count }

  /// What the shape rule says to a shape that is refused, without the path to the layer inside that says it.
  public func refusal(_ number: Int) -> String? {
    do throws(ShapeError) { _ = try make(.float64).outputShape(for: refused[number]) } catch {
      return "\(error.operation): \(error.reason)"
    }
    return nil
  }

  /// Runs the layer on a shape that is refused: that must stop the process.
  public func runRefused(_ number: Int) {
    let (layer, x) = (make(.float64), input(refused[number], .float64))
    _ = run { layer(x) }
  }

  private func run<R>(_ body: () throws -> R) rethrows -> R {
    guard isTraining else { return try body() }
    var random = RandomSource(seed: 11)
    return try withTraining(random: &random, body)
  }

  private func input(_ shape: Shape, _ dtype: DType) -> Tensor {
    // With this seed no element is close to a kink of an activation.
    var random = RandomSource(seed: 4)
    if let tokenCount {
      return Tensor.randomUniform(shape, in: 0..<Double(tokenCount), using: &random).cast(to: .int32)
    }
    return .randomNormal(shape, dtype: .float64, using: &random).cast(to: dtype)
  }

  private func forwardProblems(_ layer: any Layer, _ shape: Shape) -> [String] {
    let twin = make(.float32)
    copyState(of: layer, to: twin)
    let single = run { twin(input(shape, .float32)) }
    let double = run { layer(input(shape, .float64)) }
    var problems: [String] = []
    do throws(ShapeError) {
      let promised = try layer.outputShape(for: shape)
      if double.shape != promised { problems.append("input \(shape): promised \(promised), gave \(double.shape)") }
    } catch { problems.append("input \(shape) is refused: \(error)") }
    for (output, dtype) in [(single, DType.float32), (double, .float64)] where output.dtype != dtype {
      problems.append("input \(shape): a \(dtype) input gave \(output.dtype)")
    }
    if !isTraining, let difference = firstDifference(single.doubles, double.doubles, tolerance: 1e-5) {
      problems.append("input \(shape): float32 is not float64: \(difference)")
    }
    return problems
  }

  private func copyState(of source: any Layer, to target: any Layer) {
    for (new, old) in zip(target.parameters, source.parameters) { new.value = old.value.cast(to: new.dtype) }
    for ((_, new), (_, old)) in zip(target.namedBuffers, source.namedBuffers) {
      new.value = old.value.cast(to: new.dtype)
    }
  }

  /// The rule must throw one sentence that says which layer, what it found and what it expected. A layer inside may be
  /// the one that refuses; then it names the shape that arrived there.
  private func refusalProblems(_ layer: any Layer, _ shape: Shape) -> [String] {
    do throws(ShapeError) {
      let output = try layer.outputShape(for: shape)
      return ["input \(shape) should be refused, but gives \(output)"]
    } catch {
      func contains(_ layer: any Layer) -> Bool {
        layer.children.contains { $0.layer.description == error.operation || contains($0.layer) }
      }
      let isInner = contains(layer)
      let parts = isInner ? [] : [layer.description, shape.description]
      return (parts + ["expected"]).filter { !error.description.contains($0) }.map {
        "the error for \(shape) lacks '\($0)': \(error)"
      }
    }
  }

  /// The hand-written ``Layer/visit(_:)`` finds what reflection finds, in the same order. Reflection may put the name
  /// of the property that holds an array before the position: "layers.0.weight" for "0.weight".
  private func visitProblems(_ layer: any Layer) -> [String] {
    let reflected = layer.reflected
    return namingProblems("parameter", layer.namedParameters, reflected.parameters)
      + namingProblems(
        "buffer", layer.namedBuffers.map { ($0.name, $0.buffer) }, reflected.buffers.map { ($0.name, $0.buffer) })
  }

  private func namingProblems(
    _ what: String, _ named: [(name: String, parameter: Parameter)], _ reflected: [(name: String, parameter: Parameter)]
  ) -> [String] {
    guard named.map(\.parameter) == reflected.map(\.parameter) else {
      return ["visit finds \(named.map(\.name)), reflection \(reflected.map(\.name))"]
    }
    return zip(named, reflected).compactMap { ours, theirs in
      ours.name == theirs.name || theirs.name.hasSuffix("." + ours.name)
        ? nil : "the \(what) \(ours.name) is called \(theirs.name) by reflection"
    }
  }

  /// Gradients with respect to all parameters and the input against finite differences.
  private func gradientProblems(_ layer: any Layer) -> [String] {
    var x = input(accepted[0], .float64)
    var random = RandomSource(seed: 9)
    let weights = Tensor.randomUniform(run { layer(x) }.shape, in: 0.5..<1.5, dtype: .float64, using: &random)
    var scale = 0.0
    let (found, inputGradient) = run {
      gradients(of: layer, at: x) { y in
        scale = abs(y.stopGradient()).sum().item
        return (y * weights).sum()
      }
    }
    var variables: [GradientVariable] = []
    if let inputGradient {
      variables.append(
        GradientVariable(name: "input", shape: x.shape, elements: x.doubles, gradient: inputGradient.doubles) {
          x = Tensor($0, shape: x.shape)
        })
    }
    for (name, parameter) in layer.namedParameters where parameter.isTrainable {
      let shape = parameter.shape
      variables.append(
        GradientVariable(
          name: name, shape: shape, elements: parameter.value.doubles, gradient: found[parameter]!.doubles
        ) { parameter.value = Tensor($0, shape: shape) })
    }
    let report = compareGradients(of: variables, scale: scale, step: 1e-4, tolerance: 1e-6) {
      run { (layer(x) * weights).sum().item }
    }
    return report.isPassed ? [] : ["gradients:\n\(report)"]
  }

  private func gradients<L: Layer>(
    of layer: L, at x: Tensor, _ loss: (Tensor) -> Tensor
  ) -> (gradients: Gradients, inputGradient: Tensor?) {
    if tokenCount != nil { return (valueWithGradient(of: layer) { loss($0(x)) }.gradients, nil) }
    let (_, gradients, inputGradient) = valueWithGradient(of: layer, at: x) { loss($0($1)) }
    return (gradients, inputGradient)
  }

  /// Through a file and back, the layer is the same one.
  private func fileProblems(_ layer: any ConfigurableLayer) -> [String] {
    do {
      let data = try JSONEncoder().encode(layer.configuration)
      let configuration = try JSONDecoder().decode(LayerConfiguration.self, from: data)
      let copy = try LayerRegistry.standard.layer(configuration)
      var problems: [String] = []
      if configuration != layer.configuration { problems.append("the configuration changed on its way through JSON") }
      if copy.configuration != layer.configuration { problems.append("the copy's configuration is another one") }
      if copy.description != layer.description { problems.append("the copy is \(copy.description)") }
      if copy.namedParameters.map(\.name) != layer.namedParameters.map(\.name) {
        return problems + ["the copy's parameters are \(copy.namedParameters.map(\.name))"]
      }
      if copy.namedBuffers.map(\.name) != layer.namedBuffers.map(\.name) {
        return problems + ["the copy's buffers are \(copy.namedBuffers.map(\.name))"]
      }
      copyState(of: layer, to: copy)
      let x = input(accepted[0], .float32)
      if run({ copy(x) }).floats != run({ layer(x) }).floats { problems.append("the copy computes other numbers") }
      return problems
    } catch { return ["it does not survive a file: \(error)"] }
  }
}
