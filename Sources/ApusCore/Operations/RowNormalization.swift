// Layer normalisation and its variant without a mean.

/// y = (x − μ) / √(σ² + ε) γ + β over the last axis of `x[0]`, with the row's own mean μ and biased variance σ²; without a mean μ is taken
/// as 0. γ and β, vectors, follow x where there are any. The further results are 1 / √(σ² + ε) and μ.
struct RowNormalization: MultipleFunction {
  let hasMean: Bool
  let hasGain: Bool
  let hasBias: Bool
  let epsilon: Double

  var name: String { hasMean ? "layerNorm" : "rmsNorm" }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    guard let columns = x[0].shape.last, columns > 0 else {
      throw ShapeError(name, "shape \(x[0].shape) was found; expected at least one element along the last axis")
    }
    let dtype = x[0].dtype
    guard dtype == .float32 || dtype == .float64, x.allSatisfy({ $0.dtype == dtype }) else {
      throw ShapeError(name, "element types \(x.map(\.dtype)) were found; expected float32 or float64 throughout")
    }
    for vector in x.dropFirst() where vector.shape != [columns] {
      throw ShapeError(name, "γ or β of shape \(vector.shape) was found; expected (\(columns),) for x of \(x[0].shape)")
    }
    let rows = TensorType(Shape(x[0].shape.dropLast()), dtype)
    return hasMean ? [x[0].type, rows, rows] : [x[0].type, rows]
  }

  func forward(_ x: [Tensor], into y: [Tensor]) {
    y[0].backend.run(
      RowNorm(hasMean: hasMean, hasGain: hasGain, hasBias: hasBias, epsilon: epsilon), x.map(\.dense), into: y)
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 0 || j == 1 && hasGain }
  func saves(output k: Int) -> Bool { k > 0 }

  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    // The statistics are nobody else's, so that only y has a gradient.
    guard let dy = dy[0] else { return [] }
    if isRecording(x) || isRecording(dy) { return differentiableGradients(dy, x) }
    let wantsGain = hasGain && isNeeded(1)
    let wantsBias = hasBias && isNeeded(x.count - 1)
    let backend = dy.backend
    var results = [Tensor(uninitialized: x[0].shape, x[0].dtype, on: backend)]
    for wanted in [wantsGain, wantsBias] where wanted {
      results.append(Tensor(uninitialized: [x[0].shape.last!], x[0].dtype, on: backend))
    }
    backend.run(
      RowNormGradient(hasMean: hasMean, hasGain: hasGain, wantsGain: wantsGain, wantsBias: wantsBias),
      [dy.dense, x[0].dense] + y[1...] + (hasGain ? [x[1].dense] : []), into: results)
    var gradients: [Tensor?] = [results[0]]
    if hasGain { gradients.append(wantsGain ? results[1] : nil) }
    if hasBias { gradients.append(wantsBias ? results[results.count - 1] : nil) }
    return gradients
  }

  /// The same of operations that can be differentiated again.
  private func differentiableGradients(_ dy: Tensor, _ x: [Tensor]) -> [Tensor?] {
    let centred = hasMean ? x[0] - x[0].mean(axes: [-1], keepsAxes: true) : x[0]
    let scale = rsqrt(square(centred).mean(axes: [-1], keepsAxes: true) + epsilon)
    let normal = centred * scale
    let w = hasGain ? dy * x[1] : dy
    let across = w - normal * (w * normal).mean(axes: [-1], keepsAxes: true)
    var gradients: [Tensor?] = [scale * (hasMean ? across - w.mean(axes: [-1], keepsAxes: true) : across)]
    if hasGain { gradients.append((dy * normal).summed(to: x[1].shape)) }
    if hasBias { gradients.append(dy.summed(to: x[x.count - 1].shape)) }
    return gradients
  }
}

extension Tensor {
  /// The rows along the last axis with mean 0 and variance 1, times `gain` plus `bias`.
  package func layerNormalized(gain: Tensor?, bias: Tensor?, epsilon: Double) -> Tensor {
    rowNormalized(hasMean: true, gain, bias, epsilon)
  }

  /// The rows along the last axis with mean square 1, times `gain` plus `bias`.
  package func rmsNormalized(gain: Tensor?, bias: Tensor?, epsilon: Double) -> Tensor {
    rowNormalized(hasMean: false, gain, bias, epsilon)
  }

  private func rowNormalized(hasMean: Bool, _ gain: Tensor?, _ bias: Tensor?, _ epsilon: Double) -> Tensor {
    let function = RowNormalization(hasMean: hasMean, hasGain: gain != nil, hasBias: bias != nil, epsilon: epsilon)
    return apply(function, [self, gain, bias].compactMap(\.self))[0]
  }
}
