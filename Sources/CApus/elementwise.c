// The interpreter of element-wise programs: it brings the operands of one tile into registers, runs every instruction over the
// tile, and stores what was not computed in place.
#include <string.h>

#include "CApus.h"
#include "elementwise_layout.h"
#include "vector/kernels.h"

enum {
  TILE_BYTES = 4096,
  TILES_BYTES_LIMIT = 65536,  // beyond this the tiles get smaller, down to one block
  BLOCK_BYTES = APUS_BLOCK * APUS_MAX_VECTOR_BYTES,
  PADDING_BYTES = 128,  // what apus_layout_read may write too much
};

typedef enum {
  SCALAR,    // one value: a full block, made once
  DIRECT,    // dense, of the compute type: the register points into the tensor
  CONVERTED, // dense, of another type
  PERIODIC,  // repeats after at most a tile (a bias): read once, then pointed into at the right phase
  STRIDED,   // anything else: read tile by tile, unless the tile lies within one row
} operand_kind;

typedef struct {
  operand_kind kind;
  apus_dtype dtype;
  int64_t size;  // of an element in memory
  const char *data;
  char *buffer;
  int64_t period, phase;  // of PERIODIC
  apus_layout layout;     // filled for PERIODIC and STRIDED
} input_state;

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

static bool is_dense(const apus_operand *operand, int32_t rank, const int64_t *extents) {
  int64_t stride = 1;
  for (int32_t axis = rank - 1; axis >= 0; axis--) {
    if (extents[axis] != 1 && operand->strides[axis] != stride) return false;
    stride *= extents[axis];
  }
  return stride != 1;
}

static int64_t round_up(int64_t bytes) { return (bytes + APUS_MAX_VECTOR_BYTES - 1) & -APUS_MAX_VECTOR_BYTES; }

static void classify(input_state *input, const apus_operand *operand, int32_t rank, const int64_t *extents, apus_dtype compute,
                     int64_t capacity) {
  input->data = operand->data;
  input->dtype = operand->dtype;
  input->size = apus_size(operand->dtype);
  if (is_dense(operand, rank, extents)) {
    input->kind = operand->dtype == compute ? DIRECT : CONVERTED;
    return;
  }
  apus_layout_make(&input->layout, rank, extents, operand->strides);
  if (input->layout.rank == 0) {
    input->kind = SCALAR;
    return;
  }
  input->period = apus_layout_period(&input->layout);
  input->kind = input->period > 0 && input->period <= capacity ? PERIODIC : STRIDED;
}

/// What stays the same from tile to tile.
typedef struct {
  const apus_kernels *kernels;
  apus_dtype compute;
  int64_t size;   // of an element of the compute type
  int64_t lanes;  // per vector
  char *raw;      // for reading strided elements of another type, before their conversion
} run_state;

// Reads `count` elements from `position` on into consecutive elements of the compute type.
static void read_converted(const run_state *run, const input_state *input, const apus_cursor *cursor, char *to, int64_t count) {
  if (input->dtype == run->compute) {
    apus_layout_read(&input->layout, *cursor, input->size, to, input->data, count);
  } else {
    apus_layout_read(&input->layout, *cursor, input->size, run->raw, input->data, count);
    run->kernels->conversions[run->compute][input->dtype](to, run->raw, count);
  }
}

// A tile of `count` elements, less than a vector, is padded with zeros, so that the lanes beyond do no harm.
static apus_register load_padded(const run_state *run, const input_state *input, int64_t position, int64_t count) {
  char *buffer = input->buffer;
  memset(buffer, 0, APUS_MAX_VECTOR_BYTES);
  switch (input->kind) {
    case DIRECT: memcpy(buffer, input->data + position * run->size, (size_t)(count * run->size)); break;
    case CONVERTED:
      run->kernels->conversions[run->compute][input->dtype](buffer, input->data + position * input->size, count);
      break;
    default: {
      apus_cursor cursor = apus_cursor_at(&input->layout, position);
      read_converted(run, input, &cursor, buffer, count);
    }
  }
  return (apus_register){buffer, run->kernels->vector_bytes};
}

