// Private to CApus: the sums that convolutions of few channels are made of.
#ifndef APUS_CONVOLUTION_ROWS_H
#define APUS_CONVOLUTION_ROWS_H

#include "CApus.h"

enum { APUS_ROWS_LANES = 16, APUS_ROWS_MOST_VECTORS = 3, APUS_ROWS_MOST = 12 };

/// A stretch of the summation: where its first factors are.
typedef struct {
  const float *a, *b;
} apus_row_segment;

/// c[r * c_row + l] = first[r * first_row + l] + Σ over segments and i < k: a[r * a_row + i * a_step] b[i * b_step + l], for lanes l < 16 vectors. A small
/// matrix product of operands that lie as they are: overlapping patches, rows of an image, weights in the order of the lanes.
typedef struct {
  const apus_row_segment *segments;
  int64_t segment_count, k, a_row, a_step, b_step;
  const float *first;  // may be c
  int64_t first_row;
  bool relu;
  float *c;
  int64_t c_row;
} apus_row_sums;

/// How many of `count` rows to compute next: a number for which there are registers enough, and about as many as will follow.
int64_t apus_row_block(int64_t count, int64_t vectors);
/// Computes `rows` rows, a number that apus_row_block gave.
void apus_sum_rows(const apus_row_sums *sums, int64_t rows, int64_t vectors);

#endif
