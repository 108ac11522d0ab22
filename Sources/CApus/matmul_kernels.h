// The own kernels of the matrix product for one element type, vector width and instruction set: included by matmul_kernels_isa.h
// once for each, with ELEMENT (unsigned for integers: they wrap, and SIGNED is their type), BITS (32 or 64), LANES, ISA (512, 2 or
// 0) and NAME(x) defined; NARROW where the kernels for tiny matrices are wanted, BLOCKED where those for large
// ones are, STRETCH where the one for stretches of k is, ONE_VECTOR where C is never wider than a vector.
//
// Every element of C is one chain of multiply-adds over k (a single row's: several, matmul_row.h), the same in every kernel of a path, and
// the path is picked by the whole shape, never by the rows at hand: so the bits do not depend on how rows are split over threads or
// grouped into tiles.

#include "matmul_vector.h"

// What follows the last multiply-add: bias and relu (which keeps NaN).
INLINE VECTOR NAME(finish)(VECTOR v, VECTOR bias, const product *x) {
  if (x->bias) v += bias;
#ifdef SIGNED
  if (x->relu) v = (VECTOR)((NAME(bits))v & ~((NAME(bits))v < 0));
#else
  if (x->relu) v = (VECTOR)((NAME(bits))v & ~(v < 0));
#endif
  return v;
}

INLINE VECTOR NAME(load_bias)(const product *x, int64_t column, int64_t count) {
  if (!x->bias) return 0;
  const ELEMENT *bias = x->bias;
  if (x->bias_step == 0) return (VECTOR)*bias;
  return count == LANES ? NAME(load)(bias + column) : NAME(load_some)(bias + column, count);
}

// A tile of C: `rows` x (`vectors` * LANES), or one masked vector wide (count < LANES). k is split over `split` accumulators where
// tiles are too small to hide the latency of the multiply-add. C is read first when `x->from_c`, finished when `x->to_end`.
INLINE void NAME(tile)(const int rows, const int vectors, const int split, const bool masked, const product *x, const ELEMENT *a,
                       const int64_t a_row, const int64_t a_column, const ELEMENT *b, ELEMENT *c, int64_t column, int64_t count) {
  VECTOR sum[8][16][4];
  const int64_t k = x->k, b_row = x->b_row;
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
#pragma clang loop unroll(full)
      for (int s = 0; s < split; s++) sum[r][v][s] = 0;
  int64_t p = 0;
  for (; p + split <= k; p += split) {
#pragma clang loop unroll(full)
    for (int s = 0; s < split; s++) {
      VECTOR bs[16];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) bs[v] = masked ? NAME(load_some)(b + s * b_row, count) : NAME(load)(b + s * b_row + v * LANES);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) {
        VECTOR as = (VECTOR)a[r * a_row + s * a_column];
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[r][v][s] = NAME(multiply_add)(as, bs[v], sum[r][v][s]);
      }
    }
    a += split * a_column;
    b += split * b_row;
  }
  if (split > 1) {
    for (; p < k; p++, a += a_column, b += b_row) {
      VECTOR bs = masked ? NAME(load_some)(b, count) : NAME(load)(b);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) sum[r][0][0] = NAME(multiply_add)((VECTOR)a[r * a_row], bs, sum[r][0][0]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sum[r][0][0] = (sum[r][0][0] + sum[r][0][1]) + (sum[r][0][2] + sum[r][0][3]);
  }
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    VECTOR bias = x->to_end ? NAME(load_bias)(x, column + v * LANES, masked ? count : LANES) : 0;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      ELEMENT *to = c + r * x->c_row + v * LANES;
      VECTOR value = sum[r][v][0];
      if (x->from_c) value += masked ? NAME(load_some)(to, count) : NAME(load)(to);
      if (x->to_end) value = NAME(finish)(value, bias, x);
      if (masked)
        NAME(store_some)(to, value, count);
      else
        NAME(store)(to, value);
    }
  }
}

