// Memory traffic without arithmetic worth the name. Variants for wide vectors, so that the caches' bandwidth is reached too.
#include <string.h>

#include "CBenchmark.h"
#include "team.h"

#if defined(__x86_64__) && defined(__linux__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE __attribute__((noinline))
#endif

// Sixteen floats as integers: a sum of floats would wait for itself, an exclusive or takes one clock.
typedef uint32_t line __attribute__((vector_size(64), aligned(4)));

WIDE static void read(const float *a, int64_t count, line *sum) {
  line s0 = *sum, s1 = {0}, s2 = {0}, s3 = {0};
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const line *x = (const line *)(a + i);
    s0 ^= x[0], s1 ^= x[1], s2 ^= x[2], s3 ^= x[3];
  }
  for (; i + 16 <= count; i += 16) s0 ^= *(const line *)(a + i);
  *sum = s0 ^ s1 ^ s2 ^ s3;
}
WIDE static void store(float value, float *y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = value;
}
WIDE static void copy(const float *restrict a, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * 1.5f;  // not quite a copy, or the compiler would call memcpy
}
WIDE static void add(const float *restrict a, const float *restrict b, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}
WIDE static void multiply_add(const float *restrict a, const float *restrict b, const float *restrict c, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i] + c[i];
}
WIDE static void adam(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    m[i] = 0.9f * m[i] + 0.1f * g[i];
    v[i] = 0.9f * v[i] + 0.1f * g[i];
    p[i] = p[i] - 0.001f * m[i];
  }
}
WIDE static void momentum(float *restrict p, const float *restrict g, float *restrict v, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    v[i] = 0.9f * v[i] + g[i];
    p[i] = p[i] - 0.001f * v[i];
  }
}

typedef struct {
  bench_traffic traffic;
  float *const *x;
  float *y;
  int64_t count, repeats;
} job;

static void run_part(const job *j, int64_t begin, int64_t count, line *sum) {
  float *const *x = j->x;
  float *y = j->y + begin;
  switch (j->traffic) {
    case BENCH_MEMCPY: memcpy(y, x[0] + begin, (size_t)count * sizeof(float)); break;
    case BENCH_READ: read(x[0] + begin, count, sum); break;
    case BENCH_STORE: store(1.5f, y, count); break;
    case BENCH_COPY: copy(x[0] + begin, y, count); break;
    case BENCH_ADD: add(x[0] + begin, x[1] + begin, y, count); break;
    case BENCH_MULTIPLY_ADD: multiply_add(x[0] + begin, x[1] + begin, x[2] + begin, y, count); break;
    case BENCH_MOMENTUM: momentum(x[0] + begin, x[1] + begin, x[2] + begin, count); break;
    case BENCH_ADAM: adam(x[0] + begin, x[1] + begin, x[2] + begin, x[3] + begin, count); break;
  }
}

// Somebody could look at it, so the reading cannot be left out.
static volatile uint32_t seen;

static void run_parts(const job *j, int64_t begin, int64_t count) {
  line sum = {0};
  for (int64_t i = 0; i < j->repeats; i++) run_part(j, begin, count, &sum);
  seen = sum[0];
}

static void run_share(void *context) {
  const job *j = context;
  int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
  int64_t begin = j->count * thread / threads, end = j->count * (thread + 1) / threads;
  run_parts(j, begin, end - begin);
}

void bench_move(bench_traffic traffic, float *const *x, float *y, int64_t count, int32_t threads) {
  // Waking the team takes longer than a short loop.
  bench_stream(traffic, x, y, count, 1, count < 32768 ? 1 : threads);
}

void bench_stream(bench_traffic traffic, float *const *x, float *y, int64_t count, int64_t repeats, int32_t threads) {
  job j = {traffic, x, y, count, repeats};
  if (threads <= 1)
    run_parts(&j, 0, count);
  else
    GOMP_parallel(run_share, &j, (unsigned)threads, 0);
}
