// Scaled dot-product attention of one head, float32. The scores are never held as a whole: blocks of keys pass by blocks of queries.
// No state, no allocation.
#ifndef APUS_ATTENTION_H
#define APUS_ATTENTION_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The largest width of queries, keys and values: their blocks lie on the stack.
#define APUS_ATTENTION_WIDEST 128

/// o = softmax(scale q kᵀ + mask) v for one head.
typedef struct {
  int64_t queries, keys;
  /// Of q and k, and of v and o; at most APUS_ATTENTION_WIDEST.
  int64_t width, value_width;
  /// From one position to the next, in elements.
  int64_t q_row, k_row, v_row, o_row;
  /// From one query's row of the mask to the next; 0 where all share one.
  int64_t mask_row;
  float scale;
  /// Whether query i sees only the keys up to i + offset.
  bool is_causal;
  int64_t offset;
} apus_attention;

/// The rows [begin, end) of `o`, and `log_sums`[i] = ln Σ e^score of query i. `mask` (dense rows of `keys` elements, or null) is added to
/// the scores; -infinity hides a key. Of a query that sees nothing, o is 0 and the log-sum infinity.
void apus_attention_forward(const apus_attention *_Nonnull shape, const float *_Nonnull q, const float *_Nonnull k, const float *_Nonnull v,
                            const float *_Nullable mask, float *_Nonnull o, float *_Nonnull log_sums, int64_t begin, int64_t end);

/// The gradients of q, k and v, which lie as q, k and v do, from `d_o`, which lies as o does. The probabilities are computed again from
/// `log_sums`. `work` is memory for as many elements as there are queries.
void apus_attention_backward(const apus_attention *_Nonnull shape, const float *_Nonnull q, const float *_Nonnull k, const float *_Nonnull v,
                             const float *_Nullable mask, const float *_Nonnull o, const float *_Nonnull log_sums,
                             const float *_Nonnull d_o, float *_Nonnull dq, float *_Nonnull dk, float *_Nonnull dv, float *_Nonnull work);

#ifdef __cplusplus
}
#endif
#endif
