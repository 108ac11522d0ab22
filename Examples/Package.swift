// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// One short program for each kind of model.
let package = Package(
  name: "Examples",
  products: [.executable(name: "char-lstm", targets: ["CharLSTM"])],
  dependencies: [.package(name: "Apus", path: "..")],
  targets: [
    .executableTarget(
      name: "CharLSTM", dependencies: [.product(name: "Apus", package: "Apus")], swiftSettings: swift)
  ],
  swiftLanguageModes: [.v6]
)
