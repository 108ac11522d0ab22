// Convolutions with few channels on one side, without patches: the row of a filter, its taps and channels, lies over a row of the image as
// it stands in memory. So each of the three kinds is small matrix products of operands where they are (convolution_rows.h):
//
//   forward           a row of results  (positions, out)      += patches of an image's row (positions, row of a filter) x weights
//   input's gradient  what each position gives to one row of the image (positions, row of a filter) += a row of dy (positions, out) x weights
//   filters' gradient (row of a filter, out) += patches of an image's row, transposed x a row of dy (positions, out)
//
// Patches overlap, and only the copy that they would need is left out. For the input's gradient what the positions give is then added up
// where it belongs, once for all rows of the filters, not for each.
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "convolution_rows.h"
#include "isa.h"
#include "scratch.h"
#include "transpose.h"
#include "vector/kernels.h"

enum { LANES = APUS_ROWS_LANES, MOST_LANES = APUS_ROWS_MOST_VECTORS * LANES, MOST_SEGMENTS = 64, MOST_PARTS = 16, MOST_FILTER = 4096 };

typedef struct {
  apus_convolution_plan plan;
  int64_t in, out, segment;                                     // segment: the elements of a filter's row
  int64_t image[2], result[2], kernel[2], stride[2], before[2]; // heights and widths
  int64_t dilation;                                             // of rows
  int64_t lanes, vectors, pitch;                                // the lanes that are used, and those that there are
  int64_t padded;                                               // the elements of a row that filters see; 0: rows are read as they are
  int64_t images, band, bands, parts;                           // a piece: several whole images, or a band of rows of one
  // Where the input's gradient at each position of a row comes from: the first place in what positions give, and how many there are.
  int32_t *starts, *counts;
} direct;

// MARK: - Rows

// The taps whose rows of the image, or of dy, exist: (row + before - tap dilation) for a gradient, row stride - before + tap dilation else.
static int64_t seen_row(const direct *o, int64_t row, int64_t tap) {
  if (o->plan.kind != APUS_CONVOLUTION_INPUT_GRADIENT) {
    const int64_t y = row * o->stride[0] - o->before[0] + tap * o->dilation;
    return y >= 0 && y < o->image[0] ? y : -1;
  }
  const int64_t y = row + o->before[0] - tap * o->dilation;
  return y >= 0 && y % o->stride[0] == 0 && y / o->stride[0] < o->result[0] ? y / o->stride[0] : -1;
}

// Rows [first, end) of an image with zeros on both sides.
static void pad_rows(const direct *o, const float *image, int64_t first, int64_t end, float *to) {
  const int64_t left = o->before[1] * o->in, row = o->image[1] * o->in, count = apus_least(row, o->padded - left);
  for (int64_t y = first; y < end; y++, to += o->padded) {
    memset(to, 0, (size_t)left * 4);
    memcpy(to + left, image + y * row, (size_t)count * 4);
    memset(to + left + count, 0, (size_t)(o->padded - left - count) * 4);
  }
}

static const float zeros[MOST_LANES];

// The products of one row, block by block.
static void sum_blocks(apus_row_sums s, apus_row_segment *segments, int64_t count, int64_t vectors) {
  s.segments = segments;
  for (int64_t r = 0, block; r < count; r += block) {
    block = apus_row_block(count - r, vectors);
    apus_sum_rows(&s, block, vectors);
    for (int64_t i = 0; i < s.segment_count; i++) segments[i].a += block * s.a_row;
    s.c += block * s.c_row;
    s.first += block * s.first_row;
  }
}

// MARK: - The three kinds

// Scratch of a thread: padded rows of the image, then rows of results or of dy with all lanes.
static float *room(const direct *o, int64_t rows, int64_t wide_rows, float **wide) {
  const int64_t padded = (rows * o->padded + 15) & ~(int64_t)15;
  float *memory = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(padded + wide_rows * o->pitch + LANES) * 4);
  *wide = memory + padded;
  return memory;
}

// The rows of the image that rows [first, end) of the results see.
static void rows_seen(const direct *o, int64_t first, int64_t end, int64_t *from, int64_t *to) {
  *from = apus_greatest(0, first * o->stride[0] - o->before[0]);
  *to = apus_least(o->image[0], (end - 1) * o->stride[0] - o->before[0] + (o->kernel[0] - 1) * o->dilation + 1);
}

