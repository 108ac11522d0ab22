import ApusCore
import ApusTestSupport
import Foundation
import Testing

@testable import ApusData

@Suite("What is done to features, against scikit-learn") struct PreprocessingTests {
  private static let fixture: Result<ApusTestSupport.JSON, any Error> = Result {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/preprocessing.json")
    return try ApusTestSupport.JSON(String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }

  private func matrix(_ json: ApusTestSupport.JSON?) throws -> Tensor {
    let rows = try #require(json?.array).map { $0.array!.map { $0.number ?? .nan } }
    return Tensor(Array(rows.joined()), shape: [rows.count, rows[0].count])
  }

  private func training(_ x: Tensor, names: [String] = []) -> Dataset {
    Dataset("test", features: x, targets: .zeros([x.shape[0], 1]), kind: .numbers(["y"]), featureNames: names)
      .asTrainingPart()
  }

  @Test(
    "J1, J3: scalings are scikit-learn's, also of constant columns",
    arguments: [
      ("standardize", Scaling.Method.standardize, Scaling.Deviation.population),
      ("sample", .standardize, .sample), ("minMax", .minMax, .population), ("robust", .robust, .population),
      ("maxAbs", .maxAbs, .population),
    ])
  func scalings(name: String, method: Scaling.Method, deviation: Scaling.Deviation) throws {
    let fixture = try Self.fixture.get()
    let (x, new) = (try matrix(fixture["x"]), try matrix(fixture["new"]))
    let expected = try matrix(fixture["scaled"]?[name])
    let scaling = try Scaling(method, deviation: deviation, fittedTo: training(x))
    let found = scaling(new)
    #expect(firstDifference(found.doubles, expected.doubles, tolerance: 1e-12) == nil)
    #expect(firstDifference(scaling.inverted(found).doubles, new.doubles, tolerance: 1e-9) == nil)
    // One row has no spread: nothing is divided by 0.
    let one = try Scaling(method, deviation: deviation, fittedTo: training(x[0..<1]))
    #expect(one(x).doubles.allSatisfy { $0.isFinite })
  }

  @Test("J1: robust scaling does not see an extreme value") func robustness() throws {
    let plain = Tensor((1...9).map(Double.init), shape: [9, 1])
    let extreme = Tensor((1...8).map(Double.init) + [1e9], shape: [9, 1])
    let scalings = [try Scaling(.robust, fittedTo: training(plain)), try Scaling(.robust, fittedTo: training(extreme))]
    #expect(scalings[0] == scalings[1] && scalings[0].offsets == [5] && scalings[0].factors == [0.25])
  }

  @Test("missing values become what scikit-learn makes of them", arguments: ["mean", "median", "mode", "-1.5"])
  func imputation(name: String) throws {
    let fixture = try Self.fixture.get()
    let holes = try matrix(fixture["holes"])
    let expected = try matrix(fixture["filled"]?[name])
    let method = try #require(Imputation.Method(name))
    let imputation = try Imputation(method, fittedTo: training(holes))
    #expect(holes.doubles.contains { $0.isNaN })
    #expect(firstDifference(imputation(holes).doubles, expected.doubles, tolerance: 1e-12) == nil)
    #expect("\(method)" == name && Imputation.Method("\(method)") == method)
  }

  @Test func whatIsNoMethod() {
    for text in ["", "Mean", "average", "nan", "inf", "1e999", "mean "] { #expect(Imputation.Method(text) == nil) }
  }

  @Test("a missing category becomes the most frequent one, a column without values is refused") func categories() throws
  {
    let csv = "colour,size,y\nred,1,0.5\nblue,,1.5\n,3,2.5\nblue,NA,0\n"
    let table = try Table(csv: csv, name: "data.csv", options: CSVOptions(allowsMissing: true))
    let data = try Dataset(table).asTrainingPart()
    let encoder = FeatureEncoder(Array(table.columns.dropLast()))
    let preprocessing = try Preprocessing(
      fittedTo: data, encoder: encoder, steps: [.impute(.mean), .scale(.none)])
    #expect(preprocessing(data).features.doubles == [1, 0, 1, 0, 1, 2, 0, 1, 3, 0, 1, 2])
    #expect(preprocessing.fillsMissing)
    // Without a step that fills them, missing values are an error that says where.
    #expect {
      try Preprocessing(fittedTo: data, encoder: encoder)
    } throws: { "\($0)" == "data.csv: feature 3 of example 2 is missing; impute values first" }
    let empty = try Table(csv: "a,b,y\n1,,0.5\n2,?,1.5\n", name: "e.csv", options: CSVOptions(allowsMissing: true))
    #expect {
      try Preprocessing(
        fittedTo: try Dataset(empty).asTrainingPart(), encoder: FeatureEncoder(Array(empty.columns.dropLast())),
        steps: [.impute(.median)])
    } throws: { "\($0)" == "e.csv: column 'b' holds no value in the training part; remove it" }
    // Targets are never filled.
    let holes = try Table(csv: "a,y\n1,0.5\n2,\n", name: "t.csv", options: CSVOptions(allowsMissing: true))
    #expect { try Dataset(holes) } throws: {
      "\($0)" == "t.csv, line 3: column 'y' is empty; fill or remove the row."
    }
  }

  @Test("products of features are scikit-learn's, in its order") func polynomials() throws {
    let fixture = try Self.fixture.get()
    let small = try matrix(fixture["small"])
    for entry in try #require(fixture["polynomials"]?.array) {
      let features = try PolynomialFeatures(
        degree: entry["degree"]!.int!, isInteractionOnly: entry["interaction_only"]!.bool!,
        hasBias: entry["bias"]!.bool!, inputs: 4)
      let expected = try matrix(entry["values"])
      let found = features(small)
      #expect(found.shape == expected.shape && features.outputs == expected.shape[1])
      #expect(firstDifference(found.doubles, expected.doubles, tolerance: 1e-12) == nil)
      #expect(features.names(["a", "b", "c", "d"]) == entry["names"]!.array!.map { $0.string! })
      #expect(features.inverted(found).doubles == small.doubles)
    }
    #expect(throws: DatasetError.self) { try PolynomialFeatures(degree: 0, inputs: 3) }
    #expect(throws: DatasetError.self) { try PolynomialFeatures(degree: 20, inputs: 50) }
    #expect(throws: DatasetError.self) { try PolynomialFeatures(degree: .max, inputs: .max) }
    #expect(try PolynomialFeatures(degree: .max, isInteractionOnly: true, inputs: 2).outputs == 3)
  }

  @Test("steps are fitted one after the other, and undone") func pipeline() throws {
    let x = Tensor([[1.0, 4], [2, .nan], [3, 8], [6, 6]])
    let data = training(x, names: ["a", "b"])
    let preprocessing = try Preprocessing(
      fittedTo: data, steps: [.impute(.constant(6)), .polynomial(degree: 2), .scale(.maxAbs)])
    #expect(preprocessing.inputNames == ["a", "b", "a^2", "a * b", "b^2"] && preprocessing.inputCount == 5)
    let scaled = preprocessing(data)
    #expect(scaled.featureNames == preprocessing.inputNames && scaled.part == .training)
    // Row 2: a = 2, b = 6 of at most 6, 8, 36, 36 and 64.
    #expect(
      firstDifference(scaled.features[1].doubles, [2.0 / 6, 6.0 / 8, 4.0 / 36, 12.0 / 36, 36.0 / 64], tolerance: 1e-14)
        == nil)
    #expect(
      firstDifference(preprocessing.inverted(scaled.features).doubles, [1, 4, 2, 6, 3, 8, 6, 6], tolerance: 1e-14)
        == nil)
  }

  @Test("J2: nothing is fitted but to a training part") func leakage() throws {
    let data = try Dataset.iris()
    let (train, test) = data.split(testFraction: 0.2, seed: 1)
    #expect(data.part == .whole && train.part == .training && test.part == .heldOut)
    _ = try Preprocessing(fittedTo: train)
    let held = "iris.csv: these examples are held back; nothing may be fitted but to the training part"
    let folds = try train.folds(.stratified(3))
    let three = data.split(validationFraction: 0.2, testFraction: 0.2, seed: 1)
    for part in [
      test, test.selecting([0, 1, 2]), test.replacing(features: test.features * 2), folds[0].test,
      test.split(testFraction: 0.5, seed: 1).train, three.validation, three.test,
    ] {
      #expect(part.part == .heldOut)
      #expect { try Preprocessing(fittedTo: part) } throws: { "\($0)" == held }
      #expect { try Scaling(.minMax, fittedTo: part) } throws: { "\($0)" == held }
      #expect { try Imputation(.mean, fittedTo: part) } throws: { "\($0)" == held }
    }
    for part in [train.selecting([3]), folds[1].training, three.training, data.asTrainingPart()] {
      #expect(part.part == .training)
    }
    #expect { try Preprocessing(fittedTo: data) } throws: {
      "\($0)".hasPrefix("iris.csv: these are all examples; fit to the training part")
    }
    #expect { try Preprocessing(fittedTo: train.selecting([])) } throws: { "\($0)".contains("no examples") }
    // What is prepared stays what it was for.
    #expect(try Preprocessing(fittedTo: train)(test).part == .heldOut)
  }

  @Test func infinities() throws {
    let data = training(Tensor([[1.0, 2], [3, .infinity]]))
    #expect { try Preprocessing(fittedTo: data, scaling: .none) } throws: {
      "\($0)" == "test: feature 2 of example 2 is not a finite number"
    }
    let cube = training(Tensor([[1e200, 2], [3, 4]]))
    #expect(throws: DatasetError.self) { try Preprocessing(fittedTo: cube, steps: [.polynomial(degree: 2)]) }
  }
}
