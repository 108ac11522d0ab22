// Matrix products: oneDNN for float32 (and bfloat16) of some size, own kernels for small ones and for other element types.
#ifndef APUS_MATMUL_H
#define APUS_MATMUL_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What follows the product, element by element, while the result is still in registers.
typedef enum : uint8_t {
  APUS_EPILOGUE_NONE = 0,
  APUS_EPILOGUE_RELU,
  APUS_EPILOGUE_TANH,
  APUS_EPILOGUE_SIGMOID,
} apus_epilogue;

/// C = epilogue(A B + bias), for `batch` matrices: A is (m, k), B is (k, n), C is (m, n), dense and row-major, `bias` (if any) has n
/// elements. A and B are given by row and column strides in elements, so a transposed operand costs no copy: for each, one of the two
/// strides is 1 (or its extent is 1) for the oneDNN routes; the own kernels take any strides. Batch strides may be 0 (broadcast).
typedef struct {
  int64_t batch, m, n, k;
  int64_t a_batch, a_row, a_column;
  int64_t b_batch, b_row, b_column;
  bool has_bias;
  apus_epilogue epilogue;
  apus_dtype dtype;  // of A, B, bias and C. oneDNN: APUS_F32 or APUS_BF16 (whose bias is f32); own kernels: f32, f64, i32, i64
} apus_matmul;

/// The own kernels: f32, f64, i32, i64; every shape, zero extents included (k = 0 gives epilogue(bias)). They run rows
/// [begin, end) of the batch * m rows of C, so that the caller can split them over threads; bits do not depend on the split.
/// Integers wrap, and know no epilogue but relu. relu(NaN) = NaN.
void apus_matmul_own(const apus_matmul *_Nonnull shape, const void *_Nonnull a, const void *_Nonnull b, const void *_Nullable bias,
                     void *_Nonnull c, int64_t begin, int64_t end);

/// The whole product on the team, split by rows or columns (the same bits): alone where that is faster, or within a parallel region.
void apus_matmul_own_parallel(const apus_matmul *_Nonnull shape, const void *_Nonnull a, const void *_Nonnull b, const void *_Nullable bias,
                              void *_Nonnull c);

/// Restricts the own kernels to an instruction set (512: AVX-512, 2: AVX2 with FMA, 0: the platform's baseline), so that tests and
/// benchmarks see each; any other number gives the machine's best. Returns the one in use. Not while products run.
int32_t apus_matmul_own_level(int32_t level);

/// oneDNN's plain GEMM for one float32 matrix, or a batch that folds into one: C = A B (+ C if accumulate); bias and epilogue are left
/// to the caller. Runs on the whole team, or alone within a parallel region. Returns 0, or oneDNN's status.
int32_t apus_onednn_gemm(const apus_matmul *_Nonnull shape, const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull c, bool accumulate);

/// A oneDNN matmul primitive with bias and epilogue, made once per shape (0.2 to 0.5 ms). Returns 0 and a handle, or oneDNN's status.
/// No extent may be 0; a batch may share A or B (stride 0), not both.
int32_t apus_onednn_matmul_create(const apus_matmul *_Nonnull shape, void *_Nullable *_Nonnull handle);
/// Runs it. Several threads may run one handle at once (scratch memory belongs to the caller: `scratch` has at least
/// apus_onednn_matmul_scratch_bytes(handle) bytes, 64-byte aligned; null when that is 0).
int32_t apus_onednn_matmul_run(void *_Nonnull handle, const void *_Nonnull a, const void *_Nonnull b, const void *_Nullable bias,
                               void *_Nonnull c, void *_Nullable scratch);
size_t apus_onednn_matmul_scratch_bytes(void *_Nonnull handle);
void apus_onednn_matmul_destroy(void *_Nonnull handle);

/// The three ways above, for one shape.
typedef enum : uint8_t {
  APUS_MATMUL_OWN = 0,
  APUS_MATMUL_GEMM,
  APUS_MATMUL_PRIMITIVE,
} apus_matmul_route_kind;
/// Which of them is the fastest that can do it; see matmul_route.c for the measurements behind it.
apus_matmul_route_kind apus_matmul_route(const apus_matmul *_Nonnull shape);

/// oneDNN's status as a word ("invalid_arguments", "unimplemented" ...), and the library's version as major * 10000 + minor * 100 + patch.
const char *_Nonnull apus_onednn_status_name(int32_t status);
int32_t apus_onednn_version(void);

#ifdef __cplusplus
}
#endif
#endif
