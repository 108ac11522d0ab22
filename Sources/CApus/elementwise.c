// Element-wise programs over a whole iteration space or a range of it.
#include "CApus.h"
#include "elementwise_run.h"

typedef struct {
  int64_t begin, end;
} range;

static void run_range(apus_run *run, void *context) {
  const range *range = context;
  if (run->space.rank == 1) {
    apus_run_rows(run, 1, range->begin, range->end);
    return;
  }
  // A part of a row, whole rows, and a part again.
  const int64_t columns = run->space.extents[0];
  int64_t left = range->end - range->begin, column = range->begin % columns;
  apus_run_advance(run, range->begin / columns);
  while (left > 0) {
    int64_t rows = 1, end = columns;
    if (column > 0 || left < columns) {
      end = columns - column < left ? columns : column + left;
    } else {
      rows = run->space.extents[1] - run->row[1];
      if (rows > left / columns) rows = left / columns;
    }
    apus_run_rows(run, rows, column, end);
    left -= rows * (end - column);
    apus_run_advance(run, rows);
    column = 0;
  }
}

void apus_elementwise(const apus_program *program, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                      const apus_operand *outputs, int64_t begin, int64_t end) {
  if (begin >= end) return;
  apus_run_with(program, rank, extents, inputs, outputs, APUS_DENSE_OUTPUTS, begin, end, end - begin, run_range,
                &(range){begin, end});
}

void apus_elementwise_strided(const apus_program *program, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                              const apus_operand *outputs, int64_t begin, int64_t end) {
  if (begin >= end) return;
  apus_run_with(program, rank, extents, inputs, outputs, APUS_STRIDED_OUTPUTS, begin, end, end - begin, run_range,
                &(range){begin, end});
}

void apus_convert(void *destination, apus_dtype to, const void *source, apus_dtype from, int64_t count) {
  if (count > 0) apus_active_kernels()->conversions[to][from](destination, source, count);
}
