import ApusCore
import ApusData
import Testing

@Suite("P1, P5: parts of data sets") struct FoldsTests {
  private func data(_ labels: [Int32], classes: Int = 3) -> Dataset {
    Dataset(
      "test", features: Tensor((0..<labels.count).map(Float.init), shape: [labels.count, 1]), targets: Tensor(labels),
      kind: .classes((0..<classes).map(String.init)))
  }

  /// Every example is tested once and never trained on in its fold.
  private func expectPartition(_ folds: [(training: [Int], test: [Int])], count: Int) {
    #expect(folds.flatMap(\.test).sorted() == Array(0..<count))
    for fold in folds { #expect((fold.training + fold.test).sorted() == Array(0..<count)) }
  }

  @Test("P5: plain folds are scikit-learn's; a seed shuffles them") func plain() throws {
    let folds = try Folds.plain(3).positions(count: 8)
    #expect(folds.map(\.test) == [[0, 1, 2], [3, 4, 5], [6, 7]])
    expectPartition(folds, count: 8)
    let shuffled = try Folds.plain(3, seed: 1).positions(count: 8)
    expectPartition(shuffled, count: 8)
    #expect(shuffled.map(\.test) != folds.map(\.test))
    #expect(try Folds.plain(3, seed: 1).positions(count: 8).map(\.test) == shuffled.map(\.test))
  }

  @Test("P5: classes keep their shares in stratified folds") func stratified() throws {
    let labels = (0..<47).map { $0 < 20 ? 0 : $0 < 40 ? 1 : 2 }
    let folds = try Folds.stratified(5, seed: 3).positions(count: 47, labels: labels)
    expectPartition(folds, count: 47)
    for fold in folds {
      #expect((9...10).contains(fold.test.count))
      let counts = (0..<3).map { label in fold.test.filter { labels[$0] == label }.count }
      #expect(counts[0] == 4 && counts[1] == 4 && (1...2).contains(counts[2]))
    }
    #expect(try data(labels.map(Int32.init)).folds(.stratified(5)).count == 5)
  }

  @Test("P1: no group is in two parts") func grouped() throws {
    let groups = [7, 7, 7, 7, 1, 1, 2, 3, 3, 3, 4, 4]
    let folds = try Folds.grouped(3, groups: groups).positions(count: groups.count)
    expectPartition(folds, count: groups.count)
    for fold in folds { #expect(Set(fold.test.map { groups[$0] }).isDisjoint(with: fold.training.map { groups[$0] })) }
    #expect(folds.map(\.test.count) == [4, 4, 4])
    let labels = [Int32](repeating: 0, count: groups.count)
    let (train, test) = try data(labels).split(testFraction: 0.25, groups: groups, seed: 1)
    let inTest = Set(test.features.ints.map { groups[$0] })
    #expect(inTest.isDisjoint(with: train.features.ints.map { groups[$0] }))
    #expect(train.count + test.count == 12 && (2...4).contains(test.count))
  }

  @Test("P5: the future is predicted from the past, as in scikit-learn's TimeSeriesSplit") func timeSeries() throws {
    let folds = try Folds.timeSeries(3).positions(count: 10)
    #expect(folds.map(\.training.count) == [4, 6, 8] && folds.map(\.test) == [[4, 5], [6, 7], [8, 9]])
    #expect(try Folds.timeSeries(3, gap: 1).positions(count: 10).map(\.training.count) == [3, 5, 7])
  }

  @Test("P1: three parts of the asked sizes, stratified, without overlap") func threeWays() {
    let all = data((0..<100).map { Int32($0 % 2) }, classes: 2)
    let parts = all.split(validationFraction: 0.2, testFraction: 0.1, seed: 5)
    #expect((parts.training.count, parts.validation.count, parts.test.count) == (70, 20, 10))
    let ids = [parts.training, parts.validation, parts.test].flatMap { $0.features.ints }
    #expect(ids.sorted() == Array(0..<100))
    #expect(parts.test.targets.ints.reduce(0, +) == 5)
  }

  @Test("P1: three parts, of which no two share a group") func threeWaysOfGroups() throws {
    let groups = (0..<60).map { $0 / 3 }
    let all = data((0..<60).map { Int32($0 % 2) }, classes: 2)
    let parts = try all.split(validationFraction: 0.25, testFraction: 0.25, groups: groups, seed: 2)
    let found = [parts.training, parts.validation, parts.test].map(\.features.ints)
    #expect(found.map(\.count) == [30, 15, 15] && found.joined().sorted() == Array(0..<60))
    let inGroups = found.map { Set($0.map { groups[$0] }) }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] { #expect(inGroups[a].isDisjoint(with: inGroups[b])) }
    #expect(parts.training.part == .training && parts.validation.part == .heldOut && parts.test.part == .heldOut)
    let other = try all.split(validationFraction: 0.25, testFraction: 0.25, groups: groups, seed: 3)
    #expect(other.test.features.ints != parts.test.features.ints)
    #expect(throws: DatasetError.self) {
      try all.split(validationFraction: 0.25, testFraction: 0.25, groups: [1], seed: 2)
    }
  }

  @Test("P1: duplicates across parts are reported") func duplicates() {
    let a = Dataset(
      "a", features: Tensor([[1, 2], [3, 4], [.nan, 0], [3, 4]] as [[Float]]),
      targets: Tensor([0, 0, 0, 0] as [Int32]),
      kind: .classes(["x"]))
    let b = Dataset(
      "b", features: Tensor([[3, 4], [1, 2.5], [.nan, -0.0]] as [[Float]]), targets: Tensor([0, 0, 0] as [Int32]),
      kind: .classes(["x"]))
    let found = a.duplicates(in: b)
    #expect(found.map(\.here) == [1, 2] && found.map(\.there) == [0, 2])
    #expect(a.duplicates(in: data([0, 1])).isEmpty)
  }

  @Test(
    "what the data do not allow is refused",
    arguments: [
      (Folds.plain(1), "1 folds were asked for; expected at least 2"),
      (.plain(9), "9 folds were asked for, but there are only 4 examples"),
      (.stratified(3), "3 folds were asked for, but there are only 1 examples in the smallest class"),
      (.grouped(2, groups: [1, 1, 1]), "grouped folds need a group for each example; there are 3 for 4"),
      (.grouped(2, groups: [1, 1, 1, 1]), "2 folds were asked for, but there are only 1 groups"),
      (.timeSeries(4), "4 folds were asked for, but there are only 3 examples after the first"),
      (.timeSeries(3, gap: 1), "a gap of 1 leaves nothing to train on before the test examples from 1 on"),
    ])
  func refusals(folds: Folds, sentence: String) {
    let error = #expect(throws: DatasetError.self) { _ = try data([0, 0, 0, 1]).folds(folds) }
    #expect(error?.description == "test: " + sentence)
  }
}
