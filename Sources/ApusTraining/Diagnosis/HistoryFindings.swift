import ApusCore
import ApusNN

extension History {
  /// What shows in how the losses went.
  /// - Parameters:
  ///   - plateau: a loss whose lowest value is no more than this share of it below the first has not moved.
  ///   - gap: by which share the validation loss has risen above its best and the training loss. An end that somebody asked for, as by
  ///     early stopping, is no finding.
  public func findings(plateau: Double = 1e-3, gap: Double = 0.2) -> [Finding] {
    var findings: [Finding] = []
    guard epochs.count >= 3, let first = losses.first, let last = losses.last else { return findings }
    let lowest = losses.dropFirst().min()!
    if first - lowest < plateau * abs(first) {
      findings.append(
        Finding(
          .plateau,
          "the loss has not moved in \(epochs.count) epochs: it was \(first.formatted("g", precision: 7)) and is "
            + "\(last.formatted("g", precision: 7)), stuck on a plateau; try a larger learning rate or larger initial weights"
        ))
    }
    if stopReason == nil, let best = bestEpoch(), let bestLoss = best.validationLoss,
      let end = epochs.last?.validationLoss,
      end > (1 + gap) * max(bestLoss, last), last < best.loss, best.number < epochs[epochs.count - 3].number
    {
      findings.append(
        Finding(
          .overfitting,
          "the validation loss was best in epoch \(best.number) with \(text(bestLoss)) and has risen to \(text(end)), while the "
            + "training loss went on falling to \(text(last)): high variance; stop early, regularise, or get more data")
      )
    }
    return findings
  }
}
