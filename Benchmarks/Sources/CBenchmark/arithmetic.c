// The processor's own limit: multiplications and additions in registers, in chains long enough in number to hide their latency.
#include "CBenchmark.h"
#include "team.h"

// Twelve chains: a fused multiply-add takes four clocks and two can start in each, and with the two operands they still fit into
// sixteen registers.
enum { CHAINS = 12 };

// `bytes` is the width of a vector register. Every round is CHAINS multiplications and additions of whole registers.
#define ARITHMETIC(NAME, BYTES, TARGET)                                                          \
  TARGET static float NAME(int64_t rounds, float scale, float offset) {                         \
    typedef float vector __attribute__((vector_size(BYTES)));                                    \
    vector a = (vector){0} + scale, b = (vector){0} + offset, chain[CHAINS], sum = {0};          \
    for (int i = 0; i < CHAINS; i++) chain[i] = a + (float)i;                                    \
    for (int64_t round = 0; round < rounds; round++)                                             \
      for (int i = 0; i < CHAINS; i++) chain[i] = chain[i] * a + b;                              \
    for (int i = 0; i < CHAINS; i++) sum += chain[i];                                            \
    return sum[0];                                                                               \
  }

ARITHMETIC(arithmetic_baseline, 16, __attribute__((noinline)))
#ifdef __x86_64__
ARITHMETIC(arithmetic_avx2, 32, __attribute__((noinline, target("avx2,fma"))))
ARITHMETIC(arithmetic_avx512, 64, __attribute__((noinline, target("avx512f,fma"))))
#endif

typedef struct {
  bench_vectors vectors;
  int64_t rounds;
} job;

// Read and written where the compiler cannot see, so that the chains cannot be computed beforehand or left out.
static volatile float scale = 0.999f, offset = 0.5f, seen;

static void run(void *context) {
  const job *j = context;
  switch (j->vectors) {
    case BENCH_BASELINE: seen = arithmetic_baseline(j->rounds, scale, offset); break;
#ifdef __x86_64__
    case BENCH_AVX2: seen = arithmetic_avx2(j->rounds, scale, offset); break;
    case BENCH_AVX512: seen = arithmetic_avx512(j->rounds, scale, offset); break;
#else
    default: break;
#endif
  }
}

bool bench_has_vectors(bench_vectors vectors) {
#ifdef __x86_64__
  if (vectors == BENCH_AVX512) return __builtin_cpu_supports("avx512f");
  if (vectors == BENCH_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return vectors == BENCH_BASELINE;
}

double bench_arithmetic(bench_vectors vectors, int64_t rounds, int32_t threads) {
  job j = {vectors, rounds};
  GOMP_parallel(run, &j, (unsigned)threads, 0);
  int lanes = vectors == BENCH_AVX512 ? 16 : vectors == BENCH_AVX2 ? 8 : 4;
  return 2.0 * lanes * CHAINS * (double)rounds * threads;
}
