// exp and log of 16 floats, to about 1 ULP: reduction and polynomials of Cephes (S. Moshier).
#ifndef APUS_EXP_F32_H
#define APUS_EXP_F32_H

#include <math.h>

#include "isa.h"

/// For x <= 88, as in x - max(x); greater ones give infinity. Results below the normal range are 0: gradual underflow would be
/// slow on some processors, and the padding of partial vectors (-infinity) underflows always.
APUS_INLINE void exp_f32x16(f32x16 *vector) {
  i32x16 vanishes = *vector < -87.33f, explodes = *vector > 88.0f;
  f32x16 x = vanishes | explodes ? (f32x16)0.0f : *vector;
  // x = n ln 2 + r. Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  f32x16 shifted = x * 0x1.715476p0f + 12582912.0f;
  i32x16 n = __builtin_bit_cast(i32x16, shifted) - 0x4B400000;
  f32x16 whole = shifted - 12582912.0f;
  f32x16 r = x - whole * 0.693359375f;
  r = r - whole * -2.12194440e-4f;
  f32x16 p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r;
  p = p + 1.0f;
  p = p * __builtin_bit_cast(f32x16, (n + 127) << 23);
  p = explodes ? (f32x16)INFINITY : p;
  *vector = vanishes ? (f32x16)0.0f : p;
}

/// For normal positive numbers.
APUS_INLINE void log_normal_f32x16(f32x16 *vector) {
  i32x16 bits = __builtin_bit_cast(i32x16, *vector);
  // x = 2^e m with m in [sqrt(1/2), sqrt(2))
  i32x16 above = bits - 0x3F3504F3;
  f32x16 e = __builtin_convertvector(above >> 23, f32x16);
  f32x16 m = __builtin_bit_cast(f32x16, (above & 0x007FFFFF) + 0x3F3504F3) - 1.0f;
  f32x16 z = m * m;
  f32x16 p = 7.0376836292e-2f * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * (m * z);
  p = p + e * -2.12194440e-4f;
  p = p - 0.5f * z;
  *vector = (m + p) + e * 0.693359375f;
}

/// For 0, normal positive numbers, infinity and NaN.
APUS_INLINE void log_f32x16(f32x16 *vector) {
  f32x16 x = *vector;
  log_normal_f32x16(vector);
  f32x16 special = x == 0.0f ? (f32x16)-INFINITY : x;
  *vector = ((x > 0.0f) & (x < INFINITY)) ? *vector : special;
}

#endif
