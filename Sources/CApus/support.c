// What Swift needs of C besides kernels: a word for each thread, a counter, memory, and numbers as text.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __APPLE__
#include <sys/resource.h>
#endif

#include "CApus.h"
#include "scratch.h"

static _Thread_local apus_thread_state thread_state;
apus_thread_state *apus_thread(void) { return &thread_state; }

static _Atomic uint64_t sequence = 1;
uint64_t apus_next_sequence(void) { return atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed); }

void *apus_allocate(size_t bytes) { return aligned_alloc(64, (bytes + 63) & ~(size_t)63); }
void apus_free(void *block) { free(block); }

typedef struct {
  size_t bytes;
  void *memory;
} scratch;
static _Thread_local scratch thread_scratch[APUS_SCRATCHES];
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

// The blocks go when the thread does.
static void free_scratch(void *blocks) {
  scratch *all = blocks;
  for (int i = 0; i < APUS_SCRATCHES; i++) {
    free(all[i].memory);
    all[i] = (scratch){0, NULL};
  }
}
static void make_scratch_key(void) { pthread_key_create(&scratch_key, free_scratch); }

void *apus_thread_scratch(apus_scratch_use use, size_t bytes) {
  scratch *block = &thread_scratch[use];
  if (bytes <= block->bytes) return block->memory;
  pthread_once(&scratch_once, make_scratch_key);
  free(block->memory);
  block->memory = apus_allocate(bytes);
  block->bytes = block->memory ? bytes : 0;
  pthread_setspecific(scratch_key, thread_scratch);
  return block->memory;
}

void *apus_thread_scratch_needed(apus_scratch_use use, size_t bytes) {
  void *memory = apus_thread_scratch(use, bytes);
  if (memory) return memory;
  fprintf(stderr, "out of memory: %zu bytes were asked for\n", bytes);
  abort();
}

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
