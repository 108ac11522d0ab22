import ApusCore
import ApusNN

/// The mean gradient of several batches, for one update: as with a batch that is too large for memory (notes D8).
///
/// ```swift
/// accumulator.add(gradients, count: x.shape[0])     // for each small batch; may be a part of a Program
/// optimizer.update(model, accumulator.mean)         // then once; may be a part of another one
/// accumulator.reset()                               // outside of programs
/// ```
/// Gradients never accumulate by themselves (notes F12).
public final class GradientAccumulator {
  /// The sums, made when a parameter is first seen.
  private var means: [Parameter: Parameter] = [:]
  private var parameters: [Parameter] = []
  /// The examples so far.
  public private(set) var count = 0

  public init() {}

  // The mean so far and the new gradient, each by its share of the examples. The first time there is nothing yet, whatever the memory
  // holds.
  private static let add = Update(scalars: 2) { mean, g, k in
    mean = select(k[0] > 0, k[0] * mean, 0) + k[1] * g
  }

  /// Adds the mean gradient of `count` examples.
  public func add(_ gradients: Gradients, count: Int = 1) {
    precondition(count > 0)
    parameters = gradients.parameters
    let scalars = StepScalars { [self] in
      let before = Double(self.count)
      self.count += count
      return [before / Double(self.count), Double(count) / Double(self.count)]
    }
    for (parameter, gradient) in zip(gradients.parameters, gradients.tensors) {
      let mean = means[parameter] ?? Parameter(.zeros(parameter.shape, dtype: parameter.dtype))
      means[parameter] = mean
      Self.add(mean, gradient: gradient, states: [], scalars: Scalars(scalars.values, from: scalars))
    }
  }

  /// The mean over all examples since the last reset, each counting once.
  public var mean: Gradients {
    Gradients(parameters: parameters, tensors: parameters.map { means[$0]!.stored })
  }

  /// Begins anew.
  public func reset() { count = 0 }
}
