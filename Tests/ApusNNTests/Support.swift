import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN

/// A fully connected layer in float64 with the given rows of W, and b unless it is nil.
func dense(_ weight: [[Double]], bias: [Double]? = nil, activation: Activation = .identity) -> Dense {
  let layer = Dense(
    weight[0].count, weight.count, activation: activation, hasBias: bias != nil, weights: .zeros, dtype: .float64)
  layer.weight.value = Tensor(weight)
  if let bias { layer.bias?.value = Tensor(bias) }
  return layer
}

/// Normally distributed float64 numbers.
func normal(_ shape: Shape, seed: UInt64) -> Tensor {
  var random = RandomSource(seed: seed)
  return .randomNormal(shape, dtype: .float64, using: &random)
}

/// The first difference of a tensor's elements from the expected ones, nil if there is none.
func difference(_ found: Tensor, _ expected: [Double], _ tolerance: Double) -> String? {
  firstDifference(found.doubles, expected, tolerance: tolerance)
}

/// The first difference of two tensors' shapes or elements, nil if there is none.
func difference(_ found: Tensor, _ expected: Tensor, _ tolerance: Double) -> String? {
  found.shape == expected.shape
    ? difference(found, expected.doubles, tolerance) : "shape \(found.shape), expected \(expected.shape)"
}

/// A fixture of this directory, decoded.
func fixture<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
  let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)")
  return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}

/// What a process of its own wrote to its standard error.
func standardError(of result: ExitTest.Result?) -> String {
  String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
}
