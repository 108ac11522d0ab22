// Private: transposing a square of vectors. Interleaving vectors k and k + L/2 of L (a perfect shuffle of the L * L elements),
// log2(L) times over, transposes them.
#ifndef APUS_SHUFFLE_H
#define APUS_SHUFFLE_H

#define LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_16(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)

/// Transposes `v`, an array of `lanes` (2 to the power of `stages`) vectors of the type `vector`.
#define TRANSPOSE_VECTORS(vector, v, lanes, stages, low, high)                                     \
  _Pragma("clang loop unroll(full)") for (int stage = 0; stage < stages; stage++) {                \
    vector w[lanes];                                                                               \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes / 2; k++) {                       \
      w[2 * k] = low(v[k], v[k + lanes / 2]);                                                      \
      w[2 * k + 1] = high(v[k], v[k + lanes / 2]);                                                 \
    }                                                                                              \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < lanes; k++) v[k] = w[k];                \
  }

#endif
