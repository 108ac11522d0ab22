import ApusCore

/// What a recurrent layer gives to the next layer.
public enum RecurrentOutput: String, Sendable, Hashable, CaseIterable {
  /// h of every step: (n, steps, units), both directions side by side.
  case all
  /// h after the last step of each direction: (n, units), both directions side by side.
  case last
}

/// The options that recurrent layers share.
struct RecurrentOptions: Sendable {
  var layers: Int
  var isBidirectional: Bool
  var dropout: Double
  var returns: RecurrentOutput

  init(_ kind: String, layers: Int, isBidirectional: Bool, dropout: Double, returns: RecurrentOutput) {
    guard layers > 0 else { fatalError("\(kind): \(layers) layers cannot be stacked; expected at least 1") }
    guard dropout >= 0 && dropout < 1 else {
      fatalError("\(kind): the probability \(dropout) of dropout must be at least 0 and less than 1")
    }
    (self.layers, self.isBidirectional, self.dropout, self.returns) = (layers, isBidirectional, dropout, returns)
  }

  var directions: Int { isBidirectional ? 2 : 1 }

  /// The cells, layer by layer, forward before backward.
  func cells<Cell>(_ inputs: Int, _ units: Int, _ make: (_ inputs: Int) -> Cell) -> [Cell] {
    (0..<(layers * directions)).map { make($0 < directions ? inputs : units * directions) }
  }

  var text: String {
    (layers == 1 ? "" : ", layers: \(layers)") + (isBidirectional ? ", isBidirectional: true" : "")
      + (dropout == 0 ? "" : ", dropout: \(dropout)") + (returns == .all ? "" : ", returns: .last")
  }
}

/// A layer that can read an embedding's tokens instead of its vectors.
protocol TokenReader: Layer {
  /// What the layer gives for `embedding(tokens)`, of which only the steps count that `stepMask` says.
  func forward(_ tokens: Tensor, through embedding: Embedding, stepMask: Tensor?) -> Tensor
}

extension TokenReader {
  func callAsFunction(_ tokens: Tensor, through embedding: Embedding, stepMask: Tensor?) -> Tensor {
    running { forward(tokens, through: embedding, stepMask: stepMask) }
  }
}

/// A layer that runs cells over sequences: several layers of them on top of each other, in one direction or both.
protocol RecurrentLayer: TokenReader, MaskedLayer {
  associatedtype Cell: RecurrentCell
  var options: RecurrentOptions { get }
  var cells: [Cell] { get }
}

extension RecurrentLayer {
  private var inputs: Int { cells[0].inputs }
  private var units: Int { cells[0].units }

  /// Runs whole sequences.
  /// - Parameters:
  ///   - embedding: if given, x are its tokens.
  ///   - state: for each tensor of a cell's state those of all cells, (cells, n, units); zeros if nil.
  /// - Returns: what the last layer gives for all steps, and the last states in the same form.
  func runAll(
    _ x: Tensor, through embedding: Embedding? = nil, state: [Tensor]?, lengths: Tensor?
  ) -> (output: Tensor, state: [Tensor]) {
    do throws(ShapeError) {
      _ = try outputShape(for: try embedding?.outputShape(for: x.shape) ?? x.shape)
      let expected: Shape = [cells.count, x.shape[0], units]
      if let other = state?.first(where: { $0.shape != expected }) {
        throw ShapeError(description, "a state of shape \(other.shape) was found; expected \(expected)")
      }
    } catch { stop(error) }
    let given = state.map { $0.map { $0.unstacked() } }
    // With more tokens than vectors, the vectors' products are computed once each.
    var tokens = embedding.map { x.count >= $0.count } == true ? x : nil
    var (output, states) = (embedding.map { tokens == nil ? $0(x) : $0.table } ?? x, [[Tensor]]())
    // Whoever looks into the network sees the vectors that are not made here.
    if let embedding, tokens != nil { OutputObserver.current?.note(embedding, embedding.forward(x)) }
    for layer in 0..<options.layers {
      if layer > 0 && options.dropout > 0 { output = Dropout.dropped(output, options.dropout) }
      var outputs: [Tensor] = []
      for direction in 0..<options.directions {
        let number = layer * options.directions + direction
        let (all, last) = cells[number].run(
          output, tokens: tokens, state: given.map { $0.map { $0[number] } }, lengths: lengths,
          isReversed: direction == 1)
        outputs.append(all)
        states.append(last)
      }
      output = outputs.count == 1 ? outputs[0] : concatenate(outputs, axis: -1)
      tokens = nil
    }
    return (output, states[0].indices.map { i in stack(states.map { $0[i] }) })
  }

  func runForward(_ x: Tensor, through embedding: Embedding? = nil, stepMask: Tensor? = nil) -> Tensor {
    let (output, state) = runAll(x, through: embedding, state: nil, lengths: stepMask)
    return options.returns == .all ? output : last(state[0])
  }
  func forward(_ tokens: Tensor, through embedding: Embedding, stepMask: Tensor?) -> Tensor {
    runForward(tokens, through: embedding, stepMask: stepMask)
  }
  /// A sequence ends with the last step that counts.
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor { runForward(x, stepMask: stepMask) }

  /// The last layer's h, both directions side by side, of the states (cells, n, units).
  func last(_ hidden: Tensor) -> Tensor {
    let final = hidden.unstacked().suffix(options.directions)
    return final.count == 1 ? final[final.startIndex] : concatenate(Array(final), axis: -1)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 3, input[2] == inputs else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, steps, \(inputs))")
    }
    let width = units * options.directions
    return options.returns == .all ? [input[0], input[1], width] : [input[0], width]
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.children(cells) }

  func text(_ name: String, _ first: String = "") -> String {
    "\(name)(\(inputs), \(units)\(first)\(options.text)" + (cells[0].bias == nil ? ", hasBias: false)" : ")")
  }
}
