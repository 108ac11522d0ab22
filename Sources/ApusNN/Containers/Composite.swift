import ApusCore

/// A container: a layer that passes its input on to layers inside it and says which shapes they get.
public protocol CompositeLayer: Layer {
  /// The layers directly inside with their names and the shapes of their inputs, for an input of shape `input`.
  /// - Throws: `ShapeError` where one of them does not fit.
  func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)]
}

extension ShapeError {
  /// The same error, seen from the layer around.
  func inside(_ place: String) -> ShapeError {
    var error = self
    error.path = [place] + error.path
    return error
  }
}

/// A list of layers as one: themselves if it is a single one.
func joined(_ layers: [any Layer]) -> any Layer { layers.count == 1 ? layers[0] : Sequential(layers) }
