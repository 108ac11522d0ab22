// The transforms of Winograd's filtering, one dimension after the other. They evaluate polynomials at some points and at infinity: tiles at
// the points, filters divided by the product of each point's distances to the others. The points are exact in binary, and of those that were
// tried the ones with the smallest errors. Errors beside float64, as multiples of a plain float32 sum's (root mean square, 64 channels):
//
//              points           results   filters' gradient
//   F(2, 3)    0, ±1            0.9       2.2                 only adds, and halves for the filters
//   F(4, 3)    0, ±3/4, ±3/2    3.2       5.6                 6.3 and 12 with the usual 0, ±1, ±2
//   F(4, 2)    ±3/8, ±5/4       2.6       3.9                 4.2 and 7 with 0, ±1, 2
#include "winograd.h"

#include <string.h>

#include "isa.h"
#include "transpose.h"

enum { LANES = APUS_WINOGRAD_LANES, MOST = 6 };

typedef f32x16 vector;
#define FOR(i, count) _Pragma("clang loop unroll(full)") for (int i = 0; i < (count); i++)
#define LOAD(v, p) memcpy(&(v), p, sizeof(vector))
#define STORE(p, v) memcpy(p, &(v), sizeof(vector))

// F(m, r). F(4, r) has the points ±a, ±b, and for three taps 0; all that follows from them is constant where a family is.
typedef struct {
  int m, r;
  float a, b;
} family;
#define EXTENT(f) ((f).m + (f).r - 1)

// MARK: - One dimension

// What is the same at a point and at its negative, apart from a sign: sum and difference.
APUS_INLINE void put_pair(const vector *even, const vector *odd, vector *at) {
  at[0] = *even + *odd;
  at[1] = *even - *odd;
}

// B' d: at a point p, the tile's polynomial's rest; with the factor x for the point 0.
APUS_INLINE void input_line(const family f, const vector *d, vector *v) {
  if (f.m == 2) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
    return;
  }
  const float a = f.a, b = f.b, aa = a * a, bb = b * b;
  vector even, odd;
  if (f.r == 3) {
    *v++ = (aa * bb) * d[0] - (aa + bb) * d[2] + d[4];
    d++;
    even = d[3] - bb * d[1], odd = a * (d[2] - bb * d[0]);
    put_pair(&even, &odd, v);
    even = d[3] - aa * d[1], odd = b * (d[2] - aa * d[0]);
    put_pair(&even, &odd, v + 2);
  } else {
    even = a * (d[2] - bb * d[0]), odd = d[3] - bb * d[1];
    put_pair(&even, &odd, v);
    even = b * (d[2] - aa * d[0]), odd = d[3] - aa * d[1];
    put_pair(&even, &odd, v + 2);
  }
  v[4] = (aa * bb) * d[0] - (aa + bb) * d[2] + d[4];
}

// A' p
APUS_INLINE void output_line(const family f, const vector *p, vector *y) {
  if (f.m == 2) {
    y[0] = p[0] + p[1] + p[2];
    y[1] = p[1] - p[2] - p[3];
    return;
  }
  const float a = f.a, b = f.b, aa = a * a, bb = b * b;
  vector first = 0;
  if (f.r == 3) first = *p++;
  const vector sum_a = p[0] + p[1], difference_a = p[0] - p[1], sum_b = p[2] + p[3], difference_b = p[2] - p[3];
  y[0] = f.r == 3 ? first + sum_a + sum_b : sum_a + sum_b;
  y[1] = a * difference_a + b * difference_b;
  y[2] = aa * sum_a + bb * sum_b;
  y[3] = (a * aa) * difference_a + (b * bb) * difference_b + p[4];
}

// A y
APUS_INLINE void output_gradient_line(const family f, const vector *y, vector *w) {
  if (f.m == 2) {
    w[0] = y[0];
    w[1] = y[0] + y[1];
    w[2] = y[0] - y[1];
    w[3] = -y[1];
    return;
  }
  const float a = f.a, b = f.b, aa = a * a, bb = b * b;
  if (f.r == 3) *w++ = y[0];
  vector even = y[0] + aa * y[2], odd = a * (y[1] + aa * y[3]);
  put_pair(&even, &odd, w);
  even = y[0] + bb * y[2], odd = b * (y[1] + bb * y[3]);
  put_pair(&even, &odd, w + 2);
  w[4] = y[3];
}

