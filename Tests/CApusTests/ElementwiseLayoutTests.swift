import CApus
import Foundation
import Testing

/// A float32 view for the tests: values in memory, strides per axis, and where element (0, 0, ...) lies.
private struct View {
  var values: [Float]
  var strides: [Int]
  var origin = 0

  func element(_ position: Int, _ extents: [Int]) -> Float {
    var rest = position
    var offset = origin
    for axis in extents.indices.reversed() {
      offset += rest % extents[axis] * strides[axis]
      rest /= extents[axis]
    }
    return values[offset]
  }

  static func dense(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 0, count: extents.count)
    var next = 1
    for axis in extents.indices.reversed() {
      strides[axis] = next
      next *= extents[axis]
    }
    return strides
  }

  /// Any mixture of permuted, reversed, broadcast and padded axes.
  static func random(_ extents: [Int], _ numbers: inout RepeatableNumbers) -> View {
    var view = View(values: [], strides: [Int](repeating: 0, count: extents.count))
    var next = 1
    let kind = Int.random(in: 0..<6, using: &numbers)
    var axes = Array(extents.indices.reversed())
    if kind == 4 { axes.shuffle(using: &numbers) }
    for axis in axes {
      if kind == 1 || (kind > 1 && Int.random(in: 0..<3, using: &numbers) == 0) { continue }  // broadcast
      let reversed = kind == 3 && Bool.random(using: &numbers)
      view.strides[axis] = reversed ? -next : next
      if reversed { view.origin += next * (extents[axis] - 1) }
      next *= extents[axis] + (kind == 5 ? 1 : 0)
    }
    view.values = (0..<max(next, 1)).map { Float($0 * 7919 % 251) - 100 }
    return view
  }
}

extension ElementwiseTests {
  @Suite struct Layouts {
    /// 2a + b, and a alone as a second output, of a range of the iteration space; nothing outside it is touched.
    private func check(_ a: View, _ b: View, extents: [Int], range: Range<Int>? = nil, _ label: String) {
      let count = extents.reduce(1, *)
      let range = range ?? 0..<count
      let first = Memory([Float](repeating: -5555, count: count + 1))
      let second = Memory([Int32](repeating: -5555, count: count + 1))
      let left = Memory(a.values)
      let right = Memory(b.values)
      defer { withExtendedLifetime((left, right)) {} }  // an optimised build frees them after their last mention
      execute(
        compute: APUS_F32, constants: [2], temporaries: 1,
        instructions: [
          instruction(APUS_COPY, [0], to: 3), instruction(APUS_MULTIPLY_ADD, [2, 3, 1], to: 4),
          instruction(APUS_COPY, [3], to: 5),
        ], extents: extents,
        inputs: [
          left.operand(APUS_F32, strides: a.strides, origin: a.origin),
          right.operand(APUS_F32, strides: b.strides, origin: b.origin),
        ], outputs: [first.operand(APUS_F32), second.operand(APUS_I32)], range: range)
      let sum = first.elements
      let copy = second.elements
      let wrong = (0...count).first { i in
        guard i < count, range.contains(i) else { return sum[i] != -5555 || copy[i] != -5555 }
        let x = a.element(i, extents)
        return sum[i] != 2 * x + b.element(i, extents) || copy[i] != Int32(x)
      }
      if let i = wrong {
        Issue.record(
          "\(label), extents \(extents), strides \(a.strides) \(b.strides), range \(range): element \(i) is \(sum[i])")
      }
    }

    private func values(_ count: Int) -> [Float] { (0..<max(count, 1)).map { Float($0 % 1013) - 500 } }

    @Test func sizes() {
      for set in instructionSets {
        with(instructionSet: set) {
          for n in [0, 1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2049, 100_003] {
            let dense = View(values: values(n), strides: [1])
            check(dense, dense, extents: [n], set)
            check(dense, View(values: [3], strides: [0]), extents: [n], set)
            check(View(values: values(n), strides: [-1], origin: max(n - 1, 0)), dense, extents: [n], set)
            check(View(values: values(3 * n), strides: [3]), dense, extents: [n], set)
          }
        }
      }
    }

    @Test func matrices() {
      for set in instructionSets {
        with(instructionSet: set) {
          for (rows, columns) in [
            (400, 4), (4, 400), (3, 1500), (1500, 3), (37, 65), (65, 37), (2, 1024), (1024, 2), (100, 100), (70, 16),
            (70, 15), (5, 3001),
          ] {
            let extents = [rows, columns]
            let n = rows * columns
            let dense = View(values: values(n), strides: [columns, 1])
            check(dense, View(values: values(columns), strides: [0, 1]), extents: extents, "row, \(set)")
            check(dense, View(values: values(rows), strides: [1, 0]), extents: extents, "column, \(set)")
            check(dense, View(values: values(n), strides: [1, rows]), extents: extents, "transposed, \(set)")
            check(
              View(values: values(n), strides: [-columns, -1], origin: n - 1), dense, extents: extents,
              "reversed, \(set)")
            check(
              dense, View(values: values(n), strides: [columns, -1], origin: columns - 1), extents: extents,
              "mirrored, \(set)")
            check(
              View(values: values(rows * (columns + 5)), strides: [columns + 5, 1]), dense, extents: extents,
              "padded rows, \(set)")
            check(
              View(values: values(columns), strides: [0, 1]), View(values: values(rows), strides: [1, 0]),
              extents: extents, range: n / 3..<n - n / 5, "outer, \(set)")
          }
        }
      }
    }

