// Vectors of the width that the including file chose (APUS_VECTOR_BYTES), and the few operations that C does not spell for them.
// Included once per instruction set, inside its target attribute: everything is inlined into the kernels there.
//
// APUS_HAS_FMA    1 where a fused multiply-add is one instruction
// APUS_HAS_ROUND  1 where rounding to an integral value is one instruction
// APUS_HAS_SCALEF 1 with AVX-512's scaling by a power of two

typedef float vf __attribute__((vector_size(APUS_VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(APUS_VECTOR_BYTES)));
typedef uint32_t vu __attribute__((vector_size(APUS_VECTOR_BYTES)));
typedef double vd __attribute__((vector_size(APUS_VECTOR_BYTES)));
typedef int64_t vl __attribute__((vector_size(APUS_VECTOR_BYTES)));
typedef uint64_t vul __attribute__((vector_size(APUS_VECTOR_BYTES)));
// One double (or 64-bit integer) per float lane: the compiler splits it over two registers.
typedef double vwide __attribute__((vector_size(2 * APUS_VECTOR_BYTES)));
typedef int64_t vwide_i __attribute__((vector_size(2 * APUS_VECTOR_BYTES)));

enum { lanes_f32 = APUS_VECTOR_BYTES / 4 };

#define INLINE static inline __attribute__((always_inline, unused))

// Tensors start on 64 bytes, but a range may begin at any element.
typedef struct __attribute__((packed, may_alias)) { vf v; } vf_memory;
typedef struct __attribute__((packed, may_alias)) { vi v; } vi_memory;
typedef struct __attribute__((packed, may_alias)) { vd v; } vd_memory;
typedef struct __attribute__((packed, may_alias)) { vl v; } vl_memory;
#define LOAD(V, address) (((const V##_memory *)(const void *)(address))->v)
#define STORE(V, address, value) (((V##_memory *)(void *)(address))->v = (value))

// A comparison gives lanes of all ones or none; the compiler turns this into a masked move or a blend.
#define DEFINE_MASK_OPERATIONS(V, M, S, suffix)                                                                              \
  INLINE V select_##suffix(M mask, V yes, V no) { return (V)((mask & (M)yes) | (~mask & (M)no)); }                           \
  INLINE V one_where_##suffix(M mask) { return (V)(mask & (M)((V){0} + (S)1)); }
DEFINE_MASK_OPERATIONS(vf, vi, float, f32)
DEFINE_MASK_OPERATIONS(vd, vl, double, f64)
DEFINE_MASK_OPERATIONS(vi, vi, int32_t, i32)
DEFINE_MASK_OPERATIONS(vl, vl, int64_t, i64)
#define select select_f32

INLINE bool any(vi mask) { return __builtin_reduce_or(mask) != 0; }

INLINE vf all_f32(float x) { return (vf){0} + x; }
INLINE vf absolute(vf x) { return __builtin_elementwise_abs(x); }
/// The magnitude of the first with the sign of the second.
INLINE vf with_sign(vf magnitude, vf sign) { return __builtin_elementwise_copysign(magnitude, sign); }

// Clamps that let NaN pass.
INLINE vf at_most(vf x, float bound) { return select(x > bound, all_f32(bound), x); }
INLINE vf at_least(vf x, float bound) { return select(x < bound, all_f32(bound), x); }

/// a * b + c
#if APUS_HAS_FMA
#define fma_f32(a, b, c) __builtin_elementwise_fma((vf)(a), (vf)(b), (vf)(c))
#define fma_f64(a, b, c) __builtin_elementwise_fma((vd)(a), (vd)(b), (vd)(c))
INLINE vwide fma_wide(vwide a, vwide b, vwide c) { return __builtin_elementwise_fma(a, b, c); }
#else
INLINE vf fma_f32(vf a, vf b, vf c) { return a * b + c; }
INLINE vd fma_f64(vd a, vd b, vd c) { return a * b + c; }
INLINE vwide fma_wide(vwide a, vwide b, vwide c) { return a * b + c; }
#endif

/// The polynomial with `count` coefficients, lowest order first. Short ones by Horner's rule; longer ones as even and odd part,
/// which halves the chain of dependent operations: a chain longer than out-of-order execution can hide costs more than one
/// multiplication. `count` is a constant, so that the loops unroll.
INLINE vf horner(vf x, const float *coefficients, int count, int step) {
  vf y = all_f32(coefficients[(count - 1) * step]);
#pragma clang loop unroll(full)
  for (int i = count - 2; i >= 0; i--) y = fma_f32(y, x, all_f32(coefficients[i * step]));
  return y;
}
INLINE vf polynomial(vf x, const float *coefficients, int count) {
  if (count < 5) return horner(x, coefficients, count, 1);
  vf z = x * x;
  return fma_f32(x, horner(z, coefficients + 1, count / 2, 2), horner(z, coefficients, (count + 1) / 2, 2));
}
INLINE vwide polynomial_wide(vwide x, const double *coefficients, int count) {
  vwide y = (vwide){0} + coefficients[count - 1];
#pragma clang loop unroll(full)
  for (int i = count - 2; i >= 0; i--) y = fma_wide(y, x, (vwide){0} + coefficients[i]);
  return y;
}
#define POLYNOMIAL(x, c) polynomial(x, c, sizeof(c) / sizeof((c)[0]))
#define POLYNOMIAL_WIDE(x, c) polynomial_wide(x, c, sizeof(c) / sizeof((c)[0]))

/// Runs a scalar function over every lane, for the rare vectors that the vector code does not cover.
INLINE vf each_lane(vf x, float (*f)(float)) {
  float lanes[lanes_f32];
  STORE(vf, lanes, x);
  for (int i = 0; i < lanes_f32; i++) lanes[i] = f(lanes[i]);
  return LOAD(vf, lanes);
}
INLINE vf each_lane_2(vf x, vf y, float (*f)(float, float)) {
  float a[lanes_f32], b[lanes_f32];
  STORE(vf, a, x);
  STORE(vf, b, y);
  for (int i = 0; i < lanes_f32; i++) a[i] = f(a[i], b[i]);
  return LOAD(vf, a);
}

// Adding 1.5 * 2^23 to |x| < 2^22 rounds x to an integer, which then stands in the low bits.
#define ROUNDING_SHIFT 0x1.8p23f
