// Element types and small definitions shared by every kernel header.
#ifndef APUS_TYPES_H
#define APUS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The element types, numbered as `DType` in Swift.
typedef enum : uint8_t {
  APUS_F32 = 0,
  APUS_F64 = 1,
  APUS_I32 = 2,
  APUS_I64 = 3,
  APUS_U8 = 4,
  APUS_BOOL = 5,  // one byte, 0 or 1
  APUS_BF16 = 6,
} apus_dtype;

/// The largest number of axes of a tensor.
#define APUS_MAX_RANK 8

/// Where the elements of one operand lie: `strides` counts elements, one entry per axis of the iteration space,
/// 0 where the operand is broadcast along that axis; they may be negative.
typedef struct {
  void *_Nullable data;
  apus_dtype dtype;
  int64_t strides[APUS_MAX_RANK];
} apus_operand;

#ifdef __cplusplus
}
#endif
#endif
