import Apus

/// Where a run leaves its files.
struct RunDirectory {
  let path: String

  var modelPath: String { path + "/model.safetensors" }

  /// Makes the directory. Without a name it is the first free one of runs/NAME-1, runs/NAME-2, …, so that no earlier run is harmed.
  init(_ output: String?, data: String) throws(FileFormatError) {
    if let output {
      path = output
    } else {
      var name = String(data.split(separator: "/").last ?? "model")
      if name.hasSuffix(".csv") { name.removeLast(4) }
      var number = 1
      while FileSystem.exists("runs/\(name)-\(number)") { number += 1 }
      path = "runs/\(name)-\(number)"
    }
    try FileSystem.makeDirectory(path)
  }

  /// Writes model, configuration and history, each as a whole or not at all.
  func save(_ run: TabularRun, _ history: History) throws(FileFormatError) {
    try run.model.save(to: modelPath)
    try TextFile.write(
      run.configuration.json(loss: run.loss, task: run.task).text(pretty: true) + "\n", to: path + "/config.json")
    try TextFile.write(history.csv, to: path + "/history.csv")
  }
}
