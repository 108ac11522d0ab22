// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011), one block and 16 blocks at once.
#ifndef APUS_PHILOX_H
#define APUS_PHILOX_H

#include "isa.h"

enum : uint32_t { PHILOX_M0 = 0xD2511F53, PHILOX_M1 = 0xCD9E8D57, PHILOX_W0 = 0x9E3779B9, PHILOX_W1 = 0xBB67AE85 };

APUS_INLINE void philox_block(uint64_t key, uint64_t low, uint64_t high, uint32_t words[4]) {
  uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32), c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += PHILOX_W0;
    k1 += PHILOX_W1;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/// Word w of the blocks low, low + 1 ... low + 7: the lower half of lane b of word[w] (the upper half is rubbish). In 64-bit lanes
/// the widening multiplication is one instruction, and its two halves need no shuffling.
APUS_INLINE void philox_8_blocks(uint64_t key, uint64_t low, uint64_t high, u64x8 word[4]) {
  u64x8 counter = low + (u64x8){0, 1, 2, 3, 4, 5, 6, 7};
  u64x8 c0 = counter, c1 = counter >> 32, c2 = high, c3 = high >> 32;
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    u64x8 p0 = (c0 & 0xFFFFFFFF) * PHILOX_M0, p1 = (c2 & 0xFFFFFFFF) * PHILOX_M1;
    c0 = (p1 >> 32) ^ c1 ^ k0;
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ k1;
    c3 = p0;
    k0 += PHILOX_W0;
    k1 += PHILOX_W1;
  }
  word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

/// The 32 words of eight blocks in order, as 16 pairs (the first word of a pair is the lower half).
APUS_INLINE void philox_32_words(uint64_t key, uint64_t low, uint64_t high, u64x8 pairs[2]) {
  u64x8 word[4];
  philox_8_blocks(key, low, high, word);
  u64x8 p = (word[0] & 0xFFFFFFFF) | (word[1] << 32), q = (word[2] & 0xFFFFFFFF) | (word[3] << 32);
  pairs[0] = __builtin_shufflevector(p, q, 0, 8, 1, 9, 2, 10, 3, 11);
  pairs[1] = __builtin_shufflevector(p, q, 4, 12, 5, 13, 6, 14, 7, 15);
}

#endif
