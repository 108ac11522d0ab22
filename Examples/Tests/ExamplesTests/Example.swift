import Foundation
import Testing

/// The programs, run as processes. One after the other: each uses all cores.
@Suite(.serialized) struct ExampleTests {}

/// What a process left.
struct Outcome {
  /// The exit code; that of a signal is 128 more.
  let code: Int32
  let output: String
  let error: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// The numbers that stand behind `label` on the first line with it.
  func numbers(after label: String) throws -> [Double] {
    let line = try #require(lines.first { $0.contains(label) }, "no line has '\(label)':\n\(output)")
    let rest = line[line.range(of: label)!.upperBound...]
    return rest.split { !"0123456789+-.einfa".contains($0) }.compactMap { Double($0) }
  }
}

/// Runs a program that was built beside the tests and checks that it ended well.
@discardableResult
func run(
  _ name: String, _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
) throws -> Outcome {
  let outcome = try start(name, arguments)
  #expect(outcome.code == 0 && outcome.error == "", "\(name): \(outcome.error)", sourceLocation: sourceLocation)
  return outcome
}

/// Runs a program and lets it end as it likes.
func start(_ name: String, _ arguments: [String]) throws -> Outcome {
  let tests = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  let process = Process()
  process.executableURL = tests.deletingLastPathComponent().appending(component: name)
  process.arguments = arguments
  let folder = FileManager.default.temporaryDirectory.appending(component: "apus-example-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  process.currentDirectoryURL = folder
  // Files, not pipes: nobody needs to read while the process writes.
  func file(_ name: String) throws -> (handle: FileHandle, url: URL) {
    let url = folder.appending(component: ".\(name)")
    try Data().write(to: url)
    return (try FileHandle(forWritingTo: url), url)
  }
  let (output, error) = (try file("output"), try file("error"))
  process.standardOutput = output.handle
  process.standardError = error.handle
  process.standardInput = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }
  return Outcome(
    code: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
    output: try text(output.url), error: try text(error.url))
}

/// The extents of a picture in a PNG file.
struct PNGSize: Equatable {
  let (width, height): (Int, Int)

  init(_ width: Int, _ height: Int) { (self.width, self.height) = (width, height) }

  /// Reads the signature and the header that follows it (ISO/IEC 15948, 5.2 and 11.2.2).
  init(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let beginning: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
    try #require(bytes.starts(with: beginning) && bytes.count > 33, "\(path)", sourceLocation: sourceLocation)
    func number(_ place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    self.init(number(16), number(20))
  }
}
