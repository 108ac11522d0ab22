import ApusTestSupport
import CApus
import Testing

@testable import ApusCore

/// What the fixtures, which are small, do not reach: the routes of large convolutions, programs, errors. A route is one way to compute a
/// convolution; the own kernels in float64, which the fixtures check, are the reference of all.
@Suite struct ConvolutionTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let x, w: Shape
    var stride: PerAxis = 1
    var dilation: PerAxis = 1
    var padding: Padding = 1
    var groups = 1
    init(
      _ name: String, _ x: Shape, _ w: Shape, stride: PerAxis = 1, dilation: PerAxis = 1, padding: Padding = 1,
      groups: Int = 1
    ) {
      description = name
      (self.x, self.w, self.stride, self.dilation, self.padding, self.groups) = (
        x, w, stride, dilation, padding, groups
      )
    }

    var window: SlidingWindow {
      get throws {
        try SlidingWindow(
          Array(w.dropFirst().dropLast()), stride: stride, dilation: dilation, padding: padding,
          input: Array(x.dropFirst().dropLast()), operation: "test")
      }
    }
  }

  static let cases = [
    Case("a batch that does not divide", [5, 12, 12, 32], [32, 3, 3, 32]),
    Case("one large image, cut by rows", [1, 26, 24, 32], [48, 3, 3, 32], stride: 2),
    Case("cut by rows, no padding", [2, 33, 20, 16], [32, 5, 3, 16], padding: 0),
    Case("cut by rows, stride larger than kernel", [1, 60, 40, 64], [64, 1, 2, 64], stride: 3, padding: 0),
    Case("filters larger than images", [2, 4, 4, 96], [128, 3, 3, 96]),
    Case("few channels", [6, 28, 28, 1], [6, 5, 5, 1], padding: 2),
    Case("three channels", [3, 20, 18, 3], [32, 3, 3, 3]),
    Case("few channels, stride", [3, 21, 18, 2], [64, 4, 4, 2], stride: 2),
    Case("few results, wide", [3, 9, 70, 3], [5, 3, 4, 3], stride: [2, 1], dilation: [1, 2], padding: 2),
    Case("many to one", [4, 9, 11, 40], [1, 3, 3, 40]),
    Case("odd channels", [2, 13, 11, 21], [19, 3, 5, 21], dilation: [2, 1]),
    Case("groups", [2, 12, 12, 64], [32, 3, 3, 32], groups: 2),
    Case("small groups", [2, 12, 12, 24], [36, 3, 3, 2], groups: 12),
    Case("depthwise", [3, 14, 13, 40], [40, 3, 3, 1], stride: 2, groups: 40),
    Case("signal", [4, 200, 24], [32, 7, 24], stride: 2, padding: 3),
    Case("volume", [2, 6, 8, 7, 16], [32, 3, 3, 3, 16]),
    Case("pointwise with a stride", [3, 20, 20, 32], [64, 1, 1, 32], stride: 2, padding: 0),
    Case("3 x 3, odd extents", [3, 13, 15, 48], [32, 3, 3, 48]),
    Case("3 x 3, no padding", [2, 14, 9, 32], [64, 3, 3, 32], padding: 0),
    Case("3 x 3, much padding", [4, 7, 6, 64], [128, 3, 3, 64], padding: 2),
    Case("3 x 3, many filters", [8, 4, 4, 256], [192, 3, 3, 256]),
    Case("3 x 3, many tiles", [20, 12, 12, 16], [64, 3, 3, 16]),
    Case("3 x 3, stride 2", [3, 16, 13, 32], [48, 3, 3, 32], stride: 2),
    Case("3 x 3, stride 2, no padding", [2, 15, 18, 48], [32, 3, 3, 48], stride: 2, padding: 0),
    Case("3 x 3, stride 2, many tiles", [40, 15, 15, 64], [32, 3, 3, 64], stride: 2, padding: 2),
    Case("4 x 4, stride 2", [5, 14, 14, 16], [128, 4, 4, 16], stride: 2),
    Case("4 x 4, stride 2, much padding", [2, 7, 10, 64], [32, 4, 4, 64], stride: 2, padding: 3),
    Case(
      "4 x 4, stride 2, one sided", [4, 9, 12, 32], [32, 4, 4, 32], stride: 2,
      padding: .explicit(before: [2, 0], after: [1, 3])),
    Case("few channels to sixteen", [5, 14, 14, 6], [16, 5, 5, 6], padding: 0),
    Case("few channels, two vectors", [3, 11, 13, 3], [21, 3, 4, 3], stride: [2, 3], dilation: [2, 1], padding: 2),
    Case("few channels, three vectors", [2, 17, 19, 5], [47, 3, 7, 5], padding: 3),
    Case("few channels, cut by rows", [1, 70, 66, 3], [16, 5, 5, 3], padding: 2),
    Case("few channels, stride larger than kernel", [2, 13, 12, 4], [17, 2, 2, 4], stride: 3, padding: 1),
    Case("one narrow row", [3, 1, 3, 2], [16, 1, 2, 2], padding: 0),
    Case("one sided", [1, 40, 24, 32], [32, 3, 3, 32], padding: .explicit(before: [2, 0], after: [0, 1])),
  ]
  private static let routes: [(name: String, apus_convolution_route_kind)] = [
    ("own", APUS_CONVOLUTION_OWN), ("depthwise", APUS_CONVOLUTION_DEPTHWISE),
    ("Winograd 2", APUS_CONVOLUTION_WINOGRAD_2), ("Winograd 4", APUS_CONVOLUTION_WINOGRAD_4),
    ("planar", APUS_CONVOLUTION_PLANAR), ("rows", APUS_CONVOLUTION_ROWS),
    ("oneDNN", APUS_CONVOLUTION_ONEDNN),
  ]

  /// Few channels and few results in all sorts of shapes, and each number of planes.
  static let fewChannels: [Case] = {
    var random = RandomSource(seed: 17)
    func number(_ range: ClosedRange<Int>) -> Int { Int(random.next() % UInt64(range.count)) + range.lowerBound }
    return (0..<40).map { i in
      let (input, output) = (number(1...9), i < 16 ? i % 8 + 1 : number(1...48))
      let kernel = [number(1...5), number(1...7)]
      let stride = [number(1...3), i < 16 ? 1 : number(1...3)]
      let dilation = [number(1...2), i % 3 == 0 ? 2 : 1]
      let extents = (0..<2).map { number(1...30) + (kernel[$0] - 1) * dilation[$0] }
      return Case(
        "random \(i)", [number(1...5), extents[0], extents[1], input], [output, kernel[0], kernel[1], input],
        stride: PerAxis(stride), dilation: PerAxis(dilation), padding: .both(PerAxis([number(0...3), number(0...3)])))
    }
  }()

  private static func random(_ shape: Shape, _ seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomUniform(shape, in: -1..<1, using: &random)
  }

  /// The plan's result: all phases with the team, or piece by piece backwards. Nothing may be written beyond it.
  private static func run(_ plan: RoutinePlan, _ x: [Tensor], _ type: TensorType, backwards: Bool) -> Tensor {
    let count = type.shape.elementCount
    let y = Tensor(filledWith: .nan, shape: [count + 32], dtype: type.dtype)
    defer {
      let isUntouched = y.doubles[count...].allSatisfy { $0.isNaN }
      #expect(isUntouched)
    }
    let scratch = Tensor(filledWith: .nan, shape: [max(1, plan.scratchBytes / 4)], dtype: .float32)
    let addresses = (x + [y, scratch]).map(\.object.address)
    addresses.withUnsafeBufferPointer { table in
      guard backwards else { return plan.run(table.baseAddress!) }
      for kernel in plan.phases {
        for piece in (0..<kernel.pieces).reversed() { kernel.run(table.baseAddress!, piece: piece) }
        kernel.finish(table.baseAddress!)
      }
    }
    return y[0..<count]
  }

  @Test(arguments: cases + fewChannels) func everyRouteIsExact(test: Case) throws {
    let window = try test.window
    let (x, w, b) = (Self.random(test.x, 1), Self.random(test.w, 2), Self.random([test.w[0]], 3))
    let type = try Convolution(window: window, groups: test.groups).outputType([x, w])
    let dy = Self.random(type.shape, 4)
    let all: [(ConvolutionRoutine, [Tensor], Shape)] = [
      (ConvolutionRoutine(kind: .forward, window: window, groups: test.groups), [x, w], type.shape),
      (
        ConvolutionRoutine(kind: .forward, window: window, groups: test.groups, hasBias: true, hasRelu: true),
        [x, w, b],
        type.shape
      ),
      (ConvolutionRoutine(kind: .inputGradient, window: window, groups: test.groups), [dy, w], x.shape),
      (ConvolutionRoutine(kind: .weightGradient, window: window, groups: test.groups), [x, dy], w.shape),
    ]
    for (routine, inputs, shape) in all {
      let wide = inputs.map { $0.cast(to: .float64) }
      let (from, to) = (wide.map(\.type), TensorType(shape, .float64))
      let reference = try #require(routine.plan(from, [to], by: APUS_CONVOLUTION_OWN))
      let expected = Self.run(reference, wide, to, backwards: false).doubles
      // Sums of n products of numbers up to 1 are about √n.
      let scale = expected.reduce(1) { max($0, abs($1)) }
      var taken = 0
      for (name, route) in Self.routes {
        let result = TensorType(shape, .float32)
        guard let plan = routine.plan(inputs.map(\.type), [result], by: route) else { continue }
        taken += 1
        let found = Self.run(plan, inputs, result, backwards: false)
        let difference = firstDifference(
          found.doubles.map { $0 / scale }, expected.map { $0 / scale },
          // The transforms for larger tiles multiply rounding errors by three to six (winograd.c).
          tolerance: route == APUS_CONVOLUTION_WINOGRAD_4 ? 1e-5 : 3e-6)
        #expect(difference == nil, "\(routine.kind), \(name)")
        // Pieces may run in any order.
        #expect(Self.run(plan, inputs, result, backwards: true).floats == found.floats, "\(routine.kind), \(name)")
      }
      #expect(taken >= 1)
    }
  }

  @Test("rows in the smaller blocks of narrower vectors", arguments: fewChannels.prefix(20))
  func rowsOfNarrowVectors(test: Case) throws {
    defer { _ = apus_testing_use_instruction_set(nil) }
    let window = try test.window
    let (x, w) = (Self.random(test.x, 1), Self.random(test.w, 2))
    let y = try Convolution(window: window, groups: 1).outputType([x, w])
    let dy = Self.random(y.shape, 4)
    let all: [(ConvolutionRoutine.Kind, [Tensor], Shape)] = [
      (.forward, [x, w], y.shape), (.inputGradient, [dy, w], x.shape), (.weightGradient, [x, dy], w.shape),
    ]
    for (kind, inputs, shape) in all {
      let (routine, type) = (
        ConvolutionRoutine(kind: kind, window: window, groups: 1), TensorType(shape, .float32)
      )
      guard let plan = routine.plan(inputs.map(\.type), [type], by: APUS_CONVOLUTION_ROWS) else { continue }
      let expected = Self.run(plan, inputs, type, backwards: true).doubles
      let scale = expected.reduce(1) { max($0, abs($1)) }
      for set in ["avx2", "neon", "baseline"] where apus_testing_use_instruction_set(set) {
        let found = Self.run(plan, inputs, type, backwards: true).doubles
        let difference = firstDifference(
          found.map { $0 / scale }, expected.map { $0 / scale }, tolerance: 1e-6)
        #expect(difference == nil, "\(kind), \(set)")
      }
      _ = apus_testing_use_instruction_set(nil)
    }
  }

  @Test("the fast route takes what it is meant for") func routesAreThere() throws {
    let test = Self.cases[0]
    for kind in [ConvolutionRoutine.Kind.forward, .inputGradient, .weightGradient] {
      let routine = ConvolutionRoutine(kind: kind, window: try test.window, groups: 1)
      let (x, w) = (TensorType(test.x, .float32), TensorType(test.w, .float32))
      let types = kind == .forward ? ([x, w], x) : kind == .inputGradient ? ([x, w], x) : ([x, x], w)
      #expect(routine.plan(types.0, [types.1], by: APUS_CONVOLUTION_ONEDNN) != nil)
      #expect(routine.plan(types.0, [types.1], by: APUS_CONVOLUTION_WINOGRAD_2) != nil)
      #expect(routine.plan(types.0, [types.1], by: APUS_CONVOLUTION_WINOGRAD_4) != nil)
    }
  }

  @Test("programs give the bits of single operations") func programs() throws {
    let (x, w, b) = (Self.random([4, 14, 14, 16], 1), Self.random([32, 3, 3, 16], 2), Self.random([32], 3))
    func step(_ x: Tensor) -> [Tensor] {
      let (loss, gradients) = valueWithGradient(at: [x, w, b]) { v in
        let y = convolution(
          v[0], weight: v[1], bias: v[2], stride: 1, dilation: 1, padding: 1, groups: 1, activation: .relu)
        let z = y.maxPooled(2).averagePooled(3, stride: 2)
        return (z * z).sum()
      }
      return [loss] + gradients
    }
    let program = Program("convolution") { step($0[0]) }
    for _ in 0..<3 {
      let found = try program([x])
      for (a, b) in zip(found, step(x)) { #expect(a.floats == b.floats) }
    }
    #expect(!program.description.contains("operation by operation"), "\(program)")
  }

  @Test("bfloat16 is computed in float32") func bfloat16() {
    let (x, w) = (Self.random([2, 5, 5, 3], 1).cast(to: .bfloat16), Self.random([4, 3, 3, 3], 2).cast(to: .bfloat16))
    let wide = convolution(x.cast(to: .float32), weight: w.cast(to: .float32))
    #expect(convolution(x, weight: w).doubles == wide.cast(to: .bfloat16).doubles)
    #expect(x.maxPooled(2).doubles == x.cast(to: .float32).maxPooled(2).doubles)
  }

  @Test("shape rules name what was found and expected") func errors() throws {
    let window = try SlidingWindow([3, 3], stride: 1, dilation: 1, padding: 0, input: [5, 5], operation: "test")
    func message(_ x: Shape, _ w: Shape, groups: Int = 1) -> String? {
      let (x, w) = (Tensor.zeros(x), Tensor.zeros(w))
      do throws(ShapeError) {
        _ = try Convolution(window: window, groups: groups).outputType([x, w])
        return nil
      } catch { return error.description }
    }
    #expect(message([1, 5, 5, 2], [4, 3, 3, 2]) == nil)
    #expect(
      message([1, 5, 5, 2], [4, 3, 3, 3])?.contains("(1, 5, 5, 2) does not fit a weight of shape (4, 3, 3, 3)") == true)
    #expect(message([1, 5, 5, 4], [3, 3, 3, 2], groups: 2)?.contains("2 groups") == true)
    #expect(message([1, 2, 5, 2], [4, 3, 3, 2])?.contains("too small") == true)
    #expect(message([5, 5, 2], [4, 3, 3, 2]) != nil)
    #expect(throws: ShapeError.self) {
      try SlidingWindow([3], stride: [1, 2], dilation: 1, padding: 0, input: [5], operation: "test")
    }
    #expect(throws: ShapeError.self) {
      try SlidingWindow.transposed(
        [3, 3], stride: 2, dilation: 1, padding: 1, outputPadding: 2, input: [4, 4], operation: "test")
    }
    // A window that would only see padding.
    let pool = try SlidingWindow([2, 2], stride: 1, dilation: 1, padding: 2, input: [3, 3], operation: "test")
    #expect(PoolingWindows.sliding(pool, roundsUp: false, countsPadding: true).positions(in: SIMD3(1, 3, 3)) == nil)
  }

  @Test("the positions of maxima take a byte, of large windows four") func positions() throws {
    func type(_ extent: Int) throws -> DType {
      let window = try SlidingWindow(
        [extent, extent], stride: 1, dilation: 1, padding: 0, input: [20, 20], operation: "test")
      let types = try MaxPooling(windows: .sliding(window, roundsUp: false, countsPadding: false)).outputTypes(
        [.zeros([1, 20, 20, 1])])
      return types[1].dtype
    }
    #expect(try type(16) == .uint8)
    #expect(try type(17) == .int32)
  }
}