static void forward(const direct *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end) {
  const float *image = (const float *)at->first + n * o->image[0] * o->image[1] * o->in;
  const float *weights = (const float *)at->scratch;
  int64_t from, to, row = o->image[1] * o->in;
  rows_seen(o, first, end, &from, &to);
  float *wide, *padded = room(o, apus_greatest(0, to - from), o->result[1], &wide);
  if (o->padded) {
    pad_rows(o, image, from, to, padded);
    row = o->padded;
    image = padded - from * row;
  }
  const bool is_whole = o->out == o->pitch;
  for (int64_t y = first; y < end; y++) {
    apus_row_segment segments[MOST_SEGMENTS];
    float *result = (float *)at->result + ((n * o->result[0] + y) * o->result[1]) * o->out;
    apus_row_sums s = {.k = o->segment, .a_row = o->stride[1] * o->in, .a_step = 1, .b_step = o->pitch, .relu = o->plan.relu,
                       .first = at->bias ? weights + o->kernel[0] * o->segment * o->pitch : zeros, .c = is_whole ? result : wide,
                       .c_row = o->pitch};
    for (int64_t i = 0; i < o->kernel[0]; i++) {
      const int64_t seen = seen_row(o, y, i);
      if (seen >= 0) segments[s.segment_count++] = (apus_row_segment){image + seen * row, weights + i * o->segment * o->pitch};
    }
    sum_blocks(s, segments, o->result[1], o->vectors);
    for (int64_t x = 0; x < o->result[1] && !is_whole; x++) memcpy(result + x * o->out, wide + x * o->pitch, (size_t)o->out * 4);
  }
}

// Adds up what positions give to one row of the image. Whole vectors are written, up to one beyond the row's end.
APUS_CLONES static void gather_row(const float *given, const int32_t *starts, const int32_t *counts, int64_t step, int64_t width,
                                   int64_t channels, float *to) {
  for (int64_t x = 0; x < width; x++, to += channels)
    for (int64_t c = 0; c < channels; c += LANES) {
      const float *from = given + starts[x] + c;
      f32x16 sum = 0, v;
      for (int32_t j = counts[x]; j > 0; j--, from += step) {
        memcpy(&v, from, sizeof v);
        sum += v;
      }
      memcpy(to + c, &sum, sizeof sum);
    }
}

static void input_gradient(const direct *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end, bool is_last) {
  const float *dy = (const float *)at->first + n * o->result[0] * o->result[1] * o->out;
  const int64_t row = o->image[1] * o->in;
  float *given = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(o->result[1] * o->pitch + row + 2 * LANES) * 4);
  float *line = given + o->result[1] * o->pitch + LANES;
  for (int64_t y = first; y < end; y++) {
    apus_row_segment segments[MOST_SEGMENTS];
    apus_row_sums s = {.k = o->out, .a_row = o->out, .a_step = 1, .b_step = o->pitch, .first = zeros, .c = given, .c_row = o->pitch};
    for (int64_t i = 0; i < o->kernel[0]; i++) {
      const int64_t seen = seen_row(o, y, i);
      if (seen >= 0)
        segments[s.segment_count++] =
            (apus_row_segment){dy + seen * o->result[1] * o->out, (const float *)at->scratch + i * o->out * o->pitch};
    }
    float *dx = (float *)at->result + (n * o->image[0] + y) * row;
    if (s.segment_count == 0) {
      memset(dx, 0, (size_t)row * 4);
      continue;
    }
    sum_blocks(s, segments, o->result[1], o->vectors);
    // What is written beyond a row is overwritten by the next one, if this piece has it and it takes so much.
    const bool is_exact = (is_last && y + 1 == end) || row < LANES;
    gather_row(given, o->starts, o->counts, o->stride[1] * o->in - o->pitch, o->image[1], o->in, is_exact ? line : dx);
    if (is_exact) memcpy(dx, line, (size_t)row * 4);
  }
}

