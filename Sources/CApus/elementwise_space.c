// The iteration space of a running program: how its operands lie in it, and going from row to row.
#include <string.h>

#include "elementwise_run.h"

// From this length on, ending tiles with the rows costs less than copying operands into whole tiles.
enum { SHORTEST_ROW = 64 };

static bool is_dense(const apus_operand *operand, int32_t rank, const int64_t *extents) {
  int64_t stride = 1;
  for (int32_t axis = rank - 1; axis >= 0; axis--) {
    if (extents[axis] != 1 && operand->strides[axis] != stride) return false;
    stride *= extents[axis];
  }
  return stride != 1;
}

/// In a space of one row.
static void classify_input(apus_run *run, apus_run_input *input, const apus_operand *operand, int32_t rank,
                           const int64_t *extents) {
  input->data = operand->data;
  input->step[1] = 0;
  input->dtype = operand->dtype;
  input->size = apus_size(operand->dtype);
  if (is_dense(operand, rank, extents)) {
    input->kind = operand->dtype == run->program->compute ? APUS_DIRECT : APUS_CONVERTED;
    return;
  }
  apus_layout_make(&input->layout, rank, extents, operand->strides);
  if (input->layout.rank == 0) {
    input->kind = APUS_SCALAR;
    return;
  }
  input->period = apus_layout_period(&input->layout);
  input->kind = input->period > 0 && input->period <= run->capacity ? APUS_PERIODIC : APUS_STRIDED;
}

static void classify_output(apus_run *run, apus_run_output *output, const apus_operand *operand) {
  output->dtype = operand->data ? operand->dtype : run->program->compute;
  output->is_direct = output->dtype == run->program->compute;
  output->size = apus_size(output->dtype);
  output->data = operand->data;
  output->step[1] = 0;
  output->origin = 0;
}

/// Joins neighbouring axes along which every operand steps evenly (unless `keeps_axes`), and fills in all steps, in elements.
static void join_axes(apus_run *run, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                      const apus_operand *outputs, bool has_dense_outputs, bool keeps_axes) {
  const int32_t input_count = run->program->input_count, output_count = run->program->output_count;
  apus_run_space *space = &run->space;
  int64_t next_dense = 1;
  space->rank = 0;
  for (int32_t axis = rank - 1; axis >= 0; axis--) {
    const int64_t extent = extents[axis], dense = next_dense;
    if (extent == 1 && !keeps_axes) continue;
    next_dense *= extent;
    const int32_t last = space->rank - 1;
    bool joins = last >= 0 && !keeps_axes;
    for (int32_t i = 0; joins && i < input_count; i++)
      joins = inputs[i].strides[axis] == run->inputs[i].step[last] * space->extents[last];
    for (int32_t i = 0; joins && i < output_count && !has_dense_outputs; i++)
      joins = outputs[i].strides[axis] == run->outputs[i].step[last] * space->extents[last];
    if (joins) {
      space->extents[last] *= extent;
      continue;
    }
    const int32_t next = space->rank++;
    space->extents[next] = extent;
    for (int32_t i = 0; i < input_count; i++) run->inputs[i].step[next] = inputs[i].strides[axis];
    for (int32_t i = 0; i < output_count; i++) run->outputs[i].step[next] = has_dense_outputs ? dense : outputs[i].strides[axis];
  }
}

/// Where the innermost axis is gone, because it had a single element, the rows of strided outputs have one element each.
static void add_innermost_axis(apus_run *run) {
  apus_run_space *space = &run->space;
  bool is_needed = false;
  for (int32_t i = 0; i < run->program->output_count; i++) is_needed |= space->rank > 0 && run->outputs[i].step[0] != 1;
  if (!is_needed) return;
  const size_t axes = (size_t)space->rank++ * sizeof(int64_t);
  memmove(space->extents + 1, space->extents, axes);
  space->extents[0] = 1;
  for (int32_t i = 0; i < run->program->input_count; i++) {
    memmove(run->inputs[i].step + 1, run->inputs[i].step, axes);
    run->inputs[i].step[0] = 1;
  }
  for (int32_t i = 0; i < run->program->output_count; i++) {
    memmove(run->outputs[i].step + 1, run->outputs[i].step, axes);
    run->outputs[i].step[0] = 1;
  }
}

