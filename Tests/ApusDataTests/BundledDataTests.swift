import Testing

@testable import ApusData

/// What scikit-learn 1.9.1 says of a data set.
private struct Expected: Sendable {
  var set: BundledData
  var target: String
  var classes: [String]
  var classCounts: [Int]
  var featureCount: Int
  var firstFeature: String
  var firstRow: [Double]
  var lastRow: [Double]
  var firstClass: String
  var lastClass: String
  /// The sum of all features, correctly rounded (math.fsum).
  var sum: Double
  /// The sums of the first, second and last feature.
  var columnSums: [Double]
}

@Suite struct BundledDataTests {
  private static let expected = [
    Expected(
      set: .iris, target: "species", classes: ["setosa", "versicolor", "virginica"], classCounts: [50, 50, 50],
      featureCount: 4, firstFeature: "sepal length (cm)", firstRow: [5.1, 3.5, 1.4, 0.2], lastRow: [5.9, 3, 5.1, 1.8],
      firstClass: "setosa", lastClass: "virginica", sum: 2078.7, columnSums: [876.5, 458.6, 179.9]),
    Expected(
      set: .wine, target: "cultivar", classes: ["class_0", "class_1", "class_2"], classCounts: [59, 71, 48],
      featureCount: 13, firstFeature: "alcohol", firstRow: [14.23, 1.71, 2.43, 15.6, 127, 2.8, 3.06, 0.28],
      lastRow: [14.13, 4.1, 2.74, 24.5, 96, 2.05, 0.76, 0.56], firstClass: "class_0", lastClass: "class_2",
      sum: 159975.295999, columnSums: [2314.11, 415.87, 132947]),
    Expected(
      set: .breastCancer, target: "diagnosis", classes: ["malignant", "benign"], classCounts: [212, 357],
      featureCount: 30, firstFeature: "mean radius",
      firstRow: [17.99, 10.38, 122.8, 1001, 0.1184, 0.2776, 0.3001, 0.1471],
      lastRow: [7.76, 24.54, 47.92, 181, 0.05263, 0.04362, 0, 0], firstClass: "malignant", lastClass: "benign",
      sum: 1056474.4596356, columnSums: [8038.429, 10975.81, 47.76517]),
    Expected(
      set: .digits, target: "digit", classes: (0...9).map(String.init),
      classCounts: [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], featureCount: 64, firstFeature: "pixel_0_0",
      firstRow: [0, 0, 5, 13, 9, 1, 0, 0], lastRow: [0, 0, 10, 14, 8, 1, 0, 0], firstClass: "0", lastClass: "8",
      sum: 561718, columnSums: [0, 546, 655]),
  ]

  @Test(arguments: expected) private func isScikitLearns(expected: Expected) throws {
    let table = expected.set.table
    #expect(table.columns.count == expected.featureCount + 1)
    #expect(table.rowCount == expected.classCounts.reduce(0, +))
    #expect(table.columns[0].name == expected.firstFeature)
    #expect(table.columns.last?.name == expected.target)

    let (codes, names) = try table.categories(expected.target)
    #expect(names == expected.classes)
    #expect(names.indices.map { code in codes.count { $0 == Int32(code) } } == expected.classCounts)
    #expect(codes.first.map { names[Int($0)] } == expected.firstClass)
    #expect(codes.last.map { names[Int($0)] } == expected.lastClass)

    let features = try table.columns.dropLast().map { try table.numbers($0.name) }
    #expect(features.prefix(expected.firstRow.count).map { $0.first } == expected.firstRow)
    #expect(features.prefix(expected.lastRow.count).map { $0.last } == expected.lastRow)
    let sums = features.map { $0.reduce(0, +) }
    func agree(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= 1e-12 * max(1, abs(right)) * 100 }
    #expect(agree(sums.reduce(0, +), expected.sum))
    for (sum, known) in zip([sums[0], sums[1], sums[sums.count - 1]], expected.columnSums) {
      #expect(agree(sum, known), "\(sum) instead of \(known)")
    }
  }

  @Test func pixelsAreInRange() throws {
    for column in BundledData.digits.table.columns.dropLast() {
      guard case .numbers(let pixels) = column.values else { throw CSVError(.notCategories, file: "digits.csv") }
      #expect(pixels.allSatisfy { (0...16).contains($0) && $0 == $0.rounded() })
    }
  }
}
