/// Where ε stands in a quotient by a root, such as (x − μ) / √(σ² + ε): the same idea in several publications and frameworks, with
/// different digits (notes E-16).
public enum EpsilonPlacement: String, Sendable, Hashable, CaseIterable {
  /// √(v + ε).
  case underRoot
  /// √v + ε.
  case besideRoot
}
