// Pooling. The kernels are in pooling_template.h; here are the parts of vectors that they need, and the choice of the type.
#include "apus_pooling.h"

#include "isa.h"
#include "scratch.h"

// Positions of LANES channels as numbers of the elements' size; parts of vectors as in isa.h.
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));

APUS_INLINE void load_f32(f32x16 *v, const float *p, int64_t count) {
  if (count >= 16)
    memcpy(v, p, sizeof *v);
  else
    load_pieces_f32(v, p, count);
}
APUS_INLINE void store_f32(float *p, const f32x16 *v, int64_t count) {
  if (count >= 16)
    memcpy(p, v, sizeof *v);
  else
    store_part_f32(p, v, count);
}
// Vectors of eight; a part of one goes element by element.
#define EIGHT(name, element, vector)                                        \
  APUS_INLINE void load_##name(vector *v, const element *p, int64_t count) { \
    if (count >= 8) {                                                       \
      memcpy(v, p, sizeof *v);                                              \
    } else {                                                                \
      vector part = 0;                                                      \
      for (int64_t i = 0; i < count; i++) part[i] = p[i];                   \
      *v = part;                                                            \
    }                                                                       \
  }                                                                         \
  APUS_INLINE void store_##name(element *p, const vector *v, int64_t count) { \
    if (count >= 8) {                                                       \
      memcpy(p, v, sizeof *v);                                              \
    } else {                                                                \
      vector part = *v;                                                     \
      for (int64_t i = 0; i < count; i++) p[i] = part[i];                   \
    }                                                                       \
  }
// Floats for images of few channels: what whole vectors read and write too much is less.
EIGHT(f32_few, float, f32x8)
EIGHT(f64, double, f64x8)
#undef EIGHT

// The two pieces of load_pieces_f32, of bytes: pieces of w elements, the first and the last w.
#define BYTE_PIECES(w) case w: memcpy(bytes, p, w); memcpy(bytes + w, p + count - w, w); break;
#define BYTE_PIECES_BACK(w) case w: memcpy(p + count - w, bytes + w, w); memcpy(p, bytes, w); break;
APUS_INLINE void load_positions_f32(i32x16 *v, const void *positions, int64_t at, int64_t count, int32_t size) {
  if (size == 1) {
    const uint8_t *p = (const uint8_t *)positions + at;
    uint8_t bytes[16] = {0};
    u8x16 narrow;
    if (count >= 16) {
      memcpy(&narrow, p, 16);
    } else {
      switch (piece_size(count)) { BYTE_PIECES(8) BYTE_PIECES(4) BYTE_PIECES(2) BYTE_PIECES(1) }
      memcpy(&narrow, bytes, 16);
    }
    *v = __builtin_convertvector(narrow, i32x16);
  } else {
    f32x16 bits;
    load_f32(&bits, (const float *)positions + at, count);
    memcpy(v, &bits, sizeof bits);
  }
}
APUS_INLINE void store_positions_f32(void *positions, int64_t at, const i32x16 *v, int64_t count, int32_t size) {
  if (size == 1) {
    uint8_t *p = (uint8_t *)positions + at, bytes[16];
    u8x16 narrow = __builtin_convertvector(*v, u8x16);
    if (count >= 16) {
      memcpy(p, &narrow, 16);
    } else {
      memcpy(bytes, &narrow, 16);
      switch (piece_size(count)) { BYTE_PIECES_BACK(8) BYTE_PIECES_BACK(4) BYTE_PIECES_BACK(2) BYTE_PIECES_BACK(1) }
    }
  } else {
    f32x16 bits;
    memcpy(&bits, v, sizeof bits);
    store_f32((float *)positions + at, &bits, count);
  }
}
APUS_INLINE void load_positions_f32_few(i32x8 *v, const void *positions, int64_t at, int64_t count, int32_t size) {
  if (count >= 8 && size == 1) {
    u8x8 narrow;
    memcpy(&narrow, (const uint8_t *)positions + at, sizeof narrow);
    *v = __builtin_convertvector(narrow, i32x8);
  } else {
    i32x8 part = 0;
    for (int64_t i = 0; i < 8 && i < count; i++) part[i] = size == 1 ? ((const uint8_t *)positions)[at + i] : ((const int32_t *)positions)[at + i];
    *v = part;
  }
}
APUS_INLINE void store_positions_f32_few(void *positions, int64_t at, const i32x8 *v, int64_t count, int32_t size) {
  if (count >= 8 && size == 1) {
    u8x8 narrow = __builtin_convertvector(*v, u8x8);
    memcpy((uint8_t *)positions + at, &narrow, sizeof narrow);
  } else {
    i32x8 part = *v;
    for (int64_t i = 0; i < 8 && i < count; i++) {
      if (size == 1)
        ((uint8_t *)positions)[at + i] = (uint8_t)part[i];
      else
        ((int32_t *)positions)[at + i] = part[i];
    }
  }
}
APUS_INLINE void load_positions_f64(i64x8 *v, const void *positions, int64_t at, int64_t count, int32_t size) {
  i64x8 part = 0;
  for (int64_t i = 0; i < 8 && i < count; i++) part[i] = size == 1 ? ((const uint8_t *)positions)[at + i] : ((const int32_t *)positions)[at + i];
  *v = part;
}
APUS_INLINE void store_positions_f64(void *positions, int64_t at, const i64x8 *v, int64_t count, int32_t size) {
  i64x8 part = *v;
  for (int64_t i = 0; i < 8 && i < count; i++) {
    if (size == 1)
      ((uint8_t *)positions)[at + i] = (uint8_t)part[i];
    else
      ((int32_t *)positions)[at + i] = (int32_t)part[i];
  }
}

#define NAME f32
#define ELEMENT float
#define LANES 16
#define VECTOR f32x16
#define TAPS i32x16
#define TAP int32_t
#include "pooling_template.h"

#define NAME f32_few
#define ELEMENT float
#define LANES 8
#define VECTOR f32x8
#define TAPS i32x8
#define TAP int32_t
#include "pooling_template.h"

#define NAME f64
#define ELEMENT double
#define LANES 8
#define VECTOR f64x8
#define TAPS i64x8
#define TAP int64_t
#include "pooling_template.h"

#define FOR_DTYPE(function, ...)      \
  if (p->dtype == APUS_F64)           \
    f64_##function(p, __VA_ARGS__);   \
  else if (p->channels <= 8)          \
    f32_few_##function(p, __VA_ARGS__); \
  else                                \
    f32_##function(p, __VA_ARGS__);

void apus_max_pool(const apus_pooling *p, const void *x, void *y, void *positions, int64_t begin, int64_t end) {
  if (positions) {
    FOR_DTYPE(max_with_positions, x, y, positions, begin, end)
  } else {
    FOR_DTYPE(max, x, y, NULL, begin, end)
  }
}
void apus_max_pool_gradient(const apus_pooling *p, const void *dy, const void *positions, void *dx, int64_t begin, int64_t end) {
  FOR_DTYPE(max_gradient, dy, positions, dx, begin, end)
}
void apus_max_pool_pick(const apus_pooling *p, const void *x, const void *positions, void *y, int64_t begin, int64_t end) {
  FOR_DTYPE(pick, x, positions, y, begin, end)
}
void apus_average_pool(const apus_pooling *p, const void *x, void *y, int64_t begin, int64_t end) {
  FOR_DTYPE(average, x, y, begin, end)
}
void apus_average_pool_gradient(const apus_pooling *p, const void *dy, void *dx, int64_t begin, int64_t end) {
  FOR_DTYPE(average_gradient, dy, dx, begin, end)
}
