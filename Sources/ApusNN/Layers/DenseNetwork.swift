import ApusCore

extension Sequential {
  /// Dense layers from a list of widths, the inputs first (notes A23): [4, 1] has no hidden layer, [4, 8, 1] one, and so on.
  /// - Parameters:
  ///   - activation: of the hidden layers.
  ///   - output: of the last layer. A regression becomes a decision by `.sigmoid` here (notes A15); losses of logits want `.identity`.
  /// - Precondition: at least two widths, all at least 1.
  public static func dense(
    _ widths: [Int], activation: Activation = .relu, output: Activation = .identity, dtype: DType = .float32
  ) -> Sequential {
    guard widths.count >= 2 else { fatalError("Sequential.dense: the widths \(widths); expected at least two") }
    let last = widths.count - 2
    return Sequential(
      (0...last).map { i in
        Dense(widths[i], widths[i + 1], activation: i == last ? output : activation, dtype: dtype)
      })
  }
}
