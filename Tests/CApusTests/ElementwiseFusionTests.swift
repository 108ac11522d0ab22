import CApus
import Foundation
import Testing

/// Types whose sums can be fused.
private protocol SummedElement: ComputeElement, BinaryFloatingPoint {}
extension Float: SummedElement {}
extension Double: SummedElement {}

/// One problem, its program and what the program gives on dense copies of its operands:
/// t = x m, y0 = t y + row, y1 = t column, y2 = (y0 > 0.5), where x has padded rows and m is boolean.
private final class FusionCase<Element: SummedElement> {
  let rows, columns: Int
  let inputs: [apus_operand]
  let outputs: [[Element]]
  let flags: [UInt8]
  private let memory: [AnyObject]

  var count: Int { rows * columns }

  static var instructions: [apus_instruction] {
    [
      instruction(APUS_MULTIPLY, [0, 2], to: 6), instruction(APUS_MULTIPLY_ADD, [6, 1, 3], to: 7),
      instruction(APUS_MULTIPLY, [6, 4], to: 8), instruction(APUS_GREATER, [7, 5], to: 9),
    ]
  }

  init(rows: Int, columns: Int, special: Bool = false) {
    self.rows = rows
    self.columns = columns
    var numbers = RepeatableNumbers(state: UInt64(rows * 5000 + columns))
    func values(_ count: Int) -> [Element] {
      (0..<count).map { _ in
        if special && Int.random(in: 0..<200, using: &numbers) == 0 { return [.nan, .infinity].randomElement()! }
        return Element.random(&numbers)
      }
    }
    let pitch = columns + 5
    let x = values(rows * pitch)
    let y = values(rows * columns)
    let row = values(columns)
    let column = values(rows)
    let mask = (0..<rows * columns).map { _ in UInt8.random(in: 0...1, using: &numbers) }
    let (xs, ys, ms, rs, cs) = (Memory(x), Memory(y), Memory(mask), Memory(row), Memory(column))
    inputs = [
      xs.operand(Element.dtype, strides: [pitch, 1]), ys.operand(Element.dtype, strides: [columns, 1]),
      ms.operand(APUS_BOOL, strides: [columns, 1]), rs.operand(Element.dtype, strides: [0, 1]),
      cs.operand(Element.dtype, strides: [1, 0]),
    ]
    memory = [xs, ys, ms, rs, cs]

    let positions = (0..<rows).flatMap { r in (0..<columns).map { (r, $0) } }
    let dense = [Memory(positions.map { x[$0 * pitch + $1] }), ys, nil, Memory(positions.map { row[$1] })]
    let denseColumn = Memory(positions.map { column[$0.0] })
    let results = (0..<2).map { _ in Memory([Element](repeating: 0, count: rows * columns)) }
    let bits = Memory([UInt8](repeating: 0, count: rows * columns))
    execute(
      compute: Element.dtype, constants: [0.5], temporaries: 1, instructions: Self.instructions,
      extents: [rows * columns],
      inputs: [
        dense[0]!.operand(Element.dtype), ys.operand(Element.dtype), ms.operand(APUS_BOOL),
        dense[3]!.operand(Element.dtype), denseColumn.operand(Element.dtype),
      ], outputs: results.map { $0.operand(Element.dtype) } + [bits.operand(APUS_BOOL)])
    outputs = withExtendedLifetime((dense, denseColumn)) { results.map(\.elements) }
    flags = bits.elements
  }

  func withProgram(_ body: (UnsafePointer<apus_program>) -> Void) {
    let constants = [0.5]
    constants.withUnsafeBufferPointer { constants in
      Self.instructions.withUnsafeBufferPointer { instructions in
        var program = apus_program(
          compute: Element.dtype, input_count: 5, constant_count: 1, temporary_count: 1, output_count: 3,
          instruction_count: 4, constants: constants.baseAddress, instructions: instructions.baseAddress!)
        body(&program)
      }
    }
  }
}

