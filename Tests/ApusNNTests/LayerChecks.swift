import ApusTestSupport

@testable import ApusCore
@testable import ApusNN

// The layers that the one harness of LayerCheckTests looks at.

extension LayerCheckTests {
  static let normalizations: [LayerCheck] = [
    LayerCheck("LayerNorm(3)", accepts: [[4, 3], [1, 3], [0, 3], [3], [2, 5, 4, 3]], refuses: [[3, 4], []]) {
      LayerNorm(3, dtype: $0)
    },
    LayerCheck(
      "LayerNorm(2, 3, epsilon: 0.001, hasBeta: false)", accepts: [[4, 2, 3], [2, 3], [0, 2, 3]],
      refuses: [[4, 3], [3, 2], []]
    ) { LayerNorm(2, 3, epsilon: 1e-3, hasBeta: false, dtype: $0) },
    LayerCheck("LayerNorm(4, hasGamma: false)", accepts: [[3, 4], [1, 1, 4]]) {
      LayerNorm(4, hasGamma: false, dtype: $0)
    },
    LayerCheck("RMSNorm(3)", accepts: [[4, 3], [1, 3], [0, 3], [3], [2, 5, 3]], refuses: [[3, 4], []]) {
      RMSNorm(3, dtype: $0)
    },
    LayerCheck("RMSNorm(3, epsilon: 0.5, hasGamma: false)", accepts: [[4, 3]]) {
      RMSNorm(3, epsilon: 0.5, hasGamma: false, dtype: $0)
    },
    LayerCheck(
      "GroupNorm(groups: 2, 4)", accepts: [[3, 5, 4], [2, 4], [1, 2, 3, 4], [0, 5, 4]], refuses: [[4], [3, 5], []]
    ) { GroupNorm(groups: 2, 4, dtype: $0) },
    LayerCheck("GroupNorm(groups: 1, 4, epsilon: 0.001, isAffine: false)", accepts: [[2, 3, 4]]) {
      GroupNorm(groups: 1, 4, epsilon: 1e-3, isAffine: false, dtype: $0)
    },
    LayerCheck("InstanceNorm(3)", accepts: [[2, 4, 3], [1, 3, 2, 3], [0, 4, 3]], refuses: [[2, 3], [2, 3, 4]]) {
      InstanceNorm(3, dtype: $0)
    },
    LayerCheck("InstanceNorm(3, isAffine: true)", accepts: [[2, 4, 3], [1, 2, 2, 2, 3]]) {
      InstanceNorm(3, isAffine: true, dtype: $0)
    },
    LayerCheck(
      "LocalResponseNorm(5, alpha: 0.5, beta: 0.6, k: 2.0)", accepts: [[2, 3, 7], [3, 2], [0, 3, 4]],
      refuses: [[4], [2, 0]]
    ) { _ in LocalResponseNorm(5, alpha: 0.5, beta: 0.6, k: 2) },
    LayerCheck("SpatialDropout(0.4)", accepts: [[3, 4, 5], [2, 6], [0, 2, 3]], refuses: [[3]], isTraining: true) { _ in
      SpatialDropout(0.4)
    },
  ]

