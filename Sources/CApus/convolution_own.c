// The own route of convolutions, which does every shape and float64 too: the patches that the filter sees are the rows of a matrix
// (im2col), and the own matrix products do the rest. For the forward pass and the weights' gradient patches are gathered; for the input's
// gradient their gradients are computed, and added up where they came from.
//
// It works band by band: some positions along the outermost axis of one image, whose input with its padding is copied into memory of the
// thread first, so that gathering knows no edges and may read and write whole vectors beyond its end.
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "convolution_patches.h"
#include "matmul.h"
#include "scratch.h"
#include "transpose.h"

enum {
  MOST_TILE = 256,         // patches at a time
  PATCH_BYTES = 96 << 10,  // ... whose memory should stay in the second-level cache
  BAND_BYTES = 256 << 10,  // a band's input with its padding
  MOST_PARTS = 16,         // partial sums of a weight gradient
  PART_BYTES = 32 << 20,   // ... all together
  SLACK = 64               // elements beyond the end of a buffer that whole vectors may touch
};

typedef struct {
  apus_convolution_plan plan;
  const void *kernels;
  int64_t bytes, group_in, group_out, filter;
  int axis;           // bands are ranges of it
  int64_t padded[3];  // the extents of a band with its padding; along `axis` those of the largest
  int64_t inner;      // output positions of one step along `axis`
  apus_patch patch;
  // A cell is a band, of positions of the output or, for the input's gradient, of the input; or several whole images.
  int64_t images, band, bands, cells;
  int64_t tile, parts;
} own;

// MARK: - Bands

// A band at work: positions [first, end) along the axis of one image's output, and where its padded input begins.
typedef struct {
  int64_t first, end;  // output positions along the axis
  int64_t start[3];    // the input position of the band's first element along each axis, negative in the padding
  int64_t extent[3];   // of the band
} band;

static band band_of(const own *o, int64_t first, int64_t end) {
  const apus_convolution *c = &o->plan.shape;
  band b = {.first = first, .end = end};
  for (int a = 0; a < 3; a++) {
    b.start[a] = -c->before[a];
    b.extent[a] = o->padded[a];
  }
  const int a = o->axis;
  b.start[a] += first * c->stride[a];
  b.extent[a] = (end - first - 1) * c->stride[a] + (c->kernel[a] - 1) * c->dilation[a] + 1;
  return b;
}

// Copies between the channels of a group in one image and the band: into it with zeros for the padding, or out of it, the rows
// [first, end) of the axis, with zeros for what the band does not have.
static void fill_band(const own *o, const band *b, const char *image, char *memory) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t size = o->group_in * o->bytes, pixel = c->in_channels * o->bytes;
  const int64_t left = apus_least(apus_greatest(-b->start[2], 0), b->extent[2]);
  const int64_t x0 = apus_greatest(b->start[2], 0), count = apus_greatest(0, apus_least(c->input[2], b->start[2] + b->extent[2]) - x0);
  for (int64_t i = 0; i < b->extent[0]; i++)
    for (int64_t j = 0; j < b->extent[1]; j++) {
      const int64_t z = b->start[0] + i, y = b->start[1] + j;
      char *row = memory + (i * b->extent[1] + j) * b->extent[2] * size;
      if (z < 0 || z >= c->input[0] || y < 0 || y >= c->input[1]) {
        memset(row, 0, (size_t)(b->extent[2] * size));
        continue;
      }
      const char *from = image + ((z * c->input[1] + y) * c->input[2] + x0) * pixel;
      memset(row, 0, (size_t)(left * size));
      if (c->groups == 1)
        memcpy(row + left * size, from, (size_t)(count * size));
      else
        for (int64_t x = 0; x < count; x++) memcpy(row + (left + x) * size, from + x * pixel, (size_t)size);
      memset(row + (left + count) * size, 0, (size_t)((b->extent[2] - left - count) * size));
    }
}

