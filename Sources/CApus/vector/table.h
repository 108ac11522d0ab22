// Gathers the kernels of one instruction set into its table, APUS_TABLE.

#define SHARED_OPERATIONS(T)                                                                                                 \
  [APUS_COPY] = run_copy_##T, [APUS_NEGATE] = run_negate_##T, [APUS_ABS] = run_abs_##T, [APUS_SIGN] = run_sign_##T,          \
  [APUS_SQUARE] = run_square_##T, [APUS_NOT] = run_not_##T, [APUS_RELU] = run_relu_##T, [APUS_ADD] = run_add_##T,            \
  [APUS_SUBTRACT] = run_subtract_##T, [APUS_MULTIPLY] = run_multiply_##T, [APUS_DIVIDE] = run_divide_##T,                    \
  [APUS_REMAINDER] = run_remainder_##T, [APUS_MIN] = run_min_##T, [APUS_MAX] = run_max_##T, [APUS_EQUAL] = run_equal_##T,    \
  [APUS_NOT_EQUAL] = run_not_equal_##T, [APUS_LESS] = run_less_##T, [APUS_LESS_EQUAL] = run_less_equal_##T,                  \
  [APUS_GREATER] = run_greater_##T, [APUS_GREATER_EQUAL] = run_greater_equal_##T, [APUS_AND] = run_and_##T,                  \
  [APUS_OR] = run_or_##T, [APUS_XOR] = run_xor_##T, [APUS_SELECT] = run_select_##T,                                          \
  [APUS_MULTIPLY_ADD] = run_multiply_add_##T, [APUS_MULTIPLY_SUBTRACT] = run_multiply_subtract_##T,                          \
  [APUS_NEGATED_MULTIPLY_ADD] = run_negated_multiply_add_##T

#define FLOAT_OPERATIONS(T)                                                                                                  \
  [APUS_SQRT] = run_sqrt_##T, [APUS_RSQRT] = run_rsqrt_##T, [APUS_RECIPROCAL] = run_reciprocal_##T, [APUS_EXP] = run_exp_##T, \
  [APUS_EXPM1] = run_expm1_##T, [APUS_LOG] = run_log_##T, [APUS_LOG1P] = run_log1p_##T, [APUS_SIN] = run_sin_##T,            \
  [APUS_COS] = run_cos_##T, [APUS_TAN] = run_tan_##T, [APUS_ASIN] = run_asin_##T, [APUS_ACOS] = run_acos_##T,                \
  [APUS_ATAN] = run_atan_##T, [APUS_SINH] = run_sinh_##T, [APUS_COSH] = run_cosh_##T, [APUS_TANH] = run_tanh_##T,            \
  [APUS_ERF] = run_erf_##T, [APUS_SIGMOID] = run_sigmoid_##T, [APUS_SOFTPLUS] = run_softplus_##T,                            \
  [APUS_FLOOR] = run_floor_##T, [APUS_CEIL] = run_ceil_##T, [APUS_ROUND] = run_round_##T, [APUS_TRUNC] = run_trunc_##T,      \
  [APUS_IS_NAN] = run_is_nan_##T, [APUS_IS_INF] = run_is_inf_##T, [APUS_IS_FINITE] = run_is_finite_##T,                      \
  [APUS_POWER] = run_power_##T, [APUS_ATAN2] = run_atan2_##T, [APUS_SUM_OF_PRODUCTS] = run_sum_of_products_##T,              \
  [APUS_ADD_QUOTIENT] = run_add_quotient_##T, [APUS_ADD_SQUARE] = run_add_square_##T,                                        \
  [APUS_ADD_TO_ROOT] = run_add_to_root_##T

const apus_kernels APUS_TABLE = {
  .name = APUS_TABLE_NAME,
  .vector_bytes = APUS_VECTOR_BYTES,
  .operations = {
    [APUS_F32] = {SHARED_OPERATIONS(f32), FLOAT_OPERATIONS(f32)},
    [APUS_F64] = {SHARED_OPERATIONS(f64), FLOAT_OPERATIONS(f64)},
    [APUS_I32] = {SHARED_OPERATIONS(i32)},
    [APUS_I64] = {SHARED_OPERATIONS(i64)},
  },
  .conversions = {CONVERSIONS_TO(f32), CONVERSIONS_TO(f64), CONVERSIONS_TO(i32), CONVERSIONS_TO(i64), CONVERSIONS_TO(u8),
                  CONVERSIONS_TO(bool), CONVERSIONS_TO(bf16)},
  .recurrent = {[APUS_F32] = RECURRENT(f32), [APUS_F64] = RECURRENT(f64)},
};
