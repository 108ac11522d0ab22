import Testing

@testable import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file in the temporary directory, for as long as `body` runs.
private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
  var template = Array("/tmp/apus-csv-XXXXXX\0".utf8CString)
  let descriptor = mkstemp(&template)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  defer { unlink(path) }
  try #require(write(descriptor, bytes, bytes.count) == bytes.count)
  try body(path)
}

private func message(_ csv: [UInt8], _ options: CSVOptions = CSVOptions()) -> String {
  do {
    return "\(try Table(csv: csv, name: "data.csv", options: options).rowCount) rows"
  } catch {
    return error.description
  }
}

@Suite struct CSVErrorTests {
  @Test(arguments: [
    ("", "data.csv: the file is empty; it needs at least one row."),
    ("\n\n  \n", "data.csv: the file is empty; it needs at least one row."),
    ("\u{FEFF}", "data.csv: the file is empty; it needs at least one row."),
    ("a,b\n", "data.csv: there is a header but no row under it; add at least one row."),
    ("a,b\n\n", "data.csv: there is a header but no row under it; add at least one row."),
    ("a,b\n1,2\n3\n", "data.csv, line 3: the row has 1 field instead of 2; correct or remove it."),
    ("a,b\n1,2,3\n", "data.csv, line 2: the row has 3 fields instead of 2; correct or remove it."),
    ("a,b\n1,2\n\n3,4\n", "data.csv, line 3: the line is blank; remove it."),
    ("a\n1\n\n3\n", "data.csv, line 3: the line is blank; remove it."),
    ("\na,b\n1,2\n", "data.csv, line 1: the line is blank; remove it."),
    (
      "a,b\n1,2\n3,\"4\n5,6\n",
      "data.csv, line 3: the quoted text in column 'b' is never closed; add the missing quote."
    ),
    (
      "a,b\n1,\"2\"x\n",
      "data.csv, line 2: in column 2 text follows a closing quote; write a quote inside a quoted text twice."
    ),
    (
      "a,b\n1,2\n1,\"2\"x\n",
      "data.csv, line 3: in column 'b' text follows a closing quote; write a quote inside a quoted text twice."
    ),
    ("a,a\n1,2\n", "data.csv, line 1: there are two columns named 'a'; rename one."),
    ("age,b\n1,2\n,4\n", "data.csv, line 3: column 'age' is empty; fill or remove the row."),
    ("age,b\n1,2\n\"\",4\n", "data.csv, line 3: column 'age' is empty; fill or remove the row."),
    ("age,b\n1,2\n3,", "data.csv, line 3: column 'b' is empty; fill or remove the row."),
    ("1,2\n3,\n", "data.csv, line 2: column 2 is empty; fill or remove the row."),
    ("age,b\n1,x\n3,NA\n", "data.csv, line 3: column 'b' has no value ('NA'); fill or remove the row."),
    ("age,b\n1,x\n3,\" n/a\"\n", "data.csv, line 3: column 'b' has no value ('n/a'); fill or remove the row."),
    ("age\n?\n1\n", "data.csv, line 2: column 'age' has no value ('?'); fill or remove the row."),
    (",1\n2,3\n", "data.csv, line 1: column 1 is empty; fill or remove the row."),
    ("NA,1\n2,3\n", "data.csv, line 1: column 1 has no value ('NA'); fill or remove the row."),
    ("age\n1\nNaN\n", "data.csv, line 3: column 'age' has no value ('NaN'); fill or remove the row."),
    ("age\n1\nnull\n", "data.csv, line 3: column 'age' has no value ('null'); fill or remove the row."),
    ("age\n1\n-nan\n", "data.csv, line 3: column 'age' has no value ('-nan'); fill or remove the row."),
    ("a,b\n1,2\n1,-Inf\n", "data.csv, line 3: column 'b' holds '-Inf', which is not a finite number."),
    ("a,b\n1,2\n1e999,inf\n", "data.csv, line 3: column 'a' holds '1e999', which is not a finite number."),
    ("a,b\n1,\"1e309\"\n", "data.csv, line 2: column 'b' holds '1e309', which is not a finite number."),
    (
      "a;b\n1;2\n3;0,5\n",
      "data.csv, line 3: column 'b' holds '0,5'; write numbers with a decimal point instead of a comma."
    ),
    ("a,b\n1,x\u{0}\n", "data.csv, line 2: there is a zero byte; this is not a CSV file."),
    ("a,b\n\"x\ny\",2\n\"x\ny\",\n", "data.csv, line 5: column 'b' is empty; fill or remove the row."),
  ])
  func eachErrorIsOneSentence(csv: String, expected: String) {
    #expect(message(Array(csv.utf8)) == expected)
  }

