// In which order instructions run, which run side by side, and where their memory lies.

/// Instructions that do not depend on each other, and run as one parallel region.
struct Group: Sendable {
  /// Positions in the list of instructions.
  var instructions: [Int]
}

struct Schedule: Sendable {
  var groups: [Group] = []

  /// Every instruction runs as early as what it depends on allows.
  init(_ recording: Recording) {
    var level = [Int](repeating: 0, count: recording.instructions.count)
    var lastWrite = [Int](repeating: -1, count: recording.buffers.count)
    var lastRead = [Int](repeating: -1, count: recording.buffers.count)
    /// The level of the latest check: nothing that comes after it may run before it has passed.
    var gate = -1
    for (i, instruction) in recording.instructions.enumerated() {
      var earliest = gate + 1
      for buffer in instruction.reads { earliest = max(earliest, lastWrite[buffer] + 1) }
      for buffer in instruction.writes {
        earliest = max(earliest, lastWrite[buffer] + 1, lastRead[buffer] + 1)
      }
      level[i] = earliest
      for buffer in instruction.reads { lastRead[buffer] = max(lastRead[buffer], earliest) }
      for buffer in instruction.writes { lastWrite[buffer] = earliest }
      if instruction.kernel.hasEffect { gate = earliest }
    }
    groups = Array(repeating: Group(instructions: []), count: (level.max() ?? -1) + 1)
    for (i, level) in level.enumerated() { groups[level].instructions.append(i) }
  }
}

/// Where every temporary buffer lies in one block of memory: buffers that are not in use at the same time share a place.
struct MemoryPlan: Sendable {
  /// In bytes from the beginning of the block; nil for what is not temporary.
  private(set) var offsets: [Int?]
  private(set) var byteCount = 0

  init(_ recording: Recording, _ schedule: Schedule) {
    let count = recording.buffers.count
    // The groups between a buffer's first and last use.
    var first = [Int](repeating: .max, count: count)
    var last = [Int](repeating: -1, count: count)
    for (level, group) in schedule.groups.enumerated() {
      for i in group.instructions {
        let instruction = recording.instructions[i]
        for buffer in instruction.reads + instruction.writes {
          first[buffer] = min(first[buffer], level)
          last[buffer] = max(last[buffer], level)
        }
      }
    }
    var place = Array(0..<count)  // the buffer whose memory this one uses
    Self.shareInPlace(recording, schedule, &first, &last, &place)

    offsets = Array(repeating: nil, count: count)
    let owners = (0..<count).filter { recording.buffers[$0].isTemporary && place[$0] == $0 && last[$0] >= 0 }
    // Large ones first: small ones fill the gaps.
    let bySize = owners.sorted {
      let (a, b) = (recording.buffers[$0].byteCount, recording.buffers[$1].byteCount)
      return a == b ? $0 < $1 : a > b
    }
    var placed: [(begin: Int, end: Int, buffer: Int)] = []
    for buffer in bySize {
      let size = max(64, (recording.buffers[buffer].byteCount + 63) & ~63)
      var begin = 0
      for other in placed where first[other.buffer] <= last[buffer] && first[buffer] <= last[other.buffer] {
        if other.begin >= begin + size { break }
        begin = max(begin, other.end)
      }
      let position = placed.firstIndex { $0.begin > begin } ?? placed.count
      placed.insert((begin, begin + size, buffer), at: position)
      offsets[buffer] = begin
      byteCount = max(byteCount, begin + size)
    }
    for buffer in 0..<count where recording.buffers[buffer].isTemporary {
      var owner = buffer
      while place[owner] != owner { owner = place[owner] }
      offsets[buffer] = offsets[owner]
    }
  }

  /// Whether a result of a call lies where one of its inputs was: buffers that are in use at the same time share no place otherwise.
  func overwrites(_ input: Operand, _ output: Operand) -> Bool {
    input.buffer != output.buffer && offsets[input.buffer] != nil && offsets[input.buffer] == offsets[output.buffer]
  }

  /// An element-wise result goes where an input was that nobody needs any more; what computes it has to know (``overwrites(_:_:)``), or it
  /// might write one of several results before it has read that input for another.
  private static func shareInPlace(
    _ recording: Recording, _ schedule: Schedule, _ first: inout [Int], _ last: inout [Int], _ place: inout [Int]
  ) {
    func owner(_ buffer: Int) -> Int {
      var owner = buffer
      while place[owner] != owner { owner = place[owner] }
      return owner
    }
    for (level, group) in schedule.groups.enumerated() {
      var readers: [Int: Int] = [:]
      for i in group.instructions {
        for buffer in Set(recording.instructions[i].reads) { readers[owner(buffer), default: 0] += 1 }
      }
      for i in group.instructions {
        guard case .elementwise = recording.instructions[i].kernel else { continue }
        var taken: Set<Int> = []
        for output in recording.instructions[i].outputs
        where recording.buffers[output.buffer].isTemporary && first[output.buffer] == level
          && place[output.buffer] == output.buffer && output.isDense
        {
          for input in recording.instructions[i].inputs {
            let source = owner(input.buffer)
            guard recording.buffers[source].isTemporary, last[source] == level, first[source] < level,
              readers[source] == 1, !taken.contains(source), input.isDense, input.offset == output.offset,
              input.count == output.count, input.dtype == output.dtype,
              recording.buffers[source].byteCount == recording.buffers[output.buffer].byteCount,
              // Read once more in another way, it might be overwritten too early.
              recording.instructions[i].inputs.filter({ owner($0.buffer) == source }).count == 1
            else { continue }
            taken.insert(source)
            place[output.buffer] = source
            last[source] = max(last[source], last[output.buffer])
            break
          }
        }
      }
    }
  }
}
