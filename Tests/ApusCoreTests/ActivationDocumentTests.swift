import ApusCore
import Foundation
import Testing

/// `docs/activations.md` says what the code computes.
@Suite struct ActivationDocumentTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "docs/activations.md")

  /// Whether the page is to be made anew (`make docs`) rather than compared.
  private static let isWriting = ProcessInfo.processInfo.environment["APUS_WRITE_DOCUMENTS"] == "1"

  @Test func pageIsCurrent() throws {
    let text = ActivationDocument.markdown()
    if Self.isWriting { try Data(text.utf8).write(to: Self.page) }
    let found = String(decoding: try Data(contentsOf: Self.page), as: UTF8.self)
    #expect(found == text, "docs/activations.md is out of date: make docs")
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