static apus_register load(const run_state *run, input_state *input, int64_t position, int64_t count) {
  char *const buffer = input->buffer;
  const int64_t step = run->kernels->vector_bytes;
  const bool same = input->dtype == run->compute;
  switch (input->kind) {
    case DIRECT: return (apus_register){(char *)input->data + position * run->size, step};
    case CONVERTED:
      run->kernels->conversions[run->compute][input->dtype](buffer, input->data + position * input->size, count);
      return (apus_register){buffer, step};
    case PERIODIC: {
      char *data = buffer + input->phase * run->size;
      input->phase = (input->phase + count) % input->period;
      return (apus_register){data, step};
    }
    default: break;
  }
  apus_cursor cursor = apus_cursor_at(&input->layout, position);
  const int64_t stride = input->layout.strides[0];
  if (stride >= 0 && stride <= 1 && cursor.index[0] + count <= input->layout.extents[0]) {
    const char *data = input->data + cursor.offset * input->size;
    if (stride == 1 && same) return (apus_register){(char *)data, step};
    run->kernels->conversions[run->compute][input->dtype](buffer, data, stride == 1 ? count : 1);
    if (stride == 1) return (apus_register){buffer, step};
    fill_block(buffer, run->size);
    return (apus_register){buffer, 0};
  }
  read_converted(run, input, &cursor, buffer, count);
  return (apus_register){buffer, step};
}