  static let attentions: [LayerCheck] = [
    LayerCheck(
      "MultiHeadAttention(4, heads: 2)", accepts: [[2, 3, 4], [1, 1, 4], [0, 3, 4]], refuses: [[3, 4], [2, 3, 5]]
    ) { MultiHeadAttention(4, heads: 2, dtype: $0) },
    LayerCheck(
      "MultiHeadAttention(4, heads: 1, isCausal: true, hasBias: false, rotaryBase: 100.0)", accepts: [[2, 3, 4]]
    ) { MultiHeadAttention(4, heads: 1, isCausal: true, hasBias: false, rotaryBase: 100, dtype: $0) },
    LayerCheck("MultiHeadAttention(6, heads: 3, dropout: 0.3)", accepts: [[2, 3, 6]], isTraining: true) {
      MultiHeadAttention(6, heads: 3, dropout: 0.3, dtype: $0)
    },
    LayerCheck("FeedForward(3, hidden: 5)", accepts: [[2, 3], [4, 2, 3], [0, 3]], refuses: [[2, 4], []]) {
      FeedForward(3, hidden: 5, dtype: $0)
    },
    LayerCheck(
      "FeedForward(3, hidden: 5, activation: .tanh, hasBias: false, dropout: 0.5)", accepts: [[2, 3]], isTraining: true
    ) { FeedForward(3, hidden: 5, activation: .tanh, hasBias: false, dropout: 0.5, dtype: $0) },
    LayerCheck(
      "TransformerBlock(4, heads: 2)", accepts: [[2, 3, 4], [1, 1, 4], [0, 3, 4]], refuses: [[2, 4], [2, 3, 5]]
    ) {
      TransformerBlock(4, heads: 2, dtype: $0)
    },
    LayerCheck(
      "TransformerBlock(4, heads: 1, hidden: 3, activation: .silu, isCausal: true, norm: .after, hasBias: false, "
        + "dropout: 0.2, rotaryBase: 50.0, epsilon: 0.01)", accepts: [[2, 3, 4]], isTraining: true
    ) {
      TransformerBlock(
        4, heads: 1, hidden: 3, activation: .silu, isCausal: true, norm: .after, hasBias: false, dropout: 0.2,
        rotaryBase: 50, epsilon: 0.01, dtype: $0)
    },
    LayerCheck("SinusoidalPositions(4)", accepts: [[2, 3, 4], [5, 4], [1, 0, 4]], refuses: [[4], [2, 5]]) { _ in
      SinusoidalPositions(4)
    },
    LayerCheck(
      "LearnedPositions(5, 3)", accepts: [[2, 4, 3], [2, 5, 3], [1, 3]], refuses: [[3], [2, 6, 3], [2, 4]]
    ) {
      LearnedPositions(5, 3, dtype: $0)
    },
  ]

  static let shapes: [LayerCheck] = [
    LayerCheck("Pad((1, 2))", accepts: [[2, 3, 2], [0, 1, 1]], refuses: [[2, 3], [1, 2, 3, 4]]) { _ in
      Pad((1, 2))
    },
    LayerCheck("Pad((0, 1), (1, 0), mode: .constant(2.5))", accepts: [[2, 3, 4, 2]]) { _ in
      Pad((0, 1), (1, 0), mode: .constant(2.5))
    },
    LayerCheck(
      "Pad((1, 2), (0, 1), mode: .reflection)", accepts: [[2, 3, 2, 2], [1, 4, 5, 1]],
      refuses: [[2, 2, 3, 2], [2, 3, 1, 1]]
    ) { _ in Pad((1, 2), (0, 1), mode: .reflection) },
    LayerCheck("Pad((2, 3), mode: .replication)", accepts: [[2, 1, 2], [1, 4, 1]], refuses: [[2, 0, 2]]) { _ in
      Pad((2, 3), mode: .replication)
    },
    LayerCheck("Pad((3, 1), mode: .circular)", accepts: [[2, 3, 2]], refuses: [[2, 2, 2]]) { _ in
      Pad((3, 1), mode: .circular)
    },
    LayerCheck("Crop((1, 0), (0, 2))", accepts: [[2, 3, 4, 1], [1, 1, 2, 1]], refuses: [[2, 0, 3, 1], [2, 3, 4]]) { _ in
      Crop((1, 0), (0, 2))
    },
    LayerCheck("Upsampling(2, 3)", accepts: [[2, 2, 3, 2], [0, 1, 1, 1]], refuses: [[2, 3, 4]]) { _ in
      Upsampling(2, 3)
    },
    LayerCheck("Upsampling(2, mode: .linear)", accepts: [[2, 3, 2], [1, 1, 1]]) { _ in Upsampling(2, mode: .linear) },
    LayerCheck("Upsampling(3, 1, mode: .linearAligned)", accepts: [[2, 3, 2, 2]]) { _ in
      Upsampling(3, 1, mode: .linearAligned)
    },
    LayerCheck("PixelShuffle(2)", accepts: [[2, 2, 3, 8], [0, 1, 1, 4]], refuses: [[2, 2, 2, 6], [2, 2, 4]]) { _ in
      PixelShuffle(2)
    },
    LayerCheck("Reshape(3, -1)", accepts: [[2, 6], [2, 3, 4], [0, 6]], refuses: [[2, 5], []]) { _ in
      ApusNN.Reshape(3, -1)
    },
    LayerCheck("Reshape(2, 3)", accepts: [[2, 6], [1, 6, 1]], refuses: [[2, 12], []]) { _ in ApusNN.Reshape(2, 3) },
    LayerCheck("Permute(3, 1, 2)", accepts: [[2, 3, 4, 5], [0, 1, 2, 3]], refuses: [[2, 3, 4], []]) { _ in
      Permute(3, 1, 2)
    },
    LayerCheck("Lambda(\"twice\")", accepts: [[2, 3], [0, 1]]) { _ in Lambda("twice") { $0 * 2 } },
  ]

