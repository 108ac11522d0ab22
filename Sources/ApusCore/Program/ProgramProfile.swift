/// Where the time of a program's step goes: what ``Program/profile(_:runs:)`` finds.
///
/// The description is for people: a table of the instructions, and sums for layers and phases.
public struct ProgramProfile: Sendable {
  /// One instruction of the step.
  public struct Row: Sendable, Hashable {
    /// The phase of the step; of fused operations that of the first.
    public let phase: Phase
    /// The layer by its place in the model and as it was written, such as "1: Dense(64, 10)"; an update belongs to the layer whose
    /// parameter it changes. Empty outside of layers.
    public let layer: String
    /// The operation's name; "a + b" for operations that were fused.
    public let operation: String
    /// The types of what it computes.
    public let results: [TensorType]
    /// How long it takes with all threads, as a median: in nanoseconds. Zero for a look at one number that must be finite.
    public let nanoseconds: Double
    /// The bytes that it must read and write.
    public let bytes: Int
    /// The additions, multiplications and so on that it does.
    public let flops: Int
    /// Whether arithmetic limits its speed, as that of matrix products, and not memory.
    public let isArithmetic: Bool
  }

  /// The time that several rows take together.
  public struct Part: Sendable, Hashable {
    /// What the rows have in common: a phase or a layer.
    public let name: String
    /// In nanoseconds.
    public let nanoseconds: Double
  }

  /// One run of the step, instruction by instruction.
  public struct Step: Sendable, Hashable {
    /// One run of one instruction.
    public struct Event: Sendable, Hashable {
      /// The position of its row among ``ProgramProfile/rows``.
      public let row: Int
      /// When it began, in nanoseconds since the first step began.
      public let start: Double
      /// How many nanoseconds it took.
      public let duration: Double
    }

    /// When it began, in nanoseconds since the first step began.
    public let start: Double
    /// How many nanoseconds it took.
    public let duration: Double
    /// In the order in which they ran; none overlap.
    public let events: [Event]
  }

  /// The program with the types of its inputs.
  public let name: String
  /// Why the step runs operation by operation, so that there are no rows; nil for a step that is recorded.
  public let reasonForNoRows: String?
  /// All instructions, in the order in which the step was written; they run as early as their inputs allow.
  public let rows: [Row]
  /// The runs that the rows are medians of.
  public let steps: [Step]
  /// How long a step takes as it usually runs, where instructions run side by side: a median in nanoseconds.
  public let stepNanoseconds: Double
  /// The memory that a recorded step has for its temporaries, in bytes.
  public let arenaBytes: Int
  /// The most memory that the process held at one time before the profile was made, in bytes; 0 where the system does not say.
  public let peakMemory: Int
  /// What this machine can do.
  public let machine: MachinePeak

  /// All rows together, in nanoseconds.
  public var total: Double { rows.reduce(0) { $0 + $1.nanoseconds } }

  /// The time of each phase, in the order of a step.
  public var byPhase: [Part] {
    Phase.allCases.map { phase in
      Part(name: phase.rawValue, nanoseconds: rows.lazy.filter { $0.phase == phase }.reduce(0) { $0 + $1.nanoseconds })
    }
  }

  /// The time of each layer in all phases, in the order in which layers first run; last, under the name "", what is outside of layers.
  public var byLayer: [Part] {
    layers.map { layer in
      Part(name: layer, nanoseconds: rows.lazy.filter { $0.layer == layer }.reduce(0) { $0 + $1.nanoseconds })
    }
  }

  private var layers: [String] {
    var layers: [String] = []
    for row in rows where !layers.contains(row.layer) && !row.layer.isEmpty { layers.append(row.layer) }
    return rows.contains { $0.layer.isEmpty } ? layers + [""] : layers
  }
}

// MARK: - As a text

extension ProgramProfile: CustomStringConvertible {
  public var description: String {
    var parts: [String] = []
    if let reasonForNoRows {
      parts = [
        "\(name): runs operation by operation, since \(reasonForNoRows)",
        Self.milliseconds(stepNanoseconds) + " ms for a step",
      ]
    } else {
      parts = [
        name, instructionTable, "", layerTable, "", timing,
        "peak measured here: \(machine); what is in a cache comes faster",
      ]
    }
    return (parts + [memory]).joined(separator: "\n")
  }

  private var instructionTable: String {
    let header = ["phase", "layer", "operation", "result", "ms", "share", "rate", "of peak"]
    let lines = rows.map { row in
      [
        row.phase.rawValue, row.layer, row.operation, row.results.map(\.shape.description).joined(separator: " "),
        Self.milliseconds(row.nanoseconds), share(row.nanoseconds),
      ] + rate(of: row)
    }
    return alignedTable([header] + lines, leading: [0, 1, 2, 3])
  }

  /// Layers down, phases across, with the sums of both.
  private var layerTable: String {
    func line(_ name: String, _ rows: [Row]) -> [String] {
      let times = Phase.allCases.map { phase in
        rows.reduce(0) { $0 + ($1.phase == phase ? $1.nanoseconds : 0) }
      }
      let sum = times.reduce(0, +)
      return [name] + times.map(Self.milliseconds) + [Self.milliseconds(sum), share(sum)]
    }
    let header = ["layer"] + Phase.allCases.map(\.rawValue) + ["ms", "share"]
    let lines = layers.map { layer in
      line(layer.isEmpty ? "outside of layers" : layer, rows.filter { $0.layer == layer })
    }
    let total = line("all", rows)
    let phases = byPhase.map { share($0.nanoseconds) }
    return alignedTable([header] + lines + [total, ["share"] + phases])
  }

  private var timing: String {
    "\(Self.milliseconds(stepNanoseconds)) ms for a step as it usually runs, \(Self.milliseconds(total)) ms for its \(rows.count) "
      + "instructions one after the other; medians of \(steps.count)"
  }

  private var memory: String {
    var parts: [String] = []
    if peakMemory > 0 { parts.append("\(Self.megabytes(peakMemory)) MB held by the process at most") }
    if reasonForNoRows == nil { parts.append("\(Self.megabytes(arenaBytes)) MB for the step's temporaries") }
    return parts.isEmpty ? "" : "memory: " + parts.joined(separator: ", ")
  }

  /// The speed, and its share of what the machine can do.
  private func rate(of row: Row) -> [String] {
    guard row.nanoseconds > 0 else { return ["", ""] }
    let (amount, peak) =
      row.isArithmetic ? (row.flops, machine.flopsPerSecond) : (row.bytes, machine.bytesPerSecond)
    guard amount > 0 else { return ["", ""] }
    let rate = Double(amount) / row.nanoseconds  // per nanosecond: in units of 10⁹ per second
    let unit = row.isArithmetic ? "GFLOP/s" : "GB/s"
    return ["\(rate.formatted(precision: 1)) \(unit)", Self.percent(rate * 1e9 / peak)]
  }

  private func share(_ nanoseconds: Double) -> String { Self.percent(nanoseconds / max(total, 1)) }

  private static func percent(_ share: Double) -> String { (100 * share).formatted(precision: 0) + " %" }
  private static func milliseconds(_ nanoseconds: Double) -> String { (nanoseconds * 1e-6).formatted(precision: 4) }
  private static func megabytes(_ bytes: Int) -> String { (Double(bytes) * 1e-6).formatted(precision: 1) }
}
