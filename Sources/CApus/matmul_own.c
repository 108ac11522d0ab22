// The own kernels of the matrix product: the choice of a path, and of the instruction set at run time. The kernels themselves are in
// matmul_kernels.h, compiled for AVX-512, for AVX2 with FMA, and for what every machine has.
#include <math.h>
#include <stdatomic.h>

#include "matmul.h"
#include "scratch.h"

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
  bool is_row;          // ... of the only row of A
  bool is_backwards;    // the last columns first, BACKWARDS_ROWS rows of B' at a time: the same bits
  bool narrow;          // C is at most one vector wide, k long
  bool thin;            // the same, k at most 4
  bool from_c, to_end;  // the first block of k starts C, the last finishes it
} product;

// Memory that is read soon: WALK places `step` bytes apart, then `leap` further, and so on.
enum { WALK = 16, LINE = 64 };
typedef struct {
  const char *from;
  int64_t step, leap;
} walk;
static const char nothing;
static const walk nothing_ahead = {&nothing, 0, 0};
// A walk over WALK rows, or columns, `apart` elements from each other: across all of them line by line, or along k once.
INLINE walk walk_along(const void *from, int64_t apart, bool across, int64_t bytes) {
  return (walk){from, apart * bytes, across ? LINE - WALK * apart * bytes : 0};
}

// How much of A and B a thread works on at a time: measured, see docs/performance.md.
enum { MOST_ROWS = 256, MOST_DEPTH = 256 };

// Fewer are not read ahead by the processor, which only looks forward within so little: 0.75 of the speed with four of 512 bytes.
enum { BACKWARDS_ROWS = 16 };

typedef void (*multiply)(const product *);
typedef struct {
  multiply f32[3];  // by the width of C: any, at most 8, at most 4
  multiply f64, i32, i64;
  multiply blocked[2];  // large products: f32, f64
  void (*outer)(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *to);
  void (*stretch)(int64_t columns, int64_t k, const float *a, const float *b, int64_t apart, float *to, bool is_backwards);
  void (*add_stretches)(int64_t columns, const float *sums, const float *bias, bool relu, float *to);
  void (*activate)(apus_epilogue, float *, int64_t count);
  int64_t lanes;  // floats in a vector
} kernels;

#if defined(__x86_64__)
#define ISA 2
#define ON(x) PASTE(avx2, x)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#include "matmul_kernels_isa.h"
#pragma clang attribute pop
#undef ISA
#undef ON

#define ISA 512
#define ON(x) PASTE(avx512, x)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2"))), apply_to = function)
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

// A test's choice, for its own thread.
static _Thread_local const kernels *forced = NULL;

static const kernels *choose(void) {
  if (forced) return forced;
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
  forced = wanted == best ? NULL : wanted;
  return wanted == &plain_kernels ? 0 : wanted->lanes == 16 ? 512 : 2;
}

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

// Whether blocks pay, which copy what is not in their order. Measured on one Zen 5 core with AVX-512, GFLOP/s (m x n x k; N, T: A and
// B as they lie or transposed), in blocks and by the other kernels:
//
//    64 x  64 x   64 NN 194, 234   NT 182, 208   TN 221, 236      16 x  512 x  784 NN 192, 229   NT 148, 182   TN 202, 229
//   128 x 128 x  128 NN 208, 209   NT 194, 189   TN 209, 205      32 x  512 x  784 NN 206, 223   NT 179, 194   TN 208, 226
//    64 x  64 x 4096 NN 198, 212   NT 186, 203   TN 227, 242      16 x 2048 x 2048 NN  89,  44   NT  91,  95   TN  98,  36
//   128 x  16 x  784 NN 136, 170   NT 132, 214   TN 148, 108      32 x 2048 x 2048 NN 149,  70   NT 125,  70   TN 114,  42
static bool is_blocked(const kernels *on, const apus_matmul *s) {
  if (s->dtype != APUS_F32 && s->dtype != APUS_F64) return false;
  if ((s->a_row != 1 && s->a_column != 1) || (s->b_row != 1 && s->b_column != 1)) return false;
  if ((double)s->m * (double)s->n * (double)s->k <= 128.0 * 128 * 128 || s->n <= on->lanes || s->k < 16) return false;
  if (s->m <= 4 || (s->m <= 16 && s->b_column != 1) || (s->m <= 32 && s->k <= 1024)) return false;
  return (double)s->m * (double)s->n > 64.0 * 64;
}

