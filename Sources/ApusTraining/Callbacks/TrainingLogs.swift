import ApusCore
import ApusData
import ApusNN

/// Every step of a training: its loss and learning rate.
///
/// ```swift
/// let log = StepLog()
/// try trainer.fit(train, epochs: 5, callbacks: [log.callback])
/// print(log.csv)
/// ```
public final class StepLog {
  public private(set) var steps: [TrainingStep] = []

  public init() {}

  public var callback: Callback { Callback(onStep: { [self] step, _ in steps.append(step) }) }

  /// The loss of every step: with small batches it jumps (notes F6).
  public var losses: [Double] { steps.map(\.loss) }

  /// A table with a header: step, epoch, loss, learning rate, examples.
  public var csv: String {
    let rows = steps.map { "\($0.number),\($0.epoch),\($0.loss),\($0.learningRate),\($0.exampleCount)" }
    return (["step,epoch,loss,learning_rate,examples"] + rows).joined(separator: "\n") + "\n"
  }
}

/// How large every layer's gradients are on some examples, after every epoch (notes H5).
///
/// They are computed for the log alone, as when predicting: the training is not affected, but takes longer.
public final class GradientLog {
  private let examples: Dataset
  /// One list for each epoch: the layers' paths with the Euclidean norms of the gradients of their parameters, in the model's order.
  public private(set) var epochs: [[(layer: String, norm: Double)]] = []

  /// - Parameter examples: a batch of the training data; its size decides what an epoch costs.
  public init(on examples: Dataset) { self.examples = examples }

  public var callback: Callback {
    Callback(onEpoch: { [self] _, run in epochs.append(gradientNorms(of: run.model, loss: run.loss, on: examples)) })
  }
}

/// The norm of the gradients of each layer's own parameters on `examples`, as when predicting; frozen layers are left out.
public func gradientNorms<Model: Layer>(
  of model: Model, loss: Loss, on examples: Dataset
) -> [(layer: String, norm: Double)] {
  let (x, y) = examples.batch(Array(0..<examples.count))
  let gradients = withInference { valueWithGradient(of: model) { loss($0(x), target: y) } }.gradients
  var norms: [(layer: String, norm: Double)] = []
  for (path, parameter) in model.namedParameters {
    guard let gradient = gradients[parameter] else { continue }
    let layer = path.split(separator: ".").dropLast().joined(separator: ".")
    let square = square(gradient.cast(to: .float64)).sum().item
    if norms.last?.layer != layer { norms.append((layer, 0)) }
    norms[norms.count - 1].norm += square
  }
  return norms.map { ($0.layer, $0.norm.squareRoot()) }
}

/// What the layers put out on some examples, after every epoch: how the distributions move while the layers before them learn
/// (notes J7, "covariate shift").
public final class ActivationLog {
  /// A layer's outputs, over all examples and units.
  public struct Reading: Sendable, Hashable {
    /// The layer's path.
    public let layer: String
    public let mean: Double
    public let deviation: Double
  }

  private let inputs: Tensor
  /// One list for the start and one for every epoch.
  public private(set) var epochs: [[Reading]] = []

  public init(on inputs: Tensor) { self.inputs = inputs }

  public var callback: Callback {
    Callback(willBegin: { [self] in note($0.model) }, onEpoch: { [self] in note($1.model) })
  }

  /// The readings of one layer over the epochs.
  public func readings(of layer: String) -> [Reading] {
    epochs.compactMap { $0.first { $0.layer == layer } }
  }

  private func note(_ model: any Layer) {
    func trace(_ model: some Layer) -> ActivationTrace { ActivationTrace(of: model, inputs) }
    epochs.append(
      trace(model).entries.filter { !$0.name.isEmpty }.map { entry in
        let x = entry.output.cast(to: .float64)
        return Reading(layer: entry.name, mean: x.mean().item, deviation: x.standardDeviation().item)
      })
  }
}
