// Mean and variance of columns in one pass over memory. The kernel is moments_template.h.
//
// Rows are taken in blocks of 64. A block's deviations are measured from a centre, the mean of its first eighth, so that no large
// mean cancels: Σd² - (Σd)²/n is the block's sum of squared distances from its own mean. However the rows are ordered, that
// difference loses three bits at most: where a fraction f of the block has the mean c, the block's variance is at least
// f/(1-f) times (mean - c)². Blocks are joined by the formula of Chan, Golub and LeVeque (1979) in double.
#include "apus_moments.h"

#include "isa.h"

/// Joins `count` rows to the `before` that `sums` holds (Chan et al.; Welford's formula for a count of 1).
#define JOIN(sums, before, other_mean, other_squares, count)                                \
  do {                                                                                      \
    double share_ = (double)(count) / (double)((before) + (count));                         \
    __typeof__(other_mean) distance_ = (other_mean) - (sums)->mean;                         \
    (sums)->mean += distance_ * share_;                                                     \
    (sums)->squares += (other_squares) + distance_ * distance_ * ((double)(before) * share_); \
  } while (0)

#define NAME f32
#define ELEMENT float
#define LANES 16
#include "moments_template.h"

#define NAME f64
#define ELEMENT double
#define LANES 8
#include "moments_template.h"

#define OF_DTYPE(dtype, function, ...) ((dtype) == APUS_F32 ? f32_##function(__VA_ARGS__) : f64_##function(__VA_ARGS__))

enum { MOST_COLUMNS = 256 };

void apus_column_moments(apus_dtype dtype, const void *x, int64_t rows, int64_t columns, void *mean, void *variance,
                         int64_t begin, int64_t end) {
  const int64_t size = dtype == APUS_F64 ? 8 : 4;
  double means[MOST_COLUMNS], squares[MOST_COLUMNS];
  for (int64_t j = begin, next; j < end; j = next) {
    next = end - j < MOST_COLUMNS ? end : j + MOST_COLUMNS;
    OF_DTYPE(dtype, moments, x, rows, columns, means, squares, j, next);
    OF_DTYPE(dtype, finish, means, squares, rows, next - j, (void *)((char *)mean + j * size), (void *)((char *)variance + j * size));
  }
}

void apus_column_moments_part(apus_dtype dtype, const void *x, int64_t rows, int64_t columns, double *mean, double *squares,
                              int64_t begin, int64_t end) {
  OF_DTYPE(dtype, moments, x, rows, columns, mean + begin, squares + begin, begin, end);
}

void apus_column_moments_join(apus_dtype dtype, const double *parts, int64_t rows, int64_t part_rows, int64_t columns, void *mean,
                              void *variance) {
  double means[MOST_COLUMNS], squares[MOST_COLUMNS];
  const int64_t size = dtype == APUS_F64 ? 8 : 4;
  for (int64_t j = 0, next; j < columns; j = next) {
    next = columns - j < MOST_COLUMNS ? columns : j + MOST_COLUMNS;
    for (int64_t k = 0; k < next - j; k++) means[k] = squares[k] = 0;
    const double *part = parts + j;
    for (int64_t before = 0; before < rows; before += part_rows, part += 2 * columns) {
      const int64_t count = rows - before < part_rows ? rows - before : part_rows;
      for (int64_t k = 0; k < next - j; k++) {
        struct { double mean, squares; } column = {means[k], squares[k]};
        JOIN(&column, before, part[k], part[columns + k], count);
        means[k] = column.mean, squares[k] = column.squares;
      }
    }
    OF_DTYPE(dtype, finish, means, squares, rows, next - j, (void *)((char *)mean + j * size), (void *)((char *)variance + j * size));
  }
}