/// The same bits, but any NaN is a NaN: which of two NaNs survives an addition is the processor's affair.
private func same<T: BinaryFloatingPoint>(_ a: [T], _ b: [T]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.isNaN ? $1.isNaN : $0 == $1 && $0.sign == $1.sign }
}

private let rowCounts = [1, 7, 8, 127, 128, 129, 300]
private let columnCounts = [1, 5, 15, 16, 17, 64, 65, 100, 143, 257, 1000, 1024, 2100]
/// Where a range of `count` is split.
private func splits(_ count: Int) -> [Int] {
  Set([0, 1, count / 3, count / 2 + 1, count]).filter { $0 <= count }.sorted()
}

extension ElementwiseTests {
  @Suite struct Fusion {
    private func eachCase<T: SummedElement>(_: T.Type, _ body: (FusionCase<T>, String) -> Void) {
      for set in instructionSets {
        with(instructionSet: set) {
          for rows in rowCounts {
            for columns in columnCounts {
              body(
                FusionCase(rows: rows, columns: columns, special: rows == 129), "\(set), \(T.self), \(rows)x\(columns)")
            }
          }
        }
      }
    }

    /// Outputs within larger matrices, dense ones, and nothing written beside them.
    private func checkOutputs<T: SummedElement>(_ type: T.Type) {
      eachCase(type) { (test: FusionCase<T>, label: String) in
        for pitch in [test.columns, test.columns + 3] {
          for split in [0, test.count / 3, test.count / 2 + 1] {
            let results = (0..<2).map { _ in Memory([T](repeating: -77, count: test.rows * pitch)) }
            let bits = Memory([UInt8](repeating: 77, count: test.rows * pitch))
            let outputs =
              results.map { $0.operand(T.dtype, strides: [pitch, 1]) } + [bits.operand(APUS_BOOL, strides: [pitch, 1])]
            let extents = [Int64(test.rows), Int64(test.columns)]
            test.withProgram { program in
              for (begin, end) in [(0, split), (split, test.count)] {
                if pitch == test.columns {
                  apus_elementwise(program, 2, extents, test.inputs, outputs, Int64(begin), Int64(end))
                } else {
                  apus_elementwise_strided(program, 2, extents, test.inputs, outputs, Int64(begin), Int64(end))
                }
              }
            }
            let places = (0..<test.rows).flatMap { r in (0..<test.columns).map { r * pitch + $0 } }
            for i in 0..<2 {
              let all = results[i].elements
              #expect(same(places.map { all[$0] }, test.outputs[i]), "\(label), pitch \(pitch), output \(i)")
              #expect(all.filter { $0 == -77 }.count >= test.rows * (pitch - test.columns), "\(label)")
            }
            let all = bits.elements
            #expect(places.map { all[$0] } == test.flags, "\(label), pitch \(pitch), flags")
            #expect(all.filter { $0 == 77 }.count == test.rows * (pitch - test.columns), "\(label)")
          }
        }
      }
    }

    @Test func stridedOutputs() {
      checkOutputs(Float.self)
      checkOutputs(Double.self)
    }

