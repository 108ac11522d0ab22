// The vectors of the own kernels for one element type, width and instruction set (see matmul_kernels.h, which includes this): loads
// and stores, whole and in part, rows turned to columns, and sums over lanes.

typedef ELEMENT NAME(vector) __attribute__((ext_vector_type(LANES)));
typedef ELEMENT NAME(unaligned) __attribute__((ext_vector_type(LANES), aligned(BITS / 8)));
#if BITS == 32
typedef int32_t NAME(bits) __attribute__((ext_vector_type(LANES)));
#else
typedef int64_t NAME(bits) __attribute__((ext_vector_type(LANES)));
#endif
#define VECTOR NAME(vector)

INLINE VECTOR NAME(load)(const ELEMENT *p) { return *(const NAME(unaligned) *)p; }
INLINE void NAME(store)(ELEMENT *p, VECTOR v) { *(NAME(unaligned) *)p = v; }

// The first `count` lanes; the others read as 0 and are not written. Memory beyond is never touched.
INLINE VECTOR NAME(load_some)(const ELEMENT *p, int64_t count) {
#if ISA == 512 && BITS * LANES == 512 && BITS == 32
  return (VECTOR)_mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), p);
#elif ISA == 512 && BITS * LANES == 512
  return (VECTOR)_mm512_maskz_loadu_epi64((__mmask8)((1u << count) - 1), p);
#elif ISA == 512 && LANES == 8
  return (VECTOR)_mm256_maskz_loadu_epi32((__mmask8)((1u << count) - 1), p);
#elif ISA == 512 && LANES == 4
  return (VECTOR)_mm_maskz_loadu_epi32((__mmask8)((1u << count) - 1), p);
#elif ISA == 2 && LANES == 8
  return (VECTOR)_mm256_maskload_epi32((const int *)p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
#elif ISA == 2 && LANES == 4 && BITS == 64
  return (VECTOR)_mm256_maskload_epi64((const long long *)p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3)));
#elif ISA == 2 && LANES == 4
  return (VECTOR)_mm_maskload_epi32((const int *)p, _mm_cmpgt_epi32(_mm_set1_epi32((int)count), _mm_setr_epi32(0, 1, 2, 3)));
#else
  VECTOR v = 0;
  for (int l = 0; l < LANES; l++)
    if (l < count) v[l] = p[l];
  return v;
#endif
}

INLINE void NAME(store_some)(ELEMENT *p, VECTOR v, int64_t count) {
#if ISA == 512 && BITS * LANES == 512 && BITS == 32
  _mm512_mask_storeu_epi32(p, (__mmask16)((1u << count) - 1), (__m512i)v);
#elif ISA == 512 && BITS * LANES == 512
  _mm512_mask_storeu_epi64(p, (__mmask8)((1u << count) - 1), (__m512i)v);
#elif ISA == 512 && LANES == 8
  _mm256_mask_storeu_epi32(p, (__mmask8)((1u << count) - 1), (__m256i)v);
#elif ISA == 512 && LANES == 4
  _mm_mask_storeu_epi32(p, (__mmask8)((1u << count) - 1), (__m128i)v);
#elif ISA == 2 && LANES == 8
  _mm256_maskstore_epi32((int *)p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), (__m256i)v);
#elif ISA == 2 && LANES == 4 && BITS == 64
  _mm256_maskstore_epi64((long long *)p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3)), (__m256i)v);
#elif ISA == 2 && LANES == 4
  _mm_maskstore_epi32((int *)p, _mm_cmpgt_epi32(_mm_set1_epi32((int)count), _mm_setr_epi32(0, 1, 2, 3)), (__m128i)v);
#else
  for (int l = 0; l < LANES; l++)
    if (l < count) p[l] = v[l];
#endif
}

// Written in one expression, so that it becomes a fused multiply-add where there is one (-ffp-contract=on is clang's default).
INLINE VECTOR NAME(multiply_add)(VECTOR a, VECTOR b, VECTOR sum) { return sum + a * b; }

#if BITS == 32
// Within each 128 bits: x0 y0 x1 y1, x2 y2 x3 y3; x0 x1 y0 y1, x2 x3 y2 y3.
#if LANES == 16
#define SHUFFLE(x, y, a, b, c, d) \
  __builtin_shufflevector(x, y, a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12, d + 12)
#elif LANES == 8
#define SHUFFLE(x, y, a, b, c, d) __builtin_shufflevector(x, y, a, b, c, d, a + 4, b + 4, c + 4, d + 4)
#else
#define SHUFFLE(x, y, a, b, c, d) __builtin_shufflevector(x, y, a, b, c, d)
#endif
INLINE VECTOR NAME(interleave_low)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 0, LANES, 1, LANES + 1); }
INLINE VECTOR NAME(interleave_high)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 2, LANES + 2, 3, LANES + 3); }
INLINE VECTOR NAME(join_low)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 0, 1, LANES, LANES + 1); }
INLINE VECTOR NAME(join_high)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 2, 3, LANES + 2, LANES + 3); }
#undef SHUFFLE
#else
// Within each 128 bits: x0 y0, x1 y1.
#if LANES == 8
#define SHUFFLE(x, y, a, b) __builtin_shufflevector(x, y, a, b, a + 2, b + 2, a + 4, b + 4, a + 6, b + 6)
#elif LANES == 4
#define SHUFFLE(x, y, a, b) __builtin_shufflevector(x, y, a, b, a + 2, b + 2)
#else
#define SHUFFLE(x, y, a, b) __builtin_shufflevector(x, y, a, b)
#endif
INLINE VECTOR NAME(interleave_low)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 0, LANES); }
INLINE VECTOR NAME(interleave_high)(VECTOR x, VECTOR y) { return SHUFFLE(x, y, 1, LANES + 1); }
#undef SHUFFLE
#endif

