// The vectors of the own kernels for one element type, width and instruction set (see matmul_kernels.h, which includes this): loads
// and stores, whole and in part, a transposed load, and sums over lanes.

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
typedef ELEMENT NAME(four) __attribute__((ext_vector_type(4)));
typedef ELEMENT NAME(four_unaligned) __attribute__((ext_vector_type(4), aligned(4)));
INLINE NAME(four) NAME(load_four)(const ELEMENT *p, int64_t count) {
  if (count == 4) return *(const NAME(four_unaligned) *)p;
  NAME(four) v = {p[0], count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, 0};
  return v;
}
// The columns j, j + 4, ... as the 128-bit quarters of a vector.
INLINE VECTOR NAME(every_fourth)(const ELEMENT *p, int64_t column, int64_t count) {
#if LANES == 4
  (void)column;
  return NAME(load_four)(p, count);
#else
  typedef ELEMENT eight __attribute__((ext_vector_type(8)));
  eight low = __builtin_shufflevector(NAME(load_four)(p, count), NAME(load_four)(p + 4 * column, count), 0, 1, 2, 3, 4, 5, 6, 7);
#if LANES == 8
  return low;
#else
  eight high = __builtin_shufflevector(NAME(load_four)(p + 8 * column, count), NAME(load_four)(p + 12 * column, count), 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#endif
}
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
// `steps` (at most 4) elements of LANES columns, transposed: one vector for each step.
INLINE void NAME(gather)(const ELEMENT *b, int64_t column, int64_t steps, VECTOR *r0, VECTOR *r1, VECTOR *r2, VECTOR *r3) {
  VECTOR z0 = NAME(every_fourth)(b, column, steps), z1 = NAME(every_fourth)(b + column, column, steps);
  VECTOR z2 = NAME(every_fourth)(b + 2 * column, column, steps), z3 = NAME(every_fourth)(b + 3 * column, column, steps);
  VECTOR low01 = NAME(interleave_low)(z0, z1), high01 = NAME(interleave_high)(z0, z1);
  VECTOR low23 = NAME(interleave_low)(z2, z3), high23 = NAME(interleave_high)(z2, z3);
  *r0 = NAME(join_low)(low01, low23);
  *r1 = NAME(join_high)(low01, low23);
  *r2 = NAME(join_low)(high01, high23);
  *r3 = NAME(join_high)(high01, high23);
}
#endif

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
