// The loops of the kernels. Each macro defines a function of type apus_kernel from an inline function F over vectors. Within a
// block everything is loaded before anything is stored, and a scalar operand simply does not advance.

#define KERNEL(NAME, ...)                                                                                                    \
  static void NAME(const apus_instruction *instruction, const apus_register *registers, int64_t length, int64_t rows) {      \
    for (int64_t row = 0; row < rows; row++) { __VA_ARGS__ }                                                                 \
  }
#define OPERAND(x, index)                                                                                                    \
  const apus_register *const register_##x = &registers[instruction->source[index]];                                          \
  const char *x = register_##x->data + row * register_##x->pitch;                                                            \
  const int64_t step_##x = register_##x->step;
#define RESULT(x)                                                                                                            \
  const apus_register *const result = &registers[instruction->destination];                                                  \
  char *x = result->data + row * result->pitch;                                                                              \
  int64_t vectors = length;
#define AT(V, x, i) LOAD(V, x + (i) * APUS_VECTOR_BYTES)

/// Cheap instructions: blocks of four vectors, so that the loop's own work does not count. `F` is called with the operands of
/// vector i within the block; `ADVANCE(k)` moves the operands on by k vectors.
#define BLOCKED(V, APPLY, F, ADVANCE)                                                                                        \
  for (; vectors >= APUS_BLOCK; vectors -= APUS_BLOCK, d += APUS_BLOCK * APUS_VECTOR_BYTES) {                                \
    V v0 = APPLY(V, F, 0), v1 = APPLY(V, F, 1), v2 = APPLY(V, F, 2), v3 = APPLY(V, F, 3);                                    \
    STORE(V, d, v0);                                                                                                         \
    STORE(V, d + APUS_VECTOR_BYTES, v1);                                                                                     \
    STORE(V, d + 2 * APUS_VECTOR_BYTES, v2);                                                                                 \
    STORE(V, d + 3 * APUS_VECTOR_BYTES, v3);                                                                                 \
    ADVANCE(APUS_BLOCK)                                                                                                      \
  }                                                                                                                          \
  for (; vectors > 0; vectors--, d += APUS_VECTOR_BYTES) {                                                                   \
    STORE(V, d, APPLY(V, F, 0));                                                                                             \
    ADVANCE(1)                                                                                                               \
  }

#define APPLY_1(V, F, i) F(AT(V, a, i))
#define APPLY_2(V, F, i) F(AT(V, a, i), AT(V, b, i))
#define APPLY_3(V, F, i) F(AT(V, a, i), AT(V, b, i), AT(V, c, i))
#define APPLY_4(V, F, i) F(AT(V, a, i), AT(V, b, i), AT(V, c, i), AT(V, e, i))
#define ADVANCE_1(k) a += (k)*step_a;
#define ADVANCE_2(k) ADVANCE_1(k) b += (k)*step_b;
#define ADVANCE_3(k) ADVANCE_2(k) c += (k)*step_c;
#define ADVANCE_4(k) ADVANCE_3(k) e += (k)*step_e;

#define UNARY(NAME, V, F) KERNEL(NAME, OPERAND(a, 0) RESULT(d) BLOCKED(V, APPLY_1, F, ADVANCE_1))
#define BINARY(NAME, V, F) KERNEL(NAME, OPERAND(a, 0) OPERAND(b, 1) RESULT(d) BLOCKED(V, APPLY_2, F, ADVANCE_2))
#define TERNARY(NAME, V, F) KERNEL(NAME, OPERAND(a, 0) OPERAND(b, 1) OPERAND(c, 2) RESULT(d) BLOCKED(V, APPLY_3, F, ADVANCE_3))
#define QUATERNARY(NAME, V, F)                                                                                               \
  KERNEL(NAME, OPERAND(a, 0) OPERAND(b, 1) OPERAND(c, 2) OPERAND(e, 3) RESULT(d) BLOCKED(V, APPLY_4, F, ADVANCE_4))

/// Expensive instructions: one vector at a time; its constants fill the registers anyway.
#define UNARY_LONG(NAME, V, F)                                                                                               \
  KERNEL(NAME, OPERAND(a, 0) RESULT(d)                                                                                       \
    for (; vectors > 0; vectors--, d += APUS_VECTOR_BYTES, a += step_a) STORE(V, d, F(AT(V, a, 0)));)
#define BINARY_LONG(NAME, V, F)                                                                                              \
  KERNEL(NAME, OPERAND(a, 0) OPERAND(b, 1) RESULT(d)                                                                         \
    for (; vectors > 0; vectors--, d += APUS_VECTOR_BYTES, a += step_a, b += step_b)                                         \
      STORE(V, d, F(AT(V, a, 0), AT(V, b, 0)));)

/// What has no vector form: one element at a time, through the scalar function F on type S.
#define UNARY_SCALAR(NAME, S, F)                                                                                             \
  KERNEL(NAME, OPERAND(a, 0) RESULT(d)                                                                                       \
    const S *x = (const S *)(const void *)a;                                                                                 \
    S *y = (S *)(void *)d;                                                                                                   \
    const int64_t count = vectors * (int64_t)(APUS_VECTOR_BYTES / sizeof(S)), step = step_a != 0;                            \
    for (int64_t i = 0; i < count; i++) y[i] = F(x[i * step]);)
#define BINARY_SCALAR(NAME, S, F)                                                                                            \
  KERNEL(NAME, OPERAND(a, 0) OPERAND(b, 1) RESULT(d)                                                                         \
    const S *x = (const S *)(const void *)a, *z = (const S *)(const void *)b;                                                \
    S *y = (S *)(void *)d;                                                                                                   \
    const int64_t count = vectors * (int64_t)(APUS_VECTOR_BYTES / sizeof(S)), step = step_a != 0, step_2 = step_b != 0;      \
    for (int64_t i = 0; i < count; i++) y[i] = F(x[i * step], z[i * step_2]);)
