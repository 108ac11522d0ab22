// The interpreter of element-wise programs: it brings the operands of one tile into registers, runs every instruction over the
// tile, and stores what was not computed in place.
#include "elementwise_run.h"

#include <string.h>

enum {
  TILE_BYTES = 4096,
  TILES_BYTES_LIMIT = 65536,  // beyond this the tiles get smaller, down to one block
  BLOCK_BYTES = APUS_BLOCK * APUS_MAX_VECTOR_BYTES,
  PADDING_BYTES = 128,  // what apus_layout_read may write too much
  TILE_ROWS = TILE_BYTES / BLOCK_BYTES,  // at most: so many blocks are a tile
};

// Fills a block with the element that stands at its start.
static void fill_block(char *block, int64_t size) {
  if (size == 4) {
    uint32_t value;
    memcpy(&value, block, 4);
    for (int i = 0; i < BLOCK_BYTES / 4; i++) memcpy(block + 4 * i, &value, 4);
  } else {
    uint64_t value;
    memcpy(&value, block, 8);
    for (int i = 0; i < BLOCK_BYTES / 8; i++) memcpy(block + 8 * i, &value, 8);
  }
}

// Repeats the first `period` bytes until `total` bytes are filled.
static void repeat(char *buffer, int64_t period, int64_t total) {
  for (int64_t filled = period; filled < total;) {
    int64_t more = filled < total - filled ? filled : total - filled;
    memcpy(buffer + filled, buffer, (size_t)more);
    filled += more;
  }
}

static int64_t round_up(int64_t bytes) { return (bytes + APUS_MAX_VECTOR_BYTES - 1) & -APUS_MAX_VECTOR_BYTES; }

static inline void convert(const apus_run *run, apus_dtype to, apus_dtype from, void *destination, const void *source,
                           int64_t count) {
  run->kernels->conversions[to][from](destination, source, count);
}

/// The part of the rows from the current one on that is computed at once.
typedef struct {
  int64_t row, rows;
  int64_t position, count;  // of elements in each row
} tile;

// Reads the elements of a tile's row into consecutive elements of the compute type.
static void read_converted(const apus_run *run, const apus_run_input *input, const char *data, int64_t position, int64_t count,
                           char *to) {
  const apus_cursor cursor = apus_cursor_at(&input->layout, position);
  const apus_dtype compute = run->program->compute;
  if (input->dtype == compute) {
    apus_layout_read(&input->layout, cursor, input->size, to, data, count);
  } else {
    apus_layout_read(&input->layout, cursor, input->size, run->raw, data, count);
    convert(run, compute, input->dtype, to, run->raw, count);
  }
}

// Rows of less than a vector are padded with zeros, so that the lanes beyond do no harm.
__attribute__((noinline)) static apus_register load_padded(const apus_run *run, const apus_run_input *input, const tile *tile) {
  const int64_t vector = run->kernels->vector_bytes;
  for (int64_t row = 0; row < tile->rows; row++) {
    const char *data = input->data + (tile->row + row) * input->step[1];
    char *to = input->buffer + row * vector;
    memset(to, 0, APUS_MAX_VECTOR_BYTES);
    if (input->kind == APUS_DIRECT)
      memcpy(to, data + tile->position * run->size, (size_t)(tile->count * run->size));
    else if (input->kind == APUS_CONVERTED)
      convert(run, run->program->compute, input->dtype, to, data + tile->position * input->size, tile->count);
    else
      read_converted(run, input, data, tile->position, tile->count, to);
  }
  return (apus_register){input->buffer, vector, vector};
}

// One value to a row: full blocks of it.
static apus_register load_row_values(const apus_run *run, const apus_run_input *input, const char *data, int64_t rows) {
  for (int64_t row = 0; row < rows; row++, data += input->step[1]) {
    char *block = input->buffer + row * BLOCK_BYTES;
    convert(run, run->program->compute, input->dtype, block, data, 1);
    fill_block(block, run->size);
  }
  return (apus_register){input->buffer, 0, BLOCK_BYTES};
}

