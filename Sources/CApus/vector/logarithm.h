// log and its family. x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).

typedef struct {
  vf f;
  vi e;
} log_parts;

/// For a positive normal number.
INLINE log_parts reduce_log(vf x) {
  vi bits = (vi)x;
  vi e = (bits - 0x3f3504f3) >> 23;
  return (log_parts){(vf)(bits - (e << 23)) - 1.0f, e};
}

/// e ln 2 + log(1 + f): smallest terms first, so that only the last additions round.
INLINE vf log_of_parts(vf f, vi e) {
  vf exponent = __builtin_convertvector(e, vf);
  vf z = f * f;
  vf y = z * f * POLYNOMIAL(f, log_c);
  y = fma_f32(exponent, all_f32(ln2_parts[1]), y);
  y = fma_f32(z, all_f32(-0.5f), y);
  return fma_f32(exponent, all_f32(ln2_parts[0]), f + y);
}

/// log at 0, infinity, NaN, subnormal and negative numbers.
INLINE vf log_special(vf x) {
  vi subnormal = x < 0x1p-126f;
  log_parts p = reduce_log(select(subnormal, x * 0x1p23f, x));
  vf y = log_of_parts(p.f, p.e - (subnormal & 23));
  vf edge = select(x == 0.0f, all_f32(-__builtin_inff()), select(x > 0.0f, x, all_f32(__builtin_nanf(""))));
  return select((x > 0.0f) & (x < __builtin_inff()), y, edge);
}

INLINE vf log_f32(vf x) {
  // One comparison of the bits finds everything that is not positive and normal.
  vi special = (vi)((vu)x - 0x00800000u >= (vu)((vi){0} + 0x7f000000));
  if (__builtin_expect(any(special), 0)) return log_special(x);
  log_parts p = reduce_log(x);
  return log_of_parts(p.f, p.e);
}

// log(1 + x): what 1 + x rounds away is recovered exactly and added back to f.
INLINE vf log1p_f32(vf x) {
  vf u = 1.0f + x;
  vf high = u - 1.0f;
  vf lost = (1.0f - (u - high)) + (x - high);
  log_parts p = reduce_log(u);
  vi e = p.e;
  vi small_e = (e & ~(e > 64)) | (64 & (e > 64));  // beyond, nothing of `lost` matters, and 2^-e would leave the range
  vf y = log_of_parts(fma_f32(lost, power_of_2(-small_e), p.f), e);
  vi ordinary = (x > -1.0f) & (x < __builtin_inff());
  if (__builtin_expect(any(~ordinary), 0)) {
    vf edge = select(x == -1.0f, all_f32(-__builtin_inff()), select(x > 0.0f, x, all_f32(__builtin_nanf(""))));
    y = select(ordinary, y, edge);
  }
  return select(x == 0.0f, x, y);  // keeps -0
}

// log(1 + e^x) = max(x, 0) + log(1 + e) with e = e^-|x| <= 1, where log(1 + e) = 2 atanh(t/2) with t = e / (1 + e/2).
INLINE vf softplus_f32(vf x) {
  vf e = exp_f32(-absolute(x));
  vf t = e / fma_f32(e, all_f32(0.5f), all_f32(1.0f));
  vf z = t * t;
  vf y = fma_f32(t * z, POLYNOMIAL(z, softplus_c), t);
  return y + select(x < 0.0f, all_f32(0.0f), x);
}
