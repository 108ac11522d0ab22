import Apus
import CBenchmark

/// Keeps a kernel's result until the next one is there, as a network does.
private final class Result {
  var tensor: Tensor?
}

private func normal(_ shape: Shape) -> Tensor {
  var random = RandomSource(seed: 1)
  return .randomNormal(shape, using: &random)
}

extension Kernel {
  /// A kernel that memory limits: it reads and writes so many arrays of `count` numbers, as the plain loop `traffic` does.
  fileprivate init(
    _ name: String, _ traffic: bench_traffic, passes: Int, count: Int, threads: Int, _ kernel: @escaping () -> Tensor?
  ) {
    let result = Result()
    let arrays = Arrays(count: count, number: 5)
    let bytes = Double(passes * count * MemoryLayout<Float>.stride)
    let repeats = max(1, 200_000 / count)
    self.init(
      name: name, work: bytes, run: { result.tensor = kernel() },
      ceiling: {
        for _ in 0..<repeats {
          bench_move(traffic, arrays.pointers, arrays.pointers[4]!, Int64(count), Int32(threads))
        }
        return Double(repeats) * bytes
      })
  }

  /// A matrix product, which arithmetic limits.
  fileprivate init(product name: String, operations: Int, threads: Int, _ kernel: @escaping () -> Tensor) {
    let result = Result()
    self.init(
      name: name, work: Double(operations), run: { result.tensor = kernel() },
      ceiling: { VectorRegisters.widest.run(threads: threads) })
  }
}

/// The products of a training step, layer by layer: Y = X Wᵀ, dX = dY W (not needed by the first layer) and dW = dYᵀ X.
func productKernels(threads: Int) -> [Kernel] {
  let networks = [
    ("softmax784", 128, [784, 10]), ("mlp784", 128, [784, 512, 512, 10]), ("mlpbn", 256, [784, 1024, 1024, 10]),
    ("twolayer", 64, [1000, 100, 10]), ("autoenc", 256, [784, 256, 64, 256, 784]),
  ]
  var kernels: [Kernel] = []
  for (network, rows, widths) in networks {
    for (i, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
      let (x, weight, dy) = (normal([rows, inputs]), normal([outputs, inputs]), normal([rows, outputs]))
      func add(_ name: String, _ kernel: @escaping () -> Tensor) {
        let label = "\(network), \(rows) x \(inputs) -> \(outputs), \(name)"
        kernels.append(Kernel(product: label, operations: 2 * rows * inputs * outputs, threads: threads, kernel))
      }
      add("Y") { linear(x, weight: weight) }
      if i > 0 { add("dX") { dy • weight } }
      add("dW") { dy.transposed() • x }
    }
  }
  return kernels
}

func elementwiseKernels(threads: Int) -> [Kernel] {
  let sigmoidGradient = Elementwise("sigmoidGradient") { dy, y in dy * (y * (1 - y)) }
  return [(128, 512), (256, 1024)].flatMap { rows, columns in
    let (count, shape) = (rows * columns, Shape([rows, columns]))
    let (a, b, row) = (normal(shape), normal(shape), normal([columns]))
    func kernel(_ name: String, _ traffic: bench_traffic, _ passes: Int, _ run: @escaping () -> Tensor) -> Kernel {
      Kernel("\(name), \(rows) x \(columns)", traffic, passes: passes, count: count, threads: threads, run)
    }
    return [
      kernel("a + b", BENCH_ADD, 3) { a + b },
      kernel("a + row", BENCH_COPY, 2) { a + row },
      kernel("relu", BENCH_COPY, 2) { Activation.relu(a) },
      kernel("tanh", BENCH_COPY, 2) { Activation.tanh(a) },
      kernel("sigmoid", BENCH_COPY, 2) { Activation.sigmoid(a) },
      kernel("sigmoid's gradient", BENCH_ADD, 3) { sigmoidGradient(a, b) },
    ]
  }
}

func reductionKernels(threads: Int) -> [Kernel] {
  [(128, 512), (256, 1024)].flatMap { rows, columns in
    let a = normal([rows, columns])
    func kernel(_ name: String, _ run: @escaping () -> Tensor) -> Kernel {
      Kernel(
        "\(name), \(rows) x \(columns)", BENCH_READ, passes: 1, count: rows * columns, threads: threads, run)
    }
    return [
      kernel("sum over rows") { a.sum(axes: [0]) }, kernel("sum over columns") { a.sum(axes: [1]) },
      kernel("sum of all") { a.sum() },
    ]
  }
}

/// The optimisers, on a weight of mlp784 and on one of mlpbn.
func updateKernels(threads: Int) -> [Kernel] {
  [(512, 784), (1024, 1024)].flatMap { rows, columns in
    let count = rows * columns
    let layer = SingleParameter(normal([rows, columns]))
    let gradients = layer.gradients(normal([rows, columns]))
    func kernel(_ name: String, _ traffic: bench_traffic, _ passes: Int, _ optimizer: any Optimizer) -> Kernel {
      Kernel("\(name), \(rows) x \(columns)", traffic, passes: passes, count: count, threads: threads) {
        optimizer.update(layer, gradients)
        return nil
      }
    }
    return [
      kernel("momentum", BENCH_MOMENTUM, 5, SGD(learningRate: 1e-6, momentum: 0.9)),
      kernel("Adam", BENCH_ADAM, 7, Adam(learningRate: 1e-6)),
    ]
  }
}

func otherKernels(threads: Int) -> [Kernel] {
  var kernels: [Kernel] = []
  for (rows, classes) in [(128, 10), (256, 1000)] {
    let logits = normal([rows, classes])
    let labels = Tensor((0..<rows).map { Int32($0 % classes) })
    let (shape, count) = ("\(rows) x \(classes)", rows * classes)
    kernels += [
      Kernel("softmax cross-entropy, \(shape)", BENCH_READ, passes: 1, count: count, threads: threads) {
        softmaxCrossEntropy(logits: logits, labels: labels)
      },
      Kernel("the same with its gradient, \(shape)", BENCH_COPY, passes: 2, count: count, threads: threads) {
        gradient(at: logits) { softmaxCrossEntropy(logits: $0, labels: labels) }
      },
    ]
  }
  for (rows, columns) in [(128, 512), (256, 1024)] {
    var random = RandomSource(seed: 1)
    kernels.append(
      Kernel("Bernoulli, \(rows) x \(columns)", BENCH_STORE, passes: 1, count: rows * columns, threads: threads) {
        .randomBernoulli([rows, columns], probability: 0.5, using: &random)
      })
  }
  let (x, weight) = (normal([1, 784]), normal([512, 784]))
  kernels.append(
    Kernel("one row, 784 -> 512", BENCH_READ, passes: 1, count: 784 * 512, threads: threads) {
      linear(x, weight: weight)
    })
  return kernels
}
