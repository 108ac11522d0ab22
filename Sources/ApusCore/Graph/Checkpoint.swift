/// A part of a computation whose inner values are not kept for the gradient, but computed once more when it is time.
///
/// - Parameters:
///   - parameters: what `body` reads besides its inputs and what gradients may be asked of.
///   - body: computes the result from `inputs`; the same every time, up to random numbers of the training mode, which are drawn again.
package func checkpoint(
  of parameters: [Parameter], at inputs: [Tensor], _ body: @escaping @Sendable ([Tensor]) -> Tensor
) -> Tensor {
  let random = TrainingMode.current?.source
  let result = withoutGraph { body(inputs) }.stopGradient()
  let x = inputs + parameters.map(\.value)
  guard isRecording(x), result.dtype.isFloatingPoint else { return result }
  let call = CheckpointedCall(
    parameters: parameters, inputCount: inputs.count, type: result.type, random: random, precision: .current, body: body
  )
  return Tensor(TensorObject(result.object, node: record(call, x, result.type, savedOutput: nil)))
}

/// One run of such a part: it keeps the inputs alone.
private struct CheckpointedCall: Function {
  let parameters: [Parameter]
  let inputCount: Int
  let type: TensorType
  /// Where random numbers came from, if it ran in training mode.
  let random: RandomSource?
  let precision: Precision
  let body: @Sendable ([Tensor]) -> Tensor
  var name: String { "checkpoint" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { type }
  func forward(_ x: [Tensor], into y: Tensor) { fatalError("checkpoint: its result is there when its body has run") }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j < inputCount }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    fatalError("checkpoint: its gradients come together")
  }

  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    let wantedInputs = (0..<inputCount).filter(isNeeded)
    let wantedParameters = parameters.indices.filter { isNeeded(inputCount + $0) }
    let gradients = Recorder.recomputing(for: dy) {
      pullBack(
        dy,
        through: { variables in
          var inputs = Array(x[..<inputCount])
          for (i, variable) in zip(wantedInputs, variables) { inputs[i] = variable }
          return again(inputs)
        }, to: wantedParameters.map { parameters[$0] }, at: wantedInputs.map { x[$0] })
    }
    for (i, gradient) in zip(wantedInputs, gradients.inputs) { send(i, gradient) }
    for (i, gradient) in zip(wantedParameters, gradients.parameters) { send(inputCount + i, gradient) }
  }

  private func again(_ inputs: [Tensor]) -> Tensor {
    withPrecision(precision) {
      let mode = random.map { TrainingMode(random: $0, isRecomputing: true) }
      return TrainingMode.$current.withValue(mode) { body(inputs) }
    }
  }
}