    @Test func anyRankAndRange() {
      var numbers = RepeatableNumbers(state: 99)
      for rank in 0...8 {
        for _ in 0..<(rank < 2 ? 40 : 150) {
          var extents = [Int](repeating: 1, count: rank)
          var left = [1, 30, 700, 5000].randomElement(using: &numbers)!
          for axis in extents.indices.shuffled(using: &numbers) {
            extents[axis] = Int.random(
              in: 1...max(1, min(left, [2, 5, 20, 2000].randomElement(using: &numbers)!)), using: &numbers)
            left /= extents[axis]
          }
          let count = extents.reduce(1, *)
          let begin = Bool.random(using: &numbers) ? 0 : Int.random(in: 0...count, using: &numbers)
          let end = Bool.random(using: &numbers) ? count : Int.random(in: begin...count, using: &numbers)
          let a = View.random(extents, &numbers)
          let b = View.random(extents, &numbers)
          let set = instructionSets.randomElement(using: &numbers)!
          with(instructionSet: set) { check(a, b, extents: extents, range: begin..<end, set) }
        }
      }
    }

    /// Every layout is also read from other element types.
    @Test func otherTypes() {
      let extents = [13, 7, 11]
      let count = 1001
      let layouts: [([Int], Int)] = [
        ([77, 11, 1], 0), ([0, 11, 1], 0), ([0, 0, 1], 0), ([1, 13, 91], 0), ([11, 0, 1], 0), ([7, 1, 0], 0),
        ([-77, -11, -1], 1000), ([0, 0, 0], 5),
      ]
      let types: [(apus_dtype, Int)] = [
        (APUS_F32, 4), (APUS_F64, 8), (APUS_I32, 4), (APUS_I64, 8), (APUS_U8, 1), (APUS_BOOL, 1), (APUS_BF16, 2),
      ]
      let plain = (0..<count).map { UInt8($0 % 2) }
      for set in instructionSets {
        with(instructionSet: set) {
          for (from, size) in types {
            var source = [UInt8](repeating: 0, count: count * size)
            apus_convert(&source, from, plain, APUS_BOOL, Int64(count))
            for compute in [APUS_F32, APUS_F64, APUS_I32, APUS_I64] {
              for (strides, origin) in layouts {
                let input = Memory(source)
                defer { withExtendedLifetime(input) {} }
                let output = Memory([UInt8](repeating: 9, count: count))
                execute(
                  compute: compute, constants: [3], instructions: [instruction(APUS_ADD, [0, 1], to: 2)],
                  extents: extents,
                  inputs: [input.operand(from, strides: strides, origin: origin * size)],
                  outputs: [output.operand(APUS_U8)],
                  range: 1..<count)
                let result = output.elements
                let view = View(values: plain.map(Float.init), strides: strides, origin: origin)
                let right =
                  result[0] == 9 && (1..<count).allSatisfy { Float(result[$0]) == view.element($0, extents) + 3 }
                #expect(right, "\(set), from type \(from.rawValue) in \(compute.rawValue), strides \(strides)")
              }
            }
          }
        }
      }
    }

    /// An optimiser's update: outputs lie over their inputs.
    @Test func inPlace() {
      for set in instructionSets {
        with(instructionSet: set) {
          for n in [1, 7, 16, 17, 1024, 1030, 5000] {
            let before = values(n)
            let gradient = before.map { $0 * 2 + 1 }
            let p = Memory(before)
            let m = Memory(before)
            let g = Memory(gradient)
            defer { withExtendedLifetime(g) {} }
            let inputs = [p, m, g].map { $0.operand(APUS_F32) }
            execute(
              compute: APUS_F32, constants: [0.5],
              instructions: [
                instruction(APUS_MULTIPLY_ADD, [1, 3, 2], to: 5), instruction(APUS_SUBTRACT, [0, 5], to: 4),
              ],
              extents: [n], inputs: inputs, outputs: [inputs[0], inputs[1]])
            let momentum = zip(before, gradient).map { (x: Float, g: Float) in 0.5 * x + g }
            #expect(m.elements == momentum && p.elements == zip(before, momentum).map { $0 - $1 }, "\(set), \(n)")
          }
        }
      }
    }

    /// As many registers as an instruction can name: tiles get smaller, results do not change.
    @Test func manyRegisters() {
      let n = 3000
      let x = Memory(values(n))
      let y = Memory([Float](repeating: 0, count: n))
      var instructions = [instruction(APUS_COPY, [0], to: 2)]
      for register in 3..<252 { instructions.append(instruction(APUS_ADD, [register - 1, 1], to: register)) }
      instructions.append(instruction(APUS_COPY, [251], to: 252))
      execute(
        compute: APUS_F32, constants: [1], temporaries: 250, instructions: instructions, extents: [n],
        inputs: [x.operand(APUS_F32)],
        outputs: [y.operand(APUS_F32)])
      #expect(y.elements == x.elements.map { $0 + 249 })
    }

    @Test func threadsOnDisjointRanges() async {
      let n = 50_000
      let x = Memory(values(n))
      let y = Memory([Float](repeating: 0, count: n))
      nonisolated(unsafe) let input = x.operand(APUS_F32)
      nonisolated(unsafe) let output = y.operand(APUS_F32)
      await withTaskGroup(of: Void.self) { group in
        for chunk in 0..<16 {
          group.addTask {
            execute(
              compute: APUS_F32, instructions: [instruction(APUS_SQUARE, [0], to: 1)], extents: [n], inputs: [input],
              outputs: [output], range: chunk * n / 16..<(chunk + 1) * n / 16)
          }
        }
      }
      #expect(y.elements == x.elements.map { $0 * $0 })
    }
  }
}
