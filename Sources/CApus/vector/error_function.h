// erf: near 0 an odd polynomial, beyond it 1 - 2^q(|x|), where q approximates log2(erfc). From 4 on, erf is 1.

INLINE vf erf_f32(vf x) {
  vf a = absolute(x), z = a * a;
  vf small = fma_f32(x, POLYNOMIAL(z, erf_small_c), x);
  // The power is at most 0.19, so that its own error hardly shows.
  vf q = POLYNOMIAL(at_most(a, 4.0f), erfc_large_c);
  vf shifted = q + ROUNDING_SHIFT;
  vf fraction = q - (shifted - ROUNDING_SHIFT);
  vf erfc = (vf)((vi)POLYNOMIAL(fraction, exp2_c) + ((vi)shifted << 23));
  return select(a >= 0.9375f, with_sign(1.0f - erfc, x), small);  // NaN takes the small one
}
