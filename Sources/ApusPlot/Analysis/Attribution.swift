import ApusCore
import ApusNN
import ApusTraining

// Which parts of an input a classifier's answer depends on.

/// |∂ score / ∂ x|: how much the score of a class changes with every number of the input (Simonyan et al., 2013; notes D21).
///
/// The score is the logit of the class; of a network with a single logit, that logit, whatever the class.
/// - Parameters:
///   - x: (n, …), floating point: n inputs, each by itself.
///   - target: the class; nil: for each input the one that the model predicts.
/// - Returns: a tensor of the shape of x.
public func saliency(of model: some Layer, at x: Tensor, class target: Int? = nil) -> Tensor {
  withInference { abs(gradient(at: x) { scores(model($0), class: target).sum() }) }
}

/// score(x) − score(x with a patch covered), for every place of the patch: how much the class depends on what is there (Zeiler and
/// Fergus, 2014).
/// - Parameters:
///   - image: the input without the batch axis, as the model takes it, such as (h, w, c), or a vector if `imageShape` says what it shows.
///   - imageShape: (h, w) or (h, w, c); the shape of `image` if nil.
///   - target: the class; nil: the one that the model predicts for the whole image.
///   - patch: the extent of the square that is covered.
///   - step: how far the next place is from the last.
///   - filling: what covers.
/// - Returns: float64, of shape (rows, columns), a number for each place from the top left.
/// - Throws: `TrainingError` if the image does not fit the model.
public func occlusion(
  of model: some Layer, at image: Tensor, imageShape: [Int]? = nil, class target: Int? = nil, patch: Int = 2,
  step: Int = 1, filling: Double = 0
) throws -> Tensor {
  let extents = imageShape ?? Array(image.shape)
  guard extents.count == 2 || extents.count == 3, extents.reduce(1, *) == image.count, patch > 0, step > 0,
    patch <= min(extents[0], extents[1])
  else {
    stop(
      ShapeError(
        "occlusion",
        "an image of shape \(image.shape), shown as \(extents), and patches of \(patch) by steps of \(step) were found; "
          + "expected (h, w) or (h, w, c), and patches that fit"))
  }
  let (h, w, c) = (extents[0], extents[1], extents.count == 3 ? extents[2] : 1)
  let pixels = image.doubles
  let places = (0...(h - patch) / step).map { $0 * step }.flatMap { y in
    (0...(w - patch) / step).map { (x: $0 * step, y: y) }
  }
  let covered = places.map { place -> [Double] in
    var pixels = pixels
    for y in place.y..<place.y + patch {
      let start = (y * w + place.x) * c
      for i in start..<start + patch * c { pixels[i] = filling }
    }
    return pixels
  }
  let batch = Tensor(Array(([pixels] + covered).joined()), shape: Shape([places.count + 1] + image.shape))
  let outputs = try model.predict(batch.cast(to: image.dtype)).cast(to: .float64)
  let target = target ?? outputs[0].argMax().ints[0]
  let found = scores(outputs, class: target)
  return (found[0] - found[1...]).reshaped([(h - patch) / step + 1, (w - patch) / step + 1])
}

/// From the outputs (n, classes) the score of a class, or of each row's own.
private func scores(_ outputs: Tensor, class target: Int?) -> Tensor {
  guard outputs.rank == 2, target.map({ (0..<max(2, outputs.shape[1])).contains($0) }) ?? true else {
    stop(
      ShapeError(
        "saliency",
        "outputs of shape \(outputs.shape) and the class \(target.map(String.init) ?? "predicted") were found; "
          + "expected (n, classes), and one of the classes"))
  }
  if outputs.shape[1] == 1 { return outputs[.all, 0] }
  if let target { return outputs[.all, target] }
  let choice = Tensor.oneHot(
    outputs.stopGradient().argMax(axis: 1), classCount: outputs.shape[1], dtype: outputs.dtype)
  return (outputs * choice).sum(axes: [1])
}
