/// A small font of our own, drawn with a round pen, for pictures made of pixels; its widths also lay out SVG texts, whose font is the
/// viewer's.
///
/// The units are a fourteenth of a capital letter's height: small letters are 10 high, the baseline is at 0, tails go down to -4.
enum StrokeFont {
  /// How far lines are apart from the next letter's.
  private static let gap = 4.0
  private static let unit = 0.0511
  /// Letters are a little wider than their drawings, bold ones more.
  private static func stretch(isBold: Bool) -> Double { isBold ? 1.13 : 1.07 }

  /// The width of a text in pixels.
  static func width(_ text: String, size: Double, isBold: Bool = false) -> Double {
    text.reduce(0) { $0 + glyph($1).advance } * unit * size * stretch(isBold: isBold)
  }

  static func penWidth(_ style: TextStyle) -> Double { style.size * (style.isBold ? 0.13 : 0.088) }

  /// The lines of a text whose baseline goes through `point`.
  static func lines(_ text: String, at point: Point, _ style: TextStyle) -> [[Point]] {
    let width = width(text, size: style.size, isBold: style.isBold)
    let start =
      switch style.anchor {
      case .start: 0.0
      case .middle: -width / 2
      case .end: -width
      }
    let scale = unit * style.size
    let stretch = scale * stretch(isBold: style.isBold)
    let angle = -style.angle * Double.pi / 180
    let (along, down) = (Point(cosine(angle), sine(angle)), Point(-sine(angle), cosine(angle)))
    var lines: [[Point]] = []
    // Half a gap stands on either side of a letter.
    var x = start + gap / 2 * stretch
    for character in text {
      let glyph = glyph(character)
      lines += glyph.lines.map { $0.map { point + (x + stretch * $0.x) * along - scale * $0.y * down } }
      x += glyph.advance * stretch
    }
    return lines
  }

  // MARK: Letters

  fileprivate struct Glyph: Sendable {
    var lines: [[Point]]
    var advance: Double
  }

  private static func glyph(_ character: Character) -> Glyph { glyphs[character] ?? unknown }

  private static let unknown = Glyph(outlines: "a0 a14 h14 h0 a0")

  private static let glyphs: [Character: Glyph] = {
    var glyphs: [Character: Glyph] = [" ": Glyph(lines: [], advance: 6)]
    for line in letters.split(separator: "\n") {
      // The character, a blank, its lines.
      glyphs[line.first!] = Glyph(outlines: line.dropFirst(2))
    }
    for digit in "0123456789" { glyphs[digit]!.center(in: 11) }
    for (character, digit) in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789−+") {
      glyphs[character] = glyphs[digit]!.scaled(0.6, raised: 7)
    }
    glyphs["ˣ"] = glyphs["x"]!.scaled(0.65, raised: 8)
    for (character, digit) in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789") {
      glyphs[character] = glyphs[digit]!.scaled(0.6, raised: -3)
    }
    for (mark, outlines) in accents {
      for (character, base) in zip(mark.characters, mark.bases) {
        glyphs[character] = glyphs[base]!.adding(Glyph(outlines: outlines[...]), raised: base.isUppercase ? 4.5 : 0)
      }
    }
    for (character, other) in [
      ("’", "'"), ("‘", "'"), ("“", "\""), ("”", "\""), ("µ", "μ"), ("\u{A0}", " "), ("\t", " "),
    ] {
      glyphs[Character(character)] = glyphs[Character(other)]!
    }
    return glyphs
  }()

  private typealias Accent = (characters: String, bases: String)

  /// Above small letters.
  private static let accents: [(Accent, String)] = [
    (("äëïöüÿÄËÏÖÜ", "aeıouyAEIOU"), "a13 a13 / d13 d13"), (("áéíóúýÁÉÍÓÚ", "aeıouyAEIOU"), "a12 c15"),
    (("àèìòùÀÈÌÒÙ", "aeıouAEIOU"), "a15 c12"), (("âêîôûÂÊÎÔÛ", "aeıouAEIOU"), "a12 c15 e12"),
    (("ãõñÃÕÑ", "aonAON"), "a12 B15 d13 F11 g14"), (("åÅ", "aA"), "A15 D15 D12 A12 z"), (("çÇ", "cC"), "c0 d-2 b-4"),
    (("čěřšžČŠŽ", "cerszCSZ"), "a15 c12 e15"),
  ]
}

extension StrokeFont.Glyph {
  /// Reads lines, divided by "/". A point is a letter for x (a is 0) and a number for y; a small letter is on the line, a capital the
  /// control point of a quadratic curve, and between two of these is a point of the line half-way. z closes a line.
  init(outlines: Substring) {
    lines = outlines.split(separator: "/").map { Self.line($0.split(separator: " ").map(String.init)) }
    advance = (lines.joined().map(\.x).max() ?? 0) + 4
  }

