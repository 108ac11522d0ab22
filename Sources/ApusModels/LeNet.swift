import ApusCore
import ApusNN

extension Sequential {
  /// LeNet-5 (LeCun et al., 1998), as it is built today: two convolutions with pooling, then three dense layers. For MNIST, inputs of
  /// shape (n, 28, 28, 1) give logits (n, 10), with 61,706 parameters.
  /// - Parameters:
  ///   - imageSize: the extent of the square images, at least 12.
  ///   - activation: ReLU; the paper has a scaled tanh.
  ///   - usesAveragePooling: the paper's means of 2 x 2 squares, instead of their maxima.
  public static func leNet5(
    classes: Int = 10, inputs: Int = 1, imageSize: Int = 28, activation: Activation = .relu,
    usesAveragePooling: Bool = false
  ) -> Sequential {
    let last = (imageSize / 2 - 4) / 2
    guard last > 0 else { fatalError("leNet5: the image size \(imageSize) must be at least 12") }
    func pool() -> any Layer { usesAveragePooling ? AveragePool2D(2) : MaxPool2D(2) }
    return Sequential {
      Conv2D(inputs, 6, kernel: 5, padding: 2, activation: activation)
      pool()
      Conv2D(6, 16, kernel: 5, activation: activation)
      pool()
      Flatten()
      Dense(16 * last * last, 120, activation: activation)
      Dense(120, 84, activation: activation)
      Dense(84, classes)
    }
  }
}