// What filters are divided by at ±a: the product of the distances to the other points.
#define DISTANCES(f, p, q) ((f).r == 3 ? 2 * (p) * (p) * ((p) * (p) - (q) * (q)) : 2 * (p) * ((p) * (p) - (q) * (q)))

// G g
APUS_INLINE void filter_line(const family f, const vector *g, vector *u) {
  if (f.m == 2) {
    const vector outer = g[0] + g[2];
    u[0] = g[0];
    u[1] = (outer + g[1]) * 0.5f;
    u[2] = (outer - g[1]) * 0.5f;
    u[3] = g[2];
    return;
  }
  const float a = f.a, b = f.b, of_a = 1 / DISTANCES(f, a, b), of_b = 1 / DISTANCES(f, b, a);
  if (f.r == 3) *u++ = (1 / (a * a * b * b)) * g[0];
  vector even = of_a * g[0], odd = (of_a * a) * g[1];
  if (f.r == 3) even += (of_a * a * a) * g[2];
  put_pair(&even, &odd, u);
  even = of_b * g[0], odd = (of_b * b) * g[1];
  if (f.r == 3) even += (of_b * b * b) * g[2];
  put_pair(&even, &odd, u + 2);
  u[4] = g[f.r - 1];
}

// G' u
APUS_INLINE void filter_gradient_line(const family f, const vector *u, vector *g) {
  if (f.m == 2) {
    const vector half = (u[1] + u[2]) * 0.5f;
    g[0] = u[0] + half;
    g[1] = (u[1] - u[2]) * 0.5f;
    g[2] = half + u[3];
    return;
  }
  const float a = f.a, b = f.b, of_a = 1 / DISTANCES(f, a, b), of_b = 1 / DISTANCES(f, b, a);
  vector first = 0;
  if (f.r == 3) first = (1 / (a * a * b * b)) * *u++;
  const vector sum_a = of_a * (u[0] + u[1]), difference_a = (of_a * a) * (u[0] - u[1]);
  const vector sum_b = of_b * (u[2] + u[3]), difference_b = (of_b * b) * (u[2] - u[3]);
  g[0] = f.r == 3 ? first + sum_a + sum_b : sum_a + sum_b;
  g[1] = difference_a + difference_b;
  if (f.r == 3)
    g[2] = (a * a) * sum_a + (b * b) * sum_b + u[4];
  else
    g[1] += u[4];
}

// MARK: - Two dimensions

// A transform of the columns of x (from x from), then of the rows of what they give: y (to x to).
#define BOTH(transform, f, x, from, y, to)                       \
  do {                                                           \
    vector rows[MOST * MOST];                                    \
    FOR(j, from) {                                               \
      vector column[MOST], result[MOST];                         \
      FOR(i, from) column[i] = (x)[i * (from) + j];              \
      transform(f, column, result);                              \
      FOR(i, to) rows[i * (from) + j] = result[i];               \
    }                                                            \
    FOR(i, to) transform(f, rows + i * (from), (y) + i * (to));  \
  } while (0)

APUS_INLINE void input_tile(const family f, const float *const *pixels, int64_t channels, float *v, int64_t place) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector d[MOST * MOST], t[MOST * MOST];
    FOR(k, EXTENT(f) * EXTENT(f)) LOAD(d[k], pixels[k] + c);
    BOTH(input_line, f, d, EXTENT(f), t, EXTENT(f));
    FOR(k, EXTENT(f) * EXTENT(f)) STORE(v + k * place + c, t[k]);
  }
}

APUS_INLINE void output_tile(const family f, const float *p, int64_t place, float *const *pixels, int64_t channels, const float *bias,
                             bool relu) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector t[MOST * MOST], y[MOST * MOST], b = 0;
    FOR(k, EXTENT(f) * EXTENT(f)) LOAD(t[k], p + k * place + c);
    BOTH(output_line, f, t, EXTENT(f), y, f.m);
    if (bias) LOAD(b, bias + c);
    FOR(k, f.m * f.m) {
      if (bias) y[k] += b;
      if (relu) y[k] = y[k] < 0 ? (vector)0 : y[k];
      if (pixels[k]) STORE(pixels[k] + c, y[k]);
    }
  }
}

