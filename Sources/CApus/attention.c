// Attention in blocks, with the softmax carried along from block to block (Milakov and Gimelshein, 2018; Dao et al., 2022): the running
// maximum m and sum l of a query's scores change as keys pass by, and what was summed under an older maximum is scaled by e^(m_old - m).
// Backward, the probabilities are e^(score - log-sum), and dS = P (dO Vᵀ - Σ dO O).
//
// The products are those of matmul_own.c. A block of K (and V, backward) is transposed once for all queries that meet it, so that every
// product reads rows that lie contiguous. (To copy the other operands to where they lie in one piece was slower: they are read from the
// second-level cache either way.) The blocks are on the stack, 80 KB at most.
#include "apus_attention.h"

#include "matmul.h"
#include "rowwise.h"
#include "shuffle.h"

enum {
  ROWS = 32,  // queries of a block: of a causal square, smaller blocks waste less
  KEYS = 64,  // keys of a block, and the row length of its scores
  WIDEST = APUS_ATTENTION_WIDEST,
};

APUS_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// to[d][j] = from[j][d] for `count` rows; rows of KEYS elements.
APUS_CLONES static void transpose(const float *from, int64_t row, int64_t count, int64_t width, float *to) {
  int64_t whole_rows = count & ~(int64_t)15, whole_columns = width & ~(int64_t)15;
  for (int64_t j = 0; j < whole_rows; j += 16)
    for (int64_t d = 0; d < whole_columns; d += 16) {
      f32x16 v[16];
      for (int64_t k = 0; k < 16; k++) memcpy(&v[k], from + (j + k) * row + d, 64);
      TRANSPOSE_VECTORS(f32x16, v, 16, 4, LOW_16, HIGH_16)
      for (int64_t k = 0; k < 16; k++) memcpy(to + (d + k) * KEYS + j, &v[k], 64);
    }
  for (int64_t j = 0; j < count; j++)
    for (int64_t d = j < whole_rows ? whole_columns : 0; d < width; d++) to[d * KEYS + j] = from[j * row + d];
}

/// Rows times their factors.
APUS_CLONES static void scale_rows(const float *from, int64_t from_row, float *to, int64_t to_row, int64_t rows, int64_t width,
                                   const float *factors) {
  for (int64_t r = 0; r < rows; r++) FOR_ROW_F32(from + r * from_row, to + r * to_row, width, v = v * factors[r]);
}

/// How many of the `count` keys from `key` on the query `query` sees.
APUS_INLINE int64_t seen(const apus_attention *s, int64_t query, int64_t key, int64_t count) {
  if (!s->is_causal) return count;
  int64_t visible = query + s->offset + 1 - key;
  return visible < 0 ? 0 : smaller(visible, count);
}

/// Sixteen scores from `i` on, scaled and masked; -infinity from `visible` on.
APUS_INLINE void masked_scores(f32x16 *v, const float *scores, const float *mask, float scale, int64_t i, int64_t visible) {
  const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  f32x16 x, m;
  memcpy(&x, scores + i, 64);
  x = x * scale;
  if (mask && visible - i >= 16) {
    memcpy(&m, mask + i, 64);
    x += m;
  } else if (mask) {
    float part[16];
    for (int64_t k = 0; k < 16; k++) part[k] = i + k < visible ? mask[i + k] : 0;
    memcpy(&m, part, 64);
    x += m;
  }
  *v = lane < (int32_t)(visible - i) ? x : (f32x16)-INFINITY;
}

