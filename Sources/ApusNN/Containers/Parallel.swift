import ApusCore

/// Branches that all get the same input; their outputs are joined.
///
/// ```swift
/// Parallel(.concatenate) {
///   Dense(64, 16, activation: .relu)
///   Sequential {
///     Dense(64, 8)
///     Dense(8, 16)
///   }
/// }
/// ```
public final class Parallel: Layer {
  /// How the outputs become one.
  public enum Joining: String, Sendable, CaseIterable {
    /// Side by side along the last axis: the channels.
    case concatenate
    /// Their sum.
    case add
    /// Their element-wise product.
    case multiply
  }

  public let joining: Joining
  public let branches: [any Layer]

  /// - Parameter branches: at least one.
  public init(_ joining: Joining, _ branches: [any Layer]) {
    guard !branches.isEmpty else { fatalError("Parallel(.\(joining)): there are no branches") }
    self.joining = joining
    self.branches = branches
  }

  /// Branches as they are listed, each a layer; use `Sequential` for one of several.
  public convenience init(_ joining: Joining, @LayerBuilder _ branches: () throws -> [any Layer]) rethrows {
    self.init(joining, try branches())
  }

  public func forward(_ x: Tensor) -> Tensor { run(x, nil) }

  private func run(_ x: Tensor, _ stepMask: Tensor?) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return joining(branches.map { $0(x, stepMask: stepMask) })
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    var shapes: [Shape] = []
    for (i, branch) in branches.enumerated() {
      do { shapes.append(try branch.outputShape(for: input)) } catch { throw error.inside("Parallel, branch \(i)") }
    }
    guard let shape = joining.shape(of: shapes) else {
      throw ShapeError(
        description,
        "an input of shape \(input) was found; expected outputs that fit each other, not "
          + shapes.map(\.description).joined(separator: " and "))
    }
    return shape
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.children(branches) }

  public var description: String {
    "Parallel(.\(joining), " + branches.map(\.description).joined(separator: ", ") + ")"
  }
}

extension Parallel.Joining {
  /// Several tensors as one.
  func callAsFunction(_ x: [Tensor]) -> Tensor {
    switch self {
    case .concatenate: x.count == 1 ? x[0] : ApusCore.concatenate(x, axis: -1)
    case .add: x.dropFirst().reduce(x[0], +)
    case .multiply: x.dropFirst().reduce(x[0], *)
    }
  }

  /// The shape of several tensors, at least one, as one; nil if they do not fit each other.
  func shape(of shapes: [Shape]) -> Shape? {
    let isSide = self == .concatenate
    let common = shapes.map { isSide ? Shape($0.dropLast()) : $0 }
    guard common.allSatisfy({ $0 == common[0] }),
      !isSide || shapes.allSatisfy({ $0.rank == shapes[0].rank && $0.rank > 0 })
    else { return nil }
    guard isSide else { return shapes[0] }
    var shape = shapes[0]
    shape[shape.rank - 1] = shapes.reduce(0) { $0 + $1.last! }
    return shape
  }
}

extension Parallel: MaskedLayer {
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor { run(x, stepMask) }
}

extension Parallel: CompositeLayer {
  public func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)] {
    branches.enumerated().map { (name: "\($0)", layer: $1, input: input) }
  }
}

extension Parallel: ConfigurableLayer {
  public static var kind: String { "Parallel" }

  /// - Precondition: every branch is configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind, settings: ["joining": .text(joining.rawValue)], layers: branches.map(LayerConfiguration.inner))
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.choice("joining"), try configuration.inner(count: 1...Int.max))
  }
}

/// A layer for every position of a sequence: x of shape (n, t, …) is seen as n·t examples.
public final class TimeDistributed: Layer {
  public let layer: any Layer

  public init(_ layer: any Layer) { self.layer = layer }

  /// Several layers, one after the other.
  public convenience init(@LayerBuilder _ layers: () throws -> [any Layer]) rethrows { self.init(joined(try layers())) }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    let y = layer(x.reshaped([x.shape[0] * x.shape[1]] + x.shape.dropFirst(2)))
    return y.reshaped([x.shape[0], x.shape[1]] + y.shape.dropFirst())
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let shape: Shape
    do { shape = try layer.outputShape(for: try inner(input)) } catch { throw error.inside("TimeDistributed") }
    guard shape.rank < Shape.maximumRank, shape.first == input[0] * input[1] else {
      throw ShapeError(description, "an input of shape \(input) was found; expected a layer that keeps examples apart")
    }
    return Shape([input[0], input[1]] + shape.dropFirst())
  }

  private func inner(_ input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2, let examples = Shape.checkedElementCount(input.prefix(2)) else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, positions, …)")
    }
    return Shape([examples] + input.dropFirst(2))
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.child("layer", layer) }
  public var description: String { "TimeDistributed(\(layer))" }
}

extension TimeDistributed: CompositeLayer {
  public func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)] {
    [(name: "layer", layer: layer, input: try inner(input))]
  }
}

extension TimeDistributed: ConfigurableLayer {
  public static var kind: String { "TimeDistributed" }
  /// - Precondition: the layer inside is configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, layers: [LayerConfiguration.inner(layer)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.inner(count: 1...1)[0])
  }
}
