// All own kernels of the matrix product for one instruction set (ISA: 512, 2 or 0; ON(x) names a thing of it): included by
// matmul_own.c once for each, between pragmas that switch the instruction set on.

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)

#if ISA == 512
#define BYTES 64
#elif ISA == 2
#define BYTES 32
#else
#define BYTES 16
#endif

// float32, at full width and narrower: a masked 64-byte store costs a second cache line more often than not.
#define ELEMENT float
#define BITS 32
#define NARROW
#define BLOCKED
#define STRETCH
#define LANES (BYTES / 4)
#define NAME(x) ON(PASTE(f32, x))
#include "matmul_kernels.h"
#undef STRETCH
#undef BLOCKED
#define ONE_VECTOR
#if ISA == 512
#define LANES 8
#define NAME(x) ON(PASTE(f32x8, x))
#include "matmul_kernels.h"
#endif
#if ISA != 0
#define LANES 4
#define NAME(x) ON(PASTE(f32x4, x))
#include "matmul_kernels.h"
#endif
#undef ONE_VECTOR
#undef NARROW
#undef BITS
#undef ELEMENT

#define BITS 64
#define ELEMENT double
#define BLOCKED
#define LANES (BYTES / 8)
#define NAME(x) ON(PASTE(f64, x))
#include "matmul_kernels.h"
#undef BLOCKED
#undef ELEMENT
#undef BITS

#if ISA != 512  // integers make do with AVX2
#define BITS 64
#define ELEMENT uint64_t
#define SIGNED int64_t
#define LANES (BYTES / 8)
#define NAME(x) ON(PASTE(i64, x))
#include "matmul_kernels.h"
#undef ELEMENT
#undef SIGNED
#undef BITS

#define BITS 32
#define ELEMENT uint32_t
#define SIGNED int32_t
#define LANES (BYTES / 4)
#define NAME(x) ON(PASTE(i32, x))
#include "matmul_kernels.h"
#undef ELEMENT
#undef SIGNED
#undef BITS
#endif

#if ISA != 0
// A small C from two long thin matrices that lie dense with k outermost (a weight gradient): one vector holds the outer products of
// several steps of k, and the lanes of the same element are added up at the end. Computes all of C, at most one vector, into `to`.
static void ON(outer)(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *to) {
  enum { lanes = BYTES / 4 };
  const int64_t area = m * n, steps = lanes / area;
  typedef float vector __attribute__((ext_vector_type(lanes)));
  int pick_a[lanes] = {0}, pick_b[lanes] = {0};
  for (int l = 0, i = 0, j = 0, step = 0; l < steps * area; l++) {
    pick_a[l] = (int)(step * m + i);
    pick_b[l] = (int)(step * n + j);
    if (++j == n) {
      j = 0;
      if (++i == m) i = 0, step++;
    }
  }
  vector sums[4] = {0, 0, 0, 0};
  int64_t p = 0;
#if ISA == 512
  const __m512i from_a = _mm512_loadu_si512(pick_a), from_b = _mm512_loadu_si512(pick_b);
#define SOME(count) ((__mmask16)((1u << (count)) - 1))
#define PICKED(from, mask, p) (vector) _mm512_permutexvar_ps(from, _mm512_maskz_loadu_ps(mask, p))
#else
  const __m256i from_a = _mm256_loadu_si256((const __m256i *)pick_a), from_b = _mm256_loadu_si256((const __m256i *)pick_b);
#define SOME(count) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define PICKED(from, mask, p) (vector) _mm256_permutevar8x32_ps(_mm256_maskload_ps(p, mask), from)
#endif
  const __auto_type mask_a = SOME(steps * m), mask_b = SOME(steps * n);
  for (; p + 4 * steps <= k; p += 4 * steps) {
#pragma clang loop unroll(full)
    for (int s = 0; s < 4; s++) sums[s] += PICKED(from_a, mask_a, a + (p + s * steps) * m) * PICKED(from_b, mask_b, b + (p + s * steps) * n);
  }
  for (; p < k; p += steps) {  // steps beyond k read as 0 * 0
    int64_t left = k - p < steps ? k - p : steps;
    const __auto_type some_a = SOME(left * m), some_b = SOME(left * n);
    sums[0] += PICKED(from_a, some_a, a + p * m) * PICKED(from_b, some_b, b + p * n);
  }
#undef SOME
#undef PICKED
  vector sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int64_t e = 0; e < area; e++) {
    float value = sum[e];
    for (int64_t step = 1; step < steps; step++) value += sum[step * area + e];
    to[e] = value;
  }
}
#endif

