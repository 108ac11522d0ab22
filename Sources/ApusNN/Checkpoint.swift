import ApusCore

/// A part of a model that keeps only its input for the gradient, and computes what is inside once more when the gradient gets there:
/// memory for time (activation checkpointing; Chen et al., 2016).
///
/// ```swift
/// func forward(_ x: Tensor) -> Tensor {
///   var x = x
///   for block in blocks { x = checkpoint(block, x) }
///   return x
/// }
/// ```
/// Results and gradients are the same, bit for bit: dropout drops the same, and ``BatchNorm`` changes its running statistics once. A layer
/// of one's own that changes buffers while it trains would do so twice, so it belongs outside.
public func checkpoint<L: Layer>(_ layer: L, _ x: Tensor) -> Tensor {
  checkpoint(layer, x) { $0($1) }
}

/// A part of a model, as `body` computes it from `layer` and `x`, that keeps only `x` for the gradient.
///
/// - Parameter body: reads no parameters but those of `layer`, and no tensors that depend on any but `x`.
public func checkpoint<L: Layer>(
  _ layer: L, _ x: Tensor, _ body: @escaping @Sendable (_ layer: L, _ x: Tensor) -> Tensor
) -> Tensor {
  checkpoint(of: layer.parameters.filter(\.isTrainable), at: [x]) { body(layer, $0[0]) }
}
