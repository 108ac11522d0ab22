// Convolutions by oneDNN: primitives on plain channels-last activations. They want the weights in an order of their own, so weights are
// brought into it first, and their gradient out of it last.
//
// A primitive runs on one thread; what is cut into pieces is the batch, of few images also the outermost axis. A weights' gradient is
// the sum of those of the pieces, or, where the weights are larger than what they are computed from, it is cut by filters.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onednn_convolution.h"
#include "scratch.h"

enum { MOST_PIECES = 32, MOST_PARTS = 16, PART_BYTES = 4 << 20, LEAST_PARTS = 4, MOST_SLICES = 16, SUM_GRAIN = 1 << 15 };

// A range of positions along the outermost axis, or the last, smaller slice of the batch, with the primitive that computes it.
typedef struct {
  apus_convolution shape;
  int64_t from, to;  // the offsets along the axis of the part that is read and of the part that is written
  apus_primitive *primitive;
  bool is_shared;    // with an earlier one
} part;

typedef struct {
  apus_convolution_plan plan;
  int axis;
  int64_t images, slices;  // of the batch
  int64_t bands, cells;
  part *parts;             // of each band, then of the last slice of the batch
  apus_md weights;         // in the primitives' order
  int64_t weight_bytes;
  bool is_plain;           // which is ours
  apus_primitive *reorders[MOST_SLICES];
  int32_t reorder_count;
  // Cut by filters: how many of them make a piece; then `parts` has one entry.
  int64_t filters;
  int64_t sums;            // partial sums
} onednn;

// MARK: - Phases

static void run_primitive(apus_primitive *primitive, const void *const *buffers) {
  const dnnl_status_t status = apus_primitive_run(primitive, buffers);
  if (status == dnnl_success) return;
  fprintf(stderr, "oneDNN's convolution: %s\n", apus_onednn_status_name(status));
  abort();
}

static void run_cell(const onednn *o, const apus_convolution_addresses *at, int64_t cell, const void *weights, char *sums) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t slice = cell / o->bands, image = slice * o->images;
  const part *p = &o->parts[image + o->images > c->batch ? o->bands : cell % o->bands];
  const int64_t in = apus_product(c->input) * c->in_channels, out = apus_product(c->output) * c->out_channels;
  const int64_t in_step = in / c->input[o->axis], out_step = out / c->output[o->axis];
  if (o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT) {
    const void *buffers[] = {at->first + (image * out + p->from * out_step) * 4, weights, at->result + (image * in + p->to * in_step) * 4};
    return run_primitive(p->primitive, buffers);
  }
  const char *x = at->first + (image * in + p->from * in_step) * 4;
  const int64_t y = (image * out + p->to * out_step) * 4;
  if (o->plan.kind == APUS_CONVOLUTION_FORWARD) {
    const void *buffers[] = {x, weights, at->result + y, at->bias};
    run_primitive(p->primitive, buffers);
  } else {
    const void *buffers[] = {x, at->second + y, sums};
    run_primitive(p->primitive, buffers);
  }
}

static void reorder(const onednn *o, int64_t slice, const void *from, void *to) {
  const void *buffers[] = {from, to};
  run_primitive(o->reorders[slice], buffers);
}

static int64_t aligned(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }

// The gradient of some filters, from the channels of dy that belong to them.
static void run_filters(const onednn *o, const apus_convolution_addresses *at, int64_t piece) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t positions = c->batch * apus_product(c->output), first = piece * o->filters;
  char *dy = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(aligned(positions * o->filters * 4) + o->weight_bytes));
  char *weights = dy + aligned(positions * o->filters * 4), *result = at->result + first * apus_filter_size(c) * 4;
  const char *from = at->second + first * 4;
  for (int64_t p = 0; p < positions; p++) memcpy(dy + p * o->filters * 4, from + p * c->out_channels * 4, (size_t)o->filters * 4);
  const void *buffers[] = {at->first, dy, o->is_plain ? result : weights};
  run_primitive(o->parts[0].primitive, buffers);
  if (!o->is_plain) reorder(o, 0, weights, result);
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const onednn *o = (const onednn *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  if (plan->kind != APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    if (!o->is_plain && phase == 0)
      reorder(o, piece, at.second, at.scratch);
    else
      run_cell(o, &at, piece, o->is_plain ? (const void *)at.second : at.scratch, NULL);
    return;
  }
  if (o->filters) return run_filters(o, &at, piece);
  const int64_t size = aligned(o->weight_bytes) / 4;
  if (phase == 0) {
    run_cell(o, &at, piece, NULL, o->is_plain && o->sums == 1 ? at.result : at.scratch + piece * size * 4);
  } else if (phase == 1 && o->sums > 1) {
    const int64_t end = apus_least((piece + 1) * SUM_GRAIN, o->weight_bytes / 4);
    apus_sum_parts(APUS_F32, at.scratch, o->sums, size, o->is_plain ? at.result : at.scratch, piece * SUM_GRAIN, end);
  } else {
    reorder(o, piece, at.scratch, at.result);
  }
}