// How one shape is computed: decided by the whole of it, so that bits do not depend on what part of it is asked for.
typedef struct {
  const kernels *on;
  multiply run;
  bool outer;
  bool blocked;
  bool swapped;  // as the transpose of B' A': a column then fills vectors as a row does
  bool turned;   // ... of a few columns, through a buffer
  product x;     // what is the same for every part
} plan;

enum { TURNED_ROWS = 128, TURNED_COLUMNS = 8 };

static plan make_plan(const kernels *on, const apus_matmul *s, const void *bias) {
  plan p = {.on = on};
  p.x = (product){.k = s->k, .bias = bias, .a_row = s->a_row, .a_column = s->a_column, .b_row = s->b_row, .b_column = s->b_column,
                  .c_row = s->n, .bias_step = 1, .relu = s->epilogue == APUS_EPILOGUE_RELU, .to_end = true};
  int64_t m = s->m, n = s->n;
  p.outer = is_outer(p.on, s);
  p.blocked = is_blocked(p.on, s);
  if (p.blocked) {
    p.run = p.on->blocked[s->dtype == APUS_F64 ? 1 : 0];
    return p;
  }
  p.turned = n > 1 && n <= TURNED_COLUMNS && m >= 2 * n && m <= TURNED_ROWS && s->a_row == 1 && s->k >= 16 && s->dtype == APUS_F32 && !bias &&
             s->epilogue == APUS_EPILOGUE_NONE;
  p.swapped = p.turned || (n == 1 && m > 1);
  if (p.swapped) {
    m = s->n, n = s->m;
    p.x.rows = m;
    p.x.a_row = s->b_column, p.x.a_column = s->b_row;
    p.x.b_row = s->a_column, p.x.b_column = s->a_row;
    p.x.bias_step = 0;
  }
  if (n == 1 || s->k == 0) p.x.b_column = 1;
  if (s->k == 1) p.x.b_row = 1, p.x.a_column = 1;
  // Dot products read B in place: for few rows, or few columns, the packed copy would not pay.
  p.x.dots = p.x.b_column != 1 && p.x.b_row == 1 && p.x.a_column == 1 && (m <= 32 || n <= 16) && s->k >= 64;
  // Long rows one after the other; short ones side by side, where what follows each of them would count (infer1-lenet: 3% of the whole).
  p.x.is_row = p.x.dots && s->m == 1 && s->k * apus_matmul_operand_bytes(s->dtype) >= 2048;
  switch (s->dtype) {
    case APUS_F64: p.run = p.on->f64; break;
    case APUS_I32: p.run = p.on->i32; break;
    case APUS_I64: p.run = p.on->i64; break;
    default: {
      p.run = p.on->f32[p.x.dots ? 0 : n <= 4 ? 2 : n <= 8 ? 1 : 0];
      bool one_vector = n <= p.on->lanes;
      p.x.thin = one_vector && s->k >= 1 && s->k <= 4;
      p.x.narrow = one_vector && s->k >= 16;
    }
  }
  return p;
}

// Rows [row, row + rows) and columns [column, column + columns) of one matrix.
static void run_part(const plan *p, const apus_matmul *s, const void *a, const void *b, void *c, int64_t row, int64_t rows, int64_t column,
                     int64_t columns) {
  const int64_t bytes = apus_matmul_operand_bytes(s->dtype);
  if (p->outer) {
    run_outer(p->on, s, a, b, p->x.bias, c, row, row + rows);
  } else {
    product x = p->x;
    float turned[TURNED_ROWS * TURNED_COLUMNS];
    a = at(a, row * s->a_row, bytes);
    b = at(b, column * s->b_column, bytes);
    x.c = p->turned ? (void *)turned : (void *)at(c, row * s->n + column, bytes);
    if (p->swapped) {
      x.a = b, x.b = a, x.columns = rows, x.c_row = rows;
    } else {
      x.a = a, x.b = b, x.rows = rows, x.columns = columns;
      if (x.bias) x.bias = at(x.bias, column, bytes);
    }
    p->run(&x);
    if (p->turned)
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < s->n; j++) ((float *)c)[(row + i) * s->n + j] = turned[j * rows + i];
  }
  if (s->epilogue != APUS_EPILOGUE_TANH && s->epilogue != APUS_EPILOGUE_SIGMOID) return;
  if (columns == s->n) {
    activate(p->on, s, (void *)at(c, row * s->n, bytes), rows * s->n);
  } else {
    for (int64_t i = row; i < row + rows; i++) activate(p->on, s, (void *)at(c, i * s->n + column, bytes), columns);
  }
}

