// The softmax family, row by row: float32 vectorised, float64 (for gradient checks) plainly, with the C library's exp.
#include "rowwise.h"
#include "rowwise_narrow.h"

APUS_CLONES static void narrow_log_sum_exp(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  FOR_NARROW_ROWS(source, columns, begin, end, {
    narrow_exp_sum(&n, false, &sum);
    log_f32x16(&sum);
    sum += shift;
    narrow_store_lanes(destination + row, &sum, rows);
  })
}

APUS_CLONES static void narrow_softmax(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  FOR_NARROW_ROWS(source, columns, begin, end, {
    narrow_exp_sum(&n, true, &sum);
    FOR_COLUMNS(&n, k) n.column[k] /= sum;
    narrow_store(&n, destination + row * columns, columns, rows);
  })
}

APUS_CLONES static void narrow_log_softmax(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  FOR_NARROW_ROWS(source, columns, begin, end, {
    narrow_exp_sum(&n, false, &sum);
    log_f32x16(&sum);
    FOR_COLUMNS(&n, k) n.column[k] -= sum;
    narrow_store(&n, destination + row * columns, columns, rows);
  })
}

APUS_CLONES static void log_sum_exp_f32(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *x = source + row * columns;
    float shift = row_shift_f32(x, columns);
    destination[row] = shift + logf(row_exp_sum_f32(x, NULL, shift, columns));
  }
}

APUS_CLONES static void softmax_f32(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *x = source + row * columns;
    float *p = destination + row * columns;
    float scale = 1 / row_exp_sum_f32(x, p, row_shift_f32(x, columns), columns);
    FOR_ROW_F32(p, p, columns, v = v * scale);
  }
}

APUS_CLONES static void log_softmax_f32(const float *source, float *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *x = source + row * columns;
    float *y = destination + row * columns;
    float shift = row_shift_f32(x, columns), log_sum = logf(row_exp_sum_f32(x, NULL, shift, columns));
    FOR_ROW_F32(x, y, columns, v = (v - shift) - log_sum);
  }
}

APUS_CLONES static void softmax_gradient_f32(const float *output, const float *gradient, float *destination, int64_t columns,
                                             int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const float *p = output + row * columns, *dy = gradient + row * columns;
    float *dx = destination + row * columns;
    f64x16 total = 0;
    f32x16 a, b;
    for (int64_t i = 0; i < columns;) {
      int64_t stop = columns - i > 1024 ? i + 1024 : columns;
      f32x16 sum = 0;
      for (; stop - i >= 16; i += 16) {
        memcpy(&a, p + i, 64);
        memcpy(&b, dy + i, 64);
        sum += a * b;
      }
      if (i < stop) {
        load_part_f32(&a, p + i, stop - i, 0);
        load_part_f32(&b, dy + i, stop - i, 0);
        sum += a * b;
        i = stop;
      }
      total += __builtin_convertvector(sum, f64x16);
    }
    float dot = (float)sum_of_lanes_f64(&total);
    int64_t i = 0;
    for (; columns - i >= 16; i += 16) {
      memcpy(&a, p + i, 64);
      memcpy(&b, dy + i, 64);
      a = a * (b - dot);
      memcpy(dx + i, &a, 64);
    }
    if (i < columns) {
      load_part_f32(&a, p + i, columns - i, 0);
      load_part_f32(&b, dy + i, columns - i, 0);
      a = a * (b - dot);
      store_part_f32(dx + i, &a, columns - i);
    }
  }
}

static double row_shift_f64(const double *x, int64_t columns) {
  double m = -INFINITY;
  for (int64_t i = 0; i < columns; i++) m = x[i] > m ? x[i] : m;
  return m > -INFINITY && m < INFINITY ? m : 0;
}

static double row_exp_sum_f64(const double *x, double shift, int64_t columns) {
  double sum = 0;
  for (int64_t i = 0; i < columns; i++) sum += exp(x[i] - shift);
  return sum;
}

static void log_sum_exp_f64(const double *source, double *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *x = source + row * columns;
    double shift = row_shift_f64(x, columns);
    destination[row] = shift + log(row_exp_sum_f64(x, shift, columns));
  }
}

static void softmax_f64(const double *source, double *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *x = source + row * columns;
    double *p = destination + row * columns, shift = row_shift_f64(x, columns), sum = 0;
    for (int64_t i = 0; i < columns; i++) sum += p[i] = exp(x[i] - shift);
    for (int64_t i = 0; i < columns; i++) p[i] /= sum;
  }
}

static void log_softmax_f64(const double *source, double *destination, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *x = source + row * columns;
    double *y = destination + row * columns, shift = row_shift_f64(x, columns);
    double log_sum = log(row_exp_sum_f64(x, shift, columns));
    for (int64_t i = 0; i < columns; i++) y[i] = (x[i] - shift) - log_sum;
  }
}

static void softmax_gradient_f64(const double *output, const double *gradient, double *destination, int64_t columns, int64_t begin,
                                 int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const double *p = output + row * columns, *dy = gradient + row * columns;
    double *dx = destination + row * columns, dot = 0;
    for (int64_t i = 0; i < columns; i++) dot += dy[i] * p[i];
    for (int64_t i = 0; i < columns; i++) dx[i] = p[i] * (dy[i] - dot);
  }
}

void apus_log_sum_exp(apus_dtype dtype, const void *source, void *destination, int64_t columns, int64_t begin, int64_t end) {
  if (columns <= 0) return;
  if (dtype == APUS_F32) (columns < 16 ? narrow_log_sum_exp : log_sum_exp_f32)(source, destination, columns, begin, end);
  if (dtype == APUS_F64) log_sum_exp_f64(source, destination, columns, begin, end);
}

void apus_softmax(apus_dtype dtype, const void *source, void *destination, int64_t columns, int64_t begin, int64_t end) {
  if (columns <= 0) return;
  if (dtype == APUS_F32) (columns < 16 ? narrow_softmax : softmax_f32)(source, destination, columns, begin, end);
  if (dtype == APUS_F64) softmax_f64(source, destination, columns, begin, end);
}

void apus_log_softmax(apus_dtype dtype, const void *source, void *destination, int64_t columns, int64_t begin, int64_t end) {
  if (columns <= 0) return;
  if (dtype == APUS_F32) (columns < 16 ? narrow_log_softmax : log_softmax_f32)(source, destination, columns, begin, end);
  if (dtype == APUS_F64) log_softmax_f64(source, destination, columns, begin, end);
}

void apus_softmax_gradient(apus_dtype dtype, const void *output, const void *dy, void *dx, int64_t columns, int64_t begin, int64_t end) {
  if (columns <= 0) return;
  if (dtype == APUS_F32) softmax_gradient_f32(output, dy, dx, columns, begin, end);
  if (dtype == APUS_F64) softmax_gradient_f64(output, dy, dx, columns, begin, end);
}
