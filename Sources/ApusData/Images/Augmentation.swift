import ApusCore

/// A random change of training images, so that a network sees each of them differently in every epoch.
///
/// A list of them belongs to a ``DataLoader``, which applies one after the other. What an augmentation draws for an example is decided by
/// the loader's seed, the epoch and the example's number.
///
/// ```swift
/// [.flipHorizontally(), .crop(padding: 4), .rotate(upTo: 10), .normalize(mean: [0.49, 0.48, 0.45], deviation: [0.25, 0.24, 0.26])]
/// ```
public struct Augmentation: Sendable, CustomStringConvertible {
  public let description: String
  /// The extents of the images that come out; nil where the images are too small.
  private let outputSize: @Sendable (ImageSize) -> ImageSize?
  private let choose: @Sendable (inout RandomSource, ImageSize) -> ImageChange?

  private init(
    _ description: String, outputSize: @escaping @Sendable (ImageSize) -> ImageSize?,
    choose: @escaping @Sendable (inout RandomSource, ImageSize) -> ImageChange?
  ) {
    (self.description, self.outputSize, self.choose) = (description, outputSize, choose)
  }

  /// An augmentation of your own.
  /// - Parameters:
  ///   - description: as it was written, for messages.
  ///   - choose: draws a change that keeps an image's size; nil for none.
  public init(
    _ description: String, choose: @escaping @Sendable (inout RandomSource, ImageSize) -> ImageChange?
  ) {
    self.init(description, outputSize: { $0 }, choose: choose)
  }
}

// MARK: - The usual ones

extension Augmentation {
  /// Left and right change places, with the given probability.
  public static func flipHorizontally(probability: Double = 0.5) -> Augmentation {
    Augmentation(".flipHorizontally(probability: \(probability))") { random, _ in
      random.unit() < probability ? .flipHorizontally : nil
    }
  }

  /// Top and bottom change places, with the given probability.
  public static func flipVertically(probability: Double = 0.5) -> Augmentation {
    Augmentation(".flipVertically(probability: \(probability))") { random, _ in
      random.unit() < probability ? .flipVertically : nil
    }
  }

  /// A random rectangle of the image with `padding` pixels around it.
  /// - Parameters:
  ///   - height: of the rectangle; nil for the image's.
  ///   - width: likewise.
  ///   - outside: what the pixels around it are.
  public static func crop(
    height: Int? = nil, width: Int? = nil, padding: Int = 0, outside: ImageEdge = .zeros
  ) -> Augmentation {
    let arguments = [height.map { "height: \($0)" }, width.map { "width: \($0)" }].compactMap { $0 }
    @Sendable func output(_ size: ImageSize) -> ImageSize? {
      let (h, w) = (height ?? size.height, width ?? size.width)
      guard h > 0, w > 0, h <= size.height + 2 * padding, w <= size.width + 2 * padding, size.count > 0 else {
        return nil
      }
      return ImageSize(height: h, width: w, channels: size.channels)
    }
    return Augmentation(
      ".crop(\((arguments + ["padding: \(padding)", "outside: .\(outside)"]).joined(separator: ", ")))",
      outputSize: output
    ) { random, size in
      let (h, w) = (height ?? size.height, width ?? size.width)
      let top = random.whole(in: -padding...size.height + padding - h)
      let left = random.whole(in: -padding...size.width + padding - w)
      return .window(top: top, left: left, height: h, width: w, outside: outside)
    }
  }

  /// The rectangle of this size in the middle; nothing is drawn.
  public static func centerCrop(height: Int, width: Int) -> Augmentation {
    Augmentation(".centerCrop(height: \(height), width: \(width))") { size in
      guard height > 0, width > 0, height <= size.height, width <= size.width else { return nil }
      return ImageSize(height: height, width: width, channels: size.channels)
    } choose: { _, size in
      .window(
        top: (size.height - height) / 2, left: (size.width - width) / 2, height: height, width: width, outside: .zeros)
    }
  }