    /// Three axes, none of which can be joined with its neighbour; ranges begin and end anywhere.
    @Test func boxes() {
      for set in instructionSets {
        with(instructionSet: set) {
          for columns in [1, 3, 64, 70, 1500] {
            let (planes, rows) = (3, 4)
            let pitch = columns + 2
            let x = Memory((0..<planes * (rows + 1) * pitch).map { Float($0 % 1009) })
            let bias = Memory((0..<planes).map { Float($0) })
            let count = planes * rows * columns
            for range in [0..<count, 1..<count - 1, columns..<count, count / 2..<count / 2 + 1] where !range.isEmpty {
              let y = Memory([Float](repeating: -1, count: planes * (rows + 2) * pitch))
              let instructions = [instruction(APUS_ADD, [0, 1], to: 2)]
              instructions.withUnsafeBufferPointer {
                var program = apus_program(
                  compute: APUS_F32, input_count: 2, constant_count: 0, temporary_count: 0, output_count: 1,
                  instruction_count: 1, constants: nil, instructions: $0.baseAddress!)
                apus_elementwise_strided(
                  &program, 3, [Int64(planes), Int64(rows), Int64(columns)],
                  [
                    x.operand(APUS_F32, strides: [(rows + 1) * pitch, pitch, 1]),
                    bias.operand(APUS_F32, strides: [1, 0, 0]),
                  ], [y.operand(APUS_F32, strides: [(rows + 2) * pitch, pitch, 1])], Int64(range.lowerBound),
                  Int64(range.upperBound))
              }
              var expected = [Float](repeating: -1, count: y.count)
              for i in range {
                let (plane, row, column) = (i / columns / rows, i / columns % rows, i % columns)
                expected[plane * (rows + 2) * pitch + row * pitch + column] =
                  x.base[plane * (rows + 1) * pitch + row * pitch + column] + Float(plane)
              }
              #expect(y.elements == expected, "\(set), \(columns) columns, \(range)")
            }
            withExtendedLifetime((x, bias)) {}
          }
        }
      }
    }

    /// A layer's epilogue: a rectangle of a matrix changed where it stands.
    @Test func inPlaceWithinMatrix() {
      for set in instructionSets {
        with(instructionSet: set) {
          for (rows, columns) in [(128, 256), (5, 100), (300, 17), (1, 64)] {
            let pitch = 512
            let before = (0..<rows * pitch).map { Float($0 % 2003) - 1000 }
            let bias = Memory((0..<columns).map { Float($0 % 7) })
            let y = Memory(before)
            let operand = y.operand(APUS_F32, strides: [pitch, 1], origin: 3)
            let instructions = [instruction(APUS_ADD, [0, 1], to: 2), instruction(APUS_RELU, [2], to: 2)]
            instructions.withUnsafeBufferPointer {
              var program = apus_program(
                compute: APUS_F32, input_count: 2, constant_count: 0, temporary_count: 0, output_count: 1,
                instruction_count: 2, constants: nil, instructions: $0.baseAddress!)
              apus_elementwise_strided(
                &program, 2, [Int64(rows), Int64(columns)], [operand, bias.operand(APUS_F32, strides: [0, 1])],
                [operand], 0, Int64(rows * columns))
            }
            var expected = before
            for r in 0..<rows {
              for c in 0..<columns { expected[r * pitch + c + 3] = max(0, before[r * pitch + c + 3] + bias.base[c]) }
            }
            #expect(y.elements == expected, "\(set), \(rows)x\(columns)")
          }
        }
      }
    }

