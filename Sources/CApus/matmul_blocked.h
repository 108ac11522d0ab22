// Large products for one element type and instruction set: included by matmul_kernels.h where BLOCKED is defined.
//
// C is computed in blocks, whose sums stay in registers over a stretch of k: at most MOST_DEPTH long, so that the panel of B that all
// blocks of a column share stays in a near cache. Stretches are added up in C, which also keeps rounding errors small. The method is that
// of Goto and van de Geijn (2008), who copy both operands into the order in which they are read; here as little as possible is copied:
//
//   A is read in place, broadcast element by element: of contiguous columns, many rows at a time (they share a line of the cache), of
//   contiguous rows, as many as there are registers for their addresses.
//   B of contiguous rows is copied by the first block of rows, while it multiplies.
//   B of contiguous columns is turned, panel by panel.
//
// What is read next is brought into the second-level cache meanwhile: one line for each operand and step of k.
//
// How rows and columns are grouped changes no sum, so the bits of an element depend on k alone.

// The heights of blocks: of rows in blocks of equal heights none is lower than half of the highest. Fewer rows are a strip.
#if ISA == 512
// 32 registers: 14 x 2 sums, two vectors of B, one or two of A; or 8 x 3 sums, three of B.
#define COLUMN_HEIGHTS(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define ROW_HEIGHTS(X) X(4) X(5) X(6) X(7) X(8)
enum { NAME(column_tallest) = 14, NAME(column_vectors) = 2, NAME(row_tallest) = 8, NAME(row_vectors) = 3 };
#elif defined(__aarch64__)
#define COLUMN_HEIGHTS(X) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define ROW_HEIGHTS(X) COLUMN_HEIGHTS(X)
enum { NAME(column_tallest) = 12, NAME(column_vectors) = 2, NAME(row_tallest) = 12, NAME(row_vectors) = 2 };
#else
// 16 registers.
#define COLUMN_HEIGHTS(X) X(3) X(4) X(5) X(6)
#define ROW_HEIGHTS(X) COLUMN_HEIGHTS(X)
enum { NAME(column_tallest) = 6, NAME(column_vectors) = 2, NAME(row_tallest) = 6, NAME(row_vectors) = 2 };
#endif
enum { NAME(most_rows) = 14, NAME(most_vectors) = 3 };

// One block of C, over one stretch of k.
typedef struct {
  const product *of;
  const ELEMENT *a, *b;
  int64_t a_row, a_step, b_step, k;  // from row to row, and from step to step of k
  ELEMENT *copy;                     // where the steps of B go
  ELEMENT *c;
  int64_t column, count;
  bool from_c, to_end;
  walk next_a, next_b;
} NAME(block);

// The end of a block that is not made of whole vectors.
static void NAME(finish_edge)(const NAME(block) *x, const VECTOR *sums, int64_t rows, int64_t vectors) {
  for (int64_t v = 0; v < vectors; v++) {
    const int64_t count = at_most(x->count - v * LANES, LANES);
    const VECTOR bias = x->to_end ? NAME(load_bias)(x->of, x->column + v * LANES, count) : 0;
    for (int64_t r = 0; r < rows; r++) {
      ELEMENT *to = x->c + r * x->of->c_row + v * LANES;
      VECTOR value = sums[r * vectors + v];
      if (x->from_c) value += NAME(load_some)(to, count);
      if (x->to_end) value = NAME(finish)(value, bias, x->of);
      NAME(store_some)(to, value, count);
    }
  }
}

