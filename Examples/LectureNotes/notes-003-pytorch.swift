// 003: the network that the notes write in PyTorch. Layers, loss, optimiser, and a loop by hand.

import Apus

// N examples; inputs, hidden units and outputs.
let (n, dIn, h, dOut) = (64, 1000, 100, 10)
var random = RandomSource(seed: 0)
let x = Tensor.randomNormal([n, dIn], using: &random)
let y = Tensor.randomNormal([n, dOut], using: &random)

let model = withSeed(0) {
  Sequential {
    Dense(dIn, h, activation: .relu)
    Dense(h, dOut)
  }
}
print("parameters:", model.parameterCount)

let optimizer = Adam(learningRate: 1e-4)
for t in 0..<500 {
  // Forward pass, loss and backward pass: the gradients are results, so there are none to set to zero.
  let (loss, gradients) = valueWithGradient(of: model) { meanSquaredError($0(x), target: y, reduction: .sum) }
  if t % 100 == 0 || t == 499 { print("step", t, "loss", loss.item) }
  optimizer.update(model, gradients)
}