static void make_one_row(apus_run *run) {
  run->space.rank = 1;
  for (int32_t i = 0; i < run->program->input_count; i++) run->inputs[i].step[1] = 0;
  for (int32_t i = 0; i < run->program->output_count; i++) run->outputs[i].step[1] = 0;
}

/// Whether tiles that cross rows would copy operands that could be pointed into.
static bool gains_from_rows(const apus_run *run) {
  if (run->space.rank < 2 || run->space.extents[0] < SHORTEST_ROW) return false;
  for (int32_t i = 0; i < run->program->input_count; i++) {
    const apus_run_input *input = &run->inputs[i];
    if (input->kind == APUS_STRIDED && (input->step[0] == 0 || input->step[0] == 1)) return true;
  }
  return false;
}

/// In a space of several rows: each operand within its row, and the steps from row to row in bytes.
static void classify_rows(apus_run *run) {
  const apus_run_space *space = &run->space;
  for (int32_t i = 0; i < run->program->input_count; i++) {
    apus_run_input *input = &run->inputs[i];
    bool is_scalar = true;
    for (int32_t axis = 0; axis < space->rank; axis++) is_scalar &= input->step[axis] == 0;
    input->layout = (apus_layout){1, {space->extents[0]}, {input->step[0]}};
    input->kind = is_scalar             ? APUS_SCALAR
                  : input->step[0] != 1 ? APUS_STRIDED
                  : input->dtype == run->program->compute ? APUS_DIRECT
                                                          : APUS_CONVERTED;
    for (int32_t axis = 0; axis < space->rank; axis++) input->step[axis] *= input->size;
  }
  for (int32_t i = 0; i < run->program->output_count; i++)
    for (int32_t axis = 0; axis < space->rank; axis++) run->outputs[i].step[axis] *= run->outputs[i].size;
}

void apus_run_classify(apus_run *run, int32_t rank, const int64_t *extents, const apus_operand *inputs,
                       const apus_operand *outputs, apus_run_form form) {
  bool copies = false, has_dense_outputs = form == APUS_DENSE_OUTPUTS || form == APUS_ONE_ROW;
  for (int32_t i = 0; i < run->program->input_count; i++) {
    classify_input(run, &run->inputs[i], &inputs[i], rank, extents);
    copies |= run->inputs[i].kind == APUS_STRIDED;
  }
  for (int32_t i = 0; i < run->program->output_count; i++) classify_output(run, &run->outputs[i], &outputs[i]);
  run->space.rank = 1;
  if (form == APUS_ONE_ROW || (has_dense_outputs && !copies)) return;

  join_axes(run, rank, extents, inputs, outputs, has_dense_outputs, form == APUS_ROWS);
  if (form == APUS_STRIDED_OUTPUTS) add_innermost_axis(run);
  bool by_rows = form == APUS_ROWS || (form == APUS_DENSE_OUTPUTS ? gains_from_rows(run) : run->space.rank > 1);
  if (!by_rows) {
    make_one_row(run);
    return;
  }
  memset(run->row, 0, sizeof run->row);
  classify_rows(run);
}

static void move(apus_run *run, int32_t axis, int64_t count) {
  for (int32_t i = 0; i < run->program->input_count; i++) run->inputs[i].data += count * run->inputs[i].step[axis];
  for (int32_t i = 0; i < run->program->output_count; i++) run->outputs[i].data += count * run->outputs[i].step[axis];
}

void apus_run_advance(apus_run *run, int64_t count) {
  for (int32_t axis = 1; axis < run->space.rank && count > 0; axis++) {
    const int64_t extent = run->space.extents[axis], index = run->row[axis] + count;
    count = index < extent ? 0 : index / extent;
    move(run, axis, index - count * extent - run->row[axis]);
    run->row[axis] = index - count * extent;
  }
}
