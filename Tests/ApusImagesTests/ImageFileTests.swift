import Apus
import ApusTestSupport
import Testing

@testable import ApusImages

/// Image files of Pillow, files of our own, and damaged ones.
@Suite struct ImageFileTests {
  private let directory = ScratchDirectory()
  private static let expected = Result { try NPZFile(path: fixturePath("expected.npz")) }
  private static let exact = [
    "grey.png", "colour.png", "opacity.png", "grey_opacity.png", "palette.png", "bits.png", "deep.png",
    "interlaced.png", "grey.pgm",
    "colour.ppm", "bits.pbm", "text.ppm", "text.pgm", "text.pbm", "deep.pgm",
  ]

  @Test("M9: PNG and PNM, exactly", arguments: exact) func readsExactly(_ name: String) throws {
    let expected = try #require(try Self.expected.get()[name])
    let image = try Image(reading: fixturePath(name))
    #expect(image.tensor.type == expected.type)
    #expect(image.pixels == expected.elements(as: UInt8.self))
    let size = try Image.size(fixturePath(name))
    #expect(size == (image.height, image.width))
  }

  /// JPEG leaves decoders some room; one step in 255 is rounding.
  @Test(arguments: ["grey.jpg", "colour.jpg", "progressive.jpg"]) func readsJPEG(_ name: String) throws {
    let expected = try #require(try Self.expected.get()[name])
    let image = try Image(reading: fixturePath(name))
    #expect(image.tensor.type == expected.type)
    let differences = zip(image.pixels, expected.elements(as: UInt8.self)).map { abs(Int($0) - Int($1)) }
    #expect(differences.max()! <= 2 && differences.reduce(0, +) < differences.count / 10)
    #expect(try Image.size(fixturePath(name)) == (19, 21))
  }

  @Test(arguments: 1...4) func writesWhatItReads(channels: Int) throws {
    var random = RandomSource(seed: 6)
    for (width, height) in [(1, 1), (7, 5), (300, 2)] {
      let image = Image(Tensor.randomUniform([height, width, channels], using: &random))
      for ending in ["png", "pgm", "ppm", "pnm"] {
        let path = directory.file("image.\(ending)")
        let isHeld = ending == "png" || (channels == 1 && ending != "ppm") || (channels == 3 && ending != "pgm")
        guard isHeld else {
          #expect(throws: FileFormatError.self) { try image.write(to: path) }
          continue
        }
        try image.write(to: path)
        #expect(try Image(reading: path) == image)
      }
      #expect(try Image(image.pngBytes, path: "memory") == image)
    }
    for name in ["image", "image.jpg", "png", "a.png/b"] {
      let error = #expect(throws: FileFormatError.self) { try Image(width: 1, height: 1, color: [0]).write(to: name) }
      #expect(error?.kind == .notRepresentable)
    }
  }

  // MARK: Damaged files

