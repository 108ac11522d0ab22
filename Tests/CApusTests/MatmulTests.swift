import CApus
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private let extents = [0, 1, 2, 3, 5, 8, 16, 17, 31, 64, 100, 257]
/// All small combinations, and every extent once in each place.
private let shapes: [(m: Int, n: Int, k: Int)] = {
  var shapes: [(Int, Int, Int)] = []
  for m in extents where m <= 17 {
    for n in extents where n <= 17 { for k in extents where k <= 17 { shapes.append((m, n, k)) } }
  }
  for e in extents where e > 17 {
    for (x, y) in [(1, 1), (1, 17), (4, 2), (8, 16), (10, 33), (64, 5), (3, 100)] {
      shapes += [(e, x, y), (x, e, y), (x, y, e)]
    }
  }
  return shapes + [
    (257, 100, 64), (64, 257, 100), (100, 64, 257), (12, 150, 300), (40, 150, 300), (4, 2, 400), (1, 4, 400),
    (400, 4, 2),
  ]
}()

/// The instruction sets that this machine has.
private let levels: [Int32] = {
  let best = apus_matmul_own_level(-1)
  return [0, 2, 512].filter { $0 <= best }
}()

/// All of C.
private func whole(_ s: apus_matmul) -> apus_matmul_tile {
  apus_matmul_tile(first_matrix: 0, end_matrix: s.batch, first_row: 0, end_row: s.m, first_column: 0, end_column: s.n)
}

@Suite(.serialized) struct MatmulTests {
  @Test func ownKernels() {
    defer { apus_matmul_own_level(-1) }
    for (m, n, k) in shapes {
      for a in MatmulCase.Layout.allCases {
        for b in MatmulCase.Layout.allCases {
          let product = MatmulCase(m, n, k, a: a, b: b, bias: (m + n + k) % 2 == 1)
          let reference = product.reference()
          for level in levels {
            apus_matmul_own_level(level)
            product.check(product.ownFloat(), "own \(level)", against: reference)
          }
        }
      }
    }
  }

  /// Products that are computed in blocks: whole ones and edges, several stretches of k, fewer rows than a block has.
  static let largeShapes = [
    (128, 130, 131), (150, 17, 900), (20, 120, 1100), (5, 900, 1100), (65, 97, 515), (513, 49, 96), (301, 260, 33),
    (96, 96, 256), (270, 1000, 16),
  ]

  @Test(arguments: largeShapes) func blocks(m: Int, n: Int, k: Int) {
    defer { apus_matmul_own_level(-1) }
    for a in [MatmulCase.Layout.plain, .transposed] {
      for b in [MatmulCase.Layout.plain, .transposed] {
        for hasBias in [false, true] {
          // Parts of larger matrices, so that there are gaps between rows, or columns.
          var product = MatmulCase(
            m + 2, n + 3, k + 5, a: a, b: b, bias: hasBias, epilogue: hasBias ? APUS_EPILOGUE_RELU : APUS_EPILOGUE_NONE)
          (product.shape.m, product.shape.n, product.shape.k) = (Int64(m), Int64(n), Int64(k))
          let reference = product.reference()
          for level in levels {
            apus_matmul_own_level(level)
            product.shape.dtype = APUS_F32
            product.check(product.planned(APUS_MATMUL_OWN).values, "blocks \(level)", against: reference)
            product.shape.dtype = APUS_F64
            let wide = product.own(Double.self, { $0 }, zero: .nan)
            #expect(zip(wide, reference.values).allSatisfy { abs($0 - $1) <= 1e-12 * abs($1) + 1e-12 })
          }
        }
      }
    }
  }

  /// Operands that end where memory ends: to read beyond them would stop the tests.
  @Test func nothingBeyondTheOperandsIsRead() {
    defer { apus_matmul_own_level(-1) }
    for (m, n, k) in Self.largeShapes {
      for a in [MatmulCase.Layout.plain, .transposed] {
        for b in [MatmulCase.Layout.plain, .transposed] {
          let product = MatmulCase(m, n, k, a: a, b: b)
          let (left, right) = (GuardedFloats(product.a), GuardedFloats(product.b))
          let result = GuardedFloats([Double](repeating: .nan, count: m * n))
          for level in levels {
            apus_matmul_own_level(level)
            withUnsafePointer(to: product.shape) {
              apus_matmul_own($0, left.start, right.start, nil, result.start, whole($0.pointee))
            }
            #expect(result.values == product.ownFloat())
          }
        }
      }
    }
  }

