/// A colour in sRGB.
public struct Color: Sendable, Hashable {
  public var red, green, blue: UInt8
  /// 0 is invisible, 1 covers what is behind.
  public var opacity: Double

  public init(red: UInt8, green: UInt8, blue: UInt8, opacity: Double = 1) {
    (self.red, self.green, self.blue, self.opacity) = (red, green, blue, opacity)
  }

  /// The colour `0xRRGGBB`.
  public init(_ hexadecimal: UInt32, opacity: Double = 1) {
    self.init(
      red: UInt8(hexadecimal >> 16 & 255), green: UInt8(hexadecimal >> 8 & 255), blue: UInt8(hexadecimal & 255),
      opacity: opacity)
  }

  /// A grey from 0, black, to 1, white.
  public init(gray: Double) {
    let level = UInt8((255 * min(1, max(0, gray))).rounded())
    self.init(red: level, green: level, blue: level)
  }

  /// As style sheets write it, without the opacity: "#e69f00".
  public var hexadecimal: String {
    "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  public func withOpacity(_ opacity: Double) -> Color {
    Color(red: red, green: green, blue: blue, opacity: opacity)
  }

  /// This colour for a share of 0, `other` for 1, and between them along a straight line.
  public func mixed(with other: Color, share: Double) -> Color {
    let share = min(1, max(0, share))
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) + share * (Double(b) - Double(a))).rounded()) }
    return Color(
      red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue),
      opacity: opacity + share * (other.opacity - opacity))
  }

  /// How light it looks, from 0 to 1 (the luma of ITU-R BT.601): dark text goes on light colours.
  var lightness: Double { (0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue)) / 255 }
}

extension Color {
  public static let white = Color(0xFFFFFF)
  public static let black = Color(0x000000)

  /// What texts are drawn with: nearly black.
  public static let text = Color(0x222222)

  // What charts are drawn with.
  static let faintText = Color(0x555555)
  static let axis = Color(0x777777)
  static let grid = Color(0xE4E4E4)

  // Okabe and Ito's colours (2008), which people with any kind of colour vision can tell apart.
  public static let blue = Color(0x0072B2)
  public static let vermilion = Color(0xD55E00)
  public static let green = Color(0x009E73)
  public static let purple = Color(0xCC79A7)
  public static let orange = Color(0xE69F00)
  public static let skyBlue = Color(0x56B4E9)
  public static let yellow = Color(0xF0E442)
  public static let gray = Color(0x8A8A8A)

  /// The colours of series and classes, in order.
  public static let palette: [Color] = [blue, vermilion, green, purple, orange, skyBlue, gray, black, yellow]

  /// The colour of series or class number `index`: more than nine begin again.
  public static func series(_ index: Int) -> Color { palette[index % palette.count] }
}
