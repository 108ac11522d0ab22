import ApusCore
import ApusTestSupport
import Testing

@testable import ApusData

/// Data sets from tables: what becomes a feature, what a target, and what is refused.
@Suite struct DatasetTests {
  private func dataset(_ csv: String, target: String? = nil, task: Dataset.Task? = nil) throws -> Dataset {
    try Dataset(try Table(csv: csv, name: "data.csv"), target: target, task: task)
  }

  // MARK: Targets

  @Test func textIsClasses() throws {
    let data = try dataset("a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n")
    #expect(data.name == "data.csv" && data.count == 3)
    #expect(data.kind == .classes(["cat", "dog"]) && data.classNames == ["cat", "dog"])
    #expect(data.targets.dtype == .int32 && data.targets.shape == [3] && data.targets.ints == [0, 1, 0])
    #expect(data.features.dtype == .float32 && data.features.shape == [3, 2])
    #expect(data.features.doubles == [1, 2, 3, 4, 5, 6] && data.featureNames == ["a", "b"])
  }

  @Test func fewWholeNumbersAreClasses() throws {
    let data = try dataset("a,y\n1,10\n2,-3\n3,2\n4,10\n")
    #expect(data.kind == .classes(["-3", "2", "10"]) && data.targets.ints == [2, 0, 1, 2])
    func rows(_ different: Int) -> String { "a,y\n" + (0..<different).map { "1,\($0)\n" }.joined() }
    #expect(try dataset(rows(20)).classNames.count == 20)
    #expect(try dataset(rows(21)).kind == .numbers(["y"]))
  }

  @Test func otherNumbersAreARegression() throws {
    let data = try dataset("a,y\n1,0.5\n2,-3\n3,2\n")
    #expect(data.kind == .numbers(["y"]) && data.classNames.isEmpty)
    #expect(data.targets.dtype == .float32 && data.targets.shape == [3, 1] && data.targets.doubles == [0.5, -3, 2])
  }

  @Test func taskMayBeForced() throws {
    let whole = "a,y\n1,1\n2,2\n3,1\n"
    #expect(try dataset(whole).kind == .classes(["1", "2"]))
    let regression = try dataset(whole, task: .regression)
    #expect(regression.kind == .numbers(["y"]) && regression.targets.doubles == [1, 2, 1])
    let many = "a,y\n" + (0..<30).map { "1,\($0)\n" }.joined()
    #expect(try dataset(many, task: .classification).classNames.count == 30)
  }

  @Test func targetMayStandAnywhere() throws {
    let data = try dataset("kind,a,b\ncat,1,2\ndog,3,4\n", target: "kind")
    #expect(data.classNames == ["cat", "dog"] && data.featureNames == ["a", "b"])
    #expect(data.features.doubles == [1, 2, 3, 4])
  }

  // MARK: Features

  @Test func categoriesBecomeColumns() throws {
    let data = try dataset("size,colour,y\n1.5,red,0.5\n2,blue,1.5\n3,red,2.5\n")
    #expect(data.featureNames == ["size", "colour=red", "colour=blue"])
    #expect(data.features.doubles == [1.5, 1, 0, 2, 0, 1, 3, 1, 0])
  }

