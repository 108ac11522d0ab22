// Which way a convolution goes, and what all ways share.
#include "convolution.h"

#include <stdlib.h>

apus_convolution_route_kind apus_convolution_route(const apus_convolution *c, apus_convolution_kind kind) {
  const bool is_backwards = kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t in = c->in_channels / c->groups, out = c->out_channels / c->groups;
  if (in == 1 && out == 1 && c->groups > 1) return APUS_CONVOLUTION_DEPTHWISE;
  if (c->dtype != APUS_F32) return APUS_CONVOLUTION_OWN;
  if (apus_convolution_work(c) < 1e6) return APUS_CONVOLUTION_OWN;
  if (c->groups > 1 && (in % 16 != 0 || out % 16 != 0)) return APUS_CONVOLUTION_OWN;
  if (is_backwards && (in < 16 || out < 16)) return APUS_CONVOLUTION_OWN;
  return APUS_CONVOLUTION_ONEDNN;
}

apus_convolution_plan *apus_convolution_plan_make(const apus_convolution *shape, apus_convolution_kind kind, bool has_bias, bool relu,
                                                  apus_convolution_route_kind route) {
  const apus_convolution_plan start = {.shape = *shape, .kind = kind, .has_bias = has_bias, .relu = relu};
  switch (route) {
    case APUS_CONVOLUTION_OWN: return apus_convolution_own(&start);
    case APUS_CONVOLUTION_DEPTHWISE: return apus_convolution_depthwise(&start);
    case APUS_CONVOLUTION_PLANAR: return NULL;
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
