import ApusCore

/// Sound in a file of the WAV format (RIFF): samples as numbers.
///
/// ```swift
/// let sound = try WAVFile(path: "bird.wav")
/// sound.samples                // float32 (samples, channels), from -1 to 1
/// try WAVFile(samples: sound.samples, sampleRate: sound.sampleRate).write(to: "copy.wav")
/// ```
public struct WAVFile: Sendable {
  /// float32 of shape (samples, channels). Whole numbers of b bits are divided by 2^(b - 1): they lie from -1 up to but not including 1.
  public let samples: Tensor
  /// Samples in a second.
  public let sampleRate: Int

  /// - Precondition: `samples` are floating-point numbers of shape (samples, channels), 1 to 65,535 channels; the rate is 1 to 2^32 - 1.
  public init(samples: Tensor, sampleRate: Int) {
    guard samples.rank == 2, samples.dtype.isFloatingPoint, 1...65535 ~= samples.shape[1],
      1...Int(UInt32.max) ~= sampleRate
    else {
      fatalError(
        "WAVFile: samples of type \(samples.type) at a rate of \(sampleRate); expected floats (samples, channels)")
    }
    (self.samples, self.sampleRate) = (samples.cast(to: .float32), sampleRate)
  }

  // MARK: - Reading

  /// Reads the file at `path`: PCM of 8, 16, 24 or 32 bits, or floating-point numbers of 32 or 64 bits.
  /// - Throws: `FileFormatError` for anything that is not such a file as it should be.
  public init(path: String) throws(FileFormatError) {
    let file = try LocalFile(reading: path)
    guard file.size >= 12, case let start = try file.bytes(at: 0, count: 12), start.starts(with: Array("RIFF".utf8)),
      start[8...].elementsEqual("WAVE".utf8)
    else {
      throw FileFormatError(.wrongFormat, path: path, "this is not a WAV file; it does not begin with RIFF and WAVE")
    }
    var place = 12
    var format: Format?
    while place + 8 <= file.size {
      let header = try file.bytes(at: place, count: 8)
      let begin = place + 8
      var size = number(header[4..<8])
      // What is written while it is recorded knows no size: its samples go on to the end.
      if size == UInt32.max, header.starts(with: Array("data".utf8)), let format {
        size = (file.size - begin) / format.frameBytes * format.frameBytes
      }
      guard size <= file.size - begin else {
        throw FileFormatError(
          .truncated, path: path, "the part that begins at byte \(place) has \(bytes(size)), more than are left")
      }
      switch String(decoding: header[..<4], as: UTF8.self) {
      case "fmt ": format = try Format(try file.bytes(at: begin, count: min(size, 40)), path)
      case "data":
        guard let format else { throw FileFormatError(.malformed, path: path, "the samples stand before their format") }
        guard size % format.frameBytes == 0 else {
          throw FileFormatError(
            .truncated, path: path, "there are \(bytes(size)) of samples, not a multiple of \(format.frameBytes)")
        }
        let shape: Shape = [size / format.frameBytes, format.channels]
        let data = try file.bytes(at: begin, count: size)
        samples = Tensor(type: TensorType(shape, .float32)) { target in
          if let target = target.bindMemory(to: Float.self).baseAddress { format.convert(data, to: target) }
        }
        sampleRate = format.sampleRate
        return
      default: break
      }
      place = begin + size + size % 2  // parts begin at even bytes
    }
    throw FileFormatError(.truncated, path: path, "the file holds no samples")
  }

  /// How samples are written.
  private struct Format {
    let channels: Int
    let sampleRate: Int
    let sampleBytes: Int
    let isFloat: Bool
    var frameBytes: Int { channels * sampleBytes }