  @Test func encoderFindsColumnsByName() throws {
    let training = try Table(csv: "size,colour\n1,red\n2,blue\n", name: "data.csv")
    let encoder = FeatureEncoder(training.columns)
    let other = try Table(csv: "extra,colour,size\n9,blue,7\n", name: "new.csv")
    #expect(try encoder.encode(other).doubles == [7, 0, 1])
    #expect(encoder.schema.columns.map(\.name) == ["size", "colour"])
    #expect {
      try encoder.encode(try Table(csv: "size,colour\n1,red\n2,green\n", name: "new.csv"))
    } throws: { "\($0)".contains("green") && "\($0)".contains("new.csv") && "\($0)".contains("3") }
    #expect(throws: CSVError.self) { try encoder.encode(try Table(csv: "size,x\n1,2\n", name: "new.csv")) }
  }

  @Test func classesAreEncodedByTheirTrainingOrder() throws {
    let words = TargetEncoding(name: "kind", classes: ["dog", "cat"])
    let column = Table.Column(name: "kind", values: .categories(codes: [0, 1, 1], names: ["cat", "dog"]))
    #expect(try words.encode(column, source: "new.csv").ints == [1, 0, 0])
    let numbers = TargetEncoding(name: "digit", classes: ["0", "1", "7"])
    #expect(
      try numbers.encode(.init(name: "digit", values: .numbers([7, 0, 1])), source: "new.csv").ints == [2, 0, 1])
    let wrong: [(Table.Values, String)] = [
      (.numbers([0, 5]), "holds the class '5'; known are 0, 1, 7"), (.numbers([0.5]), "'0.5'"),
      (.categories(codes: [0], names: ["x"]), "'x'"),
    ]
    for (values, part) in wrong {
      #expect {
        try numbers.encode(.init(name: "digit", values: values), source: "new.csv")
      } throws: { "\($0)".contains(part) && "\($0)".contains("new.csv") && $0 is DatasetError }
    }
  }

  @Test("B14: labels as vectors with a single one, and back") func oneHot() throws {
    let rows = try OneHot.encode([2, 0, 1, 2], classCount: 4)
    #expect(rows.shape == [4, 4] && rows.dtype == .float32)
    #expect(rows.ints == [0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    #expect(OneHot.decode(rows) == [2, 0, 1, 2])
    // The number of classes follows from the largest label.
    #expect(try OneHot.encode([2, 0], dtype: .float64).shape == [2, 3])
    #expect(try OneHot.encode([]).shape == [0, 0])
    for (labels, count) in [([0, 3], 3), ([0, -1], 3), ([-1], nil)] as [([Int], Int?)] {
      #expect(throws: DatasetError.self) { try OneHot.encode(labels, classCount: count) }
    }
    #expect { try OneHot.encode([0, 3], classCount: 3) } throws: {
      "\($0)" == "the label 3 is outside 0..<3, the 3 classes"
    }
  }

  // MARK: Mistakes

  @Test(arguments: [
    ("a\n1\n2\n", nil, nil, "at least one feature column and a target column"),
    ("a,y\n", nil, nil, "no row under it"),
    ("a,y\n1,2\n2,2\n", nil, nil, "holds only '2'; there is nothing to learn"),
    ("a,y\n1,x\n2,x\n", nil, nil, "holds only 'x'"),
    ("a,y\n1,x\n2,z\n", nil, Dataset.Task.regression, "holds text; a regression needs numbers"),
    ("a,y\n1,0.5\n2,1\n", nil, .classification, "holds fractions"),
    ("a,y\n1,2\n2,3\n", "z", nil, "z"),
    ("a,y\n1e300,0.5\n2,1.5\n", nil, nil, "line 2: column 'a' holds 1e+300, which is beyond the range of float32"),
    ("a,y\n1,0.5\n2,-1e39\n", nil, nil, "line 3: column 'y' holds -1e+39, which is beyond the range of float32"),
  ])
  func mistakesAreSentences(csv: String, target: String?, task: Dataset.Task?, part: String) {
    #expect {
      try dataset(csv, target: target, task: task)
    } throws: { error in
      "\(error)".contains(part) && "\(error)".contains("data.csv")
    }
  }

  @Test func shapesMustAgree() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Dataset("x", features: .zeros([3, 2]), targets: .zeros([2, 1]), kind: .numbers(["y"]))
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("features of shape (3, 2) and targets of shape (2, 1)"))
  }

  // MARK: Bundled sets

  @Test(
    arguments: zip(
      Dataset.names,
      [
        [150, 4, 3], [178, 13, 3], [569, 30, 2], [1797, 64, 10], [4, 4, 0], [4, 2, 2], [4, 2, 2], [4, 2, 2], [4, 2, 2],
        [16, 4, 2], [400, 2, 2], [400, 2, 2], [600, 2, 3], [400, 2, 2], [500, 2, 2], [500, 2, 2], [500, 2, 2],
        [500, 2, 2], [1200, 2, 0], [1200, 2, 0],
      ]))
  func namedSets(name: String, sizes: [Int]) throws {
    let data = try Dataset(named: name)
    #expect([data.count, data.features.shape[1], data.classNames.count] == sizes)
    #expect(data.featureNames.count == sizes[1])
    if sizes[2] > 0 { #expect(Set(data.targets.ints) == Set(0..<sizes[2])) }
    #expect(Dataset.isNamed(name) && !Dataset.summary(of: name).isEmpty)
    #expect(data.features.doubles.allSatisfy { $0.isFinite })
    // The same name and seed are the same points.
    #expect(try Dataset(named: name).features.floats == data.features.floats)
    let isRandom =
      ["moons", "circles", "spiral", "gaussians"].contains(name)
      || (name.hasPrefix("playground") && name != "playground-spiral")
    #expect(try (Dataset(named: name, seed: 1).features.floats != data.features.floats) == isRandom)
  }

  @Test func namesWithNumbers() throws {
    #expect(try Dataset(named: "parity-7").count == 128)
    #expect(
      try Dataset(named: "playground-spiral-25").features.floats != Dataset(named: "playground-spiral").features.floats)
    #expect(try Dataset(named: "playground-multi-gauss-50", seed: 3).count == 1200)
    for name in [
      "parity-0", "parity-17", "parity-", "parity-04", "parity--1", "parity-x", "playground-", "playground-spiral-51",
      "playground-spiral-", "playground-spiral-2.5", "playground-spiral--1", "playground-tree", "playground-xor-05",
    ] {
      #expect(!Dataset.isNamed(name))
      #expect(throws: DatasetError.self) { try Dataset(named: name) }
    }
  }

  @Test("A14: the houses, with x₀ on request") func houses() throws {
    let data = Dataset.houses()
    #expect(data.featureNames == ["size", "bedrooms", "floors", "age"] && data.kind == .numbers(["price"]))
    #expect(data.features[0].doubles == [125, 3, 2, 20] && data.targets.shape == [4, 1])
    let more = Dataset.houses(hasBias: true)
    #expect(more.featureNames.first == "x0" && more.features[.all, 0].doubles == [1, 1, 1, 1])
    #expect(more.features[.all, 1...].doubles == data.features.doubles)
  }

  @Test func setsByFunctionAndUnknownNames() throws {
    #expect(try [Dataset.iris(), .wine(), .breastCancer(), .digits()].map(\.count) == [150, 178, 569, 1797])
    #expect(try Dataset(named: "xor").targets.ints == [0, 1, 1, 0])
    #expect {
      try Dataset(named: "mnist")
    } throws: { "\($0)".hasPrefix("there is no data set 'mnist'; there are iris, wine") }
  }
}