  /// A shift of up to `pixels` in each direction, by whole pixels or by any fraction of them.
  public static func shift(upTo pixels: Double, byWholePixels: Bool = true, outside: ImageEdge = .zeros) -> Augmentation
  {
    requireAmount(pixels, "shift")
    return Augmentation(".shift(upTo: \(pixels), byWholePixels: \(byWholePixels), outside: .\(outside))") {
      random, size in
      if byWholePixels {
        let most = Int(pixels)
        let (down, right) = (random.whole(in: -most...most), random.whole(in: -most...most))
        return .window(top: -down, left: -right, height: size.height, width: size.width, outside: outside)
      }
      return .shift(
        down: random.number(in: -pixels...pixels), right: random.number(in: -pixels...pixels), outside: outside)
    }
  }

  /// A turn of up to `degrees` in either direction.
  public static func rotate(upTo degrees: Double, outside: ImageEdge = .zeros) -> Augmentation {
    requireAmount(degrees, "rotate")
    return Augmentation(".rotate(upTo: \(degrees), outside: .\(outside))") { random, _ in
      .rotation(degrees: random.number(in: -degrees...degrees), outside: outside)
    }
  }

  /// Larger or smaller by a factor from `range`.
  public static func zoom(in range: ClosedRange<Double>, outside: ImageEdge = .zeros) -> Augmentation {
    guard range.lowerBound > 0 else { fatalError("Augmentation.zoom: the factors \(range) must be above 0") }
    return Augmentation(".zoom(in: \(range), outside: .\(outside))") { random, _ in
      .zoom(random.number(in: range), outside: outside)
    }
  }

  /// Brighter or darker by up to `amount`, of pixels from 0 to 1; the results may lie outside.
  public static func brightness(upTo amount: Double) -> Augmentation {
    requireAmount(amount, "brightness")
    return Augmentation(".brightness(upTo: \(amount))") { random, _ in
      .brightness(random.number(in: -amount...amount))
    }
  }

  /// Differences from each channel's mean times a factor from `range`; the results may lie outside of 0 to 1.
  public static func contrast(in range: ClosedRange<Double>) -> Augmentation {
    Augmentation(".contrast(in: \(range))") { random, _ in .contrast(random.number(in: range)) }
  }

  /// A square of zeros whose centre lies anywhere in the image.
  public static func cutout(size side: Int) -> Augmentation {
    Augmentation(".cutout(size: \(side))") { random, size in
      guard size.height > 0, size.width > 0 else { return nil }
      let (y, x) = (random.whole(in: 0...size.height - 1), random.whole(in: 0...size.width - 1))
      return .cutout(top: y - side / 2, left: x - side / 2, height: side, width: side)
    }
  }

  /// x becomes (x - mean) / deviation, channel by channel; a single number serves all channels. Nothing is drawn.
  public static func normalize(mean: [Double], deviation: [Double]) -> Augmentation {
    Augmentation(".normalize(mean: \(mean), deviation: \(deviation))") { size in
      [mean.count, deviation.count].allSatisfy { $0 == 1 || $0 == size.channels } ? size : nil
    } choose: { _, _ in
      .normalization(mean: mean, deviation: deviation)
    }
  }
}

/// Stops with a message that names the augmentation: a wrong amount is the programmer's.
private func requireAmount(_ amount: Double, _ name: String) {
  guard amount >= 0 && amount <= 1e9 else { fatalError("Augmentation.\(name): up to \(amount); expected at least 0") }
}

