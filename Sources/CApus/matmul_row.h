// One row of A times rows of B': included by matmul_kernels.h, in its terms. Every product of one long row sums this way, so that a pair of them,
// which sums the second stretch by stretch (matmul_pair.c), has the bits of both.

// One long row of A: k in four stretches (see apus_matmul_stretch) of two vectors or more, in each of which even and odd vectors are a chain of their own; a stretch's lanes
// are summed before it is added to the others. A row of B' is one stream: eight side by side, 2 KB apart, come half as fast from the
// second-level cache. What it takes beside the multiply-adds counts, even when memory is waited for: the fewer instructions, the further the
// processor looks ahead. So the chains begin with products, and lanes are summed for many rows at once.
INLINE void NAME(step)(const ELEMENT *a, const ELEMENT *b, VECTOR *sum) { *sum = NAME(multiply_add)(NAME(load)(a), NAME(load)(b), *sum); }
// What the chains of a stretch have from `p` on, and their sum.
INLINE VECTOR NAME(rest_of_stretch)(const ELEMENT *a, const ELEMENT *b, int64_t p, int64_t k, VECTOR even, VECTOR odd) {
  for (; p < k; p += LANES) {
    const VECTOR as = k - p < LANES ? NAME(load_some)(a + p, k - p) : NAME(load)(a + p);
    const VECTOR bs = k - p < LANES ? NAME(load_some)(b + p, k - p) : NAME(load)(b + p);
    if (p / LANES % 2 == 0)
      even = NAME(multiply_add)(as, bs, even);
    else
      odd = NAME(multiply_add)(as, bs, odd);
  }
  return even + odd;
}

static void NAME(one_row)(const product *x) {
  const ELEMENT *a = x->a;
  const int64_t length = apus_matmul_stretch(LANES, x->k, 1), pairs = length / LANES / 2 * 2 * LANES, last = x->k - 3 * length;
  const int64_t blocks = divided_up(x->columns, BACKWARDS_ROWS);
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t first = (x->is_backwards ? blocks - 1 - block : block) * BACKWARDS_ROWS, end = at_most(first + BACKWARDS_ROWS, x->columns);
    for (int64_t j = first; j < end; j += 4) {
      VECTOR all[4][4];
      const int64_t rows = at_most(end - j, 4);
#pragma clang loop unroll(disable)
      for (int64_t r = 0; r < rows; r++) {
        const ELEMENT *b = (const ELEMENT *)x->b + (j + r) * x->b_column;
        VECTOR even[4], odd[4];
#pragma clang loop unroll(full)
        for (int s = 0; s < 4; s++) {
          even[s] = NAME(load)(a + s * length) * NAME(load)(b + s * length);
          odd[s] = NAME(load)(a + s * length + LANES) * NAME(load)(b + s * length + LANES);
        }
        for (int64_t p = 2 * LANES; p < pairs; p += 2 * LANES) {
#pragma clang loop unroll(full)
          for (int s = 0; s < 4; s++) {
            NAME(step)(a + s * length + p, b + s * length + p, &even[s]);
            NAME(step)(a + s * length + p + LANES, b + s * length + p + LANES, &odd[s]);
          }
        }
        if (pairs < length) {
#pragma clang loop unroll(full)
          for (int s = 0; s < 3; s++) NAME(step)(a + s * length + pairs, b + s * length + pairs, &even[s]);
        }
#pragma clang loop unroll(full)
        for (int s = 0; s < 3; s++) all[r][s] = even[s] + odd[s];
        all[r][3] = pairs < last ? NAME(rest_of_stretch)(a + 3 * length, b + 3 * length, pairs, last, even[3], odd[3]) : even[3] + odd[3];
      }
      for (int64_t r = 0; r < rows; r++) {
        NAME(sums) sums;
        NAME(sum_lanes)(all[r][0], all[r][1], all[r][2], all[r][3], &sums);
        ((ELEMENT *)x->c)[j + r] = (sums.x + sums.y) + (sums.z + sums.w);
      }
    }
  }
}

