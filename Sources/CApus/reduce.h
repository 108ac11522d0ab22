// Private: the arg reductions, which stand in a file of their own, and sums of elements that come in pieces, for kernels that
// make the elements themselves. They give the same bits as apus_reduce and apus_sum_chunk on all the elements in memory.
#ifndef APUS_REDUCE_PRIVATE_H
#define APUS_REDUCE_PRIVATE_H

#include "apus_reduce.h"

void apus_reduce_arg(bool largest, apus_dtype dtype, const void *source, int64_t *destination, int64_t count, int64_t inner,
                     int64_t begin, int64_t end);

/// The sum of a chunk of f32 or f64 elements. All pieces but the last have `apus_sum_block` elements.
typedef struct {
  _Alignas(128) char total[128];
} apus_running_sum;

static inline int64_t apus_sum_block(apus_dtype dtype) { return dtype == APUS_F32 ? 1024 : 512; }
void apus_running_sum_begin(apus_running_sum *sum);
void apus_running_sum_add(apus_running_sum *sum, apus_dtype dtype, const void *piece, int64_t count);
/// With the last piece. (A chunk of a single piece is a matter for apus_sum_chunk.)
double apus_running_sum_finish(const apus_running_sum *sum, apus_dtype dtype, const void *piece, int64_t count);

/// The sums of `width` columns of f32 or f64 elements, `width` being 64 bytes at least and `apus_sum_block` elements at most.
/// `partial` and `total` have 8 bytes for each column, rounded up to 128, and are aligned to 128.
typedef struct {
  void *partial, *total;
  apus_dtype dtype;
  int64_t width, pending;
} apus_column_sums;

void apus_column_sums_begin(apus_column_sums *sums);
/// `count` rows that are `stride` elements apart: a multiple of eight, except at the end.
void apus_column_sums_add(apus_column_sums *sums, const void *rows, int64_t count, int64_t stride);
/// Stores the sums of the first `columns` columns.
void apus_column_sums_finish(const apus_column_sums *sums, void *results, int64_t columns);

#endif
