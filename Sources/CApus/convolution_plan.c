// Which way a convolution goes, and what all ways share.
#include "convolution.h"

#include <stdlib.h>

//
// Measured on one Zen 5 core with AVX-512, milliseconds of processor time, oneDNN 2.6.3, batches of 64 and 32 images (forward, input's
// gradient, filters' gradient). Winograd's does fewer multiplications, and sums that are shorter: beside float64, its errors (root mean
// square) are 0.65 of oneDNN's for the results and the input's gradient, and 1.5 to 2.2 times as large for the filters' gradient.
//
//   image, channels       Winograd            oneDNN              patches
//   32 x 32,  32 ->  32   4.8   5.0   5.8     6.2   6.8   7.0     6.4   7.7   7.2
//   16 x 16,  64 ->  64   3.5   3.4   3.8     5.4   5.3   6.5     5.8   6.6   6.6
//    8 x 8,  128 -> 128   2.7   2.8   3.4     4.5   5.1   6.0     5.6   6.0   8.9
//   16 x 16, 128 -> 128   6.4   5.9   7.4    10.1  10.7  11.9
//    8 x 8,  256 -> 256   6.9   6.5   7.4     9.5  10.5  10.1
//    4 x 4,  512 -> 512   9.7   9.6   7.9    19.3  13.7   9.1
//   28 x 28,   1 ->  6, 5 x 5                  0.6   1.9   0.5    1.1   0.9   1.0   by planes 0.2, -, 0.3
//   28 x 28,   1 -> 64, 4 x 4, stride 2        0.2   2.0   0.15   0.2   0.3   0.3
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
  if (least >= 32 && positions >= 256 && apus_convolution_suits_winograd(c)) return APUS_CONVOLUTION_WINOGRAD;
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
    case APUS_CONVOLUTION_WINOGRAD: return apus_convolution_winograd(&start);
    case APUS_CONVOLUTION_PLANAR: return apus_convolution_planar(&start);
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
