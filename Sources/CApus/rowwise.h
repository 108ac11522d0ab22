// Private: what the row-wise kernels share.
#ifndef APUS_ROWWISE_H
#define APUS_ROWWISE_H

#include "apus_reduce.h"
#include "exp_f32.h"
#include "isa.h"

APUS_INLINE float largest_lane(const f32x16 *vector) {
  f32x16 v = *vector;
  f32x8 a = v.lo > v.hi ? v.lo : v.hi;
  f32x4 b = a.lo > a.hi ? a.lo : a.hi;
  float p = b[0] > b[2] ? b[0] : b[2], q = b[1] > b[3] ? b[1] : b[3];
  return p > q ? p : q;
}

APUS_INLINE float sum_of_lanes(const f32x16 *vector) {
  f32x16 v = *vector;
  f32x8 a = v.lo + v.hi;
  f32x4 b = a.lo + a.hi;
  return (b[0] + b[2]) + (b[1] + b[3]);
}

APUS_INLINE double sum_of_lanes_f64(const f64x16 *vector) {
  f64x16 v = *vector;
  f64x8 a = v.lo + v.hi;
  return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/// The largest element of a row, as the number to subtract before exp: 0 instead of an infinity, which would give NaN.
APUS_INLINE float row_shift_f32(const float *x, int64_t columns) {
  f32x16 largest = -INFINITY, second = largest, third = largest, fourth = largest, v, w, y, z;
  int64_t i = 0;
  for (; columns - i >= 64; i += 64) {
    memcpy(&v, x + i, 64);
    memcpy(&w, x + i + 16, 64);
    memcpy(&y, x + i + 32, 64);
    memcpy(&z, x + i + 48, 64);
    largest = v > largest ? v : largest;
    second = w > second ? w : second;
    third = y > third ? y : third;
    fourth = z > fourth ? z : fourth;
  }
  largest = second > largest ? second : largest;
  third = fourth > third ? fourth : third;
  largest = third > largest ? third : largest;
  for (; columns - i >= 16; i += 16) {
    memcpy(&v, x + i, 64);
    largest = v > largest ? v : largest;
  }
  if (i < columns) {
    load_part_f32(&v, x + i, columns - i, -INFINITY);
    largest = v > largest ? v : largest;
  }
  float m = largest_lane(&largest);
  return m > -INFINITY && m < INFINITY ? m : 0;
}

/// The sum of exp(x - shift), in blocks of 1,024 that are added in double; stores the exponentials where `store` is not null.
APUS_INLINE float row_exp_sum_f32(const float *x, float *store, float shift, int64_t columns) {
  f32x16 v;
  f64x16 total = 0;
  for (int64_t i = 0; i < columns;) {
    int64_t stop = columns - i > 1024 ? i + 1024 : columns;
    f32x16 sum = 0;
    for (; stop - i >= 16; i += 16) {
      memcpy(&v, x + i, 64);
      v = v - shift;
      exp_f32x16(&v);
      if (store) memcpy(store + i, &v, 64);
      sum += v;
    }
    if (i < stop) {
      load_part_f32(&v, x + i, stop - i, -INFINITY);
      v = v - shift;
      exp_f32x16(&v);
      if (store) store_part_f32(store + i, &v, stop - i);
      sum += v;
      i = stop;
    }
    total += __builtin_convertvector(sum, f64x16);
  }
  return (float)sum_of_lanes_f64(&total);
}

/// A loop over a row: `BODY` changes the vector `v` of the elements at `i`; columns beyond the row are 0.
#define FOR_ROW_F32(source, destination, columns, BODY) \
  do {                                                  \
    f32x16 v;                                           \
    int64_t i = 0;                                      \
    for (; (columns) - i >= 16; i += 16) {              \
      memcpy(&v, (source) + i, 64);                     \
      BODY;                                             \
      memcpy((destination) + i, &v, 64);                \
    }                                                   \
    if (i < (columns)) {                                \
      load_part_f32(&v, (source) + i, (columns) - i, 0); \
      BODY;                                             \
      store_part_f32((destination) + i, &v, (columns) - i); \
    }                                                   \
  } while (0)

static inline int64_t label_at(const void *labels, apus_dtype dtype, int64_t row) {
  return dtype == APUS_I32 ? ((const int32_t *)labels)[row] : ((const int64_t *)labels)[row];
}

#endif
