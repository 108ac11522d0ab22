// The filters' gradient of a convolution with few results at each position (convolution_planar.c): dw[r, tap, c] is the sum over all positions
// of dy's plane r times the image's plane c, moved by the tap. Lanes are positions, so that a vector of sums is kept for every weight until
// the end, and only then are its lanes added up.
#include <stdlib.h>

#include "convolution_planes.h"
#include "scratch.h"

enum { LANES = APUS_PLANES_LANES, PLANE_BYTES = 32 << 10, MOST_PARTS = 16, MOST_TAPS = 5 };

typedef struct {
  apus_planar shape;
  int64_t width, parts;  // width: of dy's planes, whole vectors
} gradient;

// The sums of `taps` neighbouring taps and all results over a band of rows.
typedef struct {
  const float *image, *dy;  // the first tap's place in a plane of the image; dy's planes (results, rows, width)
  float *sums;              // (taps, results) vectors
  int64_t rows, width, plane, step, dilation;  // step: from row to row of the image
} tap_work;

APUS_INLINE void sum_taps(const tap_work *w, const int results, const int taps) {
  f32x16 sums[MOST_TAPS][APUS_PLANES_MOST], dy[APUS_PLANES_MOST], x;
#pragma clang loop unroll(full)
  for (int j = 0; j < taps; j++)
#pragma clang loop unroll(full)
    for (int r = 0; r < results; r++) memcpy(&sums[j][r], w->sums + (j * results + r) * LANES, sizeof x);
  for (int64_t y = 0; y < w->rows; y++)
    for (int64_t k = 0; k < w->width; k += LANES) {
      const float *image = w->image + y * w->step + k;
#pragma clang loop unroll(full)
      for (int r = 0; r < results; r++) memcpy(&dy[r], w->dy + r * w->plane + y * w->width + k, sizeof x);
#pragma clang loop unroll(full)
      for (int j = 0; j < taps; j++) {
        memcpy(&x, image + j * w->dilation, sizeof x);
#pragma clang loop unroll(full)
        for (int r = 0; r < results; r++) sums[j][r] += x * dy[r];
      }
    }
#pragma clang loop unroll(full)
  for (int j = 0; j < taps; j++)
#pragma clang loop unroll(full)
    for (int r = 0; r < results; r++) memcpy(w->sums + (j * results + r) * LANES, &sums[j][r], sizeof x);
}

// Sums, dy and an element of the image together fill the registers: five taps of five results at most, or three of eight.
#define TAPS(r, t) \
  APUS_CLONES static void sum_##r##_##t(const tap_work *w) { sum_taps(w, r, t); }
#define FEW_TAPS(r) TAPS(r, 1) TAPS(r, 2) TAPS(r, 3)
FEW_TAPS(1) FEW_TAPS(2) FEW_TAPS(3) FEW_TAPS(4) FEW_TAPS(5) FEW_TAPS(6) FEW_TAPS(7) FEW_TAPS(8)
TAPS(1, 5) TAPS(2, 5) TAPS(3, 5) TAPS(4, 5) TAPS(5, 5)
#define FEW(r) sum_##r##_1, sum_##r##_2, sum_##r##_3, NULL
static void (*const sums_of_taps[APUS_PLANES_MOST][MOST_TAPS])(const tap_work *) = {
    {FEW(1), sum_1_5}, {FEW(2), sum_2_5}, {FEW(3), sum_3_5}, {FEW(4), sum_4_5}, {FEW(5), sum_5_5}, {FEW(6)}, {FEW(7)}, {FEW(8)}};

// MARK: - Planes of dy

#define SEPARATE_ROW(channels)                                                                                                      \
  APUS_CLONES static void separate_row_##channels(const float *from, int64_t count, bool is_followed, float *to, int64_t plane) {  \
    for (int64_t k = 0; k < count; k += LANES) {                                                                                   \
      f32x16 v[APUS_PLANES_MOST];                                                                                                  \
      const int64_t some = apus_least(LANES, count - k);                                                                           \
      apus_pixels_to_planes(v, channels, from + k * channels, some, is_followed || (count - k - some) * channels >= 8);            \
      for (int r = 0; r < channels; r++) memcpy(to + r * plane + k, &v[r], sizeof v[r]);                                           \
    }                                                                                                                              \
  }
SEPARATE_ROW(1) SEPARATE_ROW(2) SEPARATE_ROW(3) SEPARATE_ROW(4) SEPARATE_ROW(5) SEPARATE_ROW(6) SEPARATE_ROW(7) SEPARATE_ROW(8)
static void (*const separate_row[APUS_PLANES_MOST])(const float *, int64_t, bool, float *, int64_t) = {
    separate_row_1, separate_row_2, separate_row_3, separate_row_4, separate_row_5, separate_row_6, separate_row_7, separate_row_8};

// MARK: - Pieces

