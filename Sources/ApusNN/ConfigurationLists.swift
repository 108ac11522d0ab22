import ApusCore

// Settings that several layers have.

extension LayerConfiguration {
  /// Sizes beyond this are refused in files: they could not be held in memory, and a lying file must not try.
  package static let extents = 1...(1 << 24)

  /// Writes a list of numbers as the settings "name.0", "name.1", …
  mutating func set(_ name: String, list: [Int]) {
    for (i, value) in list.enumerated() { settings["\(name).\(i)"] = .integer(value) }
  }

  /// The list of numbers that was written as "name.0", "name.1", …; at most eight.
  func list(_ name: String, in range: ClosedRange<Int>) throws -> [Int] {
    let count = (0..<Shape.maximumRank).first { settings["\(name).\($0)"] == nil } ?? Shape.maximumRank
    return try (0..<count).map { try integer("\(name).\($0)", in: range) }
  }

  /// Writes the type of the parameters, unless it is float32.
  package mutating func set(_ dtype: DType) {
    if dtype != .float32 { settings["dtype"] = .text(dtype.description) }
  }

  /// A number that is positive and finite.
  func positive(_ name: String) throws -> Double {
    let value = try number(name)
    guard value > 0 && value.isFinite else {
      throw ConfigurationError("\(kind): '\(name)' is \(value); expected a positive number")
    }
    return value
  }

  /// A number that is finite.
  func finite(_ name: String) throws -> Double {
    let value = try number(name)
    guard value.isFinite else { throw ConfigurationError("\(kind): '\(name)' is \(value); expected a finite number") }
    return value
  }

  /// A probability with which something is dropped: in [0, 1).
  package func dropProbability(_ name: String) throws -> Double {
    let value = try number(name)
    guard value >= 0 && value < 1 else {
      throw ConfigurationError("\(kind): '\(name)' is \(value); expected at least 0 and less than 1")
    }
    return value
  }

  /// One of a few words.
  package func choice<Choice: RawRepresentable & CaseIterable>(_ name: String) throws -> Choice
  where Choice.RawValue == String {
    let word = try text(name)
    guard let choice = Choice(rawValue: word) else {
      let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
      throw ConfigurationError("\(kind): '\(name)' is '\(word)'; expected one of \(known)")
    }
    return choice
  }

  /// The configuration of a layer inside another.
  package static func inner(_ layer: any Layer) -> LayerConfiguration {
    guard let layer = layer as? any ConfigurableLayer else {
      fatalError("\(layer) cannot be written into a file: make it a ConfigurableLayer")
    }
    return layer.configuration
  }

  /// The layers inside, which must be as many as `count` says.
  package func inner(count: ClosedRange<Int>) throws -> [any Layer] {
    guard count.contains(layers.count) else {
      let expected = count.lowerBound == count.upperBound ? "\(count.lowerBound)" : "at least \(count.lowerBound)"
      throw ConfigurationError("\(kind): \(layers.count) layers inside were found; expected \(expected)")
    }
    return try layers.map { try LayerRegistry.current.layer($0) }
  }
}

/// How γ and β of a normalisation start: as numbers, or, to be read from a file, as shapes without elements.
struct NormalizationStart {
  let dtype: DType
  let isPlaceholder: Bool

  func callAsFunction(_ value: Double, _ shape: Shape, name: String) -> Parameter {
    let type = TensorType(shape, dtype)
    return Parameter(
      isPlaceholder ? Tensor(placeholder: type) : Tensor(filledWith: value, shape: shape, dtype: dtype), name: name)
  }
}

/// Stops unless ε keeps quotients finite.
func requirePositive(epsilon: Double, _ layer: String) {
  guard epsilon > 0 && epsilon.isFinite else { fatalError("\(layer): epsilon \(epsilon) must be positive") }
}
