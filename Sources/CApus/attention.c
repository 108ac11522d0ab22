// Attention in blocks, with the softmax carried along from block to block (Milakov and Gimelshein, 2018; Dao et al., 2022): the running
// maximum m and sum l of a query's scores change as keys pass by, and what was summed under an older maximum is scaled by e^(m_old - m).
// Backward, the probabilities are e^(score - log-sum), and dS = P (dO Vᵀ - Σ dO O).
//
// The products are those of matmul_own.c. A block of K (and V, backward) is transposed once for all queries that meet it, so that every
// product reads rows that lie contiguous.
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

/// Turns a block's products q kᵀ, `count` of them for each of `rows` queries, into e^(score - maximum), and carries on the rows' maxima
/// and sums. `old` gets what the rows' earlier sums were multiplied by.
APUS_CLONES static void exponentials(const apus_attention *s, float *scores, const float *mask, int64_t query, int64_t rows, int64_t key,
                                     int64_t count, float *maxima, float *sums, float *old) {
  for (int64_t r = 0; r < rows; r++) {
    float *row = scores + r * KEYS;
    const float *row_mask = mask ? mask + (query + r) * s->mask_row + key : NULL;
    const int64_t visible = seen(s, query + r, key, count);
    f32x16 v, largest = maxima[r], sum = 0;
    for (int64_t i = 0; i < visible; i += 16) {
      masked_scores(&v, row, row_mask, s->scale, i, visible);
      memcpy(row + i, &v, 64);
      largest = v > largest ? v : largest;
    }
    const float maximum = largest_lane(&largest), shift = maximum > -INFINITY ? maximum : 0;
    for (int64_t i = 0; i < visible; i += 16) {
      memcpy(&v, row + i, 64);
      v -= shift;
      exp_f32x16(&v);
      memcpy(row + i, &v, 64);
      sum += v;
    }
    v = 0;
    for (int64_t i = (visible + 15) & ~(int64_t)15; i < count; i += 16) memcpy(row + i, &v, 64);
    v = maxima[r] - shift;
    exp_f32x16(&v);
    old[r] = v[0];
    sums[r] = sums[r] * old[r] + sum_of_lanes(&sum);
    maxima[r] = maximum;
  }
}

/// Multiplies the rows of `o` by `factors`.
APUS_CLONES static void scale_rows(float *o, int64_t o_row, const float *factors, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++) {
    float *row = o + r * o_row;
    FOR_ROW_F32(row, row, width, v = v * factors[r]);
  }
}

void apus_attention_forward(const apus_attention *s, const float *q, const float *k, const float *v, const float *mask, float *o,
                            float *log_sums, int64_t begin, int64_t end) {
  _Alignas(64) float scores[ROWS * KEYS], turned[WIDEST * KEYS];
  const void *on = apus_matmul_own_kernels();
  int64_t in_turned = -1;
  for (int64_t query = begin; query < end; query += ROWS) {
    const int64_t rows = smaller(ROWS, end - query);
    const float *qs = q + query * s->q_row;
    float *os = o + query * s->o_row, maxima[ROWS], sums[ROWS], old[ROWS];
    for (int64_t r = 0; r < rows; r++) maxima[r] = -INFINITY, sums[r] = 0;
    const int64_t last = s->is_causal ? smaller(s->keys, query + rows + s->offset) : s->keys;
    for (int64_t key = 0; key < last; key += KEYS) {
      const int64_t count = smaller(KEYS, last - key);
      // Of few keys, the one block serves all queries.
      if (in_turned != key) transpose(k + key * s->k_row, s->k_row, smaller(KEYS, s->keys - key), s->width, turned);
      in_turned = key;
      apus_matmul_f32_block(on, rows, count, s->width, qs, s->q_row, 1, turned, KEYS, scores, KEYS, false);
      exponentials(s, scores, mask, query, rows, key, count, maxima, sums, old);
      if (key > 0) scale_rows(os, s->o_row, old, rows, s->value_width);
      apus_matmul_f32_block(on, rows, s->value_width, count, scores, KEYS, 1, v + key * s->v_row, s->v_row, os, s->o_row, key > 0);
    }
    for (int64_t r = 0; r < rows; r++) {
      old[r] = sums[r] == 0 ? 0 : 1 / sums[r];
      log_sums[query + r] = sums[r] == 0 ? INFINITY : maxima[r] + logf(sums[r]);
      if (last <= 0) memset(os + r * s->o_row, 0, (size_t)s->value_width * sizeof(float));
    }
    scale_rows(os, s->o_row, old, rows, s->value_width);
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

/// Products q kᵀ to probabilities P, and products dO Vᵀ to scale P (dO Vᵀ - work), the gradient of q kᵀ; both in place.
APUS_CLONES static void score_gradients(const apus_attention *s, float *scores, float *products, const float *mask, const float *log_sums,
                                        const float *work, int64_t query, int64_t rows, int64_t key, int64_t count) {
  for (int64_t r = 0; r < rows; r++) {
    float *p = scores + r * KEYS, *d = products + r * KEYS;
    const float *row_mask = mask ? mask + (query + r) * s->mask_row + key : NULL;
    const float log_sum = log_sums[query + r], along = work[query + r];
    const int64_t visible = seen(s, query + r, key, count);
    f32x16 v, w;
    for (int64_t i = 0; i < visible; i += 16) {
      masked_scores(&v, p, row_mask, s->scale, i, visible);
      v -= log_sum;
      exp_f32x16(&v);
      memcpy(p + i, &v, 64);
      memcpy(&w, d + i, 64);
      w = (v * s->scale) * (w - along);
      // What lies behind the last key may be anything.
      w = v == 0.0f ? (f32x16)0.0f : w;
      memcpy(d + i, &w, 64);
    }
    v = 0;
    for (int64_t i = (visible + 15) & ~(int64_t)15; i < count; i += 16) {
      memcpy(p + i, &v, 64);
      memcpy(d + i, &v, 64);
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
      apus_matmul_f32_block(on, rows, count, s->width, qs, s->q_row, 1, turned_k, KEYS, scores, KEYS, false);
      apus_matmul_f32_block(on, rows, count, s->value_width, dos, s->o_row, 1, turned_v, KEYS, products, KEYS, false);
      score_gradients(s, scores, products, mask, log_sums, work, query, rows, key, count);
      if (begun == 0) {
        begun = count;
        clear_rows(dks + count * s->k_row, s->k_row, here - count, s->width);
        clear_rows(dvs + count * s->v_row, s->v_row, here - count, s->value_width);
        apus_matmul_f32_block(on, count, s->value_width, rows, scores, 1, KEYS, dos, s->o_row, dvs, s->v_row, false);
        apus_matmul_f32_block(on, count, s->width, rows, products, 1, KEYS, qs, s->q_row, dks, s->k_row, false);
      } else {
        apus_matmul_f32_block(on, count, s->value_width, rows, scores, 1, KEYS, dos, s->o_row, dvs, s->v_row, true);
        apus_matmul_f32_block(on, count, s->width, rows, products, 1, KEYS, qs, s->q_row, dks, s->k_row, true);
      }
      apus_matmul_f32_block(on, rows, s->width, count, products, KEYS, 1, ks, s->k_row, dq + query * s->q_row, s->q_row, key > 0);
    }
    if (begun == 0) {
      clear_rows(dks, s->k_row, here, s->width);
      clear_rows(dvs, s->v_row, here, s->value_width);
    }
  }
}
