/// Reading decimal numbers from bytes: exact (the float64 nearest to the written value, ties to even), independent of
/// the locale, and several times faster than going through a `String`.
enum DecimalNumber {
  /// Reads the number that starts at `start`: an optional sign, digits with an optional decimal point, an optional
  /// exponent. Neither "inf" nor "nan" nor hexadecimal counts as a number.
  ///
  /// - Returns: The value, infinite if it is too large for a `Double`, and the position after the number's last
  ///   byte; nil if no number starts there.
  @inline(__always)
  static func read(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int) -> (value: Double, next: Int)? {
    var next = start
    var isNegative = false
    if next < end, bytes[next] == .minus || bytes[next] == .plus {
      isNegative = bytes[next] == .minus
      next += 1
    }

    var mantissa: UInt64 = 0
    let digitsStart = next
    next = accumulateDigits(bytes, from: next, to: end, into: &mantissa)
    var digitCount = next - digitsStart
    var exponent = 0
    if next < end, bytes[next] == .point {
      let fractionStart = next + 1
      next = accumulateDigits(bytes, from: fractionStart, to: end, into: &mantissa)
      exponent = fractionStart - next
      digitCount -= exponent
    }
    guard digitCount > 0 else { return nil }
    let digitsEnd = next

    if next < end, bytes[next] | 0x20 == UInt8(ascii: "e") {
      guard let written = readExponent(bytes, from: next + 1, to: end) else { return nil }
      exponent += written.value
      next = written.next
    }

    // Nineteen digits fit into 64 bits; leading zeros do not count.
    if digitCount > 19, significantDigits(bytes, from: digitsStart, to: digitsEnd) > 19 {
      return (viaString(bytes, from: start, to: next), next)
    }
    guard let magnitude = nearestDouble(mantissa, exponent) else {
      return (viaString(bytes, from: start, to: next), next)
    }
    return (isNegative ? -magnitude : magnitude, next)
  }

  /// Whether `text` as a whole is a number, blanks around it aside.
  static func isNumber(_ text: String) -> Bool {
    value(of: text) != nil
  }

  /// The value of `text`, which must be a number as a whole, blanks around it aside; nil if it is not.
  static func value(of text: String) -> Double? {
    var text = text
    return text.withUTF8 { utf8 in
      guard let bytes = utf8.baseAddress else { return nil }
      var (start, end) = (0, utf8.count)
      while start < end, bytes[start].isBlank { start += 1 }
      while end > start, bytes[end - 1].isBlank { end -= 1 }
      guard let number = read(bytes, from: start, to: end), number.next == end else { return nil }
      return number.value
    }
  }

  // MARK: - Digits

  /// Appends the digits at `start` to `mantissa`, modulo 2⁶⁴ (the caller checks their number), and returns their end.
  @inline(__always)
  private static func accumulateDigits(
    _ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int, into mantissa: inout UInt64
  ) -> Int {
    var next = start
    // Eight digits at a time: numbers written in full precision have seventeen.
    while next + 8 <= end {
      let word = UInt64(littleEndian: UnsafeRawPointer(bytes + next).loadUnaligned(as: UInt64.self))
      guard isEightDigits(word) else { break }
      mantissa = mantissa &* 100_000_000 &+ eightDigits(word)
      next += 8
    }
    while next < end {
      let digit = bytes[next] &- UInt8(ascii: "0")
      guard digit <= 9 else { break }
      mantissa = mantissa &* 10 &+ UInt64(digit)
      next += 1
    }
    return next
  }

  /// Whether all eight bytes are "0" to "9": the high half of each is 3, and stays 3 when 6 is added.
  @inline(__always)
  private static func isEightDigits(_ word: UInt64) -> Bool {
    let sixes = word &+ 0x0606_0606_0606_0606
    let highHalves = (word & 0xF0F0_F0F0_F0F0_F0F0) | ((sixes & 0xF0F0_F0F0_F0F0_F0F0) &>> 4)
    return highHalves == 0x3333_3333_3333_3333
  }

  /// The value of eight ASCII digits, the first in the lowest byte: pairs, then fours, then all eight.
  @inline(__always)
  private static func eightDigits(_ word: UInt64) -> UInt64 {
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F
    let pairs = (digits &* (10 << 8 + 1)) &>> 8 & 0x00FF_00FF_00FF_00FF
    let fours = (pairs &* (100 << 16 + 1)) &>> 16 & 0x0000_FFFF_0000_FFFF
    return (fours &* (10_000 << 32 + 1)) &>> 32
  }

  /// The number of digits from the first that is not zero.
  private static func significantDigits(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
    var count = 0
    for position in start..<end where bytes[position] != .point {
      if count > 0 || bytes[position] != UInt8(ascii: "0") { count += 1 }
    }
    return count
  }

