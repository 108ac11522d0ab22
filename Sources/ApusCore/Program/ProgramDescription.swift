extension Program: CustomStringConvertible {
  /// What was recorded: for every set of input types the list of instructions with the bytes that each reads and writes, and its
  /// arithmetic; or why the step runs operation by operation.
  public var description: String { describe(times: nil) }

  /// ``description`` with the time of every instruction: the median of several runs, which also train what the step trains.
  public func profiled(_ inputs: [Tensor], runs: Int = 20) throws -> String {
    let times = try measure(inputs, runs: runs)
    return describe(times: times)
  }

  private func describe(times: [Double]?) -> String {
    if versions.isEmpty { return "\(name): has not run yet" }
    return versions.sorted { "\($0.key)" < "\($1.key)" }.map { signature, version in
      let types = signature.types.map(\.description).joined(separator: ", ")
      let precision = signature.precision == .float32 ? "" : ", \(signature.precision)"
      let title = "\(name)(\(types))" + (signature.isTraining ? ", training" : "") + precision
      switch version.kind {
      case .eager(let reason): return "\(title): runs operation by operation, since \(reason)"
      case .recorded(let step, _): return "\(title)\n" + step.table(times: latest?.signature == signature ? times : nil)
      }
    }.joined(separator: "\n")
  }
}

extension CompiledStep {
  /// The instructions as a table; `times` in nanoseconds.
  func table(times: [Double]?) -> String {
    let timing = times == nil ? [] : ["us", "share"]
    var rows = [["group", "phase", "operation", "result", "layer", "KB", "MFLOP"] + timing]
    let names = self.names
    let total: Double = times?.reduce(0, +) ?? 0
    for (number, group) in schedule.groups.enumerated() {
      for i in group.instructions {
        let instruction = recording.instructions[i]
        let origin = instruction.origins[0]
        var row = [
          "\(number)", origin.phase.rawValue, instruction.name,
          instruction.outputs.map { "\(names[$0.buffer])\($0.shape)" }.joined(separator: " "), origin.layer,
        ]
        row.append((Double(instruction.bytes) / 1000).formatted(precision: 1))
        row.append((Double(instruction.flops) * 1e-6).formatted(precision: 3))
        if let times {
          let share = 100 * times[i] / max(total, 1)
          row += [(times[i] / 1000).formatted(precision: 1), share.formatted(precision: 0) + " %"]
        }
        rows.append(row)
      }
    }
    let flops = recording.instructions.reduce(0) { $0 + $1.flops }
    let temporary = recording.buffers.filter(\.isTemporary).reduce(0) { $0 + $1.byteCount }
    var summary = "\(recording.instructions.count) instructions in \(schedule.groups.count) groups; "
    summary += (Double(flops) * 1e-6).formatted(precision: 1) + " MFLOP; "
    summary += "\(memory.byteCount / 1000) KB of memory for \(temporary / 1000) KB of temporaries"
    if times != nil { summary += "; " + (total / 1000).formatted(precision: 1) + " us" }
    return aligned(rows, right: [0, 5, 6, 7, 8]) + "\n" + summary
  }

  /// A name for every buffer: parameters by their own, the others by number.
  private var names: [String] {
    recording.buffers.enumerated().map { number, buffer in
      switch buffer.role {
      case .input(let i): "input\(i)"
      case .constant: "constant\(number)"
      case .parameter(let parameter): parameter.name ?? "state\(number)"
      case .temporary: "t\(number)"
      case .result(let i): "result\(i)"
      }
    }
  }
}

/// Lines of columns, as wide as their widest entries.
func aligned(_ rows: [[String]], right: Set<Int>) -> String {
  let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    var line = row.enumerated().map { column, text in
      let space = String(repeating: " ", count: widths[column] - text.count)
      return right.contains(column) ? space + text : text + space
    }.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    return line
  }.joined(separator: "\n")
}
