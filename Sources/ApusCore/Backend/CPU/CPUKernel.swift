import CApus

/// Work on memory, cut into pieces that may run in any order and on any thread.
///
/// A kernel is made from shapes and strides alone, so it can be made once and run many times; the addresses come with each run.
/// The pieces never depend on the number of threads, so neither does any result.
protocol CPUKernel {
  typealias Addresses = UnsafePointer<UnsafeMutableRawPointer>

  /// The number of pieces; 0 where there is nothing to do.
  var pieces: Int { get }
  /// About how many nanoseconds all pieces take on one core.
  var cost: Double { get }
  /// Runs one piece. `addresses` are those of the inputs, then of the outputs.
  func run(_ addresses: Addresses, piece: Int)
}

extension Team {
  /// Runs all pieces of `kernel`, on the team where that pays.
  static func run(_ kernel: some CPUKernel, _ addresses: CPUKernel.Addresses) {
    guard kernel.pieces > 1, apus_parallel_pays(kernel.cost) else {
      for piece in 0..<kernel.pieces { kernel.run(addresses, piece: piece) }
      return
    }
    run(count: kernel.pieces, grain: 1) { begin, end in
      for piece in begin..<end { kernel.run(addresses, piece: piece) }
    }
  }

  /// Runs all pieces of `kernel` on the elements of `inputs` and `outputs`.
  static func run(_ kernel: some CPUKernel, inputs: [Tensor], outputs: [Tensor]) {
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: inputs.count + outputs.count) { table in
      for (i, tensor) in inputs.enumerated() { table.initializeElement(at: i, to: tensor.object.address) }
      for (i, tensor) in outputs.enumerated() {
        table.initializeElement(at: inputs.count + i, to: tensor.object.address)
      }
      run(kernel, CPUKernel.Addresses(table.baseAddress!))
    }
  }
}
