import CZlib

/// A ZIP archive (PKWARE's APPNOTE 6.3), as far as files of arrays need it: stored and deflated entries, sizes of 64 bits.
package struct ZIPArchive {
  package struct Entry {
    package let name: String
    /// The CRC-32 of the unpacked bytes.
    package let checksum: UInt32
    let packedCount: Int
    let isDeflated: Bool
    /// Where the entry's own header begins.
    let offset: Int
  }

  /// In the order of the directory at the archive's end.
  package let entries: [Entry]
  private let file: LocalFile

  /// Opens the archive at `path` and reads its directory.
  /// - Throws: `FileFormatError` for anything that is not an archive as it should be.
  package init(path: String) throws(FileFormatError) {
    file = try LocalFile(reading: path)
    // The archive ends with a record of 22 bytes and a comment of up to 65,535.
    let tailStart = max(0, file.size - 22 - 0xffff)
    let tail = Fields(try file.bytes(at: tailStart, count: file.size - tailStart))
    guard
      let end = stride(from: tail.bytes.count - 22, through: 0, by: -1).first(where: {
        tail.number($0, 4) == 0x0605_4b50 && $0 + 22 + tail.number($0 + 20, 2) == tail.bytes.count
      })
    else {
      throw FileFormatError(
        .wrongFormat, path: path, "this is not a ZIP archive; its directory is not found at the end")
    }
    var (count, size, offset) = (tail.number(end + 10, 2), tail.number(end + 12, 4), tail.number(end + 16, 4))
    if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
      // A locator stands before the record, and names the place of a longer one.
      if end >= 20, tail.number(end - 20, 4) == 0x0706_4b50 {
        let place = tail.number(end - 12, 8)
        guard place >= 0, place <= file.size - 56 else { throw Self.damaged(path) }
        let record = Fields(try file.bytes(at: place, count: 56))
        guard record.number(0, 4) == 0x0606_4b50 else { throw Self.damaged(path) }
        (count, size, offset) = (record.number(32, 8), record.number(40, 8), record.number(48, 8))
      }
    }
    guard size >= 0, offset >= 0, size <= file.size, offset <= file.size - size, count >= 0, count <= size / 46 else {
      throw Self.damaged(path)
    }
    let directory = Fields(try file.bytes(at: offset, count: size))
    var entries: [Entry] = []
    var place = 0
    for _ in 0..<count {
      guard place + 46 <= size, directory.number(place, 4) == 0x0201_4b50 else { throw Self.damaged(path) }
      let lengths = (28...32).filter { $0 % 2 == 0 }.map { directory.number(place + $0, 2) }
      let end = place + 46 + lengths.reduce(0, +)
      guard end <= size else { throw Self.damaged(path) }
      entries.append(try Self.entry(directory, at: place, nameCount: lengths[0], extraCount: lengths[1], path))
      place = end
    }
    self.entries = entries
  }

  /// The unpacked bytes of one of this archive's ``entries``.
  package func stream(_ entry: Entry) throws(FileFormatError) -> ByteStream {
    guard entry.offset >= 0, entry.offset <= file.size - 30 else { throw Self.damaged(file.path) }
    let header = Fields(try file.bytes(at: entry.offset, count: 30))
    let start = entry.offset + 30 + header.number(26, 2) + header.number(28, 2)
    guard header.number(0, 4) == 0x0403_4b50, entry.packedCount >= 0, start <= file.size,
      entry.packedCount <= file.size - start
    else { throw Self.damaged(file.path) }
    return try ByteStream(file, start..<start + entry.packedCount, entry.isDeflated ? .deflate : .none)
  }

  private static func entry(
    _ directory: Fields, at place: Int, nameCount: Int, extraCount: Int, _ path: String
  ) throws(FileFormatError) -> Entry {
    let name = String(decoding: directory.bytes[place + 46..<place + 46 + nameCount], as: UTF8.self)
    let (flags, method) = (directory.number(place + 8, 2), directory.number(place + 10, 2))
    guard flags & 1 == 0 else {
      throw FileFormatError(.unsupported, path: path, "the entry '\(shown(name))' is encrypted")
    }
    guard method == 0 || method == 8 else {
      throw FileFormatError(
        .unsupported, path: path,
        "the entry '\(shown(name))' is packed by method \(method); expected 0 (stored) or 8 (deflated)")
    }
    var sizes = [24, 20, 42].map { directory.number(place + $0, 4) }  // unpacked, packed, offset
    // Those that do not fit stand in a field of their own, in this order.
    var field = place + 46 + nameCount
    let end = field + extraCount
    while field + 4 <= end {
      let (kind, count) = (directory.number(field, 2), directory.number(field + 2, 2))
      guard field + 4 + count <= end else { throw damaged(path) }
      if kind == 1 {
        var next = field + 4
        for i in 0..<3 where sizes[i] == 0xffff_ffff {
          guard next + 8 <= field + 4 + count else { throw damaged(path) }
          sizes[i] = directory.number(next, 8)
          next += 8
        }
      }
      field += 4 + count
    }
    return Entry(
      name: name, checksum: UInt32(directory.number(place + 16, 4)), packedCount: sizes[1], isDeflated: method == 8,
      offset: sizes[2])
  }

  private static func damaged(_ path: String) -> FileFormatError {
    FileFormatError(.malformed, path: path, "the archive's directory is damaged")
  }
}

