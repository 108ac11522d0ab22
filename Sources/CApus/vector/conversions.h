// Conversions between the element types, as plain loops that the compiler vectorises.
// Float to integer truncates and saturates, NaN gives 0; between integers the low bits stay; bfloat16 rounds to nearest even.

typedef struct { uint16_t bits; } bf16;
typedef struct { uint8_t value; } boolean;

INLINE float float_of_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
INLINE uint32_t bits_of_float(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }

INLINE float widen_bf16(bf16 x) { return float_of_bits((uint32_t)x.bits << 16); }
INLINE bf16 bf16_of_f32(float x) {
  uint32_t bits = bits_of_float(x);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return (bf16){(uint16_t)(x == x ? rounded : (bits >> 16) | 0x40)};
}
// Through float, rounding twice must not show: where float is inexact, its last bit is made odd (a bit that bfloat16 rounds
// away), which remembers that something was left.
INLINE bf16 bf16_of_f64(double x) {
  float near = (float)x;
  uint32_t bits = bits_of_float(near);
  bool beyond = fabs((double)near) > fabs(x), exact = (double)near == x || x != x;
  uint32_t odd = (bits - (beyond ? 1 : 0)) | 1;
  return bf16_of_f32(float_of_bits(exact ? bits : odd));
}
// Likewise for the bits that a double cannot hold.
INLINE bf16 bf16_of_i64(int64_t x) {
  uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
  bool big = magnitude >> 53 != 0;
  uint64_t shortened = (magnitude >> 11) | ((magnitude & 2047) != 0);
  double y = big ? (double)shortened * 2048.0 : (double)magnitude;
  return bf16_of_f64(x < 0 ? -y : y);
}

// The bounds are floats; the upper one is the first that no longer fits.
#define TRUNCATING(NAME, TO, FROM, LOW, BEYOND, LOWEST, HIGHEST)                                                             \
  INLINE TO NAME(FROM x) {                                                                                                   \
    FROM inside = x > (FROM)(LOW) ? x : (FROM)(LOW);                                                                         \
    inside = inside < (FROM)(BEYOND) ? inside : (FROM)0;                                                                     \
    TO y = (TO)inside;                                                                                                       \
    y = x >= (FROM)(BEYOND) ? (HIGHEST) : y;                                                                                 \
    return x == x ? y : 0;                                                                                                   \
  }
TRUNCATING(truncate_f32_i32, int32_t, float, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX)
TRUNCATING(truncate_f64_i32, int32_t, double, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX)
TRUNCATING(truncate_f32_i64, int64_t, float, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
TRUNCATING(truncate_f64_i64, int64_t, double, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
#define truncate_f32_u8(x) ((uint8_t)truncate_byte(truncate_f32_i32(x)))
#define truncate_f64_u8(x) ((uint8_t)truncate_byte(truncate_f64_i32(x)))
INLINE int32_t truncate_byte(int32_t x) { return x < 0 ? 0 : x > 255 ? 255 : x; }

#define CONVERSION(TO, FROM, TO_TYPE, FROM_TYPE, EXPRESSION)                                                                 \
  static void convert_##TO##_##FROM(void *destination, const void *source, int64_t count) {                                  \
    TO_TYPE *restrict to = destination;                                                                                      \
    const FROM_TYPE *restrict from = source;                                                                                 \
    for (int64_t i = 0; i < count; i++) {                                                                                    \
      FROM_TYPE x = from[i];                                                                                                 \
      to[i] = EXPRESSION;                                                                                                    \
    }                                                                                                                        \
  }
#define SAME(TYPE, SIZE)                                                                                                     \
  static void convert_##TYPE##_##TYPE(void *destination, const void *source, int64_t count) {                                \
    memcpy(destination, source, (size_t)count * SIZE);                                                                       \
  }
#define TRUE(condition) ((boolean){(uint8_t)((condition) ? 1 : 0)})

