// Pooling of images and volumes that lie channels last: the largest element or the mean of windows, and what gradients need.
#ifndef APUS_POOLING_H
#define APUS_POOLING_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Windows along the three spatial axes, as tables: windows may be of different sizes. Every window holds an element of the input.
///
/// x is (batch, input…, channels), y (batch, output…, channels), dense. The taps of a window are numbered in row-major order of `kernel`,
/// the extents of the largest window, also those that lie in the padding.
typedef struct {
  apus_dtype dtype;  // f32 or f64
  int64_t batch, channels;
  int64_t input[3], output[3], kernel[3], dilation[3];
  /// For every output position along an axis: the first element of the input in the window, how many there are (`dilation` apart), the tap
  /// of the first, and the window's share in the divisor of the mean.
  const int32_t *_Nonnull first[3], *_Nonnull count[3], *_Nonnull tap[3], *_Nonnull size[3];
  /// For every input position i along an axis: the windows that hold it, windows[a][from[a][i] ..< from[a][i + 1]], and its taps there.
  const int32_t *_Nonnull from[3], *_Nonnull windows[3], *_Nonnull window_taps[3];
  /// The bytes of a position: 1 (uint8) or 4 (int32).
  int32_t position_bytes;
} apus_pooling;

// Rows are those of the innermost spatial axis, counted over all others: of the output, or of the input where a gradient goes there.

/// The largest element of each window, NaN where there is one, and (unless null) its tap: the first of equals.
void apus_max_pool(const apus_pooling *_Nonnull pooling, const void *_Nonnull x, void *_Nonnull y, void *_Nullable positions, int64_t begin,
                   int64_t end);
/// dx = the sum of dy over the windows whose largest element it is.
void apus_max_pool_gradient(const apus_pooling *_Nonnull pooling, const void *_Nonnull dy, const void *_Nonnull positions, void *_Nonnull dx,
                            int64_t begin, int64_t end);
/// y = the element of x at each window's position.
void apus_max_pool_pick(const apus_pooling *_Nonnull pooling, const void *_Nonnull x, const void *_Nonnull positions, void *_Nonnull y,
                        int64_t begin, int64_t end);
/// The sum of each window, divided by the product of the sizes.
void apus_average_pool(const apus_pooling *_Nonnull pooling, const void *_Nonnull x, void *_Nonnull y, int64_t begin, int64_t end);
/// dx = the sum of dy / size over the windows that hold it.
void apus_average_pool_gradient(const apus_pooling *_Nonnull pooling, const void *_Nonnull dy, void *_Nonnull dx, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
