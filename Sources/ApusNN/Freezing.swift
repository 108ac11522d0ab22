import ApusCore

extension Layer {
  /// Freezes parameters: no gradient is computed for them and no optimiser changes them, until they are unfrozen. Steps that were
  /// recorded as programs record anew.
  ///
  /// ```swift
  /// encoder.freeze()                                   // a layer
  /// model.freeze { $0.hasPrefix("0.") }                // by path
  /// ```
  /// - Parameter isMeant: whether the parameter with this path, as in `namedParameters`, is meant; all of them if not given.
  /// - Returns: how many parameters that are.
  @discardableResult
  public func freeze(where isMeant: (_ path: String) -> Bool = { _ in true }) -> Int {
    setTrainable(false, where: isMeant)
  }

  /// Lets parameters be trained again.
  /// - Returns: how many parameters that are.
  @discardableResult
  public func unfreeze(where isMeant: (_ path: String) -> Bool = { _ in true }) -> Int {
    setTrainable(true, where: isMeant)
  }

  private func setTrainable(_ isTrainable: Bool, where isMeant: (String) -> Bool) -> Int {
    let meant = namedParameters.filter { isMeant($0.name) }
    for (_, parameter) in meant { parameter.isTrainable = isTrainable }
    return meant.count
  }
}
