// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "Benchmarks",
  products: [.executable(name: "apus-bench", targets: ["ApusBench"])],
  dependencies: [
    .package(name: "Apus", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
  ],
  targets: [
    // C: what Apus is compared with inside its own process, and the clocks.
    .target(name: "CBenchmark", linkerSettings: [.linkedLibrary("gomp"), .linkedLibrary("m")]),
    .executableTarget(
      name: "ApusBench",
      dependencies: [
        "CBenchmark",
        .product(name: "Apus", package: "Apus"),
        .product(name: "ApusTestSupport", package: "Apus"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swift),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
