import Apus
import Foundation
import Testing

@testable import ApusPlot

/// `docs/activations.md` and its plots say what the code computes.
@Suite struct ActivationDocumentTests {
  private static let docs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "docs")

  /// Whether the page is to be made anew (`make docs`) rather than compared.
  private static let isWriting = ProcessInfo.processInfo.environment["APUS_WRITE_DOCUMENTS"] == "1"

  /// A plot for each function of one number.
  private static func picture(_ activation: Activation) -> String? {
    Activation.all.contains(activation) ? "pictures/activations/\(activation.name).svg" : nil
  }

  @Test func pageIsCurrent() throws {
    let text = ActivationDocument.markdown(picture: Self.picture)
    if Self.isWriting {
      try Data(text.utf8).write(to: Self.docs.appending(path: "activations.md"))
      try FileManager.default.createDirectory(
        at: Self.docs.appending(path: "pictures/activations"), withIntermediateDirectories: true)
      for activation in Activation.all {
        var chart = Chart.activation(activation, over: -4...4, width: 280, height: 180)
        (chart.title, chart.subtitle) = ("", "")  // they stand in the row
        try Data(chart.svg.utf8).write(to: Self.docs.appending(path: Self.picture(activation)!))
      }
    }
    let found = String(decoding: try Data(contentsOf: Self.docs.appending(path: "activations.md")), as: UTF8.self)
    #expect(found == text, "docs/activations.md is out of date: make docs")
    for activation in Activation.all {
      let path = Self.docs.appending(path: Self.picture(activation)!).path
      #expect(FileManager.default.fileExists(atPath: path), "\(path) is missing: make docs")
    }
  }

  @Test func everyEntryHasARowAndPicturesFindTheirPlace() {
    let lines = ActivationDocument.markdown { $0 == .relu ? "pictures/relu.svg" : nil }.split(separator: "\n")
    let table = lines.filter { $0.hasPrefix("| `.") }
    #expect(table.count == Activation.all.count + Activation.rowwise.count)
    #expect(table.filter { $0.contains("![relu](pictures/relu.svg)") }.count == 1)
    let cells = Set(lines.filter { $0.hasPrefix("|") }.map { $0.replacing("\\|", with: "").count { $0 == "|" } })
    #expect(cells.count == 1, "a row has more cells than another")
    #expect(!ActivationDocument.markdown().contains("!["))
  }
}
