import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct ContainerTests {
  private func network(isDeep: Bool) -> Sequential {
    Sequential {
      Dense(4, 8, activation: .relu)
      Residual {
        LayerNorm(8)
        if isDeep {
          for width in [16, 12] {
            Dense(8, width, hasBias: false)
            Dense(width, 8, hasBias: false)
          }
        } else {
          Dense(8, 8)
        }
      }
      Parallel(.concatenate) {
        Dense(8, 3)
        Residual {
          Dense(8, 2)
        } shortcut: {
          Dense(8, 2, hasBias: false)
        }
      }
    }
  }

  @Test func builderListsWhatConditionsAndLoopsSay() throws {
    let (deep, flat) = (network(isDeep: true), network(isDeep: false))
    #expect(deep.parameters.count == 2 + 2 + 4 + 2 + 2 + 1)
    #expect(flat.parameters.count == 2 + 2 + 2 + 2 + 2 + 1)
    #expect(
      deep.namedParameters.map(\.name) == [
        "0.weight", "0.bias", "1.body.0.gamma", "1.body.0.beta", "1.body.1.weight", "1.body.2.weight",
        "1.body.3.weight", "1.body.4.weight", "2.0.weight", "2.0.bias", "2.1.body.weight", "2.1.body.bias",
        "2.1.shortcut.weight",
      ])
    #expect(try deep.outputShape(for: [7, 4]) == [7, 5])
    #expect(deep(.ones([7, 4])).shape == [7, 5])
  }

  @Test func whatContainersCompute() {
    let (a, b) = (dense([[1, 2], [3, 4]]), dense([[0, 1], [1, 0]], bias: [10, 20]))
    let x = Tensor([[1, -1]] as [[Double]])
    #expect(Residual(a)(x).doubles == [0, -2])
    #expect(Residual(a, shortcut: b)(x).doubles == [8, 20])
    #expect(Parallel(.concatenate, [a, b])(x).doubles == [-1, -1, 9, 21])
    #expect(Parallel(.add, [a, b, a])(x).doubles == [7, 19])
    #expect(Parallel(.multiply, [a, b])(x).doubles == [-9, -21])
    let steps = Tensor([1, -1, 0, 1] as [Double], shape: [1, 2, 2])
    #expect(TimeDistributed(Sequential([a, Flatten()]))(steps).doubles == [-1, -1, 2, 4])
  }

  @Test func errorsNameThePlace() {
    let model = Sequential {
      Dense(4, 8)
      Residual {
        Dense(8, 8)
        Dense(9, 8)
      }
    }
    #expect {
      try model.outputShape(for: [1, 4])
    } throws: {
      "\($0)".contains("Dense(9, 8)") && "\($0)".contains("Sequential, layer 1 > Residual, body > Sequential, layer 1")
    }
    #expect {
      try Residual(Dense(3, 2)).outputShape(for: [5, 3])
    } throws: { "\($0)".contains("expected equal shapes, not (5, 2) and (5, 3), to add") }
    #expect {
      try Parallel(.concatenate, [Flatten(), ActivationLayer(.tanh)]).outputShape(for: [5, 3, 2])
    } throws: { "\($0)".contains("expected outputs that fit each other, not (5, 6) and (5, 3, 2)") }
  }

  @Test func summaryShowsWhatIsInside() throws {
    let summary = try network(isDeep: false).summary(inputShape: [1, 4])
    #expect(
      summary.description == """
                      layer                            output  parameters
        -----------------------------------------------------------------
        0             Dense(4, 8, activation: .relu)   (n, 8)          40
        1             Residual                         (n, 8)
        1.body          Sequential                     (n, 8)
        1.body.0          LayerNorm(8)                 (n, 8)          16
        1.body.1          Dense(8, 8)                  (n, 8)          72
        2             Parallel                         (n, 5)
        2.0             Dense(8, 3)                    (n, 3)          27
        2.1             Residual                       (n, 2)
        2.1.body          Dense(8, 2)                  (n, 2)          18
        2.1.shortcut      Dense(8, 2, hasBias: false)  (n, 2)          16
        -----------------------------------------------------------------
        189 parameters; 6 layers with parameters (7 counting the input)
        """)
  }

  @Test func impossibleSettingsAreRefusedInFiles() throws {
    func refuses(_ layer: any ConfigurableLayer, _ part: String, _ change: (inout LayerConfiguration) -> Void) {
      var configuration = layer.configuration
      change(&configuration)
      #expect {
        try LayerRegistry.standard.layer(configuration)
      } throws: { "\($0)".contains(part) && $0 is ConfigurationError }
    }
    refuses(Residual(Flatten()), "0 layers inside were found; expected at least 1") { $0.layers = [] }
    refuses(Parallel(.add, [Flatten()]), "expected one of 'concatenate', 'add', 'multiply'") {
      $0.settings["joining"] = .text("subtract")
    }
    refuses(TimeDistributed(Flatten()), "expected 1") { $0.layers.append($0.layers[0]) }
    refuses(LayerNorm(4), "'features.0' is 0; expected 1") { $0.settings["features.0"] = .integer(0) }
    refuses(LayerNorm(4), "[] features were found") { $0.settings["features.0"] = nil }
    refuses(LayerNorm(4), "'epsilon' is -1.0; expected a positive number") { $0.settings["epsilon"] = .number(-1) }
    refuses(GroupNorm(groups: 2, 4), "4 channels do not divide into 3 groups") { $0.settings["groups"] = .integer(3) }
    refuses(GroupNorm(groups: 2, 4), "'groups' is 5; expected 1 to 4") { $0.settings["groups"] = .integer(5) }
    refuses(LocalResponseNorm(3), "'alpha' is -1.0; expected at least 0") { $0.settings["alpha"] = .number(-1) }
    refuses(SpatialDropout(0.5), "'probability' is 1.0; expected at least 0 and less than 1") {
      $0.settings["probability"] = .number(1)
    }
    refuses(MultiHeadAttention(4, heads: 2), "the width must be a multiple of at least 1 head") {
      $0.settings["heads"] = .integer(3)
    }
    refuses(MultiHeadAttention(4, heads: 2), "rotary positions need heads of even width, not 1") {
      $0.settings["heads"] = .integer(4)
      $0.settings["rotaryBase"] = .number(10)
    }
    refuses(MultiHeadAttention(4, heads: 2), "the rotary base 1.0 must be greater than 1") {
      $0.settings["rotaryBase"] = .number(1)
    }
    refuses(TransformerBlock(4, heads: 2), "'norm' is 'within'; expected one of 'before', 'after'") {
      $0.settings["norm"] = .text("within")
    }
    refuses(Pad((1, 1)), "1 and 0 widths were found; expected 1 to 6 pairs") { $0.settings["after.0"] = nil }
    refuses(Pad((1, 1), mode: .circular), "there is no mode 'spherical'") {
      $0.settings["mode"] = .text("spherical")
    }
    refuses(Upsampling(2), "0 factors were found") { $0.settings["factors.0"] = nil }
    refuses(ApusNN.Reshape(2, -1), "describe no shape") { $0.settings["extents.0"] = .integer(-1) }
    refuses(Permute(2, 1), "is not an order of axes") { $0.settings["order.0"] = .integer(1) }
    refuses(PixelShuffle(2), "'factor' is 0") { $0.settings["factor"] = .integer(0) }
    refuses(LearnedPositions(2, 3), "'context' is 0") { $0.settings["context"] = .integer(0) }
  }
}