INLINE void NAME(store_block)(VECTOR sum[][NAME(most_vectors)], const int rows, const int vectors, const NAME(block) *x) {
  if (x->count < vectors * LANES) {
    VECTOR sums[NAME(most_rows) * NAME(most_vectors)];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[r * vectors + v] = sum[r][v];
    return NAME(finish_edge)(x, sums, rows, vectors);
  }
  const product *of = x->of;
  ELEMENT *c = x->c;
  const int64_t c_row = of->c_row;
  if (x->from_c) {
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[r][v] += NAME(load)(c + r * c_row + v * LANES);
  }
  if (x->to_end && (of->bias || of->relu)) {
    const ELEMENT lowest = of->relu ? 0 : -(ELEMENT)INFINITY;
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      // Nothing changes when -0 is added.
      const VECTOR bias = of->bias ? NAME(load_bias)(of, x->column + v * LANES, LANES) : (VECTOR) - (ELEMENT)0;
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) {
        const VECTOR value = sum[r][v] + bias;
        sum[r][v] = (VECTOR)((NAME(bits))value & ~(value < lowest));  // NaN stays
      }
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) NAME(store)(c + r * c_row + v * LANES, sum[r][v]);
}

INLINE void NAME(multiply_block)(const int rows, const int vectors, const bool by_columns, const bool copies, const NAME(block) *x) {
  VECTOR sum[NAME(most_rows)][NAME(most_vectors)];
  const ELEMENT *a[NAME(most_rows)], *restrict b = x->b;
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    a[r] = x->a + r * (by_columns ? 1 : x->a_row);
    // An address in a register of its own: otherwise each is computed from the one before, in every step.
    if (!by_columns) __asm__("" : "+r"(a[r]));
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = 0;
  }
  ELEMENT *restrict copy = x->copy;
  const int64_t a_step = by_columns ? x->a_step : 1, b_step = x->b_step;
  const char *next_a = x->next_a.from, *next_b = x->next_b.from;
  int64_t p = 0;
  for (int64_t left = x->k; left > 0; left -= WALK) {
#pragma clang loop unroll(disable)
    for (int64_t steps = at_most(left, WALK); steps > 0; steps--, p += a_step, b += b_step) {
      __builtin_prefetch(next_a, 0, 2), next_a += x->next_a.step;
      __builtin_prefetch(next_b, 0, 2), next_b += x->next_b.step;
      VECTOR bs[NAME(most_vectors)];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) {
        bs[v] = NAME(load)(b + v * LANES);
        if (!copies) continue;
        __builtin_prefetch(b + 4 * b_step + v * LANES);
        NAME(store)(copy + v * LANES, bs[v]);
      }
      if (copies) copy += vectors * LANES;
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) {
        const VECTOR as = (VECTOR)a[r][p];
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[r][v] = NAME(multiply_add)(as, bs[v], sum[r][v]);
      }
    }
    next_a += x->next_a.leap, next_b += x->next_b.leap;
  }
  NAME(store_block)(sum, rows, vectors, x);
}

