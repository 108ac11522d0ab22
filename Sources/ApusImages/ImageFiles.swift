import ApusFiles
import CApusImages

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Image {
  /// Images of more pixels are refused unless asked for: 2^28 are a gigabyte, and a few kilobytes may claim to hold them.
  public static let usualMostPixels = 1 << 28

  /// Reads a PNG, JPEG or PNM (P1 to P6: PBM, PGM, PPM) file; its first bytes say which it is.
  ///
  /// Palettes become colours; 16 bits become 8, fewer bits 8. Colour profiles, gamma and a camera's orientation are left alone. Damaged
  /// files are refused, even where a viewer would show something.
  /// - Throws: `FileFormatError` for anything that is not an image as it should be.
  public init(reading path: String, mostPixels: Int = usualMostPixels) throws(FileFormatError) {
    let file = try LocalFile(reading: path)
    guard file.size < Machine.memory else {
      throw FileFormatError(.tooLarge, path: path, "the file is larger than this machine's memory")
    }
    try self.init(try file.bytes(at: 0, count: file.size), path: path, mostPixels: mostPixels)
  }

  /// Reads the bytes of an image file; see ``init(reading:mostPixels:)``.
  /// - Parameter path: a name for them in messages.
  public init(_ bytes: [UInt8], path: String, mostPixels: Int = usualMostPixels) throws(FileFormatError) {
    let format = try ImageFormat(bytes, path: path)
    if format == .pnm {
      self = try PNM.read(bytes, path: path, mostPixels: mostPixels)
      return
    }
    let read = format == .png ? apus_png_read : apus_jpeg_read
    var image = apus_image()
    let status = read(bytes, bytes.count, Int64(mostPixels), &image)
    defer { free(image.pixels) }
    guard status == APUS_IMAGE_OK, let pixels = image.pixels else {
      throw FileFormatError(status, &image, format, path, mostPixels: mostPixels)
    }
    let (width, height, channels) = (Int(image.width), Int(image.height), Int(image.channels))
    let values = UnsafeBufferPointer(start: pixels, count: width * height * channels)
    self.init(width: width, height: height, channels: channels, pixels: Array(values))
  }

  /// The extents of an image file, without reading its pixels.
  static func size(_ path: String) throws(FileFormatError) -> (height: Int, width: Int) {
    let file = try LocalFile(reading: path)
    // All of it: some cameras write long notes before the extents.
    let bytes = try file.bytes(at: 0, count: file.size)
    let format = try ImageFormat(bytes, path: path)
    if format == .pnm { return try PNM.size(bytes, path: path) }
    var image = apus_image()
    let status = (format == .png ? apus_png_size : apus_jpeg_size)(bytes, bytes.count, &image)
    guard status == APUS_IMAGE_OK else { throw FileFormatError(status, &image, format, path, mostPixels: 0) }
    return (Int(image.height), Int(image.width))
  }

  /// The bytes of a PNG file.
  public var pngBytes: [UInt8] {
    var image = apus_image()
    (image.width, image.height, image.channels) = (Int64(width), Int64(height), Int32(channels))
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = apus_png_write(pixels, &image, &bytes, &count)
    defer { free(bytes) }
    guard status == APUS_IMAGE_OK, let bytes else { fatalError("Image: PNG cannot be written (\(image.text))") }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }

  /// Writes a file as a whole or not at all; its name says in which format: `.png`, `.pgm`, `.ppm`, or `.pnm` for either of these.
  /// - Throws: `FileFormatError` if the format cannot hold the image or the system cannot write the file.
  public func write(to path: String) throws(FileFormatError) {
    let bytes: [UInt8]
    switch path.split(separator: "/").last?.split(separator: ".").dropFirst().last.map({ $0.lowercased() }) {
    case "png": bytes = pngBytes
    case "pgm" where channels == 1, "ppm" where channels == 3, "pnm" where channels == 1 || channels == 3:
      bytes = PNM.bytes(self)
    case let name? where ["pgm", "ppm", "pnm"].contains(name):
      throw FileFormatError(
        .notRepresentable, path: path, "an image of \(channels) channels cannot be written as .\(name); use .png")
    default:
      throw FileFormatError(
        .notRepresentable, path: path, "the name does not say the format; let it end in .png, .pgm or .ppm")
    }
    try AtomicFile.write(to: path) { (file) throws(FileFormatError) in try file.write(bytes) }
  }
}

/// The formats that are read.
enum ImageFormat: String {
  case png = "PNG"
  case jpeg = "JPEG"
  case pnm = "PNM"

  init(_ bytes: [UInt8], path: String) throws(FileFormatError) {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      self = .png
    } else if bytes.starts(with: [0xff, 0xd8, 0xff]) {
      self = .jpeg
    } else if bytes.count > 2, bytes[0] == UInt8(ascii: "P"), (0x31...0x36).contains(bytes[1]) {
      self = .pnm
    } else if bytes.isEmpty {
      throw FileFormatError(.empty, path: path, "the file is empty")
    } else {
      throw FileFormatError(.wrongFormat, path: path, "this is not a PNG, JPEG or PNM image")
    }
  }
}

extension apus_image {
  /// The message, as a clause.
  fileprivate var text: String {
    mutating get { withUnsafeBytes(of: &message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } }
  }
}

extension FileFormatError {
  fileprivate init(
    _ status: apus_image_status, _ image: inout apus_image, _ format: ImageFormat, _ path: String, mostPixels: Int
  ) {
    let text = shown(image.text, limit: 200)
    let details = text.isEmpty ? "" : " (\(text))"
    switch status {
    case APUS_IMAGE_TRUNCATED: self.init(.truncated, path: path, "the \(format.rawValue) image ends too early")
    case APUS_IMAGE_UNSUPPORTED:
      self.init(.unsupported, path: path, "this kind of \(format.rawValue) image is not read\(details)")
    case APUS_IMAGE_TOO_LARGE:
      self.init(
        .tooLarge, path: path,
        "the \(format.rawValue) image has \(image.width) x \(image.height) pixels, more than the \(mostPixels) allowed")
    case APUS_IMAGE_NO_MEMORY:
      self.init(.tooLarge, path: path, "there is not enough memory for \(image.width) x \(image.height) pixels")
    default: self.init(.malformed, path: path, "the \(format.rawValue) image is damaged\(details)")
    }
  }
}
