/// Pixels: red, green, blue and opacity, row by row from the top.
public struct Bitmap: Sendable, Hashable {
  public let width: Int
  public let height: Int
  /// Four bytes for each pixel.
  public private(set) var bytes: [UInt8]

  /// - Precondition: both extents are at least 1.
  public init(width: Int, height: Int, filledWith color: Color = .white) {
    guard width > 0 && height > 0 else { fatalError("Bitmap: \(width) x \(height) pixels; expected at least 1 x 1") }
    self.width = width
    self.height = height
    bytes = []
    bytes.reserveCapacity(4 * width * height)
    for _ in 0..<width * height {
      bytes += [color.red, color.green, color.blue, UInt8((255 * color.opacity).rounded())]
    }
  }

  /// A bitmap of the colours that `color` gives for column and row.
  public init(width: Int, height: Int, _ color: (_ x: Int, _ y: Int) -> Color) {
    self.init(width: width, height: height)
    for y in 0..<height { for x in 0..<width { self[x, y] = color(x, y) } }
  }

  /// The pixel in column `x` of row `y`.
  public subscript(x: Int, y: Int) -> Color {
    get {
      let i = 4 * (y * width + x)
      return Color(red: bytes[i], green: bytes[i + 1], blue: bytes[i + 2], opacity: Double(bytes[i + 3]) / 255)
    }
    set {
      let i = 4 * (y * width + x)
      bytes[i] = newValue.red
      bytes[i + 1] = newValue.green
      bytes[i + 2] = newValue.blue
      bytes[i + 3] = UInt8((255 * min(1, max(0, newValue.opacity))).rounded())
    }
  }

  /// The same image with `columns` times `rows` pixels in place of each.
  func enlarged(columns: Int, rows: Int) -> Bitmap {
    if columns == 1 && rows == 1 { return self }
    return Bitmap(width: columns * width, height: rows * height) { self[$0 / columns, $1 / rows] }
  }

  /// Lays a share of `color` over a pixel that covers what is behind.
  mutating func blend(_ color: Color, share: Double, x: Int, y: Int) {
    let share = share * color.opacity
    let i = 4 * (y * width + x)
    func mix(_ old: UInt8, _ new: UInt8) -> UInt8 {
      UInt8((Double(old) + share * (Double(new) - Double(old))).rounded())
    }
    bytes[i] = mix(bytes[i], color.red)
    bytes[i + 1] = mix(bytes[i + 1], color.green)
    bytes[i + 2] = mix(bytes[i + 2], color.blue)
  }
}
