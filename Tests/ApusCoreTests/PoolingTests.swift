import ApusTestSupport
import Testing

@testable import ApusCore

/// Pooling of images with few channels, whose vectors overlap, beside plain loops; and max-pooling after a relu in programs.
@Suite struct PoolingTests {
  struct Case: Sendable, CustomStringConvertible {
    let shape: Shape
    let kernel, stride, dilation: Int
    let padding: Int
    var description: String { "\(shape), kernel \(kernel), stride \(stride), dilation \(dilation), padding \(padding)" }
  }

  static let cases: [Case] = [1, 2, 3, 6, 7, 8, 9, 15, 16, 17, 20, 33].flatMap { channels in
    [
      Case(shape: [3, 8, 10, channels], kernel: 2, stride: 2, dilation: 1, padding: 0),
      Case(shape: [2, 9, 7, channels], kernel: 2, stride: 2, dilation: 1, padding: 1),
      // Elements at the end that no window holds.
      Case(shape: [1, 5, 5, channels], kernel: 2, stride: 2, dilation: 1, padding: 0),
      Case(shape: [2, 9, 12, channels], kernel: 2, stride: 3, dilation: 1, padding: 0),
      Case(shape: [2, 9, 11, channels], kernel: 3, stride: 2, dilation: 1, padding: 1),
      Case(shape: [2, 7, 9, channels], kernel: 2, stride: 1, dilation: 2, padding: 0),
      Case(shape: [1, 1, 2, channels], kernel: 1, stride: 1, dilation: 1, padding: 0),
    ]
  }

  /// Few different values, so that equal ones meet in a window.
  private static func image(_ shape: Shape) -> [Double] {
    var random = RandomSource(seed: UInt64(shape.elementCount))
    return (0..<shape.elementCount).map { _ in Double(random.next() % 7) - 3 }
  }

  /// The largest elements, the first of equals, and every element's share of dy, all by plain loops.
  private static func reference(
    _ test: Case, _ x: [Double], _ dy: (Int) -> Double
  ) -> (y: [Double], dx: [Double]) {
    let (n, h, w, c) = (test.shape[0], test.shape[1], test.shape[2], test.shape[3])
    func windows(_ extent: Int) -> Int {
      (extent + 2 * test.padding - (test.kernel - 1) * test.dilation - 1) / test.stride + 1
    }
    var (y, dx) = ([Double](), [Double](repeating: 0, count: x.count))
    for image in 0..<n {
      for i in 0..<windows(h) {
        for j in 0..<windows(w) {
          for channel in 0..<c {
            var best = -1
            for a in 0..<test.kernel {
              for b in 0..<test.kernel {
                let row = i * test.stride - test.padding + a * test.dilation
                let column = j * test.stride - test.padding + b * test.dilation
                guard row >= 0, row < h, column >= 0, column < w else { continue }
                let at = ((image * h + row) * w + column) * c + channel
                if best < 0 || x[at] > x[best] { best = at }
              }
            }
            dx[best] += dy(y.count)
            y.append(x[best])
          }
        }
      }
    }
    return (y, dx)
  }

  @Test("maxima and their gradient, by plain loops", arguments: cases, [DType.float32, .float64])
  func maxima(test: Case, dtype: DType) {
    let values = Self.image(test.shape)
    let x = Tensor(values, shape: test.shape).cast(to: dtype)
    func pooled(_ x: Tensor) -> Tensor {
      x.maxPooled(
        PerAxis([test.kernel, test.kernel]), stride: PerAxis([test.stride, test.stride]),
        dilation: PerAxis([test.dilation, test.dilation]), padding: Padding.both(PerAxis([test.padding, test.padding])))
    }
    // Each result's gradient is its number, small enough for exact sums.
    let (y, dx) = Self.reference(test, values) { Double($0 % 31 + 1) }
    #expect(pooled(x).doubles == y)
    let (_, gradients) = valueWithGradient(at: [x]) { v in
      let result = pooled(v[0])
      let weights = Tensor((0..<y.count).map { Double($0 % 31 + 1) }, shape: result.shape).cast(to: dtype)
      return (result * weights).sum()
    }
    #expect(gradients[0].doubles == dx)
  }

  @Test("the mean of few channels", arguments: cases) func means(test: Case) {
    let x = Tensor(Self.image(test.shape), shape: test.shape)
    func pooled(_ x: Tensor) -> Tensor {
      x.averagePooled(
        PerAxis([test.kernel, test.kernel]), stride: PerAxis([test.stride, test.stride]),
        padding: Padding.both(PerAxis([test.padding, test.padding])))
    }
    // Channel by channel, one at a time.
    let single = concatenate((0..<test.shape[3]).map { pooled(x[.all, .all, .all, $0..<$0 + 1]) }, axis: -1)
    let (wide, narrow) = (pooled(x.cast(to: .float64)), pooled(x.cast(to: .float32)))
    #expect(wide.doubles == single.cast(to: .float64).doubles)
    #expect(firstDifference(narrow.doubles, wide.doubles, tolerance: 1e-6) == nil)
  }

  @Test("after a relu, a program takes the gradient of the maxima only, with the same bits", arguments: [2, 3])
  func afterRelu(kernel: Int) throws {
    var random = RandomSource(seed: 3)
    let x = Tensor.randomUniform([3, 13, 12, 2], in: -1..<1, using: &random)
    let w = Tensor.randomUniform([6, 3, 3, 2], in: -1..<1, using: &random)
    let b = Tensor.randomUniform([6], in: -0.5..<0.5, using: &random)
    func step(_ x: Tensor) -> [Tensor] {
      let (loss, gradients) = valueWithGradient(at: [x, w, b]) { v in
        let y = convolution(
          v[0], weight: v[1], bias: v[2], stride: 1, dilation: 1, padding: 1, groups: 1, activation: .relu)
        let z = y.maxPooled(PerAxis([kernel, kernel]), stride: 2)
        return (z * z * z).sum()
      }
      return [loss] + gradients
    }
    let program = Program("relu and maxima") { step($0[0]) }
    // What is not a number or not finite goes the same way.
    var special = x.floats
    special[40] = .nan
    special[700] = .infinity
    for image in [x, x * 2, Tensor(special, shape: x.shape)] {
      let found = try program([image])
      for (a, b) in zip(found, step(image)) {
        // Which of two NaNs survives an addition is the processor's affair.
        let isSame = zip(a.floats, b.floats).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
        #expect(isSame && a.count == b.count)
      }
    }
    let pooled = "(3, \((13 - kernel) / 2 + 1), \((12 - kernel) / 2 + 1), 6)"
    #expect(
      program.description.split(separator: "\n").contains { $0.contains("reluGradient") && !$0.contains("13") },
      "expected the relu's gradient over \(pooled): \(program)")
  }
}