  @Test func sentences() throws {
    func check(_ bytes: [UInt8], _ kind: FileFormatError.Kind, _ part: String, mostPixels: Int = 1 << 20) {
      let path = directory.file("image", bytes)
      let error = #expect(throws: FileFormatError.self) { try Image(reading: path, mostPixels: mostPixels) }
      #expect(error?.kind == kind && error?.description.contains(part) == true, "\(String(describing: error))")
    }
    let png = ScratchDirectory.bytes(fixturePath("colour.png"))
    let jpeg = ScratchDirectory.bytes(fixturePath("colour.jpg"))
    check([], .empty, "the file is empty")
    check(Array("GIF89a".utf8), .wrongFormat, "this is not a PNG, JPEG or PNM image")
    check(png.dropLast(30), .truncated, "the PNG image ends too early")
    check(Array(jpeg.prefix(jpeg.count / 2)), .truncated, "the JPEG image ends too early")
    check(Array(jpeg.prefix(10)), .truncated, "the JPEG image ends too early")
    var damaged = png
    damaged[60] ^= 1
    check(damaged, .malformed, "the PNG image is damaged (")
    check(png, .tooLarge, "the PNG image has 13 x 11 pixels, more than the 142 allowed", mostPixels: 142)
    check(jpeg, .tooLarge, "the JPEG image has 21 x 19 pixels, more than the 398 allowed", mostPixels: 398)
    check(ScratchDirectory.bytes(fixturePath("cmyk.jpg")), .unsupported, "4 colour components; expected 1 or 3")
    check(Array("P5 2 2 255\nabc".utf8), .truncated, "the PNM image ends too early")
    check(Array("P6 100000 100000 255\n".utf8), .tooLarge, "100000 x 100000 pixels")
    check(Array("P5 99999999999 1 255\n".utf8), .malformed, "a number above 2147483647 at byte 3")
    check(Array("P5 0 1 255\n".utf8), .malformed, "a 0 as extent")
    check(Array("P2 2 1 9\n1 10".utf8), .malformed, "a number above 9 at byte 11")
    check(Array("P2 2 1 9\n1".utf8), .truncated, "the PNM image ends too early")
    check(Array("P5 2 1 9\n\u{1}\u{A}".utf8), .malformed, "the value 10, above its largest, before byte 11")
    check(Array("P1 2 1\n12".utf8), .malformed, "something other than 0 and 1 at byte 8")
    check(Array("P4 9 2\nabc".utf8), .truncated, "the PNM image ends too early")
    check(Array("P5 x".utf8), .malformed, "no number at byte 3")
  }

  /// A hundred bytes that claim to hold 16 gigapixels.
  @Test func hugeClaimsTakeNoMemory() throws {
    var png = ScratchDirectory.bytes(fixturePath("grey.png"))
    for place in 16..<24 { png[place] = place % 4 == 2 ? 0xff : 0 }
    // The checksum of the header would stop it before; with the right one the limit must.
    var checksum: UInt32 = 0xffff_ffff
    for byte in png[12..<29] {
      checksum ^= UInt32(byte)
      for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1 == 1 ? 0xedb8_8320 : 0) }
    }
    for i in 0..<4 { png[29 + i] = UInt8(truncatingIfNeeded: ~checksum >> (24 - 8 * UInt32(i))) }
    let error = #expect(throws: FileFormatError.self) { try Image(reading: directory.file("huge.png", png)) }
    #expect(
      error?.kind == .tooLarge && error?.description.contains("65280 x 65280 pixels") == true,
      "\(String(describing: error))")
    var jpeg = ScratchDirectory.bytes(fixturePath("colour.jpg"))
    let frame = try #require((0..<jpeg.count - 1).first { jpeg[$0] == 0xff && jpeg[$0 + 1] == 0xc0 })
    for i in 5..<9 { jpeg[frame + i] = i % 2 == 1 ? 0xff : 0xdc }
    let other = #expect(throws: FileFormatError.self) { try Image(reading: directory.file("huge.jpg", jpeg)) }
    #expect(other?.kind == .tooLarge && other?.description.contains("65500 x 65500 pixels") == true)
  }

  @Test(arguments: exact + ["grey.jpg", "colour.jpg", "progressive.jpg", "cmyk.jpg"]) func mutations(_ name: String)
    throws
  {
    let seed = ScratchDirectory.bytes(fixturePath(name))
    var random = RandomSource(seed: 12)
    for round in 0..<1500 {
      var bytes = seed
      if round % 4 == 0 {
        bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      } else {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        }
      }
      do throws(FileFormatError) {
        let image = try Image(bytes, path: "fuzz", mostPixels: 1 << 16)
        #expect(image.width * image.height <= 1 << 16)
      } catch {
        #expect(
          error.description.hasPrefix("fuzz: ") && error.description.hasSuffix(".")
            && !error.description.utf8.contains(10))
      }
    }
  }
}
