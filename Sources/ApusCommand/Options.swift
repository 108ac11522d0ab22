import Apus
import ArgumentParser

/// The numbers of units of hidden layers, as "128,64"; "none" for no hidden layer.
struct LayerSizes: ExpressibleByArgument {
  let sizes: [Int]

  init(_ sizes: [Int]) { self.sizes = sizes }

  init?(argument: String) {
    if argument == "none" {
      sizes = []
      return
    }
    var sizes: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let size = Int(part), (1...1 << 16).contains(size) else { return nil }
      sizes.append(size)
    }
    guard sizes.count <= 100 else { return nil }
    self.sizes = sizes
  }

  var defaultValueDescription: String { sizes.map(String.init).joined(separator: ",") }
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
extension Scaling.Method: ExpressibleByArgument {}

/// The one place that checks numbers against their ranges.
func require(_ condition: Bool, _ sentence: String) throws {
  if !condition { throw ValidationError(sentence) }
}
