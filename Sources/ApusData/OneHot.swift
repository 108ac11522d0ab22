import ApusCore

/// Labels as vectors with a single one (notes B14: to_categorical).
public enum OneHot {
  /// A row for each label, with a one at its place.
  /// - Parameter classCount: the length of the rows; nil: one more than the largest label.
  /// - Throws: `DatasetError` for a label that is negative or not less than the number of classes.
  public static func encode(
    _ labels: [Int], classCount: Int? = nil, dtype: DType = .float32
  ) throws(DatasetError) -> Tensor {
    let count = classCount ?? (labels.max() ?? -1) + 1
    if let wrong = labels.first(where: { $0 < 0 || $0 >= count }) {
      throw DatasetError("the label \(wrong) is outside 0..<\(count), the \(count) classes")
    }
    guard count > 0 else { return .zeros([labels.count, 0], dtype: dtype) }
    return .oneHot(Tensor(labels.map(Int64.init)), classCount: count, dtype: dtype)
  }

  /// The place of the largest number of each row (n, classes): the label, also of probabilities.
  public static func decode(_ rows: Tensor) -> [Int] { rows.argMax(axis: -1).ints }
}
