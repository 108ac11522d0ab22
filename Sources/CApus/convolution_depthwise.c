// Depthwise convolutions: every channel has a filter of its own, so channels, which lie side by side, fill the vectors.
//
// The forward pass and the input's gradient are the same sum over pairs (tap, position of the other side): which pairs an element has is
// listed once for each axis. Memory limits all of it.
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "isa.h"
#include "transpose.h"

enum { MOST_PARTS = 16, WIDTH = 4 };  // vectors of channels at a time

// Along one axis: for position i the pairs pairs[first[i] ..< first[i + 1]].
typedef struct {
  int32_t tap, other;
} pair;
typedef struct {
  int64_t *first;
  pair *pairs;
} axis_pairs;

typedef struct {
  apus_convolution_plan plan;
  int64_t channels, taps, bytes;
  axis_pairs axes[3];
  int64_t rows, rows_of_piece;  // rows of results: all but the innermost spatial axis, batch included
  int64_t parts;
} depthwise;

// MARK: - One row of results

typedef struct {
  const void *source, *weights, *bias;
  void *to;
  int64_t channels, count;          // results
  int64_t outer;                    // pairs of the two outer axes together:
  const int64_t *rows, *row_taps;   // a row of the source, in elements from its beginning, and the tap at its left end
  const axis_pairs *inner;
  bool relu;
} row_work;

#define ROW(name, element, lanes)                                                                                              \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                       \
  APUS_INLINE void name##_block(const row_work *r, int64_t i, int64_t channel, const int width) {                              \
    const element *source = r->source, *weights = r->weights, *bias = r->bias;                                                 \
    const pair *begin = r->inner->pairs + r->inner->first[i], *end = r->inner->pairs + r->inner->first[i + 1];                 \
    name##_vector sum[WIDTH], v, w;                                                                                            \
    for (int k = 0; k < width; k++) {                                                                                          \
      sum[k] = 0;                                                                                                              \
      if (bias) memcpy(&sum[k], bias + channel + k * lanes, sizeof v);                                                         \
    }                                                                                                                          \
    for (int64_t o = 0; o < r->outer; o++)                                                                                     \
      for (const pair *p = begin; p < end; p++) {                                                                              \
        const element *from = source + r->rows[o] + p->other * r->channels + channel;                                          \
        const element *by = weights + (r->row_taps[o] + p->tap) * r->channels + channel;                                       \
        for (int k = 0; k < width; k++) {                                                                                      \
          memcpy(&v, from + k * lanes, sizeof v);                                                                              \
          memcpy(&w, by + k * lanes, sizeof w);                                                                                \
          sum[k] += v * w;                                                                                                     \
        }                                                                                                                      \
      }                                                                                                                        \
    for (int k = 0; k < width; k++) {                                                                                          \
      if (r->relu) sum[k] = sum[k] < 0 ? (name##_vector)0 : sum[k];                                                            \
      memcpy((element *)r->to + i * r->channels + channel + k * lanes, &sum[k], sizeof v);                                     \
    }                                                                                                                          \
  }                                                                                                                            \
  APUS_INLINE void name##_one(const row_work *r, int64_t i, int64_t channel) {                                                 \
    const element *source = r->source, *weights = r->weights, *bias = r->bias;                                                 \
    element sum = bias ? bias[channel] : 0;                                                                                    \
    for (int64_t o = 0; o < r->outer; o++)                                                                                     \
      for (int64_t p = r->inner->first[i]; p < r->inner->first[i + 1]; p++)                                                    \
        sum += source[r->rows[o] + r->inner->pairs[p].other * r->channels + channel] *                                         \
               weights[(r->row_taps[o] + r->inner->pairs[p].tap) * r->channels + channel];                                     \
    ((element *)r->to)[i * r->channels + channel] = r->relu && sum < 0 ? 0 : sum;                                              \
  }                                                                                                                            \
  APUS_CLONES static void name(const row_work *r) {                                                                            \
    for (int64_t i = 0; i < r->count; i++) {                                                                                   \
      int64_t c = 0;                                                                                                           \
      for (; c + WIDTH * lanes <= r->channels; c += WIDTH * lanes) name##_block(r, i, c, WIDTH);                               \
      for (; c + lanes <= r->channels; c += lanes) name##_block(r, i, c, 1);                                                   \
      for (; c < r->channels; c++) name##_one(r, i, c);                                                                        \
    }                                                                                                                          \
  }
ROW(row_f32, float, 16)
ROW(row_f64, double, 8)

