import Apus
import ArgumentParser

/// `apus`: trains, measures and uses networks on tables. A thin shell over the library.
@main
struct ApusCommand: ParsableCommand {
  // Every command says its name: finding it out from the type costs milliseconds at each start.
  static let configuration = CommandConfiguration(
    commandName: "apus", abstract: "Train networks on tables, images and texts, and use them.", version: apusVersion,
    subcommands: [
      Train.self, FindLearningRate.self, CrossValidate.self, Evaluate.self, Predict.self, Generate.self, Plot.self,
      Explain.self, Summary.self,
      Datasets.self,
    ])

  /// Wrong use ends with exit code 64, bad data with 65, a result that cannot be written with 73 or 74.
  static func main() {
    Console.prepare()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      end(failure)
    } catch  where exitCode(for: error) == .success {
      // Help or the version was asked for.
      do { try Console.print(fullMessage(for: error)) } catch { end(error as? Failure) }
    } catch  where exitCode(for: error) == .validationFailure {
      end(Failure(sentence: usage(error), code: Failure.usage))
    } catch {
      end(Failure(sentence: "\(error)", code: Failure.software))
    }
  }

  /// One sentence, and where to look: "unknown option '--epoch'; see 'apus train --help'."
  private static func usage(_ error: any Error) -> String {
    var sentence = message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
    while let last = sentence.last, last == "." || last == " " { sentence.removeLast() }
    // ArgumentParser says which subcommand it was: "  See 'apus train --help' for more information."
    let hint = fullMessage(for: error).split(whereSeparator: \.isNewline).last { $0.contains("See '") }
    guard let command = hint?.split(separator: "'").first(where: { $0.hasSuffix("--help") }) else {
      return sentence + "."
    }
    return sentence.hasSuffix("?") ? "\(sentence) See '\(command)'." : "\(sentence); see '\(command)'."
  }

  private static func end(_ failure: Failure?) -> Never {
    let failure = failure ?? Failure(sentence: "", code: Failure.software)
    if !failure.sentence.isEmpty { Console.error("apus: \(failure.sentence)") }
    for line in failure.details { Console.error("  \(line)") }
    Console.exit(failure.code)
  }
}

/// An end that is not ArgumentParser's: one sentence (nothing is said if it is empty) and an exit code.
struct Failure: Error {
  let sentence: String
  /// Lines that the sentence announces.
  var details: [String] = []
  let code: Int32

  static let usage: Int32 = 64
  static let data: Int32 = 65
  static let software: Int32 = 70
  static let cannotCreate: Int32 = 73
  static let input: Int32 = 74

  /// Runs `body` and turns the library's errors into failures.
  static func catching<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as CSVError {
      throw Failure(sentence: error.description, code: data)
    } catch let error as DatasetError {
      let stop = error.details.isEmpty ? "." : ""
      throw Failure(sentence: error.sentence + stop, details: error.details, code: data)
    } catch let error as FileFormatError {
      throw Failure(sentence: error.description, code: data)
    } catch let error as RunConfigurationError {
      throw Failure(sentence: error.description + ".", code: usage)
    } catch let error as TrainingError {
      throw Failure(sentence: error.description + ".", code: data)
    } catch let error as ExplanationError {
      throw Failure(sentence: error.description + ".", code: data)
    }
  }

  /// Runs `body`, which writes files.
  static func writing<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as FileFormatError {
      throw Failure(sentence: error.description, code: cannotCreate)
    }
  }
}
