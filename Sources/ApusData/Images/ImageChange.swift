import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The extents of an image, whose elements lie row by row, the channels of a pixel next to each other.
public struct ImageSize: Sendable, Hashable, CustomStringConvertible {
  public var height, width, channels: Int

  public init(height: Int, width: Int, channels: Int) {
    (self.height, self.width, self.channels) = (height, width, channels)
  }

  /// The number of elements.
  public var count: Int { height * width * channels }
  public var description: String { "(\(height), \(width), \(channels))" }
}

/// What pixels beyond an image's edges are.
public enum ImageEdge: String, Sendable, Hashable, CaseIterable {
  /// 0.
  case zeros
  /// Those of the edge, again and again.
  case nearest
  /// Those within, mirrored at the pixels of the edge, which are not repeated.
  case reflected

  /// Where the pixel `i` of a line of `count` is found; nil for a zero.
  func position(_ i: Int, count: Int) -> Int? {
    if i >= 0 && i < count { return i }
    switch self {
    case .zeros: return nil
    case .nearest: return i < 0 ? 0 : count - 1
    case .reflected:
      guard count > 1 else { return 0 }
      let period = 2 * (count - 1)
      let place = ((i % period) + period) % period
      return place < count ? place : period - place
    }
  }
}

/// A change of an image by known amounts; an ``Augmentation`` chooses one at random.
///
/// ```swift
/// let turned = ImageChange.rotation(degrees: 15).apply(to: images)  // (n, h, w, c), float32
/// ```
public enum ImageChange: Sendable, Hashable {
  /// Left becomes right.
  case flipHorizontally
  /// Top becomes bottom.
  case flipVertically
  /// The rectangle of this size whose upper left pixel is (top, left); it may reach beyond the image.
  case window(top: Int, left: Int, height: Int, width: Int, outside: ImageEdge)
  /// Every pixel is taken from another place, bilinearly between four pixels: from `rows` (0 and 1 of the matrix) and `offset`. The place
  /// is matrix · (y, x) + offset, where (y, x) is the pixel's own; both are counted from the image's centre.
  case resampling(matrix: [Double], offset: [Double], outside: ImageEdge)
  /// Everything is brighter by this much.
  case brightness(Double)
  /// Every channel's differences from its mean are multiplied by this.
  case contrast(Double)
  /// The part of this rectangle that lies within the image becomes zeros (DeVries and Taylor, 2017).
  case cutout(top: Int, left: Int, height: Int, width: Int)
  /// x becomes (x - mean) / deviation, channel by channel; a single number serves all channels.
  case normalization(mean: [Double], deviation: [Double])

  /// Everything moves down and to the right, by any fraction of a pixel.
  public static func shift(down: Double, right: Double, outside: ImageEdge = .zeros) -> ImageChange {
    .resampling(matrix: [1, 0, 0, 1], offset: [-down, -right], outside: outside)
  }

  /// A turn about the centre, against the clock.
  public static func rotation(degrees: Double, outside: ImageEdge = .zeros) -> ImageChange {
    let angle = degrees * .pi / 180
    return .resampling(matrix: [cos(angle), sin(angle), -sin(angle), cos(angle)], offset: [0, 0], outside: outside)
  }

  /// Everything becomes `factor` times as large, about the centre.
  public static func zoom(_ factor: Double, outside: ImageEdge = .zeros) -> ImageChange {
    .resampling(matrix: [1 / factor, 0, 0, 1 / factor], offset: [0, 0], outside: outside)
  }

  /// The extents of an image after the change.
  public func outputSize(for size: ImageSize) -> ImageSize {
    if case .window(_, _, let height, let width, _) = self {
      return ImageSize(height: height, width: width, channels: size.channels)
    }
    return size
  }

