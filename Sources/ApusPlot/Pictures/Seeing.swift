import ApusCore
import ApusNN

// What a network has learnt to look at, as images.

extension ImageGrid {
  /// The weights of the first layer that looks at the input, as images: of a dense layer (units, inputs) a row for each unit, of a
  /// convolution (channels, h, w, input channels) each filter.
  ///
  /// Red, green and blue are shown as such; otherwise white is 0, orange positive, blue negative.
  /// - Parameters:
  ///   - imageShape: what a dense layer's inputs are: (h, w) or (h, w, channels); a square if nil.
  ///   - most: the largest number of images.
  /// - Returns: nil if the first weights are no images: there are none, or the inputs do not fill the shape.
  public static func weights(
    of model: some Layer, imageShape: [Int]? = nil, most: Int = 64, title: String = "First-layer weights"
  ) -> ImageGrid? {
    guard
      let first = model.namedParameters.first(where: { $0.parameter.shape.rank == 2 || $0.parameter.shape.rank == 4 })
    else { return nil }
    let weight = first.parameter.value
    if weight.rank == 4 { return filters(weight, most: most, title: title, name: first.name) }
    let inputs = weight.shape[1]
    let side = Int(Double(inputs).squareRoot().rounded())
    let extents = imageShape ?? [side, side]
    guard extents.count == 2 || extents.count == 3, extents.reduce(1, *) == inputs, inputs > 1 else { return nil }
    let channels = extents.count == 3 ? extents[2] : 1
    return filters(
      weight.reshaped([weight.shape[0], extents[0], extents[1], channels]), most: most, title: title, name: first.name)
  }

  /// Filters (channels, h, w, input channels) as images: one for each, if the input channels are 1 or 3, else one for each of these.
  public static func filters(
    _ weight: Tensor, most: Int = 64, title: String = "Filters", name: String = ""
  ) -> ImageGrid {
    guard weight.rank == 4, weight.count > 0 else {
      stop(ShapeError("filters", "weights of shape \(weight.shape); expected (channels, h, w, input channels)"))
    }
    let inputs = weight.shape[3]
    let isColored = inputs == 3
    let images =
      isColored || inputs == 1
      ? (0..<min(most, weight.shape[0])).map { weight[$0] }
      : (0..<weight.shape[0] * inputs).prefix(most).map { weight[$0 / inputs, .all, .all, $0 % inputs] }
    let shown = stack(images)
    let range = ClosedRange(symmetricallyCovering: shown.doubles)
    var subtitle = name
    let all = isColored || inputs == 1 ? weight.shape[0] : weight.shape[0] * inputs
    if images.count < all { subtitle += (name.isEmpty ? "" : ", ") + "\(images.count) of \(all)" }
    return ImageGrid(
      title, subtitle: subtitle, images: images.map { Bitmap($0, range: range, map: .diverging) },
      key: isColored ? nil : ColorKey("weight", range: range, map: .diverging))
  }

  /// Images as they are: generated samples, or examples with their labels.
  /// - Parameters:
  ///   - images: (n, h, w), (n, h, w, 1) or (n, h, w, 3).
  ///   - range: the numbers of black and white; what all images cover if nil.
  public static func samples(
    _ images: Tensor, captions: [String] = [], columns: Int? = nil, title: String = "Samples",
    range: ClosedRange<Double>? = nil
  ) -> ImageGrid {
    let range = range ?? ClosedRange(covering: images.doubles)
    return ImageGrid(
      title, images: (0..<images.shape[0]).map { Bitmap(images[$0], range: range) }, columns: columns,
      captions: captions)
  }

  /// Inputs above what a network made of them: both (n, h, w), with 1 or 3 channels behind or none.
  public static func reconstructions(
    _ originals: Tensor, _ reconstructions: Tensor, title: String = "Reconstructions", range: ClosedRange<Double>? = nil
  ) -> ImageGrid {
    guard originals.shape == reconstructions.shape, originals.rank > 2 else {
      stop(
        ShapeError(
          "reconstructions",
          "images of shapes \(originals.shape) and \(reconstructions.shape); expected two of (n, h, w)"))
    }
    let range = range ?? ClosedRange(covering: originals.doubles)
    let images = [originals, reconstructions].flatMap { batch in
      (0..<batch.shape[0]).map { Bitmap(batch[$0], range: range) }
    }
    return ImageGrid(title, images: images, columns: originals.shape[0], rowTitles: ["input", "output"])
  }

