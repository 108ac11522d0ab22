// Convolutions with few results at each position, such as the first layer of a small network on grey images, or the last one of a network
// that draws. Channels would leave most of a vector empty, so here neighbouring positions of a row fill it: the image is brought into
// planes, one for each channel, first. Here is the forward pass; convolution_planar_gradient.c has the filters' gradient. The input's does
// as well with vectors that run along the filter.
#include <stdlib.h>

#include "convolution_planes.h"
#include "scratch.h"

enum { LANES = APUS_PLANES_LANES, BLOCK = 2 * LANES, BAND_BYTES = 128 << 10 };

// MARK: - One row

typedef struct {
  const float *planes, *weights, *bias;  // weights: (channels, taps, results)
  float *to;
  int64_t channels, plane, pitch, count;  // results
  const apus_planar *shape;
} row_work;

// 32 positions: their results stay in registers while all taps of all channels pass by.
APUS_INLINE void sum_block(const row_work *w, int64_t x, const int results) {
  const apus_planar *o = w->shape;
  f32x16 sums[2][APUS_PLANES_MOST], a, b;
#pragma clang loop unroll(full)
  for (int r = 0; r < results; r++) sums[0][r] = sums[1][r] = w->bias ? (f32x16)w->bias[r] : (f32x16)0;
  const float *weight = w->weights;
  for (int64_t c = 0; c < w->channels; c++)
    for (int64_t i = 0; i < o->kernel[0]; i++) {
      const float *from = w->planes + c * w->plane + i * o->dilation[0] * w->pitch + x;
      for (int64_t j = 0; j < o->kernel[1]; j++, from += o->dilation[1], weight += results) {
        memcpy(&a, from, sizeof a);
        memcpy(&b, from + LANES, sizeof b);
#pragma clang loop unroll(full)
        for (int r = 0; r < results; r++) {
          sums[0][r] += a * weight[r];
          sums[1][r] += b * weight[r];
        }
      }
    }
  float *to = w->to + x * results;
#pragma clang loop unroll(full)
  for (int k = 0; k < 2; k++) {
#pragma clang loop unroll(full)
    for (int r = 0; r < results; r++)
      if (o->plan.relu) sums[k][r] = sums[k][r] < 0 ? (f32x16)0 : sums[k][r];
    const int64_t left = w->count - x - k * LANES;
    if (left > 0) apus_planes_to_pixels(sums[k], results, to + k * LANES * results, apus_least(LANES, left));
  }
}

#define ROW(results)                                                                       \
  APUS_CLONES static void sum_row_##results(const row_work *w) {                           \
    for (int64_t x = 0; x < w->count; x += BLOCK) sum_block(w, x, results);                \
  }
ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8)
static void (*const sum_row[APUS_PLANES_MOST + 1])(const row_work *) = {NULL,      sum_row_1, sum_row_2, sum_row_3, sum_row_4,
                                                                       sum_row_5, sum_row_6, sum_row_7, sum_row_8};

// MARK: - Pieces

// Weights (results, taps, channels) as (channels, taps, results).
static void pack_weights(const apus_planar *o, const float *w, float *packed) {
  for (int64_t c = 0; c < o->from; c++)
    for (int64_t t = 0; t < o->taps; t++)
      for (int64_t r = 0; r < o->to; r++) *packed++ = w[(r * o->taps + t) * o->from + c];
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const apus_planar *o = (const apus_planar *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  if (phase == 0) {
    pack_weights(o, (const float *)at.second, (float *)at.scratch);
    return;
  }
  const int64_t first = piece % o->bands * o->band, end = apus_least(first + o->band, o->result[0]);
  const int64_t image = piece / o->bands * o->images, last = apus_least(image + o->images, plan->shape.batch);
  const int64_t read = apus_planar_rows_read(o, end - first);
  float *planes = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(o->from * read * o->pitch) * 4);
  for (int64_t n = image; n < last; n++) {
    apus_planar_fill(o, (const float *)at.first + n * o->image[0] * o->image[1] * o->from, first * o->stride, read, planes);
    for (int64_t y = first; y < end; y++) {
      const row_work work = {.planes = planes + (y - first) * o->stride * o->pitch, .weights = (const float *)at.scratch,
                             .bias = (const float *)at.bias, .channels = o->from, .plane = read * o->pitch, .pitch = o->pitch,
                             .to = (float *)at.result + (n * o->result[0] + y) * o->result[1] * o->to, .count = o->result[1], .shape = o};
      sum_row[o->to](&work);
    }
  }
}

static void destroy(apus_convolution_plan *plan) { free(plan); }

bool apus_convolution_suits_planes(const apus_convolution *c, apus_convolution_kind kind) {
  if (!apus_is_plain_image(c)) return false;
  if (c->stride[2] != 1 || c->out_channels > APUS_PLANES_MOST) return false;
  return kind == APUS_CONVOLUTION_FORWARD || (kind == APUS_CONVOLUTION_WEIGHT_GRADIENT && apus_filter_size(c) <= APUS_PLANES_MOST_FILTER);
}

apus_convolution_plan *apus_convolution_planar(const apus_convolution_plan *start) {
  const apus_convolution *c = &start->shape;
  if (!apus_convolution_suits_planes(c, start->kind)) return NULL;
  if (start->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) return apus_convolution_planar_gradient(start);
  apus_planar *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  apus_convolution_plan *plan = &o->plan;
  plan->run = run;
  plan->destroy = destroy;
  apus_planar_describe(o, BLOCK);
  const double work = (double)(c->batch * o->result[0] * apus_divided_up(o->result[1], BLOCK) * BLOCK * o->from * o->taps) * ((double)o->to + 1.5);
  const double cost = 50 + work / 90, image_cost = cost / (double)c->batch;
  const int64_t by_memory = apus_divided_up(o->from * apus_planar_rows_read(o, o->result[0]) * o->pitch * 4, BAND_BYTES);
  const int64_t bands = apus_least(apus_greatest((int64_t)(image_cost / 30000) + 1, by_memory), o->result[0]);
  o->band = apus_divided_up(o->result[0], bands);
  o->bands = apus_divided_up(o->result[0], o->band);
  o->images = o->bands > 1 ? 1 : apus_least(apus_greatest(1, (int64_t)(10000 / image_cost)), c->batch);
  plan->phases = 2;
  plan->phase[0] = (apus_convolution_phase){1, (double)(o->from * o->taps * o->to)};
  plan->phase[1] = (apus_convolution_phase){apus_divided_up(c->batch, o->images) * o->bands, cost};
  plan->scratch_bytes = o->from * o->taps * o->to * 4;
  return plan;
}
