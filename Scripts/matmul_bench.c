// How fast the routes of the matrix product are, side by side: dnnl_sgemm with oneDNN's own threads, and plans on the team, by our own
// kernels and, with bfloat16 operands, by oneDNN's primitives. Contenders alternate; the median of the rounds counts.
//
//   clang -std=c17 -O2 -ISources/CApus/include Scripts/matmul_bench.c Sources/CApus/{matmul_*,onednn*,parallel,support}.c -ldnnl -lgomp -lm
//   ./a.out [threads [square|small|large|forward|backward|rows|epilogue|bfloat16|versions|create]]
#define _POSIX_C_SOURCE 200809L  // clock_gettime, nanosleep
#include <oneapi/dnnl/dnnl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CApus.h"

extern void omp_set_num_threads(int threads);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;  // in microseconds
}

enum { SGEMM, OWN, BFLOAT16, CONTENDERS, ROUNDS = 7 };

typedef struct {
  apus_matmul shape;
  bool a_transposed, b_transposed;
  float *a, *b, *bias, *c;
  uint16_t *half_a, *half_b;
  apus_matmul_plan plans[CONTENDERS];
  const apus_matmul_plan *running;
} job;

static void run_piece(void *context, int64_t piece) {
  const job *j = context;
  const bool half = j->running->shape.dtype == APUS_BF16;
  const void *a = half ? (const void *)j->half_a : j->a, *b = half ? (const void *)j->half_b : j->b;
  if (apus_matmul_plan_run(j->running, a, b, j->bias, j->c, piece) != 0) abort();
}

static void run(job *j, int contender) {
  const apus_matmul *s = &j->shape;
  if (contender == SGEMM) {
    dnnl_sgemm(j->a_transposed ? 'T' : 'N', j->b_transposed ? 'T' : 'N', s->m, s->n, s->k, 1, j->a, j->a_transposed ? s->m : s->k, j->b,
               j->b_transposed ? s->k : s->n, 0, j->c, s->n);
    return;
  }
  j->running = &j->plans[contender];
  if (j->running->pieces == 1 || !apus_parallel_pays(j->running->cost))
    for (int64_t piece = 0; piece < j->running->pieces; piece++) run_piece(j, piece);
  else
    apus_parallel(j->running->pieces, run_piece, j);
}

// 0 where this way cannot do the product.
static bool prepare(job *j, int contender) {
  apus_matmul shape = j->shape;
  if (contender == BFLOAT16) shape.dtype = APUS_BF16;
  return contender == SGEMM || apus_matmul_plan_make(&shape, apus_matmul_route(&shape), &j->plans[contender]) == 0;
}

// OpenMP's threads spin for milliseconds after their last region, in everybody's way.
static void rest(void) { nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); }

static float *filled(int64_t count) {
  float *p = aligned_alloc(64, ((size_t)count * 4 + 127) / 64 * 64);
  for (int64_t i = 0; i < count; i++) p[i] = (float)(rand() % 2001 - 1000) / 1000;
  return p;
}

// The upper halves: truncated, which is as fast.
static uint16_t *halved(const float *x, int64_t count) {
  uint16_t *p = aligned_alloc(64, ((size_t)count * 2 + 127) / 64 * 64);
  for (int64_t i = 0; i < count; i++) memcpy(&p[i], (const char *)&x[i] + 2, 2);
  return p;
}

static int by_value(const void *x, const void *y) { return *(const double *)x < *(const double *)y ? -1 : *(const double *)x > *(const double *)y; }

static job make(int64_t m, int64_t n, int64_t k, bool at, bool bt, bool bias, apus_epilogue epilogue) {
  job j = {.a_transposed = at, .b_transposed = bt};
  j.shape = (apus_matmul){.batch = 1, .m = m, .n = n, .k = k, .a_batch = m * k, .a_row = at ? 1 : k, .a_column = at ? m : 1, .b_batch = k * n,
                          .b_row = bt ? 1 : n, .b_column = bt ? k : 1, .has_bias = bias, .epilogue = epilogue, .dtype = APUS_F32};
  j.a = filled(m * k), j.b = filled(k * n), j.c = filled(m * n), j.bias = bias ? filled(n) : NULL;
  j.half_a = halved(j.a, m * k), j.half_b = halved(j.b, k * n);
  return j;
}

