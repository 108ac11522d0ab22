// Private: transposing one matrix.
#ifndef APUS_TRANSPOSE_H
#define APUS_TRANSPOSE_H

#include <stdint.h>

/// destination[i * destination_stride + j] = source[i + j * source_stride] for i < rows, j < columns.
void apus_transpose(int64_t size, const void *source, int64_t source_stride, void *destination, int64_t destination_stride,
                    int64_t rows, int64_t columns);

#endif
