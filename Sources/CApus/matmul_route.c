// Which way a matrix product goes: by our own kernels, but bfloat16 operands by oneDNN's primitives.
//
// Our blocks (matmul_blocked.h) against the faster of dnnl_sgemm and a primitive (oneDNN 2.6.3), both in the tiles that suit them, one Zen 5
// core: how many times as fast ours are with AVX-512, and where both are restricted to AVX2; medians of 21 alternating rounds. N, T: A and
// B as they lie or transposed; most NT are forward passes with bias and relu.
//
//    128 x  512 x  784 NT 1.05 0.97    784 x  256 x  256 TN 1.01 0.99    512 x  128 x  768 TN 1.03 1.05
//    128 x  512 x  512 NT 1.09 0.98    256 x   64 x  256 TN 1.07 0.93    128 x  512 x  768 TN 1.08 1.25
//    128 x  512 x  512 NN 1.00 1.11    256 x  256 x  784 NN 0.98 0.97    128 x  128 x  768 TN 0.98 0.98
//    512 x  784 x  128 TN 1.00 1.07    256 x   64 x  256 NN 1.00 0.99    768 x  128 x   65 NN 0.98 0.96
//    512 x  512 x  128 TN 1.07 1.43    256 x  256 x   64 NN 1.00 1.03   4096 x  256 x   65 NN 1.00 1.00
//     64 x  100 x 1000 NT 1.25 0.89    768 x  384 x  128 NT 0.98 1.02    256 x 1024 x  784 NT 1.19 1.03
//    100 x 1000 x   64 TN 0.97 0.96    768 x  128 x  128 NT 0.99 0.99    256 x 1024 x 1024 NT 1.11 1.05
//    256 x  256 x  784 NT 1.04 0.97    768 x  512 x  128 NT 1.06 1.02    256 x 1024 x 1024 NN 1.07 1.64
//    256 x   64 x  256 NT 1.01 1.00    768 x  128 x  512 NT 0.98 1.00   1024 x 1024 x  256 TN 1.07 1.36
//    256 x  256 x   64 NT 1.00 1.06    768 x  128 x  512 NN 0.97 0.99
//    256 x  784 x  256 NT 1.07 1.01    768 x  512 x  128 NN 0.99 1.19
//
// So oneDNN would gain nothing, and cost 23 ms for the first dnnl_sgemm of a process (2.6 generates all its kernels then), 0.2 to 0.5 ms
// for the first product of each shape, and 10 to 15 MB of memory. Scripts/matmul_bench.c repeats it against dnnl_sgemm.
//
// bfloat16 operands go through primitives. Their speed relative to float32 primitives of the same shape, one core, least times of
// 11 alternating rounds:
//
//   128 x 512 x 784  NT 2.03  NN 1.98    512 x 784 x 128   TN 1.90  NN 1.93  NT 1.98    128 x 128 x 128 NT 1.95
//   128 x 512 x 512  NT 2.00  NN 1.96    256 x 1024 x 1024 NN 2.01  NT 2.03  TN 2.22    64 x 256 x 256  NT 2.01
//
// Every layout is fast, so no operand needs to be transposed.
#include "matmul.h"

bool apus_has_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");  // what has AMX has it too
#else
  return false;
#endif
}

apus_matmul_route_kind apus_matmul_route(const apus_matmul *shape) {
  return shape->dtype == APUS_BF16 ? APUS_MATMUL_PRIMITIVE : APUS_MATMUL_OWN;  // bfloat16 is what only oneDNN knows
}
