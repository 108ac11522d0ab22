// Transposing tile by tile: a tile is read row by row into registers and shuffled there.
//
// Interleaving vectors k and k + L/2 of L (a perfect shuffle of the L * L elements), log2(L) times over, transposes them.
#include "transpose.h"

#include "isa.h"

#define LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_16(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)

// Tiles are visited in square groups of `group`, so that the lines that a group touches stay in the first-level cache until all
// of their elements are used.
#define TRANSPOSE(name, element, lanes, stages, low, high, group)                                                               \
  typedef element name##_vector __attribute__((ext_vector_type(lanes)));                                                        \
  APUS_INLINE void name##_tile(const element *source, int64_t source_stride, element *destination, int64_t destination_stride) { \
    name##_vector v[lanes], w[lanes];                                                                                           \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes; k++) memcpy(&v[k], source + k * source_stride, sizeof v[k]);  \
    _Pragma("clang loop unroll(full)") for (int stage = 0; stage < stages; stage++) {                                           \
      _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes / 2; k++) {                                                  \
        w[2 * k] = low(v[k], v[k + lanes / 2]);                                                                                 \
        w[2 * k + 1] = high(v[k], v[k + lanes / 2]);                                                                            \
      }                                                                                                                         \
      _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes; k++) v[k] = w[k];                                           \
    }                                                                                                                           \
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

TRANSPOSE(transpose_1, uint8_t, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_2, uint16_t, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_4, uint32_t, 16, 4, LOW_16, HIGH_16, 64)
TRANSPOSE(transpose_8, uint64_t, 8, 3, LOW_8, HIGH_8, 32)

void apus_transpose(int64_t size, const void *source, int64_t source_stride, void *destination, int64_t destination_stride,
                    int64_t rows, int64_t columns) {
  switch (size) {
  case 1: transpose_1(source, source_stride, destination, destination_stride, rows, columns); break;
  case 2: transpose_2(source, source_stride, destination, destination_stride, rows, columns); break;
  case 4: transpose_4(source, source_stride, destination, destination_stride, rows, columns); break;
  case 8: transpose_8(source, source_stride, destination, destination_stride, rows, columns); break;
  }
}
