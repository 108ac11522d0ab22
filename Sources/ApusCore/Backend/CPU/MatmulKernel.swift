import CApus

/// A matrix product made ready for one shape: how it is computed, and the tiles that it is cut into. The addresses are those of `a`,
/// `b`, the bias if there is one, and `c`.
struct MatmulKernel: CPUKernel, @unchecked Sendable {
  private let plan: apus_matmul_plan
  /// Keeps oneDNN's primitives, where there are any, for as long as somebody may run them.
  private let primitives: Primitives?

  private final class Primitives {
    private var plan: apus_matmul_plan
    init(_ plan: apus_matmul_plan) { self.plan = plan }
    deinit { apus_matmul_plan_destroy(&plan) }
  }

  /// By the own kernels, which take every shape and cost nothing to prepare.
  init(own shape: apus_matmul) {
    var (shape, plan) = (shape, apus_matmul_plan())
    apus_matmul_plan_make(&shape, APUS_MATMUL_OWN, &plan)
    self.plan = plan
    primitives = nil
  }

  init(_ shape: apus_matmul, _ route: apus_matmul_route_kind) throws(OneDNNError) {
    var (shape, plan) = (shape, apus_matmul_plan())
    try OneDNNError.check(apus_matmul_plan_make(&shape, route, &plan), "matmul")
    self.plan = plan
    primitives = Primitives(plan)
  }

  var pieces: Int { Int(plan.pieces) }
  var cost: Double { plan.cost }

  /// The part of the result that `piece` writes.
  func tile(_ piece: Int) -> apus_matmul_tile {
    withUnsafePointer(to: plan) { apus_matmul_plan_tile($0, Int64(piece)) }
  }

  func run(_ addresses: Addresses, piece: Int) {
    let hasBias = plan.shape.has_bias
    let status = withUnsafePointer(to: plan) {
      apus_matmul_plan_run(
        $0, addresses[0], addresses[1], hasBias ? addresses[2] : nil, addresses[hasBias ? 3 : 2], Int64(piece))
    }
    if status != 0 { fatalError("\(OneDNNError(status: status, operation: "matmul"))") }
  }
}

/// What oneDNN reports when it cannot do something.
struct OneDNNError: Error, Hashable, CustomStringConvertible {
  /// oneDNN's status code, not 0.
  let status: Int32
  let operation: String

  static func check(_ status: Int32, _ operation: String) throws(OneDNNError) {
    if status != 0 { throw OneDNNError(status: status, operation: operation) }
  }

  var description: String { "oneDNN's \(operation): \(String(cString: apus_onednn_status_name(status)))" }
}
