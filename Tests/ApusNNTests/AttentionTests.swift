import ApusTestSupport
import ApusTraining
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct AttentionTests {
  /// What one attention is given.
  struct Problem: Sendable, CustomTestStringConvertible {
    var (n, heads, queries, keys, width, valueWidth) = (1, 1, 1, 1, 1, 1)
    var isPacked = false
    var offset: Int?
    var mask: Shape?
    var testDescription: String {
      "\(n)x\(heads) \(queries)x\(keys) \(width) \(valueWidth)" + (isPacked ? " packed" : "")
        + (offset.map { " causal \($0)" } ?? "") + (mask.map { " mask \($0)" } ?? "")
    }
  }

  static let problems: [Problem] = [
    Problem(),
    Problem(n: 2, heads: 3, queries: 5, keys: 7, width: 4, valueWidth: 3),
    Problem(n: 2, heads: 2, queries: 64, keys: 64, width: 32, valueWidth: 32, isPacked: true, offset: 0),
    Problem(n: 1, heads: 4, queries: 33, keys: 33, width: 16, valueWidth: 16, isPacked: true, offset: 0),
    Problem(n: 1, heads: 1, queries: 65, keys: 130, width: 17, valueWidth: 5),
    Problem(n: 1, heads: 2, queries: 100, keys: 129, width: 128, valueWidth: 128, offset: 29),
    Problem(n: 1, heads: 1, queries: 300, keys: 200, width: 8, valueWidth: 20, offset: -40),
    Problem(n: 1, heads: 2, queries: 1, keys: 77, width: 64, valueWidth: 64, offset: 76),
    Problem(n: 2, heads: 2, queries: 40, keys: 70, width: 20, valueWidth: 12, mask: [2, 1, 1, 70]),
    Problem(n: 2, heads: 2, queries: 40, keys: 70, width: 20, valueWidth: 12, offset: 10, mask: [40, 70]),
    Problem(n: 2, heads: 2, queries: 9, keys: 9, width: 6, valueWidth: 6, isPacked: true, mask: [2, 2, 9, 9]),
    Problem(n: 1, heads: 2, queries: 3, keys: 0, width: 4, valueWidth: 4),
    Problem(n: 0, heads: 2, queries: 3, keys: 3, width: 4, valueWidth: 4),
  ]

  /// Value and gradients with respect to queries, keys and values, or all three packed.
  private func run(_ p: Problem, _ dtype: DType) -> (value: Tensor, gradients: [Tensor]) {
    var random = RandomSource(seed: 3)
    func draw(_ shape: Shape) -> Tensor { .randomNormal(shape, dtype: .float64, using: &random).cast(to: dtype) }
    let inputs =
      p.isPacked
      ? [draw([p.n, p.queries, 3, p.heads, p.width])]
      : [
        draw([p.n, p.queries, p.heads, p.width]), draw([p.n, p.keys, p.heads, p.width]),
        draw([p.n, p.keys, p.heads, p.valueWidth]),
      ]
    // The first row of a mask sees nothing.
    let mask = p.mask.map { shape in
      (draw(shape) .> -0.5) .& (Tensor.range(0..<shape.elementCount).reshaped(Array(shape)) .>= Double(shape.last!))
    }
    let weights = draw([p.n, p.queries, p.heads, p.valueWidth])
    var value = weights
    let (_, gradients) = valueWithGradient(at: inputs) { x in
      let y =
        p.isPacked
        ? attention(packed: x[0], mask: mask, causalOffset: p.offset, scale: 0.3)
        : attention(x[0], x[1], x[2], mask: mask, causalOffset: p.offset, scale: 0.3)
      value = y.stopGradient()
      return (y * weights).sum()
    }
    return (value, gradients)
  }

  @Test(arguments: problems) func fusedKernelsAgreeWithSingleOperations(p: Problem) {
    guard p.keys > 0 else {
      #expect(run(p, .float32).value.doubles.allSatisfy { $0 == 0 })
      return
    }
    let (fused, single) = (run(p, .float32), run(p, .float64))
    #expect(difference(fused.value, single.value, 3e-6) == nil)
    for (found, expected) in zip(fused.gradients, single.gradients) {
      #expect(difference(found, expected, 1e-5) == nil)
    }
  }

  @Test func gradientsAndSecondGradients() {
    var random = RandomSource(seed: 6)
    func draw(_ shape: Shape) -> Tensor { .randomNormal(shape, dtype: .float64, using: &random) }
    let inputs = [draw([1, 3, 2, 2]), draw([1, 4, 2, 2]), draw([1, 4, 2, 3])]
    let mask = draw([3, 4])
    for offset in [nil, 1] {
      let first = checkGradients(
        of: { attention($0[0], $0[1], $0[2], mask: $0[3], causalOffset: offset, scale: 0.7) }, at: inputs + [mask])
      #expect(first.isPassed, "\(first)")
      let second = checkSecondGradients(
        of: { attention($0[0], $0[1], $0[2], causalOffset: offset, scale: 0.7) }, at: inputs)
      #expect(second.isPassed, "\(second)")
    }
  }

  /// The gradient of the fused kernel can itself be differentiated, in float32, too.
  @Test(arguments: [false, true]) func secondGradientsOfTheFusedKernel(isPacked: Bool) {
    func second(_ dtype: DType) -> [Tensor] {
      var random = RandomSource(seed: 8)
      func draw(_ shape: Shape) -> Tensor { .randomNormal(shape, dtype: .float64, using: &random).cast(to: dtype) }
      let inputs =
        isPacked ? [draw([2, 5, 3, 2, 4])] : [draw([2, 5, 2, 4]), draw([2, 6, 2, 4]), draw([2, 6, 2, 3])]
      let (_, gradients) = valueWithGradient(at: inputs) { x in
        let (_, inner) = valueWithGradient(at: x) { x in
          let y =
            isPacked
            ? attention(packed: x[0], causalOffset: 0, scale: 0.5)
            : attention(x[0], x[1], x[2], causalOffset: 0, scale: 0.5)
          return square(y).sum()
        }
        return inner.map { square($0).sum() }.reduce(Tensor(filledWith: 0, shape: [], dtype: dtype), +)
      }
      return gradients
    }
    for (found, expected) in zip(second(.float32), second(.float64)) {
      #expect(difference(found, expected, 2e-5) == nil)
    }
  }

  @Test func programsComputeTheSameBits() throws {
    let layer = withSeed(3) { TransformerBlock(32, heads: 4, isCausal: true, dropout: 0.2) }
    var random = RandomSource(seed: 1)
    let x = Tensor.randomNormal([3, 20, 32], using: &random)
    func step(_ x: Tensor) -> [Tensor] {
      let (value, gradients) = valueWithGradient(of: layer) { square($0(x)).mean() }
      return [value] + gradients.tensors
    }
    let program = Program("block") { step($0[0]) }
    for dropout in [true, false] {
      var (first, second) = (RandomSource(seed: 5), RandomSource(seed: 5))
      for _ in 0..<3 {
        let eager = dropout ? withTraining(random: &first) { step(x) } : step(x)
        let found = dropout ? try withTraining(random: &second) { try program([x]) } : try program([x])
        #expect(found.map(\.floats) == eager.map(\.floats))
      }
    }
    #expect(program.description.contains("instructions"))
  }

  @Test func threadsDoNotChangeBits() async {
    await #expect(processExitsWith: .success) {
      func run() -> [Float] {
        let block = withSeed(1) { TransformerBlock(64, heads: 4, isCausal: true) }
        var random = RandomSource(seed: 4)
        let x = Tensor.randomNormal([2, 300, 64], using: &random)
        let (_, gradients, dx) = valueWithGradient(of: block, at: x) { square($0($1)).mean() }
        return ([block(x), dx] + gradients.tensors).flatMap(\.floats)
      }
      Threads.count = 1
      let alone = run()
      for threads in [2, 3] {
        Threads.count = threads
        #expect(run() == alone)
      }
    }
  }

  @Test func weightsOfPyTorchAreTakenAsTheyAre() throws {
    let weights = (normal([12, 4], seed: 1), normal([12], seed: 2), normal([4, 4], seed: 3), normal([4], seed: 4))
    let layer = try MultiHeadAttention(
      heads: 2, inProjWeight: weights.0, inProjBias: weights.1, outProjWeight: weights.2, outProjBias: weights.3)
    #expect(layer.parameters.map { $0.value.doubles } == [weights.0, weights.1, weights.2, weights.3].map(\.doubles))
    #expect(layer.description == "MultiHeadAttention(4, heads: 2)")
    // What does not fit is an error, not the end.
    func error(_ make: () throws -> MultiHeadAttention) -> String? {
      do { _ = try make() } catch { return "\(error)" }
      return nil
    }
    #expect(
      error { try MultiHeadAttention(heads: 2, inProjWeight: weights.0[0..<8], outProjWeight: weights.2) }
        == "MultiHeadAttention(4, heads: 2, hasBias: false): 'in_proj_weight' is float64(8, 4); "
        + "expected floating point of shape (12, 4)")
    #expect(
      error { try MultiHeadAttention(heads: 3, inProjWeight: weights.0, outProjWeight: weights.2) }
        == "MultiHeadAttention(4, heads: 3): the width must be a multiple of at least 1 head")
    #expect(
      error {
        try MultiHeadAttention(
          heads: 2, inProjWeight: weights.0, outProjWeight: weights.2, outProjBias: weights.3)
      }?.hasSuffix("no layer takes the tensor 'out_proj.bias'") == true)
  }

  @Test func paddingDoesNotReachTheOthers() {
    let layer = withSeed(2) { TransformerBlock(8, heads: 2, dtype: .float64) }
    let x = normal([1, 5, 8], seed: 3)
    let longer = concatenate([x, normal([1, 2, 8], seed: 4) * 100], axis: 1)
    let mask = Tensor.range(0..<7).reshaped([1, 7]) .< 5
    let y = layer(longer, mask: nil, keyMask: mask)[.all, 0..<5]
    #expect(difference(y, layer(x), 1e-13) == nil)
  }

  @Test func numbersAndKeyMasksCombine() {
    let layer = withSeed(2) { MultiHeadAttention(4, heads: 2, dtype: .float64) }
    let (x, mask) = (normal([2, 3, 4], seed: 3), normal([3, 3], seed: 5))
    let seen = Tensor([1, 1, 0, 1, 0, 1] as [Double], shape: [2, 3]) .!= 0
    let hidden =
      mask.broadcast(to: [2, 3, 3])
      + `where`(
        seen, Tensor(0.0), Tensor(-Double.infinity)
      ).reshaped([2, 1, 3])
    #expect(difference(layer(x, mask: mask, keyMask: seen), layer(x, mask: hidden), 1e-15) == nil)
  }

  // MARK: Positions

  @Test func rotaryProductsDependOnDistancesAlone() {
    let (q, k) = (normal([1, 1, 1, 8], seed: 1), normal([1, 1, 1, 8], seed: 2))
    func product(_ i: Int, _ j: Int) -> Double {
      (rotaryEmbedding(q, from: i) * rotaryEmbedding(k, from: j)).sum().item
    }
    #expect(abs(product(3, 1) - product(50, 48)) < 1e-12 && abs(product(3, 1) - product(4, 1)) > 1e-3)
    #expect(difference(rotaryEmbedding(q, from: 0), q, 1e-15) == nil)
    #expect(abs(rotaryEmbedding(q, from: 9).norm().item - q.norm().item) < 1e-12)
  }

  @Test func longerSequencesExtendTheWaves() {
    let layer = SinusoidalPositions(6)
    let (short, long) = (layer(.zeros([1, 3, 6])), layer(.zeros([1, 9, 6])))
    #expect(long[.all, 0..<3].doubles == short.doubles)
    #expect(layer(.zeros([1, 2, 6])).doubles == short[.all, 0..<2].doubles)
  }

  // MARK: Caches

  @Test(arguments: [nil, 10_000.0]) func aCacheGivesWhatTheWholeSequenceGives(rotaryBase: Double?) {
    for dtype in [DType.float32, .float64] {
      let layer = withSeed(4) {
        MultiHeadAttention(12, heads: 2, isCausal: true, rotaryBase: rotaryBase, dtype: dtype)
      }
      let x = normal([2, 9, 12], seed: 6).cast(to: dtype)
      let whole = layer(x)
      let cache = KVCache(capacity: 2)
      let parts = [(0, 4), (4, 5), (5, 6), (6, 9)].map { layer(x[.all, $0..<$1], cache: cache) }
      #expect(cache.count == 9)
      let tolerance = dtype == .float64 ? 1e-13 : 2e-6
      #expect(difference(concatenate(parts, axis: 1), whole, tolerance) == nil)
      cache.removeAll()
      #expect(difference(layer(x[.all, 0..<2], cache: cache), whole[.all, 0..<2], tolerance) == nil)
    }
  }

  @Test func stepsWithACacheAreNotRecorded() throws {
    let layer = withSeed(4) { MultiHeadAttention(8, heads: 2, isCausal: true) }
    let x = normal([1, 3, 8], seed: 6).cast(to: .float32)
    let whole = layer(x)
    let cache = KVCache()
    let program = Program { [layer($0[0], cache: cache)] }
    for i in 0..<3 {
      let y = try program([x[.all, i..<(i + 1)]])[0]
      #expect(difference(y, whole[.all, i..<(i + 1)], 1e-6) == nil)
    }
    #expect(program.description.contains("a cache of keys and values grows from run to run"))
  }

  // MARK: Use

  /// An encoder and a decoder learn to give a sequence backwards, which needs attention to the source.
  @Test func anEncoderAndADecoderLearnToReverse() throws {
    final class Reverser: Layer {
      let embedding: Parameter
      let positions: LearnedPositions
      let encoder, decoder: TransformerBlock
      let head: Dense
      init() {
        var random = RandomSource(seed: 12)
        embedding = Parameter(.randomNormal([7, 16], using: &random))
        positions = LearnedPositions(5, 16, weights: .normal(standardDeviation: 1))
        encoder = TransformerBlock(16, heads: 2, norm: .after)
        decoder = TransformerBlock(16, heads: 2, isCausal: true, attendsMemory: true, norm: .after)
        head = Dense(16, 7)
      }
      func forward(_ x: Tensor) -> Tensor {
        let source = encoder(positions(embedding.value.gathering(x)))
        // Token 6 begins the answer.
        let start = Tensor(Swift.Array(repeating: Int32(6), count: x.shape[0]), shape: [x.shape[0], 1])
        let answer = x.reversed(axis: 1)
        let shifted = concatenate([start, answer[.all, 0..<4]], axis: 1)
        return head(decoder(positions(embedding.value.gathering(shifted)), memory: source))
      }
      func outputShape(for input: Shape) throws(ShapeError) -> Shape { [input[0], input[1], 7] }
    }
    let model = withSeed(1) { Reverser() }
    var random = NumPyRandomState(seed: 3)
    let x = Tensor(random.randint(0..<6, count: 320).map { Int32($0) }, shape: [64, 5])
    let optimizer = Adam(learningRate: 3e-3)
    var loss = 0.0
    let step = Program { inputs in
      let (loss, gradients) = valueWithGradient(of: model) {
        softmaxCrossEntropy(logits: $0(inputs[0]), labels: inputs[0].reversed(axis: 1))
      }
      optimizer.update(model, gradients)
      return [loss]
    }
    for _ in 0..<250 { loss = try step([x])[0].item }
    #expect(loss < 0.05, "\(loss)")
    let right = (model(x).argMax(axis: -1) .== x.reversed(axis: 1).cast(to: .int64)).cast(to: .float32).mean().item
    #expect(right > 0.99)
  }

  @Test func wrongMasksAreRefused() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = MultiHeadAttention(4, heads: 2)(.ones([2, 3, 4]), mask: .ones([2, 5]))
    }
    #expect(standardError(of: result).contains("a mask float32(2, 5) was found; expected bool or float32"))
  }

  @Test func wrongShapesAreRefused() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = scaledDotProductAttention(.ones([2, 3, 4]), .ones([2, 5, 3]), .ones([2, 5, 4]))
    }
    #expect(
      standardError(of: result).contains(
        "queries (2, 3, 4), keys (2, 5, 3) and values (2, 5, 4) were found; expected (…, queries, width)"))
  }
}
