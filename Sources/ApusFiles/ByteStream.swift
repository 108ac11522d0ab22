import CZlib

/// The bytes of a file, or of a part of it, one after the other; compressed ones are unpacked on the way.
///
/// Nothing is believed that the file says about its size: memory is only taken by who reads, and a file that unpacks to more than its
/// reader expects is refused at the first byte too many.
package final class ByteStream {
  /// How the bytes lie in the file.
  package enum Packing: Sendable {
    /// As they are.
    case none
    /// As gzip writes them (RFC 1952), in one piece or several.
    case gzip
    /// As DEFLATE writes them, without header and trailer (RFC 1951): in ZIP archives.
    case deflate
  }

  /// The file, for messages.
  package let path: String
  /// The CRC-32 of all bytes that were read so far.
  package private(set) var checksum: UInt32 = 0
  private let file: LocalFile
  private let packing: Packing
  /// The part of the file that has not been read yet.
  private var rest: Range<Int>
  private var inflater: Inflater?
  private let packed: UnsafeMutableRawBufferPointer
  private static let packedCount = 1 << 16

  /// The bytes in `range` of `file`.
  package init(_ file: LocalFile, _ range: Range<Int>, _ packing: Packing) throws(FileFormatError) {
    path = file.path
    self.file = file
    self.packing = packing
    rest = range
    packed = .allocate(byteCount: packing == .none ? 0 : Self.packedCount, alignment: 16)
    guard packing != .none else { return }
    inflater = Inflater(packing)
    guard inflater != nil else {
      throw FileFormatError(.unreadable, path: path, "zlib cannot start: there is not enough memory")
    }
  }

  /// The bytes of the file at `path`, unpacked if they are gzip's.
  package convenience init(reading path: String) throws(FileFormatError) {
    let file = try LocalFile(reading: path)
    let start = try file.bytes(at: 0, count: min(2, file.size))
    let isPacked = start == [0x1f, 0x8b]
    try self.init(file, 0..<file.size, isPacked ? .gzip : .none)
  }

  deinit { packed.deallocate() }

  /// The next bytes: as many as `buffer` holds, unless they end before. Returns how many there were.
  package func next(into buffer: UnsafeMutableRawBufferPointer) throws(FileFormatError) -> Int {
    let count = try packing == .none ? copy(into: buffer) : unpack(into: buffer)
    // zlib takes counts of 32 bits.
    for start in stride(from: 0, to: count, by: 1 << 30) {
      let piece = buffer[start..<min(start + 1 << 30, count)]
      let address = UnsafeRawBufferPointer(rebasing: piece).baseAddress?.assumingMemoryBound(to: UInt8.self)
      checksum = UInt32(truncatingIfNeeded: crc32(UInt(checksum), address, uInt(piece.count)))
    }
    return count
  }

  /// At most so many bytes are left: DEFLATE packs no more than 1,032 bytes into one. For checks before memory is taken.
  package var mostBytes: Int { packing == .none ? rest.count : (rest.count + Self.packedCount) * 1032 }

  /// Fills `buffer`.
  /// - Throws: `FileFormatError` if the bytes end before.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileFormatError) {
    let count = try next(into: buffer)
    guard count == buffer.count else {
      throw FileFormatError(
        .truncated, path: path, "the file ends where \(bytes(buffer.count - count)) more were expected")
    }
  }

  /// The next `count` bytes.
  package func read(_ count: Int) throws(FileFormatError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(FileFormatError) in try read(into: buffer) }
    }.get()
    return bytes
  }

  /// All bytes that are left.
  /// - Throws: `FileFormatError` if they are more than `limit`.
  package func rest(atMost limit: Int) throws(FileFormatError) -> [UInt8] {
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try piece.withUnsafeMutableBytes { buffer in
        Result { () throws(FileFormatError) in try next(into: buffer) }
      }.get()
      if count == 0 { return all }
      guard all.count + count <= limit else {
        throw FileFormatError(.tooLarge, path: path, "the file holds more than the \(bytes(limit)) that are allowed")
      }
      all += piece[..<count]
    }
  }

  /// Checks that nothing follows.
  package func requireEnd() throws(FileFormatError) {
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) { buffer in
      Result { () throws(FileFormatError) in try next(into: buffer) }
    }.get()
    guard count == 0 else {
      throw FileFormatError(.malformed, path: path, "more bytes follow where the file should end")
    }
  }

  private func copy(into buffer: UnsafeMutableRawBufferPointer) throws(FileFormatError) -> Int {
    let count = min(buffer.count, rest.count)
    try file.read(at: rest.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    rest = rest.lowerBound + count..<rest.upperBound
    return count
  }

  private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws(FileFormatError) -> Int {
    guard let inflater else { return 0 }
    var done = 0
    while done < buffer.count {
      if inflater.needsInput {
        let count = min(rest.count, Self.packedCount)
        if inflater.isAtEnd && count == 0 { return done }
        let piece = UnsafeMutableRawBufferPointer(rebasing: packed[..<count])
        try file.read(at: rest.lowerBound, into: piece)
        rest = rest.lowerBound + count..<rest.upperBound
        inflater.supply(UnsafeRawBufferPointer(piece))
      }
      if inflater.isAtEnd {
        guard packing == .gzip else {
          throw FileFormatError(.malformed, path: path, "more bytes follow where the packed bytes should end")
        }
        inflater.restart()  // gzip's files may be joined
      }
      switch inflater.run(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...])) {
      case .success(let count):
        done += count
        // Nothing came out, and nothing is left to put in.
        if count == 0 && !inflater.isAtEnd && inflater.needsInput && rest.isEmpty {
          throw FileFormatError(.truncated, path: path, "the packed bytes end too early")
        }
      case .failure(let error):
        throw FileFormatError(.malformed, path: path, "the packed bytes are damaged (\(error.reason))")
      }
    }
    return done
  }
}

/// zlib's state, which must stay where it is.
private final class Inflater {
  struct Failure: Error { let reason: String }

  private let stream: UnsafeMutablePointer<z_stream>
  /// Whether a whole packed piece has come out.
  private(set) var isAtEnd = false

  init?(_ packing: ByteStream.Packing) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // The window's bits: 16 more ask for gzip's header, a minus sign for none.
    let bits: Int32 = packing == .gzip ? 15 + 16 : -15
    guard inflateInit2_(stream, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      stream.deallocate()
      return nil
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  var needsInput: Bool { stream.pointee.avail_in == 0 }

  /// More packed bytes, which stay where they are until they are used up.
  func supply(_ bytes: UnsafeRawBufferPointer) {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = uInt(bytes.count)
  }

  func restart() {
    inflateReset(stream)
    isAtEnd = false
  }

  /// Unpacks into `buffer` and returns how many bytes there are.
  func run(into buffer: UnsafeMutableRawBufferPointer) -> Result<Int, Failure> {
    let room = min(buffer.count, 1 << 30)
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = uInt(room)
    let code = inflate(stream, Z_NO_FLUSH)
    switch code {
    case Z_STREAM_END: isAtEnd = true
    case Z_OK, Z_BUF_ERROR: break
    default: return .failure(Failure(reason: stream.pointee.msg.map { String(cString: $0) } ?? "zlib's code \(code)"))
    }
    return .success(room - Int(stream.pointee.avail_out))
  }
}
