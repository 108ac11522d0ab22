// 003: the network that the notes write in TensorFlow 1, with a static graph.
//
// What became of TensorFlow's parts:
// - a placeholder is an input of the program's closure; its shape is that of the first batch;
// - a variable is a `Parameter` with its name;
// - the graph is recorded when the program first runs, and run as a whole from then on;
// - session.run([…], feed_dict: {…}) is a call of the program: inputs in, results out. Nothing needs to be initialised, opened or closed.

import Apus

let digits = try Dataset.digits()
let (train, test) = digits.replacing(features: digits.features / 16).split(testFraction: 0.2, seed: 1)
let (inputs, hidden, classes) = (train.features.shape[1], 300, train.classNames.count)
let (epochs, batchSize, learningRate) = (10, 100, 0.5)

// Weights N(0, 0.03²), biases N(0, 1), as in the notes.
var random = RandomSource(seed: 1)
let w1 = Parameter(.randomNormal([inputs, hidden], standardDeviation: 0.03, using: &random), name: "W1")
let b1 = Parameter(.randomNormal([hidden], using: &random), name: "b1")
let w2 = Parameter(.randomNormal([hidden, classes], standardDeviation: 0.03, using: &random), name: "W2")
let b2 = Parameter(.randomNormal([classes], using: &random), name: "b2")

/// The four variables as a model: what a gradient and an optimiser ask for.
final class Network: Layer {
  let (w1, b1, w2, b2): (Parameter, Parameter, Parameter, Parameter)
  init(_ w1: Parameter, _ b1: Parameter, _ w2: Parameter, _ b2: Parameter) {
    (self.w1, self.b1, self.w2, self.b2) = (w1, b1, w2, b2)
  }
  func forward(_ x: Tensor) -> Tensor {
    let hidden = relu(x • w1.value + b1.value)
    return softmax(hidden • w2.value + b2.value)
  }
  func outputShape(for input: Shape) -> Shape { [input[0], w2.shape[1]] }
  func visit(_ visitor: inout LayerVisitor) {
    for parameter in [w1, b1, w2, b2] { visitor.parameter(parameter.name!, parameter) }
  }
}
let network = Network(w1, b1, w2, b2)
print("variables:", network.namedParameters.map { "\($0.name)\($0.parameter.shape)" }.joined(separator: ", "))
print("parameters:", network.parameterCount)

/// The snippet's loss: binary cross-entropies of the softmax's outputs, summed over the classes. It is not the categorical cross-entropy
/// (for p = (0.1, 0.7, 0.2) and the second class it gives 0.685, not 0.357), though it has the same minimum.
func snippetLoss(_ output: Tensor, _ y: Tensor) -> Tensor {
  let clipped = output.clipped(to: 1e-10...0.9999999)
  return -(y * log(clipped) + (1 - y) * log(1 - clipped)).sum(axes: [1]).mean()
}
print("snippet's loss:", snippetLoss(Tensor([[0.1, 0.7, 0.2]]), Tensor([[0.0, 1, 0]])).item)

// The graph, as nodes and edges …
_ = valueWithGradient(of: network) { network in
  let loss = snippetLoss(network(train.features[0..<batchSize]), Tensor.zeros([batchSize, classes]))
  print("\n\(ComputationGraph(of: loss))\n")
  return loss
}

// … and the two programs that a session would run.
let optimizer = SGD(learningRate: learningRate)
let trainStep = Program("train_step") { feed in
  let (cost, gradients) = valueWithGradient(of: network) { snippetLoss($0(feed[0]), feed[1]) }
  optimizer.update(network, gradients)
  return [cost]
}
let accuracy = Program("accuracy") { feed in
  let isCorrect = network(feed[0]).argMax(axis: 1) .== feed[1].argMax(axis: 1)
  return [isCorrect.cast(to: .float32).mean()]
}

func oneHot(_ labels: Tensor) -> Tensor { .oneHot(labels, classCount: 10) }
let testBatch = [test.features, oneHot(test.targets)]
for epoch in 1...epochs {
  var costs: [Double] = []
  for (x, y) in train.batches(of: batchSize, shuffledBy: &random) {
    costs.append(try trainStep([x, oneHot(y)])[0].item)
  }
  let cost = costs.reduce(0, +) / Double(costs.count)
  print("Epoch:", epoch, "cost =", cost.rounded(toPlaces: 3), "test accuracy:", try accuracy(testBatch)[0].item)
}
print("Training complete!\n")
print(accuracy)

extension Double {
  func rounded(toPlaces places: Int) -> Double {
    let scale = (0..<places).reduce(1.0) { power, _ in power * 10 }
    return (self * scale).rounded() / scale
  }
}