/// One row of a block, `vectors` of which hold keys that are seen: e^(score - maximum) in place. Carries on maximum and sum, and leaves
/// what was subtracted from the maximum so far in `old`.
APUS_INLINE void row_exponentials(const int vectors, float *row, const float *mask, float scale, int64_t visible, float *maximum, float *sum,
                                  float *old) {
  f32x16 v[KEYS / 16], largest = *maximum, total = 0;
#pragma clang loop unroll(full)
  for (int k = 0; k < vectors; k++) {
    masked_scores(&v[k], row, mask, scale, 16 * k, visible);
    largest = v[k] > largest ? v[k] : largest;
  }
  const float most = largest_lane(&largest), shift = most > -INFINITY ? most : 0;
#pragma clang loop unroll(full)
  for (int k = 0; k < vectors; k++) {
    v[k] -= shift;
    exp_f32x16(&v[k]);
    memcpy(row + 16 * k, &v[k], 64);
    total += v[k];
  }
  *old = *maximum - shift;
  *maximum = most;
  *sum = sum_of_lanes(&total);
}

/// Turns a block's products q kᵀ, `count` of them for each of `rows` queries, into e^(score - maximum), and carries on the rows' maxima
/// and sums. `old` gets what the rows' earlier sums were multiplied by.
APUS_CLONES static void exponentials(const apus_attention *s, float *scores, const float *mask, int64_t query, int64_t rows, int64_t key,
                                     int64_t count, float *maxima, float *sums, float *old) {
  float parts[ROWS];
  for (int64_t r = 0; r < rows; r++) {
    float *row = scores + r * KEYS;
    const float *row_mask = mask ? mask + (query + r) * s->mask_row + key : NULL;
    const int64_t visible = seen(s, query + r, key, count);
    switch ((visible + 15) / 16) {
    case 1: row_exponentials(1, row, row_mask, s->scale, visible, &maxima[r], &parts[r], &old[r]); break;
    case 2: row_exponentials(2, row, row_mask, s->scale, visible, &maxima[r], &parts[r], &old[r]); break;
    case 3: row_exponentials(3, row, row_mask, s->scale, visible, &maxima[r], &parts[r], &old[r]); break;
    case 4: row_exponentials(4, row, row_mask, s->scale, visible, &maxima[r], &parts[r], &old[r]); break;
    default: parts[r] = old[r] = 0;
    }
    const f32x16 none = 0;
    for (int64_t i = (visible + 15) & ~(int64_t)15; i < count; i += 16) memcpy(row + i, &none, 64);
  }
  for (int64_t r = rows; r < ROWS; r++) parts[r] = old[r] = 0;
  for (int64_t r = 0; r < ROWS; r += 16) {
    f32x16 factor, sum, part;
    memcpy(&factor, old + r, 64);
    memcpy(&sum, sums + r, 64);
    memcpy(&part, parts + r, 64);
    exp_f32x16(&factor);
    sum = sum * factor + part;
    memcpy(old + r, &factor, 64);
    memcpy(sums + r, &sum, 64);
  }
}

/// The log-sums of a block's rows; `factors` gets what the rows' results are multiplied by.
APUS_CLONES static void finish_rows(const float *maxima, const float *sums, int64_t rows, float *log_sums, float *factors) {
  float logs[ROWS];
  for (int64_t r = 0; r < ROWS; r += 16) {
    f32x16 maximum, sum, log;
    memcpy(&maximum, maxima + r, 64);
    memcpy(&sum, sums + r, 64);
    log = sum;
    log_f32x16(&log);
    log = sum == 0.0f ? (f32x16)INFINITY : maximum + log;
    sum = sum == 0.0f ? (f32x16)0.0f : 1.0f / sum;
    memcpy(logs + r, &log, 64);
    memcpy(factors + r, &sum, 64);
  }
  memcpy(log_sums, logs, (size_t)rows * sizeof(float));
}

/// C (+)= A B for parts of matrices.
static void multiply(const void *on, int64_t rows, int64_t columns, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                     int64_t b_row, float *c, int64_t c_row, bool adds) {
  apus_matmul_own_block(on, &(apus_matmul_block){.dtype = APUS_F32, .rows = rows, .columns = columns, .k = k, .a = a, .a_row = a_row,
                                                 .a_column = a_column, .b = b, .b_row = b_row, .adds = adds, .c = c, .c_row = c_row});
}

