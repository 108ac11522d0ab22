import Apus
let x = Tensor([[1.0, 2.0], [3.0, 4.0]]).cast(to: .float32)
print(x)
print(x • x)
print((x * 2 + 1).sum(axes: [0]))
let (v, g) = valueWithGradient(at: x) { x in let y = (tanh(x) * x).sum(); print(ComputationGraph(of: y)); return y }
print(v, g)
let digits = try Dataset.digits()
let (train, test) = digits.split(testFraction: 0.2, seed: 1)
let pre = Preprocessing(fittedTo: train)
let model = Sequential {
  Dense(64, 128, activation: .relu)
  Dropout(0.2)
  Dense(128, 10)
}
print(try model.summary(inputShape: [1, 64]))
let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [.accuracy])
try trainer.fit(pre(train), validation: pre(test), epochs: 20)
print(try trainer.evaluate(pre(test)))

func time(_ name: String, _ n: Int, _ body: () -> Void) {
  for _ in 0..<n/10 { body() }
  var best = Double.infinity
  for _ in 0..<5 {
    let s = ContinuousClock.now
    for _ in 0..<n { body() }
    let d = (ContinuousClock.now - s).components
    best = min(best, (Double(d.attoseconds) / 1e18 + Double(d.seconds)) / Double(n))
  }
  print(name, best * 1e6, "us")
}
do {
  var r = RandomSource(seed: 1)
  let x = Tensor.randomNormal([400, 2], using: &r)
  let y = Tensor.randomBernoulli([400, 1], probability: 0.5, using: &r)
  let m = Sequential { Dense(2, 4, activation: .tanh); Dense(4, 1) }
  let o = SGD(learningRate: 1.2)
  time("W1", 2000) {
    let (_, g) = valueWithGradient(of: m) { binaryCrossEntropy(logits: $0(x), target: y) }
    o.update(m, g)
  }
  time("W1 forward", 2000) { _ = m(x) }
  let a = Tensor.randomNormal([4], using: &r)
  time("add", 20000) { _ = a + a }
  time("transpose", 20000) { _ = x.transposed() }
  time("sum", 20000) { _ = x.sum() }
}
do {
  var r = RandomSource(seed: 1)
  let x = Tensor.randomNormal([128, 784], using: &r)
  let y = Tensor((0..<128).map { Int32($0 % 10) })
  let m = Sequential { Dense(784, 512, activation: .relu); Dense(512, 512, activation: .relu); Dense(512, 10) }
  let o = Adam()
  time("W3", 200) {
    let (_, g) = valueWithGradient(of: m) { softmaxCrossEntropy(logits: $0(x), labels: y) }
    o.update(m, g)
  }
}
