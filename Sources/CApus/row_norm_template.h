// The normalisation of rows for one element type. Parameters, undefined again at the end: NAME, ELEMENT, LANES (the elements of a
// 512-bit vector).
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(NAME, part)
#define V N(lanes)
#define W N(wide_lanes)

typedef ELEMENT V __attribute__((ext_vector_type(LANES)));
typedef double W __attribute__((ext_vector_type(LANES)));

/// The elements [0, count) of a row, padded to a vector.
APUS_INLINE void N(load_lanes)(V *v, const ELEMENT *x, int64_t count, ELEMENT padding) {
  if (count >= LANES) {
    memcpy(v, x, sizeof *v);
    return;
  }
  ELEMENT part[LANES];
  for (int64_t i = 0; i < LANES; i++) part[i] = i < count ? x[i] : padding;
  memcpy(v, part, sizeof *v);
}

APUS_INLINE void N(store_lanes)(ELEMENT *x, const V *v, int64_t count) {
  if (count >= LANES) {
    memcpy(x, v, sizeof *v);
    return;
  }
  ELEMENT part[LANES];
  memcpy(part, v, sizeof *v);
  for (int64_t i = 0; i < count; i++) x[i] = part[i];
}

/// The sum of x - centre, or of its squares, over a row: in blocks of 64 vectors, which are added in double.
APUS_INLINE double N(row_total)(const ELEMENT *x, ELEMENT centre, bool squared, int64_t columns) {
  W total = 0;
  for (int64_t i = 0; i < columns;) {
    int64_t stop = columns - i > 64 * LANES ? i + 64 * LANES : columns;
    V sum[4] = {0, 0, 0, 0}, v;
    for (; stop - i >= 4 * LANES; i += 4 * LANES)
      for (int k = 0; k < 4; k++) {
        memcpy(&v, x + i + k * LANES, sizeof v);
        v -= centre;
        sum[k] += squared ? v * v : v;
      }
    for (; i < stop; i += LANES) {
      N(load_lanes)(&v, x + i, stop - i, centre);
      v -= centre;
      sum[0] += squared ? v * v : v;
    }
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    total += __builtin_convertvector(sum[0], W);
    i = stop;
  }
  return N(total_of_row)(&total);
}

APUS_CLONES static void N(norm)(const ELEMENT *x, const ELEMENT *gain, const ELEMENT *bias, ELEMENT *y, ELEMENT *means,
                                ELEMENT *scales, int64_t columns, double epsilon, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const ELEMENT *from = x + row * columns;
    ELEMENT *to = y + row * columns, mean = 0;
    if (means) means[row] = mean = (ELEMENT)(N(row_total)(from, 0, false, columns) / (double)columns);
    double variance = N(row_total)(from, mean, true, columns) / (double)columns;
    ELEMENT scale = (ELEMENT)(1 / sqrt(variance + epsilon));
    scales[row] = scale;
    for (int64_t i = 0; i < columns; i += LANES) {
      V v, g, b;
      N(load_lanes)(&v, from + i, columns - i, 0);
      v = (v - mean) * scale;
      if (gain) {
        N(load_lanes)(&g, gain + i, columns - i, 0);
        v *= g;
      }
      if (bias) {
        N(load_lanes)(&b, bias + i, columns - i, 0);
        v += b;
      }
      N(store_lanes)(to + i, &v, columns - i);
    }
  }
}

/// With n = (x - mean) scale and w = dy gain: dx = scale (w - the row's mean of w - n times the row's mean of w n); without a mean, the
/// middle term is absent. dgain = Σ dy n, dbias = Σ dy.
APUS_CLONES static void N(norm_gradient)(const ELEMENT *dy, const ELEMENT *x, const ELEMENT *means, const ELEMENT *scales,
                                         const ELEMENT *gain, ELEMENT *dx, ELEMENT *dgain, ELEMENT *dbias, int64_t columns,
                                         int64_t begin, int64_t end) {
  if (dgain) memset(dgain, 0, (size_t)columns * sizeof(ELEMENT));
  if (dbias) memset(dbias, 0, (size_t)columns * sizeof(ELEMENT));
  for (int64_t row = begin; row < end; row++) {
    const ELEMENT *from = x + row * columns, *d = dy + row * columns;
    ELEMENT *to = dx + row * columns;
    const ELEMENT mean = means ? means[row] : 0, scale = scales[row];
    V v, w, g, s;
    W total = 0, total_n = 0;
    for (int64_t i = 0; i < columns;) {
      int64_t stop = columns - i > 64 * LANES ? i + 64 * LANES : columns;
      V sum = 0, sum_n = 0;
      for (; i < stop; i += LANES) {
        N(load_lanes)(&v, from + i, columns - i, mean);
        N(load_lanes)(&w, d + i, columns - i, 0);
        v = (v - mean) * scale;
        if (dgain) {
          N(load_lanes)(&s, dgain + i, columns - i, 0);
          s += w * v;
          N(store_lanes)(dgain + i, &s, columns - i);
        }
        if (dbias) {
          N(load_lanes)(&s, dbias + i, columns - i, 0);
          s += w;
          N(store_lanes)(dbias + i, &s, columns - i);
        }
        if (gain) {
          N(load_lanes)(&g, gain + i, columns - i, 0);
          w *= g;
        }
        sum += w;
        sum_n += w * v;
      }
      total += __builtin_convertvector(sum, W);
      total_n += __builtin_convertvector(sum_n, W);
    }
    const ELEMENT along_n = (ELEMENT)(N(total_of_row)(&total_n) / (double)columns);
    const ELEMENT along = means ? (ELEMENT)(N(total_of_row)(&total) / (double)columns) : 0;
    for (int64_t i = 0; i < columns; i += LANES) {
      N(load_lanes)(&v, from + i, columns - i, mean);
      N(load_lanes)(&w, d + i, columns - i, 0);
      if (gain) {
        N(load_lanes)(&g, gain + i, columns - i, 0);
        w *= g;
      }
      v = (v - mean) * scale;
      v = ((w - along) - v * along_n) * scale;
      N(store_lanes)(to + i, &v, columns - i);
    }
  }
}

#undef V
#undef W
#undef N
#undef NAMED_
#undef NAMED__
#undef NAME
#undef ELEMENT
#undef LANES
