// sin, cos, tan: x = n pi/2 + r with |r| <= pi/4. Beyond LARGE_ANGLE an element goes through the C library, but not its neighbours
// in the vector: no result may depend on what lies beside it, which at the end of a tile is garbage.

#define LARGE_ANGLE 0x1p15f

typedef struct {
  vf r;
  vi n;  // the quadrant, in the low two bits
} angle;

INLINE angle reduce_angle(vf x) {
#if APUS_HAS_FMA
  // The first product cancels exactly, and every later rounding is relative to what is left.
  vf shifted = fma_f32(x, all_f32(0x1.45f306p-1f), all_f32(ROUNDING_SHIFT));
  vf n = shifted - ROUNDING_SHIFT;
  vf r = fma_f32(-n, all_f32(half_pi_parts[0]), x);
  r = fma_f32(-n, all_f32(half_pi_parts[1]), r);
  r = fma_f32(-n, all_f32(half_pi_parts[2]), r);
  return (angle){r, (vi)shifted};
#else
  // Without a fused product the same takes more operations than two vectors of doubles do.
  vwide wide = __builtin_convertvector(x, vwide);
  vwide shifted = wide * 0x1.45f306dc9c883p-1 + 0x1.8p52;
  vwide n = shifted - 0x1.8p52;
  vwide r = (wide - n * 0x1.921fb544p0) - n * 0x1.0b4611a626331p-34;
  return (angle){__builtin_convertvector(r, vf), __builtin_convertvector((vwide_i)shifted, vi)};
#endif
}

/// On the reduced range; sin keeps the sign of a zero.
INLINE vf sin_reduced(vf r, vf z) { return with_sign(fma_f32(r * z, POLYNOMIAL(z, sin_c), r), r); }
INLINE vf cos_reduced(vf z) { return fma_f32(z * z, POLYNOMIAL(z, cos_c), fma_f32(z, all_f32(-0.5f), all_f32(1.0f))); }

INLINE vi is_large_angle(vf x) { return ~(absolute(x) <= LARGE_ANGLE); }

/// sin(x + turns pi/2)
INLINE vf sin_shifted(vf x, int turns) {
  angle a = reduce_angle(x);
  vi n = a.n + turns;
  vf z = a.r * a.r;
  vf y = select((n & 1) != 0, cos_reduced(z), sin_reduced(a.r, z));
  return (vf)((vi)y ^ ((n & 2) << 30));
}

INLINE vf sin_f32(vf x) {
  vf y = select(x == 0.0f, x, sin_shifted(x, 0));  // keeps -0
  vi large = is_large_angle(x);
  return __builtin_expect(any(large), 0) ? select(large, each_lane(x, sinf), y) : y;
}

INLINE vf cos_f32(vf x) {
  vf y = sin_shifted(x, 1);
  vi large = is_large_angle(x);
  return __builtin_expect(any(large), 0) ? select(large, each_lane(x, cosf), y) : y;
}

INLINE vf tan_f32(vf x) {
  angle a = reduce_angle(x);
  vf z = a.r * a.r;
  vf t = with_sign(fma_f32(a.r * z, POLYNOMIAL(z, tan_c), a.r), a.r);
  vi odd = (a.n & 1) != 0;
  vf y = select(x == 0.0f, x, select(odd, all_f32(-1.0f), t) / select(odd, t, all_f32(1.0f)));  // keeps -0
  vi large = is_large_angle(x);
  return __builtin_expect(any(large), 0) ? select(large, each_lane(x, tanf), y) : y;
}
