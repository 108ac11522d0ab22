// Everything that one instruction set needs, in order. The including .c file has set the APUS_ macros listed in vector.h and
// table.h, opened its target attribute, and included the C library's headers before that.

// Vectors wider than a register change the calling convention; every function that takes one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#include "vector.h"
#include "coefficients.h"
#include "loops.h"
// The mathematics.
#include "exponential.h"
#include "logarithm.h"
#include "trigonometry.h"
#include "inverse_trigonometry.h"
#include "error_function.h"
#include "power.h"
// The kernels.
#define V vf
#define M vi
#define S float
#define INTEGRAL 0x1p23f
#define NAMED(x) x##_f32
#include "float_operations.h"
#undef V
#undef M
#undef S
#undef INTEGRAL
#undef NAMED

#define V vd
#define M vl
#define S double
#define INTEGRAL 0x1p52
#define NAMED(x) x##_f64
#include "float_operations.h"
#undef V
#undef M
#undef S
#undef INTEGRAL
#undef NAMED

#include "functions.h"

#define V vi
#define U vu
#define S int32_t
#define UNSIGNED uint32_t
#define NAMED(x) x##_i32
#include "integer_operations.h"
#undef V
#undef U
#undef S
#undef UNSIGNED
#undef NAMED

#define V vl
#define U vul
#define S int64_t
#define UNSIGNED uint64_t
#define NAMED(x) x##_i64
#include "integer_operations.h"
#undef V
#undef U
#undef S
#undef UNSIGNED
#undef NAMED

#include "conversions.h"

#define recurrent_sigmoid_f32 sigmoid_f32
#define recurrent_tanh_f32 tanh_f32
#define V vf
#define S float
#define NAMED(x) x##_f32
#include "recurrent.h"
#undef V
#undef S
#undef NAMED

INLINE vd recurrent_sigmoid_f64(vd x) {
  for (int i = 0; i < APUS_VECTOR_BYTES / 8; i++) x[i] = sigmoid_f64(x[i]);
  return x;
}
INLINE vd recurrent_tanh_f64(vd x) {
  for (int i = 0; i < APUS_VECTOR_BYTES / 8; i++) x[i] = tanh(x[i]);
  return x;
}
#define V vd
#define S double
#define NAMED(x) x##_f64
#include "recurrent.h"
#undef V
#undef S
#undef NAMED

#define RECURRENT(T) {pack_##T, forward_step_##T, backward_gates_##T, backward_step_##T, recurrent_lanes_##T}
#include "table.h"