void apus_attention_forward(const apus_attention *s, const float *q, const float *k, const float *v, const float *mask, float *o,
                            float *log_sums, int64_t begin, int64_t end) {
  _Alignas(64) float scores[ROWS * KEYS], turned[WIDEST * KEYS], results[ROWS * WIDEST];
  _Alignas(64) float maxima[ROWS], sums[ROWS], old[ROWS];
  const void *on = apus_matmul_own_kernels();
  const int64_t width = s->width, value_width = s->value_width;
  int64_t present = -1;
  for (int64_t query = begin; query < end; query += ROWS) {
    const int64_t rows = smaller(ROWS, end - query);
    for (int64_t r = 0; r < ROWS; r++) maxima[r] = -INFINITY, sums[r] = 0;
    const int64_t last = s->is_causal ? smaller(s->keys, query + rows + s->offset) : s->keys;
    if (last <= 0) memset(results, 0, (size_t)(rows * value_width) * sizeof(float));
    for (int64_t key = 0; key < last; key += KEYS) {
      const int64_t count = smaller(KEYS, last - key), here = smaller(KEYS, s->keys - key);
      // Of few keys, the one block serves all queries.
      if (present != key) {
        transpose(k + key * s->k_row, s->k_row, here, width, turned);
        present = key;
      }
      multiply(on, rows, count, width, q + query * s->q_row, s->q_row, 1, turned, KEYS, scores, KEYS, false);
      exponentials(s, scores, mask, query, rows, key, count, maxima, sums, old);
      if (key > 0) scale_rows(results, value_width, results, value_width, rows, value_width, old);
      multiply(on, rows, value_width, count, scores, KEYS, 1, v + key * s->v_row, s->v_row, results, value_width, key > 0);
    }
    finish_rows(maxima, sums, rows, log_sums + query, old);
    scale_rows(results, value_width, o + query * s->o_row, s->o_row, rows, value_width, old);
  }
}

/// work[i] = the inner product of the rows i of `o` and `d_o`.
APUS_CLONES static void inner_products(const float *o, const float *d_o, int64_t row, int64_t rows, int64_t width, float *work) {
  for (int64_t r = 0; r < rows; r++) {
    f32x16 a, b, sum = 0;
    int64_t i = 0;
    for (; width - i >= 16; i += 16) {
      memcpy(&a, o + r * row + i, 64);
      memcpy(&b, d_o + r * row + i, 64);
      sum += a * b;
    }
    if (i < width) {
      load_part_f32(&a, o + r * row + i, width - i, 0);
      load_part_f32(&b, d_o + r * row + i, width - i, 0);
      sum += a * b;
    }
    work[r] = sum_of_lanes(&sum);
  }
}

/// One row of a block, as in `row_exponentials`: probabilities P, and scale P (dO Vᵀ - along).
APUS_INLINE void row_gradients(const int vectors, float *p, float *d, const float *mask, float scale, int64_t visible, float log_sum,
                               float along) {
#pragma clang loop unroll(full)
  for (int k = 0; k < vectors; k++) {
    f32x16 v, w;
    masked_scores(&v, p, mask, scale, 16 * k, visible);
    v -= log_sum;
    exp_f32x16(&v);
    memcpy(p + 16 * k, &v, 64);
    memcpy(&w, d + 16 * k, 64);
    w = (v * scale) * (w - along);
    // What lies behind the last key may be anything.
    w = v == 0.0f ? (f32x16)0.0f : w;
    memcpy(d + 16 * k, &w, 64);
  }
}