static void destroy(apus_convolution_plan *plan) {
  onednn *o = (onednn *)plan;
  for (int64_t i = 0; o->parts && i <= o->bands; i++)
    if (!o->parts[i].is_shared) apus_primitive_destroy(o->parts[i].primitive);
  free(o->parts);
  for (int i = 0; i < o->reorder_count; i++) apus_primitive_destroy(o->reorders[i]);
  apus_md_destroy(&o->weights);
  free(o);
}

// MARK: - Planning

// The part of one image's convolution that positions [first, end) along the axis make: of the output or, for the input's gradient, of the
// input. False where it has no input or no output, or filters that only see padding.
static bool make_band(const onednn *o, int64_t first, int64_t end, part *p) {
  const apus_convolution *c = &o->plan.shape;
  const int a = o->axis;
  const int64_t reach = (c->kernel[a] - 1) * c->dilation[a];
  int64_t in_first, in_end, out_first, out_end;
  if (o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT) {
    const int64_t lowest = first + c->before[a] - reach;
    in_first = first, in_end = end;
    out_first = lowest <= 0 ? 0 : apus_divided_up(lowest, c->stride[a]);
    out_end = apus_least(c->output[a], (end - 1 + c->before[a]) / c->stride[a] + 1);
    p->from = out_first, p->to = in_first;
  } else {
    out_first = first, out_end = end;
    in_first = apus_greatest(0, first * c->stride[a] - c->before[a]);
    in_end = apus_least(c->input[a], (end - 1) * c->stride[a] - c->before[a] + reach + 1);
    p->from = in_first, p->to = out_first;
  }
  p->shape = *c;
  p->shape.batch = 1;
  p->shape.input[a] = in_end - in_first;
  p->shape.output[a] = out_end - out_first;
  p->shape.before[a] = c->before[a] + in_first - out_first * c->stride[a];
  return in_end > in_first && out_end > out_first && p->shape.before[a] >= 0 && p->shape.before[a] <= reach;
}

static bool make_parts(onednn *o, int64_t wanted) {
  const apus_convolution *c = &o->plan.shape;
  const int a = o->axis;
  const int64_t extent = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT ? c->input[a] : c->output[a];
  o->images = apus_divided_up(c->batch, apus_least(wanted, c->batch));
  o->slices = apus_divided_up(c->batch, o->images);
  int64_t bands = o->images == 1 ? apus_least(apus_divided_up(wanted, c->batch), apus_greatest(1, extent / 2)) : 1;
  const int64_t band = apus_divided_up(extent, bands);
  o->bands = bands = apus_divided_up(extent, band);
  o->parts = calloc((size_t)bands + 1, sizeof *o->parts);
  if (!o->parts) return false;
  for (int64_t i = 0; i < bands && bands > 1; i++)
    if (!make_band(o, i * band, apus_least((i + 1) * band, extent), &o->parts[i])) o->bands = bands = 1;
  if (bands == 1) {
    o->parts[0] = (part){.shape = *c};
    o->parts[0].shape.batch = o->images;
    o->parts[1] = (part){.shape = *c};
    o->parts[1].shape.batch = c->batch % o->images;
  }
  o->cells = o->slices * bands;
  for (int64_t i = 0; i <= bands; i++) {
    part *p = &o->parts[i];
    if (i == bands && (bands > 1 || c->batch % o->images == 0)) break;
    for (int64_t j = 0; j < i && !p->primitive; j++)
      if (memcmp(&o->parts[j].shape, &p->shape, sizeof p->shape) == 0) p->primitive = o->parts[j].primitive, p->is_shared = true;
    // All parts take the weights in the order that the first has chosen.
    if (!p->primitive && apus_onednn_convolution(&o->plan, &p->shape, i == 0 ? NULL : &o->weights, i == 0 ? &o->weights : NULL, &p->primitive) != dnnl_success)
      return false;
  }
  return true;
}

