extension Program: CustomStringConvertible {
  /// What was recorded: for every set of input types the list of instructions with the bytes that each reads and writes, its
  /// arithmetic and, once it was measured by ``profile(over:)``, its time; or why the step runs operation by operation.
  public var description: String {
    if versions.isEmpty { return "\(name): has not run yet" }
    return versions.sorted { "\($0.key)" < "\($1.key)" }.map { signature, version in
      let title = title(of: signature)
      switch version.kind {
      case .eager(let reason): return "\(title): runs operation by operation, since \(reason)"
      case .recorded(let step, _): return "\(title)\n\(step.table(times: times[signature]))"
      }
    }.joined(separator: "\n")
  }

  /// "training step(float32(32, 64), int32(32)), training".
  func title(of signature: Signature) -> String {
    let types = signature.types.map(\.description).joined(separator: ", ")
    let precision = signature.precision == .float32 ? "" : ", \(signature.precision)"
    return "\(name)(\(types))" + (signature.isTraining ? ", training" : "") + precision
  }
}

extension CompiledStep {
  /// The instructions as a table; `times` in nanoseconds.
  fileprivate func table(times: [Double]?) -> String {
    var rows = [["group", "phase", "operation", "result", "layer", "KB", "MFLOP"] + (times == nil ? [] : ["us"])]
    let names = self.names
    for (number, group) in schedule.groups.enumerated() {
      for i in group.instructions {
        let instruction = recording.instructions[i]
        let origin = instruction.origins[0]
        var row = [
          "\(number)", origin.phase.rawValue, instruction.name,
          instruction.outputs.map { "\(names[$0.buffer])\($0.shape)" }.joined(separator: " "), origin.layer,
          (Double(instruction.bytes) / 1000).formatted(precision: 1),
          (Double(instruction.flops) * 1e-6).formatted(precision: 3),
        ]
        if let times { row.append((times[i] / 1000).formatted(precision: 1)) }
        rows.append(row)
      }
    }
    let flops = recording.instructions.reduce(0) { $0 + $1.flops }
    let temporary = recording.buffers.filter(\.isTemporary).reduce(0) { $0 + $1.byteCount }
    var summary = "\(recording.instructions.count) instructions in \(schedule.groups.count) groups; "
    summary += (Double(flops) * 1e-6).formatted(precision: 1) + " MFLOP; "
    summary += "\(memory.byteCount / 1000) KB of memory for \(temporary / 1000) KB of temporaries"
    return alignedTable(rows, leading: [1, 2, 3, 4]) + "\n" + summary
  }

  /// A name for every buffer: parameters by their own, numbered where several have it, the others by position.
  private var names: [String] {
    var counts: [String: Int] = [:]
    let own = recording.buffers.map { $0.parameter.map { $0.name ?? "state" } }
    for name in own { if let name { counts[name, default: 0] += 1 } }
    var numbers: [String: Int] = [:]
    return recording.buffers.enumerated().map { number, buffer in
      if let name = own[number] {
        numbers[name, default: 0] += 1
        return counts[name] == 1 ? name : "\(name)\(numbers[name]!)"
      }
      return switch buffer.role {
      case .input(let i): "input\(i)"
      case .constant: "constant\(number)"
      case .result(let i): "result\(i)"
      case .temporary, .parameter: "t\(number)"
      }
    }
  }
}
