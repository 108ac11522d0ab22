import Testing

@testable import ApusCore

@Suite struct ParameterTests {
  private let halve = Update(scalars: 0) { p, _, _ in p = p * 0.5 }

  private func update(_ parameter: Parameter) {
    let states: [Parameter] = []
    halve(parameter, gradient: .zeros(parameter.shape), states: states, scalars: [])
  }

  @Test func oldValuesDoNotChange() {
    let parameter = Parameter(Tensor([2, 4] as [Float]))
    let old = parameter.value
    let view = parameter.value[1]
    update(parameter)
    #expect(old.floats == [2, 4])
    #expect(view.item == 4)
    #expect(parameter.value.floats == [1, 2])
  }

  @Test func updatesHappenInPlaceWhenNobodyLooks() {
    let parameter = Parameter(Tensor([2, 4] as [Float]))
    let before = parameter.stored.object.address
    update(parameter)
    #expect(parameter.stored.object.address == before)
    let held = parameter.value
    update(parameter)
    #expect(parameter.stored.object.address != before)
    #expect(held.floats == [1, 2])
  }

  @Test func theTensorItWasMadeOfDoesNotChange() {
    let tensor = Tensor([2, 4] as [Float])
    let parameter = Parameter(tensor)
    update(parameter)
    #expect(tensor.floats == [2, 4])
    #expect(parameter.value.floats == [1, 2])
  }

  @Test func savedValuesInAGraphDoNotChange() {
    let parameter = Parameter(Tensor([2, 4] as [Float]))
    let (_, gradients, _) = valueWithGradient(of: [parameter], at: []) { _ in
      let y = (parameter.value * parameter.value).sum()
      update(parameter)
      return y
    }
    #expect(gradients[0].floats == [4, 8])
  }

  @Test func statesAreCopiedWhenSomebodyHoldsThem() {
    let rule = Update(scalars: 0) { p, g, v, _ in v = v + g }
    let parameter = Parameter(Tensor([0, 0] as [Float]))
    let states = [Parameter(Tensor.zeros([2]))]
    let held = states[0].stored
    rule(parameter, gradient: Tensor.ones([2]), states: states, scalars: [])
    #expect(held.floats == [0, 0])
    #expect(states[0].stored.floats == [1, 1])
  }

  @Test func identityCounts() {
    let (a, b) = (Parameter(Tensor(1 as Float)), Parameter(Tensor(1 as Float)))
    #expect(a != b && Set([a, b, a]).count == 2)
    a.value = Tensor(5 as Float)
    #expect(a.value.item == 5)
    #expect(a.isTrainable)
    a.isTrainable = false
    #expect(!a.isTrainable)
  }
}
