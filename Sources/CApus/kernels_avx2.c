// The kernels for x86-64 with AVX2 and FMA.
#if defined(__x86_64__)
#include <math.h>
#include <string.h>

#include "vector/kernels.h"

#define APUS_VECTOR_BYTES 32
#define APUS_HAS_FMA 1
#define APUS_HAS_ROUND 1
#define APUS_HAS_SCALEF 0
#define APUS_TABLE_NAME "avx2"
#define APUS_TABLE apus_kernels_avx2

#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#include "vector/variant.h"
#pragma clang attribute pop
#endif
