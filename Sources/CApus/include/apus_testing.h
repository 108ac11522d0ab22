// For tests and benchmarks only; no part of the library calls these.
#ifndef APUS_TESTING_H
#define APUS_TESTING_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Makes the calling thread use another instruction set ("avx512", "avx2", "neon", "baseline"), or the best one again (null).
/// False where this machine does not have it; then nothing changes.
bool apus_testing_use_instruction_set(const char *_Nullable name);

/// How many of `chunks` chunks a region of a forked child process runs; -1 where the child does not end well.
int32_t apus_testing_parallel_in_child(int32_t chunks);

#ifdef __cplusplus
}
#endif
#endif
