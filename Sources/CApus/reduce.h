// Private: the arg reductions, which stand in a file of their own.
#ifndef APUS_REDUCE_PRIVATE_H
#define APUS_REDUCE_PRIVATE_H

#include "apus_reduce.h"

void apus_reduce_arg(bool largest, apus_dtype dtype, const void *source, int64_t *destination, int64_t count, int64_t inner,
                     int64_t begin, int64_t end);

#endif