static void weight_gradient(const direct *o, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end, float *sums) {
  const float *image = (const float *)at->first + n * o->image[0] * o->image[1] * o->in;
  const float *dy = (const float *)at->second + (n * o->result[0] + first) * o->result[1] * o->out;
  const int64_t positions = (end - first) * o->result[1];
  int64_t from, to, row = o->image[1] * o->in;
  rows_seen(o, first, end, &from, &to);
  const bool is_whole = o->out == o->pitch;
  float *wide, *padded = room(o, apus_greatest(0, to - from), is_whole ? 0 : positions, &wide);
  if (o->padded) {
    pad_rows(o, image, from, to, padded);
    row = o->padded;
    image = padded - from * row;
  }
  if (!is_whole) {
    memset(wide, 0, (size_t)(positions * o->pitch) * 4);
    for (int64_t p = 0; p < positions; p++) memcpy(wide + p * o->pitch, dy + p * o->out, (size_t)o->out * 4);
    dy = wide;
  }
  for (int64_t i = 0; i < o->kernel[0]; i++)
    for (int64_t y = first; y < end;) {
      apus_row_segment segments[MOST_SEGMENTS];
      apus_row_sums s = {.k = o->result[1], .a_row = 1, .a_step = o->stride[1] * o->in, .b_step = o->pitch,
                         .first = sums + i * o->segment * o->pitch, .first_row = o->pitch, .c = sums + i * o->segment * o->pitch,
                         .c_row = o->pitch};
      for (; y < end && s.segment_count < MOST_SEGMENTS; y++) {
        const int64_t seen = seen_row(o, y, i);
        if (seen >= 0) segments[s.segment_count++] = (apus_row_segment){image + seen * row, dy + (y - first) * o->result[1] * o->pitch};
      }
      sum_blocks(s, segments, o->segment, o->vectors);
    }
}

// MARK: - Phases

// Weights (out, kernel, segment) in the order of the lanes: (kernel, segment, out), or (kernel, out, segment) for the input's gradient.
// Lanes that stand for nothing are zeros.
static void pack_weights(const direct *o, const apus_convolution_addresses *at) {
  const bool is_gradient = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const float *w = (const float *)at->second;
  float *packed = (float *)at->scratch;
  const int64_t filter = o->kernel[0] * o->segment, rows = is_gradient ? o->kernel[0] * o->out : filter;
  if (o->lanes < o->pitch) memset(packed, 0, (size_t)((rows + 1) * o->pitch) * 4);
  if (is_gradient) {
    for (int64_t i = 0; i < o->kernel[0]; i++)
      for (int64_t r = 0; r < o->out; r++)
        memcpy(packed + (i * o->out + r) * o->pitch, w + r * filter + i * o->segment, (size_t)o->segment * 4);
    return;
  }
  apus_transpose(4, w, filter, packed, o->pitch, filter, o->out);
  if (at->bias) memcpy(packed + rows * o->pitch, at->bias, (size_t)o->out * 4);
}

