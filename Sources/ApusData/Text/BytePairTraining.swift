/// Finds the merges of a byte pair encoding.
///
/// The text is a set of different pieces with their counts. For each pair of tokens it is known how often it occurs and in which pieces, so
/// a merge only touches those; a heap finds the most frequent pair, in which counts that have changed are put right when they come up.
struct BytePairTraining {
  typealias TokenPair = BytePairTokenizer.TokenPair

  private var pieces: [(tokens: [Int], count: Int)] = []
  private var counts: [TokenPair: Int] = [:]
  /// The pieces in which a pair occurs, or did.
  private var places: [TokenPair: Set<Int>] = [:]
  private var heap = Heap()

  init(pieces all: [ArraySlice<UInt8>]) {
    var different: [ArraySlice<UInt8>: Int] = [:]
    for piece in all where piece.count > 1 { different[piece, default: 0] += 1 }
    for (piece, count) in different {
      let tokens = piece.map(Int.init)
      for i in 1..<tokens.count {
        let pair = TokenPair(tokens[i - 1], tokens[i])
        counts[pair, default: 0] += count
        places[pair, default: []].insert(pieces.count)
      }
      pieces.append((tokens, count))
    }
    for (pair, count) in counts { heap.push(Heap.Entry(count: count, pair: pair)) }
  }

  /// The pairs that become tokens, most frequent first; ends early when no pair occurs twice.
  mutating func merges(atMost limit: Int) -> [TokenPair] {
    var merges: [TokenPair] = []
    while merges.count < limit, let entry = heap.pop() {
      let count = counts[entry.pair] ?? 0
      guard count >= 2 else { continue }
      if count != entry.count {
        if count < entry.count { heap.push(Heap.Entry(count: count, pair: entry.pair)) }
        continue  // a larger count has an entry of its own
      }
      merge(entry.pair, into: 256 + merges.count)
      merges.append(entry.pair)
    }
    return merges
  }

  private mutating func merge(_ pair: TokenPair, into token: Int) {
    var changed: Set<TokenPair> = []
    for place in places[pair] ?? [] {
      let count = pieces[place].count
      func add(_ sign: Int, _ tokens: [Int]) {
        for i in 1..<max(1, tokens.count) {
          let pair = TokenPair(tokens[i - 1], tokens[i])
          counts[pair, default: 0] += sign * count
          if sign > 0 {
            places[pair, default: []].insert(place)
            changed.insert(pair)
          }
        }
      }
      add(-1, pieces[place].tokens)
      Self.merge(pair, into: token, &pieces[place].tokens)
      add(1, pieces[place].tokens)
    }
    counts[pair] = nil
    places[pair] = nil
    for pair in changed { if let count = counts[pair] { heap.push(Heap.Entry(count: count, pair: pair)) } }
  }

  /// Replaces each occurrence of a pair, from the left.
  static func merge(_ pair: TokenPair, into token: Int, _ tokens: inout [Int]) {
    var (from, to) = (0, 0)
    while from < tokens.count {
      if from + 1 < tokens.count, tokens[from] == pair.first, tokens[from + 1] == pair.second {
        tokens[to] = token
        from += 2
      } else {
        tokens[to] = tokens[from]
        from += 1
      }
      to += 1
    }
    tokens.removeLast(tokens.count - to)
  }

  /// A binary heap with the most frequent pair on top, of equally frequent ones the smallest.
  private struct Heap {
    struct Entry {
      let count: Int
      let pair: TokenPair
      func precedes(_ other: Entry) -> Bool { count != other.count ? count > other.count : pair < other.pair }
    }
    private var entries: [Entry] = []

    mutating func push(_ entry: Entry) {
      entries.append(entry)
      var child = entries.count - 1
      while child > 0, entries[child].precedes(entries[(child - 1) / 2]) {
        entries.swapAt(child, (child - 1) / 2)
        child = (child - 1) / 2
      }
    }

    mutating func pop() -> Entry? {
      guard let top = entries.first else { return nil }
      entries.swapAt(0, entries.count - 1)
      entries.removeLast()
      var parent = 0
      while true {
        var first = parent
        for child in [2 * parent + 1, 2 * parent + 2]
        where child < entries.count && entries[child].precedes(entries[first]) {
          first = child
        }
        if first == parent { return top }
        entries.swapAt(parent, first)
        parent = first
      }
    }
  }
}
