import Testing

@testable import ApusCore
@testable import ApusNN

/// Numbers as only a hostile file has them: shapes that nobody could count are refused, and no sum or product overflows on the way there.
@Suite struct HostileShapeTests {
  private let most = PerAxis(1 << 24)

  private func error(_ layer: any Layer, _ input: Shape) -> String? {
    do throws(ShapeError) { _ = try layer.outputShape(for: input) } catch { return "\(error)" }
    return nil
  }

  @Test("strides of transposed convolutions that multiply", arguments: [Padding.same, .valid])
  func transposed(padding: Padding) {
    let network = Sequential((0..<3).map { _ in ConvTranspose2D(1, 1, kernel: 1, stride: most, padding: padding) })
    #expect(error(network, [1, 28, 28, 1])?.contains("was found") == true)
    #expect(error(network, [1, 1, 1, 1]) == nil || padding == .same)
  }

  @Test("kernels, paddings and dilations as large as files may have them") func windows() throws {
    let wide: [any Layer] = [
      Conv3D(1, 1 << 24, kernel: 1, padding: .both(most), weights: .placeholder, biases: .placeholder),
      Conv2D(1, 1, kernel: 2, dilation: most, padding: .both(most)),
      MaxPool3D(most, stride: 1, padding: .both(PerAxis(1 << 23))),
      MaxPool2D(2, stride: 1, dilation: most, padding: .same),
      AveragePool3D(most, stride: 1, padding: .both(PerAxis(1 << 23)), roundsUp: true),
      AdaptiveAveragePool(most), AdaptiveMaxPool(most), PixelShuffle(1 << 12),
      Upsampling(1 << 16, 1 << 16), Embedding(2, 1 << 24, weights: .placeholder),
      Dense(1, 1 << 24, weights: .placeholder, biases: .placeholder),
    ]
    let far = 1 << 30
    for layer in wide {
      for shape in [
        [1, 1, 1, 1], [1, 1, 1, 1, 1], [1, far, far, 1], [1, far, far, 1, 1], [1 << 20, far, 2, 1 << 24],
      ] as [Shape] {
        // Whatever it says: it says it. And what it promises can be counted.
        if let shape = try? layer.outputShape(for: shape) {
          #expect(Shape.checkedElementCount(shape) != nil, "\(layer): \(shape)")
        }
      }
    }
    #expect(error(wide[2], [1, 1, 1, 1, 1])?.contains("expected windows of at most 2147483647 elements") == true)
    #expect(error(PixelShuffle(1 << 12), [1, 1 << 30, 1 << 30, 1 << 24])?.contains("fewer elements") == true)
    #expect(error(AdaptiveMaxPool(most), [1, 1, 1, 1, 1])?.contains("fewer elements") == true)
    #expect(error(Conv2D(1, 1, kernel: 1), [1, 1 << 33, 1, 1])?.contains("expected at most 4294967296") == true)
  }

  @Test("windows between which an image fits are refused, as those at its ends are") func looseWindows() {
    let pool = MaxPool1D(2, stride: 1, dilation: 4, padding: .same)
    #expect(
      error(pool, [2, 3, 5])
        == "MaxPool1D(2, stride: 1, dilation: 4, padding: .same): an input of shape (2, 3, 5) is too small for its windows "
        + "(kernel 2, dilation 4, padding 2); expected an element in each")
    #expect(error(pool, [2, 4, 5]) == nil && error(pool, [2, 5, 5]) == nil)
    #expect(error(AveragePool2D([1, 3], stride: 1, padding: .same), [1, 2, 1, 1]) == nil)
    // By plain loops: whether each window holds something.
    for extent in 1...6 {
      for kernel in 1...3 {
        for (stride, dilation) in [(1, 2), (1, 4), (2, 3), (2, 5), (3, 7)] {
          for (before, after) in [(0, 0), (1, 3), (4, 2), (6, 6)] {
            let layer = MaxPool1D(
              PerAxis(kernel), stride: PerAxis(stride), dilation: PerAxis(dilation),
              padding: .explicit(before: PerAxis(before), after: PerAxis(after)))
            let room = extent + before + after - (kernel - 1) * dilation - 1
            let starts = room < 0 ? [] : (0...(room / stride)).map { $0 * stride - before }
            let isFull = starts.allSatisfy { start in
              (0..<kernel).contains { (0..<extent).contains(start + $0 * dilation) }
            }
            #expect((error(layer, [1, extent, 1]) == nil) == (!starts.isEmpty && isFull), "\(layer) of \(extent)")
          }
        }
      }
    }
  }

  @Test("output padding: below the stride or the dilation, and none with .same") func outputPadding() throws {
    let good = ConvTranspose1D(1, 1, kernel: 2, dilation: 3, outputPadding: 2)
    #expect(try good.outputShape(for: [1, 4, 1]) == [1, 9, 1])
    for (name, value) in [("outputPadding", 3), ("outputPadding", 1 << 24)] {
      var configuration = good.configuration
      configuration.settings[name] = .integer(value)
      #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(configuration) }
    }
    var same = ConvTranspose2D(1, 1, kernel: 2, stride: 2, padding: .same).configuration
    same.settings["outputPadding"] = .integer(1)
    #expect(
      throws: ConfigurationError(
        "ConvTranspose2D: an output padding of 1 with padding .same, which gives extent · stride; expected none")
    ) { try LayerRegistry.standard.layer(same) }
  }

  @Test("the operations say the same, and more axes than three are refused in a sentence") func operations() async {
    let same = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = transposedConvolution(
        Tensor.zeros([1, 3, 1]), weight: Tensor.zeros([1, 2, 1]), stride: 2, padding: .same, outputPadding: 1)
    }
    #expect(standardError(of: same).contains("expected no output padding with .same"))
    let large = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = transposedConvolution(Tensor.zeros([1, 3, 1]), weight: Tensor.zeros([1, 2, 1]), stride: 2, outputPadding: 2)
    }
    #expect(standardError(of: large).contains("an output padding of 2 was found"))
    let axes = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = convolution(Tensor.zeros([1, 2, 2, 2, 2, 1]), weight: Tensor.zeros([1, 2, 2, 1]), padding: .same)
    }
    #expect(
      standardError(of: axes).contains(
        "convolution: 4 spatial axes were found; expected as many as the window has: 2"))
    let pools = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.zeros([1, 2, 2, 2, 2, 1]).maxPooled(2, padding: .same)
    }
    #expect(standardError(of: pools).contains("4 spatial axes were found; expected 1 to 3"))
  }
}
