// Runs an element-wise program tile by tile: every register holds a tile that stays in the first-level cache,
// so a chain of instructions reads its inputs and writes its outputs once.
#ifndef APUS_ELEMENTWISE_H
#define APUS_ELEMENTWISE_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The primitive instructions. Operands are named a, b, c, d in the order of `apus_instruction.source`.
/// Comparisons and logic yield 1 or 0 in the compute type; a value is true when it is not 0.
/// `min` and `max` return NaN when an operand is NaN. Rounding is to nearest, ties to even.
/// Integer division truncates toward zero; integer division and remainder by zero give 0.
/// `remainder` has the sign of the divisor (Python's %). `sign(0)` = 0, `sign(NaN)` = NaN. relu(NaN) = NaN.
typedef enum : uint8_t {
  // One operand; integers too.
  APUS_COPY = 0, APUS_NEGATE, APUS_ABS, APUS_SIGN, APUS_SQUARE, APUS_NOT, APUS_RELU,
  // One operand; floating point only.
  APUS_SQRT = 16, APUS_RSQRT, APUS_RECIPROCAL, APUS_EXP, APUS_EXPM1, APUS_LOG, APUS_LOG1P, APUS_SIN, APUS_COS,
  APUS_TAN, APUS_ASIN, APUS_ACOS, APUS_ATAN, APUS_SINH, APUS_COSH, APUS_TANH, APUS_ERF, APUS_SIGMOID, APUS_SOFTPLUS,
  APUS_FLOOR, APUS_CEIL, APUS_ROUND, APUS_TRUNC, APUS_IS_NAN, APUS_IS_INF, APUS_IS_FINITE,
  // Two operands; integers too (power and atan2: floating point only).
  APUS_ADD = 64, APUS_SUBTRACT, APUS_MULTIPLY, APUS_DIVIDE, APUS_REMAINDER, APUS_MIN, APUS_MAX,
  APUS_EQUAL, APUS_NOT_EQUAL, APUS_LESS, APUS_LESS_EQUAL, APUS_GREATER, APUS_GREATER_EQUAL, APUS_AND, APUS_OR, APUS_XOR,
  APUS_POWER, APUS_ATAN2,
  // Three operands; integers too.
  APUS_SELECT = 96,      // a != 0 ? b : c
  APUS_MULTIPLY_ADD,     // a * b + c
  APUS_MULTIPLY_SUBTRACT,  // a * b - c
  APUS_NEGATED_MULTIPLY_ADD,  // c - a * b
  // Four operands; floating point only.
  APUS_SUM_OF_PRODUCTS = 112,  // a * b + c * d
  APUS_ADD_QUOTIENT,           // a + b * c / d
} apus_opcode;

/// One instruction: registers are numbered inputs first, then constants, temporaries, outputs.
typedef struct {
  apus_opcode opcode;
  uint8_t destination;
  uint8_t source[4];
} apus_instruction;

/// A program without data. `compute` is APUS_F32, APUS_F64, APUS_I32 or APUS_I64: every register has this type; inputs and
/// outputs of other types are converted when a tile is loaded or stored (to bool: != 0; float to integer: truncation
/// toward zero, saturating, NaN gives 0; between integers: wrapping; to bf16: round to nearest even).
/// Constants are doubles, converted to the compute type (int64 values up to 2^53 exactly).
typedef struct {
  apus_dtype compute;
  uint8_t input_count, constant_count, temporary_count, output_count;
  int32_t instruction_count;
  const double *_Nullable constants;
  const apus_instruction *_Nonnull instructions;
} apus_program;

/// Runs `program` over the elements [begin, end) of a row-major iteration space of `rank` axes with `extents`.
/// `inputs` have any strides; every output is dense and row-major over the whole iteration space (its `strides` are not
/// read). An output may be the very memory of an input (an update in place) when the program writes that output's
/// register only after its last read of that input's register. Safe to call from several threads on disjoint ranges.
void apus_elementwise(const apus_program *_Nonnull program, int32_t rank, const int64_t *_Nonnull extents,
                      const apus_operand *_Nonnull inputs, const apus_operand *_Nonnull outputs, int64_t begin, int64_t end);

/// The same, where the outputs have strides too (they are read): rectangles of larger matrices, so that a program can run on a
/// tile of a matrix product. The innermost axis of an output is dense (stride 1, unless its extent is 1), and no two positions
/// share an element.
void apus_elementwise_strided(const apus_program *_Nonnull program, int32_t rank, const int64_t *_Nonnull extents,
                              const apus_operand *_Nonnull inputs, const apus_operand *_Nonnull outputs, int64_t begin,
                              int64_t end);

/// Runs `program` over the columns [column_begin, column_end) of a (rows, columns) space, reading each input once, and sums
/// outputs over the rows. Output i is written, with its two strides (the inner one 1), unless `outputs[i].data` is null; it is
/// summed into elements [column_begin, column_end) of `sums[i]`, a vector of `columns` elements of the compute type, unless
/// `sums[i]` is null. Only outputs of the compute type, f32 or f64, are summed. Element j of a sum has the same bits as
/// `apus_reduce(APUS_REDUCE_SUM, ..., count = rows, inner = columns)` gives on the output in memory, if `columns` is at least 64
/// (f32) or 32 (f64); for any number of columns it does not depend on how the caller splits them.
/// Outputs may be the memory of inputs, as in `apus_elementwise`.
void apus_elementwise_column_sums(const apus_program *_Nonnull program, const apus_operand *_Nonnull inputs,
                                  const apus_operand *_Nonnull outputs, void *_Nullable const *_Nonnull sums, int64_t rows,
                                  int64_t columns, int64_t column_begin, int64_t column_end);

/// Runs `program` over the elements [begin, end) as `apus_elementwise` does, and sums outputs over them: output i is written
/// unless `outputs[i].data` is null, and its sum is stored in `*sums[i]` unless `sums[i]` is null. Only outputs of the compute
/// type, f32 or f64, are summed. The sum has the same bits as `apus_sum_chunk` gives on these elements in memory; rounded to the
/// compute type, as `apus_reduce` with count = end - begin and inner = 1.
void apus_elementwise_sum(const apus_program *_Nonnull program, int32_t rank, const int64_t *_Nonnull extents,
                          const apus_operand *_Nonnull inputs, const apus_operand *_Nonnull outputs,
                          double *_Nullable const *_Nonnull sums, int64_t begin, int64_t end);

/// Converts `count` dense elements, with the rules above.
void apus_convert(void *_Nonnull destination, apus_dtype to, const void *_Nonnull source, apus_dtype from, int64_t count);

/// The instruction set that the kernels run with here: "avx512", "avx2", "neon" or "baseline".
const char *_Nonnull apus_instruction_set(void);

#ifdef __cplusplus
}
#endif
#endif
