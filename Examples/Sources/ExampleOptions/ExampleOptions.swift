// What the examples have in common, so that each shows only its model: options, errors, and where the digits are.

import Apus
import Foundation

/// `--data PATH`, `--epochs N` or `--steps N`, `--seed N`, `--output DIR` for pictures and models, and `--images N` for fewer of them.
public struct ExampleOptions: Sendable {
  public fileprivate(set) var data: String?
  /// The epochs or steps.
  public fileprivate(set) var count: Int
  public fileprivate(set) var seed: UInt64 = 1
  /// How many images to draw or to learn from; nil: as many as there are.
  public fileprivate(set) var images: Int?
  fileprivate var output = "."

  /// Where a file goes.
  public func path(_ name: String) -> String { "\(output)/\(name)" }

  fileprivate init(_ arguments: [String], counted: String, usually count: Int) throws {
    self.count = count
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard ["--data", counted, "--images", "--seed", "--output"].contains(name), let value = rest.popFirst() else {
        throw UsageError("'\(name)' is not understood; expected --data PATH, \(counted) N, --seed N or --output DIR")
      }
      switch name {
      case "--data": data = value
      case "--output": output = value
      case "--seed":
        guard let seed = UInt64(value) else { throw UsageError("--seed \(value): expected a whole number") }
        self.seed = seed
      default:
        guard let count = Int(value), (1...10_000_000).contains(count) else {
          throw UsageError("\(name) \(value): expected 1 to 10000000")
        }
        if name == "--images" { images = count } else { self.count = count }
      }
    }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
  }

  /// Images of handwritten digits, from MNIST's four files in the directory `--data`; without it they are downloaded once.
  public func digits() throws -> (training: Dataset, test: Dataset) {
    let (training, test) = try data.map { try Dataset.mnist(directory: $0) } ?? Dataset.mnist()
    return (training.first(images), test)
  }
}

extension Dataset {
  /// The first `count` examples, or all.
  public func first(_ count: Int?) -> Dataset { count.map { selecting(Array(0..<min(self.count, $0))) } ?? self }
}

/// What keeps an example from running, in one sentence.
public struct UsageError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Runs an example with the options of the command line; an error becomes one line and exit code 1.
/// - Parameters:
///   - counted: `--epochs` or `--steps`.
///   - count: how many of them, if the command line says nothing.
public func runExample(
  _ name: String, _ counted: String, usually count: Int, _ body: (ExampleOptions) throws -> Void
) {
  do {
    try body(try ExampleOptions(Array(CommandLine.arguments.dropFirst()), counted: counted, usually: count))
  } catch {
    FileHandle.standardError.write(Data("\(name): \(error)\n".utf8))
    exit(1)
  }
}

/// Prints a line at once, also where the output goes into a file.
public func report(_ line: String) {
  print(line)
  fflush(nil)
}
