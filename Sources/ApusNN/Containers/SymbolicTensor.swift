import ApusCore

/// A tensor that is not there yet: what a layer will put out inside a ``FunctionalModel``.
///
/// Layers are called with symbolic tensors as with tensors; `+`, `*` and `concatenate` join them.
public final class SymbolicTensor: Sendable {
  /// Where it comes from.
  enum Source: Sendable {
    case input(FunctionalInput)
    case layer(any Layer, SymbolicTensor)
    case joined(Parallel.Joining, [SymbolicTensor])
  }

  let source: Source

  init(_ source: Source) { self.source = source }

  /// An input of a model.
  /// - Parameters:
  ///   - name: tells it from the others.
  ///   - extents: the shape of one example; [] for a single number.
  ///   - isWhole: whether the numbers are whole, such as those of words: layers then get int32.
  public static func input(_ name: String, _ extents: Shape, isWhole: Bool = false) -> SymbolicTensor {
    SymbolicTensor(.input(FunctionalInput(name: name, extents: extents, isWhole: isWhole)))
  }

  /// The sum, element by element.
  public static func + (a: SymbolicTensor, b: SymbolicTensor) -> SymbolicTensor {
    SymbolicTensor(.joined(.add, [a, b]))
  }
  /// The product, element by element.
  public static func * (a: SymbolicTensor, b: SymbolicTensor) -> SymbolicTensor {
    SymbolicTensor(.joined(.multiply, [a, b]))
  }
}

/// Side by side along the last axis.
public func concatenate(_ tensors: [SymbolicTensor]) -> SymbolicTensor {
  guard !tensors.isEmpty else { fatalError("concatenate: there are no symbolic tensors") }
  return SymbolicTensor(.joined(.concatenate, tensors))
}

extension Layer {
  /// What this layer will put out for `x`. A layer that is called twice shares its parameters.
  public func callAsFunction(_ x: SymbolicTensor) -> SymbolicTensor { SymbolicTensor(.layer(self, x)) }
}
