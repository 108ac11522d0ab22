import Apus

/// Where a run leaves its files.
struct RunDirectory {
  let path: String
  /// Whether this run made it.
  private let isNew: Bool
  /// The files that change while the run goes on.
  private let extras: [String]

  var modelPath: String { path + "/model.safetensors" }
  private var configurationPath: String { path + "/config.json" }
  private var historyPath: String { path + "/history.csv" }

  /// Makes the directory, and checks that files can be written there. Without a name it is the first free one of runs/NAME-1,
  /// runs/NAME-2, …, so that no earlier run is harmed.
  /// - Parameter extraFiles: the names of the files that the run writes beside model, configuration and history.
  init(_ output: String?, data: String, extraFiles: [String]) throws {
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
    let path = path
    extras = extraFiles.map { "\(path)/\($0)" }
    if isNew { Interruption.removes(path, with: extras) }
    do {
      try Failure.writing {
        for path in [modelPath, configurationPath, historyPath] + extras { try TextFile.checkWritable(path) }
      }
    } catch {
      abandon()
      throw error
    }
  }

  /// Removes the directory if this run made it, unless the whole result is there.
  func abandon() { if isNew { Interruption.removeNow() } }

  /// Writes what shows how far the run is.
  func update(_ run: any NetworkRun) throws {
    try Failure.writing { try Interruption.deferred { try run.writeExtras(to: path) } }
  }

  /// Writes model, configuration and history, each as a whole or not at all; the last epoch has written what else there is.
  func save(_ run: any NetworkRun, _ history: History) throws {
    try Failure.writing {
      try Interruption.deferred {
        try run.save(to: modelPath)
        try TextFile.write(run.settings.text(pretty: true) + "\n", to: configurationPath)
        try TextFile.write(history.csv, to: historyPath)
        Interruption.keepsFiles()
      }
    }
  }
}
