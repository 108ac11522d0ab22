// Private to CApus: what the routes of the matrix product share.
#ifndef APUS_MATMUL_PRIVATE_H
#define APUS_MATMUL_PRIVATE_H

#include "CApus.h"

/// The same product as one matrix where it is one: a batch whose rows of A lie evenly spaced, times one B.
static inline apus_matmul apus_matmul_folded(apus_matmul s) {
  if (s.batch > 1 && s.b_batch == 0 && (s.m == 1 || s.a_batch == s.m * s.a_row)) {
    if (s.m == 1) s.a_row = s.a_batch;
    s.m *= s.batch;
    s.batch = 1;
  }
  return s;
}

#endif
