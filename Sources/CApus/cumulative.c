// Running sums. float32 is summed in double, so that the last element is as accurate as the first.
#include "apus_reduce.h"
#include "isa.h"

// Along dense rows each sum waits for the one before it; across columns the sums of a strip run side by side.
#define CUMULATIVE_SUM(name, element, wide)                                                                             \
  APUS_CLONES static void name(const element *source, element *destination, int64_t count, int64_t inner, bool reverse, \
                               int64_t begin, int64_t end) {                                                            \
    int64_t step = reverse ? -inner : inner;                                                                            \
    for (int64_t o = begin; o < end; o++) {                                                                             \
      int64_t first = o * count * inner + (reverse ? (count - 1) * inner : 0);                                          \
      if (inner == 1) {                                                                                                 \
        wide sum = 0;                                                                                                   \
        for (int64_t i = 0; i < count; i++) {                                                                           \
          sum += (wide)source[first + i * step];                                                                        \
          destination[first + i * step] = (element)sum;                                                                 \
        }                                                                                                               \
        continue;                                                                                                       \
      }                                                                                                                 \
      for (int64_t j = 0; j < inner; j += 256) {                                                                        \
        int64_t width = inner - j < 256 ? inner - j : 256;                                                              \
        wide sum[256] = {0};                                                                                            \
        for (int64_t i = 0; i < count; i++) {                                                                           \
          const element *x = source + first + i * step + j;                                                             \
          element *y = destination + first + i * step + j;                                                              \
          for (int64_t k = 0; k < width; k++) {                                                                         \
            sum[k] += (wide)x[k];                                                                                       \
            y[k] = (element)sum[k];                                                                                     \
          }                                                                                                             \
        }                                                                                                               \
      }                                                                                                                 \
    }                                                                                                                   \
  }

CUMULATIVE_SUM(cumulative_f32, float, double)
CUMULATIVE_SUM(cumulative_f64, double, double)
CUMULATIVE_SUM(cumulative_i32, int32_t, uint32_t)
CUMULATIVE_SUM(cumulative_i64, int64_t, uint64_t)

void apus_cumulative_sum(apus_dtype dtype, const void *source, void *destination, int64_t count, int64_t inner, bool reverse,
                         int64_t begin, int64_t end) {
  if (count <= 0 || inner <= 0) return;
  switch (dtype) {
  case APUS_F32: cumulative_f32(source, destination, count, inner, reverse, begin, end); break;
  case APUS_F64: cumulative_f64(source, destination, count, inner, reverse, begin, end); break;
  case APUS_I32: cumulative_i32(source, destination, count, inner, reverse, begin, end); break;
  case APUS_I64: cumulative_i64(source, destination, count, inner, reverse, begin, end); break;
  default: break;
  }
}
