import ApusCore
import ApusNN

extension Sequential {
  /// A U-Net (Ronneberger, Fischer and Brox, 2015): an image becomes smaller and deeper level by level, then larger again, and every level
  /// sees beside what comes from below what it was on the way down. It gives a number, or logits of classes, for every pixel.
  /// - Parameters:
  ///   - inputs: the channels of the images (n, height, width, inputs); the extents are multiples of 2 to the power of `levels`.
  ///   - outputs: the channels of the result (n, height, width, outputs).
  ///   - width: the channels of the first level; they double with every level.
  ///   - levels: how often the extents are halved; 4 in the paper.
  public static func uNet(inputs: Int = 1, outputs: Int = 2, width: Int = 64, levels: Int = 4) -> Sequential {
    Sequential {
      level(inputs, width, levels: levels)
      Conv2D(width, outputs, kernel: 1)
    }
  }

  private static func convolutions(_ inputs: Int, _ width: Int) -> [any Layer] {
    [
      Conv2D(inputs, width, kernel: 3, padding: 1, hasBias: false), BatchNorm(width), ActivationLayer(.relu),
      Conv2D(width, width, kernel: 3, padding: 1, hasBias: false), BatchNorm(width), ActivationLayer(.relu),
    ]
  }

  /// From (…, inputs) to (…, width), through all levels below.
  private static func level(_ inputs: Int, _ width: Int, levels: Int) -> [any Layer] {
    guard levels > 0 else { return convolutions(inputs, width) }
    let below = Sequential {
      MaxPool2D(2)
      level(width, 2 * width, levels: levels - 1)
      ConvTranspose2D(2 * width, width, kernel: 2, stride: 2)
    }
    return convolutions(inputs, width)
      + [Parallel(.concatenate, [Sequential([]), below])] + convolutions(2 * width, width)
  }
}
