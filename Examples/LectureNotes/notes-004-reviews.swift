// 004: reviews of films, good or bad: the companion notebook on IMDB's reviews, with reviews that are made up here.
// Words become a vector of zeros and ones; a network of three layers learns; its loss on unseen reviews falls, and then rises again
// while that on the training reviews goes on falling. So it is trained anew, and stopped where the validation loss was lowest.

import Apus

/// Reviews from templates. An opinion agrees with the verdict three times out of four.
enum Template {
  static let good = """
    wonderful brilliant moving funny charming gripping warm clever honest elegant superb touching witty bold fresh rich
    """.split(separator: " ")
  static let bad = """
    dull awful boring clumsy empty tedious flat silly weak noisy stale lifeless messy cold shallow forced
    """.split(separator: " ")
  static let things = """
    story plot script dialogue ending opening music score camera light cast hero villain humour pace editing costumes \
    scenery direction acting chemistry message sound style set twist action romance mystery tension
    """.split(separator: " ")
  static let openings = [
    "we saw it on monday", "my friends liked the poster", "a film about the sea", "the second part of three",
    "it runs for two hours", "i read the book first", "a remake of an old film", "the cinema was full",
    "a debut from the north", "shot in one summer",
  ]
}

func review(isGood: Bool, using random: inout RandomSource) -> String {
  let opinions = (0..<4).map { _ in
    let agrees = Int.random(in: 0..<4, using: &random) > 0
    let words = agrees == isGood ? Template.good : Template.bad
    return "the \(Template.things.randomElement(using: &random)!) was \(words.randomElement(using: &random)!)"
  }
  return ([Template.openings.randomElement(using: &random)!] + opinions).joined(separator: " . ")
}

func reviews(_ count: Int, seed: UInt64) -> (texts: [String], labels: [Int32]) {
  var random = RandomSource(seed: seed)
  let labels = (0..<count).map { Int32($0 % 2) }
  return (labels.map { review(isGood: $0 == 1, using: &random) }, labels)
}

let training = reviews(400, seed: 1)
print("a good one:", training.texts[1])
print("a bad one:", training.texts[0])

// The words of the training reviews; every review says of each whether it has it.
let tokenizer = WordTokenizer(trainedOn: training.texts.joined(separator: "\n"))
print("words:", tokenizer.vocabulary.count)

func multiHot(_ text: String, _ tokenizer: WordTokenizer) -> [Float] {
  let tokens = Set(tokenizer.encode(text))
  return tokenizer.vocabulary.indices.map { tokens.contains($0) ? 1 : 0 }
}

func dataset(_ reviews: (texts: [String], labels: [Int32]), _ tokenizer: WordTokenizer) -> Dataset {
  let features = Tensor(reviews.texts.map { multiHot($0, tokenizer) })
  return Dataset("reviews", features: features, targets: Tensor(reviews.labels), kind: .classes(["bad", "good"]))
}

let train = dataset(training, tokenizer)
let validation = dataset(reviews(400, seed: 2), tokenizer)
let test = dataset(reviews(1000, seed: 3), tokenizer)

func makeTrainer(words: Int) -> Trainer<Sequential> {
  let model = withSeed(0) {
    Sequential {
      Dense(words, 16, activation: .relu)
      Dense(16, 16, activation: .relu)
      Dense(16, 1)  // a logit: the sigmoid is in the loss
    }
  }
  return Trainer(model, loss: .binaryCrossEntropy, optimizer: RMSprop(learningRate: 1e-3), metrics: [.accuracy])
}

let first = makeTrainer(words: tokenizer.vocabulary.count)
let history = try first.fit(train, validation: validation, epochs: 40, batchSize: 20, progress: .silent)
for epoch in history.epochs where epoch.number == 1 || epoch.number % 4 == 0 {
  print(
    "epoch", epoch.number, "loss", epoch.loss, "val_loss", epoch.validationLoss!, "val_accuracy",
    epoch.validationMetrics["accuracy"]!)
}
let best = history.epochs.min { $0.validationLoss! < $1.validationLoss! }!
print("lowest val_loss", best.validationLoss!, "after epoch", best.number, "of", history.epochs.count)
print("over-fitted: test", try first.evaluate(test))

let second = makeTrainer(words: tokenizer.vocabulary.count)
try second.fit(train, epochs: best.number, batchSize: 20, progress: .silent)
print("stopped early: test", try second.evaluate(test))

for text in ["the music was superb", "the plot was dull"] {
  let logit = try second.predict(Tensor([multiHot(text, tokenizer)]))
  print("'\(text)':", sigmoid(logit).item)
}
