import ApusCore
import Testing

@testable import ApusFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct SafetensorsErrorTests {
  private let directory = TemporaryDirectory()

  private func refuse(
    _ bytes: [UInt8], _ kind: FileFormatError.Kind, _ sentence: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let path = directory.file("x.safetensors", bytes)
    expectError(kind, path, sentence, sourceLocation: sourceLocation) { _ = try SafetensorsFile(path: path) }
  }

  /// A file with one tensor `t` described by `fields`.
  private func refuse(
    tensor fields: String, dataCount: Int = 0, kind: FileFormatError.Kind = .malformed, _ sentence: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    refuse(safetensors("{\"t\":\(fields)}", dataCount: dataCount), kind, sentence, sourceLocation: sourceLocation)
  }

  @Test func noFile() {
    let path = directory.file("absent")
    expectError(.notFound, path, "there is no such file; check the path") { _ = try SafetensorsFile(path: path) }
    expectError(.notFound, "", "there is no such file; check the path") { _ = try SafetensorsFile(path: "") }
    #expect { try SafetensorsFile(path: "\(directory.path)\0/x") } throws: {
      ($0 as? FileFormatError)?.kind == .notFound
    }
    expectError(.isDirectory, directory.path, "this is a directory; name a file") {
      _ = try SafetensorsFile(path: directory.path)
    }
    expectError(.notARegularFile, "/dev/zero", "this is a device, a pipe or a socket; name a file") {
      _ = try SafetensorsFile(path: "/dev/zero")
    }
    // Opening a pipe must not wait for a writer.
    let pipe = directory.file("pipe")
    mkfifo(pipe, 0o600)
    expectError(.notARegularFile, pipe, "this is a device, a pipe or a socket; name a file") {
      _ = try SafetensorsFile(path: pipe)
    }
    let below = directory.file("file", [1]) + "/x"
    expectError(.unreadable, below, "the file cannot be read (Not a directory)") {
      _ = try SafetensorsFile(path: below)
    }
  }

  @Test func otherFormats() {
    refuse([], .empty, "the file is empty")
    refuse(
      [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 13], .wrongFormat, "this is a PNG image, not a safetensors file"
    )
    refuse(
      Array("a,b\n1,2\n3,4\n".utf8), .wrongFormat, "this is a text, such as a CSV or JSON file, not a safetensors file")
    refuse(Array("a,b".utf8), .wrongFormat, "this is a text, such as a CSV or JSON file, not a safetensors file")
    refuse(
      Array("PK\u{3}\u{4}\0\0\0\0\0\0".utf8), .wrongFormat,
      "this is a ZIP archive (PyTorch's and NumPy's archives are, too), not a safetensors file")
    refuse(Array("größe;ü\n".utf8), .wrongFormat, "this is a text, such as a CSV or JSON file, not a safetensors file")
    // A gzip archive whose first bytes are a possible length.
    refuse(
      [0x1F, 0x8B, 0, 0, 0, 0, 0, 0] + Array(repeating: 7, count: 40_000), .wrongFormat,
      "this is a gzip archive, not a safetensors file")
    refuse([1, 2, 3], .truncated, "the file has 3 bytes; a safetensors file has at least 8")
  }

  @Test func headerLength() {
    refuse(
      Array(repeating: 0xFF, count: 16), .tooLarge,
      "the header should have 18446744073709551615 bytes, more than the 100000000 allowed; "
        + "this may be no safetensors file"
    )
    refuse(
      [0, 0, 0, 0, 1, 0, 0, 0, 0x7B, 0x7D], .tooLarge,
      "the header should have 4294967296 bytes, more than the 100000000 allowed; this may be no safetensors file")
    refuse(
      [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D], .truncated,
      "the header should have 3 bytes, but the file ends after 2 of them")
    refuse([0, 0, 0, 0, 0, 0, 0, 0], .malformed, "the header is not a JSON object")
  }

  @Test func headerText() {
    refuse(safetensors("[]"), .malformed, "the header is not a JSON object")
    refuse(safetensors(" {}"), .malformed, "the header is not a JSON object")
    refuse(
      safetensors("{\"a\":}"), .malformed, "the header is not valid JSON (line 1, column 6: a value should stand here)")
    refuse(
      safetensors("{}{}"), .malformed,
      "the header is not valid JSON (line 1, column 3: something follows the end of the value)")
    refuse(
      [5, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22, 0x7D], .malformed,
      "the header is not valid JSON (line 1, column 2: a text is not valid UTF-8)")
    let tensor = #"{"dtype":"U8","shape":[],"data_offsets":[0,1]}"#
    refuse(
      safetensors("{\"t\":\(tensor),\"t\":\(tensor)}", dataCount: 1), .malformed,
      "the header is not valid JSON (line 1, column 53: a key stands twice in one object)")
    refuse(
      tensor: #"{"dtype":"U8","shape":[[[]]],"data_offsets":[0,1]}"#,
      "the header is not valid JSON (line 1, column 29: arrays and objects are nested deeper than 3)")
  }

  @Test func metadata() {
    refuse(safetensors(#"{"__metadata__":3}"#), .malformed, "the metadata are a whole number; expected an object")
    refuse(safetensors(#"{"__metadata__":{"a":1.5}}"#), .malformed, "the metadata's 'a' is a number; expected a text")
  }

  @Test func fields() {
    refuse(tensor: "[]", "tensor 't' is described by an array; expected an object")
    refuse(tensor: #"{"dtype":"U8","shape":[]}"#, "tensor 't' lacks the field 'data_offsets'")
    refuse(tensor: #"{"shape":[],"data_offsets":[0,0]}"#, "tensor 't' lacks the field 'dtype'")
    refuse(tensor: #"{"dtype":"U8","data_offsets":[0,0]}"#, "tensor 't' lacks the field 'shape'")
    refuse(
      tensor: #"{"dtype":"U8","shape":[],"data_offsets":[0,0],"x\n":1}"#, "tensor 't' has the unknown field 'x\u{FFFD}'"
    )
    refuse(tensor: #"{"dtype":1,"shape":[],"data_offsets":[0,0]}"#, "tensor 't': 'dtype' should be a text")
    refuse(tensor: #"{"dtype":"U8","shape":3,"data_offsets":[0,0]}"#, "tensor 't': 'shape' should be an array")
    refuse(
      tensor: #"{"dtype":"U8","shape":[1.0],"data_offsets":[0,0]}"#,
      "tensor 't': 'shape' should hold whole numbers only")
    refuse(
      tensor: #"{"dtype":"U8","shape":[1],"data_offsets":["0",1]}"#,
      "tensor 't': 'data_offsets' should hold whole numbers only")
    for type in ["F16", "U64", "f32"] {
      refuse(
        tensor: "{\"dtype\":\"\(type)\",\"shape\":[],\"data_offsets\":[0,2]}", dataCount: 2, kind: .unsupported,
        "tensor 't' has the element type '\(type)'; Apus reads BF16, BOOL, F32, F64, I32, I64, U8")
    }
  }

  @Test func shapes() {
    refuse(tensor: #"{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}"#, "tensor 't' has the negative extent -1")
    refuse(
      tensor: #"{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}"#, dataCount: 1, kind: .unsupported,
      "tensor 't' has 9 axes; Apus reads at most 8")
    refuse(
      tensor: #"{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}"#, kind: .tooLarge,
      "tensor 't' of shape [4294967296, 4294967296] is too large")
    // The product is 0, but the strides would overflow.
    refuse(
      tensor: #"{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}"#, kind: .tooLarge,
      "tensor 't' of shape [0, 4294967296, 4294967296] is too large")
    refuse(
      tensor: #"{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}"#, kind: .tooLarge,
      "tensor 't' of shape (4611686018427387904,) is too large")
    // A lying header takes no memory.
    refuse(
      tensor: #"{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}"#, dataCount: 4,
      kind: .truncated,
      "tensor 't' should end at byte 4398046511104 of the data, but there are only 4")
  }

  @Test func offsets() {
    func offsets(_ offsets: String, dataCount: Int = 4, kind: FileFormatError.Kind = .malformed, _ sentence: String) {
      refuse(
        tensor: "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(offsets)}", dataCount: dataCount, kind: kind,
        sentence)
    }
    offsets("[4,0]", "tensor 't': 'data_offsets' is [4, 0]; expected a begin and an end not before it")
    offsets("[-4,0]", "tensor 't': 'data_offsets' is [-4, 0]; expected a begin and an end not before it")
    offsets("[0]", "tensor 't': 'data_offsets' is [0]; expected a begin and an end not before it")
    offsets("[0,4,8]", "tensor 't': 'data_offsets' is [0, 4, 8]; expected a begin and an end not before it")
    offsets(
      "[0,3]", dataCount: 3, "tensor 't' of shape (1,) and type float32 needs 4 bytes, but 'data_offsets' span 3")
    offsets("[0,4]", dataCount: 1, kind: .truncated, "tensor 't' should end at byte 4 of the data, but there is only 1")
    offsets("[2,6]", dataCount: 6, "2 bytes before the data of tensor 't' belong to none")
    offsets("[0,4]", dataCount: 5, "1 byte at the end of the file belongs to no tensor")
    offsets(
      "[9223372036854775807,9223372036854775807]",
      "tensor 't' of shape (1,) and type float32 needs 4 bytes, but 'data_offsets' span 0")
    refuse(safetensors("{}", dataCount: 8), .malformed, "8 bytes at the end of the file belong to no tensor")

    func two(_ first: String, _ second: String, _ sentence: String) {
      let header =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":\(first)},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":\(second)}}"
      refuse(safetensors(header, dataCount: 5), .malformed, sentence)
    }
    two("[0,2]", "[1,3]", "tensor 'b' overlaps the data of another one")
    two("[1,3]", "[1,3]", "1 byte before the data of tensor 'a' belongs to none")
    two("[0,2]", "[3,5]", "1 byte before the data of tensor 'b' belongs to none")
  }

  @Test func truthValues() {
    let header = #"{"t":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#
    refuse(
      safetensors(header) + [1, 2], .malformed, "tensor 't' of truth values holds a 2; expected 0 or 1")
  }

  @Test func fileBecomesShorter() throws {
    let path = directory.file(
      "x", safetensors(#"{"t":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, dataCount: 9))
    let reader = try SafetensorsReader(path: path)
    truncate(path, 20)
    expectError(.truncated, path, "the file became shorter while it was read") {
      _ = try reader.tensor(reader.entries[0])
    }
  }

  /// A sparse file costs nothing to make; its size alone must not make the process take memory that is not there.
  @Test func largerThanMemory() {
    let size = 1 << 43
    let header = "{\"t\":{\"dtype\":\"U8\",\"shape\":[\(size)],\"data_offsets\":[0,\(size)]}}"
    let path = directory.file("x", safetensors(header))
    guard truncate(path, off_t(8 + header.utf8.count + size)) == 0 else { return }
    expectError(.tooLarge, path, "the file is larger than this machine's memory") {
      _ = try SafetensorsFile(path: path)
    }
  }

  @Test func namesAreShownOnOneLine() {
    let name = String(repeating: "n", count: 100)
    let path = directory.file("x", safetensors("{\"a\\n\(name)\":0}"))
    expectError(
      .malformed, path,
      "tensor 'a\u{FFFD}\(name.prefix(58))…' is described by a whole number; expected an object"
    ) { _ = try SafetensorsFile(path: path) }
  }
}
