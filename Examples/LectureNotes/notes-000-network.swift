// 000: a network of two inputs, two hidden neurons and one output neuron, put together by hand. All neurons have the same weights.

import Apus

struct Neuron {
  let weights: Tensor
  let bias: Double

  func feedForward(_ inputs: Tensor) -> Tensor { sigmoid((weights * inputs).sum() + bias) }
}

/// Two inputs, a hidden layer of two neurons h1 and h2, an output layer of one neuron o1.
struct Network {
  let (h1, h2, o1): (Neuron, Neuron, Neuron)

  init() {
    let neuron = Neuron(weights: Tensor([0.0, 1]), bias: 0)
    (h1, h2, o1) = (neuron, neuron, neuron)
  }

  func feedForward(_ x: Tensor) -> Tensor {
    let hidden = stack([h1.feedForward(x), h2.feedForward(x)])
    print("hidden:", hidden.doubles)
    return o1.feedForward(hidden)
  }
}

let network = Network()
print("output:", network.feedForward(Tensor([1.0, 3])).item)

// Every matrix of it, with the backward pass: `apus explain 2-2-1`, or here
print("\n\(Explanation(.twoTwoOne, learningRate: 0.1))")
