// erf: near 0 an odd polynomial, beyond it 1 - exp(q(|x|)), where q approximates log(erfc). From 4 on, erf is 1.

INLINE vf erf_f32(vf x) {
  vf a = absolute(x), z = a * a;
  vf small = fma_f32(x, POLYNOMIAL(z, erf_small_c), x);
  vf large = 1.0f - exp_moderate(POLYNOMIAL(at_most(a, 4.0f), erfc_large_c));
  return select(a < 0.9375f, small, with_sign(large, x));
}