// sums[c] += Σ over i < count of x[i step, c] dy[i, c].
#define PRODUCTS(name, element, lanes)                                                                                         \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                       \
  APUS_CLONES static void name(const element *x, int64_t step, const element *dy, int64_t count, int64_t channels, element *sums) { \
    int64_t c = 0;                                                                                                             \
    for (; c + lanes <= channels; c += lanes) {                                                                                \
      name##_vector sum, v, w;                                                                                                 \
      memcpy(&sum, sums + c, sizeof sum);                                                                                      \
      for (int64_t i = 0; i < count; i++) {                                                                                    \
        memcpy(&v, x + i * step + c, sizeof v);                                                                                \
        memcpy(&w, dy + i * channels + c, sizeof w);                                                                           \
        sum += v * w;                                                                                                          \
      }                                                                                                                        \
      memcpy(sums + c, &sum, sizeof sum);                                                                                      \
    }                                                                                                                          \
    for (; c < channels; c++)                                                                                                  \
      for (int64_t i = 0; i < count; i++) sums[c] += x[i * step + c] * dy[i * channels + c];                                   \
  }
PRODUCTS(products_f32, float, 16)
PRODUCTS(products_f64, double, 8)

// MARK: - Phases

static bool is_backwards(const depthwise *d) { return d->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT; }

// Rows [begin, end) of the output or, backwards, of the input.
static void sum_rows(const depthwise *d, const apus_convolution_addresses *at, int64_t begin, int64_t end) {
  const apus_convolution *c = &d->plan.shape;
  const int64_t *to = is_backwards(d) ? c->input : c->output, *from = is_backwards(d) ? c->output : c->input;
  const int64_t pairs = c->kernel[0] * c->kernel[1];
  int64_t rows[pairs], row_taps[pairs];
  for (int64_t row = begin; row < end; row++) {
    const int64_t y = row % to[1], z = row / to[1] % to[0], n = row / to[1] / to[0];
    int64_t outer = 0;
    for (int64_t i = d->axes[0].first[z]; i < d->axes[0].first[z + 1]; i++)
      for (int64_t j = d->axes[1].first[y]; j < d->axes[1].first[y + 1]; j++) {
        const pair p = d->axes[0].pairs[i], q = d->axes[1].pairs[j];
        rows[outer] = (((n * from[0] + p.other) * from[1] + q.other) * from[2]) * d->channels;
        row_taps[outer++] = (p.tap * c->kernel[1] + q.tap) * c->kernel[2];
      }
    const row_work work = {.source = at->first, .weights = at->scratch, .bias = at->bias, .to = at->result + row * to[2] * d->channels * d->bytes,
                           .channels = d->channels, .count = to[2], .outer = outer, .rows = rows, .row_taps = row_taps, .inner = &d->axes[2],
                           .relu = d->plan.relu};
    if (d->bytes == 8)
      row_f64(&work);
    else
      row_f32(&work);
  }
}

