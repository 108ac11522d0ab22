// Reading a stretch of a strided operand into consecutive memory: run by run along the innermost axis.
#include "elementwise_layout.h"

#include <string.h>

// Short runs (a bias of four, say) must not pay for a call, nor for the vectoriser's preparations.
#define DEFINE_READ(T, NAME)                                                                                                 \
  static void NAME(const apus_layout *layout, apus_cursor cursor, T *restrict to, const T *restrict from, int64_t count) {   \
    const int64_t extent = layout->extents[0], stride = layout->strides[0];                                                  \
    int64_t run = extent - cursor.index[0];                                                                                  \
    for (;;) {                                                                                                               \
      if (run > count) run = count;                                                                                          \
      const T *source = from + cursor.offset;                                                                                \
      if (stride == 1 && run >= 16) {                                                                                        \
        memcpy(to, source, (size_t)run * sizeof(T));                                                                         \
      } else if (stride == 0 && run >= 16) {                                                                                 \
        const T value = *source;                                                                                             \
        for (int64_t i = 0; i < run; i++) to[i] = value;                                                                     \
      } else {                                                                                                               \
        _Pragma("clang loop vectorize(disable) unroll_count(4)") for (int64_t i = 0; i < run; i++) {                         \
          to[i] = *source;                                                                                                   \
          source += stride;                                                                                                  \
        }                                                                                                                    \
      }                                                                                                                      \
      to += run;                                                                                                             \
      count -= run;                                                                                                          \
      if (count == 0) return;                                                                                                \
      cursor.offset -= cursor.index[0] * stride;                                                                             \
      cursor.index[0] = 0;                                                                                                   \
      run = extent;                                                                                                          \
      for (int32_t axis = 1; axis < layout->rank; axis++) {                                                                  \
        cursor.offset += layout->strides[axis];                                                                              \
        if (++cursor.index[axis] < layout->extents[axis]) break;                                                             \
        cursor.offset -= layout->strides[axis] * layout->extents[axis];                                                      \
        cursor.index[axis] = 0;                                                                                              \
      }                                                                                                                      \
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
