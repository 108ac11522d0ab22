/// The memory that training takes, as far as the network's shape tells it.
struct MemoryNeed {
  let parameters: Int
  /// The numbers that the network computes for an example.
  let units: Int

  init(parameters: Int, units: Int) { (self.parameters, self.units) = (parameters, units) }

  /// That of dense layers with these numbers of inputs, units, and outputs.
  init(denseLayers sizes: [Int]) {
    self.init(
      parameters: zip(sizes, sizes.dropFirst()).reduce(0) { $0 + ($1.0 + 1) * $1.1 }, units: sizes.reduce(0, +))
  }

  /// Refuses what the machine could not hold, before the memory is taken.
  /// - Parameter advice: what to choose instead.
  func check(batchSize: Int, advice: String) throws(RunConfigurationError) {
    // Each parameter has a gradient and up to two moments; each unit a value and a gradient for every example of a batch.
    let bytes = 4 * (4 * Double(parameters) + 2 * Double(batchSize) * Double(units))
    guard parameters <= Self.mostParameters, bytes <= Double(Machine.memory) else {
      throw RunConfigurationError(
        "the network would have \(parameters) parameters and need \(Int(bytes / 0x1p30)) GB of memory; choose \(advice)"
      )
    }
  }

  /// The same for dense layers, of which there may be fewer.
  func checkDense(batchSize: Int) throws(RunConfigurationError) {
    try check(
      batchSize: batchSize, advice: "fewer units or layers" + (batchSize > 1024 ? ", or smaller batches" : ""))
  }

  private static let mostParameters = 1 << 31
}

extension Layer {
  /// The numbers that the layers inside compute for one example of shape `input`, as far as a summary shows them.
  func unitCount(_ input: Shape) throws(ShapeError) -> Int {
    try summary(inputShape: Shape([1] + input)).rows.filter { !$0.isContainer }.reduce(0) {
      $0 + $1.outputShape.elementCount
    }
  }
}
