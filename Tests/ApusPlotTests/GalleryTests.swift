import Apus
import Foundation
import Testing

/// Every kind of picture, of small trainings, as a whole. Set APUS_PICTURES to a directory to look at them.
@Suite struct GalleryTests {
  @Test func everyPictureIsInOrder() throws {
    let pictures = try Gallery.pictures()
    #expect(pictures.count == 23)
    for (name, picture) in pictures {
      let (svg, canvas) = (picture.svg, picture.canvas)
      let elements = try #require(SVGElement.all(svg), "\(name) is not well-formed")
      #expect(elements.contains { $0.name == "text" }, "\(name)")
      for element in elements where ["rect", "image"].contains(element.name) && element.attributes["width"] != "100%" {
        #expect(
          element.number("x") >= 0 && element.number("x") + element.number("width") <= canvas.width + 0.01, "\(name)")
        #expect(
          element.number("y") >= 0 && element.number("y") + element.number("height") <= canvas.height + 0.01, "\(name)")
      }
      for (x, y) in elements.flatMap(\.points) {
        #expect(x >= -5 && x <= canvas.width + 5 && y >= -5 && y <= canvas.height + 5, "\(name)")
      }
      // Texts begin on the canvas.
      let labels = elements.filter { $0.name == "text" && $0.attributes["transform"] == nil }
      #expect(labels.allSatisfy { $0.number("x") >= 0 && $0.number("x") <= canvas.width }, "\(name)")
      let bitmap = canvas.bitmap(scale: 0.5)
      #expect(Set(bitmap.bytes).count > 3, "\(name)")
      if let directory = ProcessInfo.processInfo.environment["APUS_PICTURES"] {
        try picture.write(to: "\(directory)/\(name).svg")
        try picture.write(to: "\(directory)/\(name).png", scale: 1)
      }
    }
  }
}
