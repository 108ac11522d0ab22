// The bridge to libgomp's thread team. GOMP_parallel is what a compiler emits for `#pragma omp parallel`: its interface has been
// stable since GCC 4.9, and calling it needs no OpenMP support in the compiler (Swift's clang ships without one).
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "CApus.h"

extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern int omp_in_parallel(void);
extern void omp_set_num_threads(int threads);

typedef struct {
  void (*body)(void *, int64_t);
  void *context;
  int64_t chunks;
} region;

// Chunks are dealt out in contiguous runs, so that neighbouring memory stays with one core.
static void run_share(void *pointer) {
  region *r = pointer;
  int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
  int64_t begin = r->chunks * thread / threads, end = r->chunks * (thread + 1) / threads;
  for (int64_t chunk = begin; chunk < end; chunk++) r->body(r->context, chunk);
}

// OpenMP keeps the team size per calling thread; Apus has one for the process. Every entry to the team (ours and oneDNN's)
// goes through here and brings the calling thread up to date.
static _Atomic int32_t team_size = 0;
static _Thread_local int32_t applied_size = 0;

int32_t apus_threads(void) {
  int32_t size = atomic_load_explicit(&team_size, memory_order_relaxed);
  if (size == 0) return omp_get_max_threads();
  if (size != applied_size) {
    omp_set_num_threads(size);
    applied_size = size;
  }
  return size;
}

void apus_set_threads(int32_t threads) { atomic_store(&team_size, threads > 0 ? threads : omp_get_num_procs()); }

void apus_parallel(int64_t chunks, void (*body)(void *, int64_t), void *context) {
  int64_t threads = apus_threads();
  if (threads > chunks) threads = chunks;
  if (threads <= 1 || omp_in_parallel()) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  region r = {body, context, chunks};
  GOMP_parallel(run_share, &r, (unsigned)threads, 0);
}

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
