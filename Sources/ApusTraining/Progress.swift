import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How a training run reports while it runs, on standard error.
public enum Progress: Sendable, Hashable {
  /// A bar on a terminal, lines elsewhere.
  case automatic
  /// A bar that is drawn anew, with the time that is left.
  case bar
  /// One line for an epoch; of very many epochs, about twenty.
  case lines
  /// Nothing.
  case silent
}

/// Writes the reports.
package struct ProgressReporter {
  private let style: Progress
  private let epochs: Int
  private let start = ContinuousClock.now
  private var lastDrawn = ContinuousClock.now
  private var lastEpoch = ""
  private let lineInterval: Int

  package init(_ style: Progress, epochs: Int) {
    self.style = style == .automatic ? (isatty(2) == 1 ? .bar : .lines) : style
    self.epochs = epochs
    lineInterval = max(1, epochs / 20)
  }

  /// Called after each batch.
  package mutating func batch(epoch: Int, fraction: Double) {
    guard style == .bar, ContinuousClock.now - lastDrawn > .milliseconds(50) else { return }
    lastDrawn = .now
    let done = (Double(epoch - 1) + fraction) / Double(epochs)
    let elapsed = (ContinuousClock.now - start).seconds
    let width = 24
    let filled = Int(done * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    let left = done > 0 ? Self.duration(elapsed * (1 - done) / done) : "?"
    write("\r\u{1B}[Kepoch \(epoch)/\(epochs) \(bar) \(Int(done * 100))%  \(left) left  \(lastEpoch)")
  }

  /// Called after each epoch.
  /// - Parameter stopReason: why it is the last one, though others were to follow.
  package mutating func epoch(_ epoch: Epoch, metricNames: [String], stopReason: String? = nil) {
    var parts = ["loss \(epoch.loss.formatted(precision: 4))"]
    parts += metricNames.compactMap { name in epoch.metrics[name].map { "\(name) \($0.formatted(precision: 4))" } }
    if let loss = epoch.validationLoss { parts.append("validation loss \(loss.formatted(precision: 4))") }
    parts += metricNames.compactMap { name in
      epoch.validationMetrics[name].map { "validation \(name) \($0.formatted(precision: 4))" }
    }
    lastEpoch = parts.joined(separator: ", ")
    let isShown = epoch.number % lineInterval == 0 || epoch.number == 1 || epoch.number == epochs || stopReason != nil
    switch style {
    case .bar where isShown: write("\r\u{1B}[Kepoch \(epoch.number)/\(epochs)  \(lastEpoch)\n")
    case .lines where isShown:
      write("epoch \(epoch.number)/\(epochs)  \(lastEpoch)  (\(Self.duration(epoch.seconds)))\n")
    default: break
    }
    if let stopReason, style == .bar || style == .lines { write("ended: \(stopReason)\n") }
  }

  /// "350 ms", "12 s", "3 min 20 s", "2 h 5 min".
  static func duration(_ seconds: Double) -> String {
    let milliseconds = Int((seconds * 1000).rounded())
    if milliseconds < 1000 { return "\(milliseconds) ms" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  private func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { systemWrite($0.baseAddress!, $0.count) }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

private func systemWrite(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  #if canImport(Glibc)
    Glibc.write(2, bytes, count)
  #elseif canImport(Musl)
    Musl.write(2, bytes, count)
  #else
    Darwin.write(2, bytes, count)
  #endif
}
