// Moving elements: strided copies, gather and scatter. `size` is the element size in bytes: 1, 2, 4 or 8.
#ifndef APUS_MOVE_H
#define APUS_MOVE_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Copies a strided array into a strided array: positions [begin, end) of axis 0 (of a rank-0 array: one element).
/// Strides count elements, may be negative, and 0 in the source broadcasts. Transposes are blocked for the cache.
void apus_copy_strided(int64_t size, int32_t rank, const int64_t *_Nonnull extents,
                       const void *_Nonnull source, const int64_t *_Nonnull source_strides,
                       void *_Nonnull destination, const int64_t *_Nonnull destination_strides, int64_t begin, int64_t end);

/// Fills `count` elements with the element at `value`.
void apus_fill(int64_t size, void *_Nonnull destination, const void *_Nonnull value, int64_t count);

/// destination[o, i, :] = source[o, index[i], :] for dense source (outer, count, inner) and destination (outer, index_count, inner).
/// `indices` are int64, within [0, count): the caller checks (and resolves negative ones).
void apus_gather_axis(int64_t size, const void *_Nonnull source, const int64_t *_Nonnull indices, void *_Nonnull destination,
                      int64_t outer, int64_t count, int64_t index_count, int64_t inner);
/// destination[o, index[i], :] += source[o, i, :] (f32, f64, i32, i64), in order of i, so that the result is deterministic.
void apus_scatter_add_axis(apus_dtype dtype, const void *_Nonnull source, const int64_t *_Nonnull indices, void *_Nonnull destination,
                           int64_t outer, int64_t count, int64_t index_count, int64_t inner);
/// The same for positions [begin, end) of the last axis alone.
void apus_scatter_add_columns(apus_dtype dtype, const void *_Nonnull source, const int64_t *_Nonnull indices, void *_Nonnull destination,
                              int64_t outer, int64_t count, int64_t index_count, int64_t inner, int64_t begin, int64_t end);
/// NumPy's take_along_axis: destination[o, i, j] = source[o, indices[o, i, j], j]; indices (outer, index_count, inner).
void apus_gather_elements(int64_t size, const void *_Nonnull source, const int64_t *_Nonnull indices, void *_Nonnull destination,
                          int64_t outer, int64_t count, int64_t index_count, int64_t inner);
/// destination[o, indices[o, i, j], j] += source[o, i, j].
void apus_scatter_add_elements(apus_dtype dtype, const void *_Nonnull source, const int64_t *_Nonnull indices, void *_Nonnull destination,
                               int64_t outer, int64_t count, int64_t index_count, int64_t inner);

/// The smallest and largest of `count` int64 values (count > 0), for checking indices in one pass.
void apus_index_range(const int64_t *_Nonnull indices, int64_t count, int64_t *_Nonnull smallest, int64_t *_Nonnull largest);

#ifdef __cplusplus
}
#endif
#endif