    private func checkColumnSums<T: SummedElement>(_ type: T.Type) {
      eachCase(type) { (test: FusionCase<T>, label: String) in
        let columns = Int64(test.columns)
        let expected = test.outputs.map { output in
          var sums = [T](repeating: 0, count: test.columns)
          apus_reduce(APUS_REDUCE_SUM, T.dtype, output, &sums, Int64(test.rows), columns, 0, 1)
          return sums
        }
        var whole: [[T]] = []
        for split in splits(test.columns) {
          let sums = (0..<2).map { _ in Memory([T](repeating: -77, count: test.columns)) }
          let written = Memory([T](repeating: -77, count: test.count))
          let bits = Memory([UInt8](repeating: 77, count: test.count))
          var outputs = [apus_operand(), apus_operand(), bits.operand(APUS_BOOL, strides: [test.columns, 1])]
          if split % 2 == 0 { outputs[1] = written.operand(T.dtype, strides: [test.columns, 1]) }
          let targets: [UnsafeMutableRawPointer?] = sums.map { UnsafeMutableRawPointer($0.base) } + [nil]
          test.withProgram { program in
            for (begin, end) in [(0, split), (split, test.columns)] {
              apus_elementwise_column_sums(
                program, test.inputs, outputs, targets, Int64(test.rows), columns, Int64(begin), Int64(end))
            }
          }
          let result = sums.map(\.elements)
          if split == 0 { whole = result }
          for i in 0..<2 {
            if test.columns >= (T.self == Float.self ? 64 : 32) {
              #expect(same(result[i], expected[i]), "\(label), split at \(split), sum \(i)")
            }
            #expect(same(result[i], whole[i]), "\(label), split at \(split), sum \(i) does not depend on it")
          }
          if split % 2 == 0 { #expect(same(written.elements, test.outputs[1]), "\(label), written") }
          #expect(bits.elements == test.flags, "\(label), flags")
        }
        // Few columns: another order of additions, but the same sums.
        for i in 0..<2 where test.rows != 129 {
          let close = zip(whole[i], expected[i]).allSatisfy { abs($0 - $1) < 1e-3 * (1 + abs($1)) }
          #expect(close, "\(label), sum \(i)")
        }
      }
    }

    @Test func columnSums() {
      checkColumnSums(Float.self)
      checkColumnSums(Double.self)
    }

    private func checkSums<T: SummedElement>(_ type: T.Type) {
      eachCase(type) { (test: FusionCase<T>, label: String) in
        let extents = [Int64(test.rows), Int64(test.columns)]
        for (begin, end) in [(0, test.count), (test.count / 3, test.count), (0, min(5, test.count)), (1, 1)] {
          let written = Memory([T](repeating: -77, count: test.count))
          let bits = Memory([UInt8](repeating: 77, count: test.count))
          let outputs = [apus_operand(), written.operand(T.dtype), bits.operand(APUS_BOOL)]
          let sums = Memory([-77.0, -77])
          test.withProgram { program in
            apus_elementwise_sum(
              program, 2, extents, test.inputs, outputs, [sums.base, sums.base + 1, nil], Int64(begin), Int64(end))
          }
          let expected = test.outputs.map { output in
            output.withUnsafeBufferPointer {
              apus_sum_chunk(T.dtype, false, $0.baseAddress! + begin, Int64(end - begin))
            }
          }
          #expect(same(sums.elements, expected), "\(label), \(begin)..<\(end)")
          if begin == 0 && end == test.count {
            #expect(same(written.elements, test.outputs[1]) && bits.elements == test.flags, "\(label), written")
            var reduced: T = 0
            apus_reduce(APUS_REDUCE_SUM, T.dtype, test.outputs[0], &reduced, Int64(test.count), 1, 0, 1)
            #expect(same([T(sums.elements[0])], [reduced]), "\(label), rounded")
          }
        }
      }
    }

    @Test func sums() {
      checkSums(Float.self)
      checkSums(Double.self)
    }

    /// An update in place whose result is summed as well.
    @Test func sumsOfAnUpdateInPlace() {
      for (rows, columns) in [(129, 100), (8, 5), (300, 1024)] {
        let count = rows * columns
        let p = Memory((0..<count).map { Float($0 % 97) / 8 })
        let g = Memory((0..<count).map { Float($0 % 89) / 16 })
        let expected = zip(p.elements, g.elements).map { $0 - $1 }
        var expectedSums = [Float](repeating: 0, count: columns)
        apus_reduce(APUS_REDUCE_SUM, APUS_F32, expected, &expectedSums, Int64(rows), Int64(columns), 0, 1)
        let sums = Memory([Float](repeating: 0, count: columns))
        let operand = p.operand(APUS_F32, strides: [columns, 1])
        [instruction(APUS_SUBTRACT, [0, 1], to: 2)].withUnsafeBufferPointer {
          var program = apus_program(
            compute: APUS_F32, input_count: 2, constant_count: 0, temporary_count: 0, output_count: 1,
            instruction_count: 1, constants: nil, instructions: $0.baseAddress!)
          apus_elementwise_column_sums(
            &program, [operand, g.operand(APUS_F32, strides: [columns, 1])], [operand],
            [UnsafeMutableRawPointer(sums.base)],
            Int64(rows), Int64(columns), 0, Int64(columns))
        }
        #expect(p.elements == expected)
        #expect(sums.elements == expectedSums)  // exact: every number is a multiple of 1/16
      }
    }
  }
}
