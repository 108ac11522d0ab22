// Matrix products: by own kernels, those of bfloat16 by oneDNN. A plan cuts the result into tiles by its shape alone; each tile is
// computed by one thread, so bits never depend on how many there are.
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
/// strides is 1 (or its extent is 1) for oneDNN, and for the own kernels to be fast; they take any strides. Batch strides may be 0 (broadcast).
typedef struct {
  int64_t batch, m, n, k;
  int64_t a_batch, a_row, a_column;
  int64_t b_batch, b_row, b_column;
  bool has_bias;
  apus_epilogue epilogue;
  /// Of A and B. oneDNN: bf16; own kernels: f32, f64, i32, i64. Bias and C have it too, but those of bf16 are f32: the terms
  /// are exact there, and summed as for f32.
  apus_dtype dtype;
} apus_matmul;

/// The ways to compute a product: the own kernels, a oneDNN primitive.
typedef enum : uint8_t {
  APUS_MATMUL_OWN = 0,
  APUS_MATMUL_PRIMITIVE,
} apus_matmul_route_kind;
/// Which of them it goes; see matmul_route.c for the measurements behind it.
apus_matmul_route_kind apus_matmul_route(const apus_matmul *_Nonnull shape);

/// Whether the processor multiplies bfloat16 by itself. Where it does not, oneDNN declines such products or takes long.
bool apus_has_bfloat16(void);

/// A part of C: some whole matrices, or a rectangle of one.
typedef struct {
  int64_t first_matrix, end_matrix;
  int64_t first_row, end_row;
  int64_t first_column, end_column;
} apus_matmul_tile;

/// A product made ready: which way it goes and how it is cut into pieces. Made once, run many times, by several threads at once.
typedef struct {
  apus_matmul shape;  // folded: a batch that is one matrix is one here
  apus_matmul_route_kind route;
  int64_t pieces;  // 0 where there is nothing to do
  double cost;     // about how many nanoseconds all pieces take on one core
  int64_t tile_matrices, tile_rows, tile_columns;  // the last of each may be smaller
  int64_t grid_rows, grid_columns;                 // tiles of a matrix
  const void *_Nullable kernels;                   // the own ones, for one instruction set
  void *_Nullable primitives[4];                   // for inner tiles, the last column, the last row, the corner
} apus_matmul_plan;

/// Makes a plan. The own route takes every shape, zero extents included (k = 0 gives epilogue(bias)), cannot fail, and needs no
/// apus_matmul_plan_destroy. Primitives take 0.2 to 0.5 ms each. Returns 0, or oneDNN's status, and then there is nothing to destroy.
int32_t apus_matmul_plan_make(const apus_matmul *_Nonnull shape, apus_matmul_route_kind route, apus_matmul_plan *_Nonnull plan);
void apus_matmul_plan_destroy(apus_matmul_plan *_Nonnull plan);
/// What `piece` writes, in terms of plan->shape.
apus_matmul_tile apus_matmul_plan_tile(const apus_matmul_plan *_Nonnull plan, int64_t piece);
/// Computes one piece on the calling thread. Returns 0, or oneDNN's status. Integers wrap, and know no epilogue but relu. relu(NaN) = NaN.
int32_t apus_matmul_plan_run(const apus_matmul_plan *_Nonnull plan, const void *_Nonnull a, const void *_Nonnull b, const void *_Nullable bias,
                             void *_Nonnull c, int64_t piece);

/// Two products of one row of float32, the second of what the first gives: h = epilogue(x B' + bias), y = epilogue(h B' + bias), with B'
/// (n, k) dense in both. Cut into four pieces by the stretches in which the second sums over k = the first one's n: a piece computes its part of h
/// and what that contributes to every y, so nothing is waited for in between, and every thread passes by its weights in one fixed order, which
/// may be turned round from run to run: then what was read last is read first, and comes from the cache. The bits are those of both products.
typedef struct {
  apus_matmul first, second;
  int64_t stretches[5];  // where each begins in h
  double cost;           // about how many nanoseconds all pieces take on one core
  const void *_Nullable kernels;
} apus_matmul_pair;
enum { APUS_MATMUL_PAIR_PIECES = 4 };

/// Makes a pair. False where both weights together fit a second-level cache, or one of the products is no such product.
bool apus_matmul_pair_make(const apus_matmul *_Nonnull first, const apus_matmul *_Nonnull second, apus_matmul_pair *_Nonnull pair);
/// Copies the second weights into the order in which the pieces read them: stretch after stretch, in each the part of every row.
void apus_matmul_pair_pack(const apus_matmul_pair *_Nonnull pair, const float *_Nonnull weights, float *_Nonnull packed);
/// Computes one piece on the calling thread. `second` are the second weights, packed or as they lie; `sums` has 4 n elements.
void apus_matmul_pair_run(const apus_matmul_pair *_Nonnull pair, const float *_Nonnull x, const float *_Nonnull first,
                          const float *_Nullable bias, float *_Nonnull h, const float *_Nonnull second, bool is_packed, float *_Nonnull sums,
                          int64_t piece, bool is_backwards);
/// After all pieces: y.
void apus_matmul_pair_finish(const apus_matmul_pair *_Nonnull pair, const float *_Nonnull sums, const float *_Nullable bias, float *_Nonnull y);

/// Any part of a product by the own kernels; bits do not depend on how rows are split. `shape` is taken as it is.
void apus_matmul_own(const apus_matmul *_Nonnull shape, const void *_Nonnull a, const void *_Nonnull b, const void *_Nullable bias,
                     void *_Nonnull c, apus_matmul_tile tile);
/// Restricts the own kernels to an instruction set (512: AVX-512, 2: AVX2 with FMA, 0: the platform's baseline), so that tests and
/// benchmarks see each; any other number gives the machine's best. Returns the one in use. It holds for plans that the calling thread
/// makes from here on.
int32_t apus_matmul_own_level(int32_t level);

/// oneDNN's status as a word ("invalid_arguments", "unimplemented" ...), and the library's version as major * 10000 + minor * 100 + patch.
const char *_Nonnull apus_onednn_status_name(int32_t status);
int32_t apus_onednn_version(void);

#ifdef __cplusplus
}
#endif
#endif
