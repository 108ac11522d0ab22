import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Dataset {
  /// Handwritten digits, or what else comes in MNIST's four files (LeCun et al., 1998): images as rows of pixels from 0 to 1.
  ///
  /// The files are `train*-images-idx3-ubyte`, `train*-labels-idx1-ubyte`, and the same with `t10k`, unpacked; `*` stands for anything.
  /// - Throws: `DatasetError` if one of them is missing or is not what its name says, `CSVError` if it cannot be read.
  public static func mnist(directory: String) throws -> (training: Dataset, test: Dataset) {
    let names = try namesOfFiles(in: directory)
    func part(_ prefix: String) throws -> Dataset {
      func file(_ suffix: String) throws -> IDXFile {
        if let name = names.first(where: { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }) {
          return try IDXFile(reading: "\(directory)/\(name)")
        }
        let isPacked = names.contains { $0.hasPrefix(prefix) && $0.hasSuffix(suffix + ".gz") }
        throw DatasetError(
          "\(directory): there is no file \(prefix)*\(suffix)" + (isPacked ? "; unpack it with gunzip" : ""))
      }
      return try Dataset(images: file("-images-idx3-ubyte"), labels: file("-labels-idx1-ubyte"))
    }
    return (try part("train"), try part("t10k"))
  }

  private init(images: IDXFile, labels: IDXFile) throws(DatasetError) {
    guard images.extents.count == 3 else {
      throw DatasetError("\(images.path): there are \(images.extents.count) axes; images need 3")
    }
    guard labels.extents == [images.extents[0]] else {
      throw DatasetError(
        "\(labels.path): the extents are \(labels.extents); expected a label for each image, [\(images.extents[0])]")
    }
    if let wrong = labels.elements.first(where: { $0 > 9 }) {
      throw DatasetError("\(labels.path): the label \(wrong) is outside 0 to 9")
    }
    let pixels = images.extents[1] * images.extents[2]
    self.init(
      images.path,
      features: Tensor(Array(images.elements), shape: [images.extents[0], pixels]).cast(to: .float32) / 255,
      targets: Tensor(labels.elements.map(Int32.init)), kind: .classes((0...9).map(String.init)))
  }
}

/// An array of bytes in IDX, the format of MNIST: two zeros, the element type, the number of axes, their extents, the elements.
private struct IDXFile {
  let path: String
  let extents: [Int]
  let elements: ArraySlice<UInt8>

  init(reading path: String) throws {
    let bytes = try bytesOfFile(path)
    let byteType: UInt8 = 8
    guard bytes.count >= 4, bytes.prefix(3) == [0, 0, byteType] else {
      throw DatasetError("\(path): this is not an IDX file of bytes; it begins with \(Array(bytes.prefix(4)))")
    }
    let start = 4 + 4 * Int(bytes[3])
    guard bytes.count >= start else { throw DatasetError("\(path): the file ends within the extents of its axes") }
    let extents = stride(from: 4, to: start, by: 4).map { i in bytes[i..<i + 4].reduce(0) { $0 << 8 | Int($1) } }
    // Extents come from outside: their product may be anything.
    let count: Int? = extents.reduce(1) { count, extent in
      guard let count, case (let product, let overflow) = count.multipliedReportingOverflow(by: extent), !overflow
      else { return nil }
      return product
    }
    guard count == bytes.count - start else {
      throw DatasetError("\(path): the extents \(extents) do not fit \(bytes.count - start) bytes of elements")
    }
    (self.path, self.extents, elements) = (path, extents, bytes[start...])
  }
}

/// The names in a directory, in order.
private func namesOfFiles(in directory: String) throws(DatasetError) -> [String] {
  guard !directory.utf8.contains(0), let stream = opendir(directory) else {
    throw DatasetError("\(directory): there is no such directory")
  }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    names.append(withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
  }
  return names.sorted()
}
