import Testing

@testable import ApusData

/// The numbers of the column called `name`.
private func numbers(_ csv: String, _ name: String, _ options: CSVOptions = CSVOptions()) throws -> [Double] {
  try Table(csv: csv, name: "data.csv", options: options).numbers(name)
}

@Suite struct CSVReaderTests {
  @Test("M9: tables of numbers and texts") func readsNumbersAndCategories() throws {
    let table = try Table(csv: "width,kind\n1.5,cat\n-2e1,dog\n.25,cat\n", name: "data.csv")
    #expect(table.source == "data.csv")
    #expect(table.rowCount == 3)
    #expect(table.columns.map(\.name) == ["width", "kind"])
    #expect(table.columns[0].values == .numbers([1.5, -20, 0.25]))
    #expect(table.columns[1].values == .categories(codes: [0, 1, 0], names: ["cat", "dog"]))
    #expect(table.columns.map(\.values.count) == [3, 3])
  }

  @Test func readsQuotedFields() throws {
    let csv = "\"a, b\",\"say \"\"hi\"\"\",c\n\"1\",\"x\ny, z\",\"\"\"\"\n \"2\" ,\" x \", q\n"
    let table = try Table(csv: csv, name: "data.csv")
    #expect(table.columns.map(\.name) == ["a, b", "say \"hi\"", "c"])
    #expect(try table.numbers("a, b") == [1, 2])
    #expect(try table.categories("say \"hi\"").names == ["x\ny, z", " x "])
    #expect(try table.categories("c").names == ["\"", "q"])
    #expect(table.lineNumber(ofRow: 0) == 2)
    #expect(table.lineNumber(ofRow: 1) == 4)
  }

  @Test func aQuoteInsideAnUnquotedFieldIsText() throws {
    let table = try Table(csv: "size,n\n5\" pipe,1\n", name: "data.csv")
    #expect(try table.categories("size").names == ["5\" pipe"])
  }

