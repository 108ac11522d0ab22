import Testing

@testable import ApusCore

@Suite struct ShapeTests {
  @Test func describesItselfLikeNumPy() {
    #expect("\(Shape())" == "()")
    #expect("\(Shape([5]))" == "(5,)")
    #expect("\(Shape([2, 3]))" == "(2, 3)")
    #expect("\(TensorType([2, 0], .int32))" == "int32(2, 0)")
  }

  @Test func countsElements() {
    #expect(Shape().elementCount == 1)
    #expect(Shape([4, 0, 2]).elementCount == 0)
    #expect(Shape([4, 3, 2]).elementCount == 24)
    #expect(TensorType([3, 2], .bfloat16).byteCount == 12)
  }

  @Test func checksCountsFromOutside() {
    #expect(Shape.checkedElementCount([2, 3]) == 6)
    #expect(Shape.checkedElementCount([]) == 1)
    #expect(Shape.checkedElementCount([2, -3]) == nil)
    #expect(Shape.checkedElementCount([1 << 40, 1 << 40]) == nil)
  }

  @Test func insertsAndRemovesAxes() {
    var shape: Shape = [2, 3, 4]
    shape.insert(1, at: 1)
    #expect(shape == [2, 1, 3, 4])
    shape.insert(9, at: 4)
    #expect(shape == [2, 1, 3, 4, 9])
    #expect(shape.remove(at: 0) == 2)
    #expect(shape == [1, 3, 4, 9])
    #expect(shape.remove(at: 3) == 9)
    #expect(shape == [1, 3, 4])
  }

  @Test func equalityIgnoresAxesThatAreGone() {
    var shorter: Shape = [2, 3]
    shorter.remove(at: 1)
    #expect(shorter == [2])
    #expect(shorter.hashValue == Shape([2]).hashValue)
    #expect(Shape([2]) != Shape([2, 1]))
  }

  @Test func resolvesAxes() {
    let shape: Shape = [2, 3]
    #expect(shape.resolve(axis: -1) == 1)
    #expect(shape.resolve(axis: 1) == 1)
    #expect(shape.resolve(axis: 2) == nil)
    #expect(shape.resolve(axis: -3) == nil)
    #expect(Shape().resolve(axis: 0) == nil)
  }

  @Test(arguments: [
    ([2, 3], [3], [2, 3]), ([2, 1], [1, 3], [2, 3]), ([], [4], [4]), ([0], [1], [0]), ([1], [0], [0]),
    ([5, 1, 1], [2, 7], [5, 2, 7]),
  ]) func broadcasts(_ a: [Int], _ b: [Int], _ common: [Int]) {
    #expect(Shape(a).broadcast(with: Shape(b)) == Shape(common))
    #expect(Shape(b).broadcast(with: Shape(a)) == Shape(common))
  }

  @Test(arguments: [([2], [3]), ([2, 3], [2]), ([0], [2])]) func refusesToBroadcast(_ a: [Int], _ b: [Int]) {
    #expect(Shape(a).broadcast(with: Shape(b)) == nil)
    #expect(Shape(b).broadcast(with: Shape(a)) == nil)
  }

  @Test func denseStridesAreRowMajor() {
    let strides = Shape([2, 3, 4]).denseStrides
    #expect((0..<3).map { strides[$0] } == [12, 4, 1])
  }

  @Test func errorsNameOperationAndLayers() {
    #expect(ShapeError("matmul", "wrong").description == "matmul: wrong")
    let inLayers = ShapeError("matmul", "wrong", path: ["Sequential", "Dense(3, 2)"])
    #expect(inLayers.description == "matmul: wrong (in Sequential > Dense(3, 2))")
  }
}