__attribute__((noinline)) static apus_register load(const apus_run *run, apus_run_input *input, const tile *tile) {
  char *const buffer = input->buffer;
  const int64_t step = run->kernels->vector_bytes, pitch = tile->count * run->size;
  const apus_dtype compute = run->program->compute;
  const char *data = input->data + tile->row * input->step[1];
  switch (input->kind) {
    case APUS_SCALAR:
    case APUS_DIRECT: break;  // have their registers already
    case APUS_CONVERTED:
      data += tile->position * input->size;
      for (int64_t row = 0; row < tile->rows; row++, data += input->step[1])
        convert(run, compute, input->dtype, buffer + row * pitch, data, tile->count);
      return (apus_register){buffer, step, pitch};
    case APUS_PERIODIC: {
      char *phase = buffer + input->phase * run->size;
      input->phase = (input->phase + tile->count) % input->period;
      return (apus_register){phase, step, 0};
    }
    case APUS_STRIDED: {
      const apus_cursor cursor = apus_cursor_at(&input->layout, tile->position);
      const int64_t stride = input->layout.strides[0];
      const bool within = cursor.index[0] + tile->count <= input->layout.extents[0];
      if (stride == 0 && within) return load_row_values(run, input, data + cursor.offset * input->size, tile->rows);
      if (stride == 1 && within && tile->rows == 1) {
        data += cursor.offset * input->size;
        if (input->dtype == compute) return (apus_register){(char *)data, step, 0};
        convert(run, compute, input->dtype, buffer, data, tile->count);
      } else {
        for (int64_t row = 0; row < tile->rows; row++, data += input->step[1])
          read_converted(run, input, data, tile->position, tile->count, buffer + row * pitch);
      }
    }
  }
  return (apus_register){buffer, step, pitch};
}

static char *place(const apus_run_output *output, const tile *tile) {
  return output->data + tile->row * output->step[1] + (tile->position - output->origin) * output->size;
}

/// Runs the program over rows of whole vectors, or (`is_padded`) of less than one.
static inline void run_tile(apus_run *run, const tile *tile, bool is_padded) {
  const apus_program *const program = run->program;
  const int32_t input_count = program->input_count, output_count = program->output_count;
  const int64_t vector = run->kernels->vector_bytes;
  const int64_t bytes = is_padded ? vector : tile->count * run->size, vectors = bytes >> run->vector_shift;
  apus_register *const registers = run->registers, *const temporaries = registers + input_count + program->constant_count;
  apus_register *const results = temporaries + program->temporary_count;

  for (int32_t i = 0; i < input_count; i++) {
    apus_run_input *input = &run->inputs[i];
    if (input->kind == APUS_SCALAR) continue;
    if (is_padded)
      registers[i] = load_padded(run, input, tile);
    else if (input->kind == APUS_DIRECT)
      registers[i] = (apus_register){(char *)input->data + tile->row * input->step[1] + tile->position * run->size, vector,
                                     input->step[1]};
    else
      registers[i] = load(run, input, tile);
  }
  if (tile->rows > 1)
    for (int32_t i = 0; i < program->temporary_count; i++) temporaries[i].pitch = bytes;
  for (int32_t i = 0; i < output_count; i++) {
    const apus_run_output *output = &run->outputs[i];
    const bool in_place = output->is_direct && !is_padded;
    results[i] = in_place ? (apus_register){place(output, tile), vector, output->step[1]}
                          : (apus_register){output->buffer, vector, bytes};
  }

  apus_kernel *const *operations = run->kernels->operations[program->compute];
  const apus_instruction *const last = program->instructions + program->instruction_count;
  for (const apus_instruction *instruction = program->instructions; instruction < last; instruction++)
    operations[instruction->opcode](instruction, registers, vectors, tile->rows);

  for (int32_t i = 0; i < output_count && (run->stores || is_padded); i++) {
    const apus_run_output *output = &run->outputs[i];
    if (output->is_direct && !is_padded) continue;
    for (int64_t row = 0; row < tile->rows; row++)
      convert(run, output->dtype, program->compute, place(output, tile) + row * output->step[1],
              results[i].data + row * bytes, tile->count);
  }
}

void apus_run_rows(apus_run *run, int64_t rows, int64_t begin, int64_t end) {
  for (int64_t position = begin; position < end;) {
    int64_t count = end - position < run->capacity ? end - position : run->capacity, at_once = TILE_ROWS;
    const bool is_padded = count < run->lanes;
    if (!is_padded) {
      count &= -run->lanes;
      at_once = 1;
      while (at_once < rows && at_once < TILE_ROWS && 2 * at_once * count <= run->capacity) at_once *= 2;
    }
    for (int64_t row = 0; row < rows; row += at_once)
      run_tile(run, &(tile){row, rows - row < at_once ? rows - row : at_once, position, count}, is_padded);
    position += count;
  }
}

/// How long a tile is: whole vectors, no longer than needed.
static int64_t tile_bytes_for(const apus_program *program, int64_t longest, int64_t size) {
  int64_t tiles = program->input_count + program->temporary_count + program->output_count;
  int64_t bytes = tiles * TILE_BYTES <= TILES_BYTES_LIMIT ? TILE_BYTES : TILES_BYTES_LIMIT / tiles & -BLOCK_BYTES;
  return bytes < longest * size ? bytes : round_up(longest * size);
}

/// What rows of less than a vector take.
static int64_t padded_bytes(const apus_run *run) {
  return (run->space.rank > 1 ? TILE_ROWS : 1) * APUS_MAX_VECTOR_BYTES;
}

