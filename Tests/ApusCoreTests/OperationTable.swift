import ApusCore
import ApusTestSupport

/// How the fixtures' operations are called in Apus.
let operationTable: [String: @Sendable ([Tensor], Fixture.Attributes) -> [Tensor]] = {
  typealias Call = @Sendable ([Tensor], Fixture.Attributes) -> [Tensor]
  var table: [String: Call] = [:]

  func unary(_ name: String, _ function: @escaping @Sendable (Tensor) -> Tensor) {
    table[name] = { x, _ in [function(x[0])] }
  }
  func binary(_ name: String, _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor) {
    table[name] = { x, _ in [function(x[0], x[1])] }
  }
  func single(_ name: String, _ function: @escaping @Sendable ([Tensor], Fixture.Attributes) -> Tensor) {
    table[name] = { x, attributes in [function(x, attributes)] }
  }
  func reduction(_ name: String, _ function: @escaping @Sendable (Tensor, [Int]?, Bool) -> Tensor) {
    table[name] = { x, attributes in [function(x[0], attributes.axes.ints, attributes.keepDims.bool!)] }
  }

  unary("negative") { -$0 }
  unary("abs") { abs($0) }
  unary("sign") { sign($0) }
  unary("square") { square($0) }
  unary("sqrt") { sqrt($0) }
  unary("rsqrt") { rsqrt($0) }
  unary("reciprocal") { reciprocal($0) }
  unary("exp") { exp($0) }
  unary("expm1") { expm1($0) }
  unary("log") { log($0) }
  unary("log1p") { log1p($0) }
  unary("sin") { sin($0) }
  unary("cos") { cos($0) }
  unary("tan") { tan($0) }
  unary("asin") { asin($0) }
  unary("acos") { acos($0) }
  unary("atan") { atan($0) }
  unary("sinh") { sinh($0) }
  unary("cosh") { cosh($0) }
  unary("tanh") { tanh($0) }
  unary("erf") { erf($0) }
  unary("sigmoid") { sigmoid($0) }
  unary("softplus") { softplus($0) }
  unary("relu") { relu($0) }
  unary("floor") { floor($0) }
  unary("ceil") { ceil($0) }
  unary("round") { round($0) }
  unary("trunc") { trunc($0) }
  unary("isNaN") { isNaN($0) }
  unary("isInfinite") { isInfinite($0) }
  unary("isFinite") { isFinite($0) }
  unary("logicalNot") { .!$0 }

  binary("add") { $0 + $1 }
  binary("subtract") { $0 - $1 }
  binary("multiply") { $0 * $1 }
  binary("divide") { $0 / $1 }
  binary("remainder") { $0 % $1 }
  binary("power") { pow($0, $1) }
  binary("minimum") { minimum($0, $1) }
  binary("maximum") { maximum($0, $1) }
  binary("atan2") { atan2($0, $1) }
  binary("equal") { $0 .== $1 }
  binary("notEqual") { $0 .!= $1 }
  binary("less") { $0 .< $1 }
  binary("lessOrEqual") { $0 .<= $1 }
  binary("greater") { $0 .> $1 }
  binary("greaterOrEqual") { $0 .>= $1 }
  binary("logicalAnd") { $0 .& $1 }
  binary("logicalOr") { $0 .| $1 }
  binary("logicalXor") { $0 .^ $1 }
  single("where") { x, _ in `where`(x[0], x[1], x[2]) }
  single("clip") { x, a in x[0].clipped(to: (a.min.number ?? -.infinity)...(a.max.number ?? .infinity)) }
  single("cast") { x, a in x[0].cast(to: a.to.dtype) }
  single("activation") { x, a in
    var parameters: [String: Double] = [:]
    if let slope = a.slope.number { parameters["slope"] = slope }
    if let alpha = a.alpha.number { parameters["alpha"] = alpha }
    if let lambda = a.lambda.number { parameters["lambda"] = lambda }
    return Activation.named(a.name.string!, parameters: parameters)!(x[0])
  }

  reduction("sum") { $0.sum(axes: $1, keepsAxes: $2) }
  reduction("mean") { $0.mean(axes: $1, keepsAxes: $2) }
  reduction("max") { $0.max(axes: $1, keepsAxes: $2) }
  reduction("min") { $0.min(axes: $1, keepsAxes: $2) }
  reduction("product") { $0.product(axes: $1, keepsAxes: $2) }
  reduction("logSumExp") { $0.logSumExp(axes: $1, keepsAxes: $2) }
  reduction("norm") { $0.norm(axes: $1, keepsAxes: $2) }
  reduction("any") { $0.any(axes: $1, keepsAxes: $2) }
  reduction("all") { $0.all(axes: $1, keepsAxes: $2) }
  single("variance") { x, a in
    x[0].variance(axes: a.axes.ints, isSample: a.ddof.int == 1, keepsAxes: a.keepDims.bool!)
  }
  single("standardDeviation") { x, a in
    x[0].standardDeviation(axes: a.axes.ints, isSample: a.ddof.int == 1, keepsAxes: a.keepDims.bool!)
  }
  single("argMax") { x, a in position(x[0], a, { $0.argMax(axis: $1) }, { $0.argMax() }) }
  single("argMin") { x, a in position(x[0], a, { $0.argMin(axis: $1) }, { $0.argMin() }) }
  single("cumulativeSum") { x, a in x[0].cumulativeSum(axis: a.axis.int!) }
  table["sort"] = { x, a in
    [
      x[0].sorted(axis: a.axis.int!, isDescending: a.descending.bool!),
      x[0].argSorted(axis: a.axis.int!, isDescending: a.descending.bool!),
    ]
  }
  table["topK"] = { x, a in
    let (values, indices) = x[0].topK(a.k.int!, axis: a.axis.int!)
    return [values, indices]
  }
  single("softmax") { x, a in softmax(x[0], axis: a.axis.int!) }
  single("logSoftmax") { x, a in logSoftmax(x[0], axis: a.axis.int!) }

  single("reshape") { x, a in x[0].reshaped(a.shape.ints!) }
  single("transpose") { x, a in x[0].transposed(a.permutation.ints!) }
  single("slice") { x, a in
    var result = x[0]
    for (axis, range) in a.ranges.array!.enumerated() {
      let bounds = range.array!
      result = result.sliced(.from(bounds[0].int, to: bounds[1].int, by: bounds[2].int ?? 1), axis: axis)
    }
    return result
  }
  single("concatenate") { x, a in concatenate(x, axis: a.axis.int!) }
  single("stack") { x, a in stack(x, axis: a.axis.int!) }
  table["split"] = { x, a in x[0].split(sizes: a.sizes.ints!, axis: a.axis.int!) }
  single("pad") { x, a in
    x[0].padded(a.padding.array!.map { ($0.array![0].int!, $0.array![1].int!) }, value: a.value.number!)
  }
  single("gather") { x, a in x[0].gathering(x[1], axis: a.axis.int!) }
  single("gatherElements") { x, a in x[0].gatheringElements(x[1], axis: a.axis.int!) }
  single("scatterAdd") { x, a in x[0].addingSlices(x[2], at: x[1], axis: a.axis.int!) }
  single("broadcast") { x, a in x[0].broadcast(to: Shape(a.shape.ints!)) }
  single("expandDims") { x, a in a.axes.ints!.reduce(x[0]) { $0.expandingDimension(at: $1) } }
  single("squeeze") { x, a in
    guard let axes = a.axes.ints else { return x[0].squeezed() }
    return axes.map { $0 < 0 ? $0 + x[0].rank : $0 }.sorted(by: >).reduce(x[0]) { $0.squeezed($1) }
  }
  single("flip") { x, a in (a.axes.ints ?? Array(0..<x[0].rank)).reduce(x[0]) { $0.reversed(axis: $1) } }
  single("tile") { x, a in x[0].tiled(a.repetitions.ints!) }
  single("repeat") { x, a in x[0].repeated(a.count.int!, axis: a.axis.int!) }
  single("oneHot") { x, a in .oneHot(x[0], classCount: a.classes.int!, dtype: a.dtype.dtype) }
  single("tril") { x, a in x[0].lowerTriangle(diagonal: a.diagonal.int!) }
  single("triu") { x, a in x[0].upperTriangle(diagonal: a.diagonal.int!) }
  single("eye") { _, a in
    .identity(a.rows.int!, columns: a.columns.int!, diagonal: a.diagonal.int!, dtype: a.dtype.dtype)
  }
  single("arange") { _, a in
    .range(from: a.start.number!, to: a.stop.number!, by: a.step.number!, dtype: a.dtype.dtype)
  }
  single("linspace") { _, a in
    .linearSpace(from: a.start.number!, to: a.stop.number!, count: a.count.int!, dtype: a.dtype.dtype)
  }

  single("matmul") { x, a in
    (a.transposeA.bool! ? x[0].swappingAxes(-1, -2) : x[0]) • (a.transposeB.bool! ? x[1].swappingAxes(-1, -2) : x[1])
  }
  binary("outer") { outer($0, $1) }
  single("linear") { x, a in
    let epilogues: [String: Epilogue] = ["none": .none, "relu": .relu, "tanh": .tanh, "sigmoid": .sigmoid]
    return linear(x[0], weight: x[1], bias: x.count > 2 ? x[2] : nil, activation: epilogues[a.activation.string!]!)
  }

  single("convolution") { x, a in
    let padding: Padding =
      a.padding.string == "same"
      ? .same : .explicit(before: a.padding["before"]!.perAxis, after: a.padding["after"]!.perAxis)
    return convolution(
      x[0], weight: x[1], bias: x.count > 2 ? x[2] : nil, stride: a.stride.perAxis, dilation: a.dilation.perAxis,
      padding: padding, groups: a.groups.int!, activation: a.activation.string == "relu" ? .relu : .none)
  }
  single("transposedConvolution") { x, a in
    transposedConvolution(
      x[0], weight: x[1], bias: x.count > 2 ? x[2] : nil, stride: a.stride.perAxis, dilation: a.dilation.perAxis,
      padding: .both(a.padding.perAxis), outputPadding: a.outputPadding.perAxis, groups: a.groups.int!)
  }
  single("maxPool") { x, a in
    x[0].maxPooled(
      a.kernel.perAxis, stride: a.stride.perAxis, dilation: a.dilation.perAxis,
      padding: .explicit(before: a.before.perAxis, after: a.after.perAxis), roundsUp: a.ceil.bool!)
  }
  single("averagePool") { x, a in
    x[0].averagePooled(
      a.kernel.perAxis, stride: a.stride.perAxis, padding: .explicit(before: a.before.perAxis, after: a.after.perAxis),
      roundsUp: a.ceil.bool!, countsPadding: a.countsPadding.bool!)
  }
  single("adaptiveMaxPool") { x, a in x[0].maxPooled(to: a.extents.perAxis) }
  single("adaptiveAveragePool") { x, a in x[0].averagePooled(to: a.extents.perAxis) }

  // The losses as formulas: ApusNN has its own, tested there.
  single("meanSquaredError") { x, a in reduced(square(x[0] - x[1]), a) }
  single("binaryCrossEntropyWithLogits") { x, a in reduced(softplus(x[0]) - x[0] * x[1], a) }
  single("softmaxCrossEntropy") { x, a in
    reduced(
      x[1].dtype.isFloatingPoint
        ? -(x[1] * logSoftmax(x[0])).sum(axes: [-1]) : softmaxCrossEntropyRows(x[0], labels: x[1]), a)
  }
  return table
}()

private func position(
  _ x: Tensor, _ a: Fixture.Attributes, _ along: (Tensor, Int) -> Tensor, _ overall: (Tensor) -> Tensor
) -> Tensor {
  guard let axis = a.axis.int else { return overall(x) }
  let found = along(x, axis)
  return a.keepDims.bool! ? found.expandingDimension(at: axis) : found
}

private func reduced(_ loss: Tensor, _ a: Fixture.Attributes) -> Tensor {
  switch a.reduction.string {
  case "sum": loss.sum()
  case "mean": loss.mean()
  default: loss
  }
}

extension JSON {
  fileprivate var ints: [Int]? { array?.compactMap(\.int) }
  fileprivate var perAxis: PerAxis { PerAxis(ints!) }
  fileprivate var dtype: DType { DType.allCases.first { $0.description == string }! }
}
