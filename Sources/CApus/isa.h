// One source, several instruction sets: a function marked APUS_CLONES is compiled for AVX-512, AVX2 and the baseline, and the
// loader picks one. Bodies use 512-bit clang vectors, which narrower targets (NEON too) split into their own registers.
//
// Helpers are always inlined into such a function, so that they get its target, and pass vectors by pointer: by value, clang
// refuses the call, because the helper's own (baseline) calling convention has no 512-bit registers.
#ifndef APUS_ISA_H
#define APUS_ISA_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && !defined(APUS_BASELINE_ONLY)  // the latter for testing
#define APUS_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define APUS_CLONES
#endif

#define APUS_INLINE static inline __attribute__((always_inline, unused))

// Elements of which only the size is known.
typedef uint8_t any_1 __attribute__((may_alias));
typedef uint16_t any_2 __attribute__((may_alias));
typedef uint32_t any_4 __attribute__((may_alias));
typedef uint64_t any_8 __attribute__((may_alias));

typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef double f64x16 __attribute__((ext_vector_type(16)));
typedef double f64x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));
typedef uint32_t u32x16 __attribute__((ext_vector_type(16)));
typedef int64_t i64x8 __attribute__((ext_vector_type(8)));
typedef uint64_t u64x8 __attribute__((ext_vector_type(8)));

/// The size w of the pieces below.
APUS_INLINE int32_t piece_size(int64_t count) { return count >= 8 ? 8 : count >= 4 ? 4 : count >= 2 ? 2 : 1; }

// A part of a vector: `count` in 1 ..< 16 floats as two pieces of w = 8, 4, 2 or 1 elements, the first and the last w, side by side
// in lanes 0 ..< 2w. Where the pieces overlap, the second one's lanes hold the padding, as do the lanes beyond. So the lanes are
// not in order, but it takes no trip through memory and no call; operations on all lanes alike do not care.

/// The two pieces alone: the second one's overlapping lanes are duplicates, the lanes beyond are anything.
APUS_INLINE void load_pieces_f32(f32x16 *vector, const float *source, int64_t count) {
  f32x16 v = 0;
  if (count >= 8) {
    f32x8 head, tail;
    memcpy(&head, source, 32);
    memcpy(&tail, source + count - 8, 32);
    v.lo = head;
    v.hi = tail;
  } else if (count >= 4) {
    f32x4 head, tail;
    memcpy(&head, source, 16);
    memcpy(&tail, source + count - 4, 16);
    v.lo = __builtin_shufflevector(head, tail, 0, 1, 2, 3, 4, 5, 6, 7);
  } else {
    v[0] = source[0];
    if (count >= 2) {
      v[1] = source[1];
      v[2] = source[count - 2];
      v[3] = source[count - 1];
    }
  }
  *vector = v;
}

APUS_INLINE void load_part_f32(f32x16 *vector, const float *source, int64_t count, float padding) {
  const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  int32_t w = piece_size(count);
  i32x16 second = (lane >= 3 * w - (int32_t)count) & (lane < 2 * w);
  load_pieces_f32(vector, source, count);
  *vector = ((lane < w) | second) ? *vector : (f32x16)padding;
}

/// Stores what load_part_f32 loaded: the second piece first, for its padding to be overwritten.
APUS_INLINE void store_part_f32(float *destination, const f32x16 *vector, int64_t count) {
  f32x16 v = *vector;
  if (count >= 8) {
    f32x8 head = v.lo, tail = v.hi;
    memcpy(destination + count - 8, &tail, 32);
    memcpy(destination, &head, 32);
  } else if (count >= 4) {
    f32x4 head = v.lo.lo, tail = v.lo.hi;
    memcpy(destination + count - 4, &tail, 16);
    memcpy(destination, &head, 16);
  } else {
    if (count >= 2) {
      destination[count - 2] = v[2];
      destination[count - 1] = v[3];
      destination[1] = v[1];
    }
    destination[0] = v[0];
  }
}

#endif
