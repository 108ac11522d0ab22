// Private: softmax over fewer than 16 columns, as in most classifiers. 16 rows are loaded and transposed, so that every vector holds
// one column of 16 rows: no lane is wasted on padding, and maxima, sums and logarithms need no work across lanes.
#ifndef APUS_ROWWISE_NARROW_H
#define APUS_ROWWISE_NARROW_H

#include "exp_f32.h"
#include "isa.h"
#include "shuffle.h"

typedef struct {
  f32x16 column[16];  // a row is loaded as two pieces (isa.h): its columns are vectors 0 ..< piece and second ..< 2 piece
  int32_t piece, second;
} narrow_rows;

#define FOR_COLUMNS(n, k) for (int32_t k = 0; k < 2 * (n)->piece; k = k + 1 == (n)->piece ? (n)->second : k + 1)

/// `rows` rows, 1 to 16; the lanes of missing ones repeat the last.
APUS_INLINE void narrow_load(narrow_rows *n, const float *x, int64_t columns, int64_t rows) {
  n->piece = piece_size(columns);
  n->second = 3 * n->piece - (int32_t)columns;
  f32x16 v[16];
  for (int64_t r = 0; r < 16; r++) load_pieces_f32(&v[r], x + (r < rows ? r : rows - 1) * columns, columns);
  TRANSPOSE_VECTORS(f32x16, v, 16, 4, LOW_16, HIGH_16)
  memcpy(n->column, v, sizeof v);
}

APUS_INLINE void narrow_store(const narrow_rows *n, float *y, int64_t columns, int64_t rows) {
  f32x16 v[16];
  memcpy(v, n->column, sizeof v);
  TRANSPOSE_VECTORS(f32x16, v, 16, 4, LOW_16, HIGH_16)
  for (int64_t r = 0; r < rows; r++) store_part_f32(y + r * columns, &v[r], columns);
}

/// Subtracts each row's largest element (0 instead of an infinity, which would give NaN).
APUS_INLINE void narrow_shift(narrow_rows *n, f32x16 *shift) {
  f32x16 largest = n->column[0];
  FOR_COLUMNS(n, k) largest = n->column[k] > largest ? n->column[k] : largest;
  largest = ((largest > -INFINITY) & (largest < INFINITY)) ? largest : (f32x16)0.0f;
  FOR_COLUMNS(n, k) n->column[k] -= largest;
  *shift = largest;
}

/// The sums of the exponentials; `keep`: in place of the elements.
APUS_INLINE void narrow_exp_sum(narrow_rows *n, bool keep, f32x16 *sum) {
  f32x16 s = 0;
  FOR_COLUMNS(n, k) {
    f32x16 e = n->column[k];
    exp_f32x16(&e);
    s += e;
    if (keep) n->column[k] = e;
  }
  *sum = s;
}

/// Stores the first `rows` lanes.
APUS_INLINE void narrow_store_lanes(float *y, const f32x16 *v, int64_t rows) {
  float lanes[16];
  memcpy(lanes, v, 64);
  memcpy(y, lanes, (size_t)rows * sizeof(float));
}

/// A loop over the rows [begin, end), 16 at a time: `BODY` sees `row`, `rows` and the loaded rows `n`.
#define FOR_NARROW_ROWS(source, columns, begin, end, BODY)        \
  for (int64_t row = begin; row < end; row += 16) {               \
    int64_t rows = end - row < 16 ? end - row : 16;               \
    narrow_rows n;                                                \
    f32x16 shift, sum;                                            \
    narrow_load(&n, source + row * columns, columns, rows);       \
    narrow_shift(&n, &shift);                                     \
    BODY                                                          \
  }

#endif
