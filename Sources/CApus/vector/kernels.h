// What one instruction set provides: a table of functions that run one instruction over whole vectors, and the conversions.
#ifndef APUS_VECTOR_KERNELS_H
#define APUS_VECTOR_KERNELS_H

#include "../include/apus_elementwise.h"
#include "../include/apus_recurrent.h"

/// A register of a running program, a tile of some rows that are `pitch` bytes apart: `step` is the size of a vector in bytes, or 0
/// where a row holds one value; there, APUS_BLOCK vectors full of it. No element-wise loop needs to know which it is.
typedef struct {
  char *data;
  int64_t step, pitch;
} apus_register;

/// Loops of cheap instructions handle this many vectors at once.
enum { APUS_BLOCK = 4, APUS_OPCODES = 128, APUS_COMPUTE_TYPES = 4, APUS_DTYPES = 7, APUS_MAX_VECTOR_BYTES = 64 };

/// Runs `instruction` over `rows` rows of `length` full vectors; the destination may be one of the sources (same address).
typedef void apus_kernel(const apus_instruction *instruction, const apus_register *registers, int64_t length, int64_t rows);
typedef void apus_converter(void *destination, const void *source, int64_t count);

/// Some rows of a batch of sequences at one step; see recurrent.c. Addresses are those of the first row.
typedef struct {
  const apus_recurrence *shape;
  const apus_recurrence_forward *operands;
  int64_t step, first;      // which step, and which sequence the first row is
  const void *before;       // h before the step, rows of `units`
  void *after, *cell;       // h after it; c, which changes in place
} apus_forward_step;
typedef struct {
  const apus_recurrence *shape;
  const apus_recurrence_backward *operands;
  int64_t step, first;
  bool is_first;            // no step came before it
  void *d_hidden, *d_cell;  // of the state after the step; becomes that of the state before it
} apus_backward_step;

/// The recurrences of one instruction set and element type.
typedef struct {
  void (*pack)(const apus_recurrence *shape, bool backward, const void *weight, void *packed, int64_t begin, int64_t end);
  void (*forward)(const apus_forward_step *step, int64_t rows);
  /// The gradients of a step's gates, and of what of the state does not pass through W.
  void (*gates)(const apus_backward_step *step, int64_t rows);
  /// Adds what passes through W.
  void (*backward)(const apus_backward_step *step, int64_t rows);
  int64_t lanes;
} apus_recurrent_kernels;

typedef struct {
  const char *name;
  int64_t vector_bytes;
  apus_kernel *operations[APUS_COMPUTE_TYPES][APUS_OPCODES];
  apus_converter *conversions[APUS_DTYPES][APUS_DTYPES];  // [to][from]
  apus_recurrent_kernels recurrent[2];                    // by element type: APUS_F32, APUS_F64
} apus_kernels;

/// The table for this machine (or the one that a test asked for).
__attribute__((visibility("hidden"))) const apus_kernels *apus_active_kernels(void);

extern const apus_kernels apus_kernels_baseline __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const apus_kernels apus_kernels_avx2 __attribute__((visibility("hidden")));
extern const apus_kernels apus_kernels_avx512 __attribute__((visibility("hidden")));
#endif

/// Bytes per element, indexed by apus_dtype.
static inline int64_t apus_size(apus_dtype dtype) {
  static const uint8_t sizes[APUS_DTYPES] = {4, 8, 4, 8, 1, 1, 2};
  return sizes[dtype];
}

#endif
