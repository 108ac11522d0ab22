import ApusCore

/// A penalty on large weights, added to the loss: λ₁ ‖w‖₁ + λ₂/2 ‖w‖² (notes I2 to I4).
///
/// Its gradient is λ₁ sign w + λ₂ w, with sign 0 = 0: so λ₂ is what optimisers call weight decay, and L1 pulls weights to exactly 0. The
/// notes and other frameworks put factors 2 and m elsewhere; give their numbers with their ``Convention``:
/// ```swift
/// Regularizer(l1: 0.6, l2: 0.4, in: .perExample(10))  // λ₁/(2m) ‖w‖₁ + λ₂/(2m) ‖w‖²: .elasticNet(l1: 0.03, l2: 0.04)
/// ```
public struct Regularizer: Hashable, Sendable, CustomStringConvertible {
  /// λ₁ of λ₁ ‖w‖₁.
  public let l1: Double
  /// λ₂ of λ₂/2 ‖w‖².
  public let l2: Double

  /// Where the factors stand (notes I7, E-15).
  public enum Convention: Hashable, Sendable {
    /// λ₁ ‖w‖₁ + λ₂/2 ‖w‖²: Apus, and the weight decay of PyTorch.
    case halved
    /// λ₁ ‖w‖₁ + λ₂ ‖w‖²: Keras.
    case plain
    /// λ₁/(2m) ‖w‖₁ + λ₂/(2m) ‖w‖², for m examples: the notes' cost, of the whole set or of a mini-batch of m (C16).
    case perExample(Int)

    /// What Apus' λ₁ and λ₂ are multiplied with to become the convention's.
    var factors: (l1: Double, l2: Double) {
      switch self {
      case .halved: (1, 1)
      case .plain: (1, 0.5)
      case .perExample(let m): (2 * Double(m), Double(m))
      }
    }
  }

  /// - Precondition: both numbers are at least 0 and finite; the number of examples is positive.
  public init(l1: Double = 0, l2: Double = 0, in convention: Convention = .halved) {
    if case .perExample(let m) = convention, m <= 0 { fatalError("Regularizer: \(m) examples; expected at least 1") }
    guard l1 >= 0, l2 >= 0, l1.isFinite, l2.isFinite else {
      fatalError("Regularizer: l1 \(l1) and l2 \(l2) must be finite and not negative")
    }
    self.l1 = l1 / convention.factors.l1
    self.l2 = l2 / convention.factors.l2
  }

  /// λ ‖w‖₁ (Lasso): makes weights 0.
  public static func l1(_ lambda: Double) -> Regularizer { Regularizer(l1: lambda) }
  /// λ/2 ‖w‖² (Ridge): makes weights small.
  public static func l2(_ lambda: Double) -> Regularizer { Regularizer(l2: lambda) }
  /// Both (the notes' "elastic search", E-14).
  public static func elasticNet(l1: Double, l2: Double) -> Regularizer { Regularizer(l1: l1, l2: l2) }

  /// λ₁ and λ₂ as another convention writes them.
  public func coefficients(in convention: Convention) -> (l1: Double, l2: Double) {
    (l1 * convention.factors.l1, l2 * convention.factors.l2)
  }

  /// The penalty of a tensor's elements: for a matrix the Frobenius norm, squared (notes I5, N-27).
  public func callAsFunction(_ w: Tensor) -> Tensor { Self.penalty.call([w], [l1, l2]).sum() }

  private static let penalty = Elementwise("regularizer", inputs: 1, scalars: 2) { w, k in
    k[0] * abs(w[0]) + 0.5 * k[1] * square(w[0])
  }

  public var description: String {
    switch (l1, l2) {
    case (_, 0): ".l1(\(l1))"
    case (0, _): ".l2(\(l2))"
    default: ".elasticNet(l1: \(l1), l2: \(l2))"
    }
  }
}
