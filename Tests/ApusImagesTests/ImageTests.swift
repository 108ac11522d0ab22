import Apus
import ApusTestSupport
import Testing

@testable import ApusImages

@Suite struct ImageTests {
  @Test func tensorsAndBack() {
    let x = Tensor([0, 0.5, 1, 2, -1, .nan] as [Float], shape: [2, 3])
    let image = Image(x)
    #expect((image.height, image.width, image.channels) == (2, 3, 1) && image.pixels == [0, 128, 255, 255, 0, 0])
    #expect(Image(x, range: -1...1).pixels == [128, 191, 255, 255, 0, 0])
    #expect(image.tensor.type == TensorType([2, 3, 1], .uint8) && Image(image.tensor) == image)
    var canvas = Image(width: 3, height: 2, color: [1, 2, 3])
    canvas[x: 2, y: 1, channel: 0] = 9
    #expect(
      canvas.pixels == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 9, 2, 3] && canvas[x: 2, y: 1, channel: 0] == 9)
  }

  @Test func grids() {
    let images = Tensor((0..<5).map { UInt8($0 + 1) }, shape: [5, 1, 1, 1])
    let grid = Image(gridOf: images, columns: 3, background: 0)
    #expect(grid.width == 5 && grid.height == 3)
    #expect(grid.pixels == [1, 0, 2, 0, 3, 0, 0, 0, 0, 0, 4, 0, 5, 0, 0])
    #expect(Image(gridOf: images, spacing: 0).width == 3)
    var canvas = Image(width: 2, height: 2, color: [7])
    canvas.draw(Image(width: 2, height: 2, channels: 1, pixels: [1, 2, 3, 4]), x: 1, y: -1)
    #expect(canvas.pixels == [7, 3, 7, 7])
    canvas.draw(Image(width: 1, height: 1, color: [9]), x: 5, y: 5)
    #expect(canvas.pixels == [7, 3, 7, 7])
  }

  @Test func channels() {
    let colour = Image(width: 2, height: 1, channels: 3, pixels: [255, 0, 0, 10, 200, 30])
    // 0.299, 0.587, 0.114.
    #expect(colour.converted(toChannels: 1).pixels == [76, 124])
    #expect(colour.converted(toChannels: 4).pixels == [255, 0, 0, 255, 10, 200, 30, 255])
    let grey = Image(width: 1, height: 2, channels: 2, pixels: [3, 4, 5, 6])
    #expect(
      grey.converted(toChannels: 3).pixels == [3, 3, 3, 5, 5, 5] && grey.converted(toChannels: 1).pixels == [3, 5])
    #expect(grey.converted(toChannels: 4).pixels == [3, 3, 3, 4, 5, 5, 5, 6])
    let white = Image(width: 1, height: 1, color: [255, 255, 255])
    #expect(
      white.converted(toChannels: 1).pixels == [255] && colour.converted(toChannels: 2).pixels == [76, 255, 124, 255])
  }

  /// Areas by NumPy, linear interpolation by PyTorch.
  @Test func resizing() throws {
    let file = try NPZFile(path: fixturePath("resized.npz"))
    let source = Image(try #require(file["source"]))
    #expect(file.arrays.count == 8)
    for (name, expected) in file.arrays where name != "source" {
      let found = source.resized(height: expected.shape[0], width: expected.shape[1]).tensor
      #expect(found.shape == expected.shape)
      // Rounded to the nearest.
      for (a, b) in zip(found.doubles, expected.doubles) where abs(a - b) > 0.5001 {
        Issue.record("\(name): \(a), expected \(b)")
        break
      }
    }
    #expect(
      Image(width: 1, height: 1, color: [3, 4]).resized(height: 2, width: 3).pixels == [
        3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4,
      ])
  }
}

@Suite struct ImageFolderTests {
  /// Two classes, images of 2 x 2 pixels that tell their number.
  private func folder() throws -> ScratchDirectory {
    let directory = ScratchDirectory()
    directory.file("b bird/x.txt", [])
    directory.file("a/.hidden.png", [1])
    directory.file("readme.md", [1])
    try Image(width: 2, height: 2, color: [10]).write(to: directory.file("a/2.PNG".lowercased()))
    try Image(width: 2, height: 2, color: [20, 40, 60]).write(to: directory.file("a/1.ppm"))
    try Image(width: 2, height: 2, color: [30, 0, 0, 9]).write(to: directory.file("b bird/0.png"))
    return directory
  }

  @Test func readsFoldersAsClasses() throws {
    let directory = try folder()
    let images = try ImageFolder(directory.path)
    #expect(images.count == 3 && images.classNames == ["a", "b bird"] && images.labels == [0, 0, 1])
    #expect(images.paths.map { $0.dropFirst(directory.path.count) } == ["/a/1.ppm", "/a/2.png", "/b bird/0.png"])
    #expect(images.featureType == TensorType([2, 2, 3], .float32) && images.targetType == TensorType([], .int32))
    let (x, y) = try images.batch([2, 0])
    #expect(y.ints == [1, 0] && x.type == TensorType([2, 2, 2, 3], .float32))
    #expect(x[0..., 0, 0].floats == [30, 0, 0, 20, 40, 60].map { Float($0) / 255 })
    let data = try images.load()
    #expect(data.features.dtype == .uint8 && data.features[1].ints == Array(repeating: 10, count: 12))
    #expect(data.batch([2, 0]).features.floats == x.floats)
    let grey = try ImageFolder(directory.path, height: 1, width: 3, channels: 1)
    // 0.299 * 20 + 0.587 * 40 + 0.114 * 60.
    #expect(try grey.batch([0]).features.floats.map { Int($0 * 255) } == [36, 36, 36])
    let loader = DataLoader(images, batchSize: 2, seed: 1)
    let batches = loader.batches()
    var labels: [Int] = []
    while let batch = try batches.next() { labels += batch.targets.ints }
    #expect(labels.sorted() == [0, 0, 1])
  }

  @Test func mistakes() throws {
    let directory = try folder()
    let large = directory.file("b bird/9.pgm")
    try Image(width: 3, height: 2, color: [1]).write(to: large)
    #expect(
      throws: DatasetError(
        "\(large): the image has 3 x 2 pixels, the first one 2 x 2; say into which size to bring them")
    ) { try ImageFolder(directory.path).load() }
    #expect(try ImageFolder(directory.path, height: 2, width: 2).load().count == 4)
    let broken = directory.file("b bird/9.pgm", [1, 2, 3])
    let loader = DataLoader(try ImageFolder(directory.path, height: 2, width: 2), batchSize: 4)
    #expect(throws: FileFormatError(.wrongFormat, path: broken, "this is not a PNG, JPEG or PNM image")) {
      try loader.batches().next()
    }
    let empty = ScratchDirectory()
    empty.file("a/b.txt", [])
    let error = #expect(throws: DatasetError.self) { try ImageFolder(empty.path) }
    #expect(error?.description.contains("there are no images") == true)
    #expect(throws: FileFormatError.self) { try ImageFolder("/no/such") }
  }
}
