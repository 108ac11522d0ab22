// Private to CApus: images of few channels as planes, one for each channel, so that neighbouring positions of a row fill vectors.
#ifndef APUS_CONVOLUTION_PLANES_H
#define APUS_CONVOLUTION_PLANES_H

#include "convolution.h"
#include "isa.h"
#include "transpose.h"

enum { APUS_PLANES_LANES = 16, APUS_PLANES_MOST = 8 };

/// What both kinds of planar convolutions know of their shape.
typedef struct {
  apus_convolution_plan plan;
  int64_t from, to;                        // channels of the image that is read, and of the results
  int64_t image[2], result[2], before[2];  // heights and widths; the zeros in front
  int64_t kernel[2], dilation[2], stride;  // the stride of rows; that of columns is 1
  int64_t taps, pitch;                     // pitch: from one row of a plane to the next
  int64_t images, band, bands;             // a piece: several whole images, or a band of rows of one
} apus_planar;

/// Fills in what follows from the shape; `block`: how many positions are computed at once.
static inline void apus_planar_describe(apus_planar *o, int64_t block) {
  const apus_convolution *c = &o->plan.shape;
  o->from = c->in_channels;
  o->to = c->out_channels;
  o->stride = c->stride[1];
  o->taps = apus_product(c->kernel);
  for (int a = 0; a < 2; a++) {
    o->kernel[a] = c->kernel[a + 1];
    o->dilation[a] = c->dilation[a + 1];
    o->image[a] = c->input[a + 1];
    o->result[a] = c->output[a + 1];
    o->before[a] = c->before[a + 1];
  }
  // Room for the whole image, and for whole blocks of results.
  const int64_t blocks = apus_divided_up(o->result[1], block) * block + (o->kernel[1] - 1) * o->dilation[1];
  o->pitch = apus_greatest(blocks, o->before[1] + o->image[1]);
}

/// The rows of the image that so many rows of results read.
static inline int64_t apus_planar_rows_read(const apus_planar *o, int64_t rows) {
  return (rows - 1) * o->stride + (o->kernel[0] - 1) * o->dilation[0] + 1;
}

/// Rows [first, first + count) of the padded image as planes (channels, rows, pitch), with zeros around.
static inline void apus_planar_fill(const apus_planar *o, const float *image, int64_t first, int64_t count, float *planes) {
  memset(planes, 0, (size_t)(o->from * count * o->pitch) * 4);
  for (int64_t i = 0; i < count; i++) {
    const int64_t y = first + i - o->before[0];
    if (y < 0 || y >= o->image[0]) continue;
    float *to = planes + i * o->pitch + o->before[1];
    const float *from = image + y * o->image[1] * o->from;
    if (o->from == 1)
      memcpy(to, from, (size_t)o->image[1] * 4);
    else
      apus_transpose(4, from, o->from, to, count * o->pitch, o->from, o->image[1]);
  }
}

// MARK: - Sixteen positions

/// The channels of a position in vectors: the next power of two.
#define APUS_PIXEL_WIDTH(channels) ((channels) <= 1 ? 1 : (channels) <= 2 ? 2 : (channels) <= 4 ? 4 : 8)

// Sequences i and i + m, of n vectors each, become sequence i of 2 n vectors that has their elements in turn; or the reverse.
APUS_INLINE void apus_interleave(f32x16 *v, const int m, const int n) {
  f32x16 old[APUS_PLANES_MOST];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * m * n; i++) old[i] = v[i];
#pragma clang loop unroll(full)
  for (int i = 0; i < m; i++)
#pragma clang loop unroll(full)
    for (int k = 0; k < n; k++) {
      const f32x16 a = old[i * n + k], b = old[(i + m) * n + k];
      v[2 * (i * n + k)] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      v[2 * (i * n + k) + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
}
APUS_INLINE void apus_separate(f32x16 *v, const int m, const int n) {
  f32x16 old[APUS_PLANES_MOST];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * m * n; i++) old[i] = v[i];
#pragma clang loop unroll(full)
  for (int i = 0; i < m; i++)
#pragma clang loop unroll(full)
    for (int k = 0; k < n; k++) {
      const f32x16 a = old[2 * (i * n + k)], b = old[2 * (i * n + k) + 1];
      v[i * n + k] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
      v[(i + m) * n + k] = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    }
}

