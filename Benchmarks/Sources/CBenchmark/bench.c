#define _GNU_SOURCE
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "CBenchmark.h"

// Clocks and memory.

static int64_t nanoseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_now(void) { return nanoseconds(CLOCK_MONOTONIC); }

double bench_process_age(void) {
  const char *told = getenv("BENCH_STARTED");
  if (told) return (double)(bench_now() - atoll(told)) * 1e-9;
#ifdef __linux__
  char text[2048] = {0};
  FILE *file = fopen("/proc/self/stat", "r");
  if (!file) return -1;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  // Field 22, counted from the one after the name in parentheses, which is the third.
  const char *field = strrchr(text, ')');
  if (!field) return -1;
  field += 2;
  for (int number = 3; number < 22 && field; number++) {
    field = strchr(field, ' ');
    if (field) field++;
  }
  if (!field) return -1;
  return (double)nanoseconds(CLOCK_BOOTTIME) * 1e-9 - (double)atoll(field) / (double)sysconf(_SC_CLK_TCK);
#else
  return -1;
#endif
}

double bench_peak_memory(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return (double)usage.ru_maxrss / 1048576;
#else
  return (double)usage.ru_maxrss / 1024;
#endif
}

double bench_processor_seconds(void) { return (double)nanoseconds(CLOCK_PROCESS_CPUTIME_ID) * 1e-9; }

double bench_machine_seconds(void) {
#ifdef __linux__
  FILE *file = fopen("/proc/stat", "r");
  if (!file) return 0;
  // user, nice, system, idle, waiting for input and output, interrupts twice
  long long t[7] = {0};
  int found = fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld", t, t + 1, t + 2, t + 3, t + 4, t + 5, t + 6);
  fclose(file);
  return found == 7 ? (double)(t[0] + t[1] + t[2] + t[5] + t[6]) / (double)sysconf(_SC_CLK_TCK) : 0;
#else
  return 0;
#endif
}

_Noreturn void bench_exit(int32_t status) {
  fflush(NULL);
  _exit(status);
}

// The plain matrix product.

void bench_sgemm(int64_t n, const float *a, const float *b, float *c) {
  dnnl_sgemm('N', 'N', n, n, n, 1, a, n, b, n, 0, c, n);
}

// Memory traffic. Variants for wide vectors, so that the caches' bandwidth is reached too.

#if defined(__x86_64__) && defined(__linux__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE __attribute__((noinline))
#endif

WIDE static void copy(const float *restrict a, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * 1.5f;  // not quite a copy, or the compiler would call memcpy
}
WIDE static void add(const float *restrict a, const float *restrict b, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}
WIDE static void multiply_add(const float *restrict a, const float *restrict b, const float *restrict c, float *restrict y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i] + c[i];
}
WIDE static void update(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    m[i] = 0.9f * m[i] + 0.1f * g[i];
    v[i] = 0.9f * v[i] + 0.1f * g[i];
    p[i] = p[i] - 0.001f * m[i];
  }
}

// The team that oneDNN and Apus use. GOMP_parallel is what a compiler emits for `#pragma omp parallel`.
extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);

typedef struct {
  bench_traffic traffic;
  float *const *x;
  float *y;
  int64_t count;
} job;

static void run_part(const job *j, int64_t begin, int64_t count) {
  float *const *x = j->x;
  switch (j->traffic) {
    case BENCH_MEMCPY: memcpy(j->y + begin, x[0] + begin, (size_t)count * sizeof(float)); break;
    case BENCH_COPY: copy(x[0] + begin, j->y + begin, count); break;
    case BENCH_ADD: add(x[0] + begin, x[1] + begin, j->y + begin, count); break;
    case BENCH_MULTIPLY_ADD: multiply_add(x[0] + begin, x[1] + begin, x[2] + begin, j->y + begin, count); break;
    case BENCH_UPDATE: update(x[0] + begin, x[1] + begin, x[2] + begin, x[3] + begin, count); break;
  }
}

static void run_share(void *context) {
  const job *j = context;
  int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
  int64_t begin = j->count * thread / threads, end = j->count * (thread + 1) / threads;
  run_part(j, begin, end - begin);
}

void bench_move(bench_traffic traffic, float *const *x, float *y, int64_t count, int32_t threads) {
  job j = {traffic, x, y, count};
  // Waking the team takes longer than a short loop.
  if (threads <= 1 || count < 32768)
    run_part(&j, 0, count);
  else
    GOMP_parallel(run_share, &j, (unsigned)threads, 0);
}
