// Which instruction set the kernels run with. Every thread that asks first finds the same answer, so that no lock is needed.
#include <stdatomic.h>
#include <string.h>

#include "CApus.h"
#include "vector/kernels.h"

static _Atomic(const apus_kernels *) active;
// A test's choice, for its own thread: tests of other things run beside it and must not notice.
static _Thread_local const apus_kernels *forced;

#if defined(__x86_64__)
// __builtin_cpu_supports also checks that the operating system saves the wide registers.
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }
static bool has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

static const apus_kernels *best(void) {
#if defined(__x86_64__)
  if (has_avx512()) return &apus_kernels_avx512;
  if (has_avx2()) return &apus_kernels_avx2;
#endif
  return &apus_kernels_baseline;
}

const apus_kernels *apus_active_kernels(void) {
  if (__builtin_expect(forced != NULL, 0)) return forced;
  const apus_kernels *kernels = atomic_load_explicit(&active, memory_order_relaxed);  // constant data: no order needed
  if (__builtin_expect(kernels == NULL, 0)) {
    kernels = best();
    atomic_store_explicit(&active, kernels, memory_order_relaxed);
  }
  return kernels;
}

const char *apus_instruction_set(void) { return apus_active_kernels()->name; }

bool apus_testing_use_instruction_set(const char *name) {
  const apus_kernels *chosen = NULL;
  if (name == NULL) {
    forced = NULL;
    return true;
  }
  if (strcmp(name, apus_kernels_baseline.name) == 0) chosen = &apus_kernels_baseline;
#if defined(__x86_64__)
  else if (strcmp(name, "avx2") == 0 && has_avx2()) chosen = &apus_kernels_avx2;
  else if (strcmp(name, "avx512") == 0 && has_avx512()) chosen = &apus_kernels_avx512;
#endif
  if (chosen == NULL) return false;
  forced = chosen;
  return true;
}
