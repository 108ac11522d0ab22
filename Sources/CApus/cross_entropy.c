// Softmax cross-entropy with integer labels: loss = logSumExp(z) - z[label], dz = p - onehot(label).
#include "rowwise.h"
#include "rowwise_narrow.h"

APUS_CLONES static void narrow_cross_entropy(const float *logits, const void *labels, apus_dtype label_dtype, float *loss,
                                             float *probabilities, int64_t columns, int64_t begin, int64_t end) {
  FOR_NARROW_ROWS(logits, columns, begin, end, {
    float at_label[16] = {0};
    for (int64_t r = 0; r < rows; r++) at_label[r] = logits[(row + r) * columns + label_at(labels, label_dtype, row + r)];
    narrow_exp_sum(&n, probabilities != NULL, &sum);
    if (probabilities) {
      FOR_COLUMNS(&n, k) n.column[k] /= sum;
      narrow_store(&n, probabilities + row * columns, columns, rows);
    }
    f32x16 gap;
    memcpy(&gap, at_label, 64);
    log_f32x16(&sum);
    sum = sum - (gap - shift);
    narrow_store_lanes(loss + row, &sum, rows);
  })
}

APUS_CLONES static void cross_entropy_f32(const float *logits, const void *labels, apus_dtype label_dtype, float *loss,
                                          float *probabilities, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *z = logits + row * columns;
    float *p = probabilities ? probabilities + row * columns : NULL;
    float shift = row_shift_f32(z, columns), gap = z[label_at(labels, label_dtype, row)] - shift;
    float sum = row_exp_sum_f32(z, p, shift, columns), scale = 1 / sum;
    if (p) FOR_ROW_F32(p, p, columns, v = v * scale);
    loss[row] = logf(sum) - gap;
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

// Both at once. The rows are transposed here (rowwise_narrow.h), so the label is looked for column by column.
APUS_CLONES static void narrow_both(const float *logits, const void *labels, apus_dtype label_dtype, const float *scale,
                                    int64_t scale_stride, float *loss, float *dz, int64_t columns, int64_t begin, int64_t end) {
  FOR_NARROW_ROWS(logits, columns, begin, end, {
    float at_label[16] = {0};
    float factors[16] = {0};
    int32_t label_of_row[16] = {0};
    for (int64_t r = 0; r < rows; r++) {
      label_of_row[r] = (int32_t)label_at(labels, label_dtype, row + r);
      at_label[r] = logits[(row + r) * columns + label_of_row[r]];
      factors[r] = scale[(row + r) * scale_stride];
    }
    f32x16 gap;
    f32x16 factor;
    i32x16 label;
    memcpy(&gap, at_label, 64);
    memcpy(&factor, factors, 64);
    memcpy(&label, label_of_row, 64);
    narrow_exp_sum(&n, true, &sum);
    FOR_COLUMNS(&n, k) {
      int32_t column = k < n.piece ? k : k - 2 * n.piece + (int32_t)columns;
      f32x16 p = n.column[k] / sum;
      p = label == column ? p - 1.0f : p;
      n.column[k] = p * factor;
    }
    narrow_store(&n, dz + row * columns, columns, rows);
    log_f32x16(&sum);
    sum = sum - (gap - shift);
    narrow_store_lanes(loss + row, &sum, rows);
  })
}

APUS_CLONES static void both_f32(const float *logits, const void *labels, apus_dtype label_dtype, const float *scale,
                                 int64_t scale_stride, float *loss, float *destination, int64_t columns, int64_t begin,
                                 int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *z = logits + row * columns;
    float *dz = destination + row * columns;
    int64_t label = label_at(labels, label_dtype, row);
    float shift = row_shift_f32(z, columns), gap = z[label] - shift;
    float sum = row_exp_sum_f32(z, dz, shift, columns), share = 1 / sum, factor = scale[row * scale_stride];
    float at_label = dz[label] * share;
    at_label = (at_label - 1) * factor;
    FOR_ROW_F32(dz, dz, columns, v = v * share; v = v * factor);
    dz[label] = at_label;
    loss[row] = logf(sum) - gap;
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
  if (columns <= 0) return;
  if (dtype == APUS_F32)
    (columns < 16 ? narrow_cross_entropy : cross_entropy_f32)(logits, labels, label_dtype, loss, probabilities, columns, begin, end);
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

void apus_softmax_cross_entropy_both(apus_dtype dtype, const void *logits, const void *labels, apus_dtype label_dtype,
                                     const void *scale, int64_t scale_stride, void *loss, void *dz, int64_t columns,
                                     int64_t begin, int64_t end) {
  if (columns <= 0) return;
  if (dtype == APUS_F32)
    (columns < 16 ? narrow_both : both_f32)(logits, labels, label_dtype, scale, scale_stride, loss, dz, columns, begin, end);
  if (dtype == APUS_F64) {
    cross_entropy_f64(logits, labels, label_dtype, loss, dz, columns, begin, end);
    cross_entropy_gradient_f64(dz, labels, label_dtype, scale, scale_stride, dz, columns, begin, end);
  }
}
