import ApusCore
import ApusData
import ApusNN
import ApusTraining

/// The cost of a model on a data set as a function of two of its parameters, all others staying as they are (notes F7, J4).
///
/// ```swift
/// let model = Dense(1, 1)
/// let surface = CostSurface(model, loss: .meanSquaredError, data: data, x: (model.weight, 0), y: (model.bias!, 0))
/// let path = try surface.path(SGD(learningRate: 0.1), from: Point(-2, 3), epochs: 20, batchSize: 16)
/// let chart = Chart.costContours(surface.field(x: -3...3, y: -2...4), x: "w", y: "b", paths: [("mini-batch", path)])
/// ```
public struct CostSurface {
  /// One number of a parameter: its position among the elements in row-major order.
  public typealias Coordinate = (parameter: Parameter, element: Int)

  private let cost: () -> Double
  /// The second derivatives xx, xy and yy at the present point.
  private let curvature: () -> (Double, Double, Double)
  private let train: (any Optimizer, Int, inout RandomSource, () -> Void) -> Void
  private let parameters: [Parameter]
  private let x: Coordinate
  private let y: Coordinate

  /// - Precondition: the data fit the model and the loss.
  public init<Model: Layer>(_ model: Model, loss: Loss, data: Dataset, x: Coordinate, y: Coordinate) {
    for coordinate in [x, y] where !coordinate.parameter.value.doubles.indices.contains(coordinate.element) {
      fatalError(
        "CostSurface: there is no element \(coordinate.element) in a parameter of shape \(coordinate.parameter.shape)")
    }
    (self.x, self.y) = (x, y)
    parameters = model.parameters
    cost = { withInference { loss(model(data.features), target: data.targets).item } }
    curvature = {
      /// The derivatives of ∂cost/∂`a` with respect to every parameter.
      func slopes(_ a: Coordinate) -> Gradients {
        valueWithGradient(of: model) { model in
          valueWithGradient(of: model) { loss($0(data.features), target: data.targets) }
            .gradients[a.parameter]!.flattened()[a.element]
        }.gradients
      }
      func element(_ gradients: Gradients, _ b: Coordinate) -> Double {
        gradients[b.parameter]!.flattened()[b.element].item
      }
      let (ofX, ofY) = (slopes(x), slopes(y))
      return (element(ofX, x), element(ofX, y), element(ofY, y))
    }
    train = { optimizer, batchSize, random, onUpdate in
      for (features, targets) in data.batches(of: batchSize, shuffledBy: &random) {
        let (_, gradients) = valueWithGradient(of: model) { loss($0(features), target: targets) }
        optimizer.update(model, gradients)
        onUpdate()
      }
    }
  }

  /// The cost at a point.
  public func callAsFunction(_ point: Point) -> Double {
    keepingParameters {
      move(to: point)
      return cost()
    }
  }

  /// How elongated the cost is at a point: the ratio of the largest to the smallest curvature, the eigenvalues of the matrix of second
  /// derivatives. 1 for round contours; the larger, the more steps gradient descent takes (notes J4).
  /// - Returns: infinity where the cost does not curve upwards in every direction.
  public func conditionNumber(at point: Point) -> Double {
    let (xx, xy, yy) = keepingParameters {
      move(to: point)
      return curvature()
    }
    let (middle, half) = ((xx + yy) / 2, (xx - yy) / 2)
    let radius = (half * half + xy * xy).squareRoot()
    return middle > radius ? (middle + radius) / (middle - radius) : .infinity
  }

  /// The cost over a rectangle.
  public func field(x: ClosedRange<Double>, y: ClosedRange<Double>, columns: Int = 60, rows: Int = 45) -> Field {
    keepingParameters {
      Field(x: x, y: y, columns: columns, rows: rows) { x, y in
        move(to: Point(x, y))
        return cost()
      }
    }
  }

  /// Where the two numbers go while the model trains: the start and the point after every update. The model's parameters are put back
  /// afterwards.
  /// - Parameters:
  ///   - optimizer: a new one. It changes all parameters that are trainable; freeze those that are to stay.
  ///   - batchSize: the number of examples for batch gradient descent, 1 for a step after every example.
  public func path(
    _ optimizer: any Optimizer, from start: Point, epochs: Int, batchSize: Int, seed: UInt64 = 0
  ) -> [Point] {
    keepingParameters {
      move(to: start)
      var points = [start]
      var random = RandomSource(seed: seed)
      for _ in 0..<epochs {
        train(optimizer, batchSize, &random) { points.append(Point(Self.value(x), Self.value(y))) }
      }
      return points
    }
  }

  private static func value(_ c: Coordinate) -> Double { c.parameter.value.doubles[c.element] }

  private func move(to point: Point) {
    for (c, value) in [(x, point.x), (y, point.y)] {
      var elements = c.parameter.value.doubles
      elements[c.element] = value
      c.parameter.value = Tensor(elements, shape: c.parameter.shape).cast(to: c.parameter.dtype)
    }
  }

  private func keepingParameters<R>(_ body: () -> R) -> R {
    let before = parameters.map(\.value)
    defer { for (parameter, value) in zip(parameters, before) { parameter.value = value } }
    return body()
  }
}