static void finish(job *j) {
  for (int contender = 0; contender < CONTENDERS; contender++) apus_matmul_plan_destroy(&j->plans[contender]);
  free(j->a), free(j->b), free(j->c), free(j->bias), free(j->half_a), free(j->half_b);
}

static void measure(const char *name, int64_t m, int64_t n, int64_t k, bool at, bool bt, bool bias, apus_epilogue epilogue) {
  job j = make(m, n, k, at, bt, bias, epilogue);
  bool able[CONTENDERS];
  double creation = 0;
  for (int contender = 0; contender < CONTENDERS; contender++) {
    double begun = now();
    able[contender] = prepare(&j, contender);
    if (contender == BFLOAT16) creation = now() - begun;
  }

  double flops = 2.0 * (double)m * (double)n * (double)k, times[CONTENDERS][ROUNDS];
  for (int round = 0; round < ROUNDS; round++)
    for (int contender = 0; contender < CONTENDERS; contender++) {
      if (!able[contender]) continue;
      int64_t repeats = (int64_t)(1500 / (0.1 + flops / 1e5)) + 1;  // about 2 ms
      if (repeats > 4000) repeats = 4000;
      rest();
      for (int i = 0; i < 3; i++) run(&j, contender);
      double start = now();
      for (int64_t i = 0; i < repeats; i++) run(&j, contender);
      times[contender][round] = (now() - start) / (double)repeats;
    }
  printf("%-28s %5ld %5ld %5ld %c%c", name, (long)m, (long)n, (long)k, at ? 'T' : 'N', bt ? 'T' : 'N');
  for (int contender = 0; contender < CONTENDERS; contender++) {
    qsort(times[contender], ROUNDS, sizeof(double), by_value);
    double t = able[contender] ? times[contender][ROUNDS / 2] : NAN;
    printf(" | %8.2f us %6.1f", t, flops / t * 1e-3);
  }
  const apus_matmul_plan *p = &j.plans[OWN];
  printf(" | made in %6.0f us | %ldx%ld tiles, cost %.0f us\n", creation, (long)p->grid_rows, (long)p->grid_columns, p->cost * 1e-3);
  finish(&j);
}

