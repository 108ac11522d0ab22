// Times the element-wise kernels: nanoseconds per element in the caches, on one core, for every instruction set of the machine.
//
//   cd Sources/CApus && clang -std=c17 -O2 -DNDEBUG -I. -Iinclude ../../Scripts/bench_elementwise.c elementwise*.c kernels_*.c \
//     dispatch.c reduce*.c -lm -o /tmp/bench_elementwise && /tmp/bench_elementwise
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "CApus.h"

enum { COUNT = 8192, LARGE = 1 << 20 };
static float A[LARGE], B[LARGE], C[LARGE];

static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// The best of several rounds, in nanoseconds per run.
#define TIME(RUNS, STATEMENT)                                                                                                \
  ({                                                                                                                         \
    double best = 1e9;                                                                                                       \
    for (int round = 0; round < 9; round++) {                                                                                \
      double start = now();                                                                                                  \
      for (int run = 0; run < (RUNS); run++) { STATEMENT; }                                                                  \
      double time = (now() - start) / (RUNS);                                                                                \
      if (time < best) best = time;                                                                                          \
    }                                                                                                                        \
    best * 1e9;                                                                                                              \
  })

typedef struct {
  const char *name;
  apus_opcode opcode;
  int operands;
} operation;

static const operation operations[] = {
  {"copy", APUS_COPY, 1}, {"relu", APUS_RELU, 1}, {"floor", APUS_FLOOR, 1}, {"sqrt", APUS_SQRT, 1}, {"rsqrt", APUS_RSQRT, 1},
  {"add", APUS_ADD, 2}, {"multiply", APUS_MULTIPLY, 2}, {"divide", APUS_DIVIDE, 2}, {"min", APUS_MIN, 2},
  {"remainder", APUS_REMAINDER, 2}, {"multiply-add", APUS_MULTIPLY_ADD, 3}, {"select", APUS_SELECT, 3}, {"exp", APUS_EXP, 1},
  {"expm1", APUS_EXPM1, 1}, {"log", APUS_LOG, 1}, {"log1p", APUS_LOG1P, 1}, {"sin", APUS_SIN, 1}, {"cos", APUS_COS, 1},
  {"tan", APUS_TAN, 1}, {"asin", APUS_ASIN, 1}, {"acos", APUS_ACOS, 1}, {"atan", APUS_ATAN, 1}, {"sinh", APUS_SINH, 1},
  {"cosh", APUS_COSH, 1}, {"tanh", APUS_TANH, 1}, {"erf", APUS_ERF, 1}, {"sigmoid", APUS_SIGMOID, 1},
  {"softplus", APUS_SOFTPLUS, 1}, {"power", APUS_POWER, 2}, {"atan2", APUS_ATAN2, 2},
};

static apus_operand dense(float *data) { return (apus_operand){data, APUS_F32, {1}}; }

#if defined(__x86_64__)
// The same formula as one hand-fused loop over the library's own vector code, to compare a tile program with.
#define APUS_VECTOR_BYTES 64
#define APUS_HAS_FMA 1
#define APUS_HAS_ROUND 1
#define APUS_HAS_SCALEF 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,bmi,bmi2"))), apply_to = function)
#include "vector/vector.h"
#include "vector/coefficients.h"
#include "vector/exponential.h"
static void fused_swish(float *to, const float *from, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    vf x = LOAD(vf, from + i);
    STORE(vf, to + i, x * sigmoid_f32(x));
  }
}
#pragma clang attribute pop
#endif

int main(void) {
  for (int i = 0; i < LARGE; i++) {
    A[i] = 0.01f + 0.9f * (float)((uint32_t)i * 2654435761u >> 8) / 0x1p24f;
    B[i] = 0.5f + (float)(i % 17);
  }
  const char *sets[] = {"avx512", "avx2", "neon", "baseline"};
  for (int s = 0; s < 4; s++) {
    if (!apus_testing_use_instruction_set(sets[s])) continue;
    printf("%s:", sets[s]);
    for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
      apus_instruction instruction = {operations[k].opcode, 2, {0, 1, 1}};
      apus_program program = {APUS_F32, 2, 0, 0, 1, 1, NULL, &instruction};
      apus_operand inputs[] = {dense(A), dense(B)}, output = dense(C);
      int64_t extents[] = {COUNT};
      printf(" %s %.3f", operations[k].name,
             TIME(200, apus_elementwise(&program, 1, extents, inputs, &output, 0, COUNT)) / COUNT);
    }
    printf("\n");
  }
  apus_testing_use_instruction_set(NULL);

  apus_operand inputs[] = {dense(A), dense(B)}, output = dense(C);
  apus_instruction swish[] = {{APUS_SIGMOID, 1, {0}}, {APUS_MULTIPLY, 2, {0, 1}}};
  apus_program program = {APUS_F32, 1, 0, 1, 1, 2, NULL, swish};
  for (int64_t count = COUNT; count <= LARGE; count *= LARGE / COUNT) {
    printf("swish, %ld elements: %.3f", (long)count,
           TIME(200 * COUNT / (int)count + 3, apus_elementwise(&program, 1, &count, inputs, &output, 0, count)) / (double)count);
#if defined(__x86_64__)
    if (strcmp(apus_instruction_set(), "avx512") == 0)
      printf(", by hand %.3f", TIME(200 * COUNT / (int)count + 3, fused_swish(C, A, count)) / (double)count);
#endif
    printf("\n");
  }

  apus_instruction add = {APUS_ADD, 2, {0, 1}};
  program = (apus_program){APUS_F32, 2, 0, 0, 1, 1, NULL, &add};
  for (int64_t count = 1; count <= 256; count *= 4)
    printf("one addition of %ld elements: %.1f ns\n", (long)count,
           TIME(20000, apus_elementwise(&program, 1, &count, inputs, &output, 0, count)));

  double half = 0.5;
  apus_instruction layer[] = {{APUS_MULTIPLY_ADD, 3, {0, 2, 1}}, {APUS_TANH, 3, {3}}};
  program = (apus_program){APUS_F32, 2, 1, 0, 1, 2, &half, layer};
  const struct { const char *name; int64_t strides[2]; } patterns[] = {
    {"dense", {4, 1}}, {"scalar", {0, 0}}, {"row", {0, 1}}, {"column", {1, 0}}, {"transposed", {1, 400}}};
  for (int p = 0; p < 5; p++) {
    int64_t extents[] = {400, 4};
    apus_operand two[] = {{A, APUS_F32, {4, 1}}, {B, APUS_F32, {patterns[p].strides[0], patterns[p].strides[1]}}};
    printf("tanh(a/2 + b), (400, 4), b %s: %.0f ns\n", patterns[p].name,
           TIME(2000, apus_elementwise(&program, 2, extents, two, &output, 0, 1600)));
  }
}