// The part of the weights' gradient, (taps, channels), that rows [begin, end) of the output contribute.
static void sum_weights(const depthwise *d, const apus_convolution_addresses *at, int64_t begin, int64_t end, char *sums) {
  const apus_convolution *c = &d->plan.shape;
  const int64_t step = c->stride[2] * d->channels;
  memset(sums, 0, (size_t)(d->taps * d->channels * d->bytes));
  for (int64_t row = begin; row < end; row++) {
    const int64_t y = row % c->output[1], z = row / c->output[1] % c->output[0], n = row / c->output[1] / c->output[0];
    for (int64_t i = d->axes[0].first[z]; i < d->axes[0].first[z + 1]; i++)
      for (int64_t j = d->axes[1].first[y]; j < d->axes[1].first[y + 1]; j++) {
        const pair p = d->axes[0].pairs[i], q = d->axes[1].pairs[j];
        const int64_t source = ((n * c->input[0] + p.other) * c->input[1] + q.other) * c->input[2];
        for (int64_t k = 0; k < c->kernel[2]; k++) {
          // The positions whose tap k lies within the row.
          const int64_t shift = k * c->dilation[2] - c->before[2], last = c->input[2] - 1 - shift;
          const int64_t first = shift >= 0 ? 0 : apus_divided_up(-shift, c->stride[2]);
          const int64_t count = last < 0 ? 0 : apus_least(c->output[2], last / c->stride[2] + 1) - first;
          if (count <= 0) continue;
          const char *x = at->first + (source + first * c->stride[2] + shift) * d->channels * d->bytes;
          const char *dy = at->second + (row * c->output[2] + first) * d->channels * d->bytes;
          char *to = sums + ((p.tap * c->kernel[1] + q.tap) * c->kernel[2] + k) * d->channels * d->bytes;
          if (d->bytes == 8)
            products_f64((const double *)x, step, (const double *)dy, count, d->channels, (double *)to);
          else
            products_f32((const float *)x, step, (const float *)dy, count, d->channels, (float *)to);
        }
      }
  }
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const depthwise *d = (const depthwise *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  const int64_t weights = d->taps * d->channels, begin = piece * d->rows_of_piece, end = apus_least(begin + d->rows_of_piece, d->rows);
  if (plan->kind != APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    // (channels, taps) as (taps, channels), then the sums.
    if (phase == 0)
      apus_transpose(d->bytes, at.second, d->taps, at.scratch, d->channels, d->taps, d->channels);
    else
      sum_rows(d, &at, begin, end);
  } else if (phase == 0) {
    sum_weights(d, &at, begin, end, at.scratch + piece * weights * d->bytes);
  } else {
    apus_sum_parts(plan->shape.dtype, at.scratch, d->parts, weights, at.scratch, 0, weights);
    apus_transpose(d->bytes, at.scratch, d->channels, at.result, d->taps, d->channels, d->taps);
  }
}

static void destroy(apus_convolution_plan *plan) {
  depthwise *d = (depthwise *)plan;
  for (int a = 0; a < 3; a++) {
    free(d->axes[a].first);
    free(d->axes[a].pairs);
  }
  free(d);
}

// MARK: - Planning

static bool list_pairs(axis_pairs *list, const apus_convolution *c, int a, bool backwards) {
  const int64_t count = backwards ? c->input[a] : c->output[a], others = backwards ? c->output[a] : c->input[a];
  list->first = calloc((size_t)count + 1, sizeof *list->first);
  list->pairs = calloc((size_t)(count * c->kernel[a]), sizeof *list->pairs);
  if (!list->first || !list->pairs) return false;
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) {
    list->first[i] = n;
    for (int64_t k = 0; k < c->kernel[a]; k++) {
      int64_t other = i * c->stride[a] + k * c->dilation[a] - c->before[a];
      if (backwards) {
        const int64_t distance = i + c->before[a] - k * c->dilation[a];
        other = distance >= 0 && distance % c->stride[a] == 0 ? distance / c->stride[a] : -1;
      }
      if (other >= 0 && other < others) list->pairs[n++] = (pair){(int32_t)k, (int32_t)other};
    }
  }
  list->first[count] = n;
  return true;
}

apus_convolution_plan *apus_convolution_depthwise(const apus_convolution_plan *start) {
  const apus_convolution *c = &start->shape;
  if (c->groups != c->in_channels || c->groups != c->out_channels || c->kernel[0] * c->kernel[1] > 4096) return NULL;
  depthwise *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->plan = *start;
  apus_convolution_plan *plan = &d->plan;
  plan->run = run;
  plan->destroy = destroy;
  d->channels = c->groups;
  d->taps = apus_product(c->kernel);
  d->bytes = apus_element_bytes(c->dtype);
  for (int a = 0; a < 3; a++)
    if (!list_pairs(&d->axes[a], c, a, is_backwards(d))) {
      destroy(plan);
      return NULL;
    }
  const int64_t *to = is_backwards(d) ? c->input : c->output;
  const double cost = 100 + apus_convolution_work(c) * (double)d->bytes / 60, weights = (double)(d->taps * d->channels);
  d->rows = c->batch * to[0] * to[1];
  int64_t pieces = apus_least((int64_t)(cost / 10000) + 1, d->rows);
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) pieces = apus_least(pieces, MOST_PARTS);
  d->rows_of_piece = apus_divided_up(d->rows, pieces);
  d->parts = apus_divided_up(d->rows, d->rows_of_piece);
  plan->phases = 2;
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    plan->phase[0] = (apus_convolution_phase){d->parts, cost};
    plan->phase[1] = (apus_convolution_phase){1, weights * (1 + 0.1 * (double)d->parts)};
    plan->scratch_bytes = d->parts * d->taps * d->channels * d->bytes;
  } else {
    plan->phase[0] = (apus_convolution_phase){1, weights};
    plan->phase[1] = (apus_convolution_phase){d->parts, cost};
    plan->scratch_bytes = d->taps * d->channels * d->bytes;
  }
  return plan;
}
