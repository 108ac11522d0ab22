// Mean and variance of matrix columns, for normalisation. No state, no allocation.
#ifndef APUS_MOMENTS_H
#define APUS_MOMENTS_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Mean and biased variance of the columns [begin, end) of a dense row-major (rows, columns) matrix, f32 or f64.
/// `mean` and `variance` have `columns` elements of that type, of which [begin, end) are written: NaN if there are no rows,
/// not finite for a column that holds anything that is not.
/// The memory is read once, and a mean that is large beside the deviation does not spoil the variance (see moments.c).
/// A column's result does not depend on the range that it is computed with.
void apus_column_moments(apus_dtype dtype, const void *_Nonnull x, int64_t rows, int64_t columns, void *_Nonnull mean,
                         void *_Nonnull variance, int64_t begin, int64_t end);

/// The same of a part of the rows: the means and the sums of squared distances from them, in [begin, end) of `columns` each.
void apus_column_moments_part(apus_dtype dtype, const void *_Nonnull x, int64_t rows, int64_t columns, double *_Nonnull mean,
                              double *_Nonnull squares, int64_t begin, int64_t end);
/// The moments of all `rows` from those of parts of `part_rows` (the last may have fewer), which lie one behind the other: the means and
/// the sums of each.
void apus_column_moments_join(apus_dtype dtype, const double *_Nonnull parts, int64_t rows, int64_t part_rows, int64_t columns,
                              void *_Nonnull mean, void *_Nonnull variance);

#ifdef __cplusplus
}
#endif
#endif
