// Element-wise programs whose outputs are summed while they are in the first-level cache: over rows, or over everything.
#include <string.h>

#include "CApus.h"
#include "elementwise_run.h"
#include "reduce.h"

// A strip of columns is a tile at most, and computed eight rows at a time. Sums need at least a vector; the last strip takes what
// would not fill one. Short rows that follow each other in memory are computed as one, many at a time.
enum { STRIP_ROWS = 8, VECTOR_BYTES = 64, TILE_BYTES = 4096, STRIP_BYTES = TILE_BYTES - VECTOR_BYTES, SUMS_ALIGNMENT = 128 };

typedef struct {
  void *const *sums;
  int64_t begin, end;
  bool is_joined;
} column_range;

/// What an output needs beside its memory: its running sums, and a place for eight rows where it has no memory (or is narrower
/// than a vector).
typedef struct {
  apus_column_sums sums;
  char *rows;
} column_output;

/// Adds `count` rows, which have just been computed, of a strip that begins at `column`. Rows of less than a vector are copied to
/// where there is a vector's room.
static void add_rows(column_output *to, const apus_run_output *output, bool is_placed_here, int64_t column, int64_t width,
                     int64_t count, int64_t pitch) {
  if (is_placed_here) {
    apus_column_sums_add(&to->sums, to->rows, count, pitch / output->size);
    return;
  }
  const char *rows = output->data + column * output->size;
  if (width == to->sums.width) {
    apus_column_sums_add(&to->sums, rows, count, output->step[1] / output->size);
    return;
  }
  for (int64_t row = 0; row < count; row++)
    memcpy(to->rows + row * pitch, rows + row * output->step[1], (size_t)(width * output->size));
  apus_column_sums_add(&to->sums, to->rows, count, pitch / output->size);
}

/// How many rows of so many bytes fill a tile: a multiple of eight, for the order of the sums.
static int64_t joined_rows(int64_t bytes) {
  const int64_t eights = TILE_BYTES / (STRIP_ROWS * bytes);
  return STRIP_ROWS * (eights > 1 ? eights : 1);
}

/// Whether an operand is the same row again and again: a bias, or a feature's scale.
static bool is_repeated(const apus_run_input *input) { return input->kind == APUS_DIRECT && input->step[1] == 0; }

/// Whether all operands are numbers, or rows of which each begins where the one before it ends, or one row for all of a tile's rows.
static bool joins_rows(const apus_program *program, const apus_operand *inputs, const apus_operand *outputs, int64_t columns) {
  const int64_t bytes = columns * apus_size(program->compute);
  bool joins = bytes >= VECTOR_BYTES && bytes <= STRIP_BYTES;
  for (int32_t i = 0; joins && i < program->input_count; i++) {
    const int64_t *strides = inputs[i].strides;
    const bool is_number = strides[0] == 0 && strides[1] == 0, follows = strides[0] == columns && strides[1] == 1;
    const bool is_copied = strides[0] == 0 && strides[1] == 1 && inputs[i].dtype == program->compute && joined_rows(bytes) > STRIP_ROWS;
    joins = is_number || follows || is_copied;
  }
  for (int32_t i = 0; i < program->output_count; i++) joins &= outputs[i].data == NULL || outputs[i].strides[0] == columns;
  return joins;
}