extension Dataset {
  /// The mean and the standard deviation of each channel over all images (n, height, width, channels), for `.normalize`; of bytes, in
  /// units of 255.
  public var channelMoments: (mean: [Double], deviation: [Double]) {
    guard features.rank == 4, count > 0 else { fatalError("channelMoments: \(features.type) are no images") }
    let channels = features.shape[3]
    var (sums, squares) = (Array(repeating: 0.0, count: channels), Array(repeating: 0.0, count: channels))
    // In pieces, which fit into memory as float64.
    for start in stride(from: 0, to: count, by: 256) {
      let x = features[start..<min(start + 256, count)].cast(to: .float64)
      sums = zip(sums, x.sum(axes: [0, 1, 2]).doubles).map(+)
      squares = zip(squares, square(x).sum(axes: [0, 1, 2]).doubles).map(+)
    }
    let scale = features.dtype == .uint8 ? 255.0 : 1
    let pixels = Double(features.count / channels)
    let means = sums.map { $0 / pixels }
    return (
      means.map { $0 / scale }, zip(squares, means).map { max(0, $0 / pixels - $1 * $1).squareRoot() / scale }
    )
  }
}

// MARK: - Applying a list

extension Augmentation {
  /// What images of this type become.
  /// - Throws: `ShapeError` if they are none, or too small.
  public func outputType(for type: TensorType) throws(ShapeError) -> TensorType {
    guard type.dtype == .float32, type.shape.rank == 3 else {
      throw ShapeError(
        "\(self)", "an example of type \(type) was found; expected an image, float32 (height, width, channels)")
    }
    let size = ImageSize(height: type.shape[0], width: type.shape[1], channels: type.shape[2])
    guard let output = outputSize(size) else {
      throw ShapeError("\(self)", "the augmentation does not fit images of shape \(type.shape)")
    }
    return TensorType([output.height, output.width, output.channels], .float32)
  }

  /// The images (n, height, width, channels) after all of `list`.
  /// - Parameter random: where each image draws from, by its position.
  /// - Throws: `ShapeError` if one of them does not fit.
  static func apply(
    _ list: [Augmentation], to images: Tensor, random: (Int) -> RandomSource
  ) throws(ShapeError) -> Tensor {
    var types = [TensorType(Shape(images.shape.dropFirst()), images.dtype)]
    for augmentation in list { types.append(try augmentation.outputType(for: types.last!)) }
    let sizes = types.map { ImageSize(height: $0.shape[0], width: $0.shape[1], channels: $0.shape[2]) }
    let (first, last) = (sizes[0], sizes[list.count])
    let type = TensorType([images.shape[0], last.height, last.width, last.channels], .float32)
    return images.withHostBytes { source in
      Tensor(type: type) { target in
        guard let from = source.bindMemory(to: Float.self).baseAddress,
          let to = target.bindMemory(to: Float.self).baseAddress, target.count > 0
        else { return }
        // Each change writes into the memory that the one before it did not use.
        let capacity = sizes.map(\.count).max() ?? 0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * capacity) { scratch in
          for row in 0..<type.shape[0] {
            var random = random(row)
            var image = from + row * first.count
            var free = scratch.baseAddress!
            for (i, augmentation) in list.enumerated() {
              guard let change = augmentation.choose(&random, sizes[i]) else { continue }
              change.check(sizes[i])
              guard change.outputSize(for: sizes[i]) == sizes[i + 1] else {
                fatalError("\(augmentation): the change \(change) does not make images of shape \(sizes[i + 1])")
              }
              change.apply(image, sizes[i], free)
              image = UnsafePointer(free)
              free = free == scratch.baseAddress! ? free + capacity : scratch.baseAddress!
            }
            (to + row * last.count).update(from: image, count: last.count)
          }
        }
      }
    }
  }
}

extension RandomSource {
  /// From 0 up to but not including 1.
  fileprivate mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  fileprivate mutating func number(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + unit() * (range.upperBound - range.lowerBound)
  }

  /// Written out, so that the numbers do not change with the standard library's way of drawing from a range.
  fileprivate mutating func whole(in range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next().multipliedFullWidth(by: UInt64(range.count)).high)
  }
}
