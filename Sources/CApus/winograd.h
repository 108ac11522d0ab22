// Private to CApus: the transforms of Winograd's minimal filtering F(m x m, r x r) (Lavin and Gray, 2016) for vectors of channels.
//
// With d a tile of (m + r - 1) x (m + r - 1) pixels, g the filter, Y = A'[(G g G') * (B' d B)] A are m x m outputs. The filter's gradient
// of such a tile is G'[(A dY A') * (B' d B)] G. The elements of a transformed tile are its places.
#ifndef APUS_WINOGRAD_H
#define APUS_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

/// The channels that a vector holds; all counts of channels are multiples.
enum { APUS_WINOGRAD_LANES = 16 };

/// Places lie `place` elements apart, and the 16 channels of a vector side by side.
typedef struct {
  int64_t outputs;  // m, of a row
  int64_t taps;     // r, of a row
  int64_t extent;   // m + r - 1
  /// B' d B. `pixels`: the addresses of the pixels.
  void (*input)(const float *const *pixels, int64_t channels, float *v, int64_t place);
  /// A' M A. `pixels`: where the outputs go, null for those that there are not; `bias` may be null.
  void (*output)(const float *m, int64_t place, float *const *pixels, int64_t channels, const float *bias, bool relu);
  /// A dY A'. `pixels`: the addresses of the outputs' gradients.
  void (*output_gradient)(const float *const *pixels, int64_t channels, float *w, int64_t place);
  /// G g G' of 16 filters, `filter` elements apart, times 16 channels. `taps`: the addresses of the first filter's, null for those that are
  /// 0. u[place][filter][channel], rows `row` elements apart; or `by_channel` u[place][channel][filter].
  void (*filters)(const float *const *taps, int64_t filter, bool by_channel, float *u, int64_t place, int64_t row);
  /// G' D G, for the channels of one filter. `taps`: where they go, null for those that there are not.
  void (*filter_gradient)(const float *d, int64_t place, int64_t channels, float *const *taps);
} apus_winograd;

/// F(2 x 2, 3 x 3): 16 multiplications for 4 outputs, which take 36 otherwise.
extern const apus_winograd apus_winograd_2_3;
/// F(4 x 4, 3 x 3): 36 for 16 outputs, which take 144 otherwise.
extern const apus_winograd apus_winograd_4_3;
/// F(4 x 4, 2 x 2): 25 for 16 outputs, which take 64 otherwise.
extern const apus_winograd apus_winograd_4_2;

#endif
