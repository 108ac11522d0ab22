// Do the gradients of the reverse pass agree with finite differences?

/// The outcome of a gradient check: one entry for each tensor that was varied.
public struct GradientReport: Sendable, CustomStringConvertible {
  /// The worst element of one input or parameter.
  public struct Entry: Sendable, CustomStringConvertible {
    /// The input's name: "input 0", or a parameter's.
    public let name: String
    public let shape: Shape
    /// How many elements were compared: all but the declared kinks.
    public let checkedCount: Int
    /// The largest relative error; infinite where a number is not finite.
    public let maximumRelativeError: Double
    /// Where it occurs, one position along each axis.
    public let position: [Int]
    /// The gradient there, by the reverse pass.
    public let gradient: Double
    /// The gradient there, by finite differences.
    public let difference: Double

    public var description: String {
      guard checkedCount > 0 else { return "\(name) \(shape): nothing to compare" }
      return "\(name) \(shape): relative error \(maximumRelativeError.formatted("e", precision: 1)) at \(position): "
        + "gradient \(gradient), finite difference \(difference)"
    }
  }

  public let entries: [Entry]
  /// The largest relative error that passes.
  public let tolerance: Double

  /// Whether every gradient agrees.
  public var isPassed: Bool { entries.allSatisfy { $0.maximumRelativeError <= tolerance } }

  /// One line for each input.
  public var description: String {
    entries.map { ($0.maximumRelativeError <= tolerance ? "ok    " : "WRONG ") + $0.description }.joined(
      separator: "\n")
  }
}

/// A tensor that a gradient check varies, element by element.
package struct GradientVariable {
  package var name: String
  package var shape: Shape
  /// The elements at which the gradient was taken.
  package var elements: [Double]
  /// The gradient by the reverse pass.
  package var gradient: [Double]
  /// Positions at which the function has a kink, so that differences say nothing.
  package var kinks: Set<Int>
  /// Puts other elements in place.
  package var assign: ([Double]) -> Void

  package init(
    name: String, shape: Shape, elements: [Double], gradient: [Double], kinks: Set<Int> = [],
    assign: @escaping ([Double]) -> Void
  ) {
    self.name = name
    self.shape = shape
    self.elements = elements
    self.gradient = gradient
    self.kinks = kinks
    self.assign = assign
  }
}

/// Compares the gradients of `variables` with central differences of `value`, a function of what the variables are assigned.
///
/// Errors are relative to the larger of both numbers, but not to less than a thousandth of the tensor's largest gradient or 1e-5 of
/// the value's own scale: below that, differences are rounding noise.
/// - Parameters:
///   - scale: the size of the numbers that the value is a sum of.
///   - step: the distance between function values.
package func compareGradients(
  of variables: [GradientVariable], scale: Double, step: Double, tolerance: Double, value: () throws -> Double
) rethrows -> GradientReport {
  var entries: [GradientReport.Entry] = []
  for variable in variables {
    var elements = variable.elements
    let positions = elements.indices.filter { !variable.kinks.contains($0) }
    let differences = try positions.map { position -> Double in
      let x = elements[position]
      // The step that is really made, after rounding: of large elements it is not less than they can resolve.
      let h = (x + max(step, abs(x) * 1e-9)) - x
      func at(_ distance: Double) throws -> Double {
        elements[position] = x + distance
        variable.assign(elements)
        return try value()
      }
      // Central differences over one and two steps; together their error falls with the fourth power of the step.
      let near = try at(h) - at(-h)
      let far = try at(2 * h) - at(-2 * h)
      elements[position] = x
      return (8 * near - far) / (12 * h)
    }
    variable.assign(variable.elements)
    let pairs = zip(positions.map { variable.gradient[$0] }, differences)
    let largest = pairs.reduce(0) { max($0, abs($1.0), abs($1.1)) }
    let floor = max(1e-3 * largest, 1e-5 * scale, .leastNormalMagnitude)
    var worst = (error: 0.0, position: 0, gradient: 0.0, difference: 0.0)
    for (i, (gradient, difference)) in pairs.enumerated() {
      var error = abs(gradient - difference) / max(abs(gradient), abs(difference), floor)
      if !error.isFinite { error = .infinity }
      if i == 0 || error > worst.error { worst = (error, positions[i], gradient, difference) }
    }
    entries.append(
      GradientReport.Entry(
        name: variable.name, shape: variable.shape, checkedCount: positions.count, maximumRelativeError: worst.error,
        position: variable.shape.position(of: worst.position), gradient: worst.gradient, difference: worst.difference))
  }
  return GradientReport(entries: entries, tolerance: tolerance)
}

