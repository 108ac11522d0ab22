// The kernels for what every machine of the architecture has: SSE2 on x86-64, NEON on arm64.
#include <math.h>
#include <string.h>

#include "vector/kernels.h"

#define APUS_VECTOR_BYTES 16
#if defined(__aarch64__)
#define APUS_HAS_FMA 1
#define APUS_HAS_ROUND 1
#define APUS_TABLE_NAME "neon"
#else
#define APUS_HAS_FMA 0
#define APUS_HAS_ROUND 0
#define APUS_TABLE_NAME "baseline"
#endif
#define APUS_HAS_SCALEF 0
#define APUS_TABLE apus_kernels_baseline

#include "vector/variant.h"