static void sum_columns(apus_run *run, void *context) {
  const column_range *range = context;
  const int32_t output_count = run->program->output_count;
  const int64_t lanes = VECTOR_BYTES / run->size, strip = STRIP_BYTES / run->size;
  const int64_t all_columns = range->end - range->begin, widest = all_columns < strip + lanes ? all_columns : strip + lanes;
  const bool is_joined = range->is_joined;
  const int64_t at_once = is_joined ? joined_rows(widest * run->size) : STRIP_ROWS;
  // Rows are not a power of two apart, so that they do not compete for the same places in the cache.
  const int64_t pitch = is_joined ? widest * run->size : (widest * run->size + VECTOR_BYTES - 1 & -VECTOR_BYTES) + VECTOR_BYTES;
  const int64_t sums_bytes = (widest + lanes) * 8 + SUMS_ALIGNMENT - 1 & -SUMS_ALIGNMENT;
  const int64_t bytes = 2 * sums_bytes + at_once * pitch + VECTOR_BYTES + SUMS_ALIGNMENT - 1 & -SUMS_ALIGNMENT;
  column_output columns[output_count + 1];
  bool is_placed_here[output_count + 1];
  char *memory = __builtin_alloca_with_align((size_t)(output_count * bytes + SUMS_ALIGNMENT), 8 * SUMS_ALIGNMENT);
  for (int32_t i = 0; i < output_count; i++, memory += bytes) {
    columns[i].sums = (apus_column_sums){.partial = memory, .total = memory + sums_bytes, .dtype = run->program->compute};
    columns[i].rows = memory + 2 * sums_bytes;
    if (all_columns < lanes) memset(columns[i].rows, 0, (size_t)(at_once * pitch));  // the sums read a whole vector
    is_placed_here[i] = run->outputs[i].data == NULL;
    if (is_placed_here[i]) run->outputs[i].step[1] = pitch;
  }

  for (int32_t i = 0; is_joined && i < run->program->input_count; i++) {
    if (!is_repeated(&run->inputs[i])) continue;
    char *copies = __builtin_alloca_with_align((size_t)(at_once * pitch), 8 * VECTOR_BYTES);
    for (int64_t row = 0; row < at_once; row++) memcpy(copies + row * pitch, run->inputs[i].data, (size_t)pitch);
    run->inputs[i].data = copies;
  }

  const int64_t rows = run->space.extents[1];
  for (int64_t column = range->begin, width; column < range->end; column += width) {
    width = range->end - column <= strip + lanes ? range->end - column : strip;
    for (int32_t i = 0; i < output_count; i++) {
      columns[i].sums.width = width < lanes ? lanes : width;
      apus_column_sums_begin(&columns[i].sums);
    }
    for (int64_t row = 0, count; row < rows; row += count) {
      count = rows - row < at_once ? rows - row : at_once;
      for (int32_t i = 0; i < output_count; i++) {
        if (!is_placed_here[i]) continue;
        run->outputs[i].data = columns[i].rows;
        run->outputs[i].origin = column;
      }
      if (is_joined)
        apus_run_rows(run, 1, 0, count * width);
      else
        apus_run_rows(run, count, column, column + width);
      for (int32_t i = 0; i < output_count; i++)
        if (range->sums[i]) add_rows(&columns[i], &run->outputs[i], is_placed_here[i], column, width, count, pitch);
      apus_run_advance(run, count);  // after the last row, to the first one
    }
    for (int32_t i = 0; i < output_count; i++)
      if (range->sums[i]) apus_column_sums_finish(&columns[i].sums, (char *)range->sums[i] + column * run->size, width);
  }
}

void apus_elementwise_column_sums(const apus_program *program, const apus_operand *inputs, const apus_operand *outputs,
                                  void *const *sums, int64_t rows, int64_t columns, int64_t column_begin, int64_t column_end) {
  if (column_begin >= column_end) return;
  const int64_t size = apus_size(program->compute);
  if (rows == 0) {
    for (int32_t i = 0; i < program->output_count; i++)
      if (sums[i]) memset((char *)sums[i] + column_begin * size, 0, (size_t)((column_end - column_begin) * size));
    return;
  }
  const bool is_joined = column_begin == 0 && column_end == columns && joins_rows(program, inputs, outputs, columns);
  apus_run_with(program, 2, (const int64_t[]){rows, columns}, inputs, outputs, APUS_ROWS, column_begin, column_end,
                (is_joined ? joined_rows(columns * size) : STRIP_ROWS) * columns, sum_columns,
                &(column_range){sums, column_begin, column_end, is_joined});
}

typedef struct {
  double *const *sums;
  int64_t begin, end;
} chunk;

static void sum_chunk(apus_run *run, void *context) {
  const chunk *chunk = context;
  const apus_dtype compute = run->program->compute;
  const int32_t output_count = run->program->output_count;
  const int64_t block = apus_sum_block(compute), block_bytes = block * run->size;
  apus_running_sum sums[output_count + 1];
  bool is_placed_here[output_count + 1];
  char *memory = __builtin_alloca_with_align((size_t)((output_count + 1) * block_bytes), 8 * VECTOR_BYTES);
  for (int32_t i = 0; i < output_count; i++) {
    apus_running_sum_begin(&sums[i]);
    is_placed_here[i] = run->outputs[i].data == NULL;
    if (is_placed_here[i]) run->outputs[i].data = memory + i * block_bytes;
  }
  for (int64_t position = chunk->begin, count; position < chunk->end; position += count) {
    count = chunk->end - position < block ? chunk->end - position : block;
    for (int32_t i = 0; i < output_count; i++)
      if (is_placed_here[i]) run->outputs[i].origin = position;
    apus_run_rows(run, 1, position, position + count);
    for (int32_t i = 0; i < output_count; i++) {
      if (!chunk->sums[i]) continue;
      const char *piece = run->outputs[i].data + (position - run->outputs[i].origin) * run->size;
      if (position + count < chunk->end)
        apus_running_sum_add(&sums[i], compute, piece, count);
      else
        *chunk->sums[i] = position == chunk->begin ? apus_sum_chunk(compute, false, piece, count)
                                                   : apus_running_sum_finish(&sums[i], compute, piece, count);
    }
  }
}

void apus_elementwise_sum(const apus_program *program, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                          const apus_operand *outputs, double *const *sums, int64_t begin, int64_t end) {
  if (begin < end) {
    apus_run_with(program, rank, extents, inputs, outputs, APUS_ONE_ROW, begin, end, end - begin, sum_chunk,
                  &(chunk){sums, begin, end});
    return;
  }
  for (int32_t i = 0; i < program->output_count; i++)
    if (sums[i]) *sums[i] = 0;
}
