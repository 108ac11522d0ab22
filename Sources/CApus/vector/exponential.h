// exp and its family. x = k ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^k e^r.

typedef struct {
  vf r;  // the reduced argument
  vi k;  // the exponent; for NaN anything
} exp_parts;

INLINE exp_parts reduce_exp(vf x) {
  vf shifted = fma_f32(x, all_f32(0x1.715476p0f), all_f32(ROUNDING_SHIFT));
  vf k = shifted - ROUNDING_SHIFT;
  vf r = fma_f32(k, all_f32(-ln2_parts[0]), x);
  r = fma_f32(k, all_f32(-ln2_parts[1]), r);
  return (exp_parts){r, (vi)shifted - (vi)all_f32(ROUNDING_SHIFT)};
}

/// e^r - 1 on the reduced range.
INLINE vf expm1_reduced(vf r) { return fma_f32(r * r, POLYNOMIAL(r, exp_c), r); }

/// 2^k for a normal result.
INLINE vf power_of_2(vi k) { return (vf)((k + 127) << 23); }

/// x 2^k, rounded once, for any k that exp meets: the scale may not be representable although the result is.
INLINE vf scale(vf x, vi k) {
#if APUS_HAS_SCALEF
  return (vf)_mm512_scalef_ps((__m512)x, (__m512)__builtin_convertvector(k, vf));
#else
  vi half = k >> 1;
  return x * power_of_2(half) * power_of_2(k - half);
#endif
}

/// e^x 2^shift
INLINE vf exp_shifted(vf x, int shift) {
  x = at_least(at_most(x, 90.0f), -105.0f);
  exp_parts p = reduce_exp(x);
  return scale(1.0f + expm1_reduced(p.r), p.k + shift);
}

INLINE vf exp_f32(vf x) { return exp_shifted(x, 0); }

// e^x - 1 = 2^k (e^r - 1) + (2^k - 1), where the last bracket is exact as long as it matters. 2^128 is no float, hence the
// detour over 2^(k-1); that would cost tiny x its last bit.
INLINE vf expm1_f32(vf x) {
  exp_parts p = reduce_exp(at_least(at_most(x, 89.0f), -20.0f));
  vf half = power_of_2(p.k - 1);
  vf y = 2.0f * fma_f32(half, expm1_reduced(p.r), half - 0.5f);
  return select(absolute(x) < 0x1p-25f, x, y);
}

// tanh x = t / (t + 2) with t = e^(2|x|) - 1: no cancellation anywhere, and one formula for all x.
INLINE vf tanh_f32(vf x) {
  exp_parts p = reduce_exp(2.0f * at_most(absolute(x), 10.0f));
  vf s = power_of_2(p.k);
  vf t = fma_f32(s, expm1_reduced(p.r), s - 1.0f);
  return with_sign(t / (t + 2.0f), x);
}

// With e = e^-|x| nothing overflows: 1/(1 + e) for x >= 0 and e/(1 + e) below, which keeps the tiny values too.
INLINE vf sigmoid_f32(vf x) {
  vf e = exp_f32(-absolute(x));
  return select(x >= 0.0f, all_f32(1.0f), e) / (1.0f + e);
}

// With h = e^|x| / 2 both are h -+ 1/(4h); near 0 sinh needs its own polynomial.
INLINE vf sinh_f32(vf x) {
  vf a = absolute(x), z = a * a;
  vf h = exp_shifted(a, -1);
  vf large = h - 0.25f / h;
  vf small = fma_f32(a * z, POLYNOMIAL(z, sinh_c), a);
  return with_sign(select(a < 1.0f, small, large), x);
}

INLINE vf cosh_f32(vf x) {
  vf h = exp_shifted(absolute(x), -1);
  return h + 0.25f / h;
}
