/// Finds out where a computation leaves the finite numbers: it is run while every operation's output is looked at, and then followed
/// from a result that is not finite back to the operation that made infinity or NaN of finite numbers.
///
/// An infinity that never reaches the results, such as that of a mask, is no answer.
package enum FiniteSearch {
  /// Where it began.
  package enum Origin {
    /// An operation whose inputs were finite.
    case operation(OperationObserver.Call, value: Double)
    /// A tensor that was there before, such as a parameter.
    case tensor(Tensor, value: Double)
  }

  /// Runs `body`, which computes results in the order of their importance.
  /// - Returns: where the first that is not finite comes from; nil if all are finite.
  package static func origin(of body: () throws -> [Tensor]) rethrows -> Origin? {
    let found = Producers()
    func note(_ call: OperationObserver.Call) {
      for output in call.outputs where output.firstNotFinite != nil {
        guard let storage = output.object.storage else { continue }
        found.calls[ObjectIdentifier(storage)] = call
      }
    }
    let results = try OperationObserver.observing(note, body)
    guard let result = results.first(where: { $0.firstNotFinite != nil }) else { return nil }
    return found.origin(of: result)
  }

  /// The operations that put out something not finite, by the memory of their outputs. They hold on to it, so that no other takes it.
  private final class Producers {
    var calls: [ObjectIdentifier: OperationObserver.Call] = [:]

    func origin(of result: Tensor) -> Origin {
      var (tensor, value) = (result, result.firstNotFinite!)
      // Every step goes to an earlier operation, for none has its own output as an input.
      while let storage = tensor.object.storage, let call = calls[ObjectIdentifier(storage)] {
        let inputs = call.inputs.lazy.compactMap { input in input.firstNotFinite.map { (input, $0) } }
        guard let (input, bad) = inputs.first, input.object.storage !== storage else {
          return .operation(call, value: value)
        }
        (tensor, value) = (input, bad)
      }
      return .tensor(tensor, value: value)
    }
  }
}

extension Tensor {
  /// The first element that is infinite or NaN; nil if there is none.
  package var firstNotFinite: Double? {
    guard dtype.isFloatingPoint, object.storage != nil, count > 0 else { return nil }
    let plain = stopGradient()
    if isFinite(plain).all().elements(as: Bool.self)[0] { return nil }
    // The sign of a NaN says nothing.
    return plain.doubles.first { !$0.isFinite }.map { $0.isNaN ? .nan : $0 }
  }

  /// Whether this tensor shows a parameter's own elements.
  package func shows(_ parameter: Parameter) -> Bool {
    object.storage != nil && object.storage === parameter.stored.object.storage
  }
}