  /// The changed images.
  /// - Parameter images: float32 of shape (n, height, width, channels), or (height, width, channels) for a single one.
  public func apply(to images: Tensor) -> Tensor {
    guard images.dtype == .float32, images.rank == 3 || images.rank == 4 else {
      fatalError("ImageChange: \(images.type) was found; expected float32 (n, height, width, channels)")
    }
    let extents = Array(images.shape.suffix(3))
    let size = ImageSize(height: extents[0], width: extents[1], channels: extents[2])
    check(size)
    let output = outputSize(for: size)
    let shape = Shape(images.shape.dropLast(3) + [output.height, output.width, output.channels])
    let count = images.rank == 4 ? images.shape[0] : 1
    return images.withHostBytes { source in
      Tensor(type: TensorType(shape, .float32)) { target in
        guard let from = source.bindMemory(to: Float.self).baseAddress,
          let to = target.bindMemory(to: Float.self).baseAddress, target.count > 0
        else { return }
        for i in 0..<count { apply(from + i * size.count, size, to + i * output.count) }
      }
    }
  }

  /// Stops where numbers and image do not belong together: both are the programmer's.
  func check(_ size: ImageSize) {
    switch self {
    case .window(_, _, let height, let width, _):
      guard height >= 0 && width >= 0 && (size.height > 0 && size.width > 0 || height * width == 0) else {
        fatalError("ImageChange: a window of \(height) x \(width) pixels of an image \(size)")
      }
    case .resampling(let matrix, let offset, _):
      guard matrix.count == 4 && offset.count == 2 && (matrix + offset).allSatisfy(\.isFinite) else {
        fatalError("ImageChange: a matrix \(matrix) and an offset \(offset); expected 4 and 2 finite numbers")
      }
    case .normalization(let mean, let deviation):
      guard [1, size.channels].contains(mean.count) && [1, size.channels].contains(deviation.count) else {
        fatalError(
          "ImageChange: \(mean.count) means and \(deviation.count) deviations for images \(size); expected one for each channel"
        )
      }
    default: break
    }
  }
}

// MARK: - Pixels

extension ImageChange {
  /// Writes the changed image to other memory.
  func apply(_ x: UnsafePointer<Float>, _ size: ImageSize, _ y: UnsafeMutablePointer<Float>) {
    let (height, width, channels, row) = (size.height, size.width, size.channels, size.width * size.channels)
    switch self {
    case .flipHorizontally:
      for i in 0..<height {
        for j in 0..<width {
          let (from, to) = (x + i * row + (width - 1 - j) * channels, y + i * row + j * channels)
          for c in 0..<channels { to[c] = from[c] }
        }
      }
    case .flipVertically:
      for i in 0..<height { (y + i * row).update(from: x + (height - 1 - i) * row, count: row) }
    case .window(let top, let left, let height, let width, let outside):
      Self.copyWindow(x, size, y, top, left, height, width, outside)
    case .resampling(let matrix, let offset, let outside):
      Self.resample(x, size, y, matrix, offset, outside)
    case .brightness(let amount):
      let amount = Float(amount)
      for i in 0..<size.count { y[i] = x[i] + amount }
    case .contrast(let factor):
      let factor = Float(factor)
      for c in 0..<channels {
        var sum = 0.0
        for i in stride(from: c, to: size.count, by: channels) { sum += Double(x[i]) }
        let mean = Float(sum / Double(max(1, height * width)))
        for i in stride(from: c, to: size.count, by: channels) { y[i] = mean + factor * (x[i] - mean) }
      }
    case .cutout(let top, let left, let rows, let columns):
      y.update(from: x, count: size.count)
      let (first, last) = (max(0, left), min(width, left + columns))
      guard first < last else { return }
      for i in max(0, top)..<max(0, top, min(height, top + rows)) {
        (y + i * row + first * channels).update(repeating: 0, count: (last - first) * channels)
      }
    case .normalization(let mean, let deviation):
      for c in 0..<channels {
        let (m, d) = (Float(mean[mean.count > 1 ? c : 0]), Float(deviation[deviation.count > 1 ? c : 0]))
        for i in stride(from: c, to: size.count, by: channels) { y[i] = (x[i] - m) / d }
      }
    }
  }

