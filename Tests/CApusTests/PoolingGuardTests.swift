import CApus
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory that lies directly before a page that may not be touched, and behind another one.
private final class GuardedMemory {
  let address: UnsafeMutableRawPointer
  private let mapping: UnsafeMutableRawPointer
  private let size: Int

  init(byteCount: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let inner = (byteCount + page - 1) / page * page
    size = inner + 2 * page
    mapping = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(mapping != MAP_FAILED && mprotect(mapping, page, PROT_NONE) == 0)
    precondition(mprotect(mapping + page + inner, page, PROT_NONE) == 0)
    address = mapping + page + inner - byteCount
  }

  deinit { munmap(mapping, size) }
}

/// Windows along one axis as the kernels' tables have them, by plain loops; nil if one holds nothing.
private final class AxisTables {
  let input, output, kernel, dilation: Int
  private var memory: [UnsafeMutablePointer<Int32>] = []
  private(set) var columns: [UnsafePointer<Int32>] = []

  init?(input: Int, kernel: Int, stride: Int, dilation: Int, padding: Int) {
    let room = input + 2 * padding - (kernel - 1) * dilation - 1
    guard room >= 0 else { return nil }
    (self.input, self.output, self.kernel, self.dilation) = (input, room / stride + 1, kernel, dilation)
    var (first, count, tap) = ([Int](), [Int](), [Int]())
    var holders = [[(window: Int, tap: Int)]](repeating: [], count: input)
    for position in 0..<output {
      let held = (0..<kernel).filter { (0..<input).contains(position * stride - padding + $0 * dilation) }
      guard let start = held.first else { return nil }
      first.append(position * stride - padding + start * dilation)
      count.append(held.count)
      tap.append(start)
      for t in held { holders[position * stride - padding + t * dilation].append((position, t)) }
    }
    var from = [0]
    for all in holders { from.append(from.last! + all.count) }
    let flat = holders.flatMap { $0 }
    for values in [first, count, tap, count, from, flat.map(\.window), flat.map(\.tap)] {
      let pointer = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, values.count))
      for (i, value) in values.enumerated() { (pointer + i).initialize(to: Int32(value)) }
      memory.append(pointer)
      columns.append(UnsafePointer(pointer))
    }
  }

  deinit { for pointer in memory { pointer.deallocate() } }
}

/// Tensors that end where the process may not read: whatever a kernel touches beyond them ends it.
@Suite struct PoolingGuardTests {
  fileprivate static func run(_ axes: [AxisTables], channels: Int, dtype: apus_dtype, positionBytes: Int32) {
    func column(_ number: Int) -> (UnsafePointer<Int32>, UnsafePointer<Int32>, UnsafePointer<Int32>) {
      (axes[0].columns[number], axes[1].columns[number], axes[2].columns[number])
    }
    func extents(_ value: (AxisTables) -> Int) -> (Int64, Int64, Int64) {
      (Int64(value(axes[0])), Int64(value(axes[1])), Int64(value(axes[2])))
    }
    let batch = 2
    var pooling = apus_pooling(
      dtype: dtype, batch: Int64(batch), channels: Int64(channels), input: extents(\.input), output: extents(\.output),
      kernel: extents(\.kernel), dilation: extents(\.dilation), first: column(0), count: column(1), tap: column(2),
      size: column(3), from: column(4), windows: column(5), window_taps: column(6), position_bytes: positionBytes)
    let elementBytes = dtype == APUS_F64 ? 8 : 4
    let inputs = axes.reduce(batch * channels) { $0 * $1.input }
    let outputs = axes.reduce(batch * channels) { $0 * $1.output }
    let (x, dx) = (GuardedMemory(byteCount: inputs * elementBytes), GuardedMemory(byteCount: inputs * elementBytes))
    let (y, dy) = (GuardedMemory(byteCount: outputs * elementBytes), GuardedMemory(byteCount: outputs * elementBytes))
    let positions = GuardedMemory(byteCount: outputs * Int(positionBytes))
    let rows = (
      input: Int64(batch * axes[0].input * axes[1].input), output: Int64(batch * axes[0].output * axes[1].output)
    )
    // All rows in one call, and each in its own.
    for (count, step) in [(rows.output, rows.output), (rows.output, 1)] {
      for begin in stride(from: 0, to: count, by: Int(step)) {
        let end = begin + step
        apus_max_pool(&pooling, x.address, y.address, nil, begin, end)
        apus_max_pool(&pooling, x.address, y.address, positions.address, begin, end)
        apus_max_pool_pick(&pooling, x.address, positions.address, y.address, begin, end)
        apus_average_pool(&pooling, x.address, y.address, begin, end)
      }
    }
    for step in [rows.input, 1] {
      for begin in stride(from: 0, to: rows.input, by: Int(step)) {
        apus_max_pool_gradient(&pooling, dy.address, positions.address, dx.address, begin, begin + step)
        apus_average_pool_gradient(&pooling, dy.address, dx.address, begin, begin + step)
      }
    }
  }

  @Test("nothing is read or written before or behind a tensor") func bounds() async {
    await #expect(processExitsWith: .success) {
      let single = AxisTables(input: 1, kernel: 1, stride: 1, dilation: 1, padding: 0)!
      var count = 0
      for width in [1, 2, 3, 4, 5, 7, 9, 13, 18] {
        for kernel in 1...3 {
          for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 3), (1, 4)] {
            for padding in 0...2 {
              guard
                let axis = AxisTables(
                  input: width, kernel: kernel, stride: stride, dilation: dilation, padding: padding)
              else { continue }
              let rows = AxisTables(input: 3, kernel: 2, stride: 1, dilation: 1, padding: 1)!
              let depths = AxisTables(input: 2, kernel: 2, stride: 2, dilation: 1, padding: 0)!
              for channels in [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33] {
                for dtype in [APUS_F32, APUS_F64] {
                  let bytes: Int32 = (count % 2 == 0) ? 1 : 4
                  PoolingGuardTests.run([single, single, axis], channels: channels, dtype: dtype, positionBytes: bytes)
                  PoolingGuardTests.run(
                    [depths, rows, axis], channels: channels, dtype: dtype, positionBytes: 5 - bytes)
                  count += 1
                }
              }
            }
          }
        }
      }
      precondition(count > 2000, "\(count) cases")
    }
  }

  @Test("the guard itself: the byte behind ends the process") func guardWorks() async {
    await #expect(processExitsWith: .failure) {
      let memory = GuardedMemory(byteCount: 12)
      print((memory.address + 8).load(as: Float.self))
      print((memory.address + 12).load(as: Float.self))
    }
  }
}
