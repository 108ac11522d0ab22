import CApus
import Testing

/// Numbers in -1 ..< 1 that repeat from run to run and whose sums round, unlike the eighths of `MatmulCase`.
private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
  }
}

private let levels: [Int32] = [512, 2, 0]

/// One row times the transpose of `n` rows of `k`.
private func layer(_ n: Int, _ k: Int, bias: Bool, _ epilogue: apus_epilogue) -> apus_matmul {
  apus_matmul(
    batch: 1, m: 1, n: Int64(n), k: Int64(k), a_batch: 0, a_row: Int64(k), a_column: 1, b_batch: 0, b_row: 1,
    b_column: Int64(k), has_bias: bias, epilogue: epilogue, dtype: APUS_F32)
}

private func product(_ shape: apus_matmul, _ x: [Float], _ weights: [Float], _ bias: [Float]) -> [Float] {
  var (shape, y) = (shape, [Float](repeating: .nan, count: Int(shape.n)))
  let all = apus_matmul_tile(
    first_matrix: 0, end_matrix: 1, first_row: 0, end_row: 1, first_column: 0, end_column: shape.n)
  apus_matmul_own(&shape, x, weights, bias, &y, all)
  return y
}

@Suite("One row times a matrix") struct MatmulRowTests {
  @Test(
    "are the sums, of every length and at every instruction set",
    arguments: [
      64, 65, 71, 79, 96, 100, 127, 128, 129, 130, 144, 200, 257, 300, 512, 513, 527, 528, 560, 575, 576, 784, 1000,
      1023,
    ])
  func isExact(k: Int) {
    let (n, x) = (21, numbers(k, 1))
    let (weights, bias) = (numbers(21 * k, 2), numbers(21, 3))
    for level in levels {
      _ = apus_matmul_own_level(level)
      defer { _ = apus_matmul_own_level(-1) }
      let y = product(layer(n, k, bias: true, APUS_EPILOGUE_NONE), x, weights, bias)
      for j in 0..<n {
        var (sum, magnitude) = (Double(bias[j]), 1.0)
        for p in 0..<k {
          let term = Double(x[p]) * Double(weights[j * k + p])
          sum += term
          magnitude += abs(term)
        }
        #expect(abs(Double(y[j]) - sum) <= 4e-7 * magnitude, "k \(k), column \(j), level \(level)")
      }
    }
  }

  @Test("have the same bits whichever columns are computed together") func parts() {
    let (n, k) = (53, 777)
    var shape = layer(n, k, bias: true, APUS_EPILOGUE_RELU)
    let (x, weights, bias) = (numbers(k, 4), numbers(n * k, 5), numbers(n, 6))
    let whole = product(shape, x, weights, bias)
    for cut in [1, 3, 16, 17, 40] {
      var y = [Float](repeating: .nan, count: n)
      for range in [(0, cut), (cut, n)] {
        let tile = apus_matmul_tile(
          first_matrix: 0, end_matrix: 1, first_row: 0, end_row: 1, first_column: Int64(range.0),
          end_column: Int64(range.1))
        apus_matmul_own(&shape, x, weights, bias, &y, tile)
      }
      #expect(y.map(\.bitPattern) == whole.map(\.bitPattern), "cut at \(cut)")
    }
  }
}

@Suite("Pairs of products of one row") struct MatmulPairTests {
  /// Inputs, hidden units and outputs; stretches of 8 and 16 vectors, of other numbers, and of no whole number.
  private static let extents = [
    (784, 512, 512), (784, 512, 10), (513, 1024, 130), (512, 640, 40), (650, 777, 301), (1000, 1999, 67),
    (4000, 530, 9),
  ]

  @Test("have the bits of both products, packed or not, forwards and backwards", arguments: extents)
  func bits(inputs: Int, hidden: Int, outputs: Int) {
    let (x, w1, b1) = (numbers(inputs, 1), numbers(hidden * inputs, 2), numbers(hidden, 3))
    let (w2, b2) = (numbers(outputs * hidden, 4), numbers(outputs, 5))
    for (bias, epilogue) in [(true, APUS_EPILOGUE_RELU), (false, APUS_EPILOGUE_NONE), (true, APUS_EPILOGUE_TANH)] {
      for level in levels {
        _ = apus_matmul_own_level(level)
        defer { _ = apus_matmul_own_level(-1) }
        var (first, second) = (
          layer(hidden, inputs, bias: bias, epilogue), layer(outputs, hidden, bias: bias, epilogue)
        )
        let expected = product(second, product(first, x, w1, b1), w2, b2)
        var pair = apus_matmul_pair()
        #expect(apus_matmul_pair_make(&first, &second, &pair))
        var packed = [Float](repeating: .nan, count: w2.count)
        apus_matmul_pair_pack(&pair, w2, &packed)
        #expect(packed.sorted() == w2.sorted())
        for isPacked in [false, true] {
          for isBackwards in [false, true] {
            var h = [Float](repeating: .nan, count: hidden)
            var sums = [Float](repeating: .nan, count: 4 * outputs)
            var y = [Float](repeating: .nan, count: outputs)
            for piece in [2, 0, 3, 1] as [Int64] {
              apus_matmul_pair_run(
                &pair, x, w1, b1, &h, isPacked ? packed : w2, isPacked, &sums, piece, isBackwards)
            }
            apus_matmul_pair_finish(&pair, sums, b2, &y)
            #expect(
              y.map(\.bitPattern) == expected.map(\.bitPattern), "level \(level), packed \(isPacked), \(isBackwards)")
          }
        }
      }
    }
  }

  @Test("are not made of what fits the caches, of several rows, or of other layouts") func declined() {
    var pair = apus_matmul_pair()
    func isMade(_ first: apus_matmul, _ second: apus_matmul) -> Bool {
      var (first, second) = (first, second)
      return apus_matmul_pair_make(&first, &second, &pair)
    }
    let (first, second) = (
      layer(512, 784, bias: true, APUS_EPILOGUE_RELU), layer(512, 512, bias: true, APUS_EPILOGUE_RELU)
    )
    #expect(isMade(first, second))
    #expect(!isMade(layer(400, 1000, bias: true, APUS_EPILOGUE_RELU), layer(400, 400, bias: true, APUS_EPILOGUE_RELU)))
    #expect(!isMade(layer(120, 256, bias: true, APUS_EPILOGUE_RELU), layer(84, 120, bias: true, APUS_EPILOGUE_RELU)))
    #expect(!isMade(first, layer(512, 500, bias: true, APUS_EPILOGUE_RELU)))
    var (rows, doubles, transposed) = (first, first, second)
    rows.m = 2
    doubles.dtype = APUS_F64
    (transposed.b_row, transposed.b_column) = (512, 1)
    #expect(!isMade(rows, second))
    #expect(!isMade(doubles, second))
    #expect(!isMade(first, transposed))
  }

  @Test("take a thread's chunks from its last to its first", arguments: 1...9 as ClosedRange<Int64>)
  func mirrored(chunks: Int64) {
    for threads in 1...5 as ClosedRange<Int32> {
      let mirrored = (0..<chunks).map { apus_parallel_mirrored(threads, chunks, $0) }
      #expect(mirrored.sorted() == Array(0..<chunks))
      for (chunk, other) in mirrored.enumerated() { #expect(mirrored[Int(other)] == chunk) }
      // Within a share the order is turned round; shares stay where they are.
      let used = min(Int64(threads), chunks)
      for share in 0..<used {
        let part = chunks * share / used..<chunks * (share + 1) / used
        #expect(part.map { mirrored[Int($0)] } == part.reversed().map { $0 })
      }
    }
  }
}