  /// Images above what decides about them: ``saliency(of:at:class:)`` or ``occlusion(of:at:imageShape:class:patch:step:filling:)``.
  /// - Parameters:
  ///   - images: n images.
  ///   - maps: (n, rows, columns), or with channels behind, of which the largest number counts. Every map has its own scale.
  public static func attributions(
    _ images: Tensor, maps: Tensor, captions: [String] = [], title: String = "Saliency", name: String = "saliency"
  ) -> ImageGrid {
    guard images.rank > 2, maps.rank == 3 || maps.rank == 4, images.shape[0] == maps.shape[0] else {
      stop(
        ShapeError("attributions", "images of shape \(images.shape) and maps of shape \(maps.shape); expected as many"))
    }
    let maps = maps.rank == 4 ? maps.max(axes: [3]) : maps
    let count = images.shape[0]
    // Numbers of both signs are shown around white.
    let hasSign = maps.doubles.contains { $0 < 0 }
    let shown = (0..<count).map { i -> Bitmap in
      let range = ClosedRange(symmetricallyCovering: maps[i].doubles)
      return Bitmap(maps[i], range: hasSign ? range : 0...range.upperBound, map: hasSign ? .diverging : .sequential)
    }
    let range = ClosedRange(covering: images.doubles)
    return ImageGrid(
      title, images: (0..<count).map { Bitmap(images[$0], range: range) } + shown, columns: count,
      captions: captions, rowTitles: ["input", name])
  }
}

extension Sheet {
  /// What every layer puts out for one input: the channels of an image as images, the units of a vector as a strip. Each layer has its
  /// own scale, from dark to light.
  /// - Parameters:
  ///   - x: a single input with its batch axis, (1, …).
  ///   - most: the largest number of channels of a layer that are shown.
  public static func featureMaps(of model: some Layer, _ x: Tensor, most: Int = 16) -> Sheet {
    let trace = ActivationTrace(of: model, x)
    // A layer with parts is shown by these.
    let pictures = trace.entries.filter { $0.layer.children.isEmpty && $0.output.rank > 1 && $0.output.count > 0 }
      .map { entry -> ImageGrid in
        let output = entry.output[0]
        let images: [Tensor]
        let columns: Int
        switch output.rank {
        case 1:
          (images, columns) = ([output.reshaped([1, output.count])], 1)
        case 2: (images, columns) = ([output], 1)
        default:
          let maps = output.reshaped([
            output.shape[0], output.shape[1], output.count / (output.shape[0] * output.shape[1]),
          ])
          images = (0..<min(most, maps.shape[2])).map { maps[.all, .all, $0] }
          columns = min(8, images.count)
        }
        let range = ClosedRange(covering: images.flatMap(\.doubles)) ?? 0...1
        return ImageGrid(
          "\(entry.name): \(entry.layer)", subtitle: "output \(entry.output.shape)",
          images: images.map { Bitmap($0, range: range, map: .sequential) }, columns: columns,
          key: ColorKey(range: range, map: .sequential),
          cellWidth: output.rank == 1 ? 480 : output.rank == 2 ? 240 : 56,
          cellHeight: output.rank == 1 ? 26 : nil)
      }
    return Sheet(pictures, title: "Feature maps", columns: 1)
  }
}

extension Chart {
  /// A dense layer's weights (units, inputs) as a matrix, inputs from the top: what each unit looks at.
  public static func weightMatrix(
    _ weight: Tensor, inputs: [String], title: String = "First-layer weights", subtitle: String = ""
  ) -> Chart {
    guard weight.rank == 2, weight.shape[1] == inputs.count else {
      stop(ShapeError("weightMatrix", "weights of shape \(weight.shape) and \(inputs.count) names of inputs"))
    }
    let (units, values) = (weight.shape[0], weight.doubles)
    let range = ClosedRange(symmetricallyCovering: values)
    let matrix = inputs.indices.map { input in (0..<units).map { values[$0 * inputs.count + input] } }
    return Chart(
      title, subtitle: subtitle, x: Axis("unit", categories: (0..<units).map(String.init)),
      y: Axis("", categories: inputs, isReversed: true),
      marks: [CellMark(matrix: matrix, key: ColorKey("weight", range: range, map: .diverging))],
      height: max(240, min(600, 110 + 16 * Double(inputs.count))))
  }
}