SAME(f32, 4)
CONVERSION(f32, f64, float, double, (float)x)
CONVERSION(f32, i32, float, int32_t, (float)x)
CONVERSION(f32, i64, float, int64_t, (float)x)
CONVERSION(f32, u8, float, uint8_t, (float)x)
CONVERSION(f32, bool, float, boolean, (float)x.value)
CONVERSION(f32, bf16, float, bf16, widen_bf16(x))

CONVERSION(f64, f32, double, float, (double)x)
SAME(f64, 8)
CONVERSION(f64, i32, double, int32_t, (double)x)
CONVERSION(f64, i64, double, int64_t, (double)x)
CONVERSION(f64, u8, double, uint8_t, (double)x)
CONVERSION(f64, bool, double, boolean, (double)x.value)
CONVERSION(f64, bf16, double, bf16, (double)widen_bf16(x))

CONVERSION(i32, f32, int32_t, float, truncate_f32_i32(x))
CONVERSION(i32, f64, int32_t, double, truncate_f64_i32(x))
SAME(i32, 4)
CONVERSION(i32, i64, int32_t, int64_t, (int32_t)(uint32_t)(uint64_t)x)
CONVERSION(i32, u8, int32_t, uint8_t, (int32_t)x)
CONVERSION(i32, bool, int32_t, boolean, (int32_t)x.value)
CONVERSION(i32, bf16, int32_t, bf16, truncate_f32_i32(widen_bf16(x)))

CONVERSION(i64, f32, int64_t, float, truncate_f32_i64(x))
CONVERSION(i64, f64, int64_t, double, truncate_f64_i64(x))
CONVERSION(i64, i32, int64_t, int32_t, (int64_t)x)
SAME(i64, 8)
CONVERSION(i64, u8, int64_t, uint8_t, (int64_t)x)
CONVERSION(i64, bool, int64_t, boolean, (int64_t)x.value)
CONVERSION(i64, bf16, int64_t, bf16, truncate_f32_i64(widen_bf16(x)))

CONVERSION(u8, f32, uint8_t, float, truncate_f32_u8(x))
CONVERSION(u8, f64, uint8_t, double, truncate_f64_u8(x))
CONVERSION(u8, i32, uint8_t, int32_t, (uint8_t)(uint32_t)x)
CONVERSION(u8, i64, uint8_t, int64_t, (uint8_t)(uint64_t)x)
SAME(u8, 1)
CONVERSION(u8, bool, uint8_t, boolean, x.value)
CONVERSION(u8, bf16, uint8_t, bf16, truncate_f32_u8(widen_bf16(x)))

CONVERSION(bool, f32, boolean, float, TRUE(x != 0))
CONVERSION(bool, f64, boolean, double, TRUE(x != 0))
CONVERSION(bool, i32, boolean, int32_t, TRUE(x != 0))
CONVERSION(bool, i64, boolean, int64_t, TRUE(x != 0))
CONVERSION(bool, u8, boolean, uint8_t, TRUE(x != 0))
SAME(bool, 1)
CONVERSION(bool, bf16, boolean, bf16, TRUE((x.bits & 0x7fff) != 0))

CONVERSION(bf16, f32, bf16, float, bf16_of_f32(x))
CONVERSION(bf16, f64, bf16, double, bf16_of_f64(x))
CONVERSION(bf16, i32, bf16, int32_t, bf16_of_f64((double)x))
CONVERSION(bf16, i64, bf16, int64_t, bf16_of_i64(x))
CONVERSION(bf16, u8, bf16, uint8_t, bf16_of_f32((float)x))
CONVERSION(bf16, bool, bf16, boolean, bf16_of_f32((float)x.value))
SAME(bf16, 2)

#define CONVERSIONS_TO(TO)                                                                                                   \
  {convert_##TO##_f32, convert_##TO##_f64,  convert_##TO##_i32, convert_##TO##_i64,                                          \
   convert_##TO##_u8,  convert_##TO##_bool, convert_##TO##_bf16}
