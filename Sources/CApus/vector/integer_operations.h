// The instructions on i32 and i64. Included once for each, with V (the vector; its own mask), U (the unsigned vector: arithmetic
// wraps around there without undefined behaviour), S and UNSIGNED (the scalars) and NAMED(x), which appends the type's suffix.

INLINE V NAMED(op_copy)(V a) { return a; }
INLINE V NAMED(op_negate)(V a) { return (V)((U){0} - (U)a); }
INLINE V NAMED(op_abs)(V a) { return NAMED(select)(a < 0, NAMED(op_negate)(a), a); }
INLINE V NAMED(op_square)(V a) { return (V)((U)a * (U)a); }
INLINE V NAMED(op_not)(V a) { return NAMED(one_where)(a == 0); }
INLINE V NAMED(op_relu)(V a) { return a & (a > 0); }
INLINE V NAMED(op_sign)(V a) { return (a < 0) - (a > 0); }

INLINE V NAMED(op_add)(V a, V b) { return (V)((U)a + (U)b); }
INLINE V NAMED(op_subtract)(V a, V b) { return (V)((U)a - (U)b); }
INLINE V NAMED(op_multiply)(V a, V b) { return (V)((U)a * (U)b); }
INLINE V NAMED(op_min)(V a, V b) { return NAMED(select)(a < b, a, b); }
INLINE V NAMED(op_max)(V a, V b) { return NAMED(select)(a > b, a, b); }
INLINE V NAMED(op_equal)(V a, V b) { return NAMED(one_where)(a == b); }
INLINE V NAMED(op_not_equal)(V a, V b) { return NAMED(one_where)(a != b); }
INLINE V NAMED(op_less)(V a, V b) { return NAMED(one_where)(a < b); }
INLINE V NAMED(op_less_equal)(V a, V b) { return NAMED(one_where)(a <= b); }
INLINE V NAMED(op_greater)(V a, V b) { return NAMED(one_where)(a > b); }
INLINE V NAMED(op_greater_equal)(V a, V b) { return NAMED(one_where)(a >= b); }
INLINE V NAMED(op_and)(V a, V b) { return NAMED(one_where)((a != 0) & (b != 0)); }
INLINE V NAMED(op_or)(V a, V b) { return NAMED(one_where)((a != 0) | (b != 0)); }
INLINE V NAMED(op_xor)(V a, V b) { return NAMED(one_where)((a != 0) ^ (b != 0)); }

INLINE V NAMED(op_select)(V a, V b, V c) { return NAMED(select)(a != 0, b, c); }
INLINE V NAMED(op_multiply_add)(V a, V b, V c) { return (V)((U)a * (U)b + (U)c); }
INLINE V NAMED(op_multiply_subtract)(V a, V b, V c) { return (V)((U)a * (U)b - (U)c); }
INLINE V NAMED(op_negated_multiply_add)(V a, V b, V c) { return (V)((U)c - (U)a * (U)b); }

// Two quotients do not exist: by zero (0 here) and the smallest number by -1 (itself, by wrapping around).
INLINE S NAMED(op_divide)(S a, S b) {
  if (b == 0) return 0;
  return b == -1 ? (S)(0 - (UNSIGNED)a) : a / b;
}
INLINE S NAMED(op_remainder)(S a, S b) {
  if (b == 0 || b == -1) return 0;
  S r = a % b;
  return r != 0 && (r ^ b) < 0 ? r + b : r;
}

UNARY(NAMED(run_copy), V, NAMED(op_copy))
UNARY(NAMED(run_negate), V, NAMED(op_negate))
UNARY(NAMED(run_abs), V, NAMED(op_abs))
UNARY(NAMED(run_square), V, NAMED(op_square))
UNARY(NAMED(run_not), V, NAMED(op_not))
UNARY(NAMED(run_relu), V, NAMED(op_relu))
UNARY(NAMED(run_sign), V, NAMED(op_sign))
BINARY(NAMED(run_add), V, NAMED(op_add))
BINARY(NAMED(run_subtract), V, NAMED(op_subtract))
BINARY(NAMED(run_multiply), V, NAMED(op_multiply))
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
BINARY_SCALAR(NAMED(run_divide), S, NAMED(op_divide))
BINARY_SCALAR(NAMED(run_remainder), S, NAMED(op_remainder))
