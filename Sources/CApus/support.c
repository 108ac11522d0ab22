// What Swift needs of C besides kernels: a word for each thread, a counter, memory, and numbers as text.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __APPLE__
#include <sys/resource.h>
#endif

#include "CApus.h"

static _Thread_local apus_thread_state thread_state;
apus_thread_state *apus_thread(void) { return &thread_state; }

static _Atomic uint64_t sequence = 1;
uint64_t apus_next_sequence(void) { return atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed); }

void *apus_allocate(size_t bytes) { return aligned_alloc(64, (bytes + 63) & ~(size_t)63); }
void apus_free(void *block) { free(block); }

int32_t apus_format_double(char *buffer, size_t capacity, char style, int32_t precision, double value) {
  const char format[] = {'%', '.', '*', style, 0};
  return snprintf(buffer, capacity, format, precision, value);
}

int64_t apus_peak_memory(void) {
#ifdef __APPLE__
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
#else
  // Linux' getrusage would count the process that started this one, too.
  FILE *status = fopen("/proc/self/status", "re");
  if (status == NULL) return 0;
  char line[256];
  long long kilobytes = 0;
  while (fgets(line, sizeof line, status) != NULL) {
    if (sscanf(line, "VmHWM: %lld", &kilobytes) == 1) break;
  }
  fclose(status);
  return kilobytes * 1024;
#endif
}
