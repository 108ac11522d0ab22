import Apus
import Testing

@testable import ApusPlot

@Suite struct DrawingTests {
  /// The red of every pixel, row by row, of what is drawn in blue on white: 255 where nothing is, 0 where all is covered.
  private func reds(_ width: Double, _ height: Double, scale: Double = 1, _ elements: Canvas.Element...) -> [[Int]] {
    var canvas = Canvas(width: width, height: height)
    for element in elements { canvas.add(element) }
    let bitmap = canvas.bitmap(scale: scale)
    return (0..<bitmap.height).map { y in (0..<bitmap.width).map { Int(bitmap[$0, y].red) } }
  }

  private let blue = Color(0x0000FF)

  // MARK: Pixels

  @Test func rectanglesCoverTheirShareOfEachPixel() {
    let found = reds(4, 3, .rectangle(Rectangle(x: 0.5, y: 1, width: 2.25, height: 1.5), fill: blue, border: nil))
    #expect(found == [[255, 255, 255, 255], [128, 0, 64, 255], [191, 128, 159, 255]])
  }

  @Test func linesAlongPixelsAreSharp() {
    #expect(
      reds(4, 3, .line([Point(0, 1.5), Point(4, 1.5)], Stroke(blue)))
        == [[255, 255, 255, 255], [0, 0, 0, 0], [255, 255, 255, 255]])
    // Between two rows both are covered half; at twice the scale a row of its own is there.
    #expect(reds(2, 2, .line([Point(0, 1), Point(2, 1)], Stroke(blue))) == [[128, 128], [128, 128]])
    #expect(
      reds(1, 2, scale: 2, .line([Point(0, 1), Point(1, 1)], Stroke(blue)))
        == [[255, 255], [0, 0], [0, 0], [255, 255]])
  }

  @Test func linesThatCrossThemselvesDoNotGetDarker() {
    let half = Stroke(blue.withOpacity(0.5), width: 1)
    #expect(reds(3, 1, .line([Point(0, 0.5), Point(3, 0.5), Point(0, 0.5)], half)) == [[128, 128, 128]])
  }

  @Test func dashes() {
    let line = Canvas.Element.line([Point(0.5, 0.5), Point(12, 0.5)], Stroke(blue, width: 1, dashes: [2, 3]))
    // From 0.5 to 2.5 with round ends, then again from 5.5.
    let row = reds(9, 1, line)[0]
    #expect(row[0] == 0 && row[1] == 0 && row[2] == 0 && row[3] == 255 && row[4] == 255 && row[5] == 0 && row[7] == 0)
  }

  @Test func areasOfRoundAndSlantedShapes() {
    func area(_ element: Canvas.Element) -> Double {
      reds(40, 40, element).joined().reduce(0) { $0 + (255 - Double($1)) / 255 }
    }
    #expect(abs(area(.circle(Point(20.3, 19.6), radius: 12, fill: blue, border: nil)) - 144 * Double.pi) < 1)
    let triangle = [Point(5, 5), Point(35, 10), Point(12, 34)]
    // (30 · 29 − 5 · 7) / 2 whichever way round.
    for points in [triangle, triangle.reversed()] {
      #expect(abs(area(.polygon(points, fill: blue, border: nil)) - 417.5) < 2)
    }
    // A pen of width 2 along 20: a rectangle and two half circles.
    #expect(abs(area(.line([Point(8, 9), Point(24, 21)], Stroke(blue, width: 2))) - (40 + Double.pi)) < 1)
  }

  @Test func imagesAreStretchedWithoutSmoothing() {
    let image = Bitmap(width: 2, height: 2) { x, y in Color(gray: x == y ? 0 : 1) }
    let found = reds(6, 4, .image(image, Rectangle(x: 1, y: 0, width: 4, height: 4)))
    #expect(found[0] == [255, 0, 0, 255, 255, 255] && found[1] == found[0])
    #expect(found[2] == [255, 255, 255, 0, 0, 255] && found[3] == found[2])
  }

  @Test func textStandsOnItsPlace() {
    func box(_ style: TextStyle) -> (x: ClosedRange<Int>, y: ClosedRange<Int>)? {
      let found = reds(80, 80, .text("H", Point(40, 40), style))
      let dark = (0..<80).flatMap { y in (0..<80).filter { found[y][$0] < 128 }.map { (x: $0, y: y) } }
      guard let first = dark.first else { return nil }
      return dark.reduce((first.x...first.x, first.y...first.y)) {
        (
          min($0.0.lowerBound, $1.x)...max($0.0.upperBound, $1.x),
          min($0.1.lowerBound, $1.y)...max($0.1.upperBound, $1.y)
        )
      }
    }
    // The capital is 0.716 em high, on the baseline.
    let start = box(TextStyle(size: 20, color: blue))
    #expect(start?.y == 25...40 && start!.x.lowerBound >= 40 && start!.x.upperBound < 60)
    let end = box(TextStyle(size: 20, color: blue, anchor: .end))
    #expect(end!.x.upperBound <= 40 && end!.x.count == start!.x.count)
    // Turned upwards, it grows up from the place, left of it.
    let turned = box(TextStyle(size: 20, color: blue, angle: 90))
    #expect(turned?.x == 25...40 && turned!.y.upperBound <= 40 && turned!.y.count == start!.x.count)
    #expect(box(TextStyle(size: 20, color: .white)) == nil)
  }

  @Test func everyPrintableCharacterHasAGlyphOfItsOwn() {
    func drawing(_ text: String) -> [[Point]] { StrokeFont.lines(text, at: .zero, TextStyle()) }
    let characters = (0x21...0x7E).map { Character(Unicode.Scalar($0)!) }
    #expect(Set(characters.map { drawing(String($0)) }).count == characters.count)
    for character in characters + Array("−×·°²⁻⁷₀äöüßéèçñσμΔ∂…") {
      #expect(drawing(String(character)) != drawing("\u{4E2D}"), "\(character)")
    }
    let digits = Set("0123456789".map { StrokeFont.width(String($0), size: 12) })
    #expect(digits.count == 1)
  }

  // MARK: Files

  @Test func pngHoldsThePixels() throws {
    var random = RandomSource(seed: 3)
    // Few colours, many, runs longer than a code's 258, and opacities.
    let pictures = [
      Bitmap(width: 1, height: 1, filledWith: .vermilion),
      Bitmap(width: 700, height: 3) { x, y in .series((x / 300 + y) % 3) },
      Bitmap(width: 37, height: 29) { x, y in
        Color(UInt32.random(in: 0...0xFFFFFF, using: &random), opacity: Double((x + y) % 5) / 4)
      },
      Bitmap(width: 40, height: 30) { x, y in
        Color(gray: Double((x - y) * (x - y) % 50) / 50).withOpacity(x < 9 ? 0 : 1)
      },
      Chart.activation(.gelu).canvas.bitmap(scale: 1),
    ]
    for picture in pictures {
      let read = try PNGReader(picture.png)
      #expect(read.width == picture.width && read.height == picture.height && read.bytes == picture.bytes)
    }
    #expect(pictures[4].png.count < 30_000)
  }

  @Test func base64OfTheStandard() {
    let words = ["", "f", "fo", "foo", "foob", "fooba", "foobar"]
    let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]
    #expect(words.map { base64(Array($0.utf8)) } == expected)
  }

  @Test func svgIsWellFormedWhateverTheNames() throws {
    let name = "a<b> & \"c\" ]]> \u{0} \u{1B}[31m \u{FFFE} ä中"
    let chart = Chart(
      name, subtitle: name, x: Axis(name, categories: [name, "b"]), y: Axis(name),
      marks: [BarMark([1, 2], name: name), TextMark(name, at: Point(0, 1))])
    let elements = try #require(SVGElement.all(chart.svg))
    let shown = elements.filter { $0.name == "text" }.map(\.text)
    #expect(shown.contains { $0.hasPrefix("a<b> & \"c\" ]]> \u{FFFD} \u{FFFD}[31m") })
    #expect(elements[0].number("width") == 600 && elements[0].attributes["viewBox"] == "0 0 600 400")
  }

  @Test func writingDecidesByTheEnding() throws {
    let error = #expect(throws: FileFormatError.self) { try Chart.activation(.relu).write(to: "/tmp/picture.gif") }
    #expect(error?.description == "/tmp/picture.gif: pictures are written as .svg or .png; end the name so.")
    #expect(throws: FileFormatError.self) { try Chart.activation(.relu).write(to: "/nowhere/picture.svg") }
  }

  // MARK: Colours

  @Test func mapsGrowEvenlyInLightness() {
    func lightness(_ color: Color) -> Double {
      func linear(_ level: UInt8) -> Double {
        let c = Double(level) / 255
        return c <= 0.04045 ? c / 12.92 : power((c + 0.055) / 1.055, 2.4)
      }
      // CIE L* of the relative luminance.
      let y = 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
      return y > 0.008856 ? 116 * power(y, 1 / 3) - 16 : 903.3 * y
    }
    let steps = stride(from: 0.0, through: 1, by: 0.1).map { lightness(ColorMap.sequential($0)) }
    let differences = zip(steps, steps.dropFirst()).map { $1 - $0 }
    #expect(differences.allSatisfy { $0 > 5 && $0 < 10 }, "\(differences)")
    // Both halves of the diverging map darken alike.
    for place in stride(from: 0.0, to: 0.5, by: 0.1) {
      let (a, b) = (lightness(ColorMap.diverging(place)), lightness(ColorMap.diverging(1 - place)))
      #expect(abs(a - b) < 4, "\(a) \(b)")
    }
    #expect(ColorMap.gray(0.5) == Color(gray: 0.5) && ColorMap.gray(-3) == .black && ColorMap.gray(7) == .white)
    #expect(ColorMap.gray(.nan) == Color(0xBBBBBB))
  }

  @Test func hexadecimals() {
    #expect(Color(0x0A00FF).hexadecimal == "#0a00ff")
    #expect(Color.black.mixed(with: .white, share: 0.5) == Color(0x808080))
  }
}
