// The own kernels of the matrix product: the choice of a path, and of the instruction set at run time. The kernels themselves are in
// matmul_kernels.h, compiled for AVX-512, for AVX2 with FMA, and for what every machine has.
#include <math.h>
#include <stdatomic.h>

#include "matmul.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

// Some rows of one matrix of the batch, in the terms of the kernels.
typedef struct {
  int64_t rows, columns, k;
  const void *a, *b, *bias;  // bias may be null
  void *c;
  int64_t a_row, a_column, b_row, b_column, c_row, bias_step;
  bool relu;
  bool dots;            // by dot products along k
  bool narrow;          // C is at most one vector wide, k long
  bool from_c, to_end;  // the first block of k starts C, the last finishes it
} product;

typedef void (*multiply)(const product *);
typedef struct {
  multiply f32[3];  // by the width of C: any, at most 8, at most 4
  multiply f64, i32, i64;
  void (*outer)(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *to);
  void (*activate)(apus_epilogue, float *, int64_t count);
  int64_t lanes;  // floats in a vector
} kernels;

#if defined(__x86_64__)
#define ISA 512
#define ON(x) PASTE(avx512, x)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2"))), apply_to = function)
#include "matmul_kernels_isa.h"
#pragma clang attribute pop
#undef ISA
#undef ON

#define ISA 2
#define ON(x) PASTE(avx2, x)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#include "matmul_kernels_isa.h"
#pragma clang attribute pop
#undef ISA
#undef ON
#endif

#define ISA 0
#define ON(x) PASTE(plain, x)
#include "matmul_kernels_isa.h"
#undef ISA
#undef ON

static const kernels *best_kernels(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
      return &avx512_kernels;
    return &avx2_kernels;
  }
#endif
  return &plain_kernels;
}

static _Atomic(const kernels *) chosen = NULL;

static const kernels *choose(void) {
  const kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (!k) atomic_store_explicit(&chosen, k = best_kernels(), memory_order_relaxed);
  return k;
}

int32_t apus_matmul_own_level(int32_t level) {
  const kernels *best = best_kernels(), *wanted = best;
  if (level == 0) wanted = &plain_kernels;
#if defined(__x86_64__)
  if (level == 2 && best != &plain_kernels) wanted = &avx2_kernels;
#endif
  atomic_store(&chosen, wanted);
  return wanted == &plain_kernels ? 0 : wanted->lanes == 16 ? 512 : 2;
}

static int64_t bytes_of(apus_dtype dtype) { return dtype == APUS_F64 || dtype == APUS_I64 ? 8 : 4; }
static const void *at(const void *base, int64_t elements, int64_t bytes) { return (const char *)base + elements * bytes; }

static void activate(const kernels *on, const apus_matmul *s, void *c, int64_t count) {
  if (s->dtype == APUS_F32) {
    on->activate(s->epilogue, c, count);
  } else if (s->dtype == APUS_F64) {
    double *x = c;
    for (int64_t i = 0; i < count; i++) x[i] = s->epilogue == APUS_EPILOGUE_TANH ? tanh(x[i]) : 1 / (1 + exp(-x[i]));
  }
}

// A weight gradient of a tiny layer: k outermost in both operands, C within one vector.
static bool is_outer(const kernels *on, const apus_matmul *s) {
  return s->k >= 16 && s->dtype == APUS_F32 && on->outer && s->m * s->n <= on->lanes && (s->a_row == 1 || s->m == 1) && s->a_column == s->m &&
         (s->b_column == 1 || s->n == 1) && s->b_row == s->n;
}

static void run_outer(const kernels *on, const apus_matmul *s, const float *a, const float *b, const float *bias, float *c, int64_t begin,
                      int64_t end) {
  float all[16];
  on->outer(s->m, s->n, s->k, a, b, all);
  for (int64_t i = begin; i < end; i++)
    for (int64_t j = 0; j < s->n; j++) {
      float value = all[i * s->n + j];
      if (bias) value += bias[j];
      if (s->epilogue == APUS_EPILOGUE_RELU && value < 0) value = 0;
      c[i * s->n + j] = value;
    }
}

void apus_matmul_own(const apus_matmul *shape, const void *a, const void *b, const void *bias, void *c, int64_t begin, int64_t end) {
  if (begin >= end || shape->n <= 0) return;
  const kernels *on = choose();
  const apus_matmul folded = apus_matmul_folded(*shape), *s = &folded;
  const int64_t bytes = bytes_of(s->dtype);
  if (!s->has_bias) bias = NULL;
  const bool outer = is_outer(on, s);

  // What holds for every matrix of the batch. The path depends on the whole shape only.
  product x = {.columns = s->n, .k = s->k, .bias = bias, .a_row = s->a_row, .a_column = s->a_column, .b_row = s->b_row, .b_column = s->b_column,
               .c_row = s->n, .bias_step = 1, .relu = s->epilogue == APUS_EPILOGUE_RELU, .to_end = true};
  int64_t m = s->m, n = s->n;
  const bool swapped = n == 1 && m > 1;  // a column is the row of the transposed product: its elements then fill vectors
  if (swapped) {
    m = 1, n = s->m;
    x.rows = 1;
    x.a_row = 0, x.a_column = s->b_row;
    x.b_row = s->a_column, x.b_column = s->a_row;
    x.bias_step = 0;
  }
  if (n == 1 || s->k == 0) x.b_column = 1;
  if (s->k == 1) x.b_row = 1, x.a_column = 1;
  int64_t lanes = on->lanes * 4 / bytes;
  multiply run;
  switch (s->dtype) {
    case APUS_F64: run = on->f64; break;
    case APUS_I32: run = on->i32; break;
    case APUS_I64: run = on->i64; break;
    default:
      run = on->f32[n <= 4 ? 2 : n <= 8 ? 1 : 0];
      if (n <= 4) lanes = 4;
      else if (n <= 8 && lanes > 8) lanes = 8;
  }
  x.dots = x.b_column != 1 && x.b_row == 1 && x.a_column == 1 && (m <= 32 || n <= 16) && s->k >= 64;
  if (x.dots && s->dtype == APUS_F32) run = on->f32[0];
  x.narrow = n <= lanes && s->k >= 16;

  while (begin < end) {
    const int64_t matrix = begin / s->m, row = begin - matrix * s->m;
    const int64_t rows = end - begin < s->m - row ? end - begin : s->m - row;
    const void *a_here = at(a, matrix * s->a_batch, bytes), *b_here = at(b, matrix * s->b_batch, bytes);
    void *c_here = (void *)at(c, matrix * s->m * s->n, bytes);
    if (outer) {
      run_outer(on, s, a_here, b_here, bias, c_here, row, row + rows);
    } else {
      x.a = swapped ? b_here : at(a_here, row * s->a_row, bytes);
      x.b = swapped ? at(a_here, row * s->a_row, bytes) : b_here;
      x.c = (void *)at(c_here, row * s->n, bytes);
      if (swapped)
        x.columns = rows;
      else
        x.rows = rows;
      run(&x);
    }
    if (s->epilogue == APUS_EPILOGUE_TANH || s->epilogue == APUS_EPILOGUE_SIGMOID)
      activate(on, s, (void *)at(c_here, row * s->n, bytes), rows * s->n);
    begin += rows;
  }
}
