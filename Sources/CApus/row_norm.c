// Normalisation of rows, each while it is in cache. The kernel is row_norm_template.h.
#include "apus_row_norm.h"

#include "rowwise.h"

APUS_INLINE double f32_total_of_row(const f64x16 *lanes) { return sum_of_lanes_f64(lanes); }
APUS_INLINE double f64_total_of_row(const f64x8 *lanes) {
  f64x8 a = *lanes;
  return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

#define NAME f32
#define ELEMENT float
#define LANES 16
#include "row_norm_template.h"

#define NAME f64
#define ELEMENT double
#define LANES 8
#include "row_norm_template.h"

void apus_row_norm(apus_dtype dtype, const void *x, const void *gain, const void *bias, void *y, void *means, void *scales,
                   int64_t columns, double epsilon, int64_t begin, int64_t end) {
  if (dtype == APUS_F32) f32_norm(x, gain, bias, y, means, scales, columns, epsilon, begin, end);
  if (dtype == APUS_F64) f64_norm(x, gain, bias, y, means, scales, columns, epsilon, begin, end);
}

void apus_row_norm_gradient(apus_dtype dtype, const void *dy, const void *x, const void *means, const void *scales,
                            const void *gain, void *dx, void *dgain, void *dbias, int64_t columns, int64_t begin, int64_t end) {
  if (dtype == APUS_F32) f32_norm_gradient(dy, x, means, scales, gain, dx, dgain, dbias, columns, begin, end);
  if (dtype == APUS_F64) f64_norm_gradient(dy, x, means, scales, gain, dx, dgain, dbias, columns, begin, end);
}
