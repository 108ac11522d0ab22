import CApus

// Tensors as text: element type and shape, then the elements in aligned columns, with an ellipsis where there are many.

extension Tensor: CustomStringConvertible {
  /// Axes longer than this show their first and last three positions.
  private static let longAxis = 8

  public var description: String {
    guard object.storage != nil else { return "\(type), no elements" }
    var header = "\(dtype)\(shape)"
    if count == 0 { return header + " []" }
    // Only what is shown is read.
    let shown = rank == 0 ? [stopGradient()] : shownParts()
    let cells = NumberFormat(shown)
    if rank == 0 { return header + " " + cells.texts(shown[0])[0] }
    header += rank == 1 ? " " : "\n"
    return header + rows(stopGradient(), indent: 1, cells)
  }

  /// The corners of the tensor that are printed.
  private func shownParts() -> [Tensor] {
    var parts = [stopGradient()]
    for axis in 0..<rank where shape[axis] > Self.longAxis {
      parts = parts.flatMap { [$0.sliced(.from(0, to: 3), axis: axis), $0.sliced(.from(-3), axis: axis)] }
    }
    return parts
  }

  private func rows(_ tensor: Tensor, indent: Int, _ format: NumberFormat) -> String {
    let extent = tensor.shape[0]
    let positions: [Int?] =
      extent > Self.longAxis ? [0, 1, 2, nil, extent - 3, extent - 2, extent - 1] : Array(0..<extent)
    if tensor.rank == 1 {
      var next = format.texts(tensor.sampled(positions.compactMap { $0 })).makeIterator()
      return "[" + positions.map { $0 == nil ? "…" : format.padded(next.next()!) }.joined(separator: " ") + "]"
    }
    let gap = String(repeating: "\n", count: tensor.rank == 2 ? 1 : 2) + String(repeating: " ", count: indent)
    let parts = positions.map { $0.map { rows(tensor[$0], indent: indent + 1, format) } ?? "…" }
    return "[" + parts.joined(separator: gap) + "]"
  }

  private func sampled(_ positions: [Int]) -> Tensor {
    positions.count == shape[0] ? self : gathering(Tensor(positions.map(Int64.init)))
  }
}

/// One format for all numbers of a table: whole numbers without a point, others with up to four decimals, very large or small
/// ones in powers of ten.
struct NumberFormat {
  private let style: Character
  private let precision: Int
  private var width = 0

  /// A format for the elements of all of `tensors`, which have one element type.
  init(_ tensors: [Tensor]) {
    let finite = tensors.first?.dtype.isFloatingPoint == true ? tensors.flatMap(\.doubles).filter(\.isFinite) : []
    let magnitudes = finite.map(abs).filter { $0 > 0 }
    let isWhole = finite.allSatisfy { $0 == $0.rounded() && abs($0) < 1e7 }
    let isWide = (magnitudes.max() ?? 1) >= 1e6 || (magnitudes.min() ?? 1) < 1e-4
    (style, precision) = isWhole ? ("f", 1) : isWide ? ("e", 4) : ("f", 4)
    width = tensors.flatMap { texts($0) }.map(\.count).max() ?? 0
  }

  /// The elements of `tensor` as text.
  func texts(_ tensor: Tensor) -> [String] {
    if tensor.dtype == .bool { return tensor.elements(as: Bool.self).map { "\($0)" } }
    // Not by way of Double, which has no room for all of an int64.
    if tensor.dtype.isInteger { return tensor.ints.map(String.init) }
    return tensor.doubles.map { value in
      if !value.isFinite { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
      return value.formatted(style, precision: precision)
    }
  }

  func padded(_ text: String) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}

extension Double {
  /// This number in printf's style `f`, `e` or `g`; the same in every locale and without Foundation.
  package func formatted(_ style: Character = "f", precision: Int) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
      let length = apus_format_double(
        buffer.baseAddress!, buffer.count, CChar(style.asciiValue!), Int32(precision), self)
      return String(decoding: buffer[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
