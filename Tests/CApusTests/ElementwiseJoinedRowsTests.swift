import CApus
import Testing

/// Column sums of short rows that follow each other in memory, which are computed many at a time.
extension ElementwiseTests {
  @Suite struct JoinedRows {
    /// z = x mask s + 0.5, where s is the same row for all of x's, and whether x > 0.5; z, and x squared without memory, are summed.
    private static let instructions = [
      instruction(APUS_MULTIPLY, [0, 1], to: 4), instruction(APUS_MULTIPLY, [4, 2], to: 4),
      instruction(APUS_ADD, [4, 3], to: 4), instruction(APUS_GREATER, [0, 3], to: 5),
      instruction(APUS_SQUARE, [0], to: 6),
    ]

    private func check(rows: Int, columns: Int, range: Range<Int>, _ label: String) {
      let x = (0..<rows * columns).map { Float($0 * 7919 % 1999) / 512 - 2 }
      let mask = (0..<rows * columns).map { UInt8($0 * 31 % 3 == 0 ? 1 : 0) }
      let scale = (0..<columns).map { Float($0 * 13 % 7) - 3 }
      let (xs, masks, scales) = (Memory(x), Memory(mask), Memory(scale))
      let z = Memory([Float](repeating: -77, count: rows * columns))
      let above = Memory([UInt8](repeating: 77, count: rows * columns))
      let sums = (0..<2).map { _ in Memory([Float](repeating: -77, count: columns)) }
      let targets: [UnsafeMutableRawPointer?] = [
        UnsafeMutableRawPointer(sums[0].base), nil, UnsafeMutableRawPointer(sums[1].base),
      ]
      let constants = [0.5]
      constants.withUnsafeBufferPointer { constants in
        Self.instructions.withUnsafeBufferPointer { instructions in
          var program = apus_program(
            compute: APUS_F32, input_count: 3, constant_count: 1, temporary_count: 0, output_count: 3,
            instruction_count: 5, constants: constants.baseAddress, instructions: instructions.baseAddress!)
          apus_elementwise_column_sums(
            &program,
            [
              xs.operand(APUS_F32, strides: [columns, 1]), masks.operand(APUS_BOOL, strides: [columns, 1]),
              scales.operand(APUS_F32, strides: [0, 1]),
            ],
            [
              z.operand(APUS_F32, strides: [columns, 1]), above.operand(APUS_BOOL, strides: [columns, 1]),
              apus_operand(),
            ], targets, Int64(rows), Int64(columns), Int64(range.lowerBound), Int64(range.upperBound))
        }
      }
      withExtendedLifetime((xs, masks, scales)) {}
      let places = (0..<rows * columns).filter { range.contains($0 % columns) }
      let expected = x.indices.map { x[$0] * Float(mask[$0]) * scale[$0 % columns] + 0.5 }
      let (written, flags) = (z.elements, above.elements)
      #expect(places.allSatisfy { written[$0] == expected[$0] }, "\(label)")
      #expect(places.allSatisfy { flags[$0] == (x[$0] > 0.5 ? 1 : 0) }, "\(label)")
      for (found, values) in [(sums[0], expected), (sums[1], x.map { $0 * $0 })] {
        var all = [Float](repeating: 0, count: columns)
        apus_reduce(APUS_REDUCE_SUM, APUS_F32, values, &all, Int64(rows), Int64(columns), 0, 1)
        let elements = found.elements
        #expect(Array(elements[range]) == Array(all[range]), "\(label)")
        #expect(elements.indices.allSatisfy { range.contains($0) || elements[$0] == -77 }, "\(label)")
      }
    }

    @Test func sums() {
      for set in instructionSets {
        with(instructionSet: set) {
          for columns in [16, 17, 20, 32, 33, 48, 64, 100, 120, 200, 1008, 1100] {
            for rows in [1, 7, 8, 9, 63, 64, 65, 129, 300] {
              check(rows: rows, columns: columns, range: 0..<columns, "\(set), \(rows)x\(columns)")
            }
            check(rows: 70, columns: columns, range: 0..<columns - columns % 2, "\(set), a range of \(columns)")
          }
        }
      }
    }
  }
}
