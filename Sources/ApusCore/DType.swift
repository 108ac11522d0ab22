import CApus

/// The type of a tensor's elements.
///
/// float32 is what networks compute in. float64 serves gradient checks and exact references, the integers and `bool` serve
/// labels, indices, images and masks. bfloat16 halves storage; arithmetic on it is carried out in float32.
public enum DType: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  case float32, float64, int32, int64, uint8, bool, bfloat16

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .bfloat16: 2
    case .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers; only such tensors have gradients.
  public var isFloatingPoint: Bool { self == .float32 || self == .float64 || self == .bfloat16 }
  /// Whether elements are whole numbers (`bool` is neither).
  public var isInteger: Bool { self == .int32 || self == .int64 || self == .uint8 }

  public var description: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .bool: "bool"
    case .bfloat16: "bfloat16"
    }
  }

  /// The type that the element-wise kernels compute in for elements of this type.
  var compute: DType {
    switch self {
    case .bfloat16: .float32
    case .uint8, .bool: .int32
    default: self
    }
  }

  var c: apus_dtype { unsafeBitCast(rawValue, to: apus_dtype.self) }
}

/// A Swift type that can be an element of a tensor.
public protocol TensorElement: Sendable, Hashable {
  /// The corresponding element type.
  static var dtype: DType { get }
}

extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int: TensorElement { public static var dtype: DType { .int64 } }
extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Bool: TensorElement { public static var dtype: DType { .bool } }

/// The upper half of a float32: 8 bits of exponent, 7 of fraction.
public struct BFloat16: TensorElement, CustomStringConvertible {
  /// Sign, exponent and fraction as stored.
  public var bitPattern: UInt16

  /// The nearest bfloat16, ties to even; NaN stays NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    bitPattern =
      value.isNaN ? UInt16(bits >> 16) | 0x40 : UInt16((UInt64(bits) + 0x7fff + UInt64((bits >> 16) & 1)) >> 16)
  }

  /// The exact value.
  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
  public var description: String { float.description }
  public static var dtype: DType { .bfloat16 }
}
