// A small transformer learns a text letter by letter, and then writes on.
//
//     swift run -c release char-gpt --data shakespeare.txt      5 epochs

import Apus
import ExampleOptions

@main
enum CharGPT {
  static func main() {
    runExample("char-gpt", "--epochs", usually: 5) { options in
      guard let path = options.data else { throw UsageError("expected --data with a text file") }
      let text = try TextFile.read(path)
      let tokenizer = CharacterTokenizer(trainedOn: text)
      let (training, test) = try TokenText(path, text, by: tokenizer).split()
      let model = withSeed(options.seed) {
        GPT(vocabulary: tokenizer.vocabularySize, context: 64, blocks: 4, heads: 4, width: 128, dropout: 0.1)
      }
      report(
        "\(training.count) characters, \(tokenizer.vocabularySize) different ones; \(model.parameterCount) parameters")

      // Windows that overlap: four of them see every character.
      let loader = DataLoader(training.windows(length: 64, stride: 16), batchSize: 32, seed: options.seed)
      let held = DataLoader(test.windows(length: 64), batchSize: 64, isShuffled: false)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy,
        optimizer: AdamW(learningRate: 2e-3, betas: (0.9, 0.99), weightDecay: 0.1, decays: AdamW.matrices),
        clipping: .globalNorm(1), schedule: .cosine(from: 2e-3, to: 5e-5, steps: options.count * loader.batchCount),
        seed: options.seed)
      try trainer.fit(loader, validation: held, epochs: options.count, progress: .silent) { epoch in
        report(
          "epoch \(epoch.number): loss \(epoch.loss), on unseen text \(epoch.validationLoss!), \(Int(epoch.seconds)) s")
      }

      var random = RandomSource(seed: options.seed)
      let prompt = test.tokens.prefix(20).map { Int($0) }
      let written = model.generate(from: prompt, count: 400, by: Sampler(temperature: 0.8), using: &random)
      report("\n" + tokenizer.decode(prompt + written))
    }
  }
}