// All rows of the columns from `column` on, `count` of them.
#define TILES(ROWS, WIDE)                                    \
  for (; j + (WIDE)*LANES <= count; j += (WIDE)*LANES)       \
    NAME(tile)(ROWS, WIDE, 1, false, x, a, x->a_row, x->a_column, b + j, c + j, column + j, 0);
#define ROWS_OF(ROWS, WIDEST, WIDE)                                                                                               \
  for (; rows >= (ROWS); rows -= (ROWS), a += (ROWS)*x->a_row, c += (ROWS)*x->c_row) {                                            \
    int64_t j = 0;                                                                                                                \
    if ((WIDEST) > (WIDE)) TILES(ROWS, WIDEST)                                                                                    \
    if ((WIDE) > 1) TILES(ROWS, WIDE)                                                                                             \
    TILES(ROWS, 1)                                                                                                                \
    if (j < count) NAME(tile)(ROWS, 1, 1, true, x, a, x->a_row, x->a_column, b + j, c + j, column + j, count - j);                \
  }
static void NAME(strip)(const product *x, const ELEMENT *b, int64_t column, int64_t count) {
  const ELEMENT *a = x->a;
  ELEMENT *c = (ELEMENT *)x->c + column;
  int64_t rows = x->rows;
#ifdef ONE_VECTOR
  ROWS_OF(4, 1, 1)
  ROWS_OF(1, 1, 1)
#elif ISA == 512
  ROWS_OF(8, 2, 2)
  ROWS_OF(4, 4, 2)
  ROWS_OF(2, 8, 2)
  ROWS_OF(1, 16, 4)
#else
  ROWS_OF(4, 2, 2)
  ROWS_OF(2, 4, 4)
  ROWS_OF(1, 8, 4)
#endif
}

#ifdef NARROW
// C is at most one vector wide and k is long: four chains for each element. A's strides are worth a case each: with both unknown,
// the addresses of a step do not fit the registers.
INLINE void NAME(narrow_rows)(const product *x, const int64_t a_row, const int64_t a_column, const ELEMENT *b) {
  const ELEMENT *a = x->a;
  ELEMENT *c = x->c;
  int64_t rows = x->rows;
#if ISA == 512
  for (; rows >= 4; rows -= 4, a += 4 * a_row, c += 4 * x->c_row) NAME(tile)(4, 1, 4, true, x, a, a_row, a_column, b, c, 0, x->columns);
#else
  for (; rows >= 2; rows -= 2, a += 2 * a_row, c += 2 * x->c_row) NAME(tile)(2, 1, 4, true, x, a, a_row, a_column, b, c, 0, x->columns);
#endif
  for (; rows >= 1; rows--, a += a_row, c += x->c_row) NAME(tile)(1, 1, 4, true, x, a, a_row, a_column, b, c, 0, x->columns);
}
static void NAME(narrow_strip)(const product *x, const ELEMENT *b) {
  if (x->a_column == 1)
    NAME(narrow_rows)(x, x->a_row, 1, b);
  else if (x->a_row == 1)
    NAME(narrow_rows)(x, 1, x->a_column, b);
  else
    NAME(narrow_rows)(x, x->a_row, x->a_column, b);
}

