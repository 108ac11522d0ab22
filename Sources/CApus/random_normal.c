// Normal numbers by Box and Muller (1958). float32: block b gives elements 2b and 2b + 1 as r cos t and r sin t, where r comes from
// its first two words and t from the third. float64: block i gives element i, r from the first two words and t from the others.
#include <math.h>

#include "apus_random.h"
#include "exp_f32.h"
#include "philox.h"

// The same numbers on every processor: exp_f32.h is compiled with fused multiply-add where there is one, so the logarithm is
// written out here once more.
#pragma clang fp contract(off)

/// log of numbers in (0, 1], all normal (the polynomial of exp_f32.h).
APUS_INLINE void log_unfused(f32x16 *vector) {
  i32x16 above = __builtin_bit_cast(i32x16, *vector) - 0x3F3504F3;
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
  p = p * (m * z) + e * -2.12194440e-4f - 0.5f * z;
  *vector = (m + p) + e * 0.693359375f;
}

/// cos and sin of word / 2^32 turns: the nearest quarter turn is split off exactly, in integers.
APUS_INLINE void cos_sin_of_word(const u32x16 *word, f32x16 *cosine, f32x16 *sine) {
  u32x16 quarter = (*word + 0x20000000u) >> 30;
  i32x16 rest = __builtin_bit_cast(i32x16, *word - (quarter << 30));
  f32x16 t = __builtin_convertvector(rest, f32x16) * 0x1.921FB6p-30f, z = t * t;  // 2 pi / 2^32; |t| <= pi / 4
  f32x16 s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * t + t;
  f32x16 c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
  i32x16 is_odd = __builtin_bit_cast(i32x16, quarter << 31);
  f32x16 cos_size = is_odd ? s : c, sin_size = is_odd ? c : s;
  u32x16 cos_sign = ((quarter + 1) & 2) << 30, sin_sign = (quarter & 2) << 30;
  *cosine = __builtin_bit_cast(f32x16, __builtin_bit_cast(u32x16, cos_size) ^ cos_sign);
  *sine = __builtin_bit_cast(f32x16, __builtin_bit_cast(u32x16, sin_size) ^ sin_sign);
}

APUS_CLONES static void normal_f32(uint64_t key, uint64_t stream, uint64_t counter, float mean, float deviation, float *destination,
                                   int64_t begin, int64_t end) {
  for (int64_t number = begin / 32; number * 32 < end; number++) {  // 16 blocks, 32 elements
    int64_t first = number * 32, from = begin > first ? begin - first : 0, to = end - first;
    uint64_t block = counter + (uint64_t)number * 16;
    u64x8 a[4], b[4];
    philox_8_blocks(key, block, stream, a);
    philox_8_blocks(key, block + 8, stream, b);
    u32x16 word[3];
    for (int w = 0; w < 3; w++)
      word[w] = __builtin_convertvector(__builtin_shufflevector(a[w], b[w], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), u32x16);
    // A uniform number in (0, 1] whose small values are as fine as the large ones: far tails come out right.
    f32x16 coarse = __builtin_convertvector(word[0], f32x16);
    f32x16 fine = __builtin_convertvector(word[1] >> 8, f32x16) + 1.0f;
    f32x16 u = coarse * 0x1p-32f + fine * 0x1p-56f;
    u = u < 1.0f ? u : (f32x16)1.0f;
    log_unfused(&u);
    f32x16 r = -2.0f * u;
    r = r > 0.0f ? r : (f32x16)0.0f;
    r = __builtin_elementwise_sqrt(r);
    f32x16 cosine, sine;
    cos_sin_of_word(&word[2], &cosine, &sine);
    f32x16 p = mean + deviation * (r * cosine), q = mean + deviation * (r * sine);
    f32x16 pair[2] = {
      __builtin_shufflevector(p, q, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      __builtin_shufflevector(p, q, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    };
    if (from == 0 && to >= 32) {
      memcpy(destination + first, pair, 128);
    } else {
      float lanes[32];
      memcpy(lanes, pair, 128);
      to = to < 32 ? to : 32;
      memcpy(destination + first + from, lanes + from, (size_t)(to - from) * sizeof(float));
    }
  }
}

static void normal_f64(uint64_t key, uint64_t stream, uint64_t counter, double mean, double deviation, double *destination,
                       int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) {
    uint32_t w[4];
    philox_block(key, counter + (uint64_t)i, stream, w);
    uint64_t p = w[0] | (uint64_t)w[1] << 32, q = w[2] | (uint64_t)w[3] << 32;
    double u = (double)((p >> 11) + 1) * 0x1p-53, turns = (double)(q >> 11) * 0x1p-53;
    destination[i] = mean + deviation * (sqrt(-2 * log(u)) * cos(6.283185307179586 * turns));
  }
}

void apus_random_normal(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double mean, double deviation,
                        void *destination, int64_t begin, int64_t end) {
  if (dtype == APUS_F32) normal_f32(key, stream, counter, (float)mean, (float)deviation, destination, begin, end);
  if (dtype == APUS_F64) normal_f64(key, stream, counter, mean, deviation, destination, begin, end);
}