// Rows that lie contiguous, up to LANES of them, as columns: each vector of `to`, `apart` elements from the one before, gets one element
// of every row. What is beyond the rows is anything. Within 128 bits, PER_QUARTER rows are interleaved.
#define PER_QUARTER (128 / BITS)
typedef ELEMENT NAME(quarter) __attribute__((ext_vector_type(PER_QUARTER)));
typedef ELEMENT NAME(quarter_unaligned) __attribute__((ext_vector_type(PER_QUARTER), aligned(BITS / 8)));
INLINE NAME(quarter) NAME(load_quarter)(const ELEMENT *p) { return *(const NAME(quarter_unaligned) *)p; }
// Every PER_QUARTER-th row from `row` on, a quarter of a vector from each.
INLINE VECTOR NAME(load_quarters)(const ELEMENT *const *rows, int row, int64_t p) {
#if LANES * BITS == 128
  return NAME(load_quarter)(rows[row] + p);
#else
#if BITS == 32
#define JOINED_PAIR 0, 1, 2, 3, 4, 5, 6, 7
#define JOINED_HALVES 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#else
#define JOINED_PAIR 0, 1, 2, 3
#define JOINED_HALVES 0, 1, 2, 3, 4, 5, 6, 7
#endif
#define HALF(i) \
  __builtin_shufflevector(NAME(load_quarter)(rows[row + (i)*PER_QUARTER] + p), NAME(load_quarter)(rows[row + ((i) + 1) * PER_QUARTER] + p), JOINED_PAIR)
#if LANES * BITS == 256
  return HALF(0);
#else
  const __auto_type low = HALF(0);
  const __auto_type high = HALF(2);
  return __builtin_shufflevector(low, high, JOINED_HALVES);
#endif
#undef HALF
#undef JOINED_PAIR
#undef JOINED_HALVES
#endif
}
INLINE void NAME(turn)(const ELEMENT *from, int64_t row, int64_t count, int64_t k, ELEMENT *to, const int64_t apart) {
  const ELEMENT *rows[LANES];
  for (int r = 0; r < LANES; r++) rows[r] = from + (r < count ? r : count - 1) * row;
  int64_t p = 0;
  for (; p + PER_QUARTER <= k; p += PER_QUARTER, to += PER_QUARTER * apart) {
    const VECTOR z0 = NAME(load_quarters)(rows, 0, p), z1 = NAME(load_quarters)(rows, 1, p);
#if BITS == 32
    const VECTOR z2 = NAME(load_quarters)(rows, 2, p), z3 = NAME(load_quarters)(rows, 3, p);
    const VECTOR low01 = NAME(interleave_low)(z0, z1), high01 = NAME(interleave_high)(z0, z1);
    const VECTOR low23 = NAME(interleave_low)(z2, z3), high23 = NAME(interleave_high)(z2, z3);
    NAME(store)(to, NAME(join_low)(low01, low23));
    NAME(store)(to + apart, NAME(join_high)(low01, low23));
    NAME(store)(to + 2 * apart, NAME(join_low)(high01, high23));
    NAME(store)(to + 3 * apart, NAME(join_high)(high01, high23));
#else
    NAME(store)(to, NAME(interleave_low)(z0, z1));
    NAME(store)(to + apart, NAME(interleave_high)(z0, z1));
#endif
  }
  for (; p < k; p++, to += apart)
    for (int r = 0; r < LANES; r++) to[r] = rows[r][p];
}
#undef PER_QUARTER

// The sums over the lanes of four vectors at once.
typedef ELEMENT NAME(sums) __attribute__((ext_vector_type(4), aligned(BITS / 8)));
#if BITS == 32
INLINE void NAME(sum_lanes)(VECTOR v0, VECTOR v1, VECTOR v2, VECTOR v3, NAME(sums) *sums) {
  VECTOR v01 = NAME(interleave_low)(v0, v1) + NAME(interleave_high)(v0, v1);
  VECTOR v23 = NAME(interleave_low)(v2, v3) + NAME(interleave_high)(v2, v3);
  VECTOR v = NAME(join_low)(v01, v23) + NAME(join_high)(v01, v23);
#if LANES == 16
  typedef ELEMENT eight __attribute__((ext_vector_type(8)));
  eight half = v.lo + v.hi;
  *sums = half.lo + half.hi;
#elif LANES == 8
  *sums = v.lo + v.hi;
#else
  *sums = v;
#endif
}
#else
INLINE ELEMENT NAME(sum_one)(VECTOR v) {
#if LANES == 8
  typedef ELEMENT quad __attribute__((ext_vector_type(4)));
  quad q = v.lo + v.hi;
  return (q.x + q.z) + (q.y + q.w);
#elif LANES == 4
  return (v.x + v.z) + (v.y + v.w);
#else
  return v.x + v.y;
#endif
}
INLINE void NAME(sum_lanes)(VECTOR v0, VECTOR v1, VECTOR v2, VECTOR v3, NAME(sums) *sums) {
  *sums = (NAME(sums)){NAME(sum_one)(v0), NAME(sum_one)(v1), NAME(sum_one)(v2), NAME(sum_one)(v3)};
}
#endif
