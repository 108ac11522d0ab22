// Private to CApus: the patches of an image that a filter sees, as rows of a matrix.
#ifndef APUS_CONVOLUTION_PATCHES_H
#define APUS_CONVOLUTION_PATCHES_H

#include "CApus.h"

/// A patch is so many segments, contiguous in the band, each of `length` elements, at these distances from the patch's first element.
typedef struct {
  int64_t segments, length, *offsets;
  /// Positions so far from each other along the width share no element of a segment.
  int64_t apart;
} apus_patch;

/// to = the patches that begin at `bases`, one behind the other. Reads and writes up to a 512-bit vector more.
void apus_gather_patches(apus_dtype dtype, const void *band, const int64_t *bases, int64_t count, const apus_patch *patch, void *to);
/// Adds the patches to the band.
void apus_spread_patches(apus_dtype dtype, void *band, const int64_t *bases, int64_t count, const apus_patch *patch, const void *patches);

#endif