static void creation(void) {
  double start = now();
  apus_onednn_version();
  struct { int64_t m, n, k; bool at, bt; } shapes[] = {{32, 128, 64, 0, 1}, {32, 10, 128, 0, 1}, {32, 64, 128, 0, 0}, {128, 64, 32, 1, 0}, {10, 128, 32, 1, 0},
    {1, 512, 784, 0, 1}, {8, 512, 784, 0, 1}, {128, 512, 784, 0, 1}, {1024, 1024, 1024, 0, 0}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    job j = make(shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].at, shapes[i].bt, true, APUS_EPILOGUE_RELU);
    start = now();
    prepare(&j, BFLOAT16);
    double first = now() - start;
    apus_matmul_plan_destroy(&j.plans[BFLOAT16]);
    start = now();
    prepare(&j, BFLOAT16);
    double second = now() - start;
    start = now();
    run(&j, BFLOAT16);
    double first_run = now() - start;
    printf("primitive %5ld %5ld %5ld %c%c: create %7.0f us, again %5.0f us, first run %6.0f us\n", (long)j.shape.m, (long)j.shape.n,
           (long)j.shape.k, j.a_transposed ? 'T' : 'N', j.b_transposed ? 'T' : 'N', first, second, first_run);
    finish(&j);
  }
  job j = make(32, 128, 64, false, true, false, APUS_EPILOGUE_NONE);
  for (int i = 0; i < 3; i++) {
    start = now();
    run(&j, SGEMM);
    printf("sgemm call %d: %.0f us\n", i + 1, now() - start);
  }
  finish(&j);
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  const char *what = argc > 2 ? argv[2] : "all";
  apus_set_threads(threads);
  omp_set_num_threads(threads);
  printf("oneDNN %d, %d thread(s), own kernels: level %d\n", apus_onednn_version(), threads,
         apus_matmul_own_level(getenv("APUS_LEVEL") ? atoi(getenv("APUS_LEVEL")) : -1));
  bool all = !strcmp(what, "all");
  if (!strcmp(what, "create")) {
    creation();
    return 0;
  }
  printf("%-28s     m     n     k    | %-18s | %-18s | %-18s\n", "", "dnnl_sgemm, GFLOP/s", "own", "bfloat16");
  if (all || !strcmp(what, "square")) {
    int64_t sizes[] = {16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) measure("square", sizes[i], sizes[i], sizes[i], false, false, false, 0);
    for (size_t i = 1; i < 9; i += 2) measure("square, B transposed", sizes[i], sizes[i], sizes[i], false, true, false, 0);
    for (size_t i = 1; i < 9; i += 2) measure("square, A transposed", sizes[i], sizes[i], sizes[i], true, false, false, 0);
  }
  if (all || !strcmp(what, "small")) {
    measure("planar layer 1", 400, 4, 2, false, true, false, 0);
    measure("planar layer 2", 400, 1, 4, false, true, false, 0);
    measure("planar dW1", 4, 2, 400, true, false, false, 0);
    measure("planar dW2", 1, 4, 400, true, false, false, 0);
    measure("planar dX", 400, 4, 1, false, false, false, 0);
    measure("dW (16x2)", 16, 2, 400, true, false, false, 0);
    measure("dW (8x8)", 8, 8, 400, true, false, false, 0);
    measure("one row, weights (out, in)", 1, 512, 784, false, true, false, 0);
    measure("one row, weights (in, out)", 1, 512, 784, false, false, false, 0);
    measure("2 rows", 2, 512, 784, false, true, false, 0);
    measure("4 rows", 4, 512, 784, false, true, false, 0);
    measure("8 rows", 8, 512, 784, false, true, false, 0);
    measure("16 rows", 16, 512, 784, false, true, false, 0);
    measure("32 rows", 32, 512, 784, false, true, false, 0);
    measure("64 rows", 64, 512, 784, false, true, false, 0);
    measure("column", 512, 1, 784, false, false, false, 0);
    measure("4 x 4", 4, 4, 4, false, false, false, 0);
    measure("digits layer 1", 32, 128, 64, false, true, false, 0);
    measure("digits layer 2", 32, 10, 128, false, true, false, 0);
    measure("digits dX", 32, 128, 10, false, false, false, 0);
    measure("digits dW1", 128, 64, 32, true, false, false, 0);
    measure("digits dW2", 10, 128, 32, true, false, false, 0);
    measure("mnist layer 1", 128, 512, 784, false, true, false, 0);
    measure("mnist dW1", 512, 784, 128, true, false, false, 0);
    measure("mnist layer 2", 128, 10, 512, false, true, false, 0);
    measure("mnist dW2", 10, 512, 128, true, false, false, 0);
    measure("mnist dX2", 128, 512, 10, false, false, false, 0);
  }
  if (all || !strcmp(what, "large")) {
    struct { int64_t m, n, k; } shapes[] = {{64, 512, 784}, {64, 512, 512}, {128, 512, 784}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024},
      {32, 1024, 4096}, {256, 64, 1024}, {4096, 64, 64}, {64, 64, 4096}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
      measure("large", shapes[i].m, shapes[i].n, shapes[i].k, false, false, false, 0);
      measure("large", shapes[i].m, shapes[i].n, shapes[i].k, false, true, false, 0);
      measure("large, bias relu", shapes[i].m, shapes[i].n, shapes[i].k, false, true, true, APUS_EPILOGUE_RELU);
      measure("large", shapes[i].m, shapes[i].n, shapes[i].k, true, false, false, 0);
    }
  }
  if (all || !strcmp(what, "forward")) {
    struct { int64_t m, n, k; } shapes[] = {{64, 100, 1000}, {256, 64, 256}, {256, 256, 64}, {256, 256, 784}, {256, 784, 256}, {128, 512, 784},
      {128, 512, 512}, {256, 1024, 784}, {256, 1024, 1024}, {128, 128, 512}, {128, 256, 256}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      measure("layer, bias relu", shapes[i].m, shapes[i].n, shapes[i].k, false, true, true, APUS_EPILOGUE_RELU);
  }
  if (all || !strcmp(what, "backward")) {
    struct { int64_t m, n, k; bool at; } shapes[] = {{128, 512, 512, 0}, {512, 784, 128, 1}, {512, 512, 128, 1}, {256, 1024, 1024, 0}, {1024, 1024, 256, 1},
      {100, 1000, 64, 1}, {256, 256, 784, 0}, {784, 256, 256, 1}, {64, 256, 256, 1}, {768, 128, 512, 0}, {512, 128, 768, 1}, {1024, 256, 4096, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      measure(shapes[i].at ? "weights' gradient" : "inputs' gradient", shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].at, false, false, APUS_EPILOGUE_NONE);
  }
  if (all || !strcmp(what, "rows")) {
    int64_t rows[] = {1, 2, 4, 8, 16, 24, 32}, sizes[][2] = {{512, 784}, {2048, 2048}, {4096, 256}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
        measure("few rows", rows[j], sizes[i][0], sizes[i][1], false, true, false, 0);
        measure("few rows", rows[j], sizes[i][0], sizes[i][1], false, false, false, 0);
      }
  }
  if (all || !strcmp(what, "bfloat16")) {
    struct { int64_t m, n, k; bool at, bt; } shapes[] = {{64, 64, 64, 0, 1}, {96, 96, 96, 0, 1}, {128, 128, 128, 0, 1}, {128, 512, 784, 0, 1},
      {128, 512, 512, 0, 0}, {512, 784, 128, 1, 0}, {256, 1024, 1024, 0, 0}, {256, 1024, 1024, 0, 1}, {256, 1024, 1024, 1, 0},
      {1024, 1024, 1024, 0, 0}, {1024, 1024, 1024, 0, 1}, {1024, 1024, 1024, 1, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      measure("", shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].at, shapes[i].bt, false, APUS_EPILOGUE_NONE);
  }
  if (!strcmp(what, "versions")) {
    struct { int64_t m, n, k; bool at, bt; } shapes[] = {{32, 128, 64, 0, 1}, {64, 64, 64, 0, 0}, {128, 512, 784, 0, 1}, {512, 784, 128, 1, 0},
      {256, 256, 256, 0, 0}, {256, 256, 256, 0, 1}, {512, 512, 512, 0, 0}, {512, 512, 512, 1, 0}, {1024, 1024, 1024, 0, 0}, {1024, 1024, 1024, 0, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      measure("", shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].at, shapes[i].bt, false, APUS_EPILOGUE_NONE);
    measure("bias relu", 128, 512, 784, false, true, true, APUS_EPILOGUE_RELU);
    measure("bias tanh", 128, 512, 784, false, true, true, APUS_EPILOGUE_TANH);
  }
  if (all || !strcmp(what, "epilogue")) {
    measure("digits layer 1, bias relu", 32, 128, 64, false, true, true, APUS_EPILOGUE_RELU);
    measure("digits layer 1, bias tanh", 32, 128, 64, false, true, true, APUS_EPILOGUE_TANH);
    measure("mnist layer 1, bias relu", 128, 512, 784, false, true, true, APUS_EPILOGUE_RELU);
    measure("512, bias relu", 512, 512, 512, false, true, true, APUS_EPILOGUE_RELU);
  }
  return 0;
}
