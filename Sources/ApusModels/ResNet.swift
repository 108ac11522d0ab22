import ApusCore
import ApusNN

/// The residual networks' numbers of layers with weights.
public enum ResNetDepth: Int, Sendable, CaseIterable {
  case resNet18 = 18
  case resNet34 = 34
  case resNet50 = 50

  /// The blocks of each of the four stages.
  fileprivate var blocks: [Int] { self == .resNet18 ? [2, 2, 2, 2] : [3, 4, 6, 3] }
  /// How much wider a block's output is than its inside.
  fileprivate var expansion: Int { self == .resNet50 ? 4 : 1 }
}

/// How a residual network begins.
public enum ResNetStem: Sendable, Hashable {
  /// A 7 x 7 convolution and pooling, each of stride 2: for photographs of 224 x 224 pixels.
  case large
  /// A 3 x 3 convolution: for images of 28 x 28 or 32 x 32 pixels.
  case small
}

extension Sequential {
  /// A residual network (He et al., 2015): four stages of blocks whose input is added to their output, a mean over all positions, and
  /// one dense layer. ResNet-18 has 11,689,512 parameters for 1,000 classes and photographs, ResNet-50 25,557,032.
  /// - Parameters:
  ///   - inputs: the channels of the images (n, height, width, inputs).
  ///   - stem: how it begins.
  ///   - isCheckpointed: whether blocks keep only their inputs for the gradient, and compute what is inside once more when it gets
  ///     there: less memory for a second forward pass, and the same bits.
  public static func resNet(
    _ depth: ResNetDepth, classes: Int = 1000, inputs: Int = 3, stem: ResNetStem = .large, isCheckpointed: Bool = false
  ) -> Sequential {
    Sequential {
      if stem == .large {
        Conv2D(inputs, 64, kernel: 7, stride: 2, padding: 3, hasBias: false)
      } else {
        Conv2D(inputs, 64, kernel: 3, padding: 1, hasBias: false)
      }
      BatchNorm(64)
      ActivationLayer(.relu)
      if stem == .large { MaxPool2D(3, stride: 2, padding: 1) }
      for (stage, count) in depth.blocks.enumerated() {
        let width = 64 << stage
        for number in 0..<count {
          let outputs = width * depth.expansion
          let first = stage == 0 ? 64 : outputs / 2
          residualBlock(
            number == 0 ? first : outputs, width, outputs, stride: number == 0 && stage > 0 ? 2 : 1,
            isBottleneck: depth.expansion > 1, isCheckpointed: isCheckpointed)
          ActivationLayer(.relu)
        }
      }
      GlobalAveragePool()
      Dense(64 * 8 * depth.expansion, classes)
    }
  }

  /// Two 3 x 3 convolutions; or, as a bottleneck, a 3 x 3 one between two of 1 x 1 that make it narrower and wider again. Where
  /// the shape changes, a 1 x 1 convolution takes the input along.
  private static func residualBlock(
    _ inputs: Int, _ width: Int, _ outputs: Int, stride: Int, isBottleneck: Bool, isCheckpointed: Bool
  ) -> Residual {
    func normalized(_ from: Int, _ to: Int, kernel: Int, stride: Int = 1) -> [any Layer] {
      [
        Conv2D(
          from, to, kernel: PerAxis(kernel), stride: PerAxis(stride), padding: kernel == 3 ? 1 : 0, hasBias: false),
        BatchNorm(to),
      ]
    }
    let body = Sequential {
      if isBottleneck {
        normalized(inputs, width, kernel: 1)
        ActivationLayer(.relu)
        normalized(width, width, kernel: 3, stride: stride)
        ActivationLayer(.relu)
        normalized(width, outputs, kernel: 1)
      } else {
        normalized(inputs, width, kernel: 3, stride: stride)
        ActivationLayer(.relu)
        normalized(width, outputs, kernel: 3)
      }
    }
    let isSame = inputs == outputs && stride == 1
    return Residual(
      body, shortcut: isSame ? nil : Sequential(normalized(inputs, outputs, kernel: 1, stride: stride)),
      isCheckpointed: isCheckpointed)
  }
}
