import ApusFormats
import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN

/// Models with the parameters of PyTorch's: the same outputs, and one sentence for what does not fit.
@Suite("Parameters from PyTorch") struct PyTorchTests {
  private static func path(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/PyTorch/\(name).safetensors").path
  }

  private func state(_ name: String) throws -> [String: Tensor] {
    let file = try SafetensorsFile(path: Self.path(name))
    return Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.tensor) })
  }

  private func data(_ name: String) throws -> (x: Tensor, y: Tensor) {
    let data = try state(name + ".data")
    return (try #require(data["x"]), try #require(data["y"]))
  }

  private func images(_ dtype: DType) -> Sequential {
    Sequential {
      Conv2D(2, 6, kernel: 3, padding: 1, dtype: dtype)
      BatchNorm(6, dtype: dtype)
      ActivationLayer(.relu)
      MaxPool2D(2)
      Conv2D(6, 8, kernel: [3, 2], stride: 2, groups: 2, hasBias: false, dtype: dtype)
      BatchNorm(8, dtype: dtype)
      PReLU(8, dtype: dtype)
      ConvTranspose2D(8, 4, kernel: 3, stride: 2, groups: 2, dtype: dtype)
      GroupNorm(groups: 2, 4, dtype: dtype)
      DepthwiseConv2D(4, kernel: 2, dtype: dtype)
      InstanceNorm(4, isAffine: true, dtype: dtype)
      Permute(3, 1, 2)
      Flatten()
      Dense(32, 5, hasBias: false, dtype: dtype)
      RMSNorm(5, epsilon: 1e-6, dtype: dtype)
    }
  }

  @Test(
    "an nn.Sequential: convolutions, normalisations, slopes; its modules in order",
    arguments: [DType.float64, .float32])
  func sequential(dtype: DType) throws {
    let model = images(dtype)
    try model.load(pyTorch: Self.path("images"))
    let (x, y) = try data("images")
    #expect(difference(model(x.cast(to: dtype)), y, dtype == .float64 ? 1e-12 : 1e-5) == nil)
  }

  private func sequences() -> Sequential {
    Sequential {
      Embedding(9, 5, dtype: .float64)
      LSTM(5, 4, layers: 2, isBidirectional: true, dtype: .float64)
      GRU(8, 3, dtype: .float64)
      SimpleRNN(3, 4, activation: .relu, hasBias: false, dtype: .float64)
      Dense(4, 2, dtype: .float64)
    }
  }

  @Test("recurrent modules with names of their own, listed in the model's order") func named() throws {
    let model = sequences()
    let (x, y) = try data("sequences")
    try model.load(pyTorch: Self.path("sequences"), modules: ["words", "rnn", "more", "last", "head"])
    #expect(difference(model(x), y, 1e-12) == nil)
    // In the alphabet's order they do not fit, and nothing changes.
    let other = withSeed(1) { sequences() }
    let before = other.parameters.map { $0.value.doubles }
    #expect(
      throws: ConfigurationError(
        "Embedding(9, 5): 'head.weight' is float32(2, 4); expected floating point of shape (9, 5)")
    ) { try other.load(pyTorch: try state("sequences").filter { $0.key != "head.bias" }) }
    #expect(
      throws: ConfigurationError(
        "Embedding(9, 5): the module that comes next has the tensor 'head.bias'; expected 'weight'")
    ) { try other.load(pyTorch: try state("sequences")) }
    #expect(other.parameters.map { $0.value.doubles } == before)
  }

  @Test("a transformer's encoder and decoder layers") func transformer() throws {
    let encoder = Sequential {
      for _ in 0..<2 { TransformerBlock(6, heads: 2, hidden: 8, activation: .relu, norm: .after, dtype: .float64) }
      LayerNorm(6, dtype: .float64)
    }
    let decoder = TransformerBlock(6, heads: 3, hidden: 5, attendsMemory: true, dtype: .float64)
    let model = Sequential([encoder, decoder])
    let state = try state("transformer")
    try model.load(pyTorch: state, modules: ["encoder.layers.0", "encoder.layers.1", "encoder.norm", "decoder"])
    let (x, y) = try data("transformer")
    let wide = x.cast(to: .float64)
    let flipped = concatenate((0..<4).reversed().map { wide[.all, $0...$0] }, axis: 1)
    #expect(difference(decoder(flipped, memory: encoder(wide)), y, 1e-12) == nil)
    // The encoder alone finds its modules by their numbers.
    let again = Sequential {
      for _ in 0..<2 { TransformerBlock(6, heads: 2, hidden: 8, activation: .relu, norm: .after, dtype: .float64) }
      LayerNorm(6, dtype: .float64)
    }
    try again.load(pyTorch: state.filter { $0.key.hasPrefix("encoder.") })
    #expect(again.parameters.map { $0.value.doubles } == encoder.parameters.map { $0.value.doubles })
  }

  @Test("cells and layers take the same tensors") func cells() throws {
    let x = normal([2, 1, 3], seed: 1)
    func tensors(_ gates: Int, _ suffix: String) -> [String: Tensor] {
      [
        "weight_ih" + suffix: normal([gates * 4, 3], seed: 2), "weight_hh" + suffix: normal([gates * 4, 4], seed: 3),
        "bias_ih" + suffix: normal([gates * 4], seed: 4), "bias_hh" + suffix: normal([gates * 4], seed: 5),
      ]
    }
    let h = normal([2, 4], seed: 6)
    let (lstm, lstmCell) = (LSTM(3, 4, dtype: .float64), LSTMCell(3, 4, dtype: .float64))
    try lstm.load(pyTorch: tensors(4, "_l0"))
    try lstmCell.load(pyTorch: tensors(4, ""))
    let state = LSTMState(hidden: h, cell: h * 2)
    let layered = LSTMState(hidden: h.expandingDimension(at: 0), cell: h.expandingDimension(at: 0) * 2)
    #expect(
      difference(lstmCell(x[.all, 0], state: state).hidden, lstm(x, state: layered).output[.all, 0], 1e-14) == nil)
    let (gru, gruCell) = (GRU(3, 4, dtype: .float64), GRUCell(3, 4, dtype: .float64))
    try gru.load(pyTorch: tensors(3, "_l0"))
    try gruCell.load(pyTorch: tensors(3, ""))
    #expect(
      difference(
        gruCell(x[.all, 0], state: h), gru(x, state: h.expandingDimension(at: 0)).output[.all, 0], 1e-14) == nil)
    let (rnn, rnnCell) = (SimpleRNN(3, 4, dtype: .float64), SimpleRNNCell(3, 4, dtype: .float64))
    try rnn.load(pyTorch: tensors(1, "_l0"))
    try rnnCell.load(pyTorch: tensors(1, ""))
    #expect(
      difference(
        rnnCell(x[.all, 0], state: h), rnn(x, state: h.expandingDimension(at: 0)).output[.all, 0], 1e-14) == nil)
    // By the formula: z = x Wᵀ + b + c + h Uᵀ.
    let t = tensors(1, "")
    let z =
      (x[.all, 0] • t["weight_ih"]!.transposed()) + t["bias_ih"]! + t["bias_hh"]! + (h • t["weight_hh"]!.transposed())
    #expect(difference(rnnCell(x[.all, 0], state: h), tanh(z), 1e-14) == nil)
  }

  @Test("modules come in the order of the numbers in their names") func order() throws {
    let model = Sequential((0..<12).map { _ in Dense(1, 1, hasBias: false) })
    var state: [String: Tensor] = [:]
    for i in 0..<12 { state["net.layer\(i).weight"] = Tensor([Float(i)], shape: [1, 1]) }
    try model.load(pyTorch: state)
    #expect(model.parameters.map { $0.value.item } == (0..<12).map(Double.init))
  }

  @Test("what does not fit is one sentence, and changes nothing") func refusals() throws {
    let model = images(.float32)
    let before = model.parameters.map { $0.value.floats }
    let good = try state("images")
    func error(_ change: (inout [String: Tensor]) -> Void, modules: [String]? = nil) -> String? {
      var state = good
      change(&state)
      do { try model.load(pyTorch: state, modules: modules) } catch { return error.description }
      return nil
    }
    #expect(
      error { $0["4.weight"] = .zeros([8, 3, 2, 3]) }
        == "Conv2D(6, 8, kernel: [3, 2], stride: 2, groups: 2, hasBias: false): '4.weight' is float32(8, 3, 2, 3); "
        + "expected floating point of shape (8, 3, 3, 2)")
    #expect(error { $0["1.running_var"] = nil } == "BatchNorm(6): there is no tensor '1.running_var'")
    #expect(error { $0["0.bias"] = .zeros([6], dtype: .int32) }?.contains("'0.bias' is int32(6,)") == true)
    #expect(
      error { $0["12.bias"] = .zeros([5]) }
        == "Dense(32, 5, hasBias: false): the module that comes next has the tensor '12.bias'; expected 'weight'")
    #expect(error { $0["14.weight"] = .zeros([5]) }?.hasSuffix("no layer takes the tensor '14.weight'") == true)
    #expect(error { $0["13.weight"] = nil } == "RMSNorm(5): there is no tensor 'weight'")
    #expect(error({ _ in }, modules: ["0", "1"])?.hasSuffix("2 modules were named; 11 layers have parameters") == true)
    #expect(error { $0 = [:] } == "Conv2D(2, 6, kernel: 3, padding: 1): there is no tensor 'weight'")
    #expect(model.parameters.map { $0.value.floats } == before)
    final class Own: Layer {
      let weight = Parameter(Tensor([1 as Float]))
      func forward(_ x: Tensor) -> Tensor { x * weight.value }
      func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
      var description: String { "Own()" }
    }
    #expect(
      throws: ConfigurationError(
        "Own(): PyTorch has no module with such parameters; give its parts theirs one by one")
    ) { try Sequential([Own()]).load(pyTorch: ["0.weight": Tensor([2 as Float])]) }
  }

  @Test("a file that does not fit is an error of files") func files() throws {
    let path = Self.path("sequences")
    let error = #expect(throws: FileFormatError.self) { try Dense(4, 2).load(pyTorch: path) }
    #expect(error?.description.contains("Dense(4, 2): no layer takes the tensor 'last.weight_hh_l0'") == true)
    #expect(throws: FileFormatError.self) { try Dense(4, 2).load(pyTorch: path + ".absent") }
  }
}