void apus_elementwise(const apus_program *program, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                      const apus_operand *outputs, int64_t begin, int64_t end) {
  const int64_t count = end - begin;
  if (count <= 0) return;
  run_state run = {.kernels = apus_active_kernels(), .compute = program->compute, .size = apus_size(program->compute)};
  const int64_t step = run.kernels->vector_bytes;
  run.lanes = step / run.size;

  const int32_t input_count = program->input_count, constant_count = program->constant_count;
  const int32_t temporary_count = program->temporary_count, output_count = program->output_count;
  const int32_t first_temporary = input_count + constant_count, first_output = first_temporary + temporary_count;

  // How long a tile is: whole vectors, no longer than needed.
  int64_t tiles = input_count + temporary_count + output_count;
  int64_t tile_bytes = tiles * TILE_BYTES <= TILES_BYTES_LIMIT ? TILE_BYTES : TILES_BYTES_LIMIT / tiles & -BLOCK_BYTES;
  if (tile_bytes > count * run.size) tile_bytes = round_up(count * run.size);
  const int64_t capacity = tile_bytes / run.size;
  const bool has_tail = count % run.lanes != 0;

  // What memory each register needs.
  input_state states[input_count + 1];
  int64_t bytes = constant_count * BLOCK_BYTES + temporary_count * tile_bytes;
  bool needs_raw = false;
  for (int32_t i = 0; i < input_count; i++) {
    input_state *input = &states[i];
    classify(input, &inputs[i], rank, extents, run.compute, capacity);
    switch (input->kind) {
      case SCALAR: bytes += BLOCK_BYTES; break;
      case DIRECT: bytes += has_tail ? APUS_MAX_VECTOR_BYTES : 0; break;
      case CONVERTED: bytes += tile_bytes; break;
      case PERIODIC: bytes += round_up(input->period * run.size) + tile_bytes + PADDING_BYTES; break;
      case STRIDED: bytes += (tile_bytes > BLOCK_BYTES ? tile_bytes : BLOCK_BYTES) + PADDING_BYTES; break;
    }
    needs_raw |= input->dtype != run.compute && input->kind >= PERIODIC;
  }
  for (int32_t i = 0; i < output_count; i++)
    bytes += outputs[i].dtype != run.compute ? tile_bytes : has_tail ? APUS_MAX_VECTOR_BYTES : 0;
  const int64_t raw_bytes = needs_raw ? capacity * 8 + PADDING_BYTES : 0;

  char *memory = __builtin_alloca_with_align((size_t)(bytes + raw_bytes + APUS_MAX_VECTOR_BYTES), 8 * APUS_MAX_VECTOR_BYTES);
  run.raw = memory + bytes;

  // Hand it out, and fill what does not change.
  apus_register registers[first_output + output_count + 1];
  for (int32_t i = 0; i < input_count; i++) {
    input_state *input = &states[i];
    input->buffer = memory;
    switch (input->kind) {
      case SCALAR:
        run.kernels->conversions[run.compute][input->dtype](memory, input->data, 1);
        fill_block(memory, run.size);
        registers[i] = (apus_register){memory, 0};
        memory += BLOCK_BYTES;
        break;
      case DIRECT: memory += has_tail ? APUS_MAX_VECTOR_BYTES : 0; break;
      case CONVERTED: memory += tile_bytes; break;
      case PERIODIC: {
        int64_t period_bytes = input->period * run.size;
        apus_cursor start = apus_cursor_at(&input->layout, begin);
        read_converted(&run, input, &start, memory, input->period < count ? input->period : count);
        if (input->period < count) repeat(memory, period_bytes, period_bytes + tile_bytes);
        input->phase = 0;
        memory += round_up(period_bytes) + tile_bytes + PADDING_BYTES;
        break;
      }
      case STRIDED: memory += (tile_bytes > BLOCK_BYTES ? tile_bytes : BLOCK_BYTES) + PADDING_BYTES; break;
    }
  }
  for (int32_t i = 0; i < constant_count; i++, memory += BLOCK_BYTES) {
    run.kernels->conversions[run.compute][APUS_F64](memory, &program->constants[i], 1);
    fill_block(memory, run.size);
    registers[input_count + i] = (apus_register){memory, 0};
  }
  for (int32_t i = 0; i < temporary_count; i++, memory += tile_bytes)
    registers[first_temporary + i] = (apus_register){memory, step};
  for (int32_t i = 0; i < output_count; i++) {
    registers[first_output + i] = (apus_register){memory, step};  // replaced tile by tile where it is direct
    memory += outputs[i].dtype != run.compute ? tile_bytes : has_tail ? APUS_MAX_VECTOR_BYTES : 0;
  }
  char *const tails = registers[first_output].data;

  apus_kernel *const *operations = run.kernels->operations[run.compute];
  const apus_instruction *const last = program->instructions + program->instruction_count;
  for (int64_t position = begin; position < end;) {
    int64_t length = end - position < capacity ? end - position : capacity;
    const bool whole = length >= run.lanes;
    if (whole) length -= length % run.lanes;
    const int64_t vectors = whole ? length / run.lanes : 1;

    for (int32_t i = 0; i < input_count; i++) {
      if (states[i].kind == SCALAR) continue;
      registers[i] = whole ? load(&run, &states[i], position, length) : load_padded(&run, &states[i], position, length);
    }
    char *buffer = tails;
    for (int32_t i = 0; i < output_count; i++) {
      bool direct = outputs[i].dtype == run.compute;
      registers[first_output + i].data = direct && whole ? (char *)outputs[i].data + position * run.size : buffer;
      buffer += !direct ? tile_bytes : has_tail ? APUS_MAX_VECTOR_BYTES : 0;
    }

    for (const apus_instruction *instruction = program->instructions; instruction < last; instruction++)
      operations[instruction->opcode](instruction, registers, vectors);

    for (int32_t i = 0; i < output_count; i++) {
      const apus_dtype dtype = outputs[i].dtype;
      if (whole && dtype == run.compute) continue;
      run.kernels->conversions[dtype][run.compute]((char *)outputs[i].data + position * apus_size(dtype),
                                                   registers[first_output + i].data, length);
    }
    position += length;
  }
}

void apus_convert(void *destination, apus_dtype to, const void *source, apus_dtype from, int64_t count) {
  if (count > 0) apus_active_kernels()->conversions[to][from](destination, source, count);
}
