// The Gaussian error linear unit and its slope in one pass. No state, no allocation.
#ifndef APUS_GELU_H
#define APUS_GELU_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y = x Φ(x) with the normal distribution function Φ, and, unless `slope` is null, slope = Φ(x) + x φ(x), for `count` floats. Φ has a
/// relative error of at most 4e-7 down to where it underflows.
void apus_gelu(const float *_Nonnull x, float *_Nonnull y, float *_Nullable slope, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
