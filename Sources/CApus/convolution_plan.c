// Which way a convolution goes, and what all ways share.
#include "convolution.h"

#include <stdlib.h>

//
// Measured on one Zen 5 core with AVX-512, milliseconds of processor time, oneDNN 2.6.3, batches of 64 and 32 images (forward, input's
// gradient, filters' gradient). winograd.c says what it costs in exactness: 0.9 to 5.6 times the rounding errors of plain sums, below 1e-6 of the
// results.
//
//   image, channels                 F(4, 3)             F(2, 3)            oneDNN
//   32 x 32,  32 ->  32           3.2   3.2   3.7     4.8   4.7   5.8    6.2   6.8   7.0
//   16 x 16,  64 ->  64           1.9   1.9   2.8     3.6   3.4   3.8    5.4   5.3   6.5
//    8 x 8,  128 -> 128           2.0   1.8   2.5     2.7   2.8   3.4    4.5   5.1   6.0
//   32 x 32,  64 ->  64           4.6   5.0   5.4     7.2   7.0   8.0
//   16 x 16, 128 -> 128           4.6   4.3   5.4     6.4   5.9   7.4   10.1  10.7  11.9
//    8 x 8,  256 -> 256           4.8   4.4   4.0     5.9   5.8   6.8    9.5  10.5  10.1
//    4 x 4,  512 -> 512           4.7   5.0   4.8     9.7   9.6   7.3   19.3  13.7   9.1
//                                   F(4, 2)           patches
//   14 x 14,  64 -> 128, 4 x 4 / 2  2.7   2.6   2.8   4.4   4.6   5.7    3.3   3.6   4.5
//   32 x 32,  64 -> 128, 3 x 3 / 2  5.5   7.7   7.2   5.5   6.1   6.3    6.1   6.6   7.2
//   16 x 16, 128 -> 256, 3 x 3 / 2  9.1  14.8   5.6   6.0   5.8  10.0    5.4   5.6   9.9
//    8 x 8,  256 -> 512, 3 x 3 / 2 11.8  26.7   5.4   8.0   5.8  15.7    6.9   7.4  10.8
//   28 x 28,   1 ->  6, 5 x 5                         1.1   0.9   1.0    0.6   1.9   0.5    by planes 0.2
//   14 x 14,   6 -> 16, 5 x 5                         0.6   0.5   0.5    0.4   0.8   0.3
//   28 x 28,   1 -> 64, 4 x 4 / 2                     0.2   0.3   0.3    0.2   2.0   0.15
//
// Few channels, once more, beside rows where they lie (convolution_rows.c):
//
//   image, channels                  rows                 oneDNN              patches
//   14 x 14,  6 -> 16, 5 x 5, 128    0.31  0.36  0.32     0.39  0.75  0.34    0.57  0.52  0.46
//   32 x 32,  3 -> 32, 3 x 3,  64    0.96  1.83  0.70     1.68  3.31  0.63    1.25  1.69  1.41
//   28 x 28,  1 -> 16, 3 x 3,  64    0.16  0.53  0.17     0.24  0.99  0.09    0.33  0.45  0.41
//   64 x 64,  3 -> 16, 5 x 5,   8    0.51  0.73  0.63     0.61  1.98  0.45    0.93  0.92  0.82
//
// oneDNN's first primitive takes milliseconds to make, so that a small convolution, such as that of one image, is not worth it.

// Whether Winograd's filtering pays in tiles of so many results. The filters' gradient needs no filters that are transformed beforehand, and
// oneDNN is slowest there.
static bool pays(const apus_convolution *c, apus_convolution_kind kind, int64_t outputs) {
  const double least = kind == APUS_CONVOLUTION_WEIGHT_GRADIENT ? 0.75 : 0.6;
  return apus_convolution_suits_winograd(c, outputs) && apus_convolution_winograd_work(c, kind, outputs) < least * apus_convolution_work(c);
}

apus_convolution_route_kind apus_convolution_route(const apus_convolution *c, apus_convolution_kind kind) {
  const int64_t in = c->in_channels / c->groups, out = c->out_channels / c->groups;
  const double work = apus_convolution_work(c);
  if (in == 1 && out == 1 && c->groups > 1) return APUS_CONVOLUTION_DEPTHWISE;
  // Of the vectors along a row, planes fill the row's share, the others the channels'.
  const int64_t width = c->output[2];
  if (out < 16 && 16 * width > out * ((width + 31) & ~(int64_t)31) && apus_convolution_suits_planes(c, kind)) return APUS_CONVOLUTION_PLANAR;
  if (in < 16 && apus_convolution_prefers_rows(c, kind)) return APUS_CONVOLUTION_ROWS;
  if (c->dtype != APUS_F32 || work < 1e6) return APUS_CONVOLUTION_OWN;
  // Every filter's transform must serve many tiles.
  const int64_t least = in < out ? in : out, positions = c->batch * apus_product(c->output);
  if (least >= 32 && positions >= 256) {
    const bool two = pays(c, kind, 2), four = pays(c, kind, 4);
    if (four && !(two && apus_convolution_winograd_work(c, kind, 2) < 1.25 * apus_convolution_winograd_work(c, kind, 4)))
      return APUS_CONVOLUTION_WINOGRAD_4;
    if (two) return APUS_CONVOLUTION_WINOGRAD_2;
  }
  if (c->groups > 1 && (in % 16 != 0 || out % 16 != 0)) return APUS_CONVOLUTION_OWN;
  if (kind == APUS_CONVOLUTION_INPUT_GRADIENT && least < 16) return APUS_CONVOLUTION_OWN;
  return APUS_CONVOLUTION_ONEDNN;
}

apus_convolution_plan *apus_convolution_plan_make(const apus_convolution *shape, apus_convolution_kind kind, bool has_bias, bool relu,
                                                  apus_convolution_route_kind route) {
  const apus_convolution_plan start = {.shape = *shape, .kind = kind, .has_bias = has_bias, .relu = relu};
  switch (route) {
    case APUS_CONVOLUTION_OWN: return apus_convolution_own(&start);
    case APUS_CONVOLUTION_DEPTHWISE: return apus_convolution_depthwise(&start);
    case APUS_CONVOLUTION_PLANAR: return apus_convolution_planar(&start);
    case APUS_CONVOLUTION_WINOGRAD_2: return apus_convolution_winograd(&start, 2);
    case APUS_CONVOLUTION_WINOGRAD_4: return apus_convolution_winograd(&start, 4);
    case APUS_CONVOLUTION_ROWS: return apus_convolution_rows(&start);
    case APUS_CONVOLUTION_ONEDNN: return apus_convolution_onednn(&start);
  }
  return NULL;
}

void apus_convolution_plan_destroy(apus_convolution_plan *plan) {
  if (plan) plan->destroy(plan);
}

int32_t apus_convolution_plan_phases(const apus_convolution_plan *plan) { return plan->phases; }

apus_convolution_phase apus_convolution_plan_phase(const apus_convolution_plan *plan, int32_t phase) { return plan->phase[phase]; }

int64_t apus_convolution_plan_scratch(const apus_convolution_plan *plan) { return plan->scratch_bytes; }

void apus_convolution_plan_run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  plan->run(plan, phase, addresses, piece);
}
