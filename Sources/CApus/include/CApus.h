// The C kernels of Apus. No state, no allocation: the caller owns every buffer.
#ifndef CAPUS_H
#define CAPUS_H

#include "apus_attention.h"
#include "apus_convolution.h"
#include "apus_elementwise.h"
#include "apus_gelu.h"
#include "apus_matmul.h"
#include "apus_moments.h"
#include "apus_move.h"
#include "apus_parallel.h"
#include "apus_pooling.h"
#include "apus_random.h"
#include "apus_recurrent.h"
#include "apus_reduce.h"
#include "apus_row_norm.h"
#include "apus_testing.h"
#include "apus_types.h"

#endif