static void read_band(const own *o, const band *b, const char *memory, char *image, int64_t first, int64_t end) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t size = o->group_in * o->bytes, pixel = c->in_channels * o->bytes;
  int64_t from[3] = {0, 0, 0}, to[3] = {c->input[0], c->input[1], c->input[2]};
  from[o->axis] = first, to[o->axis] = end;
  for (int64_t z = from[0]; z < to[0]; z++)
    for (int64_t y = from[1]; y < to[1]; y++)
      for (int64_t x = from[2]; x < to[2]; x++) {
        const int64_t i = z - b->start[0], j = y - b->start[1], k = x - b->start[2];
        char *result = image + ((z * c->input[1] + y) * c->input[2] + x) * pixel;
        const bool is_inside = i >= 0 && i < b->extent[0] && j >= 0 && j < b->extent[1] && k >= 0 && k < b->extent[2];
        const char *source = memory + ((i * b->extent[1] + j) * b->extent[2] + k) * size;
        if (c->groups == 1 && is_inside) {  // the rest of the row at once
          const int64_t count = apus_least(to[2] - x, b->extent[2] - k);
          memcpy(result, source, (size_t)(count * size));
          x += count - 1;
        } else if (is_inside) {
          memcpy(result, source, (size_t)size);
        } else {
          memset(result, 0, (size_t)size);
        }
      }
}

// The first elements of `count` patches from position `p` of the band on, positions counted in row-major order.
static void patch_bases(const own *o, const band *b, int64_t p, int64_t count, int64_t *bases) {
  const apus_convolution *c = &o->plan.shape;
  int64_t position[3], extents[3] = {c->output[0], c->output[1], c->output[2]};
  extents[o->axis] = b->end - b->first;
  position[2] = p % extents[2], position[1] = p / extents[2] % extents[1], position[0] = p / extents[2] / extents[1];
  for (int64_t i = 0; i < count; i++) {
    bases[i] = ((position[0] * c->stride[0] * b->extent[1] + position[1] * c->stride[1]) * b->extent[2] + position[2] * c->stride[2]) * o->group_in;
    if (++position[2] < extents[2]) continue;
    position[2] = 0;
    if (++position[1] < extents[1]) continue;
    position[1] = 0;
    position[0]++;
  }
}

// MARK: - The three kinds

typedef struct {
  char *band, *patches;
} buffers;

static int64_t band_elements(const own *o) { return apus_product(o->padded) * o->group_in + SLACK; }
static buffers thread_buffers(const own *o) {
  const int64_t size = (band_elements(o) * o->bytes + 63) & ~(int64_t)63;
  char *memory = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(size + (o->tile * o->filter + SLACK) * o->bytes));
  return (buffers){memory, memory + size};
}

static void gather(const own *o, const band *b, int64_t p, int64_t count, const buffers *at) {
  int64_t bases[MOST_TILE];
  patch_bases(o, b, p, count, bases);
  apus_gather_patches(o->plan.shape.dtype, at->band, bases, count, &o->patch, at->patches);
}

static void spread(const own *o, const band *b, int64_t p, int64_t count, const buffers *at) {
  int64_t bases[MOST_TILE];
  patch_bases(o, b, p, count, bases);
  apus_spread_patches(o->plan.shape.dtype, at->band, bases, count, &o->patch, at->patches);
}

// Weights (group_out, filter) of each group as (filter, group_out): so they fill vectors.
static void pack_weights(const own *o, const apus_convolution_addresses *at, int64_t piece) {
  const int64_t group = piece * o->group_out * o->filter * o->bytes;
  apus_transpose(o->bytes, at->second + group, o->filter, at->scratch + group, o->group_out, o->filter, o->group_out);
}

