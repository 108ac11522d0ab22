import CApus
import Testing

private let shapes: [(batch: Int, m: Int, n: Int, k: Int)] = [
  (1, 1, 512, 784), (1, 3, 1000, 300), (1, 300, 3, 500), (1, 64, 128, 64), (1, 129, 65, 70), (1, 700, 1, 800),
  (1, 37, 300, 10), (1, 128, 512, 784), (1, 130, 517, 203), (1, 512, 784, 128), (1, 301, 301, 301), (1, 1000, 70, 150),
  (1, 70, 1000, 150), (1, 257, 513, 260), (1, 10, 128, 3000), (7, 33, 65, 40), (3, 200, 210, 150), (50, 64, 64, 64),
  (33, 70, 90, 100),
]

@Suite(.serialized) struct MatmulPlanTests {
  private func plan(_ product: MatmulCase, _ route: apus_matmul_route_kind) -> apus_matmul_plan? {
    var plan = apus_matmul_plan()
    return withUnsafePointer(to: product.shape) { apus_matmul_plan_make($0, route, &plan) } == 0 ? plan : nil
  }

  /// Every product of these tests, the way it goes.
  private func forEachPlan(_ body: (MatmulCase, inout apus_matmul_plan) -> Void) {
    for (batch, m, n, k) in shapes {
      for a in [MatmulCase.Layout.plain, .transposed] {
        for b in [MatmulCase.Layout.plain, .transposed] {
          for (bias, epilogue) in [(false, APUS_EPILOGUE_NONE), (true, APUS_EPILOGUE_RELU), (true, APUS_EPILOGUE_TANH)]
          {
            let product = MatmulCase(batch: batch, m, n, k, a: a, b: b, bias: bias, epilogue: epilogue)
            guard var plan = plan(product, withUnsafePointer(to: product.shape) { apus_matmul_route($0) }) else {
              Issue.record("no plan for \(product.shape)")
              continue
            }
            body(product, &plan)
            apus_matmul_plan_destroy(&plan)
          }
        }
      }
    }
  }

  @Test func threadsDoNotChangeBits() {
    defer { apus_set_threads(0) }
    forEachPlan { product, plan in
      apus_set_threads(1)
      let alone = product.run(plan)
      #expect(alone.status == 0)
      if product.shape.epilogue == APUS_EPILOGUE_NONE { product.check(alone.values, "planned") }
      for threads in [2, 3, 5] as [Int32] {
        apus_set_threads(threads)
        #expect(
          product.run(plan).values.map(\.bitPattern) == alone.values.map(\.bitPattern),
          "\(product.shape) on \(threads) threads")
      }
    }
  }

  @Test func tilesCoverTheResultOnce() {
    forEachPlan { product, plan in
      let s = plan.shape
      var written = [Int](repeating: 0, count: Int(s.batch * s.m * s.n))
      for piece in 0..<plan.pieces {
        let tile = apus_matmul_plan_tile(&plan, piece)
        for matrix in tile.first_matrix..<tile.end_matrix {
          for row in tile.first_row..<tile.end_row {
            for column in tile.first_column..<tile.end_column {
              written[Int((matrix * s.m + row) * s.n + column)] += 1
            }
          }
        }
      }
      #expect(written.allSatisfy { $0 == 1 }, "\(s)")
    }
  }

  @Test func emptyProductsHaveNoPieces() {
    for (m, n) in [(0, 3), (3, 0)] { #expect(plan(MatmulCase(m, n, 4), APUS_MATMUL_OWN)?.pieces == 0) }
    #expect(plan(MatmulCase(batch: 0, 3, 3, 3), APUS_MATMUL_OWN)?.pieces == 0)
    #expect(plan(MatmulCase(3, 3, 0), APUS_MATMUL_OWN)?.pieces == 1)
  }

  /// Large products feed many cores; small ones are not cut at all.
  @Test func howManyTiles() {
    #expect(plan(MatmulCase(32, 10, 128, b: .transposed), APUS_MATMUL_OWN)?.pieces == 1)
    #expect(plan(MatmulCase(64, 64, 64), APUS_MATMUL_OWN)?.pieces == 1)
    guard let gradient = plan(MatmulCase(512, 784, 128, a: .transposed), APUS_MATMUL_OWN),
      let forward = plan(MatmulCase(128, 1024, 784, b: .transposed, bias: true), APUS_MATMUL_OWN)
    else {
      Issue.record("no plan")
      return
    }
    #expect(gradient.pieces == 4)
    #expect(forward.pieces == 4 && forward.grid_rows == 1, "every tile turns its columns of B")
  }
}