// C is at most one vector wide and k tiny: B stays in registers while A and C stream by.
INLINE void NAME(thin_rows)(const int k, const bool masked, const product *x) {
  const ELEMENT *restrict a = x->a, *b = x->b;
  ELEMENT *restrict c = x->c;
  const int64_t count = x->columns, a_row = x->a_row, a_column = x->a_column, c_row = x->c_row;
  const product y = *x;
  VECTOR bs[4];
#pragma clang loop unroll(full)
  for (int p = 0; p < k; p++) bs[p] = NAME(load_some)(b + p * x->b_row, count);
  VECTOR bias = NAME(load_bias)(x, 0, count == LANES ? LANES : count);
#pragma clang loop unroll_count(4)
  for (int64_t r = 0; r < y.rows; r++) {
    VECTOR sum = 0;
#pragma clang loop unroll(full)
    for (int p = 0; p < k; p++) sum = NAME(multiply_add)((VECTOR)a[p * a_column], bs[p], sum);
    sum = NAME(finish)(sum, bias, &y);
    if (masked)
      NAME(store_some)(c, sum, count);
    else
      NAME(store)(c, sum);
    a += a_row;
    c += c_row;
  }
}
static void NAME(thin)(const product *x) {
  const bool masked = x->columns != LANES;
#define THIN(K)                     \
  case K:                           \
    if (masked)                     \
      NAME(thin_rows)(K, true, x);  \
    else                            \
      NAME(thin_rows)(K, false, x); \
    break;
  switch (x->k) { THIN(1) THIN(2) THIN(3) THIN(4) }
#undef THIN
}

#endif  // NARROW

// Columns [0, columns) of a block of B, k long, into `panel`: k rows of PANEL elements, rows padded with 0 to whole vectors.
#define PANEL (4 * LANES)
#define DEPTH (8192 * 32 / BITS / PANEL)  // 32 KiB: stays in the first-level cache
static void NAME(pack)(const ELEMENT *restrict b, int64_t b_row, int64_t b_column, int64_t k, int64_t columns, ELEMENT *restrict panel) {
  int64_t padded = (columns + LANES - 1) / LANES * LANES, j = 0;
  for (; b_row == 1 && j + LANES <= columns; j += LANES) NAME(turn)(b + j * b_column, b_column, LANES, k, panel + j, PANEL);
  for (int64_t p = 0; p < k; p++) {
    ELEMENT *to = panel + p * PANEL;
    int64_t i = j;
    for (; i < columns; i++) to[i] = b[p * b_row + i * b_column];
    for (; i < padded; i++) to[i] = 0;
  }
}

// Any B whose rows are not contiguous: panel by panel through a packed copy.
static void NAME(packed)(const product *whole) {
  _Alignas(64) ELEMENT panel[PANEL * DEPTH];
  for (int64_t column = 0; column < whole->columns; column += PANEL) {
    int64_t count = whole->columns - column < PANEL ? whole->columns - column : PANEL;
    for (int64_t p = 0; p < whole->k; p += DEPTH) {
      product x = *whole;
      x.k = whole->k - p < DEPTH ? whole->k - p : DEPTH;
      x.a = (const ELEMENT *)whole->a + p * whole->a_column;
      x.b_row = PANEL;
      x.from_c = p > 0;
      x.to_end = p + x.k == whole->k;
      NAME(pack)((const ELEMENT *)whole->b + p * whole->b_row + column * whole->b_column, whole->b_row, whole->b_column, x.k, count, panel);
#ifdef NARROW
      if (x.thin) {
        x.b = panel;
        NAME(thin)(&x);
        continue;
      }
      if (x.narrow) {
        NAME(narrow_strip)(&x, panel);
        continue;
      }
#endif
      NAME(strip)(&x, panel, column, count);
    }
  }
}

// A small block of C by dot products along k, where rows of A and columns of B lie contiguous: B is read in place, once.
INLINE void NAME(dots)(const int rows, const int columns, const product *x, const ELEMENT *a, const ELEMENT *b, ELEMENT *c) {
  VECTOR sum[4][8];
  int64_t k = x->k, p = 0;
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) sum[r][j] = 0;
  for (; p + LANES <= k; p += LANES) {
    VECTOR as[4];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) as[r] = NAME(load)(a + r * x->a_row + p);
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      VECTOR bs = NAME(load)(b + j * x->b_column + p);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) sum[r][j] = NAME(multiply_add)(as[r], bs, sum[r][j]);
    }
  }
  if (p < k) {
    VECTOR as[4];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) as[r] = NAME(load_some)(a + r * x->a_row + p, k - p);
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      VECTOR bs = NAME(load_some)(b + j * x->b_column + p, k - p);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) sum[r][j] = NAME(multiply_add)(as[r], bs, sum[r][j]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j += 4) {
      const VECTOR none = 0;
      ELEMENT *to = c + r * x->c_row + j;
      if (columns >= 4) {
        NAME(sum_lanes)(sum[r][j], sum[r][j + 1], sum[r][j + 2], sum[r][j + 3], (NAME(sums) *)to);
      } else {
        NAME(sums) one;
        NAME(sum_lanes)(sum[r][0], none, none, none, &one);
        *to = one.x;
      }
    }
}