  private static func line(_ words: [String]) -> [Point] {
    var points = words.filter { $0 != "z" }.map { word -> (point: Point, isControl: Bool) in
      let letter = word.utf8.first!
      let isControl = letter < UInt8(ascii: "a")
      let x = letter - UInt8(ascii: isControl ? "A" : "a")
      return (Point(Double(x), Double(word.dropFirst())!), isControl)
    }
    if words.last == "z" {
      let start = points[0].isControl ? ((points[0].point + points[points.count - 1].point) / 2, false) : points[0]
      points = (points[0].isControl ? [start] : []) + points + [start]
    }
    var full: [(point: Point, isControl: Bool)] = []
    for point in points {
      if let last = full.last, last.isControl, point.isControl { full.append(((last.point + point.point) / 2, false)) }
      full.append(point)
    }
    var line = [full[0].point]
    var i = 1
    while i < full.count {
      if full[i].isControl {
        let (start, control, end) = (full[i - 1].point, full[i].point, full[i + 1].point)
        for step in 1...8 {
          let t = Double(step) / 8
          line.append((1 - t) * (1 - t) * start + 2 * t * (1 - t) * control + t * t * end)
        }
        i += 2
      } else {
        line.append(full[i].point)
        i += 1
      }
    }
    return line
  }

  private var width: Double { advance - 4 }

  /// Digits are equally wide, so that columns of numbers stand still.
  mutating func center(in width: Double) {
    let shift = (width - advance) / 2
    lines = lines.map { $0.map { $0 + Point(shift, 0) } }
    advance = width
  }

  func scaled(_ factor: Double, raised: Double) -> Self {
    Self(lines: lines.map { $0.map { factor * $0 + Point(0, raised) } }, advance: factor * advance)
  }

  /// This letter with a mark over the middle.
  func adding(_ mark: Self, raised: Double) -> Self {
    let shift = Point((width - mark.width) / 2, mark.lines[0][0].y < 5 ? 0 : raised)
    return Self(lines: lines + mark.lines.map { $0.map { $0 + shift } }, advance: advance)
  }
}

