import ApusCore
import ApusTestSupport
import Testing

@testable import ApusFormats

@Suite struct WAVFileTests {
  private let directory = TemporaryDirectory()

  /// What SciPy reads from files of SciPy and of Python.
  @Test("M9: sounds", arguments: ["u8.wav", "i16.wav", "mono16.wav", "i24.wav", "i32.wav", "f32.wav", "f64.wav"])
  func readsWhatOthersWrite(_ name: String) throws {
    let expected = try #require(try NPZFile(path: fixturePath("sounds.npz"))[name])
    let sound = try WAVFile(path: fixturePath(name))
    #expect(sound.sampleRate == 8000 && sound.samples.type == TensorType(expected.shape, .float32))
    #expect(sound.samples.shape == [50, name == "mono16.wav" ? 1 : 2])
    #expect(firstDifference(sound.samples.doubles, expected.doubles, tolerance: 1e-7) == nil)
  }

  @Test func writesWhatOthersRead() throws {
    let sound = try WAVFile(path: fixturePath("i16.wav"))
    let path = directory.file("copy.wav")
    try sound.write(to: path)
    #expect(contents(path) == contents(fixturePath("i16.wav")))
    let extremes = WAVFile(
      samples: Tensor([-2, -1, -0x1.8p-15, 0x1p-15, 0.99999, 1, .infinity, .nan] as [Float], shape: [4, 2]),
      sampleRate: 44_100)
    try extremes.write(to: path)
    let found = try WAVFile(path: path)
    #expect(found.sampleRate == 44_100)
    #expect(found.samples.floats.map { $0 * 0x1p15 } == [-32768, -32768, -2, 1, 32767, 32767, 32767, 0])
    try WAVFile(samples: .zeros([0, 1]), sampleRate: 1).write(to: path)
    #expect(try WAVFile(path: path).samples.shape == [0, 1])
  }

  @Test func partsMayComeInBetween() throws {
    let bytes = contents(fixturePath("i16.wav"))
    let extra = Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0]  // filled up to an even place
    let path = directory.file("a.wav", bytes[..<36] + extra + bytes[36...])
    #expect(try WAVFile(path: path).samples.floats == WAVFile(path: fixturePath("i16.wav")).samples.floats)
    // An extensible format says the same at greater length.
    let format: [UInt8] = [0xfe, 0xff, 2, 0, 0x40, 0x1f, 0, 0, 0, 0x7d, 0, 0, 4, 0, 16, 0, 22, 0, 16, 0, 3, 0, 0, 0]
    let identifier: [UInt8] = [1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]
    let long = directory.file("b.wav", bytes[..<16] + [40, 0, 0, 0] + format + identifier + bytes[36...])
    #expect(try WAVFile(path: long).samples.floats == WAVFile(path: fixturePath("i16.wav")).samples.floats)
  }

  /// Of a recording that is written into a pipe nobody knows how long it becomes; here the last sample is incomplete too.
  @Test func samplesWithoutASize() throws {
    let good = contents(fixturePath("i16.wav"))
    let endless = directory.file("a.wav", good[..<40] + [255, 255, 255, 255] + good[44...].dropLast())
    let samples = try WAVFile(path: fixturePath("i16.wav")).samples
    #expect(try WAVFile(path: endless).samples.floats == samples.floats.dropLast(samples.shape[1]))
  }

  @Test func damagedFiles() {
    let good = contents(fixturePath("i16.wav"))
    func changed(_ place: Int, _ value: UInt8) -> [UInt8] {
      var bytes = good
      bytes[place] = value
      return bytes
    }
    for (bytes, kind, sentence) in [
      ([], .wrongFormat, "this is not a WAV file; it does not begin with RIFF and WAVE"),
      (changed(8, 0), .wrongFormat, "this is not a WAV file; it does not begin with RIFF and WAVE"),
      (Array(good.prefix(20)), .truncated, "the part that begins at byte 12 has 16 bytes, more than are left"),
      (Array(good.prefix(36)), .truncated, "the file holds no samples"),
      (good.dropLast(), .truncated, "the part that begins at byte 36 has 200 bytes, more than are left"),
      (changed(16, 12), .malformed, "the format of the samples is incomplete"),
      (
        changed(20, 2), .unsupported,
        "the samples are of kind 2 with 16 bits; expected 1 (PCM) with 8, 16, 24 or 32, or 3 (float) with 32 or 64"
      ),
      (changed(22, 0), .malformed, "the number of channels, the rate and the sizes do not fit each other"),
      (changed(32, 6), .malformed, "the number of channels, the rate and the sizes do not fit each other"),
      (changed(40, 199), .truncated, "there are 199 bytes of samples, not a multiple of 4"),
      (Array(good[..<12] + good[36...]), .malformed, "the samples stand before their format"),
    ] as [([UInt8], FileFormatError.Kind, String)] {
      let path = directory.file("a.wav", bytes)
      expectError(kind, path, sentence) { _ = try WAVFile(path: path) }
    }
    var random = TestRandom(seed: 8)
    for _ in 0..<3000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<60, using: &random)] = .random(in: 0...255, using: &random)
      }
      if let sound = try? WAVFile(path: directory.file("a.wav", bytes)) { #expect(sound.samples.count <= bytes.count) }
    }
  }
}
