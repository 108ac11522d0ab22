/// What a training left in its directory: model, choices and history.
public struct RunRecord: Sendable {
  public let model: SavedModel
  public let history: History
  /// The data set or the path of the file that the model was trained on.
  public let dataName: String
  /// Of tables: how they were divided.
  private let (seed, testFraction): (UInt64, Double)
  /// Of images: where the data set's files were; nil: in the cache.
  private let imageDirectory: String?

  /// Reads `model.safetensors`, `config.json` and `history.csv`.
  /// - Throws: `FileFormatError` or `TrainingError` naming the file.
  public init(directory: String) throws {
    guard FileSystem.isDirectory(directory) else {
      throw FileFormatError(.notFound, path: directory, "there is no such directory; name one that 'apus train' made")
    }
    model = try SavedModel(path: directory)
    let historyPath = directory + "/history.csv"
    history = try History(csv: try TextFile.read(historyPath), source: historyPath)
    let path = directory + "/config.json"
    let text = try TextFile.read(path)
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    let json: JSON
    do { json = try JSON(parsing: text) } catch { throw malformed("this is no JSON: \(error)") }
    guard let name = json["data"]?.string else { throw malformed("'data' is missing; expected a text") }
    guard let seed = json["seed"]?.string.flatMap({ UInt64($0) }) else {
      throw malformed("'seed' is missing; expected a whole number as a text")
    }
    var fraction = 0.0
    if case .table = model {
      guard let found = json["test"]?.number, found >= 0, found < 1 else {
        throw malformed("'test' is missing; expected a number from 0 up to 1")
      }
      fraction = found
    }
    (dataName, self.seed, testFraction) = (name, seed, fraction)
    imageDirectory = json["directory"]?.string
  }

  /// The examples that were held back to measure the result: of a table those that the training left out, divided as before, or all if
  /// none were, scaled as the model expects and with targets in their original units; of images the test images. Nil for a model of texts.
  /// - Parameter place: where the data are now, a table's name or path, or the directory of the images' files; where they were if nil.
  /// - Throws: `CSVError`, `DatasetError` or `FileFormatError` for data that cannot be read or do not fit the model.
  public func testData(_ place: String? = nil) throws -> Dataset? {
    switch model {
    case .table(let model):
      let data = try model.dataset(named: place ?? dataName, seed: seed)
      let test = data.split(testFraction: testFraction, seed: seed).test
      return test.count > 0 ? test : data
    case .image, .generative:
      guard let images = ImageData(rawValue: dataName) else {
        throw DatasetError("there are no images '\(dataName)'")
      }
      return try images.load(directory: place ?? imageDirectory).test
    case .text: return nil
    }
  }
}
