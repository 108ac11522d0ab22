// Reading a stretch of a strided operand into consecutive memory: run by run along the innermost axis.
#include "elementwise_layout.h"

#include <string.h>

// Moves on by `rows` rows if `run` is the rest of one, else within the row. (Past the end the cursor is not used any more.)
static inline void apus_cursor_advance(const apus_layout *layout, apus_cursor *cursor, int64_t run, int64_t rows) {
  if ((cursor->index[0] += run) < layout->extents[0]) {
    cursor->offset += run * layout->strides[0];
    return;
  }
  cursor->offset -= (cursor->index[0] - run) * layout->strides[0];
  cursor->index[0] = 0;
  for (int32_t axis = 1; axis < layout->rank; axis++, rows = 1) {
    cursor->offset += rows * layout->strides[axis];
    if ((cursor->index[axis] += rows) < layout->extents[axis]) return;
    cursor->offset -= layout->strides[axis] * layout->extents[axis];
    cursor->index[axis] = 0;
  }
}

// Rows shorter than this are read many at once, column by column: a row at a time would cost more than its elements.
enum { SHORT_ROW = 16 };

// Whole rows of `width` elements. A row of equal elements (a broadcast column) is written with one wide store, which spills
// over into the next row, or into the padding.
#define DEFINE_READ_ROWS(T, NAME)                                                                                            \
  static void NAME(T *restrict to, const T *restrict from, int64_t rows, int64_t row_stride, int64_t width, int64_t stride) { \
    if (stride == 0) {                                                                                                       \
      for (int64_t row = 0; row < rows; row++, to += width) {                                                                \
        const T value = from[row * row_stride];                                                                              \
        for (int i = 0; i < SHORT_ROW; i++) to[i] = value;                                                                   \
      }                                                                                                                      \
      return;                                                                                                                \
    }                                                                                                                        \
    for (int64_t column = 0; column < width; column++) {                                                                     \
      const T *source = from + column * stride;                                                                              \
      T *target = to + column;                                                                                               \
      _Pragma("clang loop vectorize(disable) unroll_count(4)") for (int64_t row = 0; row < rows; row++) {                    \
        *target = *source;                                                                                                   \
        target += width;                                                                                                     \
        source += row_stride;                                                                                                \
      }                                                                                                                      \
    }                                                                                                                        \
  }

#define DEFINE_READ(T, NAME)                                                                                                 \
  DEFINE_READ_ROWS(T, NAME##_rows)                                                                                           \
  static void NAME(const apus_layout *layout, apus_cursor cursor, T *restrict to, const T *restrict from, int64_t count) {   \
    const int64_t extent = layout->extents[0], stride = layout->strides[0];                                                  \
    while (count > 0) {                                                                                                      \
      int64_t run = extent - cursor.index[0], rows = 1;                                                                      \
      const T *source = from + cursor.offset;                                                                                \
      if (run > count) run = count;                                                                                          \
      if (run == extent && extent < SHORT_ROW && layout->rank > 1) {                                                         \
        rows = count / extent;                                                                                               \
        int64_t left = layout->extents[1] - cursor.index[1];                                                                 \
        if (rows > left) rows = left;                                                                                        \
        NAME##_rows(to, source, rows, layout->strides[1], extent, stride);                                                   \
      } else if (stride == 1) {                                                                                              \
        memcpy(to, source, (size_t)run * sizeof(T));                                                                         \
      } else {                                                                                                               \
        _Pragma("clang loop vectorize(disable) unroll_count(4)") for (int64_t i = 0; i < run; i++) to[i] = source[i * stride]; \
      }                                                                                                                      \
      to += rows * run;                                                                                                      \
      count -= rows * run;                                                                                                   \
      apus_cursor_advance(layout, &cursor, run, rows);                                                                       \
    }                                                                                                                        \
  }

DEFINE_READ(uint8_t, read_1)
DEFINE_READ(uint16_t, read_2)
DEFINE_READ(uint32_t, read_4)
DEFINE_READ(uint64_t, read_8)

void apus_layout_read(const apus_layout *layout, apus_cursor cursor, int64_t size, void *destination, const void *source,
                      int64_t count) {
  switch (size) {
    case 1: read_1(layout, cursor, destination, source, count); break;
    case 2: read_2(layout, cursor, destination, source, count); break;
    case 4: read_4(layout, cursor, destination, source, count); break;
    default: read_8(layout, cursor, destination, source, count); break;
  }
}
