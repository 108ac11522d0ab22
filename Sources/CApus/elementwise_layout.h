// How the elements of one operand follow each other in the order of the iteration space, and reading a stretch of them.
#ifndef APUS_ELEMENTWISE_LAYOUT_H
#define APUS_ELEMENTWISE_LAYOUT_H

#include "include/apus_types.h"

/// The axes of an operand, innermost first, without those of extent 1 and with neighbours joined that step evenly: a dense
/// operand has one axis of stride 1, a scalar none (`rank` 0).
typedef struct {
  int32_t rank;
  int64_t extents[APUS_MAX_RANK], strides[APUS_MAX_RANK];
} apus_layout;

static inline void apus_layout_make(apus_layout *_Nonnull layout, int32_t rank, const int64_t *_Nonnull extents,
                                    const int64_t *_Nonnull strides) {
  int32_t n = 0;
  for (int32_t axis = rank - 1; axis >= 0; axis--) {
    int64_t extent = extents[axis], stride = strides[axis];
    if (extent == 1) continue;
    if (n > 0 && stride == layout->strides[n - 1] * layout->extents[n - 1]) {
      layout->extents[n - 1] *= extent;
    } else {
      layout->extents[n] = extent;
      layout->strides[n++] = stride;
    }
  }
  if (n == 1 && layout->strides[0] == 0) n = 0;
  layout->rank = n;
}

/// After how many elements the operand repeats itself, 0 if it does not.
static inline int64_t apus_layout_period(const apus_layout *_Nonnull layout) {
  int32_t outermost = layout->rank - 1;
  if (outermost < 1 || layout->strides[outermost] != 0) return 0;
  int64_t period = 1;
  for (int32_t axis = 0; axis < outermost; axis++) period *= layout->extents[axis];
  return period;
}

/// A position within a layout: the index on every axis and the offset of the element.
typedef struct {
  int64_t offset;
  int64_t index[APUS_MAX_RANK];
} apus_cursor;

static inline apus_cursor apus_cursor_at(const apus_layout *_Nonnull layout, int64_t position) {
  apus_cursor cursor;
  cursor.offset = 0;
  for (int32_t axis = 0; axis < layout->rank; axis++) {
    int64_t extent = layout->extents[axis], index = position;
    if (axis + 1 < layout->rank) {
      index = position % extent;
      position /= extent;
    }
    cursor.index[axis] = index;
    cursor.offset += index * layout->strides[axis];
  }
  return cursor;
}

/// Copies the `count` elements from the cursor on to `destination`. `size` is 1, 2, 4 or 8 bytes.
/// Up to 15 more elements of `destination` may be overwritten.
__attribute__((visibility("hidden"))) void apus_layout_read(const apus_layout *_Nonnull layout, apus_cursor cursor, int64_t size,
                                                            void *_Nonnull destination, const void *_Nonnull source, int64_t count);

#endif