static void forward(const own *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end) {
  const apus_convolution *c = &o->plan.shape;
  const buffers memory = thread_buffers(o);
  const band b = band_of(o, first, end);
  const char *image = at->first + n * apus_product(c->input) * c->in_channels * o->bytes;
  char *result = at->result + (n * apus_product(c->output) + first * o->inner) * c->out_channels * o->bytes;
  const int64_t positions = (end - first) * o->inner;
  for (int64_t g = 0; g < c->groups; g++) {
    const int64_t channel = g * o->group_out * o->bytes;
    fill_band(o, &b, image + g * o->group_in * o->bytes, memory.band);
    for (int64_t p = 0; p < positions; p += o->tile) {
      const int64_t count = apus_least(o->tile, positions - p);
      gather(o, &b, p, count, &memory);
      apus_matmul_own_block(o->kernels, &(apus_matmul_block){
          .dtype = c->dtype, .rows = count, .columns = o->group_out, .k = o->filter, .a = memory.patches, .a_row = o->filter, .a_column = 1,
          .b = at->scratch + g * o->group_out * o->filter * o->bytes, .b_row = o->group_out, .bias = at->bias ? at->bias + channel : NULL,
          .relu = o->plan.relu, .c = result + p * c->out_channels * o->bytes + channel, .c_row = c->out_channels});
    }
  }
}

static void input_gradient(const own *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end) {
  const apus_convolution *c = &o->plan.shape;
  const int a = o->axis;
  const int64_t reach = (c->kernel[a] - 1) * c->dilation[a], lowest = first + c->before[a] - reach;
  // The outputs that saw these inputs.
  const int64_t from = lowest <= 0 ? 0 : apus_divided_up(lowest, c->stride[a]);
  const int64_t to = apus_least(c->output[a], (end - 1 + c->before[a]) / c->stride[a] + 1);
  const buffers memory = thread_buffers(o);
  const bool is_seen = from < to;
  const band b = is_seen ? band_of(o, from, to) : (band){.extent = {0, 0, 0}};
  const char *dy = at->first + (n * apus_product(c->output) + from * o->inner) * c->out_channels * o->bytes;
  char *image = at->result + n * apus_product(c->input) * c->in_channels * o->bytes;
  const int64_t positions = is_seen ? (to - from) * o->inner : 0;
  for (int64_t g = 0; g < c->groups; g++) {
    const int64_t channel = g * o->group_out * o->bytes;
    memset(memory.band, 0, (size_t)(apus_product(b.extent) * o->group_in * o->bytes));
    for (int64_t p = 0; p < positions; p += o->tile) {
      const int64_t count = apus_least(o->tile, positions - p);
      apus_matmul_own_block(o->kernels, &(apus_matmul_block){
          .dtype = c->dtype, .rows = count, .columns = o->filter, .k = o->group_out, .a = dy + p * c->out_channels * o->bytes + channel,
          .a_row = c->out_channels, .a_column = 1, .b = at->second + g * o->group_out * o->filter * o->bytes, .b_row = o->filter,
          .c = memory.patches, .c_row = o->filter});
      spread(o, &b, p, count, &memory);
    }
    read_band(o, &b, memory.band, image + g * o->group_in * o->bytes, first, end);
  }
}

static void weight_gradient(const own *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end, char *sums) {
  const apus_convolution *c = &o->plan.shape;
  const buffers memory = thread_buffers(o);
  const band b = band_of(o, first, end);
  const char *image = at->first + n * apus_product(c->input) * c->in_channels * o->bytes;
  const char *dy = at->second + (n * apus_product(c->output) + first * o->inner) * c->out_channels * o->bytes;
  const int64_t positions = (end - first) * o->inner;
  for (int64_t g = 0; g < c->groups; g++) {
    fill_band(o, &b, image + g * o->group_in * o->bytes, memory.band);
    for (int64_t p = 0; p < positions; p += o->tile) {
      const int64_t count = apus_least(o->tile, positions - p);
      gather(o, &b, p, count, &memory);
      apus_matmul_own_block(o->kernels, &(apus_matmul_block){
          .dtype = c->dtype, .rows = o->group_out, .columns = o->filter, .k = count,
          .a = dy + (p * c->out_channels + g * o->group_out) * o->bytes, .a_row = 1, .a_column = c->out_channels, .b = memory.patches,
          .b_row = o->filter, .adds = true, .c = sums + g * o->group_out * o->filter * o->bytes, .c_row = o->filter});
    }
  }
}

