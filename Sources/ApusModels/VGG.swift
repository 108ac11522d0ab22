import ApusCore
import ApusNN

/// The VGG networks' numbers of layers with weights.
public enum VGGDepth: Int, Sendable, CaseIterable {
  case vgg11 = 11
  case vgg13 = 13
  case vgg16 = 16
  case vgg19 = 19

  /// The convolutions of each of the five stages.
  fileprivate var convolutions: [Int] {
    switch self {
    case .vgg11: [1, 1, 2, 2, 2]
    case .vgg13: [2, 2, 2, 2, 2]
    case .vgg16: [2, 2, 3, 3, 3]
    case .vgg19: [2, 2, 4, 4, 4]
    }
  }
}

extension Sequential {
  /// A VGG network (Simonyan and Zisserman, 2015): 3 x 3 convolutions in five stages of growing width, each halved by pooling, then
  /// three dense layers with dropout. Inputs of shape (n, 224, 224, 3), or of other multiples of 32, for which `imageSize` has to be
  /// given; VGG-16 has 138,357,544 parameters for 1,000 classes.
  /// - Parameters:
  ///   - imageSize: the extent of the square images; a multiple of 32.
  ///   - units: those of the two hidden dense layers.
  ///   - hasBatchNorm: whether each convolution is followed by a normalisation.
  public static func vgg(
    _ depth: VGGDepth, classes: Int = 1000, imageSize: Int = 224, units: Int = 4096, hasBatchNorm: Bool = false
  ) -> Sequential {
    guard imageSize > 0, imageSize % 32 == 0 else {
      fatalError("vgg: the image size \(imageSize) must be a multiple of 32")
    }
    let widths = [64, 128, 256, 512, 512]
    let inputs = [3] + widths
    return Sequential {
      for (stage, count) in depth.convolutions.enumerated() {
        for number in 0..<count {
          let (from, to) = (number == 0 ? inputs[stage] : widths[stage], widths[stage])
          if hasBatchNorm {
            Conv2D(from, to, kernel: 3, padding: 1, hasBias: false)
            BatchNorm(to)
            ActivationLayer(.relu)
          } else {
            Conv2D(from, to, kernel: 3, padding: 1, activation: .relu)
          }
        }
        MaxPool2D(2)
      }
      Flatten()
      Dense(512 * (imageSize / 32) * (imageSize / 32), units, activation: .relu)
      Dropout(0.5)
      Dense(units, units, activation: .relu)
      Dropout(0.5)
      Dense(units, classes)
    }
  }
}
