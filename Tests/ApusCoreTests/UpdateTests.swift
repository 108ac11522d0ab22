import Testing

@testable import ApusCore

@Suite struct UpdateTests {
  private typealias Step = (_ p: Double, _ g: Double, _ m: Double, _ v: Double) -> (p: Double, m: Double, v: Double)

  /// Runs `update` and the scalar `step` side by side, several times, for sizes around the tiles'.
  private func compare(_ name: String, _ update: Update, scalars: [Double] = [], _ step: Step) {
    for dtype in [DType.float64, .float32] {
      for count in [1, 17, 1024, 5003] {
        var random = RandomSource(seed: UInt64(count))
        func fresh() -> Tensor { Tensor.randomUniform([count], in: 0.5..<1.5, dtype: dtype, using: &random) }
        let parameter = Parameter(fresh())
        let states = (0..<update.stateCount).map { _ in Parameter(fresh()) }
        var p = parameter.stored.doubles
        var m = states.first?.stored.doubles ?? [Double](repeating: 0, count: count)
        var v = states.count > 1 ? states[1].stored.doubles : m
        for _ in 0..<3 {
          let gradient = fresh()
          update(parameter, gradient: gradient, states: states, scalars: Scalars(scalars))
          let g = gradient.doubles
          for i in 0..<count { (p[i], m[i], v[i]) = step(p[i], g[i], m[i], v[i]) }
        }
        let tolerance = dtype == .float64 ? 1e-13 : 2e-6
        func check(_ what: String, _ found: Tensor, _ expected: [Double]) {
          let worst = zip(found.doubles, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
          #expect(worst <= tolerance, "\(name), \(what), \(count) of \(dtype)")
        }
        check("p", parameter.stored, p)
        if update.stateCount > 0 { check("m", states[0].stored, m) }
        if update.stateCount > 1 { check("v", states[1].stored, v) }
      }
    }
  }

  @Test func gradientDescent() {
    compare("descent", Update(scalars: 1) { p, g, k in p = p - k[0] * g }, scalars: [0.1]) { p, g, m, v in
      (p - 0.1 * g, m, v)
    }
  }

  @Test func momentumInBothOrders() {
    let first = Update(scalars: 2) { p, g, v, k in
      v = k[1] * v + g
      p = p - k[0] * v
    }
    compare("momentum", first, scalars: [0.1, 0.9]) { p, g, m, v in (p - 0.1 * (0.9 * m + g), 0.9 * m + g, v) }
    let last = Update(scalars: 2) { p, g, v, k in
      p = p - k[0] * v
      v = k[1] * v + g
    }
    compare("late momentum", last, scalars: [0.1, 0.9]) { p, g, m, v in (p - 0.1 * m, 0.9 * m + g, v) }
  }

  /// The old parameter is read after the new one is known.
  @Test func oldValuesAreReadLate() {
    let previous = Update(scalars: 0) { p, g, v, _ in
      let old = p
      p = p - g
      v = old
    }
    compare("previous", previous) { p, g, m, v in (p - g, p, v) }
    let mixed = Update(scalars: 0) { p, g, v, _ in
      let old = p
      p = p * v - g
      v = old * g + v
    }
    compare("mixed", mixed) { p, g, m, v in (p * m - g, p * g + m, v) }
  }

  @Test func statesChangePlaces() {
    let exchange = Update(scalars: 0) { p, g, v, _ in (p, v) = (v, p) }
    compare("exchange", exchange) { p, g, m, v in (m, p, v) }
    let rotate = Update(scalars: 0) { p, g, m, v, _ in (p, m, v) = (m, v, p) }
    compare("rotate", rotate) { p, g, m, v in (m, v, p) }
    let chain = Update(scalars: 0) { p, g, m, v, _ in
      v = m
      m = p
      p = p - g
    }
    compare("chain", chain) { p, g, m, v in (p - g, p, m) }
    let same = Update(scalars: 0) { p, g, m, v, _ in
      p = p - g
      m = p
      v = p
    }
    compare("same", same) { p, g, m, v in (p - g, p - g, p - g) }
    let constant = Update(scalars: 1) { p, g, m, v, k in
      m = 3
      v = k[0]
    }
    compare("constant", constant, scalars: [0.25]) { p, g, m, v in (p, 3, 0.25) }
  }

  @Test func adam() {
    let rule = Update(scalars: 0) { p, g, m, v, _ in
      m = 0.9 * m + (1 - 0.9) * g
      v = 0.999 * v + (1 - 0.999) * g * g
      p = p - 0.1 * (m / 0.19) / (sqrt(v / 0.002) + 1e-8)
    }
    compare("adam", rule) { p, g, m, v in
      let m = 0.9 * m + (1 - 0.9) * g
      let v = 0.999 * v + (1 - 0.999) * g * g
      return (p - 0.1 * (m / 0.19) / ((v / 0.002).squareRoot() + 1e-8), m, v)
    }
  }

  @Test func readsGradientsOfAnyLayout() {
    let rule = Update(scalars: 0) { p, g, _ in p = p - g }
    let parameter = Parameter(Tensor.zeros([2, 3]))
    let states: [Parameter] = []
    rule(
      parameter, gradient: Tensor([1, 2, 3, 4, 5, 6] as [Float]).reshaped([3, 2]).transposed(), states: states,
      scalars: [])
    #expect(parameter.value.floats == [-1, -3, -5, -2, -4, -6])
    rule(parameter, gradient: Tensor(1 as Float).broadcast(to: [2, 3]), states: states, scalars: [])
    #expect(parameter.value.floats == [-2, -4, -6, -3, -5, -7])
  }

  @Test func bfloat16Parameters() {
    let rule = Update(scalars: 0) { p, g, v, _ in
      let old = p
      p = p - g
      v = old
    }
    let parameter = Parameter(Tensor([1, 2, 3] as [Float]).cast(to: .bfloat16))
    let states = [Parameter(Tensor.zeros([3], dtype: .bfloat16))]
    rule(parameter, gradient: Tensor([0.5, 0.5, 1] as [Float]).cast(to: .bfloat16), states: states, scalars: [])
    #expect(parameter.value.doubles == [0.5, 1.5, 2])
    #expect(states[0].stored.doubles == [1, 2, 3])
  }

  @Test func printsItsFormulas() {
    let momentum = Update(scalars: 2) { p, g, v, k in
      v = k[1] * v + g
      p = p - k[0] * v
    }
    #expect(
      momentum.formatted(states: ["v"], scalars: ["rate", "beta"]) == """
        p = p - rate * (beta * v + g)
        v = beta * v + g
        """)
  }
}