  private static func copyWindow(
    _ x: UnsafePointer<Float>, _ size: ImageSize, _ y: UnsafeMutablePointer<Float>, _ top: Int, _ left: Int,
    _ height: Int, _ width: Int, _ outside: ImageEdge
  ) {
    let channels = size.channels
    // The columns that lie within the image come in one piece.
    let within = max(0, min(width, -left))..<max(0, -left, min(width, size.width - left))
    for i in 0..<height {
      let target = y + i * width * channels
      guard let row = outside.position(top + i, count: size.height) else {
        target.update(repeating: 0, count: width * channels)
        continue
      }
      let source = x + row * size.width * channels
      func copyPixel(_ j: Int) {
        let pixel = target + j * channels
        if let column = outside.position(left + j, count: size.width) {
          pixel.update(from: source + column * channels, count: channels)
        } else {
          pixel.update(repeating: 0, count: channels)
        }
      }
      let begin = min(within.lowerBound, width)
      let end = min(max(begin, within.upperBound), width)
      for j in 0..<begin { copyPixel(j) }
      if begin < end {
        (target + begin * channels).update(from: source + (left + begin) * channels, count: (end - begin) * channels)
      }
      for j in end..<width { copyPixel(j) }
    }
  }

  private static func resample(
    _ x: UnsafePointer<Float>, _ size: ImageSize, _ y: UnsafeMutablePointer<Float>, _ matrix: [Double],
    _ offset: [Double], _ outside: ImageEdge
  ) {
    let (height, width, channels) = (size.height, size.width, size.channels)
    let (middleY, middleX) = (Double(height - 1) / 2, Double(width - 1) / 2)
    let (m0, m1, m2, m3) = (matrix[0], matrix[1], matrix[2], matrix[3])
    let (originY, originX) = (middleY + offset[0], middleX + offset[1])
    // Farther away there is nothing new; and places stay within the range of whole numbers.
    let (farY, farX) = (4 * Double(height) + 8, 4 * Double(width) + 8)
    func clamped(_ place: Double, _ far: Double) -> Double { max(-far, min(far, place)) }
    let row = width * channels
    var target = y
    for i in 0..<height {
      let down = Double(i) - middleY
      for j in 0..<width {
        let right = Double(j) - middleX
        let fromY = clamped(m0 * down + m1 * right + originY, farY)
        let fromX = clamped(m2 * down + m3 * right + originX, farX)
        let (floorY, floorX) = (fromY.rounded(.down), fromX.rounded(.down))
        let (shareY, shareX) = (Float(fromY - floorY), Float(fromX - floorX))
        let (y0, x0) = (Int(floorY), Int(floorX))
        let (w00, w01) = ((1 - shareY) * (1 - shareX), (1 - shareY) * shareX)
        let (w10, w11) = (shareY * (1 - shareX), shareY * shareX)
        if y0 >= 0 && y0 < height - 1 && x0 >= 0 && x0 < width - 1 {
          let pixel = x + y0 * row + x0 * channels
          for c in 0..<channels {
            target[c] =
              w00 * pixel[c] + w01 * pixel[channels + c] + w10 * pixel[row + c] + w11 * pixel[row + channels + c]
          }
        } else {
          target.update(repeating: 0, count: channels)
          func add(_ weight: Float, _ tapY: Int, _ tapX: Int) {
            guard weight != 0, let tapY = outside.position(tapY, count: height),
              let tapX = outside.position(tapX, count: width)
            else { return }
            for c in 0..<channels { target[c] += weight * x[tapY * row + tapX * channels + c] }
          }
          add(w00, y0, x0)
          add(w01, y0, x0 + 1)
          add(w10, y0 + 1, x0)
          add(w11, y0 + 1, x0 + 1)
        }
        target += channels
      }
    }
  }
}
