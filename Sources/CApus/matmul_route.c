// Which way a matrix product goes.
//
// Measured on one and two Zen 5 cores with AVX-512 (GFLOP/s on one core; N, T: B as it lies or transposed, as the weights of a
// layer (out, in) are), oneDNN 2.6.3 and 3.2; Scripts/matmul_bench.c repeats it:
//
//   shape (m x n x k)        own   gemm  primitive
//   4 x 4 x 4                  6    0.6       0.5    the calls themselves: 20, 210 and 270 ns
//   32 x 10 x 128 T          175     57        80    the last layer of a small classifier
//   64 x 64 x 64 N           223    194       198
//   128 x 128 x 128 T        214    209       218
//   4 x 512 x 784 T          177     96        70    few rows: B is read once, at the speed of the cache it lies in
//   32 x 512 x 784 T         193    178       171
//   32 x 2048 x 2048 N        70    186       120    ... but the own kernels do not block k
//   1024 x 1024 x 1024 N     119    197       178
//   64 x 64 x 4096 T         143     25       175    dnnl_sgemm does badly with a transposed B and long k,
//   256 x 64 x 1024 T        185    120       212
//   32 x 1024 x 4096 N        75    172        79    and the primitive with B as it lies
//
// What starting up costs counts too: the first dnnl_sgemm of a process takes 23 ms in 2.6 (it generates all its kernels), a
// primitive 0.2 to 0.5 ms for each shape (7 ms for the process's first), the own kernels nothing. So up to 128^3 multiply-adds, and
// for the few rows of a prediction, the own kernels win or draw, and a larger forward pass goes through primitives only.
//
// bfloat16 operands go through primitives. Their speed relative to float32 primitives of the same shape, one core, least times of
// 11 alternating rounds:
//
//   128 x 512 x 784  NT 2.03  NN 1.98    512 x 784 x 128   TN 1.90  NN 1.93  NT 1.98    128 x 128 x 128 NT 1.95
//   128 x 512 x 512  NT 2.00  NN 1.96    256 x 1024 x 1024 NN 2.01  NT 2.03  TN 2.22    64 x 256 x 256  NT 2.01
//
// Every layout is fast, so no operand needs to be transposed.
#include "matmul.h"

static bool suits_onednn(int64_t rows, int64_t columns, int64_t row, int64_t column) {
  char transposed;
  int64_t leading;
  return apus_matmul_blas_layout(rows, columns, row, column, &transposed, &leading);
}

bool apus_has_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");  // what has AMX has it too
#else
  return false;
#endif
}

apus_matmul_route_kind apus_matmul_route(const apus_matmul *shape) {
  const apus_matmul s = apus_matmul_folded(*shape);
  const bool is_bf16 = s.dtype == APUS_BF16;  // which only oneDNN knows
  if (s.dtype != APUS_F32) return is_bf16 ? APUS_MATMUL_PRIMITIVE : APUS_MATMUL_OWN;
  if (s.batch <= 0 || s.m <= 0 || s.n <= 0 || s.k <= 0) return APUS_MATMUL_OWN;
  if (!suits_onednn(s.m, s.k, s.a_row, s.a_column) || !suits_onednn(s.k, s.n, s.b_row, s.b_column)) return APUS_MATMUL_OWN;
  if (s.batch > 1 && s.a_batch == 0 && s.b_batch == 0) return APUS_MATMUL_OWN;

  const double work = (double)s.m * (double)s.n * (double)s.k;
  if (work <= 128.0 * 128 * 128 || s.m <= 4 || (s.m <= 32 && s.k <= 1024)) return APUS_MATMUL_OWN;
  // A small result of long sums, such as a weight's gradient: dnnl_sgemm is slow there.
  if (s.m * s.n <= 128 * 128 && s.k >= 1024) return APUS_MATMUL_OWN;
  const bool is_plain = !s.has_bias && s.epilogue == APUS_EPILOGUE_NONE;
  return is_plain && s.b_column == 1 ? APUS_MATMUL_GEMM : APUS_MATMUL_PRIMITIVE;
}