APUS_INLINE void output_gradient_tile(const family f, const float *const *pixels, int64_t channels, float *w, int64_t place) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector y[MOST * MOST], t[MOST * MOST];
    FOR(k, f.m * f.m) LOAD(y[k], pixels[k] + c);
    BOTH(output_gradient_line, f, y, f.m, t, EXTENT(f));
    FOR(k, EXTENT(f) * EXTENT(f)) STORE(w + k * place + c, t[k]);
  }
}

APUS_INLINE void filter_tiles(const family f, const float *const *taps, int64_t filter, bool by_channel, float *u, int64_t place, int64_t row) {
  float block[MOST * MOST * LANES * LANES];
  for (int o = 0; o < LANES; o++) {
    vector g[MOST * MOST], t[MOST * MOST];
    FOR(k, f.r * f.r) {
      g[k] = 0;
      if (taps[k]) LOAD(g[k], taps[k] + o * filter);
    }
    BOTH(filter_line, f, g, f.r, t, EXTENT(f));
    FOR(k, EXTENT(f) * EXTENT(f)) STORE(block + (k * LANES + o) * LANES, t[k]);
  }
  for (int k = 0; k < EXTENT(f) * EXTENT(f); k++) {
    const float *from = block + k * LANES * LANES;
    float *to = u + k * place;
    if (by_channel)
      apus_transpose(4, from, LANES, to, row, LANES, LANES);
    else
      for (int o = 0; o < LANES; o++) memcpy(to + o * row, from + o * LANES, sizeof(vector));
  }
}

APUS_INLINE void filter_gradient_tile(const family f, const float *d, int64_t place, int64_t channels, float *const *taps) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector t[MOST * MOST], g[MOST * MOST];
    FOR(k, EXTENT(f) * EXTENT(f)) LOAD(t[k], d + k * place + c);
    BOTH(filter_gradient_line, f, t, EXTENT(f), g, f.r);
    FOR(k, f.r * f.r) if (taps[k]) STORE(taps[k] + c, g[k]);
  }
}

// MARK: - The families

#define FAMILY(NAME, F)                                                                                                                  \
  APUS_CLONES static void input_##NAME(const float *const *pixels, int64_t channels, float *v, int64_t place) {                          \
    input_tile(F, pixels, channels, v, place);                                                                                           \
  }                                                                                                                                      \
  APUS_CLONES static void output_##NAME(const float *p, int64_t place, float *const *pixels, int64_t channels, const float *bias,        \
                                        bool relu) {                                                                                     \
    output_tile(F, p, place, pixels, channels, bias, relu);                                                                              \
  }                                                                                                                                      \
  APUS_CLONES static void output_gradient_##NAME(const float *const *pixels, int64_t channels, float *w, int64_t place) {                \
    output_gradient_tile(F, pixels, channels, w, place);                                                                                 \
  }                                                                                                                                      \
  APUS_CLONES static void filters_##NAME(const float *const *taps, int64_t filter, bool by_channel, float *u, int64_t place, int64_t row) { \
    filter_tiles(F, taps, filter, by_channel, u, place, row);                                                                            \
  }                                                                                                                                      \
  APUS_CLONES static void filter_gradient_##NAME(const float *d, int64_t place, int64_t channels, float *const *taps) {                  \
    filter_gradient_tile(F, d, place, channels, taps);                                                                                   \
  }                                                                                                                                      \
  const apus_winograd apus_winograd_##NAME = {                                                                                           \
      .outputs = F.m, .taps = F.r, .extent = EXTENT(F), .input = input_##NAME, .output = output_##NAME,                                  \
      .output_gradient = output_gradient_##NAME, .filters = filters_##NAME, .filter_gradient = filter_gradient_##NAME};

#define F_2_3 ((family){2, 3, 0, 0})
#define F_4_3 ((family){4, 3, 0.75f, 1.5f})
#define F_4_2 ((family){4, 2, 0.375f, 1.25f})

FAMILY(2_3, F_2_3)
FAMILY(4_3, F_4_3)
FAMILY(4_2, F_4_2)
