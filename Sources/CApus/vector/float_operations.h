// The instructions that f32 and f64 share. Included once for each, with V (the vector), M (its mask), S (the scalar),
// INTEGRAL (2^23 or 2^52: from there on every value is an integer) and NAMED(x), which appends the type's suffix.

INLINE V NAMED(op_copy)(V a) { return a; }
INLINE V NAMED(op_negate)(V a) { return -a; }
INLINE V NAMED(op_abs)(V a) { return __builtin_elementwise_abs(a); }
INLINE V NAMED(op_square)(V a) { return a * a; }
INLINE V NAMED(op_not)(V a) { return NAMED(one_where)(a == (S)0); }
INLINE V NAMED(op_relu)(V a) { return NAMED(select)(a <= (S)0, (V){0}, a); }
INLINE V NAMED(op_sign)(V a) {
  return NAMED(select)(a == a, NAMED(one_where)(a > (S)0) - NAMED(one_where)(a < (S)0), a);
}
INLINE V NAMED(op_sqrt)(V a) { return __builtin_elementwise_sqrt(a); }
INLINE V NAMED(op_rsqrt)(V a) { return (S)1 / __builtin_elementwise_sqrt(a); }
INLINE V NAMED(op_reciprocal)(V a) { return (S)1 / a; }

#if APUS_HAS_ROUND
INLINE V NAMED(op_round)(V a) { return __builtin_elementwise_roundeven(a); }
INLINE V NAMED(op_floor)(V a) { return __builtin_elementwise_floor(a); }
INLINE V NAMED(op_ceil)(V a) { return __builtin_elementwise_ceil(a); }
INLINE V NAMED(op_trunc)(V a) { return __builtin_elementwise_trunc(a); }
#else
// Adding and taking away INTEGRAL rounds a smaller magnitude to an integer; the sign is put back for the sake of -0.
INLINE V NAMED(op_round)(V a) {
  V magnitude = __builtin_elementwise_abs(a);
  V rounded = __builtin_elementwise_copysign((magnitude + INTEGRAL) - INTEGRAL, a);
  return NAMED(select)(magnitude < INTEGRAL, rounded, a);
}
INLINE V NAMED(op_floor)(V a) {
  V r = NAMED(op_round)(a);
  return __builtin_elementwise_copysign(r - NAMED(one_where)(r > a), a);
}
INLINE V NAMED(op_ceil)(V a) {
  V r = NAMED(op_round)(a);
  return __builtin_elementwise_copysign(r + NAMED(one_where)(r < a), a);
}
INLINE V NAMED(op_trunc)(V a) { return __builtin_elementwise_copysign(NAMED(op_floor)(__builtin_elementwise_abs(a)), a); }
#endif

INLINE V NAMED(op_is_nan)(V a) { return NAMED(one_where)(a != a); }
INLINE V NAMED(op_is_inf)(V a) { return NAMED(one_where)(__builtin_elementwise_abs(a) == (S)__builtin_inf()); }
INLINE V NAMED(op_is_finite)(V a) { return NAMED(one_where)(__builtin_elementwise_abs(a) < (S)__builtin_inf()); }

INLINE V NAMED(op_add)(V a, V b) { return a + b; }
INLINE V NAMED(op_subtract)(V a, V b) { return a - b; }
INLINE V NAMED(op_multiply)(V a, V b) { return a * b; }
INLINE V NAMED(op_divide)(V a, V b) { return a / b; }
// A NaN in `a` is picked by a != a; a NaN in `b` makes the comparison false.
INLINE V NAMED(op_min)(V a, V b) { return NAMED(select)((a < b) | (a != a), a, b); }
INLINE V NAMED(op_max)(V a, V b) { return NAMED(select)((a > b) | (a != a), a, b); }
INLINE V NAMED(op_equal)(V a, V b) { return NAMED(one_where)(a == b); }
INLINE V NAMED(op_not_equal)(V a, V b) { return NAMED(one_where)(a != b); }
INLINE V NAMED(op_less)(V a, V b) { return NAMED(one_where)(a < b); }
INLINE V NAMED(op_less_equal)(V a, V b) { return NAMED(one_where)(a <= b); }
INLINE V NAMED(op_greater)(V a, V b) { return NAMED(one_where)(a > b); }
INLINE V NAMED(op_greater_equal)(V a, V b) { return NAMED(one_where)(a >= b); }
INLINE V NAMED(op_and)(V a, V b) { return NAMED(one_where)((a != (S)0) & (b != (S)0)); }
INLINE V NAMED(op_or)(V a, V b) { return NAMED(one_where)((a != (S)0) | (b != (S)0)); }
INLINE V NAMED(op_xor)(V a, V b) { return NAMED(one_where)((a != (S)0) ^ (b != (S)0)); }

