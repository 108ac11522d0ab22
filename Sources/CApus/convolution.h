// Private to CApus: what the routes of a convolution share.
#ifndef APUS_CONVOLUTION_PRIVATE_H
#define APUS_CONVOLUTION_PRIVATE_H

#include "CApus.h"

/// The beginning of every route's plan.
struct apus_convolution_plan {
  apus_convolution shape;
  apus_convolution_kind kind;
  bool has_bias, relu;
  int32_t phases;
  apus_convolution_phase phase[3];
  int64_t scratch_bytes;
  void (*run)(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece);
  void (*destroy)(apus_convolution_plan *plan);
};

// Each makes a plan from one that holds shape, kind, has_bias and relu, or gives null.
apus_convolution_plan *apus_convolution_own(const apus_convolution_plan *start);
apus_convolution_plan *apus_convolution_depthwise(const apus_convolution_plan *start);
/// In tiles of `outputs` x `outputs` results, 2 or 4.
apus_convolution_plan *apus_convolution_winograd(const apus_convolution_plan *start, int64_t outputs);
/// Whether Winograd's filtering can compute it so.
bool apus_convolution_suits_winograd(const apus_convolution *shape, int64_t outputs);
/// How many multiplications that takes.
double apus_convolution_winograd_work(const apus_convolution *shape, apus_convolution_kind kind, int64_t outputs);
apus_convolution_plan *apus_convolution_planar(const apus_convolution_plan *start);
apus_convolution_plan *apus_convolution_planar_gradient(const apus_convolution_plan *start);
enum { APUS_PLANES_MOST_FILTER = 256 };  // elements of a filter whose gradient is a vector for each
bool apus_convolution_suits_planes(const apus_convolution *shape, apus_convolution_kind kind);
apus_convolution_plan *apus_convolution_rows(const apus_convolution_plan *start);
/// Whether it can go by rows, and that is faster than other ways.
bool apus_convolution_prefers_rows(const apus_convolution *shape, apus_convolution_kind kind);
apus_convolution_plan *apus_convolution_onednn(const apus_convolution_plan *start);

/// The addresses by name: `first` and `second` are the inputs, `bias` may be null.
typedef struct {
  const char *first, *second, *bias;
  char *result, *scratch;
} apus_convolution_addresses;
static inline apus_convolution_addresses apus_convolution_named(const apus_convolution_plan *p, void *const *a) {
  const int more = p->has_bias ? 1 : 0;
  return (apus_convolution_addresses){a[0], a[1], more ? a[2] : NULL, a[2 + more], a[3 + more]};
}

static inline int64_t apus_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t apus_greatest(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t apus_divided_up(int64_t x, int64_t by) { return (x + by - 1) / by; }
static inline int64_t apus_product(const int64_t extents[3]) { return extents[0] * extents[1] * extents[2]; }
static inline int64_t apus_element_bytes(apus_dtype dtype) { return dtype == APUS_F64 ? 8 : 4; }
/// The elements of a filter: the taps times the channels of a group.
static inline int64_t apus_filter_size(const apus_convolution *c) { return apus_product(c->kernel) * (c->in_channels / c->groups); }
/// The multiplications and additions, each counted as one pair.
static inline double apus_convolution_work(const apus_convolution *c) {
  return (double)(c->batch * apus_product(c->output)) * (double)(c->out_channels * apus_filter_size(c));
}
/// Whether it convolves float32 images, of two axes and in one group.
static inline bool apus_is_plain_image(const apus_convolution *c) {
  return c->dtype == APUS_F32 && c->groups == 1 && c->input[0] == 1 && c->output[0] == 1 && c->kernel[0] == 1 && c->before[0] == 0;
}
/// The outermost axis along which anything happens: its ranges are contiguous in memory, of the input and of the output.
static inline int apus_outermost_axis(const apus_convolution *c) {
  for (int a = 0; a < 2; a++)
    if (c->output[a] > 1 || c->input[a] > 1 || c->kernel[a] > 1) return a;
  return 2;
}

/// to[e] = Σ over parts of from[part * stride + e], in order, for e in [begin, end). `to` may be the first part.
void apus_sum_parts(apus_dtype dtype, const void *from, int64_t parts, int64_t stride, void *to, int64_t begin, int64_t end);

#endif
