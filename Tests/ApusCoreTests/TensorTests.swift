import Testing

@testable import ApusCore

@Suite struct TensorTests {
  @Test func elementsSurvive() {
    #expect(Tensor([1, 2, 3] as [Float]).floats == [1, 2, 3])
    #expect(Tensor([.min, -1, .max] as [Int64]).elements(as: Int64.self) == [.min, -1, .max])
    #expect(Tensor([0, 255] as [UInt8]).elements(as: UInt8.self) == [0, 255])
    #expect(Tensor([true, false]).elements(as: Bool.self) == [true, false])
    #expect(Tensor([1.5, -2] as [Double]).doubles == [1.5, -2])
    #expect(Tensor([[1, 2], [3, 4], [5, 6]] as [[Int32]]).shape == [3, 2])
    #expect(Tensor(7 as Int).type == TensorType([], .int64))
  }

  @Test func conversionOnReading() {
    #expect(Tensor([1.9, -1.9, .nan, 1e30] as [Float]).elements(as: Int32.self) == [1, -1, 0, .max])
    #expect(Tensor([0, 2, -3] as [Int32]).elements(as: Bool.self) == [false, true, true])
    #expect(Tensor([true, false]).doubles == [1, 0])
    #expect(Tensor(2.5 as Float).item == 2.5)
  }

  @Test func emptyTensors() {
    let empty = Tensor([] as [Float])
    #expect(empty.shape == [0])
    #expect(empty.floats.isEmpty)
    #expect(empty.sum().item == 0)
    #expect(empty.mean().item.isNaN)
    #expect((empty * 2 + empty).shape == [0])
    #expect(concatenate([empty, Tensor([1] as [Float])]).floats == [1])
    let product = Tensor.zeros([2, 0]) • Tensor.zeros([0, 3])
    #expect(product.floats == [Float](repeating: 0, count: 6))
  }

  @Test func constructors() {
    #expect(Tensor.ones([2, 2]).floats == [1, 1, 1, 1])
    #expect(Tensor(filledWith: 3, shape: [2], dtype: .uint8).elements(as: UInt8.self) == [3, 3])
    #expect(Tensor.identity(2).floats == [1, 0, 0, 1])
    #expect(Tensor.identity(2, columns: 3, diagonal: 1).floats == [0, 1, 0, 0, 0, 1])
    #expect(Tensor.range(2..<5).ints == [2, 3, 4])
    #expect(Tensor.linearSpace(from: 0, to: 1, count: 3).floats == [0, 0.5, 1])
    #expect(Tensor.oneHot(Tensor([2, 0] as [Int32]), classCount: 3).floats == [0, 0, 1, 1, 0, 0])
  }

  @Test func viewsShareMemory() {
    let x = Tensor.range(0..<12).reshaped([3, 4])
    for view in [x.transposed(), x[1], x[.all, 1..<3], x.reversed(axis: 0), x.broadcast(to: [2, 3, 4])] {
      #expect(view.object.storage === x.object.storage)
    }
    #expect(x[1].ints == [4, 5, 6, 7])
    #expect(x[-1, -1].ints == [11])
    #expect(x[.all, 1].ints == [1, 5, 9])
    #expect(x[0...1, 2...].ints == [2, 3, 6, 7])
    #expect(x[.from(by: 2), ..<1].ints == [0, 8])
    #expect(x[.reversed, 0].ints == [8, 4, 0])
    #expect(x[1].object.isDense && x[1].object.offset == 4)
  }

  @Test func closedRangesMayEndAtTheLastElement() {
    let x = Tensor.range(0..<5)
    #expect(x[-2...(-1)].ints == [3, 4])
    #expect(x[...(-1)].ints == [0, 1, 2, 3, 4])
    #expect(x[(-3)...].ints == [2, 3, 4])
    #expect(x[1...2].ints == [1, 2])
  }

  @Test func tensorsAreValues() {
    let x = Tensor([1, 2] as [Float])
    var y = x
    y += Tensor([10, 20] as [Float])
    #expect(x.floats == [1, 2])
    #expect(y.floats == [11, 22])
  }

  @Test func selectingAndReplacing() {
    let x = Tensor([3, -1, 0, 5] as [Float])
    #expect(x.selecting(where: x .> 0).floats == [3, 5])
    #expect(x.replacing(where: x .< 0, with: 9).floats == [3, 9, 0, 5])
    #expect(`where`(x .> 0, x, -x).floats == [3, 1, 0, 5])
  }

  @Test func meanOfOnesIsOne() {
    for count in 1...300 { #expect(Tensor.ones([count]).mean().item == 1, "\(count)") }
  }

  @Test func bytesSumWithoutOverflow() {
    let sum = Tensor(filledWith: 200, shape: [1000], dtype: .uint8).sum()
    #expect(sum.dtype == .int64)
    #expect(sum.item == 200_000)
  }

  @Test func bfloat16GathersAndScatters() {
    let x = Tensor([1, 2, 3] as [Float]).cast(to: .bfloat16)
    let (_, gradient) = valueWithGradient(at: x) { $0.gathering(Tensor([0, 2, 2] as [Int])).sum() }
    #expect(gradient.dtype == .bfloat16)
    #expect(gradient.doubles == [1, 0, 2])
  }

  @Test func onlyBoolsAreConditions() throws {
    let call = ElementwiseCall(kernel: .choose, scalars: [])
    let numbers = Tensor([1, 2] as [Int32])
    #expect(throws: ShapeError.self) { try call.outputType([Tensor([0.5, 0] as [Float]), numbers, numbers]) }
    #expect(try call.outputType([Tensor([true, false]), numbers, numbers]) == TensorType([2], .int32))
  }
}
