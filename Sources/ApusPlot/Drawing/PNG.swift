// Pixels as a file in the Portable Network Graphics format (ISO 15948). The one place that knows the format: a binding to libpng may
// take the place of this property.

extension Bitmap {
  /// The pixels as a PNG file: with a palette where 256 colours are enough.
  public var png: [UInt8] {
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let palette = palette
    let header = word(width) + word(height) + [8, palette == nil ? 6 : 3, 0, 0, 0]
    file += chunk("IHDR", header)
    let pixelSize = palette == nil ? 4 : 1
    if let palette {
      file += chunk("PLTE", palette.colors.flatMap { [UInt8($0 >> 24), UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255)] })
      if palette.colors.contains(where: { $0 & 255 < 255 }) {
        file += chunk("tRNS", palette.colors.map { UInt8($0 & 255) })
      }
    }
    // Every row begins with its filter: none.
    var rows: [UInt8] = []
    rows.reserveCapacity(height * (1 + width * pixelSize))
    for y in 0..<height {
      rows.append(0)
      if let palette {
        rows += palette.pixels[y * width..<(y + 1) * width]
      } else {
        rows += bytes[4 * y * width..<4 * (y + 1) * width]
      }
    }
    return file
      + chunk("IDAT", zlib(rows, distances: [pixelSize] + [0, -1, 1, -2, 2].map { 1 + (width + $0) * pixelSize }))
      + chunk("IEND", [])
  }

  /// The colours in the order in which they appear, and the number of every pixel's; nil if there are more than 256.
  private var palette: (colors: [UInt32], pixels: [UInt8])? {
    var colors: [UInt32] = []
    var numbers: [UInt32: UInt8] = [:]
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height)
    for i in stride(from: 0, to: bytes.count, by: 4) {
      let color = bytes[i..<i + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      if let number = numbers[color] {
        pixels.append(number)
      } else {
        guard colors.count < 256 else { return nil }
        numbers[color] = UInt8(colors.count)
        pixels.append(UInt8(colors.count))
        colors.append(color)
      }
    }
    return (colors, pixels)
  }

  private func word(_ value: some BinaryInteger) -> [UInt8] {
    let value = UInt32(truncatingIfNeeded: value)
    return [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  private func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + data
    return word(data.count) + body + word(crc32(body))
  }

  /// A zlib stream (RFC 1950).
  private func zlib(_ data: [UInt8], distances: [Int]) -> [UInt8] {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in data {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return [0x78, 0x01] + deflate(data, distances: distances) + word(b << 16 | a)
  }
}

/// The cyclic redundancy check of PNG.
private func crc32(_ bytes: [UInt8]) -> UInt32 {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes { crc = crcTable[Int((crc ^ UInt32(byte)) & 255)] ^ (crc >> 8) }
  return ~crc
}

private let crcTable: [UInt32] = (0..<256).map { index in
  (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
}

/// One block with fixed codes (RFC 1951, 3.2.6). Repetitions are looked for at the given distances only, the pixel to the left and those
/// above: drawings consist of these.
private func deflate(_ data: [UInt8], distances: [Int]) -> [UInt8] {
  var bits = BitWriter()
  bits.write(1, count: 1)  // the last block
  bits.write(1, count: 2)  // fixed codes
  func symbol(_ value: Int) {
    switch value {
    case ..<144: bits.writeCode(0x30 + value, count: 8)
    case ..<256: bits.writeCode(0x190 + value - 144, count: 9)
    case ..<280: bits.writeCode(value - 256, count: 7)
    default: bits.writeCode(0xC0 + value - 280, count: 8)
    }
  }
  let usable = distances.filter { (1...32768).contains($0) }
  var i = 0
  while i < data.count {
    var (length, distance) = (0, 0)
    for candidate in usable where candidate <= i {
      var n = 0
      while n < 258, i + n < data.count, data[i + n] == data[i + n - candidate] { n += 1 }
      if n > length { (length, distance) = (n, candidate) }
    }
    guard length >= 4 else {
      symbol(Int(data[i]))
      i += 1
      continue
    }
    let l = lengthCodes.last { $0.base <= length }!
    symbol(257 + l.index)
    bits.write(length - l.base, count: l.extra)
    let d = distanceCodes.last { $0.base <= distance }!
    bits.writeCode(d.index, count: 5)
    bits.write(distance - d.base, count: d.extra)
    i += length
  }
  symbol(256)  // the end
  return bits.bytes
}

private typealias Code = (index: Int, base: Int, extra: Int)

/// The codes of the lengths 3 to 258: four codes for each number of extra bits, after the first eight; 258 has one of its own.
private let lengthCodes: [Code] = codes(count: 28, base: 3, perExtra: 4) + [(28, 258, 0)]
/// The codes of the distances 1 to 32768: two for each number of extra bits.
private let distanceCodes: [Code] = codes(count: 30, base: 1, perExtra: 2)

private func codes(count: Int, base: Int, perExtra: Int) -> [Code] {
  var next = base
  return (0..<count).map { index in
    let extra = max(0, index / perExtra - 1)
    defer { next += 1 << extra }
    return (index, next, extra)
  }
}

/// Bits, the lowest of each byte first.
private struct BitWriter {
  private var done: [UInt8] = []
  private var pending: UInt64 = 0
  private var count = 0

  mutating func write(_ value: Int, count new: Int) {
    pending |= UInt64(value) << UInt64(count)
    count += new
    while count >= 8 {
      done.append(UInt8(pending & 255))
      pending >>= 8
      count -= 8
    }
  }

  /// A code's bits stand the other way round.
  mutating func writeCode(_ code: Int, count: Int) {
    var reversed = 0
    for bit in 0..<count where code >> bit & 1 == 1 { reversed |= 1 << (count - 1 - bit) }
    write(reversed, count: count)
  }

  var bytes: [UInt8] { count > 0 ? done + [UInt8(pending & 255)] : done }
}
