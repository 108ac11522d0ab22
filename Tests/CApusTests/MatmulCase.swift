import CApus
import Testing

/// One product with its operands laid out in memory, compared with a reference in Double.
struct MatmulCase {
  var shape = apus_matmul()
  var a: [Double] = []
  var b: [Double] = []
  var bias: [Double]?

  /// Operands as they lie, transposed, or spaced out (no stride is 1); values are multiples of 1/8, integers where asked.
  enum Layout: CaseIterable { case plain, transposed, spaced }

  init(
    batch: Int = 1, _ m: Int, _ n: Int, _ k: Int, a aLayout: Layout = .plain, b bLayout: Layout = .plain,
    sharesA: Bool = false, sharesB: Bool = false, bias hasBias: Bool = false,
    epilogue: apus_epilogue = APUS_EPILOGUE_NONE, dtype: apus_dtype = APUS_F32
  ) {
    var random = SplitMix(state: UInt64(m * 1_000_003 + n * 1009 + k))
    func layOut(_ layout: Layout, _ rows: Int, _ columns: Int, _ shared: Bool) -> (
      batch: Int, row: Int, column: Int, values: [Double]
    ) {
      let (row, column, size) =
        switch layout {
        case .plain: (columns, 1, rows * columns)
        case .transposed: (1, rows, rows * columns)
        case .spaced: (columns * 2 + 3, 2, rows * (columns * 2 + 3))
        }
      let isInteger = dtype == APUS_I32 || dtype == APUS_I64
      let values = (0..<max(1, size * (shared ? 1 : batch))).map { _ in
        Double(Int(random.next() % 33) - 16) / (isInteger ? 1 : 8)
      }
      return (shared ? 0 : size, row, column, values)
    }
    let left = layOut(aLayout, m, k, sharesA)
    let right = layOut(bLayout, k, n, sharesB)
    (a, b) = (left.values, right.values)
    bias = hasBias ? (0..<n).map { Double($0 % 7) - 3 } : nil
    shape = apus_matmul(
      batch: Int64(batch), m: Int64(m), n: Int64(n), k: Int64(k), a_batch: Int64(left.batch), a_row: Int64(left.row),
      a_column: Int64(left.column), b_batch: Int64(right.batch), b_row: Int64(right.row), b_column: Int64(right.column),
      has_bias: hasBias, epilogue: epilogue, dtype: dtype)
  }

  var rows: Int { Int(shape.batch * shape.m) }
  var count: Int { rows * Int(shape.n) }

