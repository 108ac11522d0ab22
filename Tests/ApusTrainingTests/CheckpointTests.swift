import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// Blocks of two dense layers and dropout, with or without checkpoints.
private final class Blocks: Layer {
  let blocks: [Sequential]
  let isCheckpointed: Bool

  init(_ count: Int, _ width: Int, isCheckpointed: Bool) {
    self.isCheckpointed = isCheckpointed
    blocks = (0..<count).map { _ in
      Sequential {
        Dense(width, 4 * width, activation: .tanh)
        Dropout(0.25)
        Dense(4 * width, width, activation: .tanh)
      }
    }
  }
  func forward(_ x: Tensor) -> Tensor { blocks.reduce(x) { isCheckpointed ? checkpoint($1, $0) : $1($0) } }
  func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
}

@Suite("Checkpoints") struct CheckpointTests {
  private static let x = {
    var random = RandomSource(seed: 5)
    return Tensor.randomNormal([256, 32], using: &random)
  }()

  private static func make(isCheckpointed: Bool) -> Blocks {
    withSeed(1) { Blocks(4, 32, isCheckpointed: isCheckpointed) }
  }

  /// Loss, gradients and input gradient as bits, and the memory that was live when the forward pass ended.
  private static func run(_ model: Blocks) -> (bits: [[UInt32]], live: Int) {
    var random = RandomSource(seed: 2)
    var live = 0
    let (value, gradients, input) = withTraining(random: &random) {
      let before = Tensor.memoryUse.live
      return valueWithGradient(of: model, at: x) { model, x in
        let y = model(x)
        live = Tensor.memoryUse.live - before
        return (y * y).mean()
      }
    }
    let all: [Tensor] = [value] + gradients.tensors + [input]
    return (all.map { $0.floats.map(\.bitPattern) } + [[UInt32(random.next() >> 32)]], live)
  }

  @Test("the same results and gradients, bit for bit, dropout included") func sameBits() {
    #expect(Self.run(Self.make(isCheckpointed: true)).bits == Self.run(Self.make(isCheckpointed: false)).bits)
  }

  private func step(isCheckpointed: Bool) throws -> (bits: [[UInt32]], bytes: Int) {
    let model = Self.make(isCheckpointed: isCheckpointed)
    let optimizer = Adam(learningRate: 1e-2)
    let program = Program("step") { x in
      let (loss, gradients) = valueWithGradient(of: model) { model in
        let y = model(x[0])
        return (y * y).mean()
      }
      optimizer.update(model, gradients)
      return [loss]
    }
    var random = RandomSource(seed: 4)
    var losses: [UInt32] = []
    for _ in 0..<3 {
      losses.append(try withTraining(random: &random) { try program([Self.x]) }[0].floats[0].bitPattern)
    }
    guard case .recorded(let step, _) = try #require(program.latest).version.kind else {
      Issue.record("the step was not recorded")
      return ([], 0)
    }
    return ([losses] + model.parameters.map { $0.value.floats.map(\.bitPattern) }, step.memory.byteCount)
  }

  @Test("in a program: the same bits, and less than half of the memory") func program() throws {
    let (plain, checkpointed) = (try step(isCheckpointed: false), try step(isCheckpointed: true))
    #expect(plain.bits == checkpointed.bits)
    #expect(2 * checkpointed.bytes < plain.bytes, "\(checkpointed.bytes) of \(plain.bytes) bytes")
  }

  @Test("second derivatives go through") func second() {
    let layer = withSeed(3) { Dense(3, 3, activation: .tanh, dtype: .float64) }
    let report = checkGradients(
      of: { x in
        let inner = gradient(at: x[0]) { x in
          let y = checkpoint(layer, x)
          return (y * y).sum()
        }
        return (inner * inner).sum()
      }, at: [Tensor([[0.3, -0.7, 1.1], [0.2, 0.5, -0.4]])])
    #expect(report.isPassed, "\(report)")
  }
}

@Suite("Memory of checkpoints", .serialized) struct CheckpointMemoryTests {
  /// In a process of its own: other tests would be counted, too.
  @Test("operation by operation, the forward pass leaves less than half of the memory behind") func live() async {
    await #expect(processExitsWith: .success) {
      func live(_ isCheckpointed: Bool) -> Int {
        let model = withSeed(1) { Blocks(4, 32, isCheckpointed: isCheckpointed) }
        let x = Tensor.ones([256, 32])
        var live = 0
        _ = valueWithGradient(of: model) { model in
          let before = Tensor.memoryUse.live
          let y = model(x)
          live = Tensor.memoryUse.live - before
          return (y * y).mean()
        }
        return live
      }
      let (plain, checkpointed) = (live(false), live(true))
      precondition(2 * checkpointed < plain, "\(checkpointed) of \(plain) bytes")
    }
  }
}
