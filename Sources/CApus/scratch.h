// Private to CApus: memory of the calling thread, kept from call to call.
#ifndef APUS_SCRATCH_H
#define APUS_SCRATCH_H

#include <stddef.h>

/// Who uses it: a block serves one use at a time, and uses may nest.
typedef enum {
  APUS_SCRATCH_ONEDNN,
  APUS_SCRATCH_CONVOLUTION,
  APUS_SCRATCH_MATMUL,
  APUS_SCRATCHES,
} apus_scratch_use;

/// At least so many bytes, aligned to 64, whose contents are anything; null without memory. The next call for the same use may move it.
void *apus_thread_scratch(apus_scratch_use use, size_t bytes);
/// The same where nothing can go on without: stops the program, as for tensors.
void *apus_thread_scratch_needed(apus_scratch_use use, size_t bytes);

#endif
