import CApus
import Synchronization

/// A routine that the processor can run.
protocol CPURoutine: Routine {
  /// How it is computed for operands of these types, all of them dense.
  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan
}

/// What a routine does for operands of certain types: one kernel, or several, each of which needs the whole of what those before it did.
///
/// A plan is made once and may run on many threads at once, so kernels hold no state of a run. All get the addresses of the inputs, then of
/// the outputs, then of scratch memory of their common size.
struct RoutinePlan: @unchecked Sendable {
  let phases: [any CPUKernel]
  let scratchBytes: Int

  init(_ phases: any CPUKernel...) { self.init(phases) }

  init(_ phases: [any CPUKernel]) {
    self.phases = phases
    scratchBytes = phases.map(\.scratchBytes).max() ?? 0
  }

  /// Runs all phases.
  func run(_ addresses: CPUKernel.Addresses) {
    for kernel in phases {
      Team.run(kernel, addresses)
      kernel.finish(addresses)
    }
  }
}

/// The plans of routines, made once for every routine and types of operands.
final class RoutinePlans: Sendable {
  private struct Key: Hashable, @unchecked Sendable {
    // A routine is sendable; a type-erased one has forgotten it.
    let routine: AnyHashable
    let types: [TensorType]
    /// A plan may depend on it; a test may change it.
    let instructionSet = apus_instruction_set()
  }
  private let plans = Mutex<[Key: RoutinePlan]>([:])
  /// A program with ever new shapes starts anew here, rather than fill the memory.
  private static let mostPlans = 1024

  func plan(_ routine: any Routine, _ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    guard let routine = routine as? any CPURoutine else {
      fatalError("\(routine.name): there is no kernel for the processor")
    }
    let key = Key(routine: AnyHashable(routine), types: inputs + outputs)
    if let known = plans.withLock({ $0[key] }) { return known }
    let plan = routine.plan(inputs, outputs)
    plans.withLock { plans in
      if plans.count >= Self.mostPlans { plans.removeAll() }
      plans[key] = plan
    }
    return plan
  }
}

extension CPUBackend {
  func run(_ routine: any Routine, _ inputs: [Tensor], into outputs: [Tensor]) {
    let plan = routines.plan(routine, inputs.map(\.type), outputs.map(\.type))
    let tensors = inputs + outputs
    // Scratch memory may be large: it comes from the pool, not from the stack.
    let scratch = allocate(max(64, plan.scratchBytes))
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: tensors.count + 1) { table in
      for (i, tensor) in tensors.enumerated() { table.initializeElement(at: i, to: tensor.object.address) }
      table.initializeElement(at: tensors.count, to: scratch.pointer)
      withExtendedLifetime(scratch) { plan.run(CPUKernel.Addresses(table.baseAddress!)) }
    }
  }

  /// The task of a routine in a program.
  func task(_ routine: any Routine, _ inputs: [Operand], _ outputs: [Operand]) -> CPUTask {
    let plan = routines.plan(routine, inputs.map(\.type), outputs.map(\.type))
    let operands = inputs.count + outputs.count
    if let pair = plan.phases.first as? LinearPairKernel { return LinearPairTask(pair, operands: operands) }
    func task(_ kernel: some CPUKernel) -> CPUTask { KernelTask(kernel, operands: operands) }
    return plan.phases.count == 1 ? task(plan.phases[0]) : PhasedTask(plan, operands: operands)
  }
}

/// A task of several phases, each a parallel region of its own. It runs alone, so all such tasks of a program share their scratch memory.
final class PhasedTask: CPUTask {
  private let plan: RoutinePlan
  private let operands: Int

  init(_ plan: RoutinePlan, operands: Int) {
    self.plan = plan
    self.operands = operands
    super.init(
      operands: operands, pieces: plan.phases.isEmpty ? 0 : 1, cost: plan.phases.reduce(0) { $0 + $1.cost })
  }

  /// The scratch memory that it needs.
  var sharedBytes: Int { plan.scratchBytes }
  func share(_ scratch: UnsafeMutableRawPointer) { addresses[operands] = scratch }

  override var takesTeam: Bool { true }
  override func run(_ piece: Int) { plan.run(UnsafePointer(addresses)) }
}
