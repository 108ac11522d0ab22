// Mean and variance of columns in one pass over memory. The kernel is moments_template.h.
//
// Rows are taken in blocks of 64. A block's deviations are measured from a centre, the mean of its first eighth, so that no large
// mean cancels: Σd² - (Σd)²/n is the block's sum of squared distances from its own mean. However the rows are ordered, that
// difference loses three bits at most: where a fraction f of the block has the mean c, the block's variance is at least
// f/(1-f) times (mean - c)². Blocks are joined by the formula of Chan, Golub and LeVeque (1979) in double.
#include "apus_moments.h"

#include "isa.h"

#define NAME f32
#define ELEMENT float
#define LANES 16
#include "moments_template.h"

#define NAME f64
#define ELEMENT double
#define LANES 8
#include "moments_template.h"

void apus_column_moments(apus_dtype dtype, const void *x, int64_t rows, int64_t columns, void *mean, void *variance,
                         int64_t begin, int64_t end) {
  if (begin >= end) return;
  switch (dtype) {
  case APUS_F32: f32_moments(x, rows, columns, mean, variance, begin, end); break;
  case APUS_F64: f64_moments(x, rows, columns, mean, variance, begin, end); break;
  default: break;
  }
}
