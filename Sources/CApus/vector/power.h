// x^y = 2^(y log2 x), in double: the product's error would otherwise be multiplied by up to 128.

/// For positive finite x (subnormal ones too) and any y.
INLINE vwide power_magnitude(vf x, vf y) {
  vwide wide = __builtin_convertvector(x, vwide);
  vwide_i bits = (vwide_i)wide;
  // The exponent, so that the mantissa lies in [sqrt(1/2), sqrt(2)). Its low 32 bits suffice for the conversion.
  vwide_i e = (bits - 0x3fe6a09e667f3bcd) >> 52;
  vwide m = (vwide)(bits - (e << 52));
  vwide s = (m - 1.0) / (m + 1.0);
  vwide shift = (vwide)(e + 0x4338000000000000) - 0x1.8p52;
  vwide log2 = fma_wide(s, POLYNOMIAL_WIDE(s * s, log2_wide_c), shift);
  vwide z = __builtin_convertvector(y, vwide) * log2;
  vwide bound = (vwide){0} + 200.0;
  vwide_i above = z > bound, below = z < -bound;
  z = (vwide)((above & (vwide_i)bound) | (below & (vwide_i)-bound) | (~(above | below) & (vwide_i)z));
  vwide shifted = z + 0x1.8p52;
  vwide f = z - (shifted - 0x1.8p52);
  vwide power = (vwide)(((vwide_i)shifted + 1023) << 52);
  return POLYNOMIAL_WIDE(f, exp2_wide_c) * power;
}

INLINE vf power_f32(vf x, vf y) {
  vf a = absolute(x);
  vf bound = all_f32(__builtin_inff());
  vi special = ~((a > 0.0f) & (a < bound) & (absolute(y) < bound));
  vf p = __builtin_convertvector(power_magnitude(a, y), vf);
  vi negative = x < 0.0f;
  if (any(negative)) {
    // Integers below 2^23 pass this rounding unchanged; beyond 2^24 all floats are even.
    vf b = absolute(y);
    vi big = b >= 0x1p23f;
    vf rounded = (b + 0x1p23f) - 0x1p23f;
    vi integral = big | (rounded == b);
    vi odd = (b < 0x1p24f) & (((vi)select(big, b, b + 0x1p23f) & 1) != 0);
    p = select(negative & odd, -p, p);
    p = select(negative & ~integral, all_f32(__builtin_nanf("")), p);
  }
  // Zero, infinity and NaN on either side: C's rules, for those elements alone, so that no result depends on its neighbours.
  if (__builtin_expect(any(special), 0)) p = select(special, each_lane_2(x, y, powf), p);
  return p;
}
