import Testing

@testable import ApusData

/// No bytes may crash the reader, and a table that it returns must be whole.
@Suite struct CSVFuzzTests {
  private static let seeds = [
    "a,b,c\n1,2,x\n3.5,-4e2,y\n",
    "\"a\";\"b\"\r\n\"1,5\";\"x \"\"y\"\" z\"\r\n2;\"line\nbreak\"\r\n",
    "x\ty\n1\tinf\n1e999\tNA\n",
    "\u{FEFF}größe,日本\n12345678901234567890.5,😀\n",
    "1,2,3\n4,5,6\n\n",
  ]

  private static let pieces: [[UInt8]] = [
    ",", ";", "\t", "\n", "\r", "\r\n", "\"", "\"\"", " ", "-", "+", ".", "e", "E", "0", "1e308", "9999999999999999999",
    "inf", "NaN", "NA", "?", "é", "😀", "12345678", "x",
  ].map { Array($0.utf8) }

  private static let schema = TableSchema(columns: [
    .init(name: "a", kind: .number, isRequired: false),
    .init(name: "c", kind: .category(names: ["x", "y"]), isRequired: false),
  ])

  /// Reads `bytes` from a block of just their size, so that a sanitizer sees any read beyond them.
  private func check(_ bytes: [UInt8], _ options: CSVOptions, schema: TableSchema?) {
    let exact = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    defer { exact.deallocate() }
    _ = exact.initialize(from: bytes)
    do throws(CSVError) {
      let table = try Table(csv: UnsafeBufferPointer(exact), name: "fuzz", options: options, schema: schema)
      #expect(schema != nil || !table.columns.isEmpty)
      #expect(table.rowCount > 0)
      #expect(Set(table.columns.map(\.name)).count == table.columns.count)
      for column in table.columns {
        #expect(column.values.count == table.rowCount)
        switch column.values {
        case .numbers(let numbers): #expect(numbers.allSatisfy { $0.isFinite })
        case .categories(let codes, let names): #expect(codes.allSatisfy { names.indices.contains(Int($0)) })
        }
      }
      var line = 0
      for row in 0..<table.rowCount {
        #expect(table.lineNumber(ofRow: row) > line)
        line = table.lineNumber(ofRow: row)
      }
    } catch {
      #expect(error.description.hasPrefix("fuzz") && error.description.hasSuffix("."))
      #expect(!error.description.utf8.contains(10))
    }
  }

  @Test func mutatedFiles() {
    var random = TestRandom(seed: 7)
    for round in 0..<20_000 {
      var bytes = Array(Self.seeds.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random)!, at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
        default: bytes.removeSubrange(place..<min(place + Int.random(in: 0...5, using: &random), bytes.count))
        }
      }
      let options = CSVOptions(
        header: [.detected, .present, .absent].randomElement(using: &random)!,
        separator: [nil, .comma, .semicolon, .tab].randomElement(using: &random)!)
      check(bytes, options, schema: round % 4 == 0 ? Self.schema : nil)
    }
  }

  @Test func randomPieces() {
    var random = TestRandom(seed: 8)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0...30, using: &random)
      check((0..<count).flatMap { _ in Self.pieces.randomElement(using: &random)! }, CSVOptions(), schema: nil)
    }
  }

  @Test func randomBytes() {
    var random = TestRandom(seed: 9)
    for _ in 0..<5_000 {
      let count = Int.random(in: 0...40, using: &random)
      check((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, CSVOptions(), schema: nil)
    }
  }
}
