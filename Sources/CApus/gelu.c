// With h(x) = Φ(-|x|): h = e^(-x²/2) q(1 / (1 + 0.4 |x|)), a polynomial q of degree 8 that was fitted to Φ(-x) e^(x²/2) on 0 ... 13.2, where
// Φ underflows; its relative error is 7e-8. (The form is that of Hastings, 1955.) One exponential serves Φ and φ.
#include "apus_gelu.h"

#include "exp_f32.h"

APUS_INLINE void gelu_f32x16(const f32x16 *x_, f32x16 *y, f32x16 *slope) {
  const f32x16 x = *x_, magnitude = __builtin_elementwise_abs(x);
  f32x16 e = (x * x) * -0.5f;
  exp_f32x16(&e);
  const f32x16 k = 1.0f / (0.4f * magnitude + 1.0f);
  f32x16 q = -0.040075235f * k + 0.2026481f;
  q = q * k - 0.3773972f;
  q = q * k + 0.25466007f;
  q = q * k - 0.014567306f;
  q = q * k + 0.15920179f;
  q = q * k + 0.15561923f;
  q = q * k + 0.15992346f;
  q = q * k - 1.290564796e-5f;
  const f32x16 h = e * q, phi = x > 0.0f ? 1.0f - h : h;
  *y = x * phi;
  *slope = phi + x * (e * 0.3989422804f);
}

APUS_CLONES static void gelu(const float *x, float *y, float *slope, int64_t count) {
  f32x16 v, w, s;
  int64_t i = 0;
  for (; count - i >= 16; i += 16) {
    memcpy(&v, x + i, 64);
    gelu_f32x16(&v, &w, &s);
    memcpy(y + i, &w, 64);
    if (slope) memcpy(slope + i, &s, 64);
  }
  if (i < count) {
    load_part_f32(&v, x + i, count - i, 0);
    gelu_f32x16(&v, &w, &s);
    store_part_f32(y + i, &w, count - i);
    if (slope) store_part_f32(slope + i, &s, count - i);
  }
}

void apus_gelu(const float *x, float *y, float *slope, int64_t count) { gelu(x, y, slope, count); }
