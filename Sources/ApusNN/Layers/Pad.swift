import ApusCore

/// A border around the spatial axes of x, of shape (n, …, channels).
///
/// ```swift
/// Pad((1, 1), (2, 2))                          // zeros: one row above and below, two columns left and right
/// Pad((1, 1), (1, 1), mode: .reflection)
/// ```
public final class Pad: Layer {
  /// The elements before and after, for each spatial axis.
  public let widths: [(before: Int, after: Int)]
  public let mode: PaddingMode

  /// - Parameters:
  ///   - widths: the elements before and after, none negative, for each spatial axis.
  ///   - mode: what stands in the border; zeros unless said otherwise.
  public convenience init(_ widths: (before: Int, after: Int)..., mode: PaddingMode = .constant(0)) {
    self.init(widths: widths, mode: mode)
  }

  fileprivate init(widths: [(before: Int, after: Int)], mode: PaddingMode) {
    guard !widths.isEmpty, widths.count <= Shape.maximumRank - 2, widths.allSatisfy({ $0.before >= 0 && $0.after >= 0 })
    else { fatalError("Pad: \(widths.count) pairs of widths; expected 1 to 6 pairs, none negative") }
    self.widths = widths
    self.mode = mode
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.padded([(0, 0)] + widths + [(0, 0)], mode: mode)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == widths.count + 2 else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (n, \(widths.count) spatial axes, channels)")
    }
    var shape = input
    for (i, (before, after)) in widths.enumerated() {
      if let problem = mode.problem(before: before, after: after, extent: input[i + 1]) {
        throw ShapeError(description, "an input of shape \(input) was found; expected a wider one: \(problem)")
      }
      shape[i + 1] += before + after
    }
    return shape
  }

  public func visit(_ visitor: inout LayerVisitor) {}

  public var description: String {
    let list = widths.map { "(\($0.before), \($0.after))" }.joined(separator: ", ")
    return "Pad(\(list)" + (mode == .constant(0) ? "" : ", mode: .\(mode)") + ")"
  }
}

extension Pad: ConfigurableLayer {
  public static var kind: String { "Pad" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set("before", list: widths.map(\.before))
    result.set("after", list: widths.map(\.after))
    switch mode {
    case .constant(let value): result.settings["value"] = .number(value)
    case .reflection, .replication, .circular: result.settings["mode"] = .text("\(mode)")
    }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let range = 0...(1 << 20)
    let (before, after) = (try configuration.list("before", in: range), try configuration.list("after", in: range))
    guard before.count == after.count, (1...(Shape.maximumRank - 2)).contains(before.count) else {
      throw ConfigurationError("Pad: \(before.count) and \(after.count) widths were found; expected 1 to 6 pairs")
    }
    let modes: [String: PaddingMode] = [
      "reflection": .reflection, "replication": .replication, "circular": .circular,
    ]
    var mode = PaddingMode.constant(0)
    if configuration.settings["mode"] == nil {
      mode = .constant(try configuration.finite("value"))
    } else {
      let name = try configuration.text("mode")
      guard let known = modes[name] else { throw ConfigurationError("Pad: there is no mode '\(name)'") }
      mode = known
    }
    self.init(widths: zip(before, after).map { (before: $0, after: $1) }, mode: mode)
  }
}

/// Without a border of the spatial axes of x, of shape (n, …, channels): what ``Pad`` adds.
public final class Crop: Layer {
  /// The elements to leave out before and after, for each spatial axis.
  public let widths: [(before: Int, after: Int)]

  /// - Parameter widths: the elements to leave out before and after, none negative, for each spatial axis.
  public convenience init(_ widths: (before: Int, after: Int)...) { self.init(widths: widths) }

  fileprivate init(widths: [(before: Int, after: Int)]) {
    guard !widths.isEmpty, widths.count <= Shape.maximumRank - 2, widths.allSatisfy({ $0.before >= 0 && $0.after >= 0 })
    else { fatalError("Crop: \(widths.count) pairs of widths; expected 1 to 6 pairs, none negative") }
    self.widths = widths
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return widths.enumerated().reduce(x) { x, item in
      let (i, (before, after)) = item
      return x.sliced(.from(before, to: x.shape[i + 1] - after), axis: i + 1)
    }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == widths.count + 2, zip(widths, input.dropFirst()).allSatisfy({ $0.before + $0.after <= $1 })
    else {
      throw ShapeError(
        description,
        "an input of shape \(input) was found; expected (n, \(widths.count) spatial axes of at least that, channels)")
    }
    var shape = input
    for (i, (before, after)) in widths.enumerated() { shape[i + 1] -= before + after }
    return shape
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String {
    "Crop(" + widths.map { "(\($0.before), \($0.after))" }.joined(separator: ", ") + ")"
  }
}

extension Crop: ConfigurableLayer {
  public static var kind: String { "Crop" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set("before", list: widths.map(\.before))
    result.set("after", list: widths.map(\.after))
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let range = LayerConfiguration.extents.lowerBound - 1...LayerConfiguration.extents.upperBound
    let (before, after) = (try configuration.list("before", in: range), try configuration.list("after", in: range))
    guard before.count == after.count, (1...(Shape.maximumRank - 2)).contains(before.count) else {
      throw ConfigurationError("Crop: \(before.count) and \(after.count) widths were found; expected 1 to 6 pairs")
    }
    self.init(widths: zip(before, after).map { (before: $0, after: $1) })
  }
}