/// Little-endian numbers among bytes.
private struct Fields {
  let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The number of `count` bytes at `place`; one of 64 bits may come out negative.
  func number(_ place: Int, _ count: Int) -> Int {
    (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }
}

/// Writes a ZIP archive of stored entries.
package struct ZIPWriter {
  private let file: FileWriter
  private var directory: [UInt8] = []
  private var count = 0
  private var offset = 0

  package init(_ file: FileWriter) { self.file = file }

  /// Adds an entry that consists of `start` and `rest`.
  /// - Throws: `FileFormatError` if the archive gets larger than the format allows, 4 GB, or cannot be written.
  package mutating func add(
    _ name: String, _ start: [UInt8], _ rest: UnsafeRawBufferPointer
  ) throws(FileFormatError) {
    let name = Array(name.utf8)
    let size = start.count + rest.count
    guard name.count <= 0xffff, count < 0xffff, offset + 30 + name.count + size < 0xffff_ffff else {
      throw FileFormatError(
        .notRepresentable, path: file.path,
        "the archive would be larger than 4 GB, hold more than 65,534 entries or have a name longer than 65,535 bytes")
    }
    var checksum = start.withUnsafeBytes { Self.checksum(0, $0) }
    checksum = Self.checksum(checksum, rest)
    // Version 2.0, names in UTF-8, stored, midnight of the first day of 1980, checksum, both sizes, name.
    let fields =
      Self.number(20, 2) + Self.number(1 << 11, 2) + Self.number(0, 2) + Self.number(0, 2) + Self.number(0x21, 2)
      + Self.number(Int(checksum), 4) + Self.number(size, 4) + Self.number(size, 4) + Self.number(name.count, 2)
      + Self.number(0, 2)
    try file.write(Self.number(0x0403_4b50, 4) + fields + name)
    try file.write(start)
    try file.write(rest)
    directory +=
      Self.number(0x0201_4b50, 4) + Self.number(20, 2) + fields + Self.number(0, 2 + 2 + 2 + 4) + Self.number(offset, 4)
      + name
    offset += 30 + name.count + size
    count += 1
  }

  /// Writes the directory.
  package func finish() throws(FileFormatError) {
    guard offset + directory.count < 0xffff_ffff else {
      throw FileFormatError(.notRepresentable, path: file.path, "the archive would be larger than 4 GB")
    }
    try file.write(
      directory + Self.number(0x0605_4b50, 4) + Self.number(0, 4) + Self.number(count, 2) + Self.number(count, 2)
        + Self.number(directory.count, 4) + Self.number(offset, 4) + Self.number(0, 2))
  }

  private static func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
  }

  private static func checksum(_ before: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = UInt(before)
    for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 30, bytes.count)])
      checksum = UInt(crc32(checksum, piece.baseAddress?.assumingMemoryBound(to: UInt8.self), uInt(piece.count)))
    }
    return UInt32(truncatingIfNeeded: checksum)
  }
}
