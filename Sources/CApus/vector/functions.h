// The floating-point functions as kernels: f32 by our own vector code, f64 element by element through the C library.

UNARY_LONG(run_exp_f32, vf, exp_f32)
UNARY_LONG(run_expm1_f32, vf, expm1_f32)
UNARY_LONG(run_log_f32, vf, log_f32)
UNARY_LONG(run_log1p_f32, vf, log1p_f32)
UNARY_LONG(run_sin_f32, vf, sin_f32)
UNARY_LONG(run_cos_f32, vf, cos_f32)
UNARY_LONG(run_tan_f32, vf, tan_f32)
UNARY_LONG(run_asin_f32, vf, asin_f32)
UNARY_LONG(run_acos_f32, vf, acos_f32)
UNARY_LONG(run_atan_f32, vf, atan_f32)
UNARY_LONG(run_sinh_f32, vf, sinh_f32)
UNARY_LONG(run_cosh_f32, vf, cosh_f32)
UNARY_LONG(run_tanh_f32, vf, tanh_f32)
UNARY_LONG(run_erf_f32, vf, erf_f32)
UNARY_LONG(run_sigmoid_f32, vf, sigmoid_f32)
UNARY_LONG(run_softplus_f32, vf, softplus_f32)
BINARY_LONG(run_power_f32, vf, power_f32)
BINARY_LONG(run_atan2_f32, vf, atan2_f32)

// Python's %: the sign of the divisor, also for a zero.
INLINE float remainder_scalar(float a, float b) {
  float r = fmodf(a, b);
  return r == 0 ? copysignf(0, b) : (r < 0) != (b < 0) ? r + b : r;
}
// a - trunc(a/b) b is exact while the quotient is small, even when that was rounded up to the next integer; then the result has
// the wrong sign, and the addition that the sign rule asks for mends both.
INLINE vf remainder_f32(vf a, vf b) {
  vf quotient = a / b;
  if (any(~((absolute(quotient) < 0x1p22f) & (absolute(b) < __builtin_inff())))) return each_lane_2(a, b, remainder_scalar);
  vf q = op_trunc_f32(quotient);
#if APUS_HAS_FMA
  vf r = fma_f32(-q, b, a);
#else
  vwide product = __builtin_convertvector(q, vwide) * __builtin_convertvector(b, vwide);
  vf r = __builtin_convertvector(__builtin_convertvector(a, vwide) - product, vf);
#endif
  r = select((r != 0.0f) & ((r < 0.0f) ^ (b < 0.0f)), r + b, r);
  return select(r == 0.0f, with_sign(r, b), r);
}
INLINE double remainder_f64(double a, double b) {
  double r = fmod(a, b);
  return r == 0 ? copysign(0, b) : (r < 0) != (b < 0) ? r + b : r;
}
BINARY_LONG(run_remainder_f32, vf, remainder_f32)
BINARY_SCALAR(run_remainder_f64, double, remainder_f64)

INLINE double sigmoid_f64(double x) {
  double e = exp(-fabs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}
INLINE double softplus_f64(double x) { return log1p(exp(-fabs(x))) + (x < 0 ? 0 : x); }
UNARY_SCALAR(run_exp_f64, double, exp)
UNARY_SCALAR(run_expm1_f64, double, expm1)
UNARY_SCALAR(run_log_f64, double, log)
UNARY_SCALAR(run_log1p_f64, double, log1p)
UNARY_SCALAR(run_sin_f64, double, sin)
UNARY_SCALAR(run_cos_f64, double, cos)
UNARY_SCALAR(run_tan_f64, double, tan)
UNARY_SCALAR(run_asin_f64, double, asin)
UNARY_SCALAR(run_acos_f64, double, acos)
UNARY_SCALAR(run_atan_f64, double, atan)
UNARY_SCALAR(run_sinh_f64, double, sinh)
UNARY_SCALAR(run_cosh_f64, double, cosh)
UNARY_SCALAR(run_tanh_f64, double, tanh)
UNARY_SCALAR(run_erf_f64, double, erf)
UNARY_SCALAR(run_sigmoid_f64, double, sigmoid_f64)
UNARY_SCALAR(run_softplus_f64, double, softplus_f64)
BINARY_SCALAR(run_power_f64, double, pow)
BINARY_SCALAR(run_atan2_f64, double, atan2)
