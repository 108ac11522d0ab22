// asin, acos, atan, atan2.

#define HALF_PI 0x1.921fb6p0f
#define HALF_PI_REST -0x1.777a5cp-25f  // pi/2 - HALF_PI

/// asin t for t in [0, 1/2], given z = t^2.
INLINE vf asin_reduced(vf t, vf z) { return fma_f32(t * z, POLYNOMIAL(z, asin_c), t); }

typedef struct {
  vf value;  // asin |x|, or half of acos |x| where `is_large`
  vi is_large;
} asin_parts;

// Above 1/2, acos a = 2 asin sqrt((1 - a)/2), where 1 - a is exact. Beyond 1 the root yields NaN.
INLINE asin_parts asin_of_magnitude(vf a) {
  vi is_large = a > 0.5f;
  vf half = (1.0f - a) * 0.5f;
  vf z = select(is_large, half, a * a);
  vf t = select(is_large, __builtin_elementwise_sqrt(half), a);
  return (asin_parts){asin_reduced(t, z), is_large};
}

INLINE vf asin_f32(vf x) {
  asin_parts p = asin_of_magnitude(absolute(x));
  vf large = fma_f32(p.value, all_f32(-2.0f), all_f32(HALF_PI)) + HALF_PI_REST;
  return with_sign(select(p.is_large, large, p.value), x);
}

INLINE vf acos_f32(vf x) {
  asin_parts p = asin_of_magnitude(absolute(x));
  vf twice = 2.0f * p.value;
  vf large = select(x > 0.0f, twice, (2.0f * HALF_PI - twice) + 2.0f * HALF_PI_REST);
  vf small = HALF_PI - (with_sign(p.value, x) - HALF_PI_REST);
  return select(p.is_large, large, small);
}

/// atan t for t in [0, 1].
INLINE vf atan_reduced(vf t) {
  vf z = t * t;
  return fma_f32(t * z, POLYNOMIAL(z, atan_c), t);
}

// Above 1, atan a = pi/2 - atan(1/a).
INLINE vf atan_f32(vf x) {
  vf a = absolute(x);
  vi is_large = a > 1.0f;
  vf y = atan_reduced(select(is_large, all_f32(1.0f), a) / select(is_large, a, all_f32(1.0f)));
  return with_sign(select(is_large, (HALF_PI - y) + HALF_PI_REST, y), x);
}

/// The angle of the point (x, y).
INLINE vf atan2_f32(vf y, vf x) {
  vf a = absolute(x), b = absolute(y);
  vi steep = b > a;
  vf low = select(steep, a, b), high = select(steep, b, a);
  vf t = low / high;
  t = select(high == 0.0f, all_f32(0.0f), t);                             // both zero
  t = select((low == high) & (low == __builtin_inff()), all_f32(1.0f), t);  // both infinite
  vf angle = atan_reduced(t);
  angle = select(steep, (HALF_PI - angle) + HALF_PI_REST, angle);
  angle = select((vi)x < 0, (2.0f * HALF_PI - angle) + 2.0f * HALF_PI_REST, angle);  // the sign bit: -0 counts as negative
  angle = with_sign(angle, y);
  return select((x != x) | (y != y), x + y, angle);
}
