// Sum, product, extremes, any and all, for every element type. The kernel is reduce_template.h.
#include "reduce.h"

#include <math.h>

#include "isa.h"

#define TYPE f32
#define ELEMENT float
#define LANES 16
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#define TRUTH int32_t
#define SUM_PARTIAL float
#define SUM_TOTAL double
#define PRODUCT_TOTAL double
#include "reduce_type.h"

#define TYPE f64
#define ELEMENT double
#define LANES 8
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#define TRUTH int64_t
#define SUM_PARTIAL double
#define SUM_TOTAL double
#define PRODUCT_TOTAL double
#include "reduce_type.h"

// Integers wrap, so they are gathered in unsigned types.
#define TYPE i32
#define ELEMENT int32_t
#define LANES 16
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#define TRUTH int32_t
#define SUM_PARTIAL uint32_t
#define SUM_TOTAL uint32_t
#define PRODUCT_TOTAL uint32_t
#include "reduce_type.h"

#define TYPE i64
#define ELEMENT int64_t
#define LANES 8
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define TRUTH int64_t
#define SUM_PARTIAL uint64_t
#define SUM_TOTAL uint64_t
#define PRODUCT_TOTAL uint64_t
#include "reduce_type.h"

#define TYPE u8
#define ELEMENT uint8_t
#define LANES 64
#define LOWEST 0
#define HIGHEST 255
#define TRUTH int8_t
#include "reduce_type.h"

void apus_reduce(apus_reduction reduction, apus_dtype dtype, const void *source, void *destination, int64_t count, int64_t inner,
                 int64_t begin, int64_t end) {
  if (inner <= 0 || begin >= end) return;
  if (reduction == APUS_REDUCE_ARG_MIN || reduction == APUS_REDUCE_ARG_MAX) {
    apus_reduce_arg(reduction == APUS_REDUCE_ARG_MAX, dtype, source, destination, count, inner, begin, end);
    return;
  }
  switch (dtype) {
  case APUS_F32: reduce_f32(reduction, source, destination, count, inner, begin, end); break;
  case APUS_F64: reduce_f64(reduction, source, destination, count, inner, begin, end); break;
  case APUS_I32: reduce_i32(reduction, source, destination, count, inner, begin, end); break;
  case APUS_I64: reduce_i64(reduction, source, destination, count, inner, begin, end); break;
  case APUS_U8:
  case APUS_BOOL: reduce_u8(reduction, source, destination, count, inner, begin, end); break;
  case APUS_BF16: break;
  }
}

// One chunk of a sum over everything, in double: integers as doubles, so that nothing wraps.
APUS_CLONES static double chunk_f32(const float *x, int64_t count) { return sum_f32_row(x, count); }
APUS_CLONES static double chunk_squares_f32(const float *x, int64_t count) { return squares_f32_row(x, count); }
APUS_CLONES static double chunk_f64(const double *x, int64_t count) { return sum_f64_row(x, count); }
APUS_CLONES static double chunk_squares_f64(const double *x, int64_t count) { return squares_f64_row(x, count); }

#define CHUNK_OF_INTEGERS(name, element)                                                              \
  APUS_CLONES static double name(const element *x, int64_t count, bool of_squares) {                  \
    typedef element vector __attribute__((ext_vector_type(8)));                                       \
    f64x8 total = 0;                                                                                  \
    int64_t i = 0;                                                                                    \
    for (; count - i >= 8; i += 8) {                                                                  \
      vector v;                                                                                       \
      memcpy(&v, x + i, sizeof v);                                                                    \
      f64x8 d = __builtin_convertvector(v, f64x8);                                                    \
      total += of_squares ? d * d : d;                                                                \
    }                                                                                                 \
    double sum = ((total[0] + total[1]) + (total[2] + total[3])) + ((total[4] + total[5]) + (total[6] + total[7])); \
    for (; i < count; i++) sum += of_squares ? (double)x[i] * (double)x[i] : (double)x[i];            \
    return sum;                                                                                       \
  }
CHUNK_OF_INTEGERS(chunk_i32, int32_t)
CHUNK_OF_INTEGERS(chunk_i64, int64_t)
CHUNK_OF_INTEGERS(chunk_u8, uint8_t)

