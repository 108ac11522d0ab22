import ApusCore
import Synchronization

/// A model made ready to predict: what it does to inputs of one shape is recorded once and then runs as a ``Program``.
///
/// ```swift
/// let predictor = Predictor(model)
/// let y = predictor(x)
/// ```
/// Any number of tasks may call it at once; each then runs a recording of its own. The model's parameters may change between calls, not during one.
public final class Predictor: Sendable {
  private let model: any Layer
  /// Recordings that nobody runs now.
  private let idle = Mutex<[Recording]>([])

  /// A program, in the hands of one caller at a time.
  private struct Recording: @unchecked Sendable { let program: Program }

  public init(_ model: any Layer) { self.model = model }

  /// The model's output for `x`, as when predicting.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let recording =
      idle.withLock { $0.popLast() } ?? Recording(program: Program("prediction") { [model] in [model($0[0])] })
    defer { idle.withLock { $0.append(recording) } }
    do { return try withInference { try recording.program([x])[0] } } catch {
      fatalError("Predictor: \(error)")  // a layer throws nothing
    }
  }
}
