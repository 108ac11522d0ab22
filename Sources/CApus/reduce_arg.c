// Where the smallest or largest element stands. The kernel is arg_template.h.
#include "isa.h"
#include "reduce.h"

#define TYPE f32
#define ELEMENT float
#define LANES 16
#define INDEX int32_t
#include "arg_template.h"

#define TYPE f64
#define ELEMENT double
#define LANES 8
#define INDEX int64_t
#include "arg_template.h"

#define TYPE i32
#define ELEMENT int32_t
#define LANES 16
#define INDEX int32_t
#include "arg_template.h"

#define TYPE i64
#define ELEMENT int64_t
#define LANES 8
#define INDEX int64_t
#include "arg_template.h"

#define TYPE u8
#define ELEMENT uint8_t
#define LANES 64
#define INDEX int8_t
#include "arg_template.h"

#define CASE(type)                                                                \
  if (largest)                                                                    \
    arg_max_##type(source, destination, count, inner, begin, end);                \
  else                                                                            \
    arg_min_##type(source, destination, count, inner, begin, end);                \
  break

void apus_reduce_arg(bool largest, apus_dtype dtype, const void *source, int64_t *destination, int64_t count, int64_t inner,
                     int64_t begin, int64_t end) {
  if (count <= 0) return;
  switch (dtype) {
  case APUS_F32: CASE(f32);
  case APUS_F64: CASE(f64);
  case APUS_I32: CASE(i32);
  case APUS_I64: CASE(i64);
  case APUS_U8:
  case APUS_BOOL: CASE(u8);
  case APUS_BF16: break;
  }
}
