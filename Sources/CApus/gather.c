// Gather and scatter along an axis. Scattered sums are added in the order of the indices, so that the result is deterministic.
#include "apus_move.h"
#include "isa.h"

// Rows of a fixed size, so that the copy is a few instructions; a memcpy of variable size is a call.
#define ROWS_OF(bytes)                                                                              \
  for (int64_t i = 0; i < index_count; i++) memcpy(to + i * (bytes), from + indices[i] * (bytes), bytes); \
  break

void apus_gather_axis(int64_t size, const void *source, const int64_t *indices, void *destination, int64_t outer, int64_t count,
                      int64_t index_count, int64_t inner) {
  int64_t row = inner * size;
  if (row <= 0) return;
  for (int64_t o = 0; o < outer; o++) {
    const char *from = (const char *)source + o * count * row;
    char *to = (char *)destination + o * index_count * row;
    switch (row) {
    case 1: ROWS_OF(1);
    case 2: ROWS_OF(2);
    case 4: ROWS_OF(4);
    case 8: ROWS_OF(8);
    case 16: ROWS_OF(16);
    case 32: ROWS_OF(32);
    case 64: ROWS_OF(64);
    default:
      for (int64_t i = 0; i < index_count; i++) memcpy(to + i * row, from + indices[i] * row, (size_t)row);
    }
  }
}

#define GATHER_ELEMENTS(type)                                                                                                \
  for (int64_t o = 0; o < outer; o++)                                                                                        \
    for (int64_t i = 0; i < index_count; i++) {                                                                              \
      const type *from = (const type *)source + o * count * inner;                                                           \
      int64_t row = (o * index_count + i) * inner;                                                                           \
      for (int64_t j = 0; j < inner; j++) ((type *)destination)[row + j] = from[indices[row + j] * inner + j];               \
    }                                                                                                                        \
  break

void apus_gather_elements(int64_t size, const void *source, const int64_t *indices, void *destination, int64_t outer, int64_t count,
                          int64_t index_count, int64_t inner) {
  switch (size) {
  case 1: GATHER_ELEMENTS(any_1);
  case 2: GATHER_ELEMENTS(any_2);
  case 4: GATHER_ELEMENTS(any_4);
  case 8: GATHER_ELEMENTS(any_8);
  }
}

// Integers are added as unsigned, which wraps.
#define SCATTER_ADD(suffix, type)                                                                                         \
  APUS_CLONES static void scatter_axis_##suffix(const type *source, const int64_t *indices, type *destination, int64_t outer, \
                                                int64_t count, int64_t index_count, int64_t inner, int64_t begin,         \
                                                int64_t end) {                                                            \
    for (int64_t o = 0; o < outer; o++)                                                                                   \
      for (int64_t i = 0; i < index_count; i++) {                                                                         \
        const type *restrict from = source + (o * index_count + i) * inner;                                               \
        type *restrict to = destination + (o * count + indices[i]) * inner;                                               \
        for (int64_t j = begin; j < end; j++) to[j] += from[j];                                                           \
      }                                                                                                                   \
  }                                                                                                                       \
  static void scatter_elements_##suffix(const type *source, const int64_t *indices, type *destination, int64_t outer,     \
                                        int64_t count, int64_t index_count, int64_t inner) {                              \
    for (int64_t o = 0; o < outer; o++)                                                                                   \
      for (int64_t i = 0; i < index_count; i++) {                                                                         \
        int64_t row = (o * index_count + i) * inner;                                                                      \
        type *to = destination + o * count * inner;                                                                       \
        for (int64_t j = 0; j < inner; j++) to[indices[row + j] * inner + j] += source[row + j];                          \
      }                                                                                                                   \
  }
SCATTER_ADD(f32, float)
SCATTER_ADD(f64, double)
SCATTER_ADD(i32, uint32_t)
SCATTER_ADD(i64, uint64_t)

void apus_scatter_add_axis(apus_dtype dtype, const void *source, const int64_t *indices, void *destination, int64_t outer,
                           int64_t count, int64_t index_count, int64_t inner) {
  apus_scatter_add_columns(dtype, source, indices, destination, outer, count, index_count, inner, 0, inner);
}

void apus_scatter_add_columns(apus_dtype dtype, const void *source, const int64_t *indices, void *destination, int64_t outer,
                              int64_t count, int64_t index_count, int64_t inner, int64_t begin, int64_t end) {
  switch (dtype) {
  case APUS_F32: scatter_axis_f32(source, indices, destination, outer, count, index_count, inner, begin, end); break;
  case APUS_F64: scatter_axis_f64(source, indices, destination, outer, count, index_count, inner, begin, end); break;
  case APUS_I32: scatter_axis_i32(source, indices, destination, outer, count, index_count, inner, begin, end); break;
  case APUS_I64: scatter_axis_i64(source, indices, destination, outer, count, index_count, inner, begin, end); break;
  default: break;
  }
}

void apus_scatter_add_elements(apus_dtype dtype, const void *source, const int64_t *indices, void *destination, int64_t outer,
                               int64_t count, int64_t index_count, int64_t inner) {
  switch (dtype) {
  case APUS_F32: scatter_elements_f32(source, indices, destination, outer, count, index_count, inner); break;
  case APUS_F64: scatter_elements_f64(source, indices, destination, outer, count, index_count, inner); break;
  case APUS_I32: scatter_elements_i32(source, indices, destination, outer, count, index_count, inner); break;
  case APUS_I64: scatter_elements_i64(source, indices, destination, outer, count, index_count, inner); break;
  default: break;
  }
}

APUS_CLONES static void index_range(const int64_t *indices, int64_t count, int64_t *smallest, int64_t *largest) {
  int64_t low = indices[0], high = indices[0], i = 0;
  if (count >= 8) {
    i64x8 a, b, v;
    memcpy(&a, indices, 64);
    b = a;
    for (i = 8; count - i >= 8; i += 8) {
      memcpy(&v, indices + i, 64);
      a = v < a ? v : a;
      b = v > b ? v : b;
    }
    low = __builtin_reduce_min(a);
    high = __builtin_reduce_max(b);
  }
  for (; i < count; i++) {
    low = indices[i] < low ? indices[i] : low;
    high = indices[i] > high ? indices[i] : high;
  }
  *smallest = low;
  *largest = high;
}

void apus_index_range(const int64_t *indices, int64_t count, int64_t *smallest, int64_t *largest) {
  index_range(indices, count, smallest, largest);
}