static void run_cell(const direct *o, const apus_convolution_addresses *at, int64_t cell, float *sums) {
  const int64_t extent = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT ? o->image[0] : o->result[0];
  const int64_t image = cell / o->bands * o->images, last = apus_least(image + o->images, o->plan.shape.batch);
  const int64_t first = cell % o->bands * o->band, end = apus_least(first + o->band, extent);
  for (int64_t n = image; n < last; n++) switch (o->plan.kind) {
      case APUS_CONVOLUTION_FORWARD: forward(o, at, n, first, end); break;
      case APUS_CONVOLUTION_INPUT_GRADIENT: input_gradient(o, at, n, first, end, n + 1 == last); break;
      case APUS_CONVOLUTION_WEIGHT_GRADIENT: weight_gradient(o, at, n, first, end, sums); break;
    }
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const direct *o = (const direct *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  if (plan->kind != APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    if (phase == 0)
      pack_weights(o, &at);
    else
      run_cell(o, &at, piece, NULL);
    return;
  }
  const int64_t filter = o->kernel[0] * o->segment, size = filter * o->pitch;
  float *sums = (float *)at.scratch;
  if (phase == 0) {
    const int64_t cells = apus_divided_up(plan->shape.batch, o->images) * o->bands;
    memset(sums + piece * size, 0, (size_t)size * 4);
    for (int64_t cell = piece * cells / o->parts; cell < (piece + 1) * cells / o->parts; cell++) run_cell(o, &at, cell, sums + piece * size);
  } else {
    apus_sum_parts(APUS_F32, sums, o->parts, size, sums, 0, size);
    apus_transpose(4, sums, o->pitch, at.result, filter, o->out, filter);
  }
}

static void destroy(apus_convolution_plan *plan) {
  free(((direct *)plan)->starts);
  free(plan);
}

// MARK: - Planning

static int64_t lanes_used(const apus_convolution *c, apus_convolution_kind kind) {
  return kind == APUS_CONVOLUTION_INPUT_GRADIENT ? c->kernel[2] * c->in_channels : c->out_channels;
}

static bool suits_rows(const apus_convolution *c, apus_convolution_kind kind) {
  if (!apus_is_plain_image(c)) return false;
  return lanes_used(c, kind) <= MOST_LANES && c->kernel[1] <= MOST_SEGMENTS && apus_filter_size(c) <= MOST_FILTER &&
         (c->dilation[2] == 1 || c->kernel[2] == 1);
}

bool apus_convolution_prefers_rows(const apus_convolution *c, apus_convolution_kind kind) {
  // Narrower vectors have too few registers for it.
  if (!suits_rows(c, kind) || apus_active_kernels()->vector_bytes < 64) return false;
  const int64_t lanes = lanes_used(c, kind), pitch = apus_divided_up(lanes, LANES) * LANES;
  if (kind == APUS_CONVOLUTION_FORWARD) return 2 * lanes > pitch;
  if (kind == APUS_CONVOLUTION_INPUT_GRADIENT) return 4 * lanes >= 3 * pitch;
  // Sums for all elements of a filter's row at once, for few of which the factors are not read often enough.
  return lanes == pitch && c->kernel[2] * c->in_channels >= 24;
}

// For every position of an image's row: tap j of the result at (x + before - j) / stride gave to it.
static bool list_givers(direct *o) {
  const int64_t width = o->image[1];
  o->starts = calloc((size_t)(2 * width), sizeof *o->starts);
  if (!o->starts) return false;
  o->counts = o->starts + width;
  for (int64_t x = 0; x < width; x++)
    for (int64_t j = 0; j < o->kernel[1]; j++) {
      const int64_t p = x + o->before[1] - j;
      if (p < 0 || p % o->stride[1] != 0 || p / o->stride[1] >= o->result[1]) continue;
      if (o->counts[x]++ == 0) o->starts[x] = (int32_t)(p / o->stride[1] * o->pitch + j * o->in);
    }
  return true;
}

apus_convolution_plan *apus_convolution_rows(const apus_convolution_plan *start) {
  const apus_convolution *c = &start->shape;
  if (!suits_rows(c, start->kind)) return NULL;
  direct *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  apus_convolution_plan *plan = &o->plan;
  const bool is_gradient = plan->kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  plan->run = run;
  plan->destroy = destroy;
  o->in = c->in_channels;
  o->out = c->out_channels;
  o->dilation = c->dilation[1];
  for (int a = 0; a < 2; a++) {
    o->kernel[a] = c->kernel[a + 1];
    o->stride[a] = c->stride[a + 1];
    o->image[a] = c->input[a + 1];
    o->result[a] = c->output[a + 1];
    o->before[a] = c->before[a + 1];
  }
  o->segment = o->kernel[1] * o->in;
  o->lanes = lanes_used(c, plan->kind);
  o->vectors = apus_divided_up(o->lanes, LANES);
  o->pitch = o->vectors * LANES;
  const int64_t seen = (o->result[1] - 1) * o->stride[1] + o->kernel[1];
  o->padded = !is_gradient && (o->before[1] > 0 || seen > o->image[1]) ? apus_greatest(seen, o->before[1]) * o->in : 0;
  if (is_gradient && !list_givers(o)) {
    free(o);
    return NULL;
  }
  const int64_t extent = is_gradient ? o->image[0] : o->result[0], filter = o->kernel[0] * o->segment;
  const double used = (double)o->lanes / (double)o->pitch, cost = 100 + apus_convolution_work(c) / (90 * used);
  const double image_cost = cost / (double)c->batch;
  const int64_t bands = apus_least((int64_t)(image_cost / 30000) + 1, extent);
  o->band = apus_divided_up(extent, bands);
  o->bands = apus_divided_up(extent, o->band);
  o->images = o->bands > 1 ? 1 : apus_least(apus_greatest(1, (int64_t)(10000 / image_cost)), c->batch);
  const int64_t cells = apus_divided_up(c->batch, o->images) * o->bands;
  plan->phases = 2;
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    o->parts = apus_least(apus_least(cells, MOST_PARTS), (int64_t)(cost / 20000) + 1);
    plan->phase[0] = (apus_convolution_phase){o->parts, cost};
    plan->phase[1] = (apus_convolution_phase){1, 0.1 * (double)(filter * o->pitch * (o->parts + 4))};
    plan->scratch_bytes = o->parts * filter * o->pitch * 4;
  } else {
    const int64_t rows = (is_gradient ? o->kernel[0] * o->out : filter) + 1;
    plan->phase[0] = (apus_convolution_phase){1, 0.2 * (double)(rows * o->pitch)};
    plan->phase[1] = (apus_convolution_phase){cells, cost};
    plan->scratch_bytes = rows * o->pitch * 4;
  }
  return plan;
}