// Position p of `v`, as many elements as a position has there, to and from memory.
APUS_INLINE void apus_put_pixel(const f32x16 *v, const int width, const int p, float *to) {
  const f32x16 whole = v[p * width / 16];
  const f32x8 half = p * width % 16 < 8 ? whole.lo : whole.hi;
  if (width == 8) {
    memcpy(to, &half, sizeof half);
  } else {
    const f32x4 quarter = p * width % 8 < 4 ? half.lo : half.hi;
    memcpy(to, &quarter, sizeof quarter);
  }
}
APUS_INLINE void apus_take_pixel(f32x16 *v, const int width, const int p, const float *from) {
  f32x16 *const whole = v + p * width / 16;
  f32x8 half = p * width % 16 < 8 ? whole->lo : whole->hi;
  if (width == 8) {
    memcpy(&half, from, sizeof half);
  } else {
    f32x4 quarter;
    memcpy(&quarter, from, sizeof quarter);
    if (p * width % 8 < 4)
      half.lo = quarter;
    else
      half.hi = quarter;
  }
  if (p * width % 16 < 8)
    whole->lo = half;
  else
    whole->hi = half;
}

/// Writes the first `positions` of 16 positions, whose channels are vectors, one position behind the other. `v` is overwritten.
APUS_INLINE void apus_planes_to_pixels(f32x16 *v, const int channels, float *to, int64_t positions) {
  const int width = APUS_PIXEL_WIDTH(channels);
#pragma clang loop unroll(full)
  for (int r = channels; r < width; r++) v[r] = 0;
  if (width == 8) apus_interleave(v, 4, 1), apus_interleave(v, 2, 2), apus_interleave(v, 1, 4);
  if (width == 4) apus_interleave(v, 2, 1), apus_interleave(v, 1, 2);
  if (width == 2) apus_interleave(v, 1, 1);
  if (width == channels) {
    float lanes[APUS_PLANES_MOST * APUS_PLANES_LANES];
    memcpy(lanes, v, (size_t)width * sizeof *v);
    if (positions == APUS_PLANES_LANES)
      memcpy(to, v, (size_t)width * sizeof *v);
    else
      memcpy(to, lanes, (size_t)(positions * width) * 4);
    return;
  }
  // What a position writes too much, the next one overwrites. The last one is written exactly.
  float last[APUS_PLANES_MOST];
#pragma clang loop unroll(full)
  for (int p = 0; p < APUS_PLANES_LANES; p++) {
    if (p + 1 < positions) apus_put_pixel(v, width, p, to + p * channels);
    if (p + 1 == positions) apus_put_pixel(v, width, p, last);
  }
  memcpy(to + (positions - 1) * channels, last, (size_t)channels * 4);
}

/// The reverse: reads `positions` positions; lanes beyond them are zeros. `is_followed`: whether 8 more elements may be read.
APUS_INLINE void apus_pixels_to_planes(f32x16 *v, const int channels, const float *from, int64_t positions, bool is_followed) {
  const int width = APUS_PIXEL_WIDTH(channels);
  if (width == channels) {
    float lanes[APUS_PLANES_MOST * APUS_PLANES_LANES] = {0};
    if (positions == APUS_PLANES_LANES) {
      memcpy(v, from, (size_t)width * sizeof *v);
    } else {
      memcpy(lanes, from, (size_t)(positions * width) * 4);
      memcpy(v, lanes, (size_t)width * sizeof *v);
    }
  } else {
    float last[APUS_PLANES_MOST] = {0};
    memcpy(last, from + (positions - 1) * channels, (size_t)channels * 4);
#pragma clang loop unroll(full)
    for (int r = 0; r < width; r++) v[r] = 0;
#pragma clang loop unroll(full)
    for (int p = 0; p < APUS_PLANES_LANES; p++)
      if (p < positions) apus_take_pixel(v, width, p, p + 1 < positions || is_followed ? from + p * channels : last);
  }
  if (width == 8) apus_separate(v, 1, 4), apus_separate(v, 2, 2), apus_separate(v, 4, 1);
  if (width == 4) apus_separate(v, 1, 2), apus_separate(v, 2, 1);
  if (width == 2) apus_separate(v, 1, 1);
}

#endif