void apus_matmul_own_run(const void *on, const apus_matmul *s, const void *a, const void *b, const void *bias, void *c, apus_matmul_tile t) {
  if (t.first_row >= t.end_row || t.first_column >= t.end_column) return;
  const int64_t bytes = apus_matmul_operand_bytes(s->dtype);
  const plan p = make_plan(on, s, s->has_bias ? bias : NULL);
  for (int64_t matrix = t.first_matrix; matrix < t.end_matrix; matrix++)
    run_part(&p, s, at(a, matrix * s->a_batch, bytes), at(b, matrix * s->b_batch, bytes), (void *)at(c, matrix * s->m * s->n, bytes), t.first_row,
             t.end_row - t.first_row, t.first_column, t.end_column - t.first_column);
}

void apus_matmul_own_row(const void *on, const apus_matmul *s, const void *a, const void *b, const void *bias, void *c, int64_t first,
                         int64_t end, bool is_backwards) {
  plan p = make_plan(on, s, s->has_bias ? bias : NULL);
  p.x.is_backwards = is_backwards;
  run_part(&p, s, a, b, c, 0, 1, first, end - first);
}

void apus_matmul_own_stretch(const void *on, int64_t columns, int64_t k, const float *a, const float *b, int64_t apart, float *c,
                             bool is_backwards) {
  ((const kernels *)on)->stretch(columns, k, a, b, apart, c, is_backwards);
}

void apus_matmul_own_add_stretches(const void *on, const apus_matmul *s, const float *sums, const float *bias, float *c) {
  ((const kernels *)on)->add_stretches(s->n, sums, s->has_bias ? bias : NULL, s->epilogue == APUS_EPILOGUE_RELU, c);
  if (s->epilogue == APUS_EPILOGUE_TANH || s->epilogue == APUS_EPILOGUE_SIGMOID) activate(on, s, c, s->n);
}

int64_t apus_matmul_own_row_lanes(const void *on, const apus_matmul *s) {
  return s->dtype == APUS_F32 && s->m == 1 && make_plan(on, s, NULL).x.is_row ? ((const kernels *)on)->lanes : 0;
}

void apus_matmul_own(const apus_matmul *shape, const void *a, const void *b, const void *bias, void *c, apus_matmul_tile tile) {
  apus_matmul_own_run(choose(), shape, a, b, bias, c, tile);
}

void apus_matmul_own_block(const void *kernels_, const apus_matmul_block *y) {
  if (y->rows <= 0 || y->columns <= 0) return;
  const kernels *on = kernels_;
  const product x = {.rows = y->rows, .columns = y->columns, .k = y->k, .a = y->a, .b = y->b, .bias = y->bias, .c = y->c, .a_row = y->a_row,
                     .a_column = y->a_column, .b_row = y->b_row, .b_column = 1, .c_row = y->c_row, .bias_step = 1, .relu = y->relu,
                     .from_c = y->adds, .to_end = true};
  if (y->dtype == APUS_F64)
    on->f64(&x);
  else
    on->f32[y->columns <= 4 ? 2 : y->columns <= 8 ? 1 : 0](&x);
}

const void *apus_matmul_own_kernels(void) { return choose(); }

apus_matmul_own_cuts apus_matmul_own_cuts_of(const void *on, const apus_matmul *s) {
  const plan p = make_plan(on, s, NULL);
  // `outer` computes all of C at once.
  return (apus_matmul_own_cuts){.by_rows = !p.outer, .by_columns = !p.outer && !p.swapped, .is_blocked = p.blocked};
}
