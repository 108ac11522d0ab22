/// One pass over a file before it is parsed: it must be text in UTF-8, and the number of its lines tells how much
/// memory its columns will need.
struct TextCheck {
  /// What is wrong with the text, and at which byte; nil if nothing is.
  private(set) var problem: (kind: CSVError.Kind, offset: Int)?

  /// The number of line feeds up to the problem or the end.
  private(set) var newlineCount = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let base = bytes.baseAddress else { return }
    var offset = 0
    while offset < bytes.count {
      // Eight bytes at a time, as long as all are ASCII and none is zero.
      if offset + 8 <= bytes.count {
        let word = UnsafeRawPointer(base + offset).loadUnaligned(as: UInt64.self)
        if word & Self.highBits == 0, Self.zeroCount(word) == 0 {
          newlineCount += Self.zeroCount(word ^ Self.newlines)
          offset += 8
          continue
        }
      }
      let length = Self.characterLength(base, at: offset, end: bytes.count)
      guard length > 0, base[offset] != 0 else {
        problem = (length > 0 ? .zeroByte : .invalidUTF8, offset)
        return
      }
      if base[offset] == .newline { newlineCount += 1 }
      offset += length
    }
  }

  private static let highBits: UInt64 = 0x8080_8080_8080_8080
  private static let newlines: UInt64 = 0x0A0A_0A0A_0A0A_0A0A

  /// The number of zero bytes in a word of bytes below 0x80: adding 0x7F sets the high bit of every other byte.
  @inline(__always)
  private static func zeroCount(_ word: UInt64) -> Int {
    8 - ((word &+ 0x7F7F_7F7F_7F7F_7F7F) & highBits).nonzeroBitCount
  }

  /// The number of bytes of the UTF-8 character at `offset`; 0 if there is no valid one (Unicode, table 3-7).
  private static func characterLength(_ bytes: UnsafePointer<UInt8>, at offset: Int, end: Int) -> Int {
    let first = bytes[offset]
    var second: ClosedRange<UInt8> = 0x80...0xBF
    let length: Int
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if first == 0xE0 { second = 0xA0...0xBF }
      if first == 0xED { second = 0x80...0x9F }
    case 0xF0...0xF4:
      length = 4
      if first == 0xF0 { second = 0x90...0xBF }
      if first == 0xF4 { second = 0x80...0x8F }
    default: return 0
    }
    guard offset + length <= end, second.contains(bytes[offset + 1]) else { return 0 }
    for index in (offset + 2)..<max(offset + length, offset + 2) where bytes[index] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
