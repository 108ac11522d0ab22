import ApusCore
import ApusFormats

/// Something that can be drawn: a chart, a grid of images, several of them side by side.
public protocol Picture: Sendable {
  /// What it shows, in a few words; it stands above it.
  var title: String { get }
  /// The extents that it likes, in pixels.
  var width: Double { get }
  var height: Double { get }
  /// Draws the picture into an area of a canvas.
  func draw(on canvas: inout Canvas, in area: Rectangle)
}

extension Picture {
  /// The picture alone on a canvas.
  public var canvas: Canvas {
    var canvas = Canvas(width: width, height: height, title: title)
    draw(on: &canvas, in: Rectangle(x: 0, y: 0, width: width, height: height))
    return canvas
  }

  /// The picture as an SVG document.
  public var svg: String { canvas.svg }

  /// Writes the picture as a whole or not at all, as SVG or PNG: the path's ending decides.
  /// - Parameter scale: the pixels along a unit, for PNG.
  /// - Throws: `FileFormatError` naming the path.
  public func write(to path: String, scale: Double = 2) throws(FileFormatError) {
    if path.hasSuffix(".svg") { return try TextFile.write(svg, to: path) }
    guard path.hasSuffix(".png") else {
      throw FileFormatError(.unsupported, path: path, "pictures are written as .svg or .png; end the name so")
    }
    try TextFile.write(canvas.bitmap(scale: scale).png, to: path)
  }
}

// MARK: - Several pictures

/// Pictures side by side, in rows.
public struct Sheet: Picture {
  public var title: String
  public var pictures: [any Picture]
  public var columns: Int

  /// - Parameter columns: how many stand in a row; all of them if nil.
  public init(_ pictures: [any Picture], title: String = "", columns: Int? = nil) {
    self.title = title
    self.pictures = pictures
    self.columns = max(1, columns ?? pictures.count)
  }

  private var rows: [ArraySlice<any Picture>] {
    stride(from: 0, to: pictures.count, by: columns).map { pictures[$0..<min($0 + columns, pictures.count)] }
  }
  private var titleHeight: Double { title.isEmpty ? 0 : 34 }

  public var width: Double { rows.map { $0.reduce(0) { $0 + $1.width } }.max() ?? 100 }
  public var height: Double { titleHeight + rows.reduce(0) { $0 + ($1.map(\.height).max() ?? 0) } }

  public func draw(on canvas: inout Canvas, in area: Rectangle) {
    canvas.text(title, at: Point(area.x + 14, area.y + 23), TextStyle(size: 17, isBold: true))
    var y = area.y + titleHeight
    for row in rows {
      var x = area.x
      let height = row.map(\.height).max() ?? 0
      for picture in row {
        picture.draw(on: &canvas, in: Rectangle(x: x, y: y, width: picture.width, height: height))
        x += picture.width
      }
      y += height
    }
  }
}
