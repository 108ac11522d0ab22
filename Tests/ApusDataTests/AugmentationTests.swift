import Apus
import ApusTestSupport
import Testing

@testable import ApusData

/// Changes of images against NumPy and SciPy, and what augmentations draw.
@Suite struct AugmentationTests {
  private static let fixture = Result { try NPZFile(path: fixturePath("augmentation.npz")) }

  private func expect(_ change: ImageChange, _ name: String, tolerance: Double = 2e-6) throws {
    let file = try Self.fixture.get()
    let expected = try #require(file[name], "the fixture lacks '\(name)'")
    let found = change.apply(to: try #require(file["x"]))
    #expect(found.shape == expected.shape)
    let difference = firstDifference(found.doubles, expected.doubles, tolerance: tolerance)
    #expect(difference == nil, "\(name): \(difference ?? "")")
    // A single image is changed like one of several.
    #expect(change.apply(to: try #require(file["x"])[1]).floats == found[1].floats)
  }

  @Test func flips() throws {
    try expect(.flipHorizontally, "flipHorizontally", tolerance: 0)
    try expect(.flipVertically, "flipVertically", tolerance: 0)
  }

  @Test(arguments: ImageEdge.allCases) func windows(_ edge: ImageEdge) throws {
    for (top, left, height, width) in [(-2, 1, 7, 6), (3, -4, 5, 9), (-9, -9, 25, 24), (2, 1, 3, 2)] {
      try expect(
        .window(top: top, left: left, height: height, width: width, outside: edge),
        "window \(edge) \(top) \(left) \(height) \(width)", tolerance: 0)
    }
  }

  @Test(arguments: ImageEdge.allCases) func resampling(_ edge: ImageEdge) throws {
    for degrees in [20.0, -130] {
      try expect(.rotation(degrees: degrees, outside: edge), "rotation \(edge) \(degrees)")
    }
    for factor in [1.3, 0.6] { try expect(.zoom(factor, outside: edge), "zoom \(edge) \(factor)") }
    for (down, right) in [(0.25, -1.5), (2.0, 3.0)] {
      try expect(.shift(down: down, right: right, outside: edge), "shift \(edge) \(down) \(right)")
    }
    try expect(.resampling(matrix: [0.9, 0.3, -0.2, 1.2], offset: [0.4, -0.7], outside: edge), "resampling \(edge)")
  }

  @Test func values() throws {
    try expect(.brightness(0.3), "brightness 0.3")
    try expect(.contrast(1.7), "contrast 1.7")
    try expect(.cutout(top: -1, left: 3, height: 3, width: 4), "cutout -1 3 3 4", tolerance: 0)
    try expect(.normalization(mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 0.5]), "normalization")
    try expect(.normalization(mean: [0.5], deviation: [0.2]), "normalization one")
    let file = try Self.fixture.get()
    let data = Dataset("x", features: try #require(file["x"]), targets: .zeros([2, 1]), kind: .numbers(["y"]))
    let moments = data.channelMoments
    #expect(
      firstDifference(moments.mean + moments.deviation, try #require(file["moments"]).doubles, tolerance: 1e-10) == nil)
  }

  /// Whole turns and shifts are exact, far ones give nothing or edges, and single lines have no neighbours.
  @Test func extremes() throws {
    let x = Tensor((0..<16).map { Float($0) }, shape: [4, 4, 1])
    #expect(
      ImageChange.shift(down: 1, right: -2).apply(to: x).floats == [0, 0, 0, 0, 2, 3, 0, 0, 6, 7, 0, 0, 10, 11, 0, 0])
    let turned = ImageChange.rotation(degrees: 90).apply(to: x)
    #expect(
      firstDifference(turned.doubles, [3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12], tolerance: 1e-6) == nil)
    let far = ImageChange.shift(down: 1e300, right: -1e300)
    #expect(far.apply(to: x).floats.allSatisfy { $0 == 0 })
    #expect(ImageChange.shift(down: 1e300, right: -1e300, outside: .nearest).apply(to: x).floats.allSatisfy { $0 == 3 })
    let line = Tensor([1, 2, 3] as [Float], shape: [1, 3, 1])
    #expect(
      ImageChange.window(top: -2, left: -3, height: 3, width: 9, outside: .reflected).apply(to: line)[0].floats == [
        2, 3, 2, 1, 2, 3, 2, 1, 2,
      ])
    #expect(ImageChange.cutout(top: 50, left: -50, height: 3, width: 3).apply(to: x).floats == x.floats)
    #expect(ImageChange.flipVertically.apply(to: Tensor.zeros([0, 4, 4, 1])).shape == [0, 4, 4, 1])
  }

  // MARK: Draws

  /// The changes that an augmentation makes of many copies of an image, told by their results.
  private func results(_ augmentation: Augmentation, _ image: Tensor, count: Int = 4000) throws -> [[Float]] {
    let copies = stack(Array(repeating: image, count: count), axis: 0)
    let data = Dataset("copies", features: copies, targets: .zeros([count, 1]), kind: .numbers(["y"]))
    let loader = DataLoader(data, batchSize: count, isShuffled: false, augmentations: [augmentation], seed: 4)
    let x = try #require(try loader.batches().next()).features
    let size = x.count / count
    let floats = x.floats
    return (0..<count).map { Array(floats[$0 * size..<($0 + 1) * size]) }
  }

  @Test(arguments: [0, 0.3, 0.5, 1]) func flipsHaveTheirProbability(_ probability: Double) throws {
    let image = Tensor([1, 2] as [Float], shape: [1, 2, 1])
    let share = Double(try results(.flipHorizontally(probability: probability), image).count { $0 == [2, 1] }) / 4000
    // Five standard deviations.
    #expect(abs(share - probability) <= 5 * (probability * (1 - probability) / 4000).squareRoot())
    let upright = Tensor([1, 2] as [Float], shape: [2, 1, 1])
    let vertical =
      Double(try results(.flipVertically(probability: probability), upright).count { $0 == [2, 1] }) / 4000
    #expect(abs(vertical - probability) <= 5 * (probability * (1 - probability) / 4000).squareRoot())
  }

  /// Every place is drawn about equally often.
  @Test func cropsAndShiftsAreEven() throws {
    let image = Tensor((1...9).map { Float($0) }, shape: [3, 3, 1])
    for (augmentation, places) in [
      (Augmentation.crop(height: 2, width: 2), 4), (.crop(padding: 1), 9), (.shift(upTo: 1), 9), (.cutout(size: 1), 9),
    ] {
      var counts: [[Float]: Int] = [:]
      for result in try results(augmentation, image) { counts[result, default: 0] += 1 }
      #expect(counts.count == places, "\(augmentation)")
      // Chi squared, with 8 degrees of freedom above 31.8 in one of 10,000 runs.
      let expected = 4000 / Double(places)
      #expect(counts.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected } < 31.8)
    }
  }

  @Test func numbersStayInTheirRange() throws {
    let one = Tensor([0.5] as [Float], shape: [1, 1, 1])
    let bright = try results(.brightness(upTo: 0.2), one).map { Double($0[0]) }
    #expect(
      bright.allSatisfy { (0.3 - 1e-6...0.7 + 1e-6).contains($0) } && bright.min()! < 0.302 && bright.max()! > 0.698)
    let two = Tensor([0, 1] as [Float], shape: [1, 2, 1])
    let contrast = try results(.contrast(in: 0.5...2), two).map { Double($0[1] - $0[0]) }
    #expect(
      contrast.allSatisfy { (0.5 - 1e-6...2 + 1e-6).contains($0) } && contrast.min()! < 0.51 && contrast.max()! > 1.99)
    // The corner of a turned image tells the angle.
    let corner = Tensor([0, 0, 0, 0, 0, 1, 0, 0, 0] as [Float], shape: [3, 3, 1])
    let turns = try results(.rotate(upTo: 30), corner).map { Double($0[5]) }
    #expect(turns.allSatisfy { $0 > 0.4 } && turns.max()! > 0.999 && turns.min()! < 0.87)
    let own = Augmentation("mine") { random, size in
      #expect(size == ImageSize(height: 1, width: 2, channels: 1))
      return random.next() % 2 == 0 ? .brightness(1) : nil
    }
    #expect(Set(try results(own, two)) == [[0, 1], [1, 2]])
    #expect("\(own)" == "mine" && "\(Augmentation.flipHorizontally())" == ".flipHorizontally(probability: 0.5)")
  }
}
