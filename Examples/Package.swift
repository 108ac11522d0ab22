// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// One short program for each kind of model: the product's name, and its folder in `Sources`.
let models = [
  (name: "autoencoders", folder: "Autoencoders"), (name: "char-gpt", folder: "CharGPT"),
  (name: "char-gru", folder: "CharGRU"), (name: "char-lstm", folder: "CharLSTM"), (name: "dcgan", folder: "DCGAN"),
  (name: "gan-1d", folder: "GAN1D"), (name: "lenet", folder: "LeNet"), (name: "mlp", folder: "MLP"),
  (name: "resnet", folder: "ResNet"), (name: "vae", folder: "VAE"),
]

/// The lecture notes' programs, a file each in `LectureNotes`.
let notes = [
  "notes-000-network", "notes-000-neuron", "notes-001-numpy", "notes-003-keras", "notes-003-numpy",
  "notes-003-pytorch", "notes-003-tensorflow", "notes-004-linear-regression", "notes-004-reviews",
]

/// Every program is a module of its own, so the others' files are none of its.
func filesBeside(_ name: String) -> [String] {
  notes.filter { $0 != name }.map { "\($0).swift" } + ["notes-001-numpy.py"]
}

let apus = Target.Dependency.product(name: "Apus", package: "Apus")

let package = Package(
  name: "Examples",
  products: models.map { .executable(name: $0.name, targets: [$0.folder]) }
    + notes.map { .executable(name: $0, targets: [$0]) },
  dependencies: [.package(name: "Apus", path: "..")],
  targets: models.map {
    .executableTarget(name: $0.folder, dependencies: [apus, "ExampleOptions"], swiftSettings: swift)
  }
    + notes.map {
      .executableTarget(
        name: $0, dependencies: [apus], path: "LectureNotes", exclude: filesBeside($0), swiftSettings: swift)
    } + [
      // The options that the models' programs share.
      .target(name: "ExampleOptions", dependencies: [apus], swiftSettings: swift),
      // Runs the programs as processes.
      .testTarget(name: "ExamplesTests", swiftSettings: swift),
    ],
  swiftLanguageModes: [.v6]
)