  static let containers: [LayerCheck] = [
    LayerCheck(
      "Residual(Sequential(Dense(3, 4, activation: .tanh), Dense(4, 3)))", accepts: [[2, 3], [0, 3], [1, 2, 3]],
      refuses: [[2, 4]]
    ) { dtype in
      Residual {
        Dense(3, 4, activation: .tanh, dtype: dtype)
        Dense(4, 3, dtype: dtype)
      }
    },
    LayerCheck(
      "Residual(Dense(3, 2), shortcut: Dense(3, 2, hasBias: false))", accepts: [[2, 3]], refuses: [[2, 2]]
    ) { dtype in
      Residual {
        Dense(3, 2, dtype: dtype)
      } shortcut: {
        Dense(3, 2, hasBias: false, dtype: dtype)
      }
    },
    LayerCheck(
      "Parallel(.concatenate, Dense(3, 2), Sequential(Dense(3, 4), Dense(4, 1)))", accepts: [[2, 3], [0, 3]],
      refuses: [[2, 4]]
    ) { dtype in
      Parallel(.concatenate) {
        Dense(3, 2, dtype: dtype)
        Sequential {
          Dense(3, 4, dtype: dtype)
          Dense(4, 1, dtype: dtype)
        }
      }
    },
    LayerCheck("Parallel(.add, Dense(3, 2), Dense(3, 2))", accepts: [[2, 3]], refuses: [[3, 2]]) { dtype in
      Parallel(.add) { for _ in 0..<2 { Dense(3, 2, dtype: dtype) } }
    },
    LayerCheck("Parallel(.multiply, Dense(3, 3), ActivationLayer(.sigmoid))", accepts: [[2, 3]], refuses: [[3, 2]]) {
      Parallel(.multiply, [Dense(3, 3, dtype: $0), ActivationLayer(.sigmoid)])
    },
    LayerCheck("TimeDistributed(Flatten())", accepts: [[2, 3, 2, 2], [0, 3, 2], [1, 1, 4]], refuses: [[2]]) { _ in
      TimeDistributed { Flatten() }
    },
    LayerCheck("TimeDistributed(Dense(3, 2))", accepts: [[2, 4, 3]], refuses: [[2, 3, 4]]) {
      TimeDistributed(Dense(3, 2, dtype: $0))
    },
    LayerCheck(
      "FunctionalModel(image: (4, 4, 1), row: (3,) → output; 3 layers)", accepts: [[2, 19], [0, 19]],
      refuses: [[2, 18], [19]]
    ) { dtype in
      let (image, row) = (SymbolicTensor.input("image", [4, 4, 1]), SymbolicTensor.input("row", [3]))
      let seen = Sequential([Conv2D(1, 2, kernel: 3, dtype: dtype), Flatten(), Dense(8, 4, dtype: dtype)])(image)
      let known = Dense(3, 4, activation: .tanh, dtype: dtype)(row)
      let joined = concatenate([seen, known, seen * known])
      return FunctionalModel(inputs: [image, row], output: Dense(12, 2, dtype: dtype)(joined))
    },
  ]
}