typedef void (*NAME(block_kernel))(const NAME(block) *);
#define DEFINE(R, VECTORS, KIND, BY_COLUMNS)                                                                                              \
  static void NAME(KIND##R##x##VECTORS)(const NAME(block) *x) { NAME(multiply_block)(R, VECTORS, BY_COLUMNS, false, x); }                 \
  static void NAME(KIND##copying_##R##x##VECTORS)(const NAME(block) *x) { NAME(multiply_block)(R, VECTORS, BY_COLUMNS, true, x); }
#define PAIR(R, VECTORS, KIND) {NAME(KIND##R##x##VECTORS), NAME(KIND##copying_##R##x##VECTORS)}
#define COLUMN_BLOCKS(R) DEFINE(R, 1, columns_, true) DEFINE(R, 2, columns_, true)
#define COLUMN_KERNELS(R) [R] = {PAIR(R, 1, columns_), PAIR(R, 2, columns_)},
#if ISA == 512
#define ROW_BLOCKS(R) DEFINE(R, 1, rows_, false) DEFINE(R, 2, rows_, false) DEFINE(R, 3, rows_, false)
#define ROW_KERNELS(R) [R] = {PAIR(R, 1, rows_), PAIR(R, 2, rows_), PAIR(R, 3, rows_)},
#else
#define ROW_BLOCKS(R) DEFINE(R, 1, rows_, false) DEFINE(R, 2, rows_, false)
#define ROW_KERNELS(R) [R] = {PAIR(R, 1, rows_), PAIR(R, 2, rows_)},
#endif
COLUMN_HEIGHTS(COLUMN_BLOCKS)
ROW_HEIGHTS(ROW_BLOCKS)

// How blocks are made of an A of contiguous columns, or rows. Kernels by height and vectors, those that copy second; null where too low.
typedef struct {
  int64_t tallest, vectors;
  NAME(block_kernel) kernels[NAME(most_rows) + 1][NAME(most_vectors)][2];
} NAME(blocking);
static const NAME(blocking) NAME(column_blocking) = {NAME(column_tallest), NAME(column_vectors), {COLUMN_HEIGHTS(COLUMN_KERNELS)}};
static const NAME(blocking) NAME(row_blocking) = {NAME(row_tallest), NAME(row_vectors), {ROW_HEIGHTS(ROW_KERNELS)}};
#undef DEFINE
#undef PAIR
#undef COLUMN_BLOCKS
#undef ROW_BLOCKS
#undef COLUMN_KERNELS
#undef ROW_KERNELS
#undef COLUMN_HEIGHTS
#undef ROW_HEIGHTS

// Rows [first, first + rows) of C, in blocks whose heights differ by one at most, and the steps [begin, begin + depth) of k.
typedef struct {
  const product *of;
  const NAME(blocking) *how;
  int64_t first, rows, blocks, begin, depth;
} NAME(slab);

INLINE const ELEMENT *NAME(a_at)(const product *x, int64_t row, int64_t k) { return (const ELEMENT *)x->a + row * x->a_row + k * x->a_column; }
INLINE const ELEMENT *NAME(b_at)(const product *x, int64_t k, int64_t column) { return (const ELEMENT *)x->b + k * x->b_row + column * x->b_column; }

// Columns of B, from `from` on, as whole vectors.
static void NAME(fill_panel)(const product *x, const ELEMENT *from, int64_t depth, int64_t count, ELEMENT *panel, int64_t width) {
  for (int64_t j = 0; j < count; j += LANES) {
    const int64_t here = at_most(count - j, LANES);
    if (x->b_column != 1) {
      NAME(turn)(from + j * x->b_column, x->b_column, here, depth, panel + j, width);
      continue;
    }
    for (int64_t p = 0; p < depth; p++)
      NAME(store)(panel + p * width + j, here < LANES ? NAME(load_some)(from + p * x->b_row + j, here) : NAME(load)(from + p * x->b_row + j));
  }
}

// What a block of rows brings into the cache for those to come. Past the end that is anything: nothing is read that way.
INLINE void NAME(look_ahead)(const NAME(slab) *s, NAME(block) *y, int64_t block, int64_t end) {
  const product *x = s->of;
  const bool is_bottom = block + 1 == s->blocks, is_last = y->column + y->count == x->columns, turns_b = x->b_column != 1;
  const int64_t after = s->begin + s->depth == x->k ? 0 : s->begin + s->depth;  // where k goes on
  // The rows below when they are read for the first time, and those of the next slab.
  if (is_bottom ? is_last : y->column == 0) {
    const ELEMENT *next = !is_bottom ? NAME(a_at)(x, s->first + end, s->begin) : NAME(a_at)(x, (after ? s->first : s->first + s->rows) % x->rows, after);
    if (x->a_row == 1) next += s->how->tallest - 1;  // a block begins in the line where the one before ends
    y->next_a = walk_along(next, x->a_row == 1 ? x->a_column : x->a_row, x->a_row != 1, BITS / 8);
  }
  // A vector of the next panel of B.
  if (block < s->how->vectors) {
    const ELEMENT *next = is_last ? NAME(b_at)(x, after, block * LANES) : NAME(b_at)(x, s->begin, y->column + y->count + block * LANES);
    y->next_b = walk_along(next, turns_b ? x->b_column : x->b_row, turns_b, BITS / 8);
  }
  // The block of C that comes next: below, or above right.
  const int64_t line = LINE / (BITS / 8), row = s->first + (is_bottom ? 0 : end), column = y->column + (is_bottom ? y->count : 0);
  const ELEMENT *next_c = (const ELEMENT *)x->c + row * x->c_row + column;
  for (int64_t r = 0; r < s->how->tallest; r++)
    for (int64_t j = 0; j < y->count; j += line) __builtin_prefetch(next_c + r * x->c_row + j, 0, 2);
}

// The columns [column, column + count) of a slab. `panel` has room for all its steps.
static void NAME(multiply_panel)(const NAME(slab) *s, int64_t column, int64_t count, ELEMENT *panel) {
  const product *x = s->of;
  const int64_t vectors = divided_up(count, LANES), width = vectors * LANES;
  const ELEMENT *b = NAME(b_at)(x, s->begin, column);
  int64_t b_step = x->b_row;
  const bool is_direct = x->b_column == 1 && count == width, copies = is_direct && s->blocks > 1;
  if (!is_direct) {
    NAME(fill_panel)(x, b, s->depth, count, panel, width);
    b = panel, b_step = width;
  }
  for (int64_t block = 0; block < s->blocks; block++) {
    const int64_t first = s->rows * block / s->blocks, end = s->rows * (block + 1) / s->blocks, rows = end - first;
    NAME(block) y = {.of = x, .a = NAME(a_at)(x, s->first + first, s->begin), .b = b, .a_row = x->a_row, .a_step = x->a_column, .b_step = b_step,
                     .k = s->depth, .copy = panel, .c = (ELEMENT *)x->c + (s->first + first) * x->c_row + column, .column = column, .count = count,
                     .from_c = x->from_c || s->begin > 0, .to_end = x->to_end && s->begin + s->depth == x->k, .next_a = nothing_ahead,
                     .next_b = nothing_ahead};
    NAME(look_ahead)(s, &y, block, end);
    const NAME(block_kernel) kernel = s->how->kernels[rows][vectors - 1][copies && block == 0];
    if (kernel) {
      kernel(&y);
    } else {
      product strip = *x;
      strip.rows = rows, strip.k = y.k, strip.a = y.a, strip.b_row = y.b_step, strip.c = y.c - column;
      strip.from_c = y.from_c, strip.to_end = y.to_end;
      NAME(strip)(&strip, y.b, column, count);
    }
    if (copies) b = panel, b_step = width;
  }
}

// A and B have one stride of 1 each.
static void NAME(blocked)(const product *x) {
  const NAME(blocking) *how = x->a_row == 1 ? &NAME(column_blocking) : &NAME(row_blocking);
  const int64_t slabs = divided_up(x->rows, MOST_ROWS);
  const int64_t depth = divided_up(divided_up(x->k, divided_up(x->k, MOST_DEPTH)), WALK) * WALK;
  const int64_t vectors = divided_up(x->columns, LANES), panels = divided_up(vectors, how->vectors);  // of nearly equal widths
  ELEMENT *memory = apus_thread_scratch_needed(APUS_SCRATCH_MATMUL, (size_t)(depth * how->vectors * LANES) * sizeof(ELEMENT));
  for (int64_t i = 0; i < slabs; i++) {
    NAME(slab) s = {.of = x, .how = how, .first = x->rows * i / slabs};
    s.rows = x->rows * (i + 1) / slabs - s.first;
    s.blocks = divided_up(s.rows, how->tallest);
    for (; s.begin < x->k; s.begin += s.depth) {
      s.depth = at_most(depth, x->k - s.begin);
      for (int64_t panel = 0; panel < panels; panel++) {
        const int64_t column = vectors * panel / panels * LANES, end = at_most(vectors * (panel + 1) / panels * LANES, x->columns);
        NAME(multiply_panel)(&s, column, end - column, memory);
      }
    }
  }
}
