import ApusCore

/// Features and targets of some examples: one along the first axis of each.
public typealias Batch = (features: Tensor, targets: Tensor)

/// Examples that are fetched by their numbers: a data set in memory, a folder of images, windows of a text.
///
/// A ``DataLoader`` puts them into an order and into batches, perhaps on another thread: `batch` must not depend on what was
/// fetched before.
public protocol ExampleSource: Sendable {
  /// Where the examples come from, for messages: a path or a name.
  var name: String { get }
  /// The number of examples.
  var count: Int { get }
  /// What the features of one example are in a batch.
  var featureType: TensorType { get }
  /// What the targets of one example are.
  var targetType: TensorType { get }
  /// What the targets stand for.
  var kind: Dataset.Targets { get }
  /// The examples at `indices`, from 0 to `count` - 1, in that order.
  /// - Throws: whatever prevents that, such as a file that cannot be read.
  func batch(_ indices: [Int]) throws -> Batch
}

extension ExampleSource {
  /// The names of the classes; empty for numbers.
  public var classNames: [String] { if case .classes(let names) = kind { names } else { [] } }
}

extension Dataset: ExampleSource {
  public var featureType: TensorType {
    TensorType(Shape(features.shape.dropFirst()), features.dtype == .uint8 ? .float32 : features.dtype)
  }

  public var targetType: TensorType { TensorType(Shape(targets.shape.dropFirst()), targets.dtype) }

  /// The examples at `indices`, from 0 to `count` - 1, in that order. Bytes become float32 from 0 to 1.
  public func batch(_ indices: [Int]) -> Batch {
    if let wrong = indices.first(where: { !(0..<count).contains($0) }) {
      fatalError("batch: the index \(wrong) is outside the \(count) examples")
    }
    return (features.batch(indices), targets.batch(indices))
  }

  /// The same examples, in memory, as `source` gives them.
  /// - Throws: whatever `source` throws.
  public init(loading source: some ExampleSource) throws {
    let (features, targets) = try source.batch(Array(0..<source.count))
    self.init(source.name, features: features, targets: targets, kind: source.kind)
  }
}

extension Tensor {
  /// The rows at `indices`, which were checked; of bytes, their 255th parts.
  ///
  /// Copied by plain loops rather than by `gathering`: the threads that operations share are at work for the training.
  fileprivate func batch(_ indices: [Int]) -> Tensor {
    if dtype != .uint8, let first = indices.first, indices.indices.allSatisfy({ indices[$0] == first + $0 }) {
      return self[first..<first + indices.count]  // as they lie there
    }
    let rowCount = shape[0] > 0 ? count / shape[0] : 0
    let type = TensorType(Shape([indices.count] + shape.dropFirst()), dtype == .uint8 ? .float32 : dtype)
    return dense.withHostBytes { source in
      Tensor(type: type) { target in
        guard target.count > 0 else { return }
        if dtype == .uint8 {
          let (source, target) = (source.bindMemory(to: UInt8.self), target.bindMemory(to: Float.self))
          for (i, index) in indices.enumerated() {
            let (from, to) = (source.baseAddress! + index * rowCount, target.baseAddress! + i * rowCount)
            for j in 0..<rowCount { to[j] = Float(from[j]) / 255 }
          }
        } else if rowCount * dtype.byteCount <= 64 && dtype.byteCount % 4 == 0 {
          // Short rows, word by word: a call for each would take longer.
          let (source, target) = (source.bindMemory(to: UInt32.self), target.bindMemory(to: UInt32.self))
          let words = rowCount * dtype.byteCount / 4
          for (i, index) in indices.enumerated() {
            let (from, to) = (source.baseAddress! + index * words, target.baseAddress! + i * words)
            for j in 0..<words { to[j] = from[j] }
          }
        } else {
          let byteCount = rowCount * dtype.byteCount
          let (from, to) = (source.baseAddress!, target.baseAddress!)
          for (i, index) in indices.enumerated() {
            (to + i * byteCount).copyMemory(from: from + index * byteCount, byteCount: byteCount)
          }
        }
      }
    }
  }
}
