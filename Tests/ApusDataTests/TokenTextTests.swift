import ApusCore
import Testing

@testable import ApusData

@Suite struct TokenTextTests {
  private static let text = TokenText("numbers", tokens: Array(0..<100), vocabulary: (0..<100).map(String.init))

  @Test func splitsByPosition() {
    let (training, validation) = Self.text.split()
    #expect(training.tokens == Array(0..<90) && validation.tokens == Array(90..<100))
    #expect(Self.text.split(validationFraction: 0).validation.count == 0)
    #expect(Self.text.split(validationFraction: 1).training.count == 0)
  }

  @Test func windowsPredictTheNextToken() throws {
    let windows = Self.text.windows(length: 8)
    // 99 tokens have one after them.
    #expect(windows.count == 12 && windows.featureType == TensorType([8], .int32) && windows.classNames.count == 100)
    let (x, y) = windows.batch([11, 0])
    #expect(x.type == TensorType([2, 8], .int32) && y.type == x.type)
    #expect(x.ints == Array(88..<96) + Array(0..<8) && y.ints == x.ints.map { $0 + 1 })
    #expect(Self.text.windows(length: 8, stride: 1).count == 92)
    #expect(Self.text.windows(length: 99).count == 1 && Self.text.windows(length: 100).count == 0)
    #expect(Self.text.windows(length: 99).batch([0]).targets.ints == Array(1..<100))
    let loader = DataLoader(Self.text.windows(length: 3, stride: 1), batchSize: 10, seed: 1)
    let batches = loader.batches()
    var starts: [Int] = []
    while let (x, y) = try batches.next() {
      #expect(y.ints == x.ints.map { $0 + 1 })
      starts += x[0..., 0].ints
    }
    #expect(starts.sorted() == Array(0..<97))
  }

  @Test func randomWindows() throws {
    var random = RandomSource(seed: 3)
    var counts: [Int: Int] = [:]
    for _ in 0..<100 {
      let (x, y) = try Self.text.randomWindows(count: 50, length: 90, using: &random).batch(Array(0..<50))
      #expect(x.shape == [50, 90] && y.ints == x.ints.map { $0 + 1 })
      for start in x[0..., 0].ints { counts[start, default: 0] += 1 }
    }
    // Ten places, each in a tenth of 5,000 windows: five standard deviations are 106.
    #expect(counts.keys.sorted() == Array(0..<10) && counts.values.allSatisfy { abs($0 - 500) < 106 })
    #expect(throws: DatasetError("numbers: there are 100 tokens; a window of length 100 and the next token need 101")) {
      try Self.text.randomWindows(count: 1, length: 100, using: &random)
    }
  }

  @Test func randomWindowsAreLoadedAhead() throws {
    func windows() throws -> TokenWindows {
      var random = RandomSource(seed: 3)
      return try Self.text.randomWindows(count: 20, length: 8, using: &random)
    }
    let whole = try windows().batch(Array(0..<20))
    for prefetchCount in [0, 2] {
      let loader = DataLoader(try windows(), batchSize: 6, isShuffled: false, prefetchCount: prefetchCount)
      let batches = loader.batches()
      var (x, y): ([Int], [Int]) = ([], [])
      while let batch = try batches.next() { (x, y) = (x + batch.features.ints, y + batch.targets.ints) }
      #expect(x == whole.features.ints && y == whole.targets.ints)
    }
  }

  @Test func streamsGoOn() throws {
    let streams = try Self.text.streams(count: 4, length: 5)
    // Four streams of 24 tokens, four batches of five each.
    #expect(streams.count == 4)
    var rows: [[Int]] = [[], [], [], []]
    for (x, y) in streams {
      #expect(x.type == TensorType([4, 5], .int32) && y.ints == x.ints.map { $0 + 1 })
      for i in 0..<4 { rows[i] += x[i].ints }
    }
    #expect(rows == [0, 24, 48, 72].map { Array($0..<$0 + 20) })
    #expect(try Self.text.streams(count: 99, length: 1).count == 1)
    #expect(throws: DatasetError("numbers: there are 100 tokens; 4 streams of length 25 need at least 101")) {
      try Self.text.streams(count: 4, length: 25)
    }
  }
}