    init(_ part: [UInt8], _ path: String) throws(FileFormatError) {
      guard part.count >= 16 else {
        throw FileFormatError(.malformed, path: path, "the format of the samples is incomplete")
      }
      var kind = number(part[0..<2])
      // An extensible format says its kind in the first two bytes of an identifier.
      if kind == 0xfffe && part.count >= 26 { kind = number(part[24..<26]) }
      let bits = number(part[14..<16])
      (channels, sampleRate, sampleBytes, isFloat) = (number(part[2..<4]), number(part[4..<8]), bits / 8, kind == 3)
      let isKnown = kind == 1 ? [8, 16, 24, 32].contains(bits) : kind == 3 && [32, 64].contains(bits)
      guard isKnown else {
        throw FileFormatError(
          .unsupported, path: path,
          "the samples are of kind \(kind) with \(bits) bits; expected 1 (PCM) with 8, 16, 24 or 32, or 3 (float) with 32 or 64"
        )
      }
      guard channels > 0, sampleRate > 0, number(part[12..<14]) == channels * sampleBytes else {
        throw FileFormatError(
          .malformed, path: path, "the number of channels, the rate and the sizes do not fit each other")
      }
    }

    func convert(_ data: [UInt8], to target: UnsafeMutablePointer<Float>) {
      let count = data.count / sampleBytes
      data.withUnsafeBytes { data in
        func load<Bits: FixedWidthInteger>(_ i: Int, _: Bits.Type) -> Bits {
          Bits(littleEndian: data.loadUnaligned(fromByteOffset: i * MemoryLayout<Bits>.size, as: Bits.self))
        }
        switch (sampleBytes, isFloat) {
        case (1, _): for i in 0..<count { target[i] = (Float(data[i]) - 128) / 128 }  // the only one without sign
        case (2, _): for i in 0..<count { target[i] = Float(load(i, Int16.self)) / 0x1p15 }
        case (3, _):
          for i in 0..<count {
            let bits = UInt32(data[3 * i]) << 8 | UInt32(data[3 * i + 1]) << 16 | UInt32(data[3 * i + 2]) << 24
            target[i] = Float(Int32(bitPattern: bits) >> 8) / 0x1p23
          }
        case (4, false): for i in 0..<count { target[i] = Float(load(i, Int32.self)) / 0x1p31 }
        case (4, true): for i in 0..<count { target[i] = Float(bitPattern: load(i, UInt32.self)) }
        default: for i in 0..<count { target[i] = Float(Double(bitPattern: load(i, UInt64.self))) }
        }
      }
    }
  }

  // MARK: - Writing

  /// Writes PCM of 16 bits, or replaces the file at `path`, as a whole or not at all. Samples are rounded; those outside of -1 to 1 take
  /// the nearest value that there is.
  /// - Throws: `FileFormatError` if there are more samples than the format holds, 4 GB, or the system cannot write the file.
  public func write(to path: String) throws(FileFormatError) {
    let channels = samples.shape[1]
    let size = 2 * samples.count
    guard size <= Int(UInt32.max) - 36, 2 * channels <= 0xffff, sampleRate * 2 * channels <= Int(UInt32.max) else {
      throw FileFormatError(
        .notRepresentable, path: path, "a WAV file holds less than 4 GB; there are \(bytes(size)) of samples")
    }
    func field(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let header =
      Array("RIFF".utf8) + field(36 + size, 4) + Array("WAVEfmt ".utf8) + field(16, 4) + field(1, 2)
      + field(channels, 2)
      + field(sampleRate, 4) + field(sampleRate * 2 * channels, 4) + field(2 * channels, 2) + field(16, 2)
      + Array("data".utf8) + field(size, 4)
    let data = samples.floats.flatMap { sample in
      // NaN is silence.
      let value = sample.isNaN ? 0 : Int16(max(-32768, min(32767, (sample * 0x1p15).rounded(.toNearestOrEven))))
      return [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
    }
    try AtomicFile.write(to: path) { (file) throws(FileFormatError) in
      try file.write(header)
      try file.write(data)
    }
  }
}

/// A little-endian number.
private func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reversed().reduce(0) { $0 << 8 | Int($1) } }
