// Private to CApus: oneDNN's primitives for convolutions of images that lie channels last, run on one thread.
#ifndef APUS_ONEDNN_CONVOLUTION_H
#define APUS_ONEDNN_CONVOLUTION_H

#include "convolution.h"
#include "onednn.h"

/// A primitive for `shape`, otherwise as `plan` says: its arguments are x, w, y (and the bias); dy, w, dx; x, dy, dw. The weights' order is
/// `weights`, or where that is null the fastest, which is put into `chosen`. Declines what only oneDNN's reference code could do.
dnnl_status_t apus_onednn_convolution(const apus_convolution_plan *plan, const apus_convolution *shape, const apus_md *weights, apus_md *chosen,
                                      apus_primitive **made);
/// Our weights into the order `theirs` or, for a gradient, out of it: slice `slice` of `slices` along the filters.
dnnl_status_t apus_onednn_convolution_reorder(const apus_convolution *shape, const apus_md *theirs, bool is_gradient, int64_t slices,
                                              int64_t slice, apus_primitive **made);
/// Whether the order `theirs` is ours; `bytes`: what weights take in it.
bool apus_onednn_weights_are_ours(const apus_convolution *shape, const apus_md *theirs, int64_t *bytes);

#endif