  @Test func notANumberAndInfinity() {
    for (a, b) in [(MatmulCase.Layout.plain, MatmulCase.Layout.transposed), (.transposed, .plain)] {
      var product = MatmulCase(150, 140, 130, a: a, b: b, bias: true, epilogue: APUS_EPILOGUE_RELU)
      let (row, k) = (17, 100)
      product.a[row * Int(product.shape.a_row) + k * Int(product.shape.a_column)] = .nan
      let values = product.ownFloat()
      for i in 0..<150 { #expect(values[(i * 140)..<((i + 1) * 140)].allSatisfy { $0.isNaN == (i == row) }) }
      product.a[row * Int(product.shape.a_row) + k * Int(product.shape.a_column)] = .infinity
      product.bias = nil
      (product.shape.has_bias, product.shape.epilogue) = (false, APUS_EPILOGUE_NONE)
      let infinite = product.ownFloat()
      for j in 0..<140 {
        let factor = product.b[k * Int(product.shape.b_row) + j * Int(product.shape.b_column)]
        let value = infinite[row * 140 + j]
        #expect(factor == 0 ? value.isNaN : value == (factor > 0 ? Float.infinity : -.infinity))
      }
    }
  }

  @Test func whatOneDNNCannotDoIsAStatus() {
    var shape = MatmulCase(4, 4, 4, dtype: APUS_BF16)
    #expect(shape.planned(APUS_MATMUL_PRIMITIVE).status == 0 || !apus_has_bfloat16())
    shape.shape.dtype = APUS_F32
    #expect(shape.planned(APUS_MATMUL_PRIMITIVE).status != 0)
    #expect(MatmulCase(4, 4, 4, b: .spaced, dtype: APUS_BF16).planned(APUS_MATMUL_PRIMITIVE).status != 0)
    #expect(MatmulCase(4, 4, 0, dtype: APUS_BF16).planned(APUS_MATMUL_PRIMITIVE).status != 0)
    #expect(String(cString: apus_onednn_status_name(0)) == "success")
    #expect(apus_onednn_version() >= 20000)
  }

  @Test(arguments: [
    APUS_EPILOGUE_NONE.rawValue, APUS_EPILOGUE_RELU.rawValue, APUS_EPILOGUE_TANH.rawValue,
    APUS_EPILOGUE_SIGMOID.rawValue,
  ])
  func epilogues(kind: UInt8) {
    let epilogue = apus_epilogue(rawValue: kind)
    for (m, n, k) in [
      (1, 1, 1), (400, 1, 4), (400, 4, 2), (5, 17, 3), (32, 128, 64), (3, 100, 70), (4, 3, 400), (3, 5, 0),
      (128, 140, 150),
    ] {
      for hasBias in [false, true] {
        for b in MatmulCase.Layout.allCases {
          let product = MatmulCase(m, n, k, b: b, bias: hasBias, epilogue: epilogue)
          for level in levels {
            apus_matmul_own_level(level)
            product.check(product.ownFloat(), "own")
          }
          product.check(product.planned(APUS_MATMUL_OWN).values, "parallel")
        }
      }
    }
  }

  @Test func epiloguesAtTheEdges() {
    // A 1 x 1 product by 1 hands any number to the epilogue.
    let numbers: [Float] = [
      .nan, .infinity, -.infinity, 1e30, -1e30, 89, -89, 104, -104, 0, -0.0, 1e-20, -1e-20, 0.624, 0.626,
    ]
    for level in levels {
      apus_matmul_own_level(level)
      for x in numbers {
        func after(_ epilogue: apus_epilogue) -> Float {
          var c: Float = 0
          withUnsafePointer(to: MatmulCase(1, 1, 1, epilogue: epilogue).shape) {
            apus_matmul_own($0, [x], [Float(1)], nil, &c, whole($0.pointee))
          }
          return c
        }
        if x.isNaN {
          #expect(
            after(APUS_EPILOGUE_RELU).isNaN && after(APUS_EPILOGUE_TANH).isNaN && after(APUS_EPILOGUE_SIGMOID).isNaN)
        } else {
          let clamped = Double(max(-700, min(700, x)))
          #expect(after(APUS_EPILOGUE_RELU) == max(0, x))
          #expect(
            abs(Double(after(APUS_EPILOGUE_TANH)) - clamped.after(APUS_EPILOGUE_TANH)) <= 2e-7 * min(1, abs(clamped)))
          #expect(abs(after(APUS_EPILOGUE_TANH)) <= 1)
          #expect(abs(Double(after(APUS_EPILOGUE_SIGMOID)) - clamped.after(APUS_EPILOGUE_SIGMOID)) <= 1.2e-7)
        }
      }
    }
    apus_matmul_own_level(-1)
  }

  @Test func batches() {
    for (m, n, k) in [(1, 1, 1), (3, 5, 7), (1, 17, 64), (8, 1, 5), (16, 16, 16), (2, 3, 0), (4, 2, 40)] {
      for (sharesA, sharesB) in [(false, false), (true, false), (false, true), (true, true)] {
        for layout in MatmulCase.Layout.allCases {
          let product = MatmulCase(
            batch: 5, m, n, k, a: layout, b: layout, sharesA: sharesA, sharesB: sharesB, bias: n > 1,
            epilogue: APUS_EPILOGUE_RELU)
          product.check(product.ownFloat(), "own")
          product.check(
            product.ownFloat(ranges: [(0, 2), (2, product.rows - 1), (product.rows - 1, product.rows)]), "own, split")
        }
      }
    }
    #expect(MatmulCase(batch: 0, 3, 3, 3).ownFloat().isEmpty)
    // Wide enough for the team.
    for sharesB in [false, true] {
      let product = MatmulCase(batch: 7, 33, 65, 40, b: .transposed, sharesB: sharesB, bias: true)
      #expect(product.planned(APUS_MATMUL_OWN).values == product.ownFloat())
    }
  }

  @Test(arguments: levels)
  func splitsDoNotChangeBits(level: Int32) {
    apus_matmul_own_level(level)
    defer { apus_matmul_own_level(-1) }
    for (m, n, k) in [
      (17, 1, 4), (17, 1, 300), (17, 4, 2), (16, 2, 400), (4, 2, 400), (13, 7, 33), (31, 10, 128), (31, 10, 5),
      (40, 100, 300),
      (20, 100, 300), (9, 257, 17), (5, 3, 1), (131, 150, 290),
    ] {
      for a in MatmulCase.Layout.allCases {
        for b in MatmulCase.Layout.allCases {
          for bias in [false, true] {
            let product = MatmulCase(
              m, n, k, a: a, b: b, bias: bias, epilogue: bias ? APUS_EPILOGUE_TANH : APUS_EPILOGUE_NONE)
            let whole = product.ownFloat().map(\.bitPattern)
            let single = product.ownFloat(ranges: (0..<m).map { ($0, $0 + 1) }).map(\.bitPattern)
            let uneven = product.ownFloat(ranges: [(0, 1), (1, m / 2), (m / 2, m - 1), (m - 1, m)]).map(\.bitPattern)
            #expect(whole == single, "\(m) x \(n) x \(k), \(a) \(b)")
            #expect(whole == uneven, "\(m) x \(n) x \(k), \(a) \(b)")
          }
        }
      }
    }
  }

  @Test func otherElementTypes() {
    for (m, n, k) in shapes where (m + n + k) % 4 == 0 || max(m, n, k) > 17 {
      for a in MatmulCase.Layout.allCases {
        for b in MatmulCase.Layout.allCases {
          let relu = (m + n) % 2 == 0 ? APUS_EPILOGUE_RELU : APUS_EPILOGUE_NONE
          var product = MatmulCase(m, n, k, a: a, b: b, bias: true, epilogue: relu, dtype: APUS_I32)
          let reference = product.reference().values  // integers: exact in every type
          for level in levels {
            apus_matmul_own_level(level)
            product.shape.dtype = APUS_F64
            #expect(product.own(Double.self, { $0 }, zero: .nan) == reference)
            product.shape.dtype = APUS_I32
            #expect(product.own(Int32.self, { Int32($0) }, zero: -1) == reference.map { Int32($0) })
            product.shape.dtype = APUS_I64
            #expect(product.own(Int64.self, { Int64($0) }, zero: -1) == reference.map { Int64($0) })
          }
        }
      }
    }
    apus_matmul_own_level(-1)
    let curved = MatmulCase(4, 9, 5, bias: true, epilogue: APUS_EPILOGUE_TANH, dtype: APUS_F64)
    #expect(
      zip(curved.own(Double.self, { $0 }, zero: .nan), curved.reference().values).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test func integersWrap() {
    var c32: [Int32] = [0, 0]
    withUnsafePointer(to: MatmulCase(2, 1, 2, dtype: APUS_I32).shape) {
      apus_matmul_own($0, [Int32.max, 1, 3, 4], [Int32(2), 3], nil, &c32, whole($0.pointee))
    }
    #expect(c32 == [Int32.max &* 2 &+ 3, 18])
    var c64: [Int64] = [0]
    withUnsafePointer(to: MatmulCase(1, 1, 2, dtype: APUS_I64).shape) {
      apus_matmul_own($0, [Int64.max, Int64.min], [Int64(3), 3], nil, &c64, whole($0.pointee))
    }
    #expect(c64 == [Int64.max &* 3 &+ Int64.min &* 3])
  }

  @Test(arguments: [false, true], [false, true])
  func bfloat16(aIsTransposed: Bool, bIsTransposed: Bool) {
    for (batch, m, n, k) in [(1, 1, 1, 1), (1, 20, 30, 40), (1, 300, 270, 130), (3, 33, 65, 40)] {
      for epilogue in [APUS_EPILOGUE_NONE, APUS_EPILOGUE_RELU, APUS_EPILOGUE_TANH, APUS_EPILOGUE_SIGMOID] {
        let product = MatmulCase(
          batch: batch, m, n, k, a: aIsTransposed ? .transposed : .plain, b: bIsTransposed ? .transposed : .plain,
          bias: true, epilogue: epilogue)
        var shape = product.shape
        shape.dtype = APUS_BF16
        #expect(withUnsafePointer(to: shape) { apus_matmul_route($0) } == APUS_MATMUL_PRIMITIVE)
        var plan = apus_matmul_plan()
        let status = withUnsafePointer(to: shape) { apus_matmul_plan_make($0, APUS_MATMUL_PRIMITIVE, &plan) }
        guard status == 0 else { return #expect(!apus_has_bfloat16()) }  // a machine without: oneDNN's word for it
        defer { apus_matmul_plan_destroy(&plan) }
        // Multiples of 1/8 up to 2: exact, and so are their products.
        func narrow(_ x: Double) -> UInt16 { UInt16(Float(x).bitPattern >> 16) }
        var c = [Float](repeating: .nan, count: product.count + 1)
        let (a, b, bias) = (product.a.map(narrow), product.b.map(narrow), product.bias!.map { Float($0) })
        for piece in 0..<plan.pieces { #expect(apus_matmul_plan_run(&plan, a, b, bias, &c, piece) == 0) }
        #expect(c.last!.isNaN, "wrote beyond the end")
        product.check(Array(c.dropLast()), "bfloat16")
      }
    }
  }

  @Test func onePlanOnManyThreads() async {
    let product = MatmulCase(148, 170, 190, b: .transposed, bias: true, epilogue: APUS_EPILOGUE_RELU)
    var made = apus_matmul_plan()
    #expect(withUnsafePointer(to: product.shape) { apus_matmul_plan_make($0, APUS_MATMUL_OWN, &made) } == 0)
    struct Shared: @unchecked Sendable { let plan: apus_matmul_plan }
    let shared = Shared(plan: made)
    let bias = product.bias!.map { Float($0) }
    // Each task has operands of its own, so that a mix-up of arguments shows.
    let tasks = (0..<8).map { task in (a: product.a.map { Float($0) + Float(task) }, b: product.b.map { Float($0) }) }
    let expected = tasks.map { product.run(shared.plan, $0.a, $0.b, bias).values }
    let allAgree = await withTaskGroup(of: Bool.self) { group in
      for (task, operands) in tasks.enumerated() {
        let product = product
        group.addTask {
          (0..<50).allSatisfy { _ in
            let result = product.run(shared.plan, operands.a, operands.b, bias)
            return result.status == 0 && result.values == expected[task]
          }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(allAgree)
  }

  @Test func routes() {
    func route(_ p: MatmulCase) -> apus_matmul_route_kind { withUnsafePointer(to: p.shape) { apus_matmul_route($0) } }
    for dtype in [APUS_F32, APUS_F64, APUS_I32, APUS_I64] {
      #expect(route(MatmulCase(400, 4, 2, dtype: dtype)) == APUS_MATMUL_OWN)
      #expect(route(MatmulCase(300, 300, 300, b: .transposed, bias: true, dtype: dtype)) == APUS_MATMUL_OWN)
    }
    #expect(route(MatmulCase(300, 300, 300, dtype: APUS_BF16)) == APUS_MATMUL_PRIMITIVE)
  }
}

/// Numbers in memory that ends with them: what follows cannot be read.
private final class GuardedFloats {
  private let pages: UnsafeMutableRawPointer
  private let size: Int
  private let count: Int
  let start: UnsafeMutablePointer<Float>

  init(_ values: [Double]) {
    let page = Int(getpagesize())
    let bytes = values.count * 4
    size = (bytes + page - 1) / page * page
    pages = mmap(nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(mprotect(pages + size, page, PROT_NONE) == 0)
    count = values.count
    start = (pages + size - bytes).bindMemory(to: Float.self, capacity: count)
    for (i, value) in values.enumerated() { start[i] = Float(value) }
  }
  deinit { munmap(pages, size + Int(getpagesize())) }

  var values: [Float] { Array(UnsafeBufferPointer(start: start, count: count)) }
}
