import ApusCore

extension Canvas {
  /// The picture as a Scalable Vector Graphics document (SVG 1.1), on white.
  public var svg: String {
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" \
      width="\(number(width))" height="\(number(height))" viewBox="0 0 \(number(width)) \(number(height))" \
      font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif">

      """
    if !title.isEmpty { text += "<title>\(escaped(title))</title>\n" }
    text += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    // Neighbours that are drawn alike share their attributes: charts have hundreds of points.
    var rest = elements.map(\.svg)[...]
    while let first = rest.first {
      let alike = rest.prefix { $0.attributes == first.attributes }
      rest = rest.dropFirst(alike.count)
      if alike.count > 1 {
        text += "<g\(first.attributes)>" + alike.map { "<\($0.shape)/>" }.joined() + "</g>\n"
      } else {
        text += "<\(first.shape)\(first.attributes)" + (first.content.map { ">\($0)" } ?? "/>") + "\n"
      }
    }
    return text + "</svg>\n"
  }
}

extension Canvas.Element {
  /// The name of the SVG element with its geometry, and what it may share with others.
  fileprivate struct Tag {
    var shape: String
    var attributes: String
    /// What follows the tag, with the end.
    var content: String?
  }

  fileprivate var svg: Tag {
    func box(_ r: Rectangle) -> String {
      " x=\"\(number(r.x))\" y=\"\(number(r.y))\" width=\"\(number(r.width))\" height=\"\(number(r.height))\""
    }
    switch self {
    case .line(let points, let stroke):
      return Tag(
        shape: "polyline points=\"\(list(points))\"",
        attributes: " fill=\"none\"\(stroke.svg) stroke-linejoin=\"round\" stroke-linecap=\"round\"")
    case .polygon(let points, let fill, let border):
      return Tag(shape: "polygon points=\"\(list(points))\"", attributes: fill.svg("fill") + (border?.svg ?? ""))
    case .rectangle(let r, let fill, let border):
      return Tag(shape: "rect" + box(r), attributes: (fill?.svg("fill") ?? " fill=\"none\"") + (border?.svg ?? ""))
    case .circle(let center, let radius, let fill, let border):
      return Tag(
        shape: "circle cx=\"\(number(center.x))\" cy=\"\(number(center.y))\" r=\"\(number(radius))\"",
        attributes: fill.svg("fill") + (border?.svg ?? ""))
    case .text(let text, let point, let style):
      // Every text is different; a place among the attributes keeps it out of groups.
      let place = " x=\"\(number(point.x))\" y=\"\(number(point.y))\""
      return Tag(
        shape: "text", attributes: place + style.svg(at: point), content: "\(escaped(text))</text>")
    case .image(let bitmap, let r):
      // Not all viewers leave pixels alone when they stretch an image, so it is stretched before.
      func factor(_ extent: Double, _ pixels: Int) -> Int { max(1, Int((extent / Double(pixels)).rounded(.up))) }
      let large = bitmap.enlarged(columns: factor(r.width, bitmap.width), rows: factor(r.height, bitmap.height))
      return Tag(
        shape: "image",
        attributes: box(r) + " preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\""
          + " xlink:href=\"data:image/png;base64,\(base64(large.png))\"")
    }
  }
}

extension Color {
  fileprivate func svg(_ attribute: String) -> String {
    " \(attribute)=\"\(hexadecimal)\"" + (opacity < 1 ? " \(attribute)-opacity=\"\(number(opacity))\"" : "")
  }
}

extension Stroke {
  fileprivate var svg: String {
    color.svg("stroke") + " stroke-width=\"\(number(width))\""
      + (dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes.map { number($0) }.joined(separator: " "))\"")
  }
}

extension TextStyle {
  fileprivate func svg(at point: Point) -> String {
    var attributes = " font-size=\"\(number(size))\"" + color.svg("fill")
    if isBold { attributes += " font-weight=\"bold\"" }
    switch anchor {
    case .start: break
    case .middle: attributes += " text-anchor=\"middle\""
    case .end: attributes += " text-anchor=\"end\""
    }
    if angle != 0 { attributes += " transform=\"rotate(\(number(-angle)) \(number(point.x)) \(number(point.y)))\"" }
    return attributes
  }
}

private func list(_ points: [Point]) -> String {
  // Tenths of a pixel: there may be many.
  points.map { "\(number($0.x, decimals: 1)),\(number($0.y, decimals: 1))" }.joined(separator: " ")
}

/// A coordinate without needless digits.
private func number(_ value: Double, decimals: Int = 2) -> String {
  guard abs(value) < 1e12 else { return "0" }
  var text = value.formatted(precision: decimals)
  while text.last == "0" { text.removeLast() }
  if text.last == "." { text.removeLast() }
  return text == "-0" ? "0" : text
}

/// A text as XML may hold it: names come from files, which may hold anything.
private func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result.unicodeScalars.append("\u{FFFD}")
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// Bytes as text (RFC 4648).
func base64(_ bytes: [UInt8]) -> String {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let count = min(3, bytes.count - start)
    var word = 0
    for i in 0..<3 { word = word << 8 | (i < count ? Int(bytes[start + i]) : 0) }
    for i in 0..<4 { text.append(i <= count ? digits[word >> (18 - 6 * i) & 63] : UInt8(ascii: "=")) }
  }
  return String(decoding: text, as: UTF8.self)
}