/// How much buffer an input needs.
static int64_t input_bytes(const apus_run *run, const apus_run_input *input, int64_t tile_bytes) {
  const int64_t padded = padded_bytes(run), tile = tile_bytes > padded ? tile_bytes : padded;
  const int64_t blocks = run->space.rank > 1 ? TILE_BYTES : BLOCK_BYTES;
  switch (input->kind) {
    case APUS_SCALAR: return BLOCK_BYTES;
    case APUS_DIRECT: return padded;
    case APUS_CONVERTED: return tile;
    case APUS_PERIODIC: return round_up(input->period * run->size) + tile + PADDING_BYTES;
    case APUS_STRIDED: break;
  }
  return (tile > blocks ? tile : blocks) + PADDING_BYTES;
}

static int64_t output_bytes(const apus_run *run, const apus_run_output *output, int64_t tile_bytes) {
  const int64_t padded = padded_bytes(run);
  return output->is_direct || tile_bytes < padded ? padded : tile_bytes;
}

/// Fills the register of an input that stays the same, or the buffer of a periodic one for positions from `begin` on.
static void prepare_input(const apus_run *run, apus_run_input *input, apus_register *reg, int64_t tile_bytes, int64_t begin,
                          int64_t count) {
  if (input->kind == APUS_SCALAR) {
    convert(run, run->program->compute, input->dtype, input->buffer, input->data, 1);
    fill_block(input->buffer, run->size);
    *reg = (apus_register){input->buffer, 0, 0};
  } else if (input->kind == APUS_PERIODIC) {
    int64_t period_bytes = input->period * run->size;
    read_converted(run, input, input->data, begin, input->period < count ? input->period : count, input->buffer);
    if (input->period < count) repeat(input->buffer, period_bytes, period_bytes + tile_bytes);
    input->phase = 0;
  }
}

void apus_run_with(const apus_program *program, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                   const apus_operand *outputs, apus_run_form form, int64_t begin, int64_t end, int64_t longest,
                   void (*body)(apus_run *run, void *context), void *context) {
  const int32_t input_count = program->input_count, constant_count = program->constant_count;
  const int32_t temporary_count = program->temporary_count, output_count = program->output_count;
  apus_run_input run_inputs[input_count + 1];
  apus_run_output run_outputs[output_count + 1];
  apus_register registers[input_count + constant_count + temporary_count + output_count + 1];
  apus_run run;  // not zeroed, which a short call would notice
  run.program = program;
  run.kernels = apus_active_kernels();
  run.registers = registers;
  run.inputs = run_inputs;
  run.outputs = run_outputs;
  run.size = apus_size(program->compute);
  run.stores = false;
  const int64_t step = run.kernels->vector_bytes;
  const int64_t tile_bytes = tile_bytes_for(program, longest, run.size);
  run.lanes = step / run.size;
  run.vector_shift = __builtin_ctzll((uint64_t)step);
  run.capacity = tile_bytes / run.size;
  apus_run_classify(&run, rank, extents, inputs, outputs, form);

  // What memory each register needs.
  const int64_t padded = padded_bytes(&run), temporary_bytes = tile_bytes > padded ? tile_bytes : padded;
  int64_t bytes = constant_count * BLOCK_BYTES + temporary_count * temporary_bytes;
  bool needs_raw = false;
  for (int32_t i = 0; i < input_count; i++) {
    bytes += input_bytes(&run, &run_inputs[i], tile_bytes);
    needs_raw |= run_inputs[i].dtype != program->compute && run_inputs[i].kind >= APUS_PERIODIC;
  }
  for (int32_t i = 0; i < output_count; i++) {
    bytes += output_bytes(&run, &run_outputs[i], tile_bytes);
    run.stores |= !run_outputs[i].is_direct;
  }
  const int64_t raw_bytes = needs_raw ? run.capacity * 8 + PADDING_BYTES : 0;
  char *memory = __builtin_alloca_with_align((size_t)(bytes + raw_bytes + APUS_MAX_VECTOR_BYTES), 8 * APUS_MAX_VECTOR_BYTES);
  run.raw = memory + bytes;

  // Hand it out, and fill what does not change.
  apus_register *next = registers;
  for (int32_t i = 0; i < input_count; i++, next++) {
    run_inputs[i].buffer = memory;
    memory += input_bytes(&run, &run_inputs[i], tile_bytes);
    prepare_input(&run, &run_inputs[i], next, tile_bytes, begin, end - begin);
  }
  for (int32_t i = 0; i < constant_count; i++, memory += BLOCK_BYTES) {
    convert(&run, program->compute, APUS_F64, memory, &program->constants[i], 1);
    fill_block(memory, run.size);
    *next++ = (apus_register){memory, 0, 0};
  }
  for (int32_t i = 0; i < temporary_count; i++, memory += temporary_bytes)
    *next++ = (apus_register){memory, step, 0};
  for (int32_t i = 0; i < output_count; i++) {
    next++;  // filled tile by tile
    run_outputs[i].buffer = memory;
    memory += output_bytes(&run, &run_outputs[i], tile_bytes);
  }
  body(&run, context);
}
