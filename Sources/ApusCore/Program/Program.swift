/// A step that is recorded once and then runs as a fixed list of kernel calls: as TensorFlow's static graph (notes), or `jit` elsewhere.
///
/// ```swift
/// let step = Program { inputs in
///   let (loss, gradients) = valueWithGradient(of: model) { softmaxCrossEntropy(logits: $0(inputs[0]), labels: inputs[1]) }
///   optimizer.update(model, gradients)
///   return [loss]
/// }
/// let loss = try step([x, y])[0]
/// ```
/// The first call runs the closure and records what it does: every kernel call, on which memory. What the closure makes has no
/// elements yet, unless it looks at them. Then the recording runs, as at later calls with inputs of the same types: unneeded work is left
/// out, element-wise operations are fused, memory is planned, and nothing is allocated. The results have the same bits as without it. Inputs of other types, training instead of predicting, another precision, or a parameter that
/// is frozen or freed record anew.
///
/// The closure must do the same at every call but for the elements of its inputs and of parameters: numbers that Swift code computes,
/// and tensors from outside, are those of the first call. (What an optimiser takes from its step count and learning rate, and random
/// numbers from a ``withTraining(random:_:)`` around the call, do change.) Where a step cannot be recorded, because it reads elements
/// back or keeps a tensor for later, it runs operation by operation at every call, and ``description`` says why.
public final class Program {
  /// The name in descriptions.
  public let name: String
  private let body: ([Tensor]) throws -> [Tensor]
  let isEager: Bool
  private(set) var versions: [Signature: Version] = [:]
  /// How long each instruction took when it was last measured, in nanoseconds.
  var times: [Signature: [Double]] = [:]
  /// The version that ran last: nearly always the next one too.
  private(set) var latest: (signature: Signature, version: Version)?

  /// - Parameters:
  ///   - isEager: whether the closure itself runs at every call, for looking into it with a debugger.
  ///   - body: the step: from inputs to results.
  public init(_ name: String = "program", isEager: Bool = false, _ body: @escaping ([Tensor]) throws -> [Tensor]) {
    self.name = name
    self.isEager = isEager
    self.body = body
  }

  /// Runs the step.
  /// - Throws: `NotFiniteError` where the step asked for that; whatever the closure throws.
  public func callAsFunction(_ inputs: [Tensor]) throws -> [Tensor] {
    try run(inputs) { try $0.run($1, random: $2) }
  }

  /// Runs the step `count` times on the same inputs, without returning in between.
  /// - Returns: for each result of the step those of all runs, along a new first axis.
  public func callAsFunction(_ inputs: [Tensor], repeating count: Int) throws -> [Tensor] {
    guard count > 0 else { return [] }
    var collected: [Tensor] = []
    for number in 0..<count {
      let results = try self(inputs)
      if number == 0 {
        collected = results.map { Tensor(uninitialized: Shape([count] + $0.shape), $0.dtype) }
      }
      for (result, all) in zip(results, collected) { all.fillRow(number, with: result) }
    }
    return collected
  }

  /// Records anew at the next call: for when something outside has changed that a recording takes for granted.
  package func forgetRecordings() { (versions, times, latest) = ([:], [:], nil) }

  /// Runs the step: with `call` if it is recorded.
  func run(
    _ inputs: [Tensor], _ call: (any Executable, [Tensor], RandomSource?) throws -> [Tensor]
  ) throws -> [Tensor] {
    guard !isEager, !Self.isPartOfMore(inputs) else { return try body(inputs) }
    let dense = inputs.map(\.dense)
    let mode = TrainingMode.current
    let signature = Signature(dense)
    var version = latest?.signature == signature ? latest?.version : versions[signature]
    if version?.isStale == true { version = nil }
    guard let version else { return try record(dense, signature, mode) }
    latest = (signature, version)
    guard case .recorded(let step, let executable) = version.kind else { return try body(inputs) }
    guard step.recording.randomBlocks > 0, let mode else { return try call(executable, dense, nil) }
    let source = mode.withRandom { random in
      let before = random
      _ = random.take(step.recording.randomBlocks)
      return before
    }
    return try call(executable, dense, source)
  }

  /// Whether the step runs within another recording, or the caller takes gradients through it.
  static func isPartOfMore(_ inputs: [Tensor]) -> Bool {
    Recorder.current != nil || GradientScope.current != nil || inputs.contains(where: \.isTracked)
  }

  private func record(_ inputs: [Tensor], _ signature: Signature, _ mode: TrainingMode?) throws -> [Tensor] {
    let base = CPUBackend.shared
    let source = mode?.source
    var (results, recording) = try Recorder.record(inputs, on: base, random: source, body)
    let version: Version
    switch recording {
    case .success(let recording):
      // What single operations took is not needed again: a recording plans its own memory.
      Tensor.trimMemory()
      let step = CompiledStep(recording)
      let executable = base.makeExecutable(step)
      version = Version(.recorded(step, executable), step.parameters.map(\.parameter))
      // The recording itself has computed nothing, unless the step made it.
      if results == nil { results = try executable.run(inputs, random: source) }
    case .failure(let reason): version = Version(.eager(reason), [])
    }
    // Ever new shapes start anew, rather than fill the memory.
    if versions.count >= Self.mostVersions { (versions, times) = ([:], [:]) }
    versions[signature] = version
    times[signature] = nil
    latest = (signature, version)
    return results!
  }

  private static let mostVersions = 32

  /// What a recording is for.
  struct Signature: Hashable {
    let types: [TensorType]
    let isTraining: Bool
    let precision: Precision

    /// For a call with these inputs, here and now.
    init(_ inputs: [Tensor]) {
      types = inputs.map(\.type)
      isTraining = TrainingMode.current != nil
      precision = .current
    }
  }

  struct Version {
    enum Kind {
      case recorded(CompiledStep, any Executable)
      case eager(NotRecorded)
    }
    let kind: Kind
    private let parameters: [(parameter: Parameter, isTrainable: Bool)]

    init(_ kind: Kind, _ parameters: [Parameter]) {
      self.kind = kind
      self.parameters = parameters.map { ($0, $0.isTrainable) }
    }

    /// Whether a parameter was frozen or freed since.
    var isStale: Bool { parameters.contains { $0.parameter.isTrainable != $0.isTrainable } }
  }
}

/// A number that has to be finite is not.
public struct NotFiniteError: Error, Hashable, CustomStringConvertible {
  /// Infinity or NaN.
  public let value: Double
  public init(value: Double) { self.value = value.isNaN ? .nan : value }
  public var description: String { "a number that has to be finite is \(value)" }
}

/// Goes on only if `value`, a single number, is finite: a step along the gradients of a loss that is none would destroy the parameters.
///
/// In a recorded ``Program`` the run ends here, too, before anything after it changes a parameter.
public func requireFinite(_ value: Tensor) throws(NotFiniteError) {
  let recorder = Recorder.current
  recorder?.requireFinite(value)
  let number = Recorder.unrecorded { (recorder?.computed(value) ?? value).item }
  guard number.isFinite else { throw NotFiniteError(value: number) }
}

extension Tensor {
  /// Copies `row` to a position of the first axis of this fresh tensor.
  fileprivate func fillRow(_ number: Int, with row: Tensor) {
    let target = TensorObject(
      shape: row.shape, strides: row.shape.denseStrides, offset: number * row.count, dtype: dtype,
      storage: object.storage, node: nil)
    backend.copy(row, into: Tensor(target))
  }
}
