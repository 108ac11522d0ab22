import ApusCore

/// Small images in rows and columns, with captions.
public struct ImageGrid: Picture {
  public var title: String
  public var subtitle: String
  public var images: [Bitmap]
  public var columns: Int
  /// Under the images; as many as there are images, or none.
  public var captions: [String]
  /// Left of the rows.
  public var rowTitles: [String]
  /// What the colours stand for.
  public var key: ColorKey?
  /// The width of an image on the canvas.
  public var cellWidth: Double
  /// The height; nil: what keeps the first image's proportions.
  public var cellHeight: Double?

  /// - Parameters:
  ///   - columns: images in a row; about as many as there are rows if nil.
  ///   - cellWidth: the width of an image; what fills about 560 pixels if nil, and 96 at most.
  public init(
    _ title: String, subtitle: String = "", images: [Bitmap], columns: Int? = nil, captions: [String] = [],
    rowTitles: [String] = [], key: ColorKey? = nil, cellWidth: Double? = nil, cellHeight: Double? = nil
  ) {
    self.title = title
    self.subtitle = subtitle
    self.images = images
    self.columns = max(1, columns ?? Int(Double(images.count).squareRoot().rounded(.up)))
    self.captions = captions
    self.rowTitles = rowTitles
    self.key = key
    self.cellWidth = cellWidth ?? min(96, max(8, (560 / Double(self.columns)).rounded(.down) - Self.gap))
    self.cellHeight = cellHeight
  }

  private static let gap = 5.0
  private static let margin = 14.0
  private static let keyHeight = 50.0
  private static let style = TextStyle(size: 11, color: .faintText, anchor: .middle)

  private var rows: Int { (images.count + columns - 1) / columns }
  private var shownHeight: Double {
    if let cellHeight { return cellHeight }
    guard let first = images.first else { return cellWidth }
    return cellWidth * Double(first.height) / Double(first.width)
  }
  private var captionHeight: Double { captions.isEmpty ? 0 : 14 }
  private var top: Double { (title.isEmpty ? 12 : 36) + (subtitle.isEmpty ? 0 : 16) }
  private var left: Double {
    let widest = rowTitles.map { StrokeFont.width($0, size: Self.style.size) }.max() ?? 0
    return Self.margin + (widest > 0 ? widest + 8 : 0)
  }
  private var gridWidth: Double { Double(min(columns, max(1, images.count))) * (cellWidth + Self.gap) - Self.gap }
  private var gridHeight: Double { Double(rows) * (shownHeight + captionHeight + Self.gap) - Self.gap }

  public var width: Double {
    let texts = max(
      StrokeFont.width(title, size: 15, isBold: true) * 1.1, StrokeFont.width(subtitle, size: 12) * 1.1)
    return left + max(gridWidth + Self.margin + (key?.width ?? 0), texts + Self.margin)
  }
  public var height: Double { top + max(gridHeight, key == nil ? 0 : Self.keyHeight) + Self.margin }

  public func draw(on canvas: inout Canvas, in area: Rectangle) {
    canvas.text(title, at: Point(area.x + Self.margin, area.y + 24), TextStyle(size: 15, isBold: true))
    canvas.text(subtitle, at: Point(area.x + Self.margin, area.y + 42), TextStyle(size: 12, color: .faintText))
    for (i, image) in images.enumerated() {
      let cell = Rectangle(
        x: area.x + left + Double(i % columns) * (cellWidth + Self.gap),
        y: area.y + top + Double(i / columns) * (shownHeight + captionHeight + Self.gap), width: cellWidth,
        height: shownHeight)
      canvas.add(.image(image, cell))
      canvas.rectangle(cell, border: Stroke(Color(0xBBBBBB), width: 0.6))
      if i < captions.count {
        let text = ChartLayout.shortened(captions[i], Self.style, width: cellWidth + Self.gap - 2)
        canvas.text(text, at: Point(cell.center.x, cell.maxY + 11), Self.style)
      }
      if i % columns == 0, i / columns < rowTitles.count {
        var style = Self.style
        style.anchor = .end
        canvas.text(rowTitles[i / columns], at: Point(cell.x - 7, cell.center.y + style.middle), style)
      }
    }
    let right = area.x + left + gridWidth
    key?.draw(
      on: &canvas, in: Rectangle(x: right + 14, y: area.y + top, width: 13, height: max(Self.keyHeight, gridHeight)))
  }
}

extension Bitmap {
  /// An image from numbers: (height, width) or (height, width, 1) through a map of colours, (height, width, 3) as red, green and blue.
  /// - Parameter range: the numbers of the darkest and the lightest pixel; what the image covers if nil.
  public init(_ image: Tensor, range: ClosedRange<Double>? = nil, map: ColorMap = .gray) {
    let channels = image.rank == 3 ? image.shape[2] : 1
    guard image.rank == 2 || image.rank == 3, channels == 1 || channels == 3, image.count > 0 else {
      stop(
        ShapeError(
          "Bitmap", "an image of shape \(image.shape) was found; expected (height, width), with 1 or 3 channels behind")
      )
    }
    let values = image.doubles
    let range = range ?? ClosedRange(covering: values) ?? 0...1
    let (height, width) = (image.shape[0], image.shape[1])
    func place(_ value: Double) -> Double { range.length > 0 ? (value - range.lowerBound) / range.length : 0.5 }
    self.init(width: width, height: height) { x, y in
      let start = (y * width + x) * channels
      if channels == 1 { return map(place(values[start])) }
      let levels = values[start..<start + 3].map { value -> UInt8 in
        let share = place(value)
        return share.isNaN ? 0 : UInt8((255 * min(1, max(0, share))).rounded())
      }
      return Color(red: levels[0], green: levels[1], blue: levels[2])
    }
  }
}
