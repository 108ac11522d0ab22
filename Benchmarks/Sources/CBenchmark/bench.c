#define _GNU_SOURCE
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
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
#ifdef __linux__
  // The kernel's own record: getrusage also remembers whoever started this process.
  FILE *file = fopen("/proc/self/status", "r");
  if (file) {
    char line[256];
    long kib = -1;
    while (kib < 0 && fgets(line, sizeof line, file))
      if (sscanf(line, "VmHWM: %ld", &kib) != 1) kib = -1;
    fclose(file);
    if (kib >= 0) return (double)kib / 1024;
  }
#endif
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

int64_t bench_cache_size(int32_t level) {
#ifdef __linux__
  for (int index = 0; index < 8; index++) {
    // The files of one cache: its level, what it holds, its size such as 48K.
    char path[96], kind[32] = "";
    int found = 0, kib = 0;
    const char *names[3] = {"level", "type", "size"}, *formats[3] = {"%d", "%31s", "%dK"};
    void *values[3] = {&found, kind, &kib};
    int read = 0;
    for (int i = 0; i < 3; i++) {
      snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, names[i]);
      FILE *file = fopen(path, "r");
      if (!file) break;
      read += fscanf(file, formats[i], values[i]);
      fclose(file);
    }
    if (read == 3 && found == level && kib > 0 && strcmp(kind, "Instruction") != 0) return (int64_t)kib * 1024;
  }
#endif
  return level == 1 ? 32768 : level == 2 ? 524288 : 8388608;
}

_Noreturn void bench_exit(int32_t status) {
  fflush(NULL);
  _exit(status);
}

void bench_rest(int64_t nanoseconds) {
  struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  nanosleep(&time, NULL);
}

// The plain matrix product.

void omp_set_num_threads(int threads);  // of libgomp, whose header clang does not find everywhere

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

void bench_sgemm(int64_t n, const float *a, const float *b, float *c, int32_t threads) {
  // Opened here, so that it does not count as memory of a process that never calls it.
  static __typeof__(dnnl_sgemm) *sgemm = NULL;
  if (!sgemm) {
    void *library = dlopen("libdnnl.so." TEXT(DNNL_VERSION_MAJOR), RTLD_NOW);
    if (library) sgemm = (__typeof__(sgemm))dlsym(library, "dnnl_sgemm");
    if (!sgemm) {
      fprintf(stderr, "oneDNN is missing: %s\n", dlerror());
      exit(1);
    }
  }
  omp_set_num_threads(threads);
  sgemm('N', 'N', n, n, n, 1, a, n, b, n, 0, c, n);
}

// Threads that know nothing of each other, as a server's.

typedef struct {
  void (*body)(void *, int32_t);
  void *context;
  int32_t index;
} thread_start;

static void *run_thread(void *pointer) {
  thread_start *start = pointer;
  start->body(start->context, start->index);
  return NULL;
}

void bench_on_threads(int32_t count, void (*body)(void *, int32_t), void *context) {
  pthread_t threads[count];
  thread_start starts[count];
  for (int32_t i = 0; i < count; i++) {
    starts[i] = (thread_start){body, context, i};
    if (pthread_create(&threads[i], NULL, run_thread, &starts[i]) != 0) abort();
  }
  for (int32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}
