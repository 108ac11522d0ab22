// 003: the same network with tensors: vectorised over the examples, which are columns, and every step written out.
// From the weights that NumPy's seed 0 draws, with the learning rate 1.2, it solves XOR.

import Apus

// n_x = 2, n_h = 4, n_y = 1; W is (n^[l], n^[l−1]), b is (n^[l], 1).
var w1 = Tensor([
  [0.017640523459676642, 0.004001572083672233], [0.009787379841057393, 0.022408931992014578],
  [0.018675579901499675, -0.00977277879876411], [0.009500884175255894, -0.001513572082976979],
])
var b1 = Tensor.zeros([4, 1], dtype: .float64)
var w2 = Tensor([[-0.0010321885179355784, 0.004105985019383723, 0.0014404357116087798, 0.014542735069629751]])
var b2 = Tensor.zeros([1, 1], dtype: .float64)

let x = Tensor([[0.0, 0, 1, 1], [0, 1, 0, 1]])
let y = Tensor([[0.0, 1, 1, 0]])
let m = Double(x.shape[1])
let learningRate = 1.2

for step in 0..<10_000 {
  // Forward propagation
  let z1 = w1 • x + b1
  let a1 = tanh(z1)
  let z2 = w2 • a1 + b2
  let a2 = sigmoid(z2)

  // Cost: Σ over the whole matrix, divided by m
  if [0, 100, 1000, 9999].contains(step) {
    let cost = -(y * log(a2) + (1 - y) * log(1 - a2)).sum() / m
    print("step", step, "cost", cost.item)
  }

  // Backward propagation
  let dz2 = a2 - y
  let dw2 = dz2 • a1.transposed() / m
  let db2 = dz2.sum(axes: [1], keepsAxes: true) / m
  let dz1 = w2.transposed() • dz2 * (1 - square(a1))
  let dw1 = dz1 • x.transposed() / m
  let db1 = dz1.sum(axes: [1], keepsAxes: true) / m

  // Update of all parameters at once
  w1 -= dw1 * learningRate
  b1 -= db1 * learningRate
  w2 -= dw2 * learningRate
  b2 -= db2 * learningRate
}

let outputs = sigmoid(w2 • tanh(w1 • x + b1) + b2)
print("outputs", outputs.doubles.map(\.description).joined(separator: " "))
print("XOR?", (outputs .> 0.5).ints == y.ints)
