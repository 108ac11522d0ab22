#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Points with the class of each: small problems to learn with, made by formula.
///
/// The random ones draw from a generator that is passed in; the same generator gives the same points. Samples are
/// dealt to the classes in turn (point i belongs to class i mod k), so that the classes differ by one sample at most
/// and any prefix is balanced.
public struct LabelledPoints: Sendable, Equatable {
  /// The coordinates, point after point: `count` x `featureCount`.
  public let features: [Float]

  /// The class of each point, in `0..<classCount`.
  public let labels: [Int32]

  /// The number of coordinates of a point.
  public let featureCount: Int

  /// The number of classes.
  public let classCount: Int

  /// The number of points.
  public var count: Int { labels.count }

  /// Creates `labels.count` points; `features` holds `featureCount` coordinates for each.
  public init(features: [Float], labels: [Int32], featureCount: Int, classCount: Int) {
    guard features.count == labels.count * featureCount else {
      fatalError("LabelledPoints: \(features.count) coordinates for \(labels.count) points of \(featureCount)")
    }
    self.features = features
    self.labels = labels
    self.featureCount = featureCount
    self.classCount = classCount
  }

  /// The coordinates of the point of index `index`.
  public subscript(index: Int) -> ArraySlice<Float> {
    features[index * featureCount..<(index + 1) * featureCount]
  }
}

// MARK: - Truth tables

extension LabelledPoints {
  /// The four points (0, 0), (0, 1), (1, 0), (1, 1); class 1 where both coordinates are 1.
  public static var and: LabelledPoints { truthTable(inputs: 2) { $0 == 2 } }

  /// The four points (0, 0), (0, 1), (1, 0), (1, 1); class 1 where a coordinate is 1.
  public static var or: LabelledPoints { truthTable(inputs: 2) { $0 > 0 } }

  /// The four points (0, 0), (0, 1), (1, 0), (1, 1); class 1 unless both coordinates are 1.
  public static var nand: LabelledPoints { truthTable(inputs: 2) { $0 < 2 } }

  /// The four points (0, 0), (0, 1), (1, 0), (1, 1); class 1 where the coordinates differ. No line divides the classes.
  public static var xor: LabelledPoints { parity(2) }

  /// The 2ⁿ points with coordinates 0 and 1; class 1 where the number of ones is odd.
  ///
  /// - Parameter bits: n, from 1 to 20.
  public static func parity(_ bits: Int) -> LabelledPoints {
    require(1...20 ~= bits, "parity", "1 to 20 bits, not \(bits)")
    return truthTable(inputs: bits) { $0 % 2 == 1 }
  }

  /// All points with coordinates 0 and 1, counting up in binary; the class depends on the number of ones.
  private static func truthTable(inputs: Int, isTrue: (_ ones: Int) -> Bool) -> LabelledPoints {
    var features: [Float] = []
    var labels: [Int32] = []
    for code in 0..<(1 << inputs) {
      for bit in (0..<inputs).reversed() { features.append(code >> bit & 1 == 1 ? 1 : 0) }
      labels.append(isTrue(code.nonzeroBitCount) ? 1 : 0)
    }
    return LabelledPoints(features: features, labels: labels, featureCount: inputs, classCount: 2)
  }
}

// MARK: - Shapes in the plane

extension LabelledPoints {
  /// Two interleaving half circles of radius 1: the upper about (0, 0), class 0, and the lower about (1, 0.5), class 1.
  ///
  /// - Parameters:
  ///   - count: The number of points, at least 0.
  ///   - noise: The standard deviation of the normal noise on each coordinate, at least 0.
  ///   - random: Where random numbers come from.
  public static func moons(
    count: Int, noise: Float = 0.1, using random: inout some RandomNumberGenerator
  ) -> LabelledPoints {
    plane("moons", count: count, classes: 2, noise: noise, using: &random) { label, along in
      let angle = Double.pi * along
      return label == 0 ? (cos(angle), sin(angle)) : (1 - cos(angle), 0.5 - sin(angle))
    }
  }

  /// Two circles about (0, 0): the outer of radius 1, class 0, and the inner of radius `factor`, class 1.
  ///
  /// - Parameters:
  ///   - count: The number of points, at least 0.
  ///   - noise: The standard deviation of the normal noise on each coordinate, at least 0.
  ///   - factor: The radius of the inner circle, between 0 and 1.
  ///   - random: Where random numbers come from.
  public static func circles(
    count: Int, noise: Float = 0.05, factor: Float = 0.5, using random: inout some RandomNumberGenerator
  ) -> LabelledPoints {
    require(factor > 0 && factor < 1, "circles", "a factor between 0 and 1, not \(factor)")
    return plane("circles", count: count, classes: 2, noise: noise, isClosed: true, using: &random) { label, along in
      let radius = label == 0 ? 1 : Double(factor)
      return (radius * cos(2 * .pi * along), radius * sin(2 * .pi * along))
    }
  }