#ifdef STRETCH
// One stretch of one row of A times rows of B' that lie `apart`, each as one_row sums it; if `vectors` is not 0, it is the number of vectors in k,
// which stay in registers, and the rows are packed.
INLINE void NAME(stretches_of)(const int vectors, int64_t columns, int64_t k, const ELEMENT *a, const ELEMENT *b, int64_t apart, ELEMENT *c,
                               bool is_backwards) {
  VECTOR held[16];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) held[v] = NAME(load)(a + v * LANES);
  const int64_t blocks = divided_up(columns, BACKWARDS_ROWS);
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t first = (is_backwards ? blocks - 1 - block : block) * BACKWARDS_ROWS;
    const int64_t rows = at_most(columns - first, BACKWARDS_ROWS);
    const ELEMENT *from = b + first * apart;
    VECTOR sum[BACKWARDS_ROWS];
    if (vectors > 0 && rows == BACKWARDS_ROWS) {
#pragma clang loop unroll(full)
      for (int r = 0; r < BACKWARDS_ROWS; r++) {
        VECTOR even = held[0] * NAME(load)(from + r * vectors * LANES), odd = held[1] * NAME(load)(from + (r * vectors + 1) * LANES);
#pragma clang loop unroll(full)
        for (int v = 2; v < vectors; v += 2) {
          even = NAME(multiply_add)(held[v], NAME(load)(from + (r * vectors + v) * LANES), even);
          odd = NAME(multiply_add)(held[v + 1], NAME(load)(from + (r * vectors + v + 1) * LANES), odd);
        }
        sum[r] = even + odd;
      }
    } else {
      for (int64_t r = 0; r < rows; r++) {
        const ELEMENT *row = from + r * apart;
        sum[r] = NAME(rest_of_stretch)(a, row, 2 * LANES, k, NAME(load)(a) * NAME(load)(row), NAME(load)(a + LANES) * NAME(load)(row + LANES));
      }
    }
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) NAME(sum_lanes)(sum[r], sum[r + 1], sum[r + 2], sum[r + 3], (NAME(sums) *)(c + first + r));
    for (; r < rows; r++) {
      NAME(sums) one;
      NAME(sum_lanes)(sum[r], sum[r], sum[r], sum[r], &one);
      c[first + r] = one.x;
    }
  }
}
static void NAME(stretch)(int64_t columns, int64_t k, const ELEMENT *a, const ELEMENT *b, int64_t apart, ELEMENT *c, bool is_backwards) {
  if (k == apart && k == 8 * LANES)
    NAME(stretches_of)(8, columns, k, a, b, apart, c, is_backwards);
  else if (k == apart && k == 16 * LANES)
    NAME(stretches_of)(16, columns, k, a, b, apart, c, is_backwards);
  else
    NAME(stretches_of)(0, columns, k, a, b, apart, c, is_backwards);
}

// The sums of four stretches, (4, columns), then bias and relu.
static void NAME(add_stretches)(int64_t columns, const ELEMENT *sums, const ELEMENT *bias, bool relu, ELEMENT *c) {
  const product x = {.bias = bias, .relu = relu, .bias_step = 1};
  for (int64_t i = 0; i < columns; i += LANES) {
    const int64_t count = columns - i < LANES ? columns - i : LANES;
    VECTOR v[4];
#pragma clang loop unroll(full)
    for (int s = 0; s < 4; s++) v[s] = count == LANES ? NAME(load)(sums + s * columns + i) : NAME(load_some)(sums + s * columns + i, count);
    const VECTOR y = NAME(finish)((v[0] + v[1]) + (v[2] + v[3]), NAME(load_bias)(&x, i, count), &x);
    if (count == LANES)
      NAME(store)(c + i, y);
    else
      NAME(store_some)(c + i, y, count);
  }
}
#endif
