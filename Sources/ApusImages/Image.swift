import ApusCore

/// An image in memory: 8 bits for each channel, row by row from the top, the channels of a pixel next to each other.
///
/// ```swift
/// let photo = try Image(reading: "swift.jpg").resized(height: 224, width: 224).converted(toChannels: 3)
/// let x = photo.tensor.cast(to: .float32) / 255           // (224, 224, 3)
/// try Image(filters, range: -1...1).write(to: "filters.png")
/// ```
public struct Image: Sendable, Hashable {
  public let width: Int
  public let height: Int
  /// 1 grey, 2 grey and opacity, 3 red, green and blue, 4 those and opacity.
  public let channels: Int
  /// height x width x channels values from 0 to 255.
  public private(set) var pixels: [UInt8]

  /// - Precondition: there are 1 to 4 channels, and as many pixels as the extents say.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    guard width > 0, height > 0, 1...4 ~= channels, pixels.count == width * height * channels else {
      fatalError(
        "Image: \(pixels.count) values for \(width) x \(height) pixels of \(channels) channels; expected at least one pixel "
          + "of 1 to 4 channels, and a value for each")
    }
    (self.width, self.height, self.channels, self.pixels) = (width, height, channels, pixels)
  }

  /// An image of one colour, such as a canvas to draw on; a channel for each number of `color`.
  public init(width: Int, height: Int, color: [UInt8]) {
    self.init(
      width: width, height: height, channels: color.count,
      pixels: Array(repeatElement(color, count: width * height).joined()))
  }

  /// The value of a channel of the pixel in column `x` of row `y`, from the upper left.
  public subscript(x x: Int, y y: Int, channel channel: Int) -> UInt8 {
    get { pixels[position(x, y) + channel] }
    set { pixels[position(x, y) + channel] = newValue }
  }

  private func position(_ x: Int, _ y: Int) -> Int {
    guard 0..<width ~= x, 0..<height ~= y else {
      fatalError("Image: there is no pixel (\(x), \(y)) in \(width) x \(height) pixels")
    }
    return (y * width + x) * channels
  }
}

// MARK: - Tensors

extension Image {
  /// uint8 of shape (height, width, channels).
  public var tensor: Tensor { Tensor(pixels, shape: [height, width, channels]) }

  /// The image that a tensor holds.
  /// - Parameters:
  ///   - tensor: of shape (height, width, channels) or (height, width), the latter grey. uint8 as it is; numbers are rounded, and those
  ///     outside of `range` take its ends.
  ///   - range: which numbers become 0 and 255.
  /// - Precondition: there are 1 to 4 channels and at least one pixel.
  public init(_ tensor: Tensor, range: ClosedRange<Double> = 0...1) {
    guard tensor.rank == 2 || tensor.rank == 3, tensor.count > 0, tensor.rank == 2 || 1...4 ~= tensor.shape[2] else {
      fatalError("Image: a tensor of type \(tensor.type); expected (height, width) or (height, width, 1 to 4 channels)")
    }
    let pixels: [UInt8]
    if tensor.dtype == .uint8 {
      pixels = tensor.elements(as: UInt8.self)
    } else {
      let width = range.upperBound - range.lowerBound
      pixels = tensor.doubles.map { value in
        let share = (value - range.lowerBound) / width
        // NaN is black: it is not greater than 0.
        return share > 0 ? UInt8((min(1, share) * 255).rounded()) : 0
      }
    }
    self.init(
      width: tensor.shape[1], height: tensor.shape[0], channels: tensor.rank == 2 ? 1 : tensor.shape[2], pixels: pixels)
  }

  /// Images of equal size side by side: such as digits, samples or the filters of a convolution.
  /// - Parameters:
  ///   - images: (n, height, width, channels).
  ///   - columns: how many stand in a row; by default about as many as there are rows.
  ///   - spacing: the pixels between them, in the colour `background`.
  ///   - range: which numbers become 0 and 255.
  public init(
    gridOf images: Tensor, columns: Int? = nil, spacing: Int = 1, background: UInt8 = 255,
    range: ClosedRange<Double> = 0...1
  ) {
    guard images.rank == 4, images.shape[0] > 0, spacing >= 0 else {
      fatalError("Image(gridOf:): images of type \(images.type); expected (n, height, width, channels)")
    }
    let count = images.shape[0]
    let columns = max(1, columns ?? Int(Double(count).squareRoot().rounded(.up)))
    let rows = (count + columns - 1) / columns
    let (height, width, channels) = (images.shape[1], images.shape[2], images.shape[3])
    var grid = Image(
      width: columns * width + (columns - 1) * spacing, height: rows * height + (rows - 1) * spacing,
      color: Array(repeating: background, count: channels))
    for i in 0..<count {
      grid.draw(
        Image(images[i], range: range), x: i % columns * (width + spacing), y: i / columns * (height + spacing))
    }
    self = grid
  }

  /// Copies an image with as many channels over this one, its upper left pixel to (x, y); what lies outside is left out.
  public mutating func draw(_ image: Image, x: Int, y: Int) {
    guard image.channels == channels else {
      fatalError("Image.draw: an image of \(image.channels) channels into one of \(channels)")
    }
    let (first, last) = (max(0, x), min(width, x + image.width))
    guard first < last else { return }
    for row in max(0, y)..<max(0, y, min(height, y + image.height)) {
      let source = ((row - y) * image.width + first - x) * channels
      let target = (row * width + first) * channels
      let count = (last - first) * channels
      pixels.replaceSubrange(target..<target + count, with: image.pixels[source..<source + count])
    }
  }
}

// MARK: - Channels

extension Image {
  /// The image with another number of channels: grey becomes equal red, green and blue; colours become grey by their brightness
  /// (0.299 R + 0.587 G + 0.114 B, ITU-R BT.601); opacity is dropped, or full where there was none.
  public func converted(toChannels target: Int) -> Image {
    guard 1...4 ~= target else { fatalError("Image: \(target) channels; expected 1 to 4") }
    if target == channels { return self }
    var result = [UInt8](repeating: 255, count: width * height * target)
    for i in 0..<width * height {
      let (from, to) = (i * channels, i * target)
      let opacity = channels % 2 == 0 ? pixels[from + channels - 1] : 255
      if target >= 3 {
        for c in 0..<3 { result[to + c] = pixels[from + (channels >= 3 ? c : 0)] }
      } else if channels >= 3 {
        // In 2^-16ths, rounded.
        let (r, g, b) = (Int(pixels[from]), Int(pixels[from + 1]), Int(pixels[from + 2]))
        result[to] = UInt8((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16)
      } else {
        result[to] = pixels[from]
      }
      if target % 2 == 0 { result[to + target - 1] = opacity }
    }
    return Image(width: width, height: height, channels: target, pixels: result)
  }
}