static void add_band(const gradient *g, const apus_convolution_addresses *at, int64_t n, int64_t first, int64_t end, float *sums) {
  const apus_planar *o = &g->shape;
  const int64_t rows = end - first, read = apus_planar_rows_read(o, rows), plane = rows * g->width;
  const int64_t image_size = (o->from * read * o->pitch + 15) & ~(int64_t)15;
  float *image = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(image_size + o->to * plane) * 4), *dy = image + image_size;
  apus_planar_fill(o, (const float *)at->first + n * o->image[0] * o->image[1] * o->from, first * o->stride, read, image);
  for (int64_t y = first; y < end; y++) {
    const int64_t row = n * o->result[0] + y, after = (o->plan.shape.batch * o->result[0] - row - 1) * o->result[1] * o->to;
    separate_row[o->to - 1]((const float *)at->second + row * o->result[1] * o->to, o->result[1], after >= 8, dy + (y - first) * g->width, plane);
  }
  for (int64_t c = 0; c < o->from; c++)
    for (int64_t i = 0; i < o->kernel[0]; i++)
      for (int64_t j = 0, taps; j < o->kernel[1]; j += taps, sums += taps * o->to * LANES) {
        taps = apus_least(o->kernel[1] - j, MOST_TAPS);
        while (!sums_of_taps[o->to - 1][taps - 1]) taps--;
        sums_of_taps[o->to - 1][taps - 1](&(tap_work){
            .image = image + (c * read + i * o->dilation[0]) * o->pitch + j * o->dilation[1], .dy = dy, .sums = sums, .rows = rows,
            .width = g->width, .plane = plane, .step = o->stride * o->pitch, .dilation = o->dilation[1]});
      }
}

// The parts' sums (channels, taps, results) of vectors, added up and over their lanes, as weights (results, taps, channels).
APUS_CLONES static void finish(const float *parts, int64_t count, int64_t stride, int64_t channels, int64_t taps, int64_t results, float *dw) {
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++)
      for (int64_t r = 0; r < results; r++, parts += LANES) {
        f32x16 sum, v;
        memcpy(&sum, parts, sizeof sum);
        for (int64_t part = 1; part < count; part++) {
          memcpy(&v, parts + part * stride, sizeof v);
          sum += v;
        }
        const f32x8 eight = sum.lo + sum.hi;
        const f32x4 four = eight.lo + eight.hi;
        dw[(r * taps + t) * channels + c] = (four[0] + four[1]) + (four[2] + four[3]);
      }
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const gradient *g = (const gradient *)plan;
  const apus_planar *o = &g->shape;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  const int64_t size = o->from * o->taps * o->to * LANES;
  if (phase == 1) return finish((const float *)at.scratch, g->parts, size, o->from, o->taps, o->to, (float *)at.result);
  float *sums = (float *)at.scratch + piece * size;
  memset(sums, 0, (size_t)size * 4);
  const int64_t cells = plan->shape.batch * o->bands;
  for (int64_t cell = piece * cells / g->parts; cell < (piece + 1) * cells / g->parts; cell++) {
    const int64_t first = cell % o->bands * o->band;
    add_band(g, &at, cell / o->bands, first, apus_least(first + o->band, o->result[0]), sums);
  }
}

static void destroy(apus_convolution_plan *plan) { free(plan); }

apus_convolution_plan *apus_convolution_planar_gradient(const apus_convolution_plan *start) {
  gradient *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  apus_planar *o = &g->shape;
  apus_convolution_plan *plan = &o->plan;
  *plan = *start;
  plan->run = run;
  plan->destroy = destroy;
  apus_planar_describe(o, LANES);
  g->width = apus_divided_up(o->result[1], LANES) * LANES;
  // A band's planes stay in the first-level cache while all taps pass by.
  const int64_t row_bytes = (o->to * g->width + o->from * o->stride * o->pitch) * 4;
  o->band = apus_least(apus_greatest(PLANE_BYTES / row_bytes, o->kernel[0]), o->result[0]);
  const int64_t bands = apus_divided_up(o->result[0], o->band);
  o->band = apus_divided_up(o->result[0], bands);
  o->bands = apus_divided_up(o->result[0], o->band);
  const double positions = (double)(plan->shape.batch * o->result[0] * g->width);
  const double cost = 100 + positions * (double)o->to * ((double)(o->taps * o->from) / 90 + 0.3);
  g->parts = apus_least(apus_least(plan->shape.batch * o->bands, MOST_PARTS), (int64_t)(cost / 20000) + 1);
  const double weights = (double)(o->from * o->taps * o->to);
  plan->phases = 2;
  plan->phase[0] = (apus_convolution_phase){g->parts, cost};
  plan->phase[1] = (apus_convolution_phase){1, weights * (double)(g->parts + 8) / 2};
  plan->scratch_bytes = g->parts * o->from * o->taps * o->to * LANES * 4;
  return plan;
}
