// Gathering the patches that a filter sees, and adding patches up where they came from; sums of parts.
#include "convolution_patches.h"

#include "convolution.h"
#include "isa.h"

// to[i * segments * length ...] = the patch at bases[i]; touches up to a vector more.
#define GATHER(name, element, lanes)                                                                                           \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                       \
  APUS_CLONES static void name(const element *band, const int64_t *bases, int64_t count, const int64_t *offsets, int64_t segments, \
                               int64_t length, element *to) {                                                                  \
    for (int64_t i = 0; i < count; i++)                                                                                        \
      for (int64_t s = 0; s < segments; s++, to += length) {                                                                   \
        const element *from = band + bases[i] + offsets[s];                                                                    \
        for (int64_t j = 0; j < length; j += lanes) {                                                                          \
          name##_vector v;                                                                                                     \
          memcpy(&v, from + j, sizeof v);                                                                                      \
          memcpy(to + j, &v, sizeof v);                                                                                        \
        }                                                                                                                      \
      }                                                                                                                        \
  }
GATHER(gather_f32, float, 16)
GATHER(gather_f64, double, 8)

// The reverse: adds patches to the band. Neighbouring positions overlap; taken `apart` from each other they do not, so that no sum waits
// for the one before it.
APUS_INLINE void add_end_f32(float *to, const float *from, int64_t count) {
  f32x16 sum, v;
  load_pieces_f32(&sum, to, count);
  load_pieces_f32(&v, from, count);
  sum += v;
  store_part_f32(to, &sum, count);
}
APUS_INLINE void add_end_f64(double *to, const double *from, int64_t count) {
  for (int64_t j = 0; j < count; j++) to[j] += from[j];
}
#define SPREAD(name, element, lanes, add_end)                                                                                  \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                       \
  APUS_CLONES static void name(element *band, const int64_t *bases, int64_t count, int64_t apart, const int64_t *offsets,      \
                               int64_t segments, int64_t length, const element *patches) {                                     \
    for (int64_t first = 0; first < apart; first++)                                                                            \
      for (int64_t i = first; i < count; i += apart) {                                                                         \
        const element *from = patches + i * segments * length;                                                                 \
        for (int64_t s = 0; s < segments; s++, from += length) {                                                               \
          element *to = band + bases[i] + offsets[s];                                                                          \
          int64_t j = 0;                                                                                                       \
          for (; j + lanes <= length; j += lanes) {                                                                            \
            name##_vector sum, v;                                                                                              \
            memcpy(&sum, to + j, sizeof sum);                                                                                  \
            memcpy(&v, from + j, sizeof v);                                                                                    \
            sum += v;                                                                                                          \
            memcpy(to + j, &sum, sizeof sum);                                                                                  \
          }                                                                                                                    \
          if (j < length) add_end(to + j, from + j, length - j);                                                               \
        }                                                                                                                      \
      }                                                                                                                        \
  }
SPREAD(spread_f32, float, 16, add_end_f32)
SPREAD(spread_f64, double, 8, add_end_f64)

#define SUM_PARTS(name, element, lanes)                                                                                        \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                       \
  APUS_CLONES static void name(const element *from, int64_t parts, int64_t stride, element *to, int64_t begin, int64_t end) {  \
    int64_t e = begin;                                                                                                         \
    for (; e + lanes <= end; e += lanes) {                                                                                     \
      name##_vector sum, v;                                                                                                    \
      memcpy(&sum, from + e, sizeof sum);                                                                                      \
      for (int64_t part = 1; part < parts; part++) {                                                                           \
        memcpy(&v, from + part * stride + e, sizeof v);                                                                        \
        sum += v;                                                                                                              \
      }                                                                                                                        \
      memcpy(to + e, &sum, sizeof sum);                                                                                        \
    }                                                                                                                          \
    for (; e < end; e++) {                                                                                                     \
      element sum = from[e];                                                                                                   \
      for (int64_t part = 1; part < parts; part++) sum += from[part * stride + e];                                             \
      to[e] = sum;                                                                                                             \
    }                                                                                                                          \
  }
SUM_PARTS(sum_parts_f32, float, 16)
SUM_PARTS(sum_parts_f64, double, 8)

#define OF_DTYPE(dtype, function, ...) \
  if ((dtype) == APUS_F64) {                 \
    function##_f64(__VA_ARGS__);             \
  } else {                                   \
    function##_f32(__VA_ARGS__);             \
  }

void apus_gather_patches(apus_dtype dtype, const void *band, const int64_t *bases, int64_t count, const apus_patch *patch, void *to) {
  OF_DTYPE(dtype, gather, band, bases, count, patch->offsets, patch->segments, patch->length, to)
}

void apus_spread_patches(apus_dtype dtype, void *band, const int64_t *bases, int64_t count, const apus_patch *patch, const void *patches) {
  OF_DTYPE(dtype, spread, band, bases, count, patch->apart, patch->offsets, patch->segments, patch->length, patches)
}

void apus_sum_parts(apus_dtype dtype, const void *from, int64_t parts, int64_t stride, void *to, int64_t begin, int64_t end) {
  OF_DTYPE(dtype, sum_parts, from, parts, stride, to, begin, end)
}
