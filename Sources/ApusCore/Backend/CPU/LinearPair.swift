import CApus

/// Two dense layers of one sample, one after the other: x W₁ᵀ + b₁ and what follows it, times W₂ᵀ. Inputs: x, W₁, b₁ if there is one,
/// W₂, b₂ if there is one; all dense, float32. A program makes it of two products, with their bits (see `Recording.fusePairs`).
struct LinearPair: CPURoutine {
  /// One of the products.
  struct Layer: Hashable {
    let hasBias: Bool
    let epilogue: Epilogue
  }
  let first, second: Layer

  var name: String { "linear pair" }

  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    2 * (inputs[1].shape.elementCount + inputs[first.hasBias ? 3 : 2].shape.elementCount)
  }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    let (weight, next) = (inputs[1].shape, inputs[first.hasBias ? 3 : 2].shape)
    guard let kernel = LinearPairKernel(self, weight, next) else {
      fatalError("\(name): weights of shapes \(weight) and \(next) do not pay as a pair")
    }
    return RoutinePlan(kernel)
  }
}

/// The kernel of a pair, for weights as they lie. Its pieces leave h and the sums of each in the scratch memory.
struct LinearPairKernel: CPUKernel, @unchecked Sendable {
  fileprivate let pair: apus_matmul_pair
  private let firstBias, secondBias: Int?
  fileprivate let secondWeight: Int
  private let result: Int

  /// - Parameters: the shapes of the weights, (out, in).
  /// - Returns: nil where it does not pay.
  init?(_ routine: LinearPair, _ first: Shape, _ second: Shape) {
    var (one, other, pair) = (routine.first.product(first), routine.second.product(second), apus_matmul_pair())
    guard apus_matmul_pair_make(&one, &other, &pair) else { return nil }
    self.pair = pair
    firstBias = routine.first.hasBias ? 2 : nil
    secondWeight = routine.first.hasBias ? 3 : 2
    secondBias = routine.second.hasBias ? secondWeight + 1 : nil
    result = secondWeight + (routine.second.hasBias ? 2 : 1)
  }

  var pieces: Int { Int(APUS_MATMUL_PAIR_PIECES) }
  var cost: Double { pair.cost }
  var scratchBytes: Int { Int(pair.first.n + 4 * pair.second.n) * MemoryLayout<Float>.stride }

  func run(_ addresses: Addresses, piece: Int) {
    run(addresses, piece: piece, secondWeight: addresses[secondWeight], isPacked: false, isBackwards: false)
  }

  fileprivate func run(
    _ addresses: Addresses, piece: Int, secondWeight: UnsafeRawPointer, isPacked: Bool, isBackwards: Bool
  ) {
    let hidden = addresses[result + 1].assumingMemoryBound(to: Float.self)
    withUnsafePointer(to: pair) {
      apus_matmul_pair_run(
        $0, addresses[0].assumingMemoryBound(to: Float.self), addresses[1].assumingMemoryBound(to: Float.self),
        firstBias.map { UnsafePointer(addresses[$0].assumingMemoryBound(to: Float.self)) }, hidden,
        secondWeight.assumingMemoryBound(to: Float.self), isPacked, hidden + Int(pair.first.n), Int64(piece),
        isBackwards)
    }
  }

  func finish(_ addresses: Addresses) {
    let sums = addresses[result + 1].assumingMemoryBound(to: Float.self) + Int(pair.first.n)
    withUnsafePointer(to: pair) {
      apus_matmul_pair_finish(
        $0, sums, secondBias.map { UnsafePointer(addresses[$0].assumingMemoryBound(to: Float.self)) },
        addresses[result].assumingMemoryBound(to: Float.self))
    }
  }
}

extension LinearPair.Layer {
  fileprivate func product(_ weight: Shape) -> apus_matmul {
    var shape = apus_matmul()
    (shape.batch, shape.m, shape.n, shape.k) = (1, 1, Int64(weight[0]), Int64(weight[1]))
    (shape.a_row, shape.a_column, shape.b_row, shape.b_column) = (shape.k, 1, 1, shape.k)
    shape.has_bias = hasBias
    shape.epilogue = unsafeBitCast(epilogue.rawValue, to: apus_epilogue.self)
    shape.dtype = APUS_F32
    return shape
  }
}

/// A pair in a program: every other run goes backwards, and once the second weights have stayed the same for two runs they are packed.
final class LinearPairTask: CPUTask {
  private let kernel: LinearPairKernel
  // Changed between runs only, by the thread that calls them.
  @exclusivity(unchecked) private var isBackwards = false
  @exclusivity(unchecked) private var packed: UnsafeMutablePointer<Float>?
  private var runs = 0
  /// For one run the same, whatever becomes of the team meanwhile: the pieces are a permutation.
  @exclusivity(unchecked) private var threads = apus_threads()

  init(_ kernel: LinearPairKernel, operands: Int) {
    self.kernel = kernel
    super.init(operands: operands, pieces: kernel.pieces, cost: kernel.cost, scratchBytes: kernel.scratchBytes)
  }

  deinit { packed?.deallocate() }

  override func changed(_ operand: Int) {
    guard operand == kernel.secondWeight else { return }
    packed?.deallocate()
    (packed, runs) = (nil, 0)
  }

  override func run(_ piece: Int) {
    let piece = isBackwards ? Int(apus_parallel_mirrored(threads, Int64(pieces), Int64(piece))) : piece
    let weights = packed.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(addresses[kernel.secondWeight])
    kernel.run(
      UnsafePointer(addresses), piece: piece, secondWeight: weights, isPacked: packed != nil, isBackwards: isBackwards)
  }

  override func finish() {
    kernel.finish(UnsafePointer(addresses))
    isBackwards.toggle()
    threads = apus_threads()
    runs += 1
    if runs == 2 { pack() }
  }

  private func pack() {
    let count = Int(kernel.pair.second.n * kernel.pair.second.k)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    let packed = memory.bindMemory(to: Float.self, capacity: count)
    withUnsafePointer(to: kernel.pair) {
      apus_matmul_pair_pack($0, addresses[kernel.secondWeight].assumingMemoryBound(to: Float.self), packed)
    }
    self.packed = packed
  }
}
