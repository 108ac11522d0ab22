// Softmax cross-entropy with integer labels: loss = logSumExp(z) - z[label], dz = p - onehot(label).
#include "rowwise.h"

APUS_CLONES static void cross_entropy_f32(const float *logits, const void *labels, apus_dtype label_dtype, float *loss,
                                          float *probabilities, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row += 16) {  // 16 rows at a time, for the logarithm
    int64_t rows = end - row < 16 ? end - row : 16;
    float sums[16], gaps[16];
    for (int64_t r = 0; r < 16; r++) sums[r] = 1, gaps[r] = 0;
    for (int64_t r = 0; r < rows; r++) {
      const float *z = logits + (row + r) * columns;
      float *p = probabilities ? probabilities + (row + r) * columns : NULL;
      int64_t label = label_at(labels, label_dtype, row + r);
      float at_label = z[label];
      if (columns < 16) {  // the row stays in a register
        f32x16 v;
        load_part_f32(&v, z, columns, -INFINITY);
        float m = largest_lane(&v), shift = m > -INFINITY && m < INFINITY ? m : 0;
        v = v - shift;
        exp_f32x16(&v);
        sums[r] = sum_of_lanes(&v);
        gaps[r] = at_label - shift;
        if (p) {
          v = v / sums[r];
          store_part_f32(p, &v, columns);
        }
        continue;
      }
      float shift = row_shift_f32(z, columns), sum = row_exp_sum_f32(z, p, shift, columns);
      sums[r] = sum;
      gaps[r] = at_label - shift;
      if (p) FOR_ROW_F32(p, p, columns, v = v / sum);
    }
    f32x16 sum, gap;
    memcpy(&sum, sums, 64);
    memcpy(&gap, gaps, 64);
    log_f32x16(&sum);
    sum = sum - gap;
    memcpy(sums, &sum, 64);
    memcpy(loss + row, sums, (size_t)rows * sizeof(float));
  }
}

APUS_CLONES static void cross_entropy_gradient_f32(const float *probabilities, const void *labels, apus_dtype label_dtype,
                                                   const float *scale, int64_t scale_stride, float *destination, int64_t columns,
                                                   int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *p = probabilities + row * columns;
    float *dz = destination + row * columns, factor = scale[row * scale_stride];
    int64_t label = label_at(labels, label_dtype, row);
    float at_label = (p[label] - 1) * factor;  // read first: dz may be p
    FOR_ROW_F32(p, dz, columns, v = v * factor);
    dz[label] = at_label;
  }
}

static void cross_entropy_f64(const double *logits, const void *labels, apus_dtype label_dtype, double *loss, double *probabilities,
                              int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *z = logits + row * columns;
    double m = -INFINITY, sum = 0;
    for (int64_t i = 0; i < columns; i++) m = z[i] > m ? z[i] : m;
    double shift = m > -INFINITY && m < INFINITY ? m : 0, gap = z[label_at(labels, label_dtype, row)] - shift;
    for (int64_t i = 0; i < columns; i++) {
      double e = exp(z[i] - shift);
      if (probabilities) probabilities[row * columns + i] = e;
      sum += e;
    }
    if (probabilities)
      for (int64_t i = 0; i < columns; i++) probabilities[row * columns + i] /= sum;
    loss[row] = log(sum) - gap;
  }
}

static void cross_entropy_gradient_f64(const double *probabilities, const void *labels, apus_dtype label_dtype, const double *scale,
                                       int64_t scale_stride, double *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *p = probabilities + row * columns;
    double *dz = destination + row * columns, factor = scale[row * scale_stride];
    int64_t label = label_at(labels, label_dtype, row);
    for (int64_t i = 0; i < columns; i++) dz[i] = (p[i] - (i == label)) * factor;
  }
}

void apus_softmax_cross_entropy(apus_dtype dtype, const void *logits, const void *labels, apus_dtype label_dtype, void *loss,
                                void *probabilities, int64_t columns, int64_t begin, int64_t end) {
  if (dtype == APUS_F32) cross_entropy_f32(logits, labels, label_dtype, loss, probabilities, columns, begin, end);
  if (dtype == APUS_F64) cross_entropy_f64(logits, labels, label_dtype, loss, probabilities, columns, begin, end);
}

void apus_softmax_cross_entropy_gradient(apus_dtype dtype, const void *probabilities, const void *labels, apus_dtype label_dtype,
                                         const void *scale, int64_t scale_stride, void *dz, int64_t columns, int64_t begin,
                                         int64_t end) {
  if (dtype == APUS_F32)
    cross_entropy_gradient_f32(probabilities, labels, label_dtype, scale, scale_stride, dz, columns, begin, end);
  if (dtype == APUS_F64)
    cross_entropy_gradient_f64(probabilities, labels, label_dtype, scale, scale_stride, dz, columns, begin, end);
}
