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
  /// Runs one piece. `addresses` are those of the inputs, then of the outputs, then of the scratch memory.
  func run(_ addresses: Addresses, piece: Int)

  /// Memory that the pieces leave their parts of the result in, in bytes.
  var scratchBytes: Int { get }
  /// Puts the parts together, after all pieces.
  func finish(_ addresses: Addresses)
}

extension CPUKernel {
  var scratchBytes: Int { 0 }
  func finish(_ addresses: Addresses) {}
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
    let count = inputs.count + outputs.count
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: count + 1) { table in
      for (i, tensor) in inputs.enumerated() { table.initializeElement(at: i, to: tensor.object.address) }
      for (i, tensor) in outputs.enumerated() {
        table.initializeElement(at: inputs.count + i, to: tensor.object.address)
      }
      withUnsafeTemporaryAllocation(byteCount: max(64, kernel.scratchBytes), alignment: 64) { scratch in
        table.initializeElement(at: count, to: scratch.baseAddress!)
        let addresses = UnsafePointer(table.baseAddress!)
        run(kernel, addresses)
        kernel.finish(addresses)
      }
    }
  }
}
