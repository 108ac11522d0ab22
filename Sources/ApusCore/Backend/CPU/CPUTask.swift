import CApus

/// An instruction of a program, ready to run: a kernel with the addresses that it works on.
///
/// The addresses are those of the inputs, then of the outputs, then of scratch memory. They change rarely; `bind` says when they did.
class CPUTask {
  let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let pieces: Int
  /// About how many nanoseconds all pieces take on one core.
  let cost: Double
  private let scratch: UnsafeMutableRawPointer

  init(operands: Int, pieces: Int, cost: Double, scratchBytes: Int = 0) {
    scratch = .allocate(byteCount: max(64, scratchBytes), alignment: 64)
    addresses = .allocate(capacity: operands + 1)
    addresses.initialize(repeating: scratch, count: operands + 1)
    self.pieces = pieces
    self.cost = cost
  }

  deinit {
    addresses.deallocate()
    scratch.deallocate()
  }

  /// Takes notice of new addresses.
  func bind() {}
  /// Takes notice that the elements of an operand that the step itself leaves as they are may be others than at the last run.
  func changed(_ operand: Int) {}
  func run(_ piece: Int) { fatalError("a task has a kernel") }
  /// After all pieces.
  func finish() {}
  /// Whether its kernel takes the team for itself.
  var takesTeam: Bool { false }
}

/// A task of a kernel that takes addresses as they are.
final class KernelTask<K: CPUKernel>: CPUTask {
  private let kernel: K

  init(_ kernel: K, operands: Int) {
    self.kernel = kernel
    super.init(operands: operands, pieces: kernel.pieces, cost: kernel.cost, scratchBytes: kernel.scratchBytes)
  }

  override func run(_ piece: Int) { kernel.run(UnsafePointer(addresses), piece: piece) }
  override func finish() { kernel.finish(UnsafePointer(addresses)) }
}

/// A task of random numbers.
final class RandomTask: CPUTask {
  private let distribution: Distribution
  private let (dtype, count, offset): (DType, Int, UInt64)
  private var source = RandomSource(seed: 0)
  private static let grain = 1 << 14

  init(_ distribution: Distribution, offset: UInt64, output: Operand) {
    self.distribution = distribution
    (dtype, count, self.offset) = (output.dtype, output.count, offset)
    super.init(operands: 1, pieces: (count + Self.grain - 1) / Self.grain, cost: Double(count) * 0.5 + 30)
  }

  /// Says where this run's random numbers begin.
  func prepare(_ random: RandomSource?) {
    guard let random else { fatalError("a run that draws random numbers needs a source of them") }
    source = random
  }

  override func run(_ piece: Int) {
    let begin = piece * Self.grain
    distribution.fill(
      addresses[0], dtype, key: source.seed, stream: source.stream, counter: source.nextBlock &+ offset, from: begin,
      to: min(begin + Self.grain, count))
  }
}

/// A task that calls the backend: for kernels that are rarely worth more.
final class CallTask: CPUTask {
  private let instruction: Instruction
  private let backend: CPUBackend

  init(_ instruction: Instruction, _ backend: CPUBackend) {
    self.instruction = instruction
    self.backend = backend
    let count = instruction.inputs.count + instruction.outputs.count
    super.init(operands: count, pieces: 1, cost: 1000)
  }

  override var takesTeam: Bool { true }

  override func run(_ piece: Int) {
    let tensors = (instruction.inputs + instruction.outputs).enumerated().map { i, operand in
      // The address is that of the first element, where the offset has been taken into account.
      var first = operand
      first.offset = 0
      return first.tensor(in: Storage(pointer: addresses[i], byteCount: .max, backend: backend, of: self))
    }
    let inputs = instruction.inputs.count
    instruction.kernel.run(on: backend, Array(tensors[..<inputs]), Array(tensors[inputs...]), random: nil)
  }
}
