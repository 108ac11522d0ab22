import Apus
import Testing

@testable import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("M1, M2: models by their names") struct ImageModelTests {
  private func shape(_ model: some Layer, _ input: Shape) throws -> Shape { try model.outputShape(for: input) }

  @Test("M2: LeNet-5 has 61,706 parameters and takes images of 28 and 32 pixels") func leNet() throws {
    #expect(Sequential.leNet5().parameterCount == 61_706)
    #expect(try shape(Sequential.leNet5(), [2, 28, 28, 1]) == [2, 10])
    #expect(try shape(Sequential.leNet5(classes: 5, inputs: 3, imageSize: 32), [2, 32, 32, 3]) == [2, 5])
    let averaging = Sequential.leNet5(activation: .tanh, usesAveragePooling: true)
    #expect(averaging(Tensor.ones([1, 28, 28, 1])).shape == [1, 10])
  }

  @Test("M2: AlexNet, with local response normalisation and groups, builds, has the paper's parameters and runs")
  func alexNet() throws {
    // Fewer units in the dense layers: the convolutions and shapes are the paper's.
    let model = Sequential.alexNet(units: 8)
    #expect(model(Tensor.ones([1, 227, 227, 3])).shape == [1, 1000])
    // 2,334,080 in the convolutions; with 4,096 units 60,965,224 in all.
    let dense = { (units: Int) in 9217 * units + (units + 1) * units + (units + 1) * 1000 }
    #expect(model.parameterCount - dense(8) + dense(4096) == 60_965_224)
  }

  @Test(
    "VGG's parameters, as published",
    arguments: [
      (VGGDepth.vgg11, 132_863_336), (.vgg13, 133_047_848), (.vgg16, 138_357_544), (.vgg19, 143_667_240),
    ])
  func vgg(depth: VGGDepth, count: Int) throws {
    let small = Sequential.vgg(depth, classes: 10, imageSize: 32, units: 8)
    #expect(try shape(small, [2, 32, 32, 3]) == [2, 10])
    let dense = { (size: Int, units: Int, classes: Int) in
      (512 * size * size + 1) * units + (units + 1) * units + (units + 1) * classes
    }
    #expect(small.parameterCount - dense(1, 8, 10) + dense(7, 4096, 1000) == count)
    #expect(Sequential.vgg(depth, classes: 10, imageSize: 32, units: 8, hasBatchNorm: true).parameterCount > 0)
  }

  @Test(
    "ResNet's parameters, as published, and its shapes",
    arguments: [
      (ResNetDepth.resNet18, 11_689_512), (.resNet34, 21_797_672), (.resNet50, 25_557_032),
    ])
  func resNet(depth: ResNetDepth, count: Int) throws {
    let model = Sequential.resNet(depth)
    #expect(model.parameterCount == count)
    #expect(try shape(model, [2, 224, 224, 3]) == [2, 1000])
    #expect(try shape(Sequential.resNet(depth, classes: 10, inputs: 1, stem: .small), [2, 28, 28, 1]) == [2, 10])
  }

  @Test("ResNet-18 for small images has the parameters of the benchmark's network") func smallResNet() {
    let model = Sequential.resNet(.resNet18, classes: 10, stem: .small)
    #expect(model.parameterCount == 11_173_962)
    #expect(model(Tensor.ones([1, 32, 32, 3])).shape == [1, 10])
  }

  @Test("a U-Net gives logits for every pixel") func uNet() throws {
    let model = Sequential.uNet(inputs: 3, outputs: 2, width: 4, levels: 2)
    #expect(model(Tensor.ones([1, 16, 8, 3])).shape == [1, 16, 8, 2])
    #expect(throws: ShapeError.self) { _ = try model.outputShape(for: [1, 18, 8, 3]) }
    // As other implementations of this width with normalisations count, such as the most used one for PyTorch.
    #expect(Sequential.uNet(inputs: 3).parameterCount == 31_037_698)
  }

  /// Of the smallest images that it takes, or that leave normalisation something to compare.
  @Test(
    "M2: deep networks for images train: the loss is a number, and one step changes every parameter",
    arguments: ["alexnet", "vgg", "resnet34", "resnet50", "unet"])
  func steps(name: String) throws {
    let (model, side): (Sequential, Int) = withSeed(4) {
      switch name {
      case "alexnet": (.alexNet(classes: 10, units: 64), 227)
      case "vgg": (.vgg(.vgg11, classes: 10, imageSize: 32, units: 64), 32)
      case "resnet34": (.resNet(.resNet34, classes: 10, stem: .small), 16)
      case "resnet50": (.resNet(.resNet50, classes: 10, stem: .large), 64)
      default: (.uNet(inputs: 3, outputs: 10, width: 4), 32)
      }
    }
    var random = RandomSource(seed: 2)
    let x = Tensor.randomNormal([3, side, side, 3], using: &random)
    let pixels = name == "unet" ? [side, side] : []
    let labels = Tensor(
      (0..<3 * pixels.reduce(1, *)).map { Int32($0 * 7 % 10) }, shape: Shape([3] + pixels))
    let before = model.parameters.map(\.value.floats)
    let optimizer = Adam(learningRate: 1e-4)
    let step = Program("step") { batch in
      let (loss, gradients) = valueWithGradient(of: model) {
        softmaxCrossEntropy(logits: $0(batch[0]), labels: batch[1])
      }
      optimizer.update(model, gradients)
      return [loss]
    }
    let losses = try (0..<2).map { _ in try withTraining(random: &random) { try step([x, labels])[0].item } }
    // Ten classes that are as likely as each other give 2.3; without normalisation deep networks start farther away.
    #expect(losses[0] > 0.5 && losses[0] < 30 && losses[1].isFinite && losses[1] != losses[0], "\(losses)")
    for (parameter, old) in zip(model.namedParameters, before) {
      let new = parameter.parameter.value.floats
      #expect(new != old && new.allSatisfy(\.isFinite), "\(parameter.name)")
    }
    #expect(model(x).shape == Shape([3] + pixels + [10]))
  }

  /// The losses of three steps, all parameters and running statistics as bits, and the bytes that a step takes.
  private func train(
    _ model: Sequential, isEager: Bool = false
  ) throws -> (bits: [(name: String, bits: [UInt32])], bytes: Int) {
    let optimizer = SGD(learningRate: 0.01, momentum: 0.9)
    let step = Program("step", isEager: isEager) { batch in
      let (loss, gradients) = valueWithGradient(of: model) {
        softmaxCrossEntropy(logits: $0(batch[0]), labels: batch[1])
      }
      optimizer.update(model, gradients)
      return [loss]
    }
    var random = RandomSource(seed: 2)
    let x = Tensor.randomNormal([8, 16, 16, 3], using: &random)
    let labels = Tensor((0..<8).map { Int32($0) })
    let losses = try (0..<3).map { _ in
      try withTraining(random: &random) { try step([x, labels])[0].floats[0].bitPattern }
    }
    let state = model.namedParameters.map { ($0.name, $0.parameter) } + model.namedBuffers.map { ($0.name, $0.buffer) }
    return (
      [("losses", losses)] + state.map { name, tensor in (name, tensor.value.floats.map(\.bitPattern)) },
      step.plannedBytes
    )
  }

  @Test("a residual network with checkpoints learns the same, bit for bit, in less memory", arguments: [true, false])
  func checkpoints(isEager: Bool) throws {
    func make(_ isCheckpointed: Bool) -> Sequential {
      withSeed(1) { .resNet(.resNet18, classes: 8, stem: .small, isCheckpointed: isCheckpointed) }
    }
    let (plain, checkpointed) = (try train(make(false), isEager: isEager), try train(make(true), isEager: isEager))
    // Names of parameters do not change, so that weights go from the one to the other.
    #expect(plain.bits.map(\.name) == checkpointed.bits.map(\.name))
    let different = zip(plain.bits, checkpointed.bits).filter { $0.bits != $1.bits }.map(\.0.name)
    #expect(different == [])
    if !isEager { #expect(4 * checkpointed.bytes < 3 * plain.bytes, "\(checkpointed.bytes) of \(plain.bytes) bytes") }
  }

  @Test(
    "models come back from files as they were",
    arguments: [
      "lenet", "alexnet", "vgg", "vgg-norm", "resnet", "resnet-checkpointed", "unet", "lstm", "gru", "ae", "vae", "gan",
      "gan-dense",
    ])
  func files(name: String) throws {
    let model: any ConfigurableLayer
    var input: Tensor = .ones([1, 28, 28, 1])
    switch name {
    case "lenet": model = Sequential.leNet5()
    case "alexnet":
      model = Sequential.alexNet(classes: 5, units: 8)
      input = .ones([1, 227, 227, 3])
    case "vgg", "vgg-norm":
      model = Sequential.vgg(.vgg11, classes: 5, imageSize: 32, units: 8, hasBatchNorm: name == "vgg-norm")
      input = .ones([1, 32, 32, 3])
    case "resnet-checkpointed":
      model = Sequential.resNet(.resNet18, classes: 3, inputs: 1, stem: .small, isCheckpointed: true)
    case "resnet": model = Sequential.resNet(.resNet18, classes: 3, inputs: 1, stem: .small)
    case "unet": model = Sequential.uNet(width: 2, levels: 2)
    case "lstm": model = RecurrentLanguageModel(.lstm, vocabulary: 7, features: 3, units: 4, layers: 2, dropout: 0.1)
    case "gru": model = RecurrentLanguageModel(.gru, vocabulary: 7, features: 3, units: 4)
    case "ae": model = Autoencoder.convolutional(width: 2, code: 3, noise: 0.1)
    case "vae": model = VariationalAutoencoder.dense(units: 4, code: 2)
    case "gan-dense": model = GAN.dense(imageShape: [3, 4, 2], units: [6, 5], noiseSize: 3)
    default: model = GAN.dcgan(width: 2, noiseSize: 3)
    }
    if name == "lstm" || name == "gru" { input = Tensor([[1, 2, 6]] as [[Int32]]) }
    if name == "vae" { input = .ones([2, 784]) }
    if name.hasPrefix("gan") { input = .ones([2, 3]) }
    let path = "/tmp/apus-model-\(name)-\(UInt64.random(in: 0 ... .max)).safetensors"
    defer { unlink(path) }
    try model.save(to: path)
    let copy = try ModelFile(path: path, registry: .models).model
    #expect(copy.description == model.description)
    #expect(copy(input).doubles == model(input).doubles)
  }
}

extension Program {
  /// The bytes of memory that a step of the last recording works in; 0 if there is none.
  var plannedBytes: Int {
    if case .recorded(let step, _)? = latest?.version.kind { step.memory.byteCount } else { 0 }
  }
}
