import ApusCore
import ApusTestSupport
import Testing

@testable import ApusData

@Suite struct ScalingTests {
  /// The house table of the notes (A14): size, bedrooms, floors, age.
  private static let houses = Dataset.houses().features.cast(to: .float64)

  @Test("N-08, J1, A14: standardised houses") func standardizedHouses() {
    let scaling = Scaling(.standardize, fittedTo: Self.houses)
    #expect(scaling.offsets == [248.75, 4.75, 2.25, 12.5])
    let deviations = [98.765821516, 1.479019946, 0.433012702, 5.590169944]
    #expect(firstDifference(scaling.factors.map { 1 / $0 }, deviations, tolerance: 1e-9) == nil)
    let first = scaling(Self.houses)[0].doubles
    #expect(firstDifference(first, [-1.252964, -1.183216, -0.57735, 1.341641], tolerance: 1e-6) == nil)
    // The sample's deviations divide by n - 1.
    let sample = Scaling(.standardize, deviation: .sample, fittedTo: Self.houses)
    #expect(
      firstDifference(sample.factors.map { 1 / $0 }, [114.044947, 1.707825, 0.5, 6.454972], tolerance: 1e-7) == nil)
  }

  @Test("N-08b, J3: houses between 0 and 1") func minMaxHouses() {
    let rows = [[0, 0, 0, 1], [0.345455, 0.5, 0, 0.666667], [1, 1, 1, 0], [0.454545, 0.25, 0, 0.333333]]
    let scaled = Scaling(.minMax, fittedTo: Self.houses)(Self.houses)
    #expect(firstDifference(scaled.doubles, Array(rows.joined()), tolerance: 1e-6) == nil)
  }

  private func normal(_ shape: Shape, dtype: DType = .float64) -> Tensor {
    var random = RandomSource(seed: 5)
    return .randomNormal(shape, mean: 3, standardDeviation: 2, dtype: dtype, using: &random)
  }

  @Test(arguments: Scaling.Method.allCases, [DType.float32, .float64])
  func inverseUndoes(method: Scaling.Method, dtype: DType) {
    let x = normal([40, 3], dtype: dtype)
    let scaling = Scaling(method, fittedTo: x)
    let y = scaling(x)
    #expect(y.dtype == dtype && y.shape == x.shape)
    let tolerance = dtype == .float32 ? 1e-6 : 1e-14
    #expect(firstDifference(scaling.inverted(y).doubles, x.doubles, tolerance: tolerance) == nil)
    #expect((y.doubles == x.doubles) == (method == .none))
  }

  @Test func standardizedColumnsHaveMeanZeroAndDeviationOne() {
    let x = normal([50, 4]) * Tensor([1.0, 1000, 1e-6, 1]) + Tensor([0.0, 1e6, 0, -5])
    let y = Scaling(.standardize, fittedTo: x)(x)
    #expect(firstDifference(y.mean(axes: [0]).doubles, [0, 0, 0, 0], tolerance: 1e-9) == nil)
    // The population's deviation, dividing by n.
    #expect(firstDifference(y.standardDeviation(axes: [0]).doubles, [1, 1, 1, 1], tolerance: 1e-9) == nil)
  }

  @Test func minMaxFillsTheUnitInterval() {
    let x = normal([50, 4]) * Tensor([1.0, 1000, 1e-6, -1])
    let y = Scaling(.minMax, fittedTo: x)(x)
    #expect(firstDifference(y.min(axes: [0]).doubles, [0, 0, 0, 0], tolerance: 1e-12) == nil)
    #expect(firstDifference(y.max(axes: [0]).doubles, [1, 1, 1, 1], tolerance: 1e-12) == nil)
  }

  /// 0.1 and 1e7 + 0.1 are no binary fractions: their means are rounded, and the deviation of equal numbers must still
  /// count as none.
  @Test(arguments: [Scaling.Method.standardize, .minMax, .robust], [0, 0.1, -3, 1e7 + 0.1, 1e30])
  func constantColumnBecomesZero(method: Scaling.Method, value: Double) {
    for dtype in [DType.float32, .float64] {
      let constant = Tensor(filledWith: value, shape: [37, 1], dtype: dtype)
      let x = concatenate([constant, normal([37, 1], dtype: dtype)], axis: 1)
      let scaling = Scaling(method, fittedTo: x)
      #expect(scaling.factors[0] == 1)
      let y = scaling(x)
      let column = y.transposed()[0].doubles
      #expect(column.allSatisfy { abs($0) <= 1e-7 * max(1, abs(value)) })
      #expect(firstDifference(scaling.inverted(y).doubles, x.doubles, tolerance: 1e-6) == nil)
    }
  }

  /// One row, too, is a set of constant columns.
  @Test func oneRow() {
    let x = Tensor([[1.0, 2, 3]])
    for method in [Scaling.Method.standardize, .minMax, .robust] {
      #expect(Scaling(method, fittedTo: x)(x).doubles == [0, 0, 0])
    }
  }

  @Test("J2: the training data's numbers are applied to the test data") func testDataAreNotFitted() {
    let scaling = Scaling(.standardize, fittedTo: Tensor([[0.0], [2], [4]]))
    #expect(scaling.offsets == [2])
    #expect(scaling(Tensor([[2.0], [100]])).doubles == [0, 98 * scaling.factors[0]])
    #expect(abs(scaling.factors[0] - 1 / (8.0 / 3).squareRoot()) < 1e-15)
    let unit = Scaling(.minMax, fittedTo: Tensor([[0.0], [2], [4]]))
    #expect(unit(Tensor([[-4.0], [8]])).doubles == [-1, 2])
  }

  @Test func preprocessingOfClasses() throws {
    let (train, test) = try Dataset.iris().split(testFraction: 0.2, seed: 1)
    let preprocessing = try Preprocessing(fittedTo: train, targetName: "species")
    #expect(preprocessing.target == TargetEncoding(name: "species", classes: train.classNames))
    #expect(preprocessing.targetScaling == nil && preprocessing.features.names == train.featureNames)
    let (scaledTrain, scaledTest) = (preprocessing(train), preprocessing(test))
    #expect(firstDifference(scaledTrain.features.mean(axes: [0]).doubles, [0, 0, 0, 0], tolerance: 1e-6) == nil)
    #expect(firstDifference(scaledTest.features.mean(axes: [0]).doubles, [0, 0, 0, 0], tolerance: 1e-3) != nil)
    #expect(scaledTest.targets.ints == test.targets.ints && scaledTest.kind == test.kind)
    #expect(scaledTest.name == test.name && scaledTest.featureNames == test.featureNames)
  }

  @Test func preprocessingOfNumbers() throws {
    let table = try Table(csv: "a,b,price\n1,x,100.5\n2,y,300\n3,x,199\n", name: "data.csv")
    let data = try Dataset(table)
    let encoder = FeatureEncoder(Array(table.columns.dropLast()))
    let preprocessing = try Preprocessing(fittedTo: data.asTrainingPart(), encoder: encoder, scaling: .minMax)
    #expect(preprocessing.features == encoder && preprocessing.target == TargetEncoding(name: "price", classes: nil))
    let scaled = preprocessing(data)
    #expect(scaled.features.doubles == [0, 1, 0, 0.5, 0, 1, 1, 1, 0])
    let targets = try #require(preprocessing.targetScaling)
    #expect(abs(scaled.targets.mean().item) < 1e-6 && abs(scaled.targets.standardDeviation().item - 1) < 1e-6)
    #expect(firstDifference(targets.inverted(scaled.targets).doubles, [100.5, 300, 199], tolerance: 1e-6) == nil)
  }
}