extension Shape {
  /// The positions along each axis of the element number `index` in row-major order.
  fileprivate func position(of index: Int) -> [Int] {
    var rest = index
    var result: [Int] = []
    for extent in reversed() {
      result.append(extent == 0 ? 0 : rest % extent)
      rest /= Swift.max(extent, 1)
    }
    return result.reversed()
  }
}

/// A weighted sum of all elements of y, with fixed weights between 0.5 and 1.5 of both signs, so that every element matters and no
/// error cancels another.
private func weightedSum(_ y: Tensor, seed: UInt64) -> Tensor {
  var random = RandomSource(seed: seed)
  let sizes = Tensor.randomUniform(y.shape, in: 0.5..<1.5, dtype: .float64, using: &random)
  let signs = Tensor.randomBernoulli(y.shape, probability: 0.5, dtype: .float64, using: &random) * 2 - 1
  return (y.cast(to: .float64) * (sizes * signs)).sum()
}

/// Compares the gradients of `function` at `inputs` with finite differences, in float64.
///
/// ```swift
/// let report = checkGradients(of: { tanh($0[0] • $0[1]) }, at: [x, w])
/// print(report)
/// ```
/// - Parameters:
///   - function: computes a tensor of any shape; all its elements are added up with fixed weights.
///   - inputs: floating-point tensors are converted to float64 and varied; others are passed on as they are.
///   - kinks: for each input, by its number, the positions in row-major order at which the function has a kink.
///   - step: the distance between the function values that are compared.
///   - tolerance: the largest relative error that passes.
public func checkGradients(
  of function: ([Tensor]) throws -> Tensor, at inputs: [Tensor], kinks: [Int: Set<Int>] = [:], step: Double = 1e-4,
  tolerance: Double = 1e-6
) rethrows -> GradientReport {
  var present = inputs.map { $0.dtype.isFloatingPoint ? $0.stopGradient().cast(to: .float64) : $0 }
  let varied = present.indices.filter { present[$0].dtype.isFloatingPoint }
  let points = varied.map { present[$0] }
  var scale = 0.0
  let (_, gradients) = try valueWithGradient(at: points) { variables in
    var x = present
    for (i, variable) in zip(varied, variables) { x[i] = variable }
    let y = try function(x)
    scale = abs(y.stopGradient().cast(to: .float64)).sum().item
    return weightedSum(y, seed: 1)
  }
  let variables = zip(varied, gradients).map { i, gradient in
    let shape = present[i].shape
    return GradientVariable(
      name: "input \(i)", shape: shape, elements: present[i].doubles, gradient: gradient.doubles, kinks: kinks[i] ?? []
    ) { present[i] = Tensor($0, shape: shape) }
  }
  return try compareGradients(of: variables, scale: scale, step: step, tolerance: tolerance) {
    weightedSum(try function(present), seed: 1).item
  }
}

/// Compares second derivatives of `function` at `inputs` with finite differences of its gradients, in float64.
///
/// The parameters are those of ``checkGradients(of:at:kinks:step:tolerance:)``.
public func checkSecondGradients(
  of function: ([Tensor]) throws -> Tensor, at inputs: [Tensor], kinks: [Int: Set<Int>] = [:], step: Double = 1e-4,
  tolerance: Double = 1e-6
) rethrows -> GradientReport {
  let varied = inputs.indices.filter { inputs[$0].dtype.isFloatingPoint }
  return try checkGradients(
    of: { inputs in
      let (_, gradients) = try valueWithGradient(at: varied.map { inputs[$0] }) { variables in
        var x = inputs
        for (i, variable) in zip(varied, variables) { x[i] = variable }
        return weightedSum(try function(x), seed: 2)
      }
      return concatenate(gradients.map { $0.flattened() })
    }, at: inputs, kinks: kinks, step: step, tolerance: tolerance)
}