// MARK: - Phases

static void run_cell(const own *o, const apus_convolution_addresses *at, int64_t cell, char *sums) {
  const apus_convolution *c = &o->plan.shape;
  const bool is_backwards = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t extent = is_backwards ? c->input[o->axis] : c->output[o->axis];
  const int64_t image = cell / o->bands * o->images, first = cell % o->bands * o->band, end = apus_least(first + o->band, extent);
  if (first >= end) return;
  for (int64_t n = image; n < apus_least(image + o->images, c->batch); n++) {
    switch (o->plan.kind) {
      case APUS_CONVOLUTION_FORWARD: forward(o, at, n, first, end); break;
      case APUS_CONVOLUTION_INPUT_GRADIENT: input_gradient(o, at, n, first, end); break;
      case APUS_CONVOLUTION_WEIGHT_GRADIENT: weight_gradient(o, at, n, first, end, sums); break;
    }
  }
}

static int64_t weight_count(const apus_convolution *c) { return c->out_channels * apus_filter_size(c); }
enum { SUM_GRAIN = 1 << 14 };

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const own *o = (const own *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  const int64_t weights = weight_count(&plan->shape);
  switch (plan->kind) {
    case APUS_CONVOLUTION_FORWARD:
      if (phase == 0)
        pack_weights(o, &at, piece);
      else
        run_cell(o, &at, piece, NULL);
      break;
    case APUS_CONVOLUTION_INPUT_GRADIENT: run_cell(o, &at, piece, NULL); break;
    case APUS_CONVOLUTION_WEIGHT_GRADIENT:
      if (phase == 0) {
        char *sums = o->parts == 1 ? at.result : at.scratch + piece * weights * o->bytes;
        memset(sums, 0, (size_t)(weights * o->bytes));
        for (int64_t cell = piece * o->cells / o->parts; cell < (piece + 1) * o->cells / o->parts; cell++) run_cell(o, &at, cell, sums);
      } else {
        apus_sum_parts(plan->shape.dtype, at.scratch, o->parts, weights, at.result, piece * SUM_GRAIN, apus_least((piece + 1) * SUM_GRAIN, weights));
      }
  }
}

static void destroy(apus_convolution_plan *plan) {
  free(((own *)plan)->patch.offsets);
  free(plan);
}

// MARK: - Planning

static void list_segments(own *o) {
  const apus_convolution *c = &o->plan.shape;
  const bool is_dilated = c->dilation[2] > 1 && c->kernel[2] > 1;
  o->patch.length = (is_dilated ? 1 : c->kernel[2]) * o->group_in;
  int64_t *offset = o->patch.offsets;
  for (int64_t z = 0; z < c->kernel[0]; z++)
    for (int64_t y = 0; y < c->kernel[1]; y++)
      for (int64_t x = 0; x < (is_dilated ? c->kernel[2] : 1); x++)
        *offset++ = ((z * c->dilation[0] * o->padded[1] + y * c->dilation[1]) * o->padded[2] + x * c->dilation[2]) * o->group_in;
  o->patch.segments = offset - o->patch.offsets;
  o->patch.apart = is_dilated ? 1 : apus_divided_up(c->kernel[2], c->stride[2]);
}

