import ApusCore
import ApusNN

extension Sequential {
  /// AlexNet (Krizhevsky, Sutskever and Hinton, 2012; notes M2): five convolutions, the second, fourth and fifth in two groups, with
  /// normalisation by neighbouring channels, and three dense layers with dropout. Inputs of shape (n, 227, 227, 3); 60,965,224
  /// parameters for 1,000 classes.
  /// - Parameter units: those of the two hidden dense layers.
  public static func alexNet(classes: Int = 1000, units: Int = 4096) -> Sequential {
    // The paper's α counts the sum of five squares, that of the layer their mean.
    func norm() -> LocalResponseNorm { LocalResponseNorm(5, alpha: 5e-4, beta: 0.75, k: 2) }
    return Sequential {
      Conv2D(3, 96, kernel: 11, stride: 4, activation: .relu)
      norm()
      MaxPool2D(3, stride: 2)
      Conv2D(96, 256, kernel: 5, padding: 2, groups: 2, activation: .relu)
      norm()
      MaxPool2D(3, stride: 2)
      Conv2D(256, 384, kernel: 3, padding: 1, activation: .relu)
      Conv2D(384, 384, kernel: 3, padding: 1, groups: 2, activation: .relu)
      Conv2D(384, 256, kernel: 3, padding: 1, groups: 2, activation: .relu)
      MaxPool2D(3, stride: 2)
      Flatten()
      Dropout(0.5)
      Dense(256 * 6 * 6, units, activation: .relu)
      Dropout(0.5)
      Dense(units, units, activation: .relu)
      Dense(units, classes)
    }
  }
}