  /// The written exponent at `start`, limited to ±10¹⁵: no file has so many digits before or after the point that they
  /// could make up for it.
  @inline(__always)
  private static func readExponent(
    _ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int
  ) -> (value: Int, next: Int)? {
    var next = start
    var isNegative = false
    if next < end, bytes[next] == .minus || bytes[next] == .plus {
      isNegative = bytes[next] == .minus
      next += 1
    }
    let digitsStart = next
    var value = 0
    while next < end, bytes[next].isDigit {
      value = min(value * 10 + Int(bytes[next] - UInt8(ascii: "0")), 1_000_000_000_000_000)
      next += 1
    }
    return next > digitsStart ? (isNegative ? -value : value, next) : nil
  }

  // MARK: - Rounding

  /// The `Double` nearest to `mantissa` · 10^`exponent`; nil if the exponent is beyond the table.
  @inline(__always)
  private static func nearestDouble(_ mantissa: UInt64, _ exponent: Int) -> Double? {
    // Both factors are exact, so the one rounding of the division or product is the right one (Clinger, 1990).
    if mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
      let exact = Double(mantissa)
      return exponent < 0 ? exact / powersOfTen[-exponent] : exact * powersOfTen[exponent]
    }
    guard mantissa != 0, exponent >= -27, exponent <= 27 else { return mantissa == 0 ? 0 : nil }
    return exponent < 0 ? quotient(mantissa, -exponent) : product(mantissa, exponent)
  }

  /// `mantissa` / 10^`power` by an exact 128-bit division: 10ᵏ = 5ᵏ · 2ᵏ, and 5²⁷ is the last to fit.
  private static func quotient(_ mantissa: UInt64, _ power: Int) -> Double {
    let divisor = powersOfFive[power]
    let (up, divisorUp) = (mantissa.leadingZeroBitCount, divisor.leadingZeroBitCount)
    let dividend = mantissa << UInt64(up)
    let (quotient, remainder) = (divisor << UInt64(divisorUp)).dividingFullWidth((dividend >> 1, dividend << 63))
    return rounded(quotient, exponent: divisorUp - up - 63 - power, isInexact: remainder != 0)
  }

  /// `mantissa` · 10^`power` by an exact 128-bit product.
  private static func product(_ mantissa: UInt64, _ power: Int) -> Double {
    let (high, low) = mantissa.multipliedFullWidth(by: powersOfFive[power])
    guard high != 0 else { return rounded(low, exponent: power, isInexact: false) }
    let up = high.leadingZeroBitCount
    // Smart shifts: a shift by 64 gives 0.
    let top = high << UInt64(up) | low >> UInt64(64 - up)
    return rounded(top, exponent: power + 64 - up, isInexact: low << UInt64(up) != 0)
  }

  /// `significand` · 2^`exponent`, and a little more if `isInexact`, rounded to 53 bits, ties to even. The result is
  /// a normal number for every exponent that comes here.
  private static func rounded(_ significand: UInt64, exponent: Int, isInexact: Bool) -> Double {
    let up = significand.leadingZeroBitCount
    let normalized = significand << UInt64(up)
    var kept = normalized >> 11
    let dropped = normalized & 0x7FF
    if dropped > 0x400 || dropped == 0x400 && (isInexact || kept & 1 == 1) { kept += 1 }
    // A carry out of the 53 bits makes the sum below step to the next exponent, with a fraction of zero.
    let biased = UInt64(exponent - up + 11 + 52 + 1023)
    return Double(bitPattern: (biased - 1) << 52 + kept)
  }

  /// The rare rest: more than nineteen digits, or a large exponent.
  @inline(never)
  private static func viaString(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Double {
    let text = String(decoding: UnsafeBufferPointer(start: bytes + start, count: end - start), as: UTF8.self)
    return Double(text) ?? .infinity
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  private static let powersOfFive: [UInt64] = [
    1, 5, 25, 125, 625, 3125, 15625, 78125, 390_625, 1_953_125, 9_765_625, 48_828_125, 244_140_625, 1_220_703_125,
    6_103_515_625, 30_517_578_125, 152_587_890_625, 762_939_453_125, 3_814_697_265_625, 19_073_486_328_125,
    95_367_431_640_625, 476_837_158_203_125, 2_384_185_791_015_625, 11_920_928_955_078_125, 59_604_644_775_390_625,
    298_023_223_876_953_125, 1_490_116_119_384_765_625, 7_450_580_596_923_828_125,
  ]
}

/// The bytes that mean something in a CSV file.
extension UInt8 {
  static let minus = UInt8(ascii: "-")
  static let plus = UInt8(ascii: "+")
  static let point = UInt8(ascii: ".")
  static let quote = UInt8(ascii: "\"")
  static let newline = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")

  /// A space or a tab.
  @inline(__always) var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

  @inline(__always) var isDigit: Bool { self &- UInt8(ascii: "0") <= 9 }
}
