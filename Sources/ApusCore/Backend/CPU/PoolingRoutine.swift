import CApus

/// Pooling of images that lie channels last: x gives values, and positions if there is a second output; dy and positions the gradient;
/// x and positions the elements there; x the means; dy their gradient.
struct PoolingRoutine: CPURoutine {
  enum Kind { case max, maxGradient, pick, average, averageGradient }
  let kind: Kind
  let windows: PoolingWindows

  var name: String { "pooling" }

  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    Swift.max(inputs[0].shape.elementCount, outputs[0].shape.elementCount)
  }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    RoutinePlan(PoolingKernel(kind, windows, inputs, outputs))
  }
}

/// A piece is some rows of the innermost spatial axis, of the output or of the gradient.
private struct PoolingKernel: CPUKernel {
  private let kind: PoolingRoutine.Kind
  private let tables: PoolingTables
  private let hasPositions: Bool
  private let rows: Int
  private let grain: Int
  let pieces: Int
  let cost: Double

  init(_ kind: PoolingRoutine.Kind, _ windows: PoolingWindows, _ inputs: [TensorType], _ outputs: [TensorType]) {
    self.kind = kind
    hasPositions = outputs.count == 2 || kind == .maxGradient || kind == .pick
    let isGradient = kind == .maxGradient || kind == .averageGradient
    let (x, y) = isGradient ? (outputs[0], inputs[0]) : (inputs[0], outputs[0])
    let positions =
      outputs.count == 2 ? outputs[1].dtype : kind == .maxGradient || kind == .pick ? inputs[1].dtype : .uint8
    tables = PoolingTables(windows, x, y, positionBytes: positions.byteCount)
    rows = outputs[0].shape.dropLast(2).reduce(1, *)
    // Every element of a window is looked at; parts of vectors take as long as whole ones.
    let channels = x.shape.last!
    let vectors = Double((channels + 15) / 16)
    let positionsOfAll = Double(y.shape.elementCount / max(1, channels))
    cost = 50 + (positionsOfAll * Double(tables.taps) + Double(x.shape.elementCount / max(1, channels))) * (vectors + 1)
    grain = max(1, Int(10_000 / (cost / Double(max(1, rows)))))
    pieces = (rows + grain - 1) / grain
  }

  func run(_ p: Addresses, piece: Int) {
    let (begin, end) = (Int64(piece * grain), Int64(min((piece + 1) * grain, rows)))
    withUnsafePointer(to: tables.pooling) { pooling in
      switch kind {
      case .max: apus_max_pool(pooling, p[0], p[1], hasPositions ? p[2] : nil, begin, end)
      case .maxGradient: apus_max_pool_gradient(pooling, p[0], p[1], p[2], begin, end)
      case .pick: apus_max_pool_pick(pooling, p[0], p[1], p[2], begin, end)
      case .average: apus_average_pool(pooling, p[0], p[1], begin, end)
      case .averageGradient: apus_average_pool_gradient(pooling, p[0], p[1], begin, end)
      }
    }
  }
}

/// The windows as tables, which the kernels read.
private final class PoolingTables {
  let pooling: apus_pooling
  /// The elements of the largest window.
  let taps: Int
  private let memory: [UnsafeMutablePointer<Int32>]

  init(_ windows: PoolingWindows, _ x: TensorType, _ y: TensorType, positionBytes: Int) {
    let input = SlidingWindow.aligned(x.shape.dropFirst().dropLast())
    let output = SlidingWindow.aligned(y.shape.dropFirst().dropLast())
    let axes = (0..<3).map { windows.along($0, input[$0]) }
    var memory: [UnsafeMutablePointer<Int32>] = []
    typealias Columns = (UnsafePointer<Int32>, UnsafePointer<Int32>, UnsafePointer<Int32>)
    func columns(_ values: (Int) -> [Int]) -> Columns {
      let all = (0..<3).map { axis -> UnsafePointer<Int32> in
        let column = values(axis)
        let pointer = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, column.count))
        for (i, value) in column.enumerated() { (pointer + i).initialize(to: Int32(clamping: value)) }
        memory.append(pointer)
        return UnsafePointer(pointer)
      }
      return (all[0], all[1], all[2])
    }
    func extents(_ all: SIMD3<Int>) -> (Int64, Int64, Int64) { (Int64(all[0]), Int64(all[1]), Int64(all[2])) }
    let found = (0..<3).map { axis in (0..<output[axis]).map { axes[axis].window(at: $0) } }
    // The windows that hold each element, with its number in them.
    let holders = (0..<3).map { axis -> [[(window: Int, tap: Int)]] in
      var result = [[(window: Int, tap: Int)]](repeating: [], count: input[axis])
      for (position, window) in found[axis].enumerated() {
        for i in 0..<window.count { result[window.first + i * axes[axis].dilation].append((position, window.tap + i)) }
      }
      return result
    }
    let kernel = SIMD3(axes[0].kernel, axes[1].kernel, axes[2].kernel)
    taps = kernel[0] * kernel[1] * kernel[2]
    pooling = apus_pooling(
      dtype: x.dtype.c, batch: Int64(x.shape[0]), channels: Int64(x.shape.last!), input: extents(input),
      output: extents(output),
      kernel: extents(kernel), dilation: extents(SIMD3(axes[0].dilation, axes[1].dilation, axes[2].dilation)),
      first: columns { found[$0].map(\.first) }, count: columns { found[$0].map(\.count) },
      tap: columns { found[$0].map(\.tap) }, size: columns { found[$0].map(\.size) },
      from: columns { holders[$0].reduce(into: [0]) { $0.append($0.last! + $1.count) } },
      windows: columns { holders[$0].joined().map(\.window) }, window_taps: columns { holders[$0].joined().map(\.tap) },
      position_bytes: Int32(positionBytes))
    self.memory = memory
  }

  deinit { for pointer in memory { pointer.deallocate() } }
}
