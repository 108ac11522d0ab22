// Two products of one row, one after the other: the layers of a network that predicts one sample. They are bound by reading their weights.
//
// Each of two threads reads 1.3 MB of W13's weights, of which its second-level cache keeps half (docs/performance.md, "One sample"). Layer by
// layer, what it kept of the one is gone before the next run asks for it. In pieces that go through both layers, every other run goes backwards, and
// what was read last is read first. The second weights are read a stretch of every row at a time, 512 bytes, 2 KB apart, which would take back
// what is won, unless they are packed.
#include <string.h>

#include "matmul.h"

// What a second-level cache keeps at least, what is too much for any that are used together, and how fast one core reads beyond it.
static const double kept_bytes = 1 << 19, most_bytes = 16 << 20, bytes_per_ns = 100;

bool apus_matmul_pair_make(const apus_matmul *first, const apus_matmul *second, apus_matmul_pair *pair) {
  const void *kernels = apus_matmul_own_kernels();
  const int64_t lanes = apus_matmul_own_row_lanes(kernels, second);
  if (lanes == 0 || apus_matmul_own_row_lanes(kernels, first) == 0) return false;
  if (first->batch != 1 || second->batch != 1 || first->n != second->k || first->b_column != first->k || second->b_column != second->k)
    return false;
  const double bytes = 4 * ((double)first->n * (double)first->k + (double)second->n * (double)second->k);
  if (bytes < 2 * kept_bytes || bytes > most_bytes) return false;
  *pair = (apus_matmul_pair){.first = *first, .second = *second, .cost = bytes / bytes_per_ns, .kernels = kernels};
  for (int s = 0; s <= 4; s++) pair->stretches[s] = apus_matmul_stretch(lanes, second->k, s);
  return true;
}

void apus_matmul_pair_pack(const apus_matmul_pair *p, const float *weights, float *packed) {
  for (int s = 0; s < 4; s++) {
    const int64_t begin = p->stretches[s], count = p->stretches[s + 1] - begin;
    for (int64_t row = 0; row < p->second.n; row++, packed += count)
      memcpy(packed, weights + row * p->second.k + begin, (size_t)count * sizeof(float));
  }
}

void apus_matmul_pair_run(const apus_matmul_pair *p, const float *x, const float *first, const float *bias, float *h, const float *second,
                          bool is_packed, float *sums, int64_t piece, bool is_backwards) {
  const int64_t begin = p->stretches[piece], end = p->stretches[piece + 1], n = p->second.n;
  apus_matmul_own_row(p->kernels, &p->first, x, first, bias, h, begin, end, is_backwards);
  apus_matmul_own_stretch(p->kernels, n, end - begin, h + begin, second + begin * (is_packed ? n : 1), is_packed ? end - begin : p->second.k,
                          sums + piece * n, is_backwards);
}

void apus_matmul_pair_finish(const apus_matmul_pair *p, const float *sums, const float *bias, float *y) {
  apus_matmul_own_add_stretches(p->kernels, &p->second, sums, bias, y);
}
