// The kernels for x86-64 with AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "vector/kernels.h"

#define APUS_VECTOR_BYTES 64
#define APUS_HAS_FMA 1
#define APUS_HAS_ROUND 1
#define APUS_HAS_SCALEF 1
#define APUS_TABLE_NAME "avx512"
#define APUS_TABLE apus_kernels_avx512

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,bmi,bmi2"))), apply_to = function)
#include "vector/variant.h"
#pragma clang attribute pop
#endif
