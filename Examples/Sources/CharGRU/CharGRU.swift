// A GRU learns a text letter by letter, by truncated back-propagation through time: it reads 64 places of the text at once, each
// from beginning to end, and what it remembers after 64 letters is what it reads the next 64 with. Gradients end where those begin.
//
//     swift run -c release char-gru --data shakespeare.txt      4,000 steps

import Apus
import ExampleOptions

@main
enum CharGRU {
  static func main() {
    runExample("char-gru", "--steps", usually: 4000) { options in
      guard let path = options.data else { throw UsageError("expected --data with a text file") }
      let text = try TextFile.read(path)
      let tokenizer = CharacterTokenizer(trainedOn: text)
      let (training, test) = try TokenText(path, text, by: tokenizer).split()
      let streams = try training.streams(count: 64, length: 64)
      let model = withSeed(options.seed) {
        RecurrentLanguageModel(.gru, vocabulary: tokenizer.vocabularySize, dropout: 0.2)
      }
      let writer = TextModel(network: model, tokenizer: tokenizer)
      report(
        "\(training.count) characters, \(tokenizer.vocabularySize) different ones; \(model.parameterCount) parameters")

      let optimizer = Adam()
      let schedule = LearningRateSchedule.linear(from: 4e-3, to: 1e-4, steps: options.count)
      // From letters, those that follow, and the memory of those before: the loss, and the memory of these.
      let step = Program("training step") { inputs in
        var next: RecurrentLanguageModel.Memory = []
        let (loss, gradients) = valueWithGradient(of: model) { model in
          let (logits, memory) = model.logits(inputs[0], memory: Array(inputs[2...]))
          next = memory.map { $0.stopGradient() }
          return softmaxCrossEntropy(logits: logits, labels: inputs[1])
        }
        optimizer.update(model, gradients.clipped(.globalNorm(1)))
        return [loss] + next
      }

      var random = RandomSource(seed: options.seed)
      let start = ContinuousClock.now
      var (number, memory) = (0, model.emptyMemory(64))
      var batches = streams.makeIterator()
      while number < options.count {
        guard let (x, y) = batches.next() else {
          // The text is read. Again from its beginning, before which there is nothing.
          (batches, memory) = (streams.makeIterator(), model.emptyMemory(64))
          continue
        }
        optimizer.learningRate = schedule(number)
        let results = try withTraining(random: &random) { try step([x, y] + memory) }
        memory = Array(results[1...])
        number += 1
        guard number % 500 == 0 || number == options.count else { continue }
        let seconds = Int((ContinuousClock.now - start) / .seconds(1))
        report(
          "step \(number), \(seconds) s: loss \(results[0].item), on unseen text \(try writer.evaluate(test).loss) nats for each character"
        )
      }

      let prompt = tokenizer.decode(test.tokens.prefix(20).map { Int($0) })
      let sampler = Sampler(temperature: 0.8)
      report("\n" + prompt + (try writer.generate(after: prompt, count: 400, by: sampler, using: &random)))
    }
  }
}
