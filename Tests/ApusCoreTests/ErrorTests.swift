import Testing

@testable import ApusCore

/// What shape rules say, and that wrong shapes stop the program with just that sentence.
@Suite struct ErrorTests {
  private func message(_ function: some Function, _ shapes: Shape..., dtype: DType = .float32) -> String {
    do {
      return "no error: \(try function.outputType(shapes.map { Tensor(placeholder: TensorType($0, dtype)) }))"
    } catch { return "\(error)" }
  }

  @Test func shapeRulesNameOperationAndShapes() {
    #expect(
      message(MatrixProduct(), [2, 3], [4, 5])
        == "matmul: shapes (2, 3) and (4, 5) do not multiply; expected (…, m, k) and (…, k, n)")
    #expect(message(MatrixProduct(), [7, 2, 3], [5, 3, 4]).hasPrefix("matmul: shapes (7, 2, 3) and (5, 3, 4)"))
    #expect(message(MatrixProduct(), [7, 2, 3], [1, 3, 4]) == "no error: float32(7, 2, 4)")
    #expect(message(MatrixProduct(), [2, 2], [2, 2], dtype: .bool).contains("element types bool and bool"))
    #expect(
      message(Linear(activation: .none), [8, 4], [2, 5])
        == "linear: an input of shape (8, 4) does not fit a weight of shape (2, 5): expected (…, 5) and (out, in)")
    #expect(
      message(Linear(activation: .none), [8, 5], [2, 5], [3]) == "linear: a bias of shape (3,) was found; expected (2,)"
    )
    #expect(message(Reshape(shape: [4]), [2, 3]) == "reshape: shape (2, 3) has 6 elements; (4,) has 4")
    #expect(message(Broadcast(shape: [3]), [2]) == "broadcast: shape (2,) does not broadcast to (3,)")
    #expect(message(Broadcast(shape: [1]), [3]) == "broadcast: shape (3,) does not broadcast to (1,)")
    #expect(
      message(Transpose(order: AxisOrder([0, 0]), rank: 2), [2, 3]).hasPrefix(
        "transpose: [0, 0] is not an order of the 2 axes"))
    #expect(
      message(Concatenate(axis: 0), [2, 3], [2, 4])
        == "concatenate: shapes (2, 3) and (2, 4) differ in more than axis 0")
    #expect(
      message(Reduce(kind: .max, axes: AxisSet([1]), keepsAxes: false), [2, 0]).hasPrefix(
        "max: shape (2, 0) has no elements"))
    #expect(
      message(SliceView(slices: [.index(5)]), [2]) == "slice: position 5 does not exist along axis 0 of shape (2,)")
    #expect(message(Softmax(), []) == "softmax: shape () was found; expected at least one class along the last axis")
    #expect(message(Pad(before: [1], after: [1], value: 0), [2, 2]).hasPrefix("pad: widths before [1] and after [1]"))
  }

  private func expectMessage(_ content: [UInt8]?, _ text: String) {
    let message = String(decoding: content ?? [], as: UTF8.self)
    #expect(message.contains(text))
  }

  @Test func wrongShapesStopTheProgram() async {
    let matmul = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let product = Tensor.ones([2, 3]) • Tensor.ones([4, 5])
      print(product)
    }
    expectMessage(matmul?.standardErrorContent, "matmul: shapes (2, 3) and (4, 5) do not multiply")
    let add = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([2, 3]) + Tensor.ones([2])
    }
    expectMessage(add?.standardErrorContent, "add: shapes (2, 3) and (2,) do not broadcast")
    let gather = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([3]).gathering(Tensor([0, -4] as [Int]))
    }
    expectMessage(gather?.standardErrorContent, "gather: index -4 is outside an axis of extent 3")
    let loss = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = gradient(at: Tensor.ones([3])) { $0 * 2 }
    }
    expectMessage(loss?.standardErrorContent, "the result has shape (3,); a gradient needs a single number")
  }
}
