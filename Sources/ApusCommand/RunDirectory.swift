import Apus

/// Where a run leaves its files.
struct RunDirectory {
  let path: String
  /// Whether this run made it.
  private let isNew: Bool

  var modelPath: String { path + "/model.safetensors" }
  private var configurationPath: String { path + "/config.json" }
  private var historyPath: String { path + "/history.csv" }

  /// Makes the directory, and checks that files can be written there. Without a name it is the first free one of runs/NAME-1,
  /// runs/NAME-2, …, so that no earlier run is harmed.
  init(_ output: String?, data: String) throws {
    (path, isNew) = try Failure.writing {
      if let output { return (output, try FileSystem.makeDirectory(output)) }
      var name = data.split(separator: "/").last ?? "model"
      if name.hasSuffix(".csv") || name.hasSuffix(".txt") { name.removeLast(4) }
      // Names have an end: 255 bytes, with the number.
      while name.utf8.count > 200 { name.removeLast() }
      try FileSystem.makeDirectory("runs")
      var number = 1
      // Another run may look for a name at the same moment: only one of them makes the directory.
      while try !FileSystem.makeNewDirectory("runs/\(name)-\(number)") { number += 1 }
      return ("runs/\(name)-\(number)", true)
    }
    if isNew { Interruption.removes(path) }
    do {
      try Failure.writing {
        for path in [modelPath, configurationPath, historyPath] { try TextFile.checkWritable(path) }
      }
    } catch {
      abandon()
      throw error
    }
  }

  /// Removes the directory if this run made it and left nothing there.
  func abandon() { if isNew { FileSystem.removeEmptyDirectory(path) } }

  /// Writes model, configuration, history and what else there is, each as a whole or not at all.
  func save(_ run: any NetworkRun, _ history: History) throws {
    try Failure.writing {
      try Interruption.deferred {
        try run.save(to: modelPath)
        try TextFile.write(run.settings.text(pretty: true) + "\n", to: configurationPath)
        try TextFile.write(history.csv, to: historyPath)
        try run.writeExtras(to: path)
      }
    }
  }
}