#include "matmul_row.h"

// Column after column, each read from memory once: all rows of A pass by it.
static void NAME(by_dots)(const product *x) {
  const ELEMENT *b = x->b;
  int64_t j = 0;
#define ROWS_OF_DOTS(ROWS, COLUMNS)                                                           \
  for (; rows >= (ROWS); rows -= (ROWS), a += (ROWS)*x->a_row, c += (ROWS)*x->c_row)          \
    NAME(dots)(ROWS, COLUMNS, x, a, b + j * x->b_column, c);
#define COLUMNS_OF_DOTS(COLUMNS, MORE)                                                        \
  for (; j + (COLUMNS) <= x->columns; j += (COLUMNS)) {                                       \
    const ELEMENT *a = x->a;                                                                  \
    ELEMENT *c = (ELEMENT *)x->c + j;                                                         \
    int64_t rows = x->rows;                                                                   \
    MORE ROWS_OF_DOTS(2, COLUMNS) ROWS_OF_DOTS(1, COLUMNS)                                    \
  }
  if (x->is_row) {
    NAME(one_row)(x);
    j = x->columns;
  } else if (x->rows == 1) {
    for (; j + 8 <= x->columns; j += 8) NAME(dots)(1, 8, x, x->a, b + j * x->b_column, (ELEMENT *)x->c + j);
  }
#if ISA == 512
  COLUMNS_OF_DOTS(4, ROWS_OF_DOTS(4, 4))
  COLUMNS_OF_DOTS(1, ROWS_OF_DOTS(4, 1))
#else
  COLUMNS_OF_DOTS(4, )
  COLUMNS_OF_DOTS(1, )
#endif
#undef ROWS_OF_DOTS
#undef COLUMNS_OF_DOTS
  if (!x->bias && !x->relu) return;
  for (int64_t r = 0; r < x->rows; r++) {
    ELEMENT *c = (ELEMENT *)x->c + r * x->c_row;
    for (int64_t i = 0; i < x->columns; i += LANES) {
      const int64_t count = x->columns - i < LANES ? x->columns - i : LANES;
      VECTOR v = count == LANES ? NAME(load)(c + i) : NAME(load_some)(c + i, count);
      v = NAME(finish)(v, NAME(load_bias)(x, i, count), x);
      if (count == LANES)
        NAME(store)(c + i, v);
      else
        NAME(store_some)(c + i, v, count);
    }
  }
}

static void NAME(multiply)(const product *x) {
  if (x->dots) {
    NAME(by_dots)(x);
  } else if (x->b_column != 1) {
    NAME(packed)(x);
#ifdef NARROW
  } else if (x->thin) {
    NAME(thin)(x);
  } else if (x->narrow) {
    NAME(narrow_strip)(x, x->b);
#endif
  } else if (x->rows <= 2) {
    NAME(strip)(x, x->b, 0, x->columns);  // B is read once only: whole rows of it
  } else {
    for (int64_t j = 0; j < x->columns; j += PANEL)
      NAME(strip)(x, (const ELEMENT *)x->b + j, j, x->columns - j < PANEL ? x->columns - j : PANEL);
  }
}

#ifdef BLOCKED
#include "matmul_blocked.h"
#endif

#undef ROWS_OF
#undef TILES
#undef PANEL
#undef DEPTH
#undef VECTOR
#undef LANES
#undef NAME
