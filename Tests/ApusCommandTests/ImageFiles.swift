import Apus

/// Small data sets of images in their files' formats, made for a test.
///
/// An image of class k is noise with a bright square at the k-th of sixteen places: easy to learn, and every class looks different.
struct ImageFiles {
  var side = 28
  var trainingCount = 160
  var testCount = 40

  static func label(_ number: Int) -> UInt8 { UInt8(number * 7 % 10) }

  /// The pixel in row y and column x of an image, from 0 to 255.
  func pixel(_ number: Int, _ y: Int, _ x: Int) -> UInt8 {
    let place = Int(Self.label(number))
    let cell = max(1, side / 4)
    let isBright = y / cell == place / 4 && x / cell == place % 4
    let noise = (number &* 7919 &+ y &* 104_729 &+ x &* 1_299_709) >> 3 & 31
    return isBright ? UInt8(200 + noise) : UInt8(noise)
  }

  private func big(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 0xFF) } }

  /// The IDX file of images `numbers`.
  func images(_ numbers: Range<Int>) -> [UInt8] {
    [0, 0, 8, 3] + big(numbers.count) + big(side) + big(side)
      + numbers.flatMap { number in
        (0..<side * side).map { pixel(number, $0 / side, $0 % side) }
      }
  }

  func labels(_ numbers: Range<Int>) -> [UInt8] { [0, 0, 8, 1] + big(numbers.count) + numbers.map(Self.label) }

  private var training: Range<Int> { 0..<trainingCount }
  private var test: Range<Int> { 1000..<1000 + testCount }

  /// The four files of an MNIST-like set, below the directory `name`.
  func writeMNIST(to workspace: Workspace, _ name: String = "images") {
    _ = workspace.shell("mkdir -p \(name)")
    workspace.write(images(training), to: "\(name)/train-images-idx3-ubyte")
    workspace.write(labels(training), to: "\(name)/train-labels-idx1-ubyte")
    workspace.write(images(test), to: "\(name)/t10k-images-idx3-ubyte")
    workspace.write(labels(test), to: "\(name)/t10k-labels-idx1-ubyte")
  }

  /// The six files of a CIFAR-10-like set; `side` must be 32.
  func writeCIFAR(to workspace: Workspace, _ name: String = "photos") {
    _ = workspace.shell("mkdir -p \(name)")
    func records(_ numbers: Range<Int>) -> [UInt8] {
      numbers.flatMap { number -> [UInt8] in
        let plane = (0..<side * side).map { pixel(number, $0 / side, $0 % side) }
        // Red shows the class, green is dark, blue is the negative.
        return [Self.label(number)] + plane + plane.map { $0 / 4 } + plane.map { 255 - $0 }
      }
    }
    let each = trainingCount / 5
    for part in 0..<5 {
      workspace.write(records(part * each..<(part + 1) * each), to: "\(name)/data_batch_\(part + 1).bin")
    }
    workspace.write(records(test), to: "\(name)/test_batch.bin")
  }

  /// The three files of a CIFAR-100-like set, with ten of the hundred classes; `side` must be 32.
  func writeCIFAR100(to workspace: Workspace, _ name: String) {
    _ = workspace.shell("mkdir -p \(name)")
    func records(_ numbers: Range<Int>) -> [UInt8] {
      numbers.flatMap { number -> [UInt8] in
        let plane = (0..<side * side).map { pixel(number, $0 / side, $0 % side) }
        return [0, Self.label(number)] + plane + plane + plane  // a coarse label first
      }
    }
    workspace.write(records(training), to: "\(name)/train.bin")
    workspace.write(records(test), to: "\(name)/test.bin")
    workspace.write((0..<100).map { "kind \($0)\n" }.joined(), to: "\(name)/fine_label_names.txt")
  }

  /// A test image as a file that programs for pictures write (PGM).
  func writePicture(_ number: Int, to workspace: Workspace, _ name: String) {
    let pixels = (0..<side * side).map { pixel(number, $0 / side, $0 % side) }
    workspace.write(Array("P5 \(side) \(side) 255\n".utf8) + pixels, to: name)
  }
}
