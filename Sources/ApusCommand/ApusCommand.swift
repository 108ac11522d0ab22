import Apus
import ArgumentParser

/// `apus`: trains, measures and uses networks on tables. A thin shell over the library.
@main
struct ApusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus", abstract: "Train networks on tables, and use them.", version: apusVersion,
    subcommands: [Train.self, Evaluate.self, Predict.self, Summary.self, Datasets.self])

  /// Wrong use ends with exit code 64 (ArgumentParser's), bad data with 65, a result that cannot be written with 73 or 74.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Console.error("apus: \(failure.sentence)")
      exit(withCode: failure.code)
    } catch {
      exit(withError: error)
    }
  }

  private static func exit(withCode code: Int32) -> Never { exit(withError: ExitCode(code)) }
}

/// An end that is not ArgumentParser's: one sentence and an exit code.
struct Failure: Error {
  let sentence: String
  let code: Int32

  static let usage: Int32 = 64
  static let data: Int32 = 65
  static let cannotCreate: Int32 = 73
  static let input: Int32 = 74

  /// Runs `body` and turns the library's errors into failures.
  static func catching<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as CSVError {
      throw Failure(sentence: error.description, code: data)
    } catch let error as DatasetError {
      throw Failure(sentence: error.description, code: data)
    } catch let error as FileFormatError {
      let isOutput = [.diskFull, .unwritable].contains(error.kind)
      throw Failure(sentence: error.description, code: isOutput ? cannotCreate : data)
    } catch let error as RunConfigurationError {
      throw Failure(sentence: error.description, code: usage)
    } catch let error as TrainingError {
      throw Failure(sentence: error.description, code: data)
    }
  }
}
