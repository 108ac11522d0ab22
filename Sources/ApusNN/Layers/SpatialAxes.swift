import ApusCore

/// The number of axes that an image's positions have, as a type: `Conv2D` is `Conv<TwoAxes>`.
public protocol SpatialAxes: Sendable {
  static var count: Int { get }
}
/// Signals (n, width, channels).
public enum OneAxis: SpatialAxes { public static let count = 1 }
/// Images (n, height, width, channels).
public enum TwoAxes: SpatialAxes { public static let count = 2 }
/// Volumes (n, depth, height, width, channels).
public enum ThreeAxes: SpatialAxes { public static let count = 3 }

extension SpatialAxes {
  /// "2D".
  static var suffix: String { "\(count)D" }

  /// Checks the shape of an image.
  /// - Returns: its spatial extents.
  static func extents(of input: Shape, channels: Int?, _ layer: String) throws(ShapeError) -> [Int] {
    guard input.rank == count + 2, channels == nil || input.last == channels else {
      let axes = ["", "width", "height, width", "depth, height, width"][count]
      throw ShapeError(
        layer, "an input of shape \(input) was found; expected (n, \(axes), \(channels.map { "\($0)" } ?? "channels"))")
    }
    return Array(input.dropFirst().dropLast())
  }
}

// MARK: - In files

extension LayerConfiguration {
  /// "kernel" for one number, or "kernel.0", "kernel.1", … for each axis.
  func perAxis(_ name: String, least: Int, count: Int) throws -> PerAxis {
    if settings[name] != nil { return PerAxis(try integer(name, in: least...Self.largestExtent)) }
    return PerAxis(try (0..<count).map { try integer("\(name).\($0)", in: least...Self.largestExtent) })
  }

  mutating func set(_ name: String, _ value: PerAxis) {
    if value.values.count == 1 {
      settings[name] = .integer(value.values[0])
      return
    }
    for (i, extent) in value.values.enumerated() { settings["\(name).\(i)"] = .integer(extent) }
  }

  /// "valid", "same", a number, or "padding.before" and "padding.after".
  func padding(count: Int) throws -> Padding {
    switch settings["padding"] {
    case .text("valid"): return .valid
    case .text("same"): return .same
    case .text(let text): throw ConfigurationError("\(kind): there is no padding '\(text)'")
    case .some: return .both(try perAxis("padding", least: 0, count: count))
    case nil:
      if settings["padding.0"] != nil { return .both(try perAxis("padding", least: 0, count: count)) }
      return .explicit(
        before: try perAxis("padding.before", least: 0, count: count),
        after: try perAxis("padding.after", least: 0, count: count))
    }
  }

  mutating func set(_ padding: Padding) {
    switch padding {
    case .valid: settings["padding"] = .text("valid")
    case .same: settings["padding"] = .text("same")
    case .both(let extents): set("padding", extents)
    case .explicit(let before, let after):
      set("padding.before", before)
      set("padding.after", after)
    }
  }
}
