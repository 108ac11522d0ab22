// Normalisation of rows: layer normalisation and its variant without a mean. No state, no allocation.
#ifndef APUS_ROW_NORM_H
#define APUS_ROW_NORM_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What the rows [begin, end) of dense row-major matrices with `columns` columns become, f32 or f64:
/// y = (x - mean) scale gain + bias with scale = 1 / sqrt(variance + epsilon), the variance divided by the number of columns.
/// Without `means` the mean is taken as 0, so that scale is that of the mean square. `gain` and `bias`, of `columns` elements, may be
/// null. `means` and `scales` get one element for each row.
void apus_row_norm(apus_dtype dtype, const void *_Nonnull x, const void *_Nullable gain, const void *_Nullable bias, void *_Nonnull y,
                   void *_Nullable means, void *_Nonnull scales, int64_t columns, double epsilon, int64_t begin, int64_t end);

/// The gradients of that with respect to x, and what the rows [begin, end) contribute to those of gain and bias: sums over the rows,
/// which `dgain` and `dbias` (`columns` elements each, or null where they are not wanted) receive.
void apus_row_norm_gradient(apus_dtype dtype, const void *_Nonnull dy, const void *_Nonnull x, const void *_Nullable means,
                            const void *_Nonnull scales, const void *_Nullable gain, void *_Nonnull dx, void *_Nullable dgain,
                            void *_Nullable dbias, int64_t columns, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