  /// Arms of a spiral that start at (0, 0) and wind outwards to radius 1, one class each.
  ///
  /// - Parameters:
  ///   - count: The number of points, at least 0.
  ///   - arms: The number of arms, at least 1.
  ///   - turns: How many times an arm winds round.
  ///   - noise: The standard deviation of the normal noise on each coordinate, at least 0.
  ///   - random: Where random numbers come from.
  public static func spiral(
    count: Int, arms: Int = 2, turns: Float = 1, noise: Float = 0.02, using random: inout some RandomNumberGenerator
  ) -> LabelledPoints {
    require(turns.isFinite, "spiral", "a finite number of turns, not \(turns)")
    return plane("spiral", count: count, classes: arms, noise: noise, using: &random) { label, along in
      let angle = 2 * Double.pi * (Double(label) / Double(arms) + Double(turns) * along)
      return (along * cos(angle), along * sin(angle))
    }
  }

  /// Normal clouds of standard deviation `noise` about centres spaced evenly on the unit circle, the first at (1, 0);
  /// one class each.
  ///
  /// - Parameters:
  ///   - count: The number of points, at least 0.
  ///   - blobs: The number of clouds, at least 1.
  ///   - noise: The standard deviation of each coordinate, at least 0.
  ///   - random: Where random numbers come from.
  public static func gaussians(
    count: Int, blobs: Int = 2, noise: Float = 0.3, using random: inout some RandomNumberGenerator
  ) -> LabelledPoints {
    plane("gaussians", count: count, classes: blobs, noise: noise, using: &random) { label, _ in
      let angle = 2 * Double.pi * Double(label) / Double(blobs)
      return (cos(angle), sin(angle))
    }
  }

  /// Points on a curve per class, spaced evenly, with noise.
  ///
  /// - Parameters:
  ///   - isClosed: Whether the curve ends where it starts; then its end is left out.
  ///   - curve: The point of a class's curve at a place from 0, its start, to 1, its end.
  private static func plane(
    _ name: String, count: Int, classes: Int, noise: Float, isClosed: Bool = false,
    using random: inout some RandomNumberGenerator, curve: (_ label: Int, _ along: Double) -> (x: Double, y: Double)
  ) -> LabelledPoints {
    require(count >= 0, name, "a count of at least 0, not \(count)")
    require(1...Int(Int32.max) ~= classes, name, "at least one class, not \(classes)")
    require(noise >= 0 && noise.isFinite, name, "a noise of at least 0, not \(noise)")
    var features: [Float] = []
    features.reserveCapacity(2 * count)
    var labels: [Int32] = []
    labels.reserveCapacity(count)
    for index in 0..<count {
      let (place, label) = index.quotientAndRemainder(dividingBy: classes)
      // The first classes have one point more if the count is not a multiple.
      let size = count / classes + (label < count % classes ? 1 : 0)
      let steps = isClosed ? size : max(size - 1, 1)
      let (x, y) = curve(label, Double(place) / Double(steps))
      let (noiseX, noiseY) = normalPair(using: &random)
      features.append(Float(x + Double(noise) * noiseX))
      features.append(Float(y + Double(noise) * noiseY))
      labels.append(Int32(label))
    }
    return LabelledPoints(features: features, labels: labels, featureCount: 2, classCount: classes)
  }

  /// Stops with a message that names the generator: a wrong argument is the programmer's.
  private static func require(_ condition: Bool, _ name: String, _ expectation: String) {
    if !condition { fatalError("LabelledPoints.\(name) needs \(expectation)") }
  }
}

/// Two independent numbers from the standard normal distribution (Box and Muller, 1958).
func normalPair(using random: inout some RandomNumberGenerator) -> (Double, Double) {
  // In (0, 1], so that its logarithm is finite. Written out, so that the numbers do not change with the standard
  // library's way of drawing from a range.
  let first = Double((random.next() >> 11) + 1) * 0x1p-53
  let second = Double(random.next() >> 11) * 0x1p-53
  let radius = (-2 * log(first)).squareRoot()
  return (radius * cos(2 * .pi * second), radius * sin(2 * .pi * second))
}