/// Products q kᵀ to probabilities P, and products dO Vᵀ to scale P (dO Vᵀ - work), the gradient of q kᵀ; both in place.
APUS_CLONES static void score_gradients(const apus_attention *s, float *scores, float *products, const float *mask, const float *log_sums,
                                        const float *work, int64_t query, int64_t rows, int64_t key, int64_t count) {
  for (int64_t r = 0; r < rows; r++) {
    float *p = scores + r * KEYS, *d = products + r * KEYS;
    const float *row_mask = mask ? mask + (query + r) * s->mask_row + key : NULL;
    const float log_sum = log_sums[query + r], along = work[query + r];
    const int64_t visible = seen(s, query + r, key, count);
    switch ((visible + 15) / 16) {
    case 1: row_gradients(1, p, d, row_mask, s->scale, visible, log_sum, along); break;
    case 2: row_gradients(2, p, d, row_mask, s->scale, visible, log_sum, along); break;
    case 3: row_gradients(3, p, d, row_mask, s->scale, visible, log_sum, along); break;
    case 4: row_gradients(4, p, d, row_mask, s->scale, visible, log_sum, along); break;
    }
    const f32x16 none = 0;
    for (int64_t i = (visible + 15) & ~(int64_t)15; i < count; i += 16) {
      memcpy(p + i, &none, 64);
      memcpy(d + i, &none, 64);
    }
  }
}

static void clear_rows(float *x, int64_t row, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++) memset(x + r * row, 0, (size_t)width * sizeof(float));
}

void apus_attention_backward(const apus_attention *s, const float *q, const float *k, const float *v, const float *mask, const float *o,
                             const float *log_sums, const float *d_o, float *dq, float *dk, float *dv, float *work) {
  _Alignas(64) float scores[ROWS * KEYS], products[ROWS * KEYS], turned_k[WIDEST * KEYS], turned_v[WIDEST * KEYS];
  const void *on = apus_matmul_own_kernels();
  inner_products(o, d_o, s->o_row, s->queries, s->value_width, work);
  if (s->keys == 0) clear_rows(dq, s->q_row, s->queries, s->width);
  for (int64_t key = 0; key < s->keys; key += KEYS) {
    const int64_t here = smaller(KEYS, s->keys - key);
    const float *ks = k + key * s->k_row, *vs = v + key * s->v_row;
    float *dks = dk + key * s->k_row, *dvs = dv + key * s->v_row;
    transpose(ks, s->k_row, here, s->width, turned_k);
    transpose(vs, s->v_row, here, s->value_width, turned_v);
    // From the last query on, which sees the most keys: the first product starts the sums, the others add to them.
    int64_t begun = 0;
    for (int64_t query = (s->queries - 1) / ROWS * ROWS; query >= 0 && s->queries > 0; query -= ROWS) {
      const int64_t rows = smaller(ROWS, s->queries - query), count = seen(s, query + rows - 1, key, here);
      if (count == 0) {
        if (key == 0) clear_rows(dq + query * s->q_row, s->q_row, rows, s->width);
        continue;
      }
      const float *qs = q + query * s->q_row, *dos = d_o + query * s->o_row;
      multiply(on, rows, count, s->width, qs, s->q_row, 1, turned_k, KEYS, scores, KEYS, false);
      multiply(on, rows, count, s->value_width, dos, s->o_row, 1, turned_v, KEYS, products, KEYS, false);
      score_gradients(s, scores, products, mask, log_sums, work, query, rows, key, count);
      if (begun == 0) {
        begun = count;
        clear_rows(dks + count * s->k_row, s->k_row, here - count, s->width);
        clear_rows(dvs + count * s->v_row, s->v_row, here - count, s->value_width);
        multiply(on, count, s->value_width, rows, scores, 1, KEYS, dos, s->o_row, dvs, s->v_row, false);
        multiply(on, count, s->width, rows, products, 1, KEYS, qs, s->q_row, dks, s->k_row, false);
      } else {
        multiply(on, count, s->value_width, rows, scores, 1, KEYS, dos, s->o_row, dvs, s->v_row, true);
        multiply(on, count, s->width, rows, products, 1, KEYS, qs, s->q_row, dks, s->k_row, true);
      }
      multiply(on, rows, s->width, count, products, KEYS, 1, ks, s->k_row, dq + query * s->q_row, s->q_row, key > 0);
    }
    if (begun == 0) {
      clear_rows(dks, s->k_row, here, s->width);
      clear_rows(dvs, s->v_row, here, s->value_width);
    }
  }
}
