import ApusCore

extension Image {
  /// The image in another size: each axis that shrinks takes the mean over the area that falls on a pixel, each that grows
  /// interpolates linearly between the nearest two.
  /// - Precondition: the extents are at least 1.
  public func resized(height: Int, width: Int) -> Image {
    guard height > 0, width > 0 else {
      fatalError("Image: a size of \(width) x \(height) pixels; expected at least 1 x 1")
    }
    if height == self.height && width == self.width { return self }
    let (rows, columns) = (ResamplingAxis(from: self.height, to: height), ResamplingAxis(from: self.width, to: width))
    let rowCount = width * channels
    // Along the rows first, all of them; then across.
    let narrow = [Float](unsafeUninitializedCapacity: self.height * rowCount) { narrow, count in
      pixels.withUnsafeBufferPointer { pixels in
        for y in 0..<self.height {
          let source = pixels.baseAddress! + y * self.width * channels
          let target = narrow.baseAddress! + y * rowCount
          for (x, taps) in columns.taps.enumerated() {
            for c in 0..<channels {
              var sum: Float = 0
              for (i, weight) in taps.weights.enumerated() {
                sum += weight * Float(source[(taps.start + i) * channels + c])
              }
              target[x * channels + c] = sum
            }
          }
        }
      }
      count = self.height * rowCount
    }
    let result = [UInt8](unsafeUninitializedCapacity: height * rowCount) { result, count in
      narrow.withUnsafeBufferPointer { narrow in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rowCount) { sums in
          for (y, taps) in rows.taps.enumerated() {
            sums.update(repeating: 0)
            for (i, weight) in taps.weights.enumerated() {
              let source = narrow.baseAddress! + (taps.start + i) * rowCount
              for j in 0..<rowCount { sums[j] += weight * source[j] }
            }
            let target = result.baseAddress! + y * rowCount
            for j in 0..<rowCount { target[j] = UInt8(max(0, min(255, sums[j].rounded()))) }
          }
        }
      }
      count = height * rowCount
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }
}

/// Which pixels of a line each pixel of the resized line is made of, and with which weights, which add up to 1.
private struct ResamplingAxis {
  struct Taps {
    let start: Int
    let weights: [Float]
  }
  let taps: [Taps]

  init(from count: Int, to newCount: Int) {
    let scale = Double(count) / Double(newCount)
    taps = (0..<newCount).map { i in
      if newCount < count {
        // The new pixel covers [begin, end) of the old line.
        let (begin, end) = (Double(i) * scale, min(Double(i + 1) * scale, Double(count)))
        let (first, last) = (Int(begin), min(count - 1, Int(end.rounded(.up)) - 1))
        let weights = (first...last).map { Float((min(end, Double($0 + 1)) - max(begin, Double($0))) / (end - begin)) }
        return Taps(start: first, weights: weights)
      }
      // The centres of pixels lie at halves.
      let place = max(0, min(Double(count - 1), (Double(i) + 0.5) * scale - 0.5))
      let first = min(Int(place), max(0, count - 2))
      let share = Float(place - Double(first))
      return count == 1 ? Taps(start: 0, weights: [1]) : Taps(start: first, weights: [1 - share, share])
    }
  }
}
