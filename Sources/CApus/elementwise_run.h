// Private: a running element-wise program. What a call needs is found out once (apus_run_with); then any stretches of the
// iteration space can be run (apus_run_rows), with sums and the like in between.
#ifndef APUS_ELEMENTWISE_RUN_H
#define APUS_ELEMENTWISE_RUN_H

#include "elementwise_layout.h"
#include "vector/kernels.h"

typedef enum {
  APUS_SCALAR,     // one value: a full block, made once
  APUS_DIRECT,     // dense, of the compute type: the register points into the tensor
  APUS_CONVERTED,  // dense, of another type
  APUS_PERIODIC,   // repeats after at most a tile (a bias): read once, then pointed into at the right phase
  APUS_STRIDED,    // anything else: read tile by tile, unless the tile lies within a stretch of stride 0 or 1
} apus_input_kind;

typedef struct {
  apus_input_kind kind;
  apus_dtype dtype;
  int64_t size;      // of an element in memory
  const char *data;  // of the current row's first element
  char *buffer;
  int64_t period, phase;        // of APUS_PERIODIC
  int64_t step[APUS_MAX_RANK];  // bytes from row to row, by axis of the space
  apus_layout layout;           // filled for APUS_PERIODIC and APUS_STRIDED
} apus_run_input;

typedef struct {
  bool is_direct;  // of the compute type: computed in place
  apus_dtype dtype;
  int64_t size;
  char *data;  // where position `origin` of the current row lies
  int64_t origin;
  char *buffer;
  int64_t step[APUS_MAX_RANK];
} apus_run_output;

/// The iteration space: axis 0 runs along a row, the others (innermost first) count rows. Rank 1 is a single row of all elements;
/// then operands that do not follow it evenly are copied tile by tile. In a space of more axes tiles end where rows end, and
/// within a row every operand steps evenly.
typedef struct {
  int32_t rank;
  int64_t extents[APUS_MAX_RANK];
} apus_run_space;

typedef struct {
  const apus_program *program;
  const apus_kernels *kernels;
  apus_register *registers;
  apus_run_input *inputs;
  apus_run_output *outputs;
  apus_run_space space;
  int64_t row[APUS_MAX_RANK];  // the index of the current row, where there are several
  int64_t size;          // of an element of the compute type
  int32_t vector_shift;  // the logarithm of a vector's bytes
  int64_t lanes;         // per vector, a power of two
  int64_t capacity;      // elements in a tile
  bool stores;           // some output is not direct
  char *raw;             // for reading strided elements of another type, before their conversion
} apus_run;

typedef enum {
  APUS_DENSE_OUTPUTS,    // their strides are not read
  APUS_STRIDED_OUTPUTS,  // ... are read
  APUS_ONE_ROW,          // dense outputs, and a space of a single row, whatever the operands are
  APUS_ROWS,             // strided outputs, and the rows as they are
} apus_run_form;

/// Finds the space, and how every operand lies in it.
__attribute__((visibility("hidden"))) void apus_run_classify(apus_run *run, int32_t rank, const int64_t *extents,
                                                             const apus_operand *inputs, const apus_operand *outputs,
                                                             apus_run_form form);

/// Prepares `program` for running over [begin, end), of which no more than `longest` elements of a row come at once, and calls
/// `body`. An output without memory is one that the body places.
__attribute__((visibility("hidden"))) void apus_run_with(const apus_program *program, int32_t rank, const int64_t *extents,
                                                         const apus_operand *inputs, const apus_operand *outputs,
                                                         apus_run_form form, int64_t begin, int64_t end, int64_t longest,
                                                         void (*body)(apus_run *run, void *context), void *context);

/// Runs the program over the positions [begin, end) of `rows` rows from the current one on, all at the same place of axis 2.
__attribute__((visibility("hidden"))) void apus_run_rows(apus_run *run, int64_t rows, int64_t begin, int64_t end);

/// Goes `count` rows on, within axis 1 or just past it; or from the first row to any other.
__attribute__((visibility("hidden"))) void apus_run_advance(apus_run *run, int64_t count);

#endif
