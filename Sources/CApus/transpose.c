// Transposing tile by tile: a tile is read row by row into registers and shuffled there.
#include "transpose.h"

#include "isa.h"
#include "shuffle.h"

// Tiles are visited in square groups of `group`, so that the lines that a group touches stay in the first-level cache until all
// of their elements are used.
#define TRANSPOSE(name, element, lanes, stages, low, high, group)                                                               \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                        \
  APUS_INLINE void name##_tile(const element *source, int64_t source_stride, element *destination, int64_t destination_stride) { \
    name##_vector v[lanes];                                                                                                     \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes; k++) memcpy(&v[k], source + k * source_stride, sizeof v[k]);  \
    TRANSPOSE_VECTORS(name##_vector, v, lanes, stages, low, high)                                                               \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes; k++)                                                          \
        memcpy(destination + k * destination_stride, &v[k], sizeof v[k]);                                                       \
  }                                                                                                                             \
  APUS_CLONES static void name(const element *source, int64_t source_stride, element *destination, int64_t destination_stride,  \
                               int64_t rows, int64_t columns) {                                                                 \
    int64_t whole_rows = rows / lanes * lanes, whole_columns = columns / lanes * lanes;                                         \
    for (int64_t J = 0; J < whole_columns; J += group)                                                                          \
      for (int64_t I = 0; I < whole_rows; I += group)                                                                           \
        for (int64_t i = I; i < I + group && i < whole_rows; i += lanes)                                                        \
          for (int64_t j = J; j < J + group && j < whole_columns; j += lanes)                                                   \
            name##_tile(source + i + j * source_stride, source_stride, destination + i * destination_stride + j,                \
                        destination_stride);                                                                                    \
    for (int64_t i = 0; i < rows; i++)                                                                                          \
      for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)                                                    \
        destination[i * destination_stride + j] = source[i + j * source_stride];                                                \
  }

TRANSPOSE(transpose_1, any_1, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_2, any_2, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_4, any_4, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_8, any_8, 8, 3, LOW_8, HIGH_8, 32)

void apus_transpose(int64_t size, const void *source, int64_t source_stride, void *destination, int64_t destination_stride,
                    int64_t rows, int64_t columns) {
  switch (size) {
  case 1: transpose_1(source, source_stride, destination, destination_stride, rows, columns); break;
  case 2: transpose_2(source, source_stride, destination, destination_stride, rows, columns); break;
  case 4: transpose_4(source, source_stride, destination, destination_stride, rows, columns); break;
  case 8: transpose_8(source, source_stride, destination, destination_stride, rows, columns); break;
  }
}
