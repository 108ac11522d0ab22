/// Colours for numbers: 0 is one end of the map, 1 the other.
public struct ColorMap: Sendable {
  /// 256 colours, evenly spaced.
  public let colors: [Color]

  /// A map of 256 colours at places from 0 to 1.
  public init(_ color: (Double) -> Color) { colors = (0..<256).map { color(Double($0) / 255) } }

  /// The colour at `place`; what lies outside of 0...1 has the colour of the end, and no number is grey.
  public func callAsFunction(_ place: Double) -> Color {
    guard !place.isNaN else { return Color(0xBBBBBB) }
    return colors[Int((255 * min(1, max(0, place))).rounded())]
  }

  /// From dark violet over green to light yellow: lightness grows evenly, so that equal steps look equal, in grey too.
  public static let sequential = ColorMap { place in
    // In Oklch: lightness and hue straight, and as much chroma as every screen has there.
    let angle = (305 - 200 * place) * Double.pi / 180
    return Color(lightness: 0.27 + 0.66 * place, chroma: 0.085 + 0.2 * (place - 0.5) * (place - 0.5), angle: angle)
  }

  /// From blue over white to orange: for numbers with a sign. Both halves darken alike.
  public static let diverging = ColorMap { place in
    let strength = abs(2 * place - 1)
    let angle = (place < 0.5 ? 250.0 : 55) * Double.pi / 180
    return Color(lightness: 0.985 - 0.45 * strength, chroma: 0.13 * power(strength, 0.9), angle: angle)
  }

  /// From black to white.
  public static let gray = ColorMap { Color(gray: $0) }

  /// From white to dark blue: for counts and shares, with text on them.
  public static let blues = ColorMap { place in
    Color(lightness: 0.99 - 0.54 * place, chroma: 0.12 * power(place, 0.9), angle: 250 * Double.pi / 180)
  }
}

extension Color {
  /// A colour in Oklch (Ottosson, 2020), in which equal distances look equal. Chroma that a screen does not have is reduced.
  init(lightness: Double, chroma: Double, angle: Double) {
    var chroma = chroma
    while true {
      let linear = Self.linear(lightness, chroma * cosine(angle), chroma * sine(angle))
      if chroma <= 0 || linear.allSatisfy({ (-1e-4...1.0001).contains($0) }) {
        let levels = linear.map { UInt8((255 * Self.encoded(min(1, max(0, $0)))).rounded()) }
        self.init(red: levels[0], green: levels[1], blue: levels[2])
        return
      }
      chroma -= 0.002
    }
  }

  /// Linear red, green and blue of a colour in Oklab.
  private static func linear(_ lightness: Double, _ a: Double, _ b: Double) -> [Double] {
    func cube(_ x: Double) -> Double { x * x * x }
    let l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
    let m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
    let s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
    return [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ]
  }

  /// sRGB's transfer curve.
  private static func encoded(_ x: Double) -> Double {
    x <= 0.0031308 ? 12.92 * x : 1.055 * power(x, 1 / 2.4) - 0.055
  }
}
