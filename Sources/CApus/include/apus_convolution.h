// Convolutions of images and volumes that lie channels last, and their two gradients. A plan is made from the shape alone: which way it
// goes, and phases of pieces that each are computed by one thread in one order, so bits never depend on how many threads there are.
#ifndef APUS_CONVOLUTION_H
#define APUS_CONVOLUTION_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y[n, p, o] = Σ over taps t and channels c of the group of o: x[n, p stride + t dilation - before, c] w[o, t, c], where x is 0 outside.
///
/// The three spatial axes are depth, height and width; an axis that there is not has extent, kernel, stride and dilation 1. x is
/// (batch, input…, in_channels), w (out_channels, kernel…, in_channels / groups), y (batch, output…, out_channels), all dense. The
/// padding behind the input follows from the output's extents. No extent is 0.
typedef struct {
  apus_dtype dtype;  // f32 or f64
  int64_t batch, groups, in_channels, out_channels;
  int64_t input[3], output[3], kernel[3], stride[3], dilation[3], before[3];
} apus_convolution;

/// What is computed: y from x and w (and the bias); the gradient of x from that of y and w; the gradient of w from x and that of y.
typedef enum : uint8_t {
  APUS_CONVOLUTION_FORWARD = 0,
  APUS_CONVOLUTION_INPUT_GRADIENT,
  APUS_CONVOLUTION_WEIGHT_GRADIENT,
} apus_convolution_kind;

/// The ways to compute it. The own kernels do every shape; the others decline what they cannot.
typedef enum : uint8_t {
  APUS_CONVOLUTION_OWN = 0,     // patches as rows of a matrix, times the weights
  APUS_CONVOLUTION_DEPTHWISE,   // one input and one output channel in each group
  APUS_CONVOLUTION_PLANAR,      // few results at each position: neighbouring positions fill the vectors
  APUS_CONVOLUTION_ROWS,        // few channels: rows of filters over rows of the image, where they lie
  APUS_CONVOLUTION_WINOGRAD_2,  // filters of 3 x 3: fewer multiplications, for tiles of 2 x 2 results
  APUS_CONVOLUTION_WINOGRAD_4,  // and of 4 x 4; also filters of 3 x 3 and 4 x 4 with a stride of 2
  APUS_CONVOLUTION_ONEDNN,
} apus_convolution_route_kind;
/// Which of them is the fastest; see convolution_plan.c for the measurements behind it.
apus_convolution_route_kind apus_convolution_route(const apus_convolution *_Nonnull shape, apus_convolution_kind kind);

/// A convolution made ready. Made once, run many times, by several threads at once.
typedef struct apus_convolution_plan apus_convolution_plan;
/// Makes a plan; null where the route cannot do this shape, or where memory is short. A bias and a relu belong to the forward pass.
apus_convolution_plan *_Nullable apus_convolution_plan_make(const apus_convolution *_Nonnull shape, apus_convolution_kind kind, bool has_bias,
                                                            bool relu, apus_convolution_route_kind route);
void apus_convolution_plan_destroy(apus_convolution_plan *_Nullable plan);

/// One of the plan's phases, each of which needs the whole of those before it.
typedef struct {
  int64_t pieces;
  double cost;  // about how many nanoseconds all pieces take on one core
} apus_convolution_phase;
int32_t apus_convolution_plan_phases(const apus_convolution_plan *_Nonnull plan);
apus_convolution_phase apus_convolution_plan_phase(const apus_convolution_plan *_Nonnull plan, int32_t phase);
/// Memory that the phases share, in bytes.
int64_t apus_convolution_plan_scratch(const apus_convolution_plan *_Nonnull plan);
/// Computes one piece. The addresses are those of the inputs (x, w and the bias; dy and w; x and dy), of the output, of the shared memory.
void apus_convolution_plan_run(const apus_convolution_plan *_Nonnull plan, int32_t phase, void *_Nonnull const *_Nonnull addresses,
                               int64_t piece);

#ifdef __cplusplus
}
#endif
#endif
