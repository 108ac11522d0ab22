// Reductions, scans and the row-wise kernels of classification losses. No state, no allocation; the result of a
// reduction does not depend on how the caller splits the outer range over threads.
#ifndef APUS_REDUCE_H
#define APUS_REDUCE_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum : uint8_t {
  APUS_REDUCE_SUM = 0,
  APUS_REDUCE_PRODUCT,
  APUS_REDUCE_MIN,      // NaN if any element is NaN
  APUS_REDUCE_MAX,      // NaN if any element is NaN
  APUS_REDUCE_SUM_OF_SQUARES,
  APUS_REDUCE_ARG_MIN,  // first position of the minimum, as int64; NaN counts as the extreme (like NumPy)
  APUS_REDUCE_ARG_MAX,
  APUS_REDUCE_ANY,      // bool result
  APUS_REDUCE_ALL,
} apus_reduction;

/// Reduces the middle axis of a dense (outer, count, inner) array into a dense (outer, inner) array, for the outer indices
/// [begin, end). `dtype` is the source's: f32, f64, i32, i64 (u8 and bool only for min, max, any, all, arg). The result has the
/// source's dtype, except the arg reductions (int64) and any/all (bool). An empty axis gives the neutral element
/// (sum 0, product 1, any 0, all 1); the caller refuses it for min, max and arg.
/// float32 sums are accurate to a few ULP of the sum of magnitudes for any length (blocked, wide accumulators).
void apus_reduce(apus_reduction reduction, apus_dtype dtype, const void *_Nonnull source, void *_Nonnull destination,
                 int64_t count, int64_t inner, int64_t begin, int64_t end);

/// Sum of all `count` elements of one dense chunk, in double: the caller adds fixed-size chunks in order.
double apus_sum_chunk(apus_dtype dtype, bool of_squares, const void *_Nonnull source, int64_t count);

/// y[e] = Σ over p of parts[p * stride + e] for e < count, f32 or f64, added in order and in double.
void apus_add_parts(apus_dtype dtype, const void *_Nonnull parts, int64_t part_count, int64_t stride, void *_Nonnull y, int64_t count);

/// Running sum along the middle axis of a dense (outer, count, inner) array (f32, f64, i32, i64).
void apus_cumulative_sum(apus_dtype dtype, const void *_Nonnull source, void *_Nonnull destination,
                         int64_t count, int64_t inner, bool reverse, int64_t begin, int64_t end);

/// Row-wise log-sum-exp, softmax and log-softmax of a dense (rows, columns) matrix (f32, f64), stable for any finite input.
void apus_log_sum_exp(apus_dtype dtype, const void *_Nonnull source, void *_Nonnull destination, int64_t columns, int64_t begin, int64_t end);
void apus_softmax(apus_dtype dtype, const void *_Nonnull source, void *_Nonnull destination, int64_t columns, int64_t begin, int64_t end);
void apus_log_softmax(apus_dtype dtype, const void *_Nonnull source, void *_Nonnull destination, int64_t columns, int64_t begin, int64_t end);
/// dx = p * (dy - sum(dy * p)) per row, for softmax with output p.
void apus_softmax_gradient(apus_dtype dtype, const void *_Nonnull output, const void *_Nonnull dy, void *_Nonnull dx, int64_t columns, int64_t begin, int64_t end);

/// Softmax cross-entropy of logits (rows, columns) with integer labels (int32 or int64), rows [begin, end): per row
/// loss = logSumExp(z) - z[label]. `probabilities` (same layout as logits) may be null. Labels are in range (checked by the caller).
void apus_softmax_cross_entropy(apus_dtype dtype, const void *_Nonnull logits, const void *_Nonnull labels, apus_dtype label_dtype,
                                void *_Nonnull loss, void *_Nullable probabilities, int64_t columns, int64_t begin, int64_t end);
/// dz = (p - onehot(label)) * scale[row * scale_stride], rows [begin, end); scale has the logits' dtype; scale_stride is 0 or 1.
void apus_softmax_cross_entropy_gradient(apus_dtype dtype, const void *_Nonnull probabilities, const void *_Nonnull labels,
                                         apus_dtype label_dtype, const void *_Nonnull scale, int64_t scale_stride,
                                         void *_Nonnull dz, int64_t columns, int64_t begin, int64_t end);
/// Both at once: the loss, and dz for the same `scale`, with the bits of `apus_softmax_cross_entropy` and of `apus_softmax`
/// followed by `apus_softmax_cross_entropy_gradient`, but with one exponential per element. `dz` may be `logits`.
void apus_softmax_cross_entropy_both(apus_dtype dtype, const void *_Nonnull logits, const void *_Nonnull labels,
                                     apus_dtype label_dtype, const void *_Nonnull scale, int64_t scale_stride,
                                     void *_Nonnull loss, void *_Nonnull dz, int64_t columns, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