  @Test(arguments: ["a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "\u{FEFF}a,b\n1,2\n3,4\n"])
  func takesAnyLineEndAndAByteOrderMark(csv: String) throws {
    #expect(try numbers(csv, "a") == [1, 3])
    #expect(try numbers(csv, "b") == [2, 4])
  }

  @Test(arguments: ["\n", "\n\n\n", "\r\n \t \r\n", "   "])
  func ignoresBlankLinesAtTheEnd(rest: String) throws {
    #expect(try numbers("a\n1\n2" + (rest == "   " ? "\n   " : rest), "a") == [1, 2])
    #expect(try numbers("a,b\n1,2" + rest, "b") == [2])
  }

  @Test func toleratesBlanksAroundFields() throws {
    let table = try Table(csv: " a , b\n 1\t,  x\n2 , x  \n", name: "data.csv")
    #expect(try table.numbers("a") == [1, 2])
    #expect(try table.categories("b").names == ["x"])
  }

  // MARK: - Separators

  @Test(arguments: [",", ";", "\t"])
  func detectsTheSeparator(separator: String) throws {
    let csv = "a,b,c\n1,2,x\n3,4,y\n".replacing(",", with: separator)
    #expect(try numbers(csv, "b") == [2, 4])
  }

  @Test func aSemicolonInEachTextDoesNotDivide() throws {
    let table = try Table(csv: "id,kinds,n\n1,a;b,2\n2,c;d,3\n", name: "data.csv")
    #expect(table.columns.map(\.name) == ["id", "kinds", "n"])
  }

  @Test func aGivenSeparatorCounts() throws {
    let table = try Table(
      csv: "1;2,3\n4;5,6\n", name: "data.csv", options: CSVOptions(separator: .comma))
    #expect(try table.categories("column 1").names == ["1;2", "4;5"])
    #expect(try table.numbers("column 2") == [3, 6])
  }

  @Test func readsEmptyFieldsBetweenTabs() {
    #expect(throws: CSVError(.missingValue(text: ""), file: "data.csv", line: 2, column: "b")) {
      try Table(csv: "a\tb\tc\n1\t\t3\n", name: "data.csv")
    }
  }

  // MARK: - Headers

  @Test(arguments: [
    ("a,b\n1,2\n", true), ("1,2\n3,4\n", false), ("a,b\nx,2\n", true), ("a,b\nc,d\n", false),
    ("5.1,setosa\n4,x\n", false), (",b\n0,1\n", true), ("2020,2021\n1,2\n", false),
    ("a,b\nx,\n", true), ("\"1\",a\n2,3\n", true),
  ])
  func detectsAHeader(csv: String, isHeader: Bool) throws {
    do {
      let table = try Table(csv: csv, name: "data.csv")
      #expect(table.rowCount == (isHeader ? 1 : 2))
    } catch {
      #expect(isHeader && error == CSVError(.missingValue(text: ""), file: "data.csv", line: 2, column: "b"))
    }
  }

  @Test func aForcedHeaderCounts() throws {
    let csv = "1,2\n3,4\n"
    #expect(try numbers(csv, "1", CSVOptions(header: .present)) == [3])
    #expect(try numbers(csv, "column 1", CSVOptions(header: .absent)) == [1, 3])
    let table = try Table(csv: "a,b\n1,2\n", name: "data.csv", options: CSVOptions(header: .absent))
    #expect(try table.categories("column 1").names == ["a", "1"])
  }

  @Test func readsThousandsOfColumns() throws {
    let names = (0..<5000).map { "gene \($0)" }
    let csv = names.joined(separator: ",") + "\n" + names.indices.map(String.init).joined(separator: ",")
    let schema = TableSchema(columns: names.reversed().map { .init(name: $0, kind: .number) })
    let table = try Table(csv: csv, name: "data.csv", schema: schema)
    #expect(table.columns.map(\.name) == names.reversed())
    #expect(table.columns[1].values == .numbers([4998]))
  }

  @Test func aNamelessColumnGetsItsNumber() throws {
    #expect(try Table(csv: ",x\n0,1\n", name: "data.csv").columns.map(\.name) == ["column 1", "x"])
  }

  // MARK: - Kinds of columns

  @Test func aLateTextMakesCategories() throws {
    let table = try Table(csv: "a,b,c\n1,2,x\n01,3,y\nz,4,x\n", name: "data.csv")
    #expect(table.columns[0].values == .categories(codes: [0, 1, 2], names: ["1", "01", "z"]))
    #expect(table.columns[1].values == .numbers([2, 3, 4]))
    #expect(table.columns[2].values == .categories(codes: [0, 1, 0], names: ["x", "y"]))
  }

  @Test func numericClassesComeInAscendingOrder() throws {
    let options = CSVOptions(textColumns: ["digit"])
    let table = try Table(csv: "x,digit\n1,10\n2,2\n3,0\n4,2\n", name: "data.csv", options: options)
    #expect(table.columns[1].values == .categories(codes: [2, 1, 0, 1], names: ["0", "2", "10"]))
  }

  @Test func infinityInATextColumnIsText() throws {
    let table = try Table(csv: "a\ninf\nb\n1e999\n", name: "data.csv", options: CSVOptions(header: .present))
    #expect(try table.categories("a").names == ["inf", "b", "1e999"])
  }

  @Test func columnsAreSelectedByName() throws {
    let table = try Table(csv: "a,b,c\n1,2,x\n3,4,1\n", name: "data.csv")
    let selected = try table.selecting(["c", "a"])
    #expect(selected.columns.map(\.name) == ["c", "a"])
    #expect(selected.lineNumber(ofRow: 1) == 3)
    #expect(throws: CSVError(.columnNotFound(available: ["a", "b", "c"]), file: "data.csv", column: "d")) {
      try table.selecting(["a", "d"])
    }
    #expect(throws: CSVError(.notANumber(text: "x"), file: "data.csv", line: 2, column: "c")) {
      try table.numbers("c")
    }
    #expect(throws: CSVError(.notCategories, file: "data.csv", column: "a")) { try table.categories("a") }
  }

  // MARK: - Schemas

  private static func trained() throws -> TableSchema {
    try Table(csv: "size,zip,kind\n1,12,cat\n2,A3,dog\n", name: "train.csv").schema
  }

  @Test func readsWithTheTrainingSchema() throws {
    let schema = try Self.trained().makingOptional(["kind"])
    let table = try Table(csv: "note,zip,size\n,12,3\nNA,A3,4\n,12,5", name: "new.csv", schema: schema)
    #expect(table.columns.map(\.name) == ["size", "zip"])
    #expect(table.columns[0].values == .numbers([3, 4, 5]))
    #expect(table.columns[1].values == .categories(codes: [0, 1, 0], names: ["12", "A3"]))
  }

  @Test func theSchemaFindsAHeaderAboveTexts() throws {
    let schema = TableSchema(columns: [.init(name: "kind", kind: .category(names: ["cat", "dog"]))])
    let table = try Table(csv: "kind\ndog\ncat\n", name: "new.csv", schema: schema)
    #expect(table.columns[0].values == .categories(codes: [1, 0], names: ["cat", "dog"]))
  }

  @Test func filesThatDoNotFitTheSchemaAreRefused() throws {
    let schema = try Self.trained()
    func error(_ csv: String) -> String {
      do { return "\(try Table(csv: csv, name: "new.csv", schema: schema).rowCount) rows" } catch { return "\(error)" }
    }
    #expect(error("size,zip\n1,12\n") == "new.csv: there is no column 'kind'; there are 'size', 'zip'.")
    #expect(
      error("size,zip,kind\n1,12,cat\n1,12,cow\n")
        == "new.csv, line 3: column 'kind' holds 'cow', which is none of 'cat', 'dog'.")
    #expect(
      error("size,zip,kind\n1,12,cat\nbig,12,cat\n")
        == "new.csv, line 3: column 'size' holds 'big', which is not a number.")
    #expect(error("size,zip,kind\n1,12,\n") == "new.csv, line 2: column 'kind' is empty; fill or remove the row.")
  }

  @Test func schemasLoseColumnsByName() throws {
    #expect(try Self.trained().removing(["zip", "kind"]).columns == [.init(name: "size", kind: .number)])
  }
}