extension StrokeFont {
  private static let letters = """
    A a0 f14 k0 / c5 i5
    B a7 f7 J7 J0 f0 a0 a14 e14 I14 I7 e7
    C j11 I14 f14 A14 a7 A0 f0 I0 j3
    D a0 a14 e14 K14 k7 K0 e0 a0
    E i0 a0 a14 i14 / a7 h7
    F a0 a14 i14 / a7 h7
    G j11 I14 f14 A14 a7 A0 f0 K0 k6 g6
    H a0 a14 / j0 j14 / a7 j7
    I a0 a14
    J g14 g4 G0 d0 A0 a4
    K a0 a14 / i14 a5 / d8 i0
    L a14 a0 h0
    M a0 a14 f2 k14 k0
    N a0 a14 j0 j14
    O A14 L14 L0 A0 z
    P a0 a14 e14 I14 i10 I6 e6 a6
    Q A14 L14 L0 A0 z / g4 l-1
    R a0 a14 e14 I14 i10 I6 e6 a6 / e6 i0
    S i11 I14 e14 A14 a10 A7 e7 I7 i4 I0 e0 A0 a3
    T a14 k14 / f14 f0
    U a14 a5 A0 e0 I0 i5 i14
    V a14 f0 k14
    W a14 d0 h12 l0 o14
    X a14 i0 / a0 i14
    Y a14 e7 i14 / e7 e0
    Z a14 i14 a0 i0
    a a8 A10 d10 G10 g7 g0 / g6 d6 A6 a3 A0 c0 F0 g3
    b a14 a0 / A10 H10 H0 A0 z
    c g8 F10 d10 A10 a5 A0 d0 F0 g2
    d h14 h0 / A10 H10 H0 A0 z
    e a5 h5 H10 d10 A10 a5 A0 d0 F0 g2
    f e14 C14 c11 c0 / a10 e10
    g h10 h-1 H-4 d-4 B-4 a-3 / A10 H10 H0 A0 z
    h a14 a0 / a6 B10 d10 G10 g7 g0
    i a10 a0 / a13 a14
    ı a10 a0
    j c10 c-2 C-4 a-4 / c13 c14
    k a14 a0 / g10 a4 / c6 g0
    l a14 a0
    m a10 a0 / a6 B10 d10 F10 f7 f0 / f6 G10 i10 K10 k7 k0
    n a10 a0 / a6 B10 d10 G10 g7 g0
    o A10 H10 H0 A0 z
    p a10 a-4 / A10 H10 H0 A0 z
    q h10 h-4 / A10 H10 H0 A0 z
    r a10 a0 / a6 A10 e10
    s f8 F10 d10 A10 a7 A5 d5 G5 g3 G0 d0 A0 a2
    t c13 c3 C0 e0 / a10 e10
    u a10 a3 A0 c0 F0 g4 / g10 g0
    v a10 d0 g10
    w a10 d0 g9 j0 m10
    x a10 g0 / a0 g10
    y a10 d0 / g10 c-3 B-4 a-4
    z a10 g10 a0 g0
    ß a0 a11 A14 d14 G14 g11 G8 d8 H8 h4 H0 d0
    ø A10 H10 H0 A0 z / a-1 h11
    Ø A14 L14 L0 A0 z / a-1 l15
    0 A14 H14 H0 A0 z
    1 a11 d14 d0
    2 a10 A14 d14 H14 h10 H7 a0 h0
    3 a11 A14 d14 G14 g11 G8 d8 H8 h4 H0 d0 A0 a3
    4 f0 f14 a4 h4
    5 g14 b14 a7 B9 d9 H9 h5 H0 d0 A0 a3
    6 g12 F14 d14 A14 a5 A0 d0 H0 h4 H9 d9 A9 a5
    7 a14 h14 c0
    8 B14 G14 G8 B8 z / A8 H8 H0 A0 z
    9 b2 C0 e0 H0 h9 H14 e14 A14 a10 A5 e5 H5 h9
    . a0 a1
    , b1 a-2
    : a0 a1 / a9 a10
    ; b1 a-2 / b9 b10
    ! a14 a4 / a0 a1
    ? a11 A14 d14 G14 g11 G8 D8 d4 / d0 d1
    ' a14 a11
    " a14 a11 / d14 d11
    ( c15 A11 A1 c-3
    ) a15 C11 C1 a-3
    [ c15 a15 a-3 c-3
    ] a15 c15 c-3 a-3
    { d15 B15 b12 b8 a6 b4 b0 B-3 d-3
    } a15 C15 c12 c8 d6 c4 c0 C-3 a-3
    / a-1 f15
    \\ a15 f-1
    | a15 a-3
    ‖ a15 a-3 / c15 c-3
    - a5 d5
    − a6 h6
    – a5 g5
    — a5 k5
    + a6 i6 / e10 e2
    = a4 h4 / a8 h8
    < h11 a6 h1
    > a11 h6 a1
    ≤ h12 a8 h4 / a1 h1
    ≥ a12 h8 a4 / a1 h1
    * d14 d8 / a13 g9 / a9 g13
    × a3 g9 / a9 g3
    · a5 a6
    • b6 b7
    … a0 a1 / d0 d1 / g0 g1
    → a5 k5 / h8 k5 h2
    ∞ G5 D9 A9 A1 D1 G5 J9 M9 M1 J1 z
    % A14 E14 E8 A8 z / H6 L6 L0 H0 z / k14 b0
    # c0 e14 / h0 j14 / a4 k4 / a10 k10
    $ i11 I14 e14 A14 a10 A7 e7 I7 i4 I0 e0 A0 a3 / e16 e-2
    & k0 b10 B14 e14 H14 h11 H9 d7 A6 a3 A0 e0 I0 k6
    @ l0 I-2 g-2 A-2 a6 A14 g14 M14 m7 M3 k3 J3 j5 j9 / D9 J9 J3 D3 z
    ^ a9 d14 g9
    _ a-2 i-2
    ` a14 c12
    ~ a5 B8 d6 F4 h7
    ° A14 D14 D11 A11 z
    ′ a14 a11
    √ a6 b6 d0 h15
    α h10 F0 d0 A0 a5 A10 d10 F10 h0
    β a-4 a11 A14 d14 G14 g11 G8 d8 H8 h4 H0 d0 A0 a3
    γ a10 d1 d-4 / g10 d1
    δ f13 b13 g8 / A9 H9 H0 A0 z
    ε g8 F10 d10 A10 a8 A5 d5 A5 a2 A0 d0 F0 g2
    η a10 a0 / a6 B10 d10 G10 g7 g-4
    θ A14 G14 G0 A0 z / a7 g7
    λ a14 c14 g0 / d9 a0
    μ a10 a-4 / a3 A0 c0 F0 g4 / g10 g0
    π a10 i10 / c10 c0 / g10 g0
    ρ a-4 a5 A10 d10 H10 h5 H0 d0 A0 a5
    σ h10 d10 A10 a5 A0 d0 G0 g5 G10 d10
    τ a10 g10 / d10 d0
    φ A10 I10 I0 A0 z / e13 e-4
    ∂ b13 H14 h5 H0 d0 A0 a4 A8 d8 H8 h5
    ∇ a14 f0 k14 a14
    Δ a0 f14 k0 a0
    Φ A11 K11 K3 A3 z / f14 f0
    ½ a11 c14 c7 / k14 b0 / h5 H7 k7 N7 n5 N4 h0 n0
    Σ i14 a14 f7 a0 i0
    """
}
