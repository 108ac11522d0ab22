/// Walks over the fields of a CSV text (RFC 4180) byte by byte.
///
/// Beyond the standard it takes any of CR LF, LF and CR for the end of a line, and blanks around an unquoted field or
/// a quoted one are not part of it. A quote inside an unquoted field is an ordinary character.
struct FieldScanner {
  /// What the bytes of a field are, and what ends it.
  struct Field {
    /// Where its text starts and ends, without blanks around it and without its quotes.
    var start: Int
    var end: Int
    /// Whether there are doubled quotes inside, which stand for one.
    var hasDoubledQuotes = false
    /// Whether the row ends after this field.
    var endsRow = false
  }

  /// Why a field cannot be read.
  enum Problem: Error {
    case unterminatedQuote(line: Int)
    case textAfterQuote(line: Int)
  }

  let bytes: UnsafePointer<UInt8>
  let end: Int
  let separator: UInt8

  /// The next byte to read.
  private(set) var position: Int

  /// The line that `position` is on, the first being 1.
  private(set) var line = 1

  init(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int, separator: UInt8) {
    self.bytes = bytes
    self.position = start
    self.end = end
    self.separator = separator
  }

  // MARK: - Rows

  /// Passes blank lines; returns the line number of the first that was passed (nil if none) and whether a row
  /// follows.
  @inline(__always)
  mutating func skipBlankLines() -> (firstBlank: Int?, hasRow: Bool) {
    guard position < end else { return (nil, false) }
    // Most rows start with something visible.
    let first = bytes[position]
    if first > UInt8(ascii: " ") { return (nil, true) }
    return skipBlankLinesSlowly()
  }

  private mutating func skipBlankLinesSlowly() -> (firstBlank: Int?, hasRow: Bool) {
    var firstBlank: Int?
    while position < end {
      var next = position
      while next < end, isPadding(bytes[next]) { next += 1 }
      guard next == end || isLineEnd(bytes[next]) else { return (firstBlank, true) }
      if next < end { firstBlank = firstBlank ?? line }
      position = next
      passLineEnd()
    }
    return (firstBlank, false)
  }

  /// The rest of the row's fields, counted.
  mutating func countFields() throws(Problem) -> Int {
    var count = 1
    while try !nextField().endsRow { count += 1 }
    return count
  }

  // MARK: - Fields

  /// If the next field is an unquoted number, reads it; otherwise stays where it is and returns nil.
  @inline(__always)
  mutating func nextNumber() -> (value: Double, endsRow: Bool)? {
    var start = position
    while start < end, isPadding(bytes[start]) { start += 1 }
    guard let (value, numberEnd) = DecimalNumber.read(bytes, from: start, to: end) else { return nil }
    var next = numberEnd
    while next < end, isPadding(bytes[next]) { next += 1 }
    guard next < end else {
      position = next
      return (value, true)
    }
    if bytes[next] == separator {
      position = next + 1
      return (value, false)
    }
    guard isLineEnd(bytes[next]) else { return nil }
    position = next
    passLineEnd()
    return (value, true)
  }

  /// Reads the next field.
  mutating func nextField() throws(Problem) -> Field {
    while position < end, isPadding(bytes[position]) { position += 1 }
    if position < end, bytes[position] == .quote { return try quotedField() }

    var field = Field(start: position, end: position)
    while position < end, bytes[position] != separator, !isLineEnd(bytes[position]) { position += 1 }
    field.end = position
    while field.end > field.start, isPadding(bytes[field.end - 1]) { field.end -= 1 }
    field.endsRow = passFieldEnd()
    return field
  }

  private mutating func quotedField() throws(Problem) -> Field {
    let firstLine = line
    position += 1
    var field = Field(start: position, end: position)
    while true {
      guard position < end else { throw .unterminatedQuote(line: firstLine) }
      if isLineEnd(bytes[position]) {
        passLineEnd()
      } else if bytes[position] != .quote {
        position += 1
      } else if position + 1 < end, bytes[position + 1] == .quote {
        field.hasDoubledQuotes = true
        position += 2
      } else {
        break
      }
    }
    field.end = position
    position += 1
    while position < end, isPadding(bytes[position]) { position += 1 }
    guard position == end || bytes[position] == separator || isLineEnd(bytes[position]) else {
      throw .textAfterQuote(line: line)
    }
    field.endsRow = passFieldEnd()
    return field
  }

  /// `field` without blanks at the ends of its text, which a quoted field may have.
  func trimmed(_ field: Field) -> Field {
    var field = field
    while field.start < field.end, bytes[field.start].isBlank { field.start += 1 }
    while field.end > field.start, bytes[field.end - 1].isBlank { field.end -= 1 }
    return field
  }

  /// The text of `field`, doubled quotes made single.
  func text(of field: Field) -> String {
    let content = UnsafeBufferPointer(start: bytes + field.start, count: field.end - field.start)
    guard field.hasDoubledQuotes else { return String(decoding: content, as: UTF8.self) }
    var text: [UInt8] = []
    var index = 0
    while index < content.count {
      text.append(content[index])
      index += content[index] == .quote ? 2 : 1
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: - Bytes

  /// Passes the separator or the line end; returns whether the row ends here.
  private mutating func passFieldEnd() -> Bool {
    guard position < end, bytes[position] == separator else {
      passLineEnd()
      return true
    }
    position += 1
    return false
  }

  /// Passes CR LF, LF or CR, if the text does not end here.
  @inline(__always)
  private mutating func passLineEnd() {
    guard position < end else { return }
    let isPair = bytes[position] == .carriageReturn && position + 1 < end && bytes[position + 1] == .newline
    position += isPair ? 2 : 1
    line += 1
  }

  @inline(__always)
  private func isLineEnd(_ byte: UInt8) -> Bool { byte == .newline || byte == .carriageReturn }

  /// A blank that is not the separator.
  @inline(__always)
  private func isPadding(_ byte: UInt8) -> Bool { byte.isBlank && byte != separator }
}
