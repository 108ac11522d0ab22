import ApusCore

/// What every layer of a model put out, to look into a network at work.
///
/// ```swift
/// let trace = ActivationTrace(of: model, x)
/// for entry in trace.entries { print(entry.name, entry.layer, entry.output.mean()) }
/// ```
public struct ActivationTrace: Sendable {
  public struct Entry: Sendable {
    /// The layer's path inside the model, such as "0" or "encoder.1"; "" for the model itself.
    public let name: String
    public let layer: any Layer
    /// Not tracked: no gradient flows through it.
    public let output: Tensor
  }

  /// In the order in which the layers finished: a layer stands after its parts, the model itself last. A layer that ran twice appears
  /// twice.
  public let entries: [Entry]

  /// Runs `model` on `x` as when predicting.
  public init(of model: some Layer, _ x: Tensor) {
    self = withInference { recordingOutputs(of: model) { _ = $0(x) } }.trace
  }

  fileprivate init(entries: [Entry]) { self.entries = entries }

  /// The last output of the layer at a path.
  public subscript(name: String) -> Tensor? { entries.last { $0.name == name }?.output }
}

/// The value of `body`, and what the layers of `model` put out while it ran, on this thread.
///
/// Layers that are no part of the model are left out. A recorded ``Program`` replays kernels, not layers: run it, and nothing is seen.
public func recordingOutputs<Model: Layer, R>(
  of model: Model, _ body: (Model) throws -> R
) rethrows -> (value: R, trace: ActivationTrace) {
  var names: [ObjectIdentifier: String] = [:]
  func place(_ layer: any Layer, _ name: String) {
    guard names[ObjectIdentifier(layer)] == nil else { return }
    names[ObjectIdentifier(layer)] = name
    for child in layer.children { place(child.layer, name.isEmpty ? child.name : "\(name).\(child.name)") }
  }
  place(model, "")
  let entries = Entries()
  func note(_ layer: any RunningLayer, _ output: Tensor) {
    guard let name = names[ObjectIdentifier(layer)], let layer = layer as? any Layer else { return }
    entries.list.append(ActivationTrace.Entry(name: name, layer: layer, output: output.stopGradient()))
  }
  let value = try OutputObserver.observing(note) { try body(model) }
  return (value, ActivationTrace(entries: entries.list))
}

private final class Entries { var list: [ActivationTrace.Entry] = [] }
