// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "Apus",
  products: [
    .library(name: "Apus", targets: ["Apus"]),
    .executable(name: "apus", targets: ["ApusCommand"]),
    // For Benchmarks/, which starts from the same numbers as the tests. Not a part of the interface.
    .library(name: "ApusTestSupport", targets: ["ApusTestSupport"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // C: the kernels and the bridge to oneDNN.
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"]), .brew(["onednn"])]),
    .target(
      name: "CApus", dependencies: ["COneDNN"],
      cSettings: [.define("NDEBUG", .when(configuration: .release))],
      linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux])), .linkedLibrary("m")]),
    .target(name: "CApusDatasets", exclude: ["data", "README.md"]),

    // C: compressed files and images, by the system's libraries.
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(name: "CPNG", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(name: "CJPEG", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .target(
      name: "CApusImages", dependencies: ["CPNG", "CJPEG"],
      linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),

    // The library, from the tensor upwards.
    .target(name: "ApusCore", dependencies: ["CApus"], swiftSettings: swift),
    .target(name: "ApusNN", dependencies: ["ApusCore"], swiftSettings: swift),
    .target(name: "ApusModels", dependencies: ["ApusCore", "ApusNN"], swiftSettings: swift),
    .target(name: "ApusFiles", dependencies: ["CZlib"], swiftSettings: swift),
    .target(name: "ApusData", dependencies: ["ApusCore", "ApusFiles", "CApusDatasets"], swiftSettings: swift),
    .target(
      name: "ApusImages", dependencies: ["ApusCore", "ApusFiles", "ApusData", "CApusImages"], swiftSettings: swift),
    .target(name: "ApusTraining", dependencies: ["ApusCore", "ApusNN", "ApusData"], swiftSettings: swift),
    .target(
      name: "ApusFormats", dependencies: ["ApusCore", "ApusFiles", "ApusNN", "ApusData"], swiftSettings: swift),
    .target(
      name: "ApusPlot",
      dependencies: ["ApusCore", "ApusFiles", "ApusNN", "ApusData", "ApusImages", "ApusTraining", "ApusFormats"],
      swiftSettings: swift),
    .target(name: "ApusExplain", dependencies: ["ApusCore", "ApusFiles", "ApusNN"], swiftSettings: swift),
    .target(
      name: "Apus",
      dependencies: [
        "ApusCore", "ApusFiles", "ApusNN", "ApusModels", "ApusData", "ApusImages", "ApusTraining", "ApusFormats",
        "ApusPlot", "ApusExplain",
      ],
      swiftSettings: swift),

    // The command line, a thin shell over the library.
    .executableTarget(
      name: "ApusCommand",
      dependencies: ["Apus", .product(name: "ArgumentParser", package: "swift-argument-parser")], swiftSettings: swift),

    // Tests.
    .target(
      name: "ApusTestSupport", dependencies: ["ApusCore", "ApusNN", "ApusModels", "ApusTraining"], swiftSettings: swift),
    .testTarget(name: "CApusTests", dependencies: ["CApus"], swiftSettings: swift),
    .testTarget(
      name: "ApusCoreTests", dependencies: ["ApusCore", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(
      name: "ApusNNTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(name: "ApusModelsTests", dependencies: ["Apus", "ApusTestSupport"], swiftSettings: swift),
    .testTarget(
      name: "ApusDataTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(
      name: "ApusImagesTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(
      name: "ApusTrainingTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"],
      swiftSettings: swift),
    .testTarget(
      name: "ApusFormatsTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(
      name: "ApusPlotTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(
      name: "ApusExplainTests", dependencies: ["Apus", "ApusTestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(name: "ApusCommandTests", dependencies: ["ApusCommand", "Apus"], swiftSettings: swift),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
