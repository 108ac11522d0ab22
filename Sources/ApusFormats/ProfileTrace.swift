import ApusCore

extension ProgramProfile {
  /// The last `steps` steps as a trace in Chrome's Trace Event Format, which chrome://tracing and Perfetto show: an event for each step,
  /// and within it one for each instruction. Times are in microseconds.
  public func trace(steps count: Int = 5) -> JSON {
    let first = max(0, steps.count - count)
    var events = [Self.label("process_name", "apus"), Self.label("thread_name", name)]
    for (number, step) in steps.enumerated().dropFirst(first) {
      events.append(
        Self.event("step \(number + 1)", category: "step", start: step.start, duration: step.duration, arguments: []))
      events += step.events.map { event in
        let row = rows[event.row]
        return Self.event(
          row.operation, category: row.phase.rawValue, start: event.start, duration: event.duration,
          arguments: [
            JSON.Member("layer", .string(row.layer)),
            JSON.Member("results", .array(row.results.map { .string($0.description) })),
            JSON.Member("bytes", .integer(row.bytes)), JSON.Member("flops", .integer(row.flops)),
          ])
      }
    }
    return ["traceEvents": .array(events), "displayTimeUnit": "ns"]
  }

  /// Writes ``trace(steps:)`` as a whole or not at all; an existing file stays intact if anything fails.
  /// - Throws: `FileFormatError` naming the path.
  public func writeTrace(to path: String) throws(FileFormatError) {
    try TextFile.write(trace().text() + "\n", to: path)
  }

  /// A complete event, with times in nanoseconds, which are rounded to whole ones: events that do not overlap stay so.
  private static func event(
    _ name: String, category: String, start: Double, duration: Double, arguments: [JSON.Member]
  ) -> JSON {
    let (begin, end) = (start.rounded(), (start + duration).rounded())
    return [
      "name": .string(name), "cat": .string(category), "ph": "X", "ts": .number(begin / 1000),
      "dur": .number((end - begin) / 1000), "pid": 1, "tid": 1, "args": .object(arguments),
    ]
  }

  /// The name of the track that the events are on.
  private static func label(_ kind: String, _ name: String) -> JSON {
    ["name": .string(kind), "ph": "M", "pid": 1, "tid": 1, "args": ["name": .string(name)]]
  }
}
