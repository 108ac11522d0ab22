// Private to CApus: what the routes of the matrix product share.
#ifndef APUS_MATMUL_PRIVATE_H
#define APUS_MATMUL_PRIVATE_H

#include "CApus.h"

/// The same product as one matrix where it is one: a batch whose rows of A lie evenly spaced, times one B.
static inline apus_matmul apus_matmul_folded(apus_matmul s) {
  if (s.batch > 1 && s.b_batch == 0 && (s.m == 1 || s.a_batch == s.m * s.a_row)) {
    if (s.m == 1) s.a_row = s.a_batch;
    s.m *= s.batch;
    s.batch = 1;
  }
  return s;
}

static inline int64_t at_most(int64_t x, int64_t limit) { return x < limit ? x : limit; }
static inline int64_t divided_up(int64_t x, int64_t by) { return (x + by - 1) / by; }

/// Where stretch `s` of k begins, for s in 0 ... 4: the same number of whole vectors in each, and what is left over in the last.
static inline int64_t apus_matmul_stretch(int64_t lanes, int64_t k, int64_t s) { return s == 4 ? k : k / lanes / 4 * s * lanes; }

/// The bytes of an element of A and B, and of one of C.
static inline int64_t apus_matmul_operand_bytes(apus_dtype dtype) {
  return dtype == APUS_BF16 ? 2 : dtype == APUS_F64 || dtype == APUS_I64 ? 8 : 4;
}
static inline int64_t apus_matmul_result_bytes(apus_dtype dtype) { return dtype == APUS_BF16 ? 4 : apus_matmul_operand_bytes(dtype); }

/// The matrix as BLAS sees it: row-major with a leading dimension, or the transpose of one. False when neither stride is 1, or the
/// other is less than the extent: that is what oneDNN cannot read.
static inline bool apus_matmul_blas_layout(int64_t rows, int64_t columns, int64_t row, int64_t column, char *transposed, int64_t *leading) {
  if ((column == 1 || columns == 1) && (rows == 1 || row >= columns)) {
    *transposed = 'N';
    *leading = rows == 1 ? columns : row;
    return true;
  }
  if ((row == 1 || rows == 1) && (columns == 1 || column >= rows)) {
    *transposed = 'T';
    *leading = columns == 1 ? rows : column;
    return true;
  }
  return false;
}

// The own kernels, for the instruction set that a plan has fixed.
const void *apus_matmul_own_kernels(void);
/// Which cuts of a matrix they profit from, and whether they work in blocks, as for large products.
typedef struct {
  bool by_rows, by_columns, is_blocked;
} apus_matmul_own_cuts;
apus_matmul_own_cuts apus_matmul_own_cuts_of(const void *kernels, const apus_matmul *shape);
void apus_matmul_own_run(const void *kernels, const apus_matmul *shape, const void *a, const void *b, const void *bias, void *c,
                         apus_matmul_tile tile);
/// A part of a larger product: `rows` x `columns` of C, whose rows lie `c_row` elements apart. B's rows lie without gaps, its own `b_row`
/// apart. A bias (one for each column) and relu follow the sums, or the sums are added to what C holds. The bits of an element do not
/// depend on which rows and columns are computed together as long as `columns` stays the same. f32 and f64.
typedef struct {
  apus_dtype dtype;
  int64_t rows, columns, k;
  const void *a, *b, *bias;
  void *c;
  int64_t a_row, a_column, b_row, c_row;
  bool relu, adds;
} apus_matmul_block;
void apus_matmul_own_block(const void *kernels, const apus_matmul_block *block);

// What a pair of products of one row is made of (matmul_pair.c), with the bits of each product for itself.
/// The floats in a vector, if `shape` is a product of one row of float32 by dot products along k, in four stretches; 0 if it is not.
int64_t apus_matmul_own_row_lanes(const void *kernels, const apus_matmul *shape);
/// Columns [first, end) of such a product, the last first if `is_backwards`.
void apus_matmul_own_row(const void *kernels, const apus_matmul *shape, const void *a, const void *b, const void *bias, void *c, int64_t first,
                         int64_t end, bool is_backwards);
/// The sums of one stretch, `k` long: a times each of `columns` rows of B', `apart` elements from each other.
void apus_matmul_own_stretch(const void *kernels, int64_t columns, int64_t k, const float *a, const float *b, int64_t apart, float *c,
                             bool is_backwards);
/// The whole row from the sums of its stretches, (4, n): added up, with bias and epilogue.
void apus_matmul_own_add_stretches(const void *kernels, const apus_matmul *shape, const float *sums, const float *bias, float *c);

// oneDNN, on the calling thread alone. All return 0 or oneDNN's status.
/// A primitive for bfloat16 operands, with bias and epilogue. `shape` is a tile's; the matrices of the whole C have `c_row` elements a
/// row, and lie `c_batch` apart. No extent may be 0; a batch may share A or B (stride 0), not both.
int32_t apus_onednn_matmul_create(const apus_matmul *shape, int64_t c_row, int64_t c_batch, void **primitive);
int32_t apus_onednn_matmul_run(void *primitive, const void *a, const void *b, const void *bias, void *c);
void apus_onednn_matmul_destroy(void *primitive);

#endif
