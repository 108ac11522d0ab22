// 000: a neuron. Its inputs are weighted and summed, and the sum goes through the sigmoid.

import Apus

/// Θ = (θ₀, θ₁, …): θ₀ is the bias, for the bias unit x₀ = 1.
struct Neuron {
  let theta: Tensor

  /// a = σ(Θᵀ x)
  func activate(_ x: Tensor) -> (z: Tensor, a: Tensor) {
    let z = theta.transposed() • x
    return (z, sigmoid(z))
  }
}

let neuron = Neuron(theta: Tensor([[4], [0], [0.5]]))
let x = Tensor([[1.0], [3], [5]])
let (z, a) = neuron.activate(x)
print("z = Θᵀ x =", z.item)
print("a = σ(z) =", a.item)

// The same as a layer, whose bias stands beside the weights.
let layer = Dense(2, 1, activation: .sigmoid, dtype: .float64)
layer.weight.value = Tensor([[0, 0.5]])
layer.bias!.value = Tensor([4.0])
print("a of the layer =", layer(Tensor([[3.0, 5]])).item)
