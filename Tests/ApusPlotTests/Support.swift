import Apus
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What scikit-learn, NumPy and SciPy computed; see Fixtures/make_pictures.py.
struct PictureFixture: Decodable {
  struct Ranking: Decodable {
    let scores: [Double]
    let labels: [Bool]
    let fpr, tpr, thresholds, precision, recall, cuts: [Double]
    let area, averagePrecision: Double
  }
  struct Components: Decodable {
    let shape: [Int]
    let count: Int
    let x, components, variances, shares, coordinates: [Double]
  }
  struct Embedding: Decodable {
    let shape: [Int]
    let perplexity, divergence: Double
    let x, affinities, y: [Double]
  }
  let rankings: [Ranking]
  let components: [Components]
  let tsne: [Embedding]

  static func load() throws -> PictureFixture {
    let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/pictures.json")
    return try JSONDecoder().decode(PictureFixture.self, from: Data(contentsOf: url))
  }
}

/// An element of an SVG document, with its attributes and those of its groups, and its text.
struct SVGElement {
  let name: String
  let attributes: [String: String]
  var text = ""

  func number(_ name: String) -> Double { attributes[name].flatMap { Double($0) } ?? .nan }

  var points: [(x: Double, y: Double)] {
    (attributes["points"] ?? "").split(separator: " ").map { pair in
      let parts = pair.split(separator: ",").map { Double($0)! }
      return (parts[0], parts[1])
    }
  }

  /// Parses a document; nil if it is not well-formed XML.
  static func all(_ svg: String) -> [SVGElement]? {
    let reader = Reader()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = reader
    return parser.parse() ? reader.elements : nil
  }

  private final class Reader: NSObject, XMLParserDelegate {
    var elements: [SVGElement] = []
    private var groups: [[String: String]] = []
    private var open: [Int] = []

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String] = [:]
    ) {
      let inherited = groups.reduce(into: [:]) { $0.merge($1) { _, new in new } }
      if name == "g" { groups.append(attributes) }
      open.append(elements.count)
      elements.append(SVGElement(name: name, attributes: inherited.merging(attributes) { _, new in new }))
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
      if name == "g" { groups.removeLast() }
      open.removeLast()
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
      if let last = open.last { elements[last].text += string }
    }
  }
}

/// The texts of a picture.
func texts(_ picture: some Picture) -> [String] {
  (SVGElement.all(picture.svg) ?? []).filter { $0.name == "text" }.map(\.text)
}

/// Undoes what ``Bitmap/png`` does: chunks, their checks, and deflate's blocks with fixed codes.
struct PNGReader {
  struct Failure: Error { let reason: String }
  let width, height: Int
  /// Red, green, blue and opacity of every pixel.
  var bytes: [UInt8] = []

  init(_ file: [UInt8]) throws {
    guard file.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else {
      throw Failure(reason: "signature")
    }
    var chunks: [String: [UInt8]] = [:]
    var i = 8
    while i < file.count {
      let count = Self.word(file[i...])
      let body = file[(i + 4)..<(i + 8 + count)]
      guard Self.word(file[(i + 8 + count)...]) == Self.crc(body) else { throw Failure(reason: "CRC") }
      chunks[String(decoding: body.prefix(4), as: UTF8.self), default: []] += body.dropFirst(4)
      i += 12 + count
    }
    guard let header = chunks["IHDR"], let data = chunks["IDAT"], chunks["IEND"] == [] else {
      throw Failure(reason: "chunks")
    }
    (width, height) = (Self.word(header[0...]), Self.word(header[4...]))
    let size = header[9] == 3 ? 1 : 4
    let rows = try Self.inflate(data[2..<(data.count - 4)])
    guard Self.word(data.suffix(4)) == Self.adler(rows), rows.count == height * (1 + width * size) else {
      throw Failure(reason: "Adler or size")
    }
    let (palette, opacities) = (chunks["PLTE"] ?? [], chunks["tRNS"] ?? [])
    for y in 0..<height {
      guard rows[y * (1 + width * size)] == 0 else { throw Failure(reason: "filter") }
      for x in 0..<width {
        let at = y * (1 + width * size) + 1 + x * size
        if size == 4 {
          bytes += rows[at..<at + 4]
        } else {
          let number = Int(rows[at])
          bytes += palette[3 * number..<3 * number + 3] + [number < opacities.count ? opacities[number] : 255]
        }
      }
    }
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> Int { bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) } }

  private static func crc(_ bytes: ArraySlice<UInt8>) -> Int {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return Int(crc ^ 0xFFFF_FFFF)
  }

  private static func adler(_ bytes: [UInt8]) -> Int {
    var (a, b) = (1, 0)
    for byte in bytes { (a, b) = ((a + Int(byte)) % 65521, (b + a + Int(byte)) % 65521) }
    return b << 16 | a
  }

  private static func inflate(_ data: ArraySlice<UInt8>) throws -> [UInt8] {
    let data = Array(data)
    var position = 0
    func bit() -> Int {
      defer { position += 1 }
      return Int(data[position / 8] >> UInt8(position % 8)) & 1
    }
    func bits(_ count: Int) -> Int { (0..<count).reduce(0) { $0 | bit() << $1 } }
    func code(_ count: Int, after prefix: Int = 0) -> Int {
      (0..<count).reduce(prefix) { code, _ in code << 1 | bit() }
    }
    guard bits(3) == 0b011 else { throw Failure(reason: "block") }
    let lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    let lengths = [
      3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
    ]
    let distances = [
      1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
      8193, 12289, 16385, 24577,
    ]
    var output: [UInt8] = []
    while true {
      // RFC 1951, 3.2.6.
      var symbol = code(7)
      if symbol < 0b0011000 {
        symbol += 256
      } else {
        symbol = code(1, after: symbol)
        switch symbol {
        case 0b0011_0000...0b1011_1111: symbol -= 0b0011_0000
        case 0b1100_0000...0b1100_0111: symbol = symbol - 0b1100_0000 + 280
        default: symbol = code(1, after: symbol) - 0b1_1001_0000 + 144
        }
      }
      if symbol == 256 { return output }
      if symbol < 256 {
        output.append(UInt8(symbol))
      } else {
        let length = lengths[symbol - 257] + bits(lengthBits[symbol - 257])
        let number = code(5)
        let distance = distances[number] + bits(max(0, number / 2 - 1))
        for _ in 0..<length { output.append(output[output.count - distance]) }
      }
    }
  }
}
