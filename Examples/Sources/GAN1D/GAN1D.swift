// The smallest pair of generator and discriminator: from standard normal numbers the generator learns to make normal ones with another
// mean and deviation, without ever seeing one.
//
//     swift run -c release gan-1d                    4,000 steps

import Apus
import ExampleOptions

@main
enum GAN1D {
  static func main() {
    runExample("gan-1d", "--steps", usually: 4000) { options in
      let (mean, deviation) = (3.0, 0.5)
      let gan = withSeed(options.seed) { GAN.oneDimensional(units: 32) }
      let ofDiscriminator = Adam(learningRate: 5e-4, betas: (0.5, 0.999))
      let ofGenerator = Adam(learningRate: 5e-4, betas: (0.5, 0.999))
      let step = Program("training step") { batch in
        let fake = gan.generator(batch[1])
        let (loss, gradients) = valueWithGradient(of: gan.discriminator) { _ in
          gan.discriminatorLoss(real: batch[0], fake: fake)
        }
        ofDiscriminator.update(gan.discriminator, gradients)
        let (other, others) = valueWithGradient(of: gan.generator) { gan.generatorLoss(fake: $0(batch[1])) }
        ofGenerator.update(gan.generator, others)
        return [loss, other]
      }

      var random = RandomSource(seed: options.seed)
      func real(_ count: Int) -> Tensor {
        .randomNormal([count, 1], mean: mean, standardDeviation: deviation, using: &random)
      }
      for number in 1...options.count {
        let batch = [real(256), gan.noise(256, using: &random)]
        let losses = try step(batch).map(\.item)
        guard number % max(1, options.count / 8) == 0 else { continue }
        let made = withInference { gan.generator(gan.noise(4000, using: &random)) }
        report(
          "step \(number): mean \(made.mean().item), deviation \(made.standardDeviation().item), "
            + "losses \(losses[0]) and \(losses[1])")
      }
      report("to learn: mean \(mean), deviation \(deviation), losses 1.386 (2 ln 2) and 0.693 (ln 2)")

      let made = withInference { gan.generator(gan.noise(20_000, using: &random)) }
      let chart = Chart(
        "Real and generated numbers", x: Axis("number"), y: Axis("density"),
        marks: [
          LineMark(density(real(20_000)), name: "real", stroke: Stroke(.blue, width: 2)),
          LineMark(density(made), name: "generated", stroke: Stroke(.orange, width: 2)),
        ])
      try chart.write(to: options.path("densities.png"))
    }
  }

  /// The share of numbers in bins of a tenth, from 0 to 6, as a density.
  static func density(_ numbers: Tensor) -> [Point] {
    var counts = [Int](repeating: 0, count: 60)
    for number in numbers.doubles where (0..<6).contains(number) { counts[min(59, Int(number * 10))] += 1 }
    return counts.enumerated().map { Point(Double($0) / 10 + 0.05, 10 * Double($1) / Double(numbers.count)) }
  }
}
