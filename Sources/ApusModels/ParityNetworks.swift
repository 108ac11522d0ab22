import ApusCore
import ApusNN

// Networks of threshold units, set by hand, that say whether the number of ones among their inputs is odd (notes A11, A12). Few layers need
// exponentially many AND, OR and NOT gates for it; units that add and compare do with n in a single layer, and with 3 (n - 1) in a tree.

/// A tree of XOR gates (notes A12): each level takes its inputs in pairs, and one that is left over goes on to the next.
///
/// A gate has three threshold units: OR and NAND of the pair, and AND of these (notes A11). So n inputs take ⌈log₂ n⌉ levels and 3 (n - 1)
/// units.
public final class ParityTree: Layer {
  /// The number of inputs.
  public let bits: Int
  /// The gates of each level, all with weights of their own.
  public let levels: [[Sequential]]

  /// - Precondition: at least 2 bits.
  public init(bits: Int) {
    guard bits >= 2 else { fatalError("ParityTree: \(bits) bits; expected at least 2") }
    self.bits = bits
    var levels: [[Sequential]] = []
    var width = bits
    while width > 1 {
      levels.append((0..<width / 2).map { _ in Sequential.xorGate() })
      width = (width + 1) / 2
    }
    self.levels = levels
  }

  /// The number of threshold units: 3 (n - 1).
  public var unitCount: Int {
    levels.joined().reduce(0) { $0 + $1.layers.reduce(0) { $0 + (($1 as? Dense)?.outputs ?? 0) } }
  }

  /// From bits (n, bits), 0 or 1, to their parity (n, 1).
  public func forward(_ x: Tensor) -> Tensor {
    var values = x
    for gates in levels {
      var next = gates.enumerated().map { i, gate in gate(values[0..., 2 * i..<2 * i + 2]) }
      let width = values.shape[1]
      if width % 2 == 1 { next.append(values[0..., width - 1..<width]) }
      values = concatenate(next, axis: 1)
    }
    return values
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 2, input[1] == bits else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, \(bits))")
    }
    return [input[0], 1]
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.children(levels.flatMap { $0 }) }

  public var description: String { "ParityTree(bits: \(bits))" }
}

extension Sequential {
  /// XOR of two threshold layers: OR and NAND, then AND (notes A11).
  public static func xorGate() -> Sequential {
    let inner = Dense(2, 2, activation: .step, weights: .zeros)
    inner.weight.value = Tensor([1, 1, -1, -1] as [Float], shape: [2, 2])
    inner.bias?.value = Tensor([-0.5, 1.5] as [Float])
    let outer = Dense(2, 1, activation: .step, weights: .zeros)
    outer.weight.value = Tensor([1, 1] as [Float], shape: [1, 2])
    outer.bias?.value = Tensor([-1.5] as [Float])
    return Sequential([inner, outer])
  }

  /// Parity with one hidden layer of n threshold units (notes A12): unit k says whether at least k inputs are 1, and the output adds
  /// these answers with alternating signs, so that one is left over where their number is odd.
  public static func shallowParity(bits: Int) -> Sequential {
    guard bits >= 1 else { fatalError("shallowParity: \(bits) bits; expected at least 1") }
    let hidden = Dense(bits, bits, activation: .step, weights: .ones)
    hidden.bias?.value = Tensor((1...bits).map { 0.5 - Float($0) })
    let output = Dense(bits, 1, activation: .step, weights: .zeros)
    output.weight.value = Tensor((0..<bits).map { $0 % 2 == 0 ? 1 : -1 } as [Float], shape: [1, bits])
    output.bias?.value = Tensor([-0.5] as [Float])
    return Sequential([hidden, output])
  }
}
