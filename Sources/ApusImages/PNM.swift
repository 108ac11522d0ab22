import ApusFiles

/// The portable anymap formats: a letter and a number, the extents, the largest value, the pixels; P1 to P3 as text, P4 to P6 as bytes; black
/// and white, grey, colours. (Netpbm's manual: pbm, pgm, ppm.)
enum PNM {
  static func read(_ bytes: [UInt8], path: String, mostPixels: Int) throws(FileFormatError) -> Image {
    var scanner = Scanner(bytes: bytes, path: path)
    let header = try scanner.header()
    let (pixels, overflow) = header.width.multipliedReportingOverflow(by: header.height)
    guard !overflow, pixels <= mostPixels else {
      throw FileFormatError(
        .tooLarge, path: path,
        "the PNM image has \(header.width) x \(header.height) pixels, more than the \(mostPixels) allowed")
    }
    let count = pixels * header.channels
    // Before memory is taken: a pixel needs a bit at least.
    guard header.isText || header.isBitmap || bytes.count - scanner.position >= count * (header.largest > 255 ? 2 : 1),
      (bytes.count - scanner.position) * 8 >= count
    else { throw FileFormatError(.truncated, path: path, "the PNM image ends too early") }
    var values = [UInt8](repeating: 0, count: count)
    if header.isText {
      for i in 0..<count { values[i] = try scanner.textValue(header) }
    } else if header.isBitmap {
      try scanner.readBits(header, into: &values)
    } else {
      for i in 0..<count { values[i] = try scanner.byteValue(header) }
    }
    return Image(width: header.width, height: header.height, channels: header.channels, pixels: values)
  }

  static func size(_ bytes: [UInt8], path: String) throws(FileFormatError) -> (height: Int, width: Int) {
    var scanner = Scanner(bytes: bytes, path: path)
    let header = try scanner.header()
    return (header.height, header.width)
  }

  /// An image of 1 or 3 channels as P5 or P6.
  static func bytes(_ image: Image) -> [UInt8] {
    Array("\(image.channels == 1 ? "P5" : "P6")\n\(image.width) \(image.height)\n255\n".utf8) + image.pixels
  }

  struct Header {
    let channels: Int
    let isText: Bool
    let isBitmap: Bool
    let width: Int
    let height: Int
    let largest: Int
  }

  private struct Scanner {
    let bytes: [UInt8]
    let path: String
    var position = 2

    mutating func header() throws(FileFormatError) -> Header {
      let kind = Int(bytes[1] - UInt8(ascii: "0"))
      let isBitmap = kind == 1 || kind == 4
      let (width, height) = (try number(atMost: Int(Int32.max)), try number(atMost: Int(Int32.max)))
      let largest = isBitmap ? 1 : try number(atMost: 65535)
      guard width > 0, height > 0, largest > 0 else { throw malformed("a 0 as extent or largest value") }
      // A single blank stands between the header and bytes.
      if kind >= 4 {
        guard position < bytes.count, isBlank(bytes[position]) else { throw malformed("no blank after its header") }
        position += 1
      }
      return Header(
        channels: kind % 3 == 0 ? 3 : 1, isText: kind <= 3, isBitmap: isBitmap, width: width, height: height,
        largest: largest)
    }

    /// 0 to 255; of a bitmap, 1 is black.
    mutating func textValue(_ header: Header) throws(FileFormatError) -> UInt8 {
      if header.isBitmap {
        try skipBlanks()
        defer { position += 1 }
        switch bytes[position] {
        case UInt8(ascii: "0"): return 255
        case UInt8(ascii: "1"): return 0
        default: throw malformed("something other than 0 and 1 at byte \(position)")
        }
      }
      return scaled(try number(atMost: header.largest), header)
    }

    mutating func byteValue(_ header: Header) throws(FileFormatError) -> UInt8 {
      var value = Int(bytes[position])
      position += 1
      if header.largest > 255 {
        value = value << 8 | Int(bytes[position])
        position += 1
      }
      guard value <= header.largest else {
        throw malformed("the value \(value), above its largest, before byte \(position)")
      }
      return scaled(value, header)
    }

    /// Rows of bits, each filled up to whole bytes.
    func readBits(_ header: Header, into values: inout [UInt8]) throws(FileFormatError) {
      let rowBytes = (header.width + 7) / 8
      guard bytes.count - position >= rowBytes * header.height else {
        throw FileFormatError(.truncated, path: path, "the PNM image ends too early")
      }
      for y in 0..<header.height {
        for x in 0..<header.width {
          let byte = bytes[position + y * rowBytes + x / 8]
          values[y * header.width + x] = byte >> (7 - x % 8) & 1 == 0 ? 255 : 0
        }
      }
    }

    private func scaled(_ value: Int, _ header: Header) -> UInt8 {
      header.largest == 255 ? UInt8(value) : UInt8((value * 255 + header.largest / 2) / header.largest)
    }

    private mutating func number(atMost limit: Int) throws(FileFormatError) -> Int {
      try skipBlanks()
      let start = position
      var value = 0
      while position < bytes.count, (48...57).contains(bytes[position]) {
        value = value * 10 + Int(bytes[position] - 48)
        guard value <= limit else { throw malformed("a number above \(limit) at byte \(start)") }
        position += 1
      }
      guard position > start else { throw malformed("no number at byte \(start)") }
      return value
    }

    /// Blanks, and comments from # to the end of the line.
    private mutating func skipBlanks() throws(FileFormatError) {
      while position < bytes.count {
        if bytes[position] == UInt8(ascii: "#") {
          while position < bytes.count, bytes[position] != 10, bytes[position] != 13 { position += 1 }
        } else if isBlank(bytes[position]) {
          position += 1
        } else {
          return
        }
      }
      throw FileFormatError(.truncated, path: path, "the PNM image ends too early")
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    private func malformed(_ problem: String) -> FileFormatError {
      FileFormatError(.malformed, path: path, "the PNM image has \(problem)")
    }
  }
}