  @Test func damagedEncodingsAreNamedWithTheirLine() {
    let invalid: [[UInt8]] = [
      [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
    ]
    for bytes in invalid {
      #expect(
        message(Array("a,b\r\n1,2\r3,4\n5,".utf8) + bytes + [10])
          == "data.csv, line 4: the text is not valid UTF-8; save the file as UTF-8.")
    }
    #expect(message([0xFF, 0xFE, 0x61, 0]) == "data.csv: the file is encoded in UTF-16; save it as UTF-8.")
    #expect(message(Array("a,b\n1,é\n2,日本\n3,😀\n".utf8)) == "3 rows")
  }

  @Test func missingTextColumnsAreNamed() {
    let options = CSVOptions(textColumns: ["c"])
    #expect(
      message(Array("1,2\n".utf8), options) == "data.csv: there is no column 'c'; there are column 1, column 2.")
  }

  @Test func textFromTheFileIsShownShortAndOnOneLine() {
    let text = String(repeating: "x", count: 100)
    let error = CSVError(.notANumber(text: "a\n\(text)"), file: "data.csv", line: 2, column: text)
    let shortened = String(repeating: "x", count: 40) + "…"
    #expect(
      error.description == "data.csv, line 2: column '\(shortened)' holds 'a\u{FFFD}\(shortened.dropFirst(2))', "
        + "which is not a number.")
    let names = (1...12).map { "c\($0)" }
    #expect(
      CSVError(.columnNotFound(available: names), file: "f", column: "d").description
        == "f: there is no column 'd'; "
        + "there are 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9', 'c10' and 2 more.")
  }

  // MARK: - Files

  @Test func readsAFile() throws {
    try withFile(Array("a,b\n1,x\n".utf8)) { path in
      let table = try Table.read(csv: path)
      #expect(table.source == path)
      #expect(try table.numbers("a") == [1])
    }
    let long = "a,b\n" + String(repeating: "1,2\n", count: 100_000)
    try withFile(Array(long.utf8)) { path in
      let numbers = try Table.read(csv: path).numbers("b")
      #expect(numbers.reduce(0, +) == 200_000)
    }
  }

  @Test func readsAPipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let csv = Array("a,b\n1,2\n".utf8)
    try #require(write(ends[1], csv, csv.count) == csv.count)
    close(ends[1])
    defer { close(ends[0]) }
    #expect(try Table.read(csv: "/dev/fd/\(ends[0])").numbers("b") == [2])
  }

  @Test(arguments: [
    ("/tmp/no such file.csv", "/tmp/no such file.csv: there is no such file; check the path."),
    ("", ": there is no such file; check the path."),
    ("/tmp/\u{0}x", "/tmp/\u{FFFD}x: there is no such file; check the path."),
    ("/tmp", "/tmp: this is a directory; name the CSV file in it."),
    ("/dev/zero", "/dev/zero: the file cannot be read (it is a device)."),
  ])
  func pathsThatAreNoFileAreRefused(path: String, expected: String) {
    #expect(throws: (any Error).self) { try Table.read(csv: path) }
    do { _ = try Table.read(csv: path) } catch { #expect(error.description == expected) }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func anUnreadableFileIsRefused() throws {
    try withFile(Array("a\n1\n".utf8)) { path in
      chmod(path, 0)
      #expect(throws: CSVError(.unreadable(reason: "Permission denied"), file: path)) { try Table.read(csv: path) }
    }
  }
}
