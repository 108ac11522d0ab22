import ApusCore

/// The elements of every example under another shape: (n, …) becomes (n, extents…).
public final class Reshape: Layer {
  /// The extents after the batch; one may be -1 and is then worked out.
  public let extents: [Int]

  /// - Parameter extents: those after the batch, at least 0; one may be -1 and is then worked out.
  public convenience init(_ extents: Int...) { self.init(extents: extents) }

  fileprivate init(extents: [Int]) {
    guard Self.areValid(extents) else {
      fatalError("Reshape\(extents): expected at most seven extents, none negative but for one -1")
    }
    self.extents = extents
  }

  fileprivate static func areValid(_ extents: [Int]) -> Bool {
    extents.count < Shape.maximumRank && extents.filter { $0 == -1 }.count <= 1 && extents.allSatisfy { $0 >= -1 }
      && Shape.checkedElementCount(extents.filter { $0 >= 0 }) != nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { return x.reshaped(Array(try outputShape(for: x.shape))) } catch { stop(error) }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let known = extents.filter { $0 >= 0 }.reduce(1, *)
    let isOpen = extents.contains(-1)
    guard let batch = input.first, let count = Shape.checkedElementCount(input.dropFirst()),
      isOpen ? known > 0 && count % known == 0 : count == known
    else {
      let expected = isOpen ? "a multiple of \(known)" : "\(known)"
      throw ShapeError(
        description, "an input of shape \(input) was found; expected \(expected) elements in every example")
    }
    return Shape([batch] + extents.map { $0 == -1 ? count / known : $0 })
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Reshape(" + extents.map(String.init).joined(separator: ", ") + ")" }
}

extension Reshape: ConfigurableLayer {
  public static var kind: String { "Reshape" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set("extents", list: extents)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let extents = try configuration.list("extents", in: -1...LayerConfiguration.extents.upperBound)
    guard Self.areValid(extents) else {
      throw ConfigurationError("Reshape: the extents \(extents) describe no shape")
    }
    self.init(extents: extents)
  }
}

/// The axes of every example in another order.
///
/// ```swift
/// Permute(3, 1, 2)  // (n, h, w, c) to (n, c, h, w)
/// ```
public final class Permute: Layer {
  /// Axis j + 1 of the result is axis `order[j]` of x; the batch, axis 0, stays.
  public let order: [Int]

  /// - Parameter order: the numbers 1, 2, … of the axes after the batch, each once.
  public convenience init(_ order: Int...) { self.init(order: order) }

  fileprivate init(order: [Int]) {
    guard Self.isValid(order) else { fatalError("Permute\(order): expected the numbers 1, 2, … of axes, each once") }
    self.order = order
  }

  fileprivate static func isValid(_ order: [Int]) -> Bool {
    order.count < Shape.maximumRank && order.sorted() == Array(1..<(order.count + 1))
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.transposed([0] + order)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == order.count + 1 else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(order.count + 1) axes")
    }
    return Shape([input[0]] + order.map { input[$0] })
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Permute(" + order.map(String.init).joined(separator: ", ") + ")" }
}

extension Permute: ConfigurableLayer {
  public static var kind: String { "Permute" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set("order", list: order)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let order = try configuration.list("order", in: 1...Shape.maximumRank)
    guard Self.isValid(order) else { throw ConfigurationError("Permute: \(order) is not an order of axes") }
    self.init(order: order)
  }
}
