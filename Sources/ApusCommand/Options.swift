import Apus
import ArgumentParser

/// The numbers of units of hidden layers, as "128,64"; "none" for no hidden layer.
struct LayerSizes: CustomStringConvertible {
  let sizes: [Int]

  init(_ sizes: [Int]) { self.sizes = sizes }

  init(parsing text: String) throws {
    if text == "none" {
      sizes = []
      return
    }
    var sizes: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let size = Int(part), (1...Self.mostUnits).contains(size) else {
        throw ValidationError("'\(part)' is no number of units from 1 to \(Self.mostUnits)")
      }
      sizes.append(size)
    }
    guard sizes.count <= Self.mostLayers else {
      throw ValidationError("these are \(sizes.count) layers; expected at most \(Self.mostLayers)")
    }
    self.sizes = sizes
  }

  private static let mostUnits = 1 << 16
  private static let mostLayers = 100

  var description: String { sizes.isEmpty ? "none" : sizes.map(String.init).joined(separator: ",") }
}

extension Activation: ExpressibleByArgument {
  public init?(argument: String) {
    guard let activation = Activation.named(argument) else { return nil }
    self = activation
  }
  public var defaultValueDescription: String { name }
  public static var allValueStrings: [String] { Activation.all.map(\.name) }
}

extension RunConfiguration.OptimizerKind: ExpressibleByArgument {}
extension Dataset.Task: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Scaling.Method: ExpressibleByArgument {}
extension Scaling.Deviation: ExpressibleByArgument {}
extension RunConfiguration.ModelKind: ExpressibleByArgument {}
extension TrainingChoices.ScheduleKind: ExpressibleByArgument {}
extension TrainingRefinements.Penalty: ExpressibleByArgument {}

/// The one place that checks numbers against their ranges.
func require(_ condition: Bool, _ sentence: String) throws {
  if !condition { throw ValidationError(sentence) }
}