double apus_sum_chunk(apus_dtype dtype, bool of_squares, const void *source, int64_t count) {
  switch (dtype) {
  case APUS_F32: return of_squares ? chunk_squares_f32(source, count) : chunk_f32(source, count);
  case APUS_F64: return of_squares ? chunk_squares_f64(source, count) : chunk_f64(source, count);
  case APUS_I32: return chunk_i32(source, count, of_squares);
  case APUS_I64: return chunk_i64(source, count, of_squares);
  case APUS_U8:
  case APUS_BOOL: return chunk_u8(source, count, of_squares);
  case APUS_BF16: break;
  }
  return 0;
}

#define ADD_PARTS(name, element)                                                                                    \
  APUS_CLONES static void name(const element *parts, int64_t part_count, int64_t stride, element *y, int64_t count) { \
    for (int64_t e = 0; e < count; e++) {                                                                           \
      double sum = 0;                                                                                               \
      for (int64_t p = 0; p < part_count; p++) sum += (double)parts[p * stride + e];                                \
      y[e] = (element)sum;                                                                                          \
    }                                                                                                               \
  }
ADD_PARTS(add_parts_f32, float)
ADD_PARTS(add_parts_f64, double)

void apus_add_parts(apus_dtype dtype, const void *parts, int64_t part_count, int64_t stride, void *y, int64_t count) {
  if (dtype == APUS_F64)
    add_parts_f64(parts, part_count, stride, y, count);
  else
    add_parts_f32(parts, part_count, stride, y, count);
}

// Sums of elements that come in pieces (reduce.h).

#define PIECEWISE(element, type)                                                                                             \
  APUS_CLONES static void running_add_##type(void *total, const element *x, int64_t count) {                                 \
    sum_##type##_row_add(x, count, total);                                                                                   \
  }                                                                                                                          \
  APUS_CLONES static double running_finish_##type(const void *total, const element *x, int64_t count) {                      \
    sum_##type##_tv added;                                                                                                   \
    memcpy(&added, total, sizeof added);                                                                                     \
    int64_t taken = sum_##type##_row_add(x, count, &added);                                                                  \
    return sum_##type##_row_finish(x, taken, count, &added);                                                                 \
  }                                                                                                                          \
  APUS_CLONES static void columns_begin_##type(apus_column_sums *sums) {                                                     \
    sum_##type##_strip_begin(sums->width, sums->partial, sums->total);                                                       \
    sums->pending = 0;                                                                                                       \
  }                                                                                                                          \
  APUS_CLONES static void columns_add_##type(apus_column_sums *sums, const element *x, int64_t count, int64_t stride) {      \
    sums->pending = sum_##type##_strip_add(x, count, stride, sums->width, sums->partial, sums->total, sums->pending);        \
  }                                                                                                                          \
  APUS_CLONES static void columns_finish_##type(const apus_column_sums *sums, element *results, int64_t columns) {           \
    double totals[sum_##type##_strip_width];                                                                                 \
    sum_##type##_strip_finish(sums->width, sums->partial, sums->total, sums->pending, totals);                               \
    for (int64_t k = 0; k < columns; k++) results[k] = (element)totals[k];                                                   \
  }
PIECEWISE(float, f32)
PIECEWISE(double, f64)
#define OF_DTYPE(dtype, function, ...) ((dtype) == APUS_F32 ? function##_f32(__VA_ARGS__) : function##_f64(__VA_ARGS__))

void apus_running_sum_begin(apus_running_sum *sum) { memset(sum->total, 0, sizeof sum->total); }

void apus_running_sum_add(apus_running_sum *sum, apus_dtype dtype, const void *piece, int64_t count) {
  OF_DTYPE(dtype, running_add, sum->total, piece, count);
}

double apus_running_sum_finish(const apus_running_sum *sum, apus_dtype dtype, const void *piece, int64_t count) {
  return OF_DTYPE(dtype, running_finish, sum->total, piece, count);
}

void apus_column_sums_begin(apus_column_sums *sums) { OF_DTYPE(sums->dtype, columns_begin, sums); }

void apus_column_sums_add(apus_column_sums *sums, const void *rows, int64_t count, int64_t stride) {
  OF_DTYPE(sums->dtype, columns_add, sums, rows, count, stride);
}

void apus_column_sums_finish(const apus_column_sums *sums, void *results, int64_t columns) {
  OF_DTYPE(sums->dtype, columns_finish, sums, results, columns);
}
