// Uniform and Bernoulli numbers and raw bits. Every element is made the same way whether it stands in a full vector or at an end,
// and without fused multiply-add, so that a stream is the same however it is split and on every processor.
#include "apus_random.h"

#include <math.h>

#include "philox.h"

#pragma clang fp contract(off)

void apus_philox_block(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t *words) {
  philox_block(key, counter_low, counter_high, words);
}

// Fills elements [begin, end) in groups of `size` elements from eight blocks each: MAKE writes a whole group from `pairs` to
// `group`. Only groups that the range cuts go through a buffer.
#define FILL(element, size, MAKE)                                                                                  \
  for (int64_t number = begin / (size); number * (size) < end; number++) {                                         \
    int64_t first = number * (size), from = begin > first ? begin - first : 0, to = end - first;                   \
    bool is_whole = from == 0 && to >= (size);                                                                     \
    element buffer[size], *group = is_whole ? destination + first : buffer;                                        \
    u64x8 pairs[2];                                                                                                \
    philox_32_words(key, counter + (uint64_t)number * 8, stream, pairs);                                           \
    MAKE;                                                                                                          \
    if (!is_whole) {                                                                                               \
      to = to < (size) ? to : (size);                                                                              \
      memcpy(destination + first + from, buffer + from, (size_t)(to - from) * sizeof(element));                    \
    }                                                                                                              \
  }

APUS_CLONES static void fill_bits(uint64_t key, uint64_t stream, uint64_t counter, uint32_t *destination, int64_t begin, int64_t end) {
  FILL(uint32_t, 32, memcpy(group, pairs, 128))
}

APUS_CLONES static void fill_uniform_f32(uint64_t key, uint64_t stream, uint64_t counter, float low, float range, float limit,
                                         float *destination, int64_t begin, int64_t end) {
  FILL(float, 32, {
    for (int half = 0; half < 2; half++) {
      u32x16 upper = __builtin_bit_cast(u32x16, pairs[half]) >> 8;
      f32x16 x = __builtin_convertvector(__builtin_bit_cast(i32x16, upper), f32x16) * 0x1p-24f;
      x = low + x * range;
      x = x > limit ? (f32x16)limit : x;
      memcpy(group + 16 * half, &x, 64);
    }
  })
}

APUS_CLONES static void fill_uniform_f64(uint64_t key, uint64_t stream, uint64_t counter, double low, double range, double limit,
                                         double *destination, int64_t begin, int64_t end) {
  FILL(double, 16, {
    for (int half = 0; half < 2; half++) {
      f64x8 x = __builtin_convertvector(__builtin_bit_cast(i64x8, pairs[half] >> 11), f64x8) * 0x1p-53;
      x = low + x * range;
      x = x > limit ? (f64x8)limit : x;
      memcpy(group + 8 * half, &x, 64);
    }
  })
}

void apus_random_bits(uint64_t key, uint64_t stream, uint64_t counter, uint32_t *destination, int64_t begin, int64_t end) {
  fill_bits(key, stream, counter, destination, begin, end);
}

// Rounding may lift low + u * (high - low) to `high`: the limit is the number before it.
void apus_random_uniform(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double low, double high, void *destination,
                         int64_t begin, int64_t end) {
  if (dtype == APUS_F32) {
    float l = (float)low, h = (float)high, limit = l < h ? nextafterf(h, l) : l;
    fill_uniform_f32(key, stream, counter, l, h - l, limit, destination, begin, end);
  }
  if (dtype == APUS_F64)
    fill_uniform_f64(key, stream, counter, low, high - low, low < high ? nextafter(high, low) : low, destination, begin, end);
}

// A word below p * 2^32 is a success. `always`, because no word is below 2^32 for all words.
#define BERNOULLI(name, element, one, group_vector)                                                                        \
  APUS_CLONES static void name(uint64_t key, uint64_t stream, uint64_t counter, uint32_t threshold, element *destination,  \
                               int64_t begin, int64_t end) {                                                               \
    FILL(element, 32, {                                                                                                    \
      for (int half = 0; half < 2; half++) {                                                                               \
        i32x16 hit = __builtin_bit_cast(u32x16, pairs[half]) < threshold;                                                  \
        group_vector x = one;                                                                                              \
        memcpy(group + 16 * half, &x, sizeof x);                                                                           \
      }                                                                                                                    \
    })                                                                                                                     \
  }

typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
BERNOULLI(bernoulli_f32, float, hit ? (f32x16)1.0f : (f32x16)0.0f, f32x16)
BERNOULLI(bernoulli_f64, double, __builtin_convertvector(-hit, f64x16), f64x16)
BERNOULLI(bernoulli_i32, int32_t, -hit, i32x16)
BERNOULLI(bernoulli_u8, uint8_t, __builtin_convertvector(-hit, u8x16), u8x16)

void apus_random_bernoulli(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double p, void *destination,
                           int64_t begin, int64_t end) {
  if (begin >= end) return;
  bool never = !(p > 0), always = p >= 1;
  if (never || always) {
    switch (dtype) {
    case APUS_F32: for (int64_t i = begin; i < end; i++) ((float *)destination)[i] = always; break;
    case APUS_F64: for (int64_t i = begin; i < end; i++) ((double *)destination)[i] = always; break;
    case APUS_I32: for (int64_t i = begin; i < end; i++) ((int32_t *)destination)[i] = always; break;
    case APUS_U8:
    case APUS_BOOL: memset((uint8_t *)destination + begin, always, (size_t)(end - begin)); break;
    default: break;
    }
    return;
  }
  double scaled = p * 0x1p32;
  uint32_t threshold = scaled >= 0x1p32 - 1 ? UINT32_MAX : (uint32_t)scaled;
  switch (dtype) {
  case APUS_F32: bernoulli_f32(key, stream, counter, threshold, destination, begin, end); break;
  case APUS_F64: bernoulli_f64(key, stream, counter, threshold, destination, begin, end); break;
  case APUS_I32: bernoulli_i32(key, stream, counter, threshold, destination, begin, end); break;
  case APUS_U8:
  case APUS_BOOL: bernoulli_u8(key, stream, counter, threshold, destination, begin, end); break;
  default: break;
  }
}
