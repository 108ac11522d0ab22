import ApusCore
import ApusData

/// Images in a folder for each class, read from their files whenever a batch needs them: the set may be larger than the memory.
///
/// ```swift
/// let photos = try ImageFolder("flowers", height: 128, width: 128)  // flowers/daisy/1.jpg, flowers/rose/7.png, …
/// try trainer.fit(DataLoader(photos, augmentations: [.flipHorizontally()], prefetchCount: 4), epochs: 10)
/// ```
/// A batch holds float32 from 0 to 1, (n, height, width, channels), and the numbers of the folders in the order of their names.
public struct ImageFolder: ExampleSource {
  public let name: String
  /// The files in order: folder by folder, by their names.
  public let paths: [String]
  /// The class of each file.
  public let labels: [Int32]
  public let kind: Dataset.Targets
  public let size: ImageSize
  private let isResized: Bool

  /// - Parameters:
  ///   - directory: holds a folder for each class; files whose names do not end in `.png`, `.jpg`, `.jpeg`, `.pgm`, `.ppm` or `.pnm`
  ///     and names that begin with a dot are passed over.
  ///   - height: of the images in a batch, into which they are resized. By default all files have the size of the first.
  ///   - width: likewise; both or neither are given.
  ///   - channels: 3 for colours or 1 for grey, into which all images are converted.
  /// - Throws: `DatasetError` if there is no image, `FileFormatError` if a folder or the first file cannot be read.
  public init(_ directory: String, height: Int? = nil, width: Int? = nil, channels: Int = 3) throws {
    guard (height == nil) == (width == nil), height ?? 1 > 0, width ?? 1 > 0, 1...4 ~= channels else {
      fatalError("ImageFolder: give both extents or neither, at least 1, and 1 to 4 channels")
    }
    let classes = try FileSystem.names(in: directory).filter {
      !$0.hasPrefix(".") && FileSystem.isDirectory("\(directory)/\($0)")
    }
    var (paths, labels): ([String], [Int32]) = ([], [])
    for (label, name) in classes.enumerated() {
      let files = try FileSystem.names(in: "\(directory)/\(name)").filter { file in
        !file.hasPrefix(".") && Self.endings.contains { file.lowercased().hasSuffix($0) }
      }
      paths += files.map { "\(directory)/\(name)/\($0)" }
      labels += files.map { _ in Int32(label) }
    }
    guard let first = paths.first else {
      throw DatasetError(
        "\(directory): there are no images; expected a folder for each class with PNG, JPEG or PNM files")
    }
    let found = try height == nil ? Image.size(first) : nil
    (name, self.paths, self.labels, kind) = (directory, paths, labels, .classes(classes))
    size = ImageSize(height: height ?? found!.height, width: width ?? found!.width, channels: channels)
    isResized = height != nil
  }

  private static let endings = [".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pnm"]

  public var count: Int { paths.count }
  public var featureType: TensorType { TensorType([size.height, size.width, size.channels], .float32) }
  public var targetType: TensorType { TensorType([], .int32) }

  /// The image of a number, as it is in a batch.
  /// - Throws: `FileFormatError` if the file is no image, `DatasetError` if it has another size than the first.
  public func image(_ index: Int) throws -> Image {
    let image = try Image(reading: paths[index]).converted(toChannels: size.channels)
    if isResized { return image.resized(height: size.height, width: size.width) }
    guard image.height == size.height, image.width == size.width else {
      throw DatasetError(
        "\(paths[index]): the image has \(image.width) x \(image.height) pixels, the first one \(size.width) x \(size.height); "
          + "say into which size to bring them")
    }
    return image
  }

  public func batch(_ indices: [Int]) throws -> Batch {
    let images = try indices.map(image)
    let features = Tensor(type: TensorType([indices.count, size.height, size.width, size.channels], .float32)) {
      target in
      guard let target = target.bindMemory(to: Float.self).baseAddress else { return }
      for (i, image) in images.enumerated() {
        image.pixels.withUnsafeBufferPointer { pixels in
          let row = target + i * size.count
          for j in 0..<pixels.count { row[j] = Float(pixels[j]) / 255 }
        }
      }
    }
    return (features, Tensor(indices.map { labels[$0] }))
  }

  /// All images in memory, as bytes.
  /// - Throws: as ``image(_:)``.
  public func load() throws -> Dataset {
    let features = try Tensor(type: TensorType([count, size.height, size.width, size.channels], .uint8)) { target in
      for i in 0..<count {
        UnsafeMutableRawBufferPointer(rebasing: target[i * size.count..<(i + 1) * size.count]).copyBytes(
          from: try image(i).pixels)
      }
    }
    return Dataset(name, features: features, targets: Tensor(labels), kind: kind)
  }
}