static void cut(own *o, double cost) {
  const apus_convolution *c = &o->plan.shape;
  const int a = o->axis;
  const bool is_backwards = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t extent = is_backwards ? c->input[a] : c->output[a];
  const double image_cost = cost / (double)c->batch;
  int64_t bands = 1;
  if (is_backwards) {
    // Neighbouring bands both compute the patches that they share: cut only where there are few images.
    const int64_t least = apus_greatest(4, 2 * (c->kernel[a] - 1) * c->dilation[a]);
    bands = apus_least(apus_least(apus_divided_up(8, c->batch), (int64_t)(image_cost / 30000) + 1), apus_greatest(1, extent / least));
  } else {
    const int64_t by_memory = apus_divided_up(apus_product(o->padded) * o->group_in * o->bytes, BAND_BYTES);
    bands = apus_least(apus_greatest((int64_t)(image_cost / 30000) + 1, by_memory), extent);
  }
  o->band = apus_divided_up(extent, bands);
  o->bands = apus_divided_up(extent, o->band);
  o->images = o->bands > 1 ? 1 : apus_least(apus_greatest(1, (int64_t)(10000 / image_cost)), c->batch);
  o->cells = apus_divided_up(c->batch, o->images) * o->bands;
  // What a band takes at most. The whole input fits across the other axes: positions behind the last filter are zeros, or get zeros.
  const int64_t reach = (c->kernel[a] - 1) * c->dilation[a];
  const int64_t outputs = is_backwards ? apus_least(c->output[a], (o->band + reach - 1) / c->stride[a] + 1) : o->band;
  o->padded[a] = (outputs - 1) * c->stride[a] + reach + 1;
}

apus_convolution_plan *apus_convolution_own(const apus_convolution_plan *start) {
  own *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  apus_convolution_plan *plan = &o->plan;
  const apus_convolution *c = &plan->shape;
  o->patch.offsets = calloc((size_t)apus_product(c->kernel), sizeof *o->patch.offsets);
  if (!o->patch.offsets) {
    free(o);
    return NULL;
  }
  o->kernels = apus_matmul_own_kernels();
  o->bytes = apus_element_bytes(c->dtype);
  o->group_in = c->in_channels / c->groups;
  o->group_out = c->out_channels / c->groups;
  o->filter = apus_filter_size(c);
  o->axis = apus_outermost_axis(c);
  o->inner = 1;
  for (int a = 0; a < 3; a++) {
    o->padded[a] = (c->output[a] - 1) * c->stride[a] + (c->kernel[a] - 1) * c->dilation[a] + 1;
    if (a > o->axis) o->inner *= c->output[a];
  }
  const double cost = 100 + apus_convolution_work(c) / (c->dtype == APUS_F64 ? 30 : 60);
  list_segments(o);
  cut(o, cost);
  o->tile = apus_greatest(8, apus_least(MOST_TILE, PATCH_BYTES / (o->filter * o->bytes) / 8 * 8));
  o->tile = apus_least(o->tile, apus_product(c->output));
  plan->run = run;
  plan->destroy = destroy;
  const int64_t weights = weight_count(c);
  switch (plan->kind) {
    case APUS_CONVOLUTION_FORWARD:
      plan->phases = 2;
      plan->phase[0] = (apus_convolution_phase){c->groups, (double)weights};
      plan->phase[1] = (apus_convolution_phase){o->cells, cost};
      plan->scratch_bytes = weights * o->bytes;
      break;
    case APUS_CONVOLUTION_INPUT_GRADIENT:
      plan->phases = 1;
      plan->phase[0] = (apus_convolution_phase){o->cells, cost};
      break;
    case APUS_CONVOLUTION_WEIGHT_GRADIENT:
      o->parts = apus_least(apus_least(o->cells, MOST_PARTS), (int64_t)(cost / 20000) + 1);
      o->parts = apus_greatest(1, apus_least(o->parts, PART_BYTES / (weights * o->bytes)));
      plan->phases = o->parts > 1 ? 2 : 1;
      plan->phase[0] = (apus_convolution_phase){o->parts, cost};
      plan->phase[1] = (apus_convolution_phase){apus_divided_up(weights, SUM_GRAIN), 0.1 * (double)(weights * o->parts)};
      plan->scratch_bytes = o->parts > 1 ? o->parts * weights * o->bytes : 0;
      break;
  }
  return plan;
}