  /// The product, and for each element the sum of magnitudes, which bounds the rounding error.
  func reference() -> (values: [Double], magnitudes: [Double]) {
    var values: [Double] = []
    var magnitudes: [Double] = []
    let (n, k) = (Int(shape.n), Int(shape.k))
    let (aStep, bStep) = (Int(shape.a_column), Int(shape.b_row))
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        // `while`: the tests also run without optimisation, where a range costs more than the multiplication.
        for row in 0..<rows {
          let (batch, i) = row.quotientAndRemainder(dividingBy: Int(shape.m))
          for j in 0..<n {
            var (x, y) = (
              batch * Int(shape.a_batch) + i * Int(shape.a_row), batch * Int(shape.b_batch) + j * Int(shape.b_column)
            )
            var (sum, magnitude, p) = (0.0, 0.0, 0)
            while p < k {
              let term = a[x] * b[y]
              sum += term
              magnitude += term < 0 ? -term : term
              x &+= aStep
              y &+= bStep
              p &+= 1
            }
            if let bias { sum += bias[j] }
            values.append(sum.after(shape.epilogue))
            magnitudes.append(magnitude + 4)
          }
        }
      }
    }
    return (values, magnitudes)
  }

  /// The own kernels' result, in the given ranges of rows.
  func own<T: BitwiseCopyable>(_ type: T.Type, _ convert: (Double) -> T, zero: T, ranges: [(Int, Int)]? = nil) -> [T] {
    let (a, b, bias) = (a.map(convert), b.map(convert), bias?.map(convert))
    var c = [T](repeating: zero, count: count + 1)  // never an empty buffer
    let (m, n) = (Int(shape.m), shape.n)
    withUnsafePointer(to: shape) { shape in
      for (begin, end) in ranges ?? [(0, rows)] {
        var row = begin
        while row < end {
          let (matrix, first) = row.quotientAndRemainder(dividingBy: m)
          let last = min(m, first + end - row)
          apus_matmul_own(
            shape, a, b, bias, &c,
            apus_matmul_tile(
              first_matrix: Int64(matrix), end_matrix: Int64(matrix + 1), first_row: Int64(first),
              end_row: Int64(last), first_column: 0, end_column: n))
          row += last - first
        }
      }
    }
    return Array(c.dropLast())
  }

  func ownFloat(ranges: [(Int, Int)]? = nil) -> [Float] { own(Float.self, { Float($0) }, zero: .nan, ranges: ranges) }

  /// The result of a plan that goes the given way, on the team.
  func planned(_ route: apus_matmul_route_kind) -> (status: Int32, values: [Float]) {
    var plan = apus_matmul_plan()
    let status = withUnsafePointer(to: shape) { apus_matmul_plan_make($0, route, &plan) }
    guard status == 0 else { return (status, []) }
    defer { apus_matmul_plan_destroy(&plan) }
    return run(plan)
  }

  func run(_ plan: apus_matmul_plan) -> (status: Int32, values: [Float]) {
    let (a, b, bias) = (a.map { Float($0) }, b.map { Float($0) }, bias?.map { Float($0) })
    return run(plan, a, b, bias)
  }

  func run(_ plan: apus_matmul_plan, _ a: [Float], _ b: [Float], _ bias: [Float]?) -> (
    status: Int32, values: [Float]
  ) {
    var c = [Float](repeating: .nan, count: count + 1)
    let status = a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          let job = PlannedRun(plan: plan, a: a.baseAddress!, b: b.baseAddress!, c: c.baseAddress!)
          guard let bias else { return job.run(nil) }
          return bias.withUnsafeBufferPointer { job.run($0.baseAddress!) }
        }
      }
    }
    #expect(c.last!.isNaN, "wrote beyond the end")
    return (status, Array(c.dropLast()))
  }

  func check(
    _ values: [Float], tolerance: Double = 4e-7, _ name: String,
    against known: (values: [Double], magnitudes: [Double])? = nil, at location: SourceLocation = #_sourceLocation
  ) {
    let (expected, magnitudes) = known ?? reference()
    guard values.count == expected.count else {
      Issue.record("\(name): \(values.count) values", sourceLocation: location)
      return
    }
    for i in values.indices where !(abs(Double(values[i]) - expected[i]) <= tolerance * magnitudes[i]) {
      Issue.record("\(name) \(shape): element \(i) is \(values[i]), not \(expected[i])", sourceLocation: location)
      return
    }
  }
}

/// A plan and its operands, for the team.
private final class PlannedRun {
  var plan: apus_matmul_plan
  let a, b: UnsafePointer<Float>
  var bias: UnsafePointer<Float>?
  let c: UnsafeMutablePointer<Float>
  let statuses: UnsafeMutablePointer<Int32>

  init(plan: apus_matmul_plan, a: UnsafePointer<Float>, b: UnsafePointer<Float>, c: UnsafeMutablePointer<Float>) {
    (self.plan, self.a, self.b, self.c) = (plan, a, b, c)
    statuses = .allocate(capacity: Int(plan.pieces) + 1)
    statuses.initialize(repeating: 0, count: Int(plan.pieces) + 1)
  }
  deinit { statuses.deallocate() }

  /// The first status that is not 0.
  func run(_ bias: UnsafePointer<Float>?) -> Int32 {
    self.bias = bias
    apus_parallel(
      plan.pieces,
      { pointer, piece in
        let job = Unmanaged<PlannedRun>.fromOpaque(pointer!).takeUnretainedValue()
        job.statuses[Int(piece)] = apus_matmul_plan_run(&job.plan, job.a, job.b, job.bias, job.c, piece)
      }, Unmanaged.passUnretained(self).toOpaque())
    return (0..<Int(plan.pieces)).map { statuses[$0] }.first { $0 != 0 } ?? 0
  }
}

extension Double {
  func after(_ epilogue: apus_epilogue) -> Double {
    switch epilogue {
    case APUS_EPILOGUE_RELU: self < 0 ? 0 : self
    case APUS_EPILOGUE_TANH: _tanh(self)
    case APUS_EPILOGUE_SIGMOID: 1 / (1 + _exp(-self))
    default: self
    }
  }
}

// Without Foundation: the kernels' tests need nothing else of it.
private func _expMinusOne(_ x: Double) -> Double {
  let halvings = 20
  let r = x / Double(1 << halvings)
  var y = r + r * r / 2 + r * r * r / 6
  for _ in 0..<halvings { y = y * (2 + y) }
  return y
}
private func _exp(_ x: Double) -> Double { _expMinusOne(x) + 1 }
private func _tanh(_ x: Double) -> Double {
  let e = _expMinusOne(-2 * abs(x))
  return (x < 0 ? e : -e) / (2 + e)
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
