import ApusCore

/// The decay of an optimiser's weights, as its rule needs it.
struct WeightDecay {
  /// λ.
  let strength: Double
  let isDecoupled: Bool

  /// - Parameter optimizer: the name for errors.
  init(_ strength: Double, isDecoupled: Bool = false, _ optimizer: String) {
    guard strength >= 0, strength.isFinite else {
      fatalError("\(optimizer): the weight decay \(strength) must be finite and at least 0")
    }
    self.strength = strength
    self.isDecoupled = isDecoupled
  }

  var form: Update.Decay { strength == 0 ? .none : isDecoupled ? .decoupled : .coupled }

  /// The rule's scalars with that of the decay.
  func scalars(_ scalars: [Double], learningRate: Double) -> [Double] {
    switch form {
    case .none: scalars
    case .coupled: scalars + [strength]
    case .decoupled: scalars + [1 - learningRate * strength]
    }
  }

  /// As in a description: ", weightDecay: 0.1".
  var text: String { strength == 0 ? "" : ", weightDecay: \(strength)" }
}

/// Stops unless both betas lie in [0, 1).
func requireBetas(_ betas: (Double, Double), _ optimizer: String) {
  guard (0..<1).contains(betas.0) && (0..<1).contains(betas.1) else {
    fatalError("\(optimizer): both betas, here \(betas), must be at least 0 and less than 1")
  }
}

/// Stops unless the number lies in [0, 1).
func requireFraction(_ value: Double, _ what: String, _ optimizer: String) {
  guard (0..<1).contains(value) else {
    fatalError("\(optimizer): the \(what) \(value) must be at least 0 and less than 1")
  }
}