static bool make_reorders(onednn *o, const apus_convolution *shape, int64_t slices) {
  const bool is_gradient = o->plan.kind == APUS_CONVOLUTION_WEIGHT_GRADIENT;
  o->is_plain = apus_onednn_weights_are_ours(shape, &o->weights, &o->weight_bytes);
  for (int64_t i = 0; i < slices && !o->is_plain; i++) {
    if (apus_onednn_convolution_reorder(shape, &o->weights, is_gradient, slices, i, &o->reorders[i]) != dnnl_success)
      return slices > 1 && i == 0 && make_reorders(o, shape, 1);
    o->reorder_count = (int32_t)i + 1;
  }
  return true;
}

// The number of slices of the filters to bring into order side by side: of 64 filters each, or more.
static int64_t reorder_slices(const apus_convolution *c) {
  int64_t slices = 1;
  while (c->groups == 1 && slices < MOST_SLICES && c->out_channels % (128 * slices) == 0 &&
         c->out_channels * apus_filter_size(c) >= (slices << 16))
    slices *= 2;
  return slices;
}

static bool plan_weight_gradient(onednn *o, double cost, int64_t wanted) {
  const apus_convolution *c = &o->plan.shape;
  apus_convolution_plan *plan = &o->plan;
  const int64_t weights = c->out_channels * apus_filter_size(c);
  // Partial sums as large as all weights are worth it while the weights are smaller than what they are computed from.
  if (c->groups == 1 && c->out_channels % 32 == 0 && apus_filter_size(c) > c->batch * apus_product(c->output)) {
    int64_t pieces = 1;
    while (pieces < wanted && c->out_channels % (64 * pieces) == 0) pieces *= 2;
    o->filters = c->out_channels / pieces;
    apus_convolution some = *c;
    some.out_channels = o->filters;
    o->bands = 1;
    o->parts = calloc(2, sizeof *o->parts);
    if (!o->parts || apus_onednn_convolution(plan, &some, NULL, &o->weights, &o->parts[0].primitive) != dnnl_success || !make_reorders(o, &some, 1))
      return false;
    plan->phases = 1;
    plan->phase[0] = (apus_convolution_phase){pieces, cost};
    return true;
  }
  wanted = apus_least(apus_least(wanted, MOST_PARTS), apus_greatest(LEAST_PARTS, PART_BYTES / (weights * 4)));
  if (!make_parts(o, wanted) || !make_reorders(o, c, reorder_slices(c))) return false;
  o->sums = o->cells;
  plan->phase[plan->phases++] = (apus_convolution_phase){o->cells, cost};
  if (o->sums > 1)
    plan->phase[plan->phases++] = (apus_convolution_phase){apus_divided_up(o->weight_bytes / 4, SUM_GRAIN), 0.1 * (double)(weights * o->sums)};
  if (!o->is_plain) plan->phase[plan->phases++] = (apus_convolution_phase){o->reorder_count, 0.4 * (double)weights};
  plan->scratch_bytes = o->sums * aligned(o->weight_bytes);
  return true;
}

static bool plan_all(onednn *o) {
  const apus_convolution *c = &o->plan.shape;
  apus_convolution_plan *plan = &o->plan;
  const bool is_narrow = c->in_channels < 16 || c->out_channels < 16;
  const double cost = 2000 + apus_convolution_work(c) / (is_narrow ? 40 : 110);
  const int64_t wanted = cost < 20000 ? 1 : apus_least(apus_greatest(2, (int64_t)(cost / 80000)), MOST_PIECES);
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) return plan_weight_gradient(o, cost, wanted);
  if (!make_parts(o, wanted) || !make_reorders(o, c, reorder_slices(c))) return false;
  if (!o->is_plain) {
    plan->phase[plan->phases++] = (apus_convolution_phase){o->reorder_count, 0.4 * (double)o->weight_bytes / 4};
    plan->scratch_bytes = o->weight_bytes;
  }
  plan->phase[plan->phases++] = (apus_convolution_phase){o->cells, cost};
  return true;
}

apus_convolution_plan *apus_convolution_onednn(const apus_convolution_plan *start) {
  if (start->shape.dtype != APUS_F32 || !apus_onednn_is_there()) return NULL;
  onednn *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  o->plan.run = run;
  o->plan.destroy = destroy;
  o->axis = apus_outermost_axis(&o->plan.shape);
  const int threads = apus_onednn_begin();  // their number enters the primitives
  const bool is_made = plan_all(o);
  apus_onednn_end(threads);
  if (is_made) return &o->plan;
  destroy(&o->plan);
  return NULL;
}