// exp(x) for x <= 88, within 2 ULP; 0 below -87.3; NaN stays NaN. 2^n by the bits of the exponent, e^r by a polynomial (Cephes).
typedef float ON(wide) __attribute__((ext_vector_type(BYTES / 4)));
typedef int32_t ON(wide_bits) __attribute__((ext_vector_type(BYTES / 4)));
#define WIDE ON(wide)
#define WIDE_BITS ON(wide_bits)
INLINE WIDE ON(select)(WIDE_BITS condition, WIDE yes, WIDE no) { return (WIDE)((condition & (WIDE_BITS)yes) | (~condition & (WIDE_BITS)no)); }
INLINE WIDE ON(exp)(WIDE x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  WIDE rounded = x * 1.44269504f + shift;
  WIDE_BITS n = (WIDE_BITS)rounded - 0x4B400000;
  WIDE whole = rounded - shift;
  WIDE r = x - whole * 0.693359375f;
  r = r + whole * 2.12194440e-4f;
  WIDE y = 1.9875691500e-4f;
  y = 1.3981999507e-3f + y * r;
  y = 8.3334519073e-3f + y * r;
  y = 4.1665795894e-2f + y * r;
  y = 1.6666665459e-1f + y * r;
  y = 5.0000001201e-1f + y * r;
  y = (1.0f + r) + y * (r * r);
  y = (WIDE)((WIDE_BITS)y + (n << 23));
  return ON(select)(x < -87.3f, (WIDE)0, y);
}
INLINE WIDE ON(sigmoid)(WIDE x) {
  // Of -|x|: no overflow; 1 - s for the other side.
  WIDE magnitude = (WIDE)((WIDE_BITS)x & 0x7FFFFFFF);
  WIDE e = ON(exp)(-magnitude), d = 1.0f + e;
  return ON(select)(x < 0, e / d, 1.0f / d);
}
INLINE WIDE ON(tanh)(WIDE x) {
  WIDE magnitude = (WIDE)((WIDE_BITS)x & 0x7FFFFFFF);
  WIDE e = ON(exp)(-2.0f * magnitude);
  WIDE large = (1.0f - e) / (1.0f + e);
  large = (WIDE)((WIDE_BITS)large | ((WIDE_BITS)x & (int32_t)0x80000000));
  WIDE z = x * x;  // near 0 the quotient cancels (Cephes)
  WIDE y = -5.70498872745e-3f;
  y = 2.06390887954e-2f + y * z;
  y = -5.37397155531e-2f + y * z;
  y = 1.33314422036e-1f + y * z;
  y = -3.33332819422e-1f + y * z;
  y = x + x * (y * z);
  return ON(select)(magnitude < 0.625f, y, large);
}
static void ON(activate)(apus_epilogue epilogue, float *c, int64_t count) {
  enum { lanes = BYTES / 4 };
  for (int64_t i = 0; i < count; i += lanes) {
    bool whole = i + lanes <= count;
    WIDE x = whole ? ON(f32_load)(c + i) : ON(f32_load_some)(c + i, count - i);
    x = epilogue == APUS_EPILOGUE_TANH ? ON(tanh)(x) : ON(sigmoid)(x);
    if (whole)
      ON(f32_store)(c + i, x);
    else
      ON(f32_store_some)(c + i, x, count - i);
  }
}
#undef WIDE
#undef WIDE_BITS

static const kernels ON(kernels) = {
    .f32 = {ON(f32_multiply),
#if ISA == 512
            ON(f32x8_multiply), ON(f32x4_multiply)},
    .outer = ON(outer),
#elif ISA == 2
            ON(f32_multiply), ON(f32x4_multiply)},
    .outer = ON(outer),
#else
            ON(f32_multiply), ON(f32_multiply)},
    .outer = NULL,
#endif
    .f64 = ON(f64_multiply),
    .blocked = {ON(f32_blocked), ON(f64_blocked)},
#if ISA == 512
    .i32 = avx2_i32_multiply,
    .i64 = avx2_i64_multiply,
#else
    .i32 = ON(i32_multiply),
    .i64 = ON(i64_multiply),
#endif
    .stretch = ON(f32_stretch),
    .add_stretches = ON(f32_add_stretches),
    .activate = ON(activate),
    .lanes = BYTES / 4,
};

#undef BYTES
#undef PASTE
#undef PASTE_
