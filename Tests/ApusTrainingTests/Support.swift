import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Data sets, models and comparisons that the trainer's tests share.
enum Small {
  /// `count` numbers with targets 2 x₁ - x₂ + 0.5, exactly.
  static func line(count: Int = 64) -> Dataset {
    var random = RandomSource(seed: 21)
    let x = Tensor.randomNormal([count, 2], using: &random)
    let y = (x • Tensor([[2], [-1]] as [[Float]])) + 0.5
    return Dataset("line", features: x, targets: y, kind: .numbers(["y"]), featureNames: ["a", "b"])
  }

  static func blobs(count: Int = 90) -> Dataset {
    var random = RandomSource(seed: 22)
    let points = LabelledPoints.gaussians(count: count, blobs: 3, noise: 0.2, using: &random)
    return Dataset(
      "blobs", features: Tensor(points.features, shape: [count, 2]), targets: Tensor(points.labels),
      kind: .classes(["a", "b", "c"]))
  }

  static func network(_ inputs: Int, _ outputs: Int, seed: UInt64 = 1) -> Sequential {
    withSeed(seed) {
      Sequential {
        Dense(inputs, 16, activation: .tanh)
        Dropout(0.1)
        Dense(16, outputs)
      }
    }
  }

  static func parameters(_ model: some Layer) -> [[Float]] { model.parameters.map { $0.value.floats } }
}

extension History {
  /// Everything but how long it took.
  var numbers: [[Double?]] {
    epochs.map { epoch in
      [Double(epoch.number), epoch.loss, epoch.validationLoss]
        + metricNames.flatMap { [epoch.metrics[$0], epoch.validationMetrics[$0]] }
    }
  }
}

/// What a process of its own wrote to its standard error.
func standardError(of result: ExitTest.Result?) -> String {
  String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
}
