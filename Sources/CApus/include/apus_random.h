// Philox 4x32-10 (Salmon et al., 2011): counter-based random numbers. Element i of a fill depends only on key, counter and i.
#ifndef APUS_RANDOM_H
#define APUS_RANDOM_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The four words of the block `counter` (128 bits, as two 64-bit halves) under `key`.
void apus_philox_block(uint64_t key, uint64_t counter_low, uint64_t counter_high, uint32_t *_Nonnull words);

/// Elements [begin, end) of a stream of raw 32-bit words: word i is word i%4 of block (stream, counter + i/4).
void apus_random_bits(uint64_t key, uint64_t stream, uint64_t counter, uint32_t *_Nonnull destination, int64_t begin, int64_t end);
/// Uniform in [low, high): float32 from the upper 24 bits of one word each, float64 from 53 bits of two words. The result is
/// never `high` (for low < high).
void apus_random_uniform(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double low, double high,
                         void *_Nonnull destination, int64_t begin, int64_t end);
/// Normal, by Box-Muller on two words per float32 element (four per float64).
void apus_random_normal(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double mean, double deviation,
                        void *_Nonnull destination, int64_t begin, int64_t end);
/// 1 with probability p, else 0 (f32, f64, i32, u8, bool), one word each: exactly 0 for p <= 0 and 1 for p >= 1.
void apus_random_bernoulli(apus_dtype dtype, uint64_t key, uint64_t stream, uint64_t counter, double p,
                           void *_Nonnull destination, int64_t begin, int64_t end);

/// Blocks of four words that `count` elements consume, for advancing the counter.
static inline uint64_t apus_random_blocks_uniform(apus_dtype dtype, int64_t count) {
  return dtype == APUS_F64 ? ((uint64_t)count + 1) / 2 : ((uint64_t)count + 3) / 4;
}
static inline uint64_t apus_random_blocks_normal(apus_dtype dtype, int64_t count) {
  return dtype == APUS_F64 ? (uint64_t)count : ((uint64_t)count + 1) / 2;
}

#ifdef __cplusplus
}
#endif
#endif
