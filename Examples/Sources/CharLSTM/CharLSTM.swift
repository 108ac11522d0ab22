// A character model of one's own: an LSTM learns a text letter by letter, in a loop that is written out, and then writes on.
//
//     swift run -c release char-lstm --data shakespeare.txt      8,000 steps

import Apus
import ExampleOptions

/// Embedding, one LSTM layer, dropout, and a logit for every character at every position.
final class CharacterModel: Layer, TokenModel {
  let embedding: Embedding
  let lstm: LSTM
  let dropout = Dropout(0.2)
  let head: Dense

  init(characters: Int, features: Int = 128, units: Int = 256) {
    embedding = Embedding(characters, features)
    lstm = LSTM(features, units)
    head = Dense(units, characters)
  }

  func logits(_ text: Tensor, _ state: LSTMState?) -> (logits: Tensor, state: LSTMState) {
    let (h, state) = lstm(text, through: embedding, state: state)
    return (head(dropout(h)), state)
  }
  func forward(_ text: Tensor) -> Tensor { logits(text, nil).logits }
  func outputShape(for text: Shape) throws(ShapeError) -> Shape {
    try head.outputShape(for: lstm.outputShape(for: embedding.outputShape(for: text)))
  }
  func logits(after text: Tensor, state: LSTMState?) -> (logits: Tensor, state: LSTMState) {
    let (all, state) = logits(text, state)
    return (all[.all, -1], state)
  }
}

/// Texts of `length` characters that begin at `starts`, and those one character further on.
func windows(_ numbers: ArraySlice<Int32>, _ starts: [Int], length: Int) -> (x: Tensor, y: Tensor) {
  func rows(_ shift: Int) -> Tensor {
    Tensor(starts.flatMap { numbers[($0 + shift)..<($0 + shift + length)] }, shape: [starts.count, length])
  }
  return (rows(0), rows(1))
}

/// Trains for a number of steps.
func train(
  _ model: CharacterModel, on text: ArraySlice<Int32>, steps: Int, seed: UInt64, progress: (Int, Double) throws -> Void
) throws {
  let optimizer = Adam()
  let schedule = LearningRateSchedule.linear(from: 4e-3, to: 1e-4, steps: steps)
  let step = Program("training step") { batch in
    let (loss, gradients) = valueWithGradient(of: model) { softmaxCrossEntropy(logits: $0(batch[0]), labels: batch[1]) }
    optimizer.update(model, gradients.clipped(.globalNorm(1)))
    return [loss]
  }
  // Two streams of random numbers: another dropout does not change the order of the text.
  var (random, places) = (RandomSource(seed: seed), RandomSource(seed: seed, stream: 1))
  for number in 0..<steps {
    let starts = (0..<64).map { _ in Int.random(in: text.startIndex..<(text.endIndex - 64), using: &places) }
    let (x, y) = windows(text, starts, length: 64)
    optimizer.learningRate = schedule(number)
    let loss = try withTraining(random: &random) { try step([x, y])[0] }
    if (number + 1) % 500 == 0 || number + 1 == steps { try progress(number + 1, loss.item) }
  }
}

/// The mean loss in nats for each character, of 64 streams that the model reads from beginning to end.
func evaluate(_ model: CharacterModel, on text: ArraySlice<Int32>) throws -> Double {
  let step = Program("evaluation step") { inputs in
    let (logits, state) = model.logits(inputs[0], LSTMState(hidden: inputs[2], cell: inputs[3]))
    return [softmaxCrossEntropy(logits: logits, labels: inputs[1]), state.hidden, state.cell]
  }
  let (streams, length) = (64, 128)
  let stride = (text.count - 1) / streams
  var state = [Tensor](repeating: .zeros([1, streams, model.head.inputs]), count: 2)
  var total = 0.0
  let parts = Swift.stride(from: 0, to: stride - length + 1, by: length)
  for start in parts {
    let (x, y) = windows(text, (0..<streams).map { text.startIndex + $0 * stride + start }, length: length)
    let results = try withInference { try step([x, y] + state) }
    total += results[0].item
    state = Array(results[1...])
  }
  return total / Double(Array(parts).count)
}

@main
enum CharLSTM {
  static func main() {
    runExample("char-lstm", "--steps", usually: 8000) { options in
      guard let path = options.data else { throw UsageError("expected --data with a text file") }
      let text = try TextFile.read(path)
      let tokenizer = CharacterTokenizer(trainedOn: text)
      let numbers = try tokenizer.encode(text).map { Int32($0) }
      guard numbers.count > 100_000 else {
        throw UsageError("\(path) has \(numbers.count) characters; expected more than 100000")
      }
      let split = numbers.count * 9 / 10
      let model = withSeed(options.seed) { CharacterModel(characters: tokenizer.vocabularySize) }
      report(
        "\(numbers.count) characters, \(tokenizer.vocabularySize) different ones; \(model.parameterCount) parameters")

      let start = ContinuousClock.now
      try train(model, on: numbers[..<split], steps: options.count, seed: options.seed) { number, loss in
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let isMeasured = number % 2000 == 0 || number == options.count
        let held = isMeasured ? ", on unseen text \(try evaluate(model, on: numbers[split...]))" : ""
        report("step \(number), \(Int(seconds)) s, \(Int(Double(number) / seconds)) steps/s: loss \(loss)\(held)")
      }

      var random = RandomSource(seed: options.seed)
      let prompt = numbers[split..<(split + 20)].map { Int($0) }
      let written = model.generate(from: prompt, count: 400, by: Sampler(temperature: 0.8), using: &random)
      report("\n" + tokenizer.decode(prompt + written))
    }
  }
}