INLINE V NAMED(op_select)(V a, V b, V c) { return NAMED(select)(a != (S)0, b, c); }
INLINE V NAMED(op_multiply_add)(V a, V b, V c) { return NAMED(fma)(a, b, c); }
INLINE V NAMED(op_multiply_subtract)(V a, V b, V c) { return NAMED(fma)(a, b, -c); }
INLINE V NAMED(op_negated_multiply_add)(V a, V b, V c) { return NAMED(fma)(-a, b, c); }
INLINE V NAMED(op_sum_of_products)(V a, V b, V c, V e) { return NAMED(fma)(a, b, c * e); }
INLINE V NAMED(op_add_quotient)(V a, V b, V c, V e) { return a + b * c / e; }
INLINE V NAMED(op_add_square)(V a, V b, V c, V e) { return NAMED(fma)(a, b, c * (e * e)); }
INLINE V NAMED(op_add_to_root)(V a, V b, V c) { return NAMED(op_sqrt)(a * b) + c; }

UNARY(NAMED(run_copy), V, NAMED(op_copy))
UNARY(NAMED(run_negate), V, NAMED(op_negate))
UNARY(NAMED(run_abs), V, NAMED(op_abs))
UNARY(NAMED(run_square), V, NAMED(op_square))
UNARY(NAMED(run_not), V, NAMED(op_not))
UNARY(NAMED(run_relu), V, NAMED(op_relu))
UNARY(NAMED(run_sign), V, NAMED(op_sign))
UNARY(NAMED(run_sqrt), V, NAMED(op_sqrt))
UNARY(NAMED(run_rsqrt), V, NAMED(op_rsqrt))
UNARY(NAMED(run_reciprocal), V, NAMED(op_reciprocal))
UNARY(NAMED(run_round), V, NAMED(op_round))
UNARY(NAMED(run_floor), V, NAMED(op_floor))
UNARY(NAMED(run_ceil), V, NAMED(op_ceil))
UNARY(NAMED(run_trunc), V, NAMED(op_trunc))
UNARY(NAMED(run_is_nan), V, NAMED(op_is_nan))
UNARY(NAMED(run_is_inf), V, NAMED(op_is_inf))
UNARY(NAMED(run_is_finite), V, NAMED(op_is_finite))
BINARY(NAMED(run_add), V, NAMED(op_add))
BINARY(NAMED(run_subtract), V, NAMED(op_subtract))
BINARY(NAMED(run_multiply), V, NAMED(op_multiply))
BINARY(NAMED(run_divide), V, NAMED(op_divide))
BINARY(NAMED(run_min), V, NAMED(op_min))
BINARY(NAMED(run_max), V, NAMED(op_max))
BINARY(NAMED(run_equal), V, NAMED(op_equal))
BINARY(NAMED(run_not_equal), V, NAMED(op_not_equal))
BINARY(NAMED(run_less), V, NAMED(op_less))
BINARY(NAMED(run_less_equal), V, NAMED(op_less_equal))
BINARY(NAMED(run_greater), V, NAMED(op_greater))
BINARY(NAMED(run_greater_equal), V, NAMED(op_greater_equal))
BINARY(NAMED(run_and), V, NAMED(op_and))
BINARY(NAMED(run_or), V, NAMED(op_or))
BINARY(NAMED(run_xor), V, NAMED(op_xor))
TERNARY(NAMED(run_select), V, NAMED(op_select))
TERNARY(NAMED(run_multiply_add), V, NAMED(op_multiply_add))
TERNARY(NAMED(run_multiply_subtract), V, NAMED(op_multiply_subtract))
TERNARY(NAMED(run_negated_multiply_add), V, NAMED(op_negated_multiply_add))
QUATERNARY(NAMED(run_sum_of_products), V, NAMED(op_sum_of_products))
QUATERNARY(NAMED(run_add_quotient), V, NAMED(op_add_quotient))
QUATERNARY(NAMED(run_add_square), V, NAMED(op_add_square))
TERNARY(NAMED(run_add_to_root), V, NAMED(op_add_to_root))
