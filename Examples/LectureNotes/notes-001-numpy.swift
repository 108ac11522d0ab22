// 001: a network of one hidden layer learns XOR, in plain Swift arrays; five functions of a line each stand for NumPy's.
// notes-001-numpy.py is the same program in NumPy. With the learning rate 0.001 of 001 it does not learn in 10,000 steps, with 1.2 it does.

import Foundation

typealias Matrix = [[Double]]
func transposed(_ a: Matrix) -> Matrix { a[0].indices.map { j in a.map { $0[j] } } }
func dot(_ a: Matrix, _ b: Matrix) -> Matrix { a.map { row in transposed(b).map { zip(row, $0).map(*).reduce(0, +) } } }
func zip(_ a: Matrix, _ b: Matrix, _ f: (Double, Double) -> Double) -> Matrix { zip(a, b).map { zip($0, $1).map(f) } }
func map(_ a: Matrix, _ f: (Double) -> Double) -> Matrix { a.map { $0.map(f) } }
func adding(_ b: Matrix, to a: Matrix) -> Matrix { zip(a, b).map { row, b in row.map { $0 + b[0] } } }

/// As NumPy draws them: random.seed(0), randn(4, 2) * 0.01, randn(1, 4) * 0.01.
struct Parameters {
  var w1 = [
    [0.017640523459676642, 0.004001572083672233], [0.009787379841057393, 0.022408931992014578],
    [0.018675579901499675, -0.00977277879876411], [0.009500884175255894, -0.001513572082976979],
  ]
  var b1 = [[0.0], [0], [0], [0]]
  var w2 = [[-0.0010321885179355784, 0.004105985019383723, 0.0014404357116087798, 0.014542735069629751]]
  var b2 = [[0.0]]
}

func forwardPropagation(_ x: Matrix, _ p: Parameters) -> (a1: Matrix, a2: Matrix) {
  let a1 = map(adding(p.b1, to: dot(p.w1, x)), tanh)
  return (a1, map(adding(p.b2, to: dot(p.w2, a1))) { 1 / (1 + exp(-$0)) })
}

func computeCost(_ a2: Matrix, _ y: Matrix) -> Double {
  -zip(a2, y) { a, y in log(a) * y + log(1 - a) * (1 - y) }.joined().reduce(0, +) / Double(y[0].count)
}

func backwardPropagation(_ p: Parameters, _ a1: Matrix, _ a2: Matrix, _ x: Matrix, _ y: Matrix) -> Parameters {
  let m = Double(x[0].count)
  let dz2 = zip(a2, y, -)
  let dw2 = map(dot(dz2, transposed(a1))) { $0 / m }
  let db2 = dz2.map { [$0.reduce(0, +) / m] }
  let dz1 = zip(dot(transposed(p.w2), dz2), a1) { $0 * (1 - $1 * $1) }
  let dw1 = map(dot(dz1, transposed(x))) { $0 / m }
  let db1 = dz1.map { [$0.reduce(0, +) / m] }
  return Parameters(w1: dw1, b1: db1, w2: dw2, b2: db2)
}

func model(_ x: Matrix, _ y: Matrix, iterations: Int, rate: Double) -> Parameters {
  var p = Parameters()
  for i in 0..<iterations {
    let (a1, a2) = forwardPropagation(x, p)
    if [0, 100, 1000, iterations - 1].contains(i) { print("rate", rate, "step", i, "cost", computeCost(a2, y)) }
    let g = backwardPropagation(p, a1, a2, x, y)
    for w in [\Parameters.w1, \.b1, \.w2, \.b2] { p[keyPath: w] = zip(p[keyPath: w], g[keyPath: w]) { $0 - rate * $1 } }
  }
  return p
}

let (x, y) = ([[0.0, 0, 1, 1], [0, 1, 0, 1]], [[0.0, 1, 1, 0]])
for rate in [0.001, 1.2] {
  let outputs = forwardPropagation(x, model(x, y, iterations: 10_000, rate: rate)).a2[0]
  print("outputs", outputs.map(\.description).joined(separator: " "))
}
