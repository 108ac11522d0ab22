// A step of a recurrence for some rows (sequences), for the element type S with vectors V. Included once for each type.
//
// Forward, the product of h and W is computed for one vector of units at a time, with the sums of all their gates in registers: the
// cell's formulas are applied to them there, and nothing in between goes through memory. W is packed in the order in which it is read.

enum { NAMED(recurrent_lanes) = APUS_VECTOR_BYTES / sizeof(S) };
#define LANES NAMED(recurrent_lanes)
// Rows of a block: with four vectors of sums for each, as many as registers hold.
#if APUS_VECTOR_BYTES == 64 || defined(__aarch64__)
#define MOST_ROWS_IS_6 1
#define MOST_ROWS 6
#else
#define MOST_ROWS_IS_6 0
#define MOST_ROWS 3
#endif
// LOAD and STORE paste the vector's name, which V stands for here.
#define LOAD_OF(type, address) LOAD(type, address)
#define STORE_OF(type, address, value) STORE(type, address, value)

/// A vector of which `count` elements (or all, if there are more) lie in memory.
INLINE V NAMED(load_units)(const S *p, int64_t count) {
  if (count >= LANES) return LOAD_OF(V, p);
  V v = {0};
  memcpy(&v, p, (size_t)count * sizeof(S));
  return v;
}
INLINE void NAMED(store_units)(S *p, V v, int64_t count) {
  if (count >= LANES) {
    STORE_OF(V, p, v);
  } else {
    memcpy(p, &v, (size_t)count * sizeof(S));
  }
}

/// sums[row][v] = Σ a[row, k] b[k, v]; `rows` and `vectors` are constants, so that all sums are registers until the end.
INLINE void NAMED(block_product)(V result[MOST_ROWS][4], const S *a, int64_t a_row, const S *b, int64_t k, int rows, int vectors) {
  V sums[MOST_ROWS][4];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums[r][v] = (V){0};
  for (int64_t p = 0; p < k; p++, b += vectors * LANES) {
    V w[4];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) w[v] = LOAD_OF(V, b + v * LANES);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const V x = a[r * a_row + p] - (V){0};  // a broadcast; + 0 would cost an addition, which changes -0
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[r][v] = NAMED(fma)(x, w[v], sums[r][v]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) result[r][v] = sums[r][v];
}

typedef void NAMED(product)(V result[MOST_ROWS][4], const S *a, int64_t a_row, const S *b, int64_t k);
#define DEFINE_PRODUCT(rows, vectors)                                                                                        \
  static void NAMED(product_##rows##_##vectors)(V result[MOST_ROWS][4], const S *a, int64_t a_row, const S *b, int64_t k) {  \
    NAMED(block_product)(result, a, a_row, b, k, rows, vectors);                                                             \
  }
#define DEFINE_PRODUCTS(rows) DEFINE_PRODUCT(rows, 3) DEFINE_PRODUCT(rows, 4)
DEFINE_PRODUCTS(1)
DEFINE_PRODUCTS(2)
DEFINE_PRODUCTS(3)
#if MOST_ROWS_IS_6
DEFINE_PRODUCTS(4)
DEFINE_PRODUCTS(5)
DEFINE_PRODUCTS(6)
#define PRODUCTS(vectors)                                                                                                    \
  {NAMED(product_1_##vectors), NAMED(product_2_##vectors), NAMED(product_3_##vectors), NAMED(product_4_##vectors),           \
   NAMED(product_5_##vectors), NAMED(product_6_##vectors)}
#else
#define PRODUCTS(vectors) {NAMED(product_1_##vectors), NAMED(product_2_##vectors), NAMED(product_3_##vectors)}
#endif
static NAMED(product) *const NAMED(products)[2][MOST_ROWS] = {PRODUCTS(3), PRODUCTS(4)};

// Blocks of as equal a height as possible: a low one takes nearly as long as a high one.
#define FOR_BLOCKS(rows, row, height)                                                                                        \
  for (int64_t blocks = ((rows) + MOST_ROWS - 1) / MOST_ROWS, block = 0, row, height;                                        \
       block < blocks && (row = (rows) * block / blocks, height = (rows) * (block + 1) / blocks - row, true); block++)

// MARK: - Packing

static void NAMED(pack)(const apus_recurrence *s, bool backward, const void *weight, void *packed, int64_t begin, int64_t end) {
  const S *w = weight;
  const int64_t units = s->units, gates = s->cell == APUS_CELL_LSTM ? 4 : s->cell == APUS_CELL_GRU ? 3 : 1;
  const int64_t vectors = backward || gates == 1 ? 4 : gates, k_count = backward ? gates * units : units;
  for (int64_t panel = begin; panel < end; panel++) {
    S *to = (S *)packed + panel * k_count * vectors * LANES;
    for (int64_t k = 0; k < k_count; k++)
      for (int64_t v = 0; v < vectors; v++, to += LANES) {
        // A vector of units: of gate v, or the v-th of four in a row.
        const int64_t first = backward || gates == 1 ? (panel * 4 + v) * LANES : panel * LANES;
        const int64_t count = units - first < 0 ? 0 : units - first < LANES ? units - first : LANES;
        if (backward) {
          for (int64_t l = 0; l < LANES; l++) to[l] = l < count ? w[k * units + first + l] : 0;
        } else {
          const S *from = w + ((gates == 1 ? 0 : v * units) + first) * units + k;
          for (int64_t l = 0; l < LANES; l++) to[l] = l < count ? from[l * units] : 0;
        }
      }
  }
}

// MARK: - Forward

/// A sequence that has ended keeps its state, and gives 0.
INLINE bool NAMED(is_over)(const int64_t *lengths, int64_t sequence, int64_t step) { return lengths && step >= lengths[sequence]; }

/// Where z of a sequence's step is.
INLINE const S *NAMED(inputs_at)(const apus_recurrence_forward *o, int64_t position, int64_t width) {
  return o->tokens ? (const S *)o->rows + o->tokens[position] * width : (const S *)o->gates + position * width;
}

/// One row's vector of units from `unit` on: the formulas of the cell, from the sums W h of its gates.
INLINE void NAMED(finish_units)(const apus_forward_step *x, int64_t row, int64_t unit, const V *sums, apus_cell cell) {
  const apus_recurrence *s = x->shape;
  const apus_recurrence_forward *o = x->operands;
  const int64_t units = s->units, count = units - unit, sequence = x->first + row;
  const int64_t position = sequence * s->steps + x->step, place = position * units + unit, local = row * units + unit;
  const V before = NAMED(load_units)((const S *)x->before + local, count);
  S *after = (S *)x->after + local, *output = (S *)o->outputs + place;
  S *memory = cell == APUS_CELL_LSTM ? (S *)x->cell + local : NULL;
  if (s->saves) NAMED(store_units)((S *)o->previous + place, before, count);
  if (NAMED(is_over)(o->lengths, sequence, x->step)) {
    NAMED(store_units)(after, before, count);
    NAMED(store_units)(output, (V){0}, count);
    if (s->saves && cell == APUS_CELL_LSTM) NAMED(store_units)((S *)o->inner + place, NAMED(load_units)(memory, count), count);
    return;
  }
  V h;
  if (cell == APUS_CELL_LSTM) {
    const S *z = NAMED(inputs_at)(o, position, 4 * units) + unit;
    const V i = NAMED(recurrent_sigmoid)(sums[0] + NAMED(load_units)(z, count));
    const V f = NAMED(recurrent_sigmoid)(sums[1] + NAMED(load_units)(z + units, count));
    const V g = NAMED(recurrent_tanh)(sums[2] + NAMED(load_units)(z + 2 * units, count));
    const V out = NAMED(recurrent_sigmoid)(sums[3] + NAMED(load_units)(z + 3 * units, count));
    const V c = NAMED(fma)(f, NAMED(load_units)(memory, count), i * g);
    h = out * NAMED(recurrent_tanh)(c);
    NAMED(store_units)(memory, c, count);
    if (s->saves) {
      S *gates = (S *)o->gates + position * 4 * units + unit;
      NAMED(store_units)(gates, i, count);
      NAMED(store_units)(gates + units, f, count);
      NAMED(store_units)(gates + 2 * units, g, count);
      NAMED(store_units)(gates + 3 * units, out, count);
      NAMED(store_units)((S *)o->inner + place, c, count);
    }
  } else if (cell == APUS_CELL_GRU) {
    const S *z = NAMED(inputs_at)(o, position, 3 * units) + unit;
    const V r = NAMED(recurrent_sigmoid)(sums[0] + NAMED(load_units)(z, count));
    const V u = NAMED(recurrent_sigmoid)(sums[1] + NAMED(load_units)(z + units, count));
    const V q = o->bias ? sums[2] + NAMED(load_units)((const S *)o->bias + unit, count) : sums[2];
    const V n = NAMED(recurrent_tanh)(NAMED(fma)(r, q, NAMED(load_units)(z + 2 * units, count)));
    h = NAMED(fma)(u, before - n, n);
    if (s->saves) {
      S *gates = (S *)o->gates + position * 3 * units + unit;
      NAMED(store_units)(gates, r, count);
      NAMED(store_units)(gates + units, u, count);
      NAMED(store_units)(gates + 2 * units, n, count);
      NAMED(store_units)((S *)o->inner + place, q, count);
    }
  } else {
    const V z = sums[0] + NAMED(load_units)(NAMED(inputs_at)(o, position, units) + unit, count);
    // relu(NaN) = NaN.
    h = cell == APUS_CELL_TANH ? NAMED(recurrent_tanh)(z) : NAMED(select)(z < 0, (V){0}, z);
  }
  NAMED(store_units)(after, h, count);
  NAMED(store_units)(output, h, count);
}

#define DEFINE_FINISH(name, cell)                                                                                            \
  static void NAMED(name)(const apus_forward_step *x, int64_t row, int64_t unit, const V *sums) {                            \
    NAMED(finish_units)(x, row, unit, sums, cell);                                                                           \
  }
DEFINE_FINISH(finish_tanh, APUS_CELL_TANH)
DEFINE_FINISH(finish_relu, APUS_CELL_RELU)
DEFINE_FINISH(finish_lstm, APUS_CELL_LSTM)
DEFINE_FINISH(finish_gru, APUS_CELL_GRU)

/// Asks for the memory that a block's formulas will read and write, while its product is computed: it lies in single cache lines far from
/// each other, which no processor foresees.
INLINE void NAMED(prefetch_units)(const apus_forward_step *x, int64_t row, int64_t unit, int64_t gates) {
  const apus_recurrence *s = x->shape;
  const apus_recurrence_forward *o = x->operands;
  const int64_t position = (x->first + row) * s->steps + x->step, place = position * s->units + unit;
  if (o->gates && (s->saves || !o->tokens))
    for (int64_t g = 0; g < gates; g++) __builtin_prefetch((const S *)o->gates + (position * gates + g) * s->units + unit, 1);
  __builtin_prefetch((const S *)o->outputs + place, 1);
  if (!s->saves) return;
  __builtin_prefetch((const S *)o->previous + place, 1);
  __builtin_prefetch((const S *)o->inner + place, 1);
}

static void NAMED(forward_step)(const apus_forward_step *x, int64_t rows) {
  void (*const finishes[])(const apus_forward_step *, int64_t, int64_t, const V *) = {NAMED(finish_tanh), NAMED(finish_relu), NAMED(finish_lstm),
                                                                                     NAMED(finish_gru)};
  void (*const finish)(const apus_forward_step *, int64_t, int64_t, const V *) = finishes[x->shape->cell];
  const apus_cell cell = x->shape->cell;
  const bool is_gated = cell == APUS_CELL_LSTM || cell == APUS_CELL_GRU;
  const int64_t units = x->shape->units, vectors = cell == APUS_CELL_GRU ? 3 : 4, panels = apus_recurrence_panels(x->shape, false);
  V sums[MOST_ROWS][4];
  for (int64_t panel = 0; panel < panels; panel++)
    FOR_BLOCKS(rows, row, height) {
      if (is_gated)
        for (int64_t r = 0; r < height; r++) NAMED(prefetch_units)(x, row + r, panel * LANES, vectors);
      NAMED(products)[vectors - 3][height - 1](sums, (const S *)x->before + row * units, units,
                                               (const S *)x->operands->packed + panel * units * vectors * LANES, units);
      for (int64_t r = 0; r < height; r++) {
        // The gates of one vector of units, or the only gate of four.
        if (is_gated) {
          finish(x, row + r, panel * LANES, sums[r]);
        } else {
          for (int64_t v = 0; v < 4 && (panel * 4 + v) * LANES < units; v++) finish(x, row + r, (panel * 4 + v) * LANES, &sums[r][v]);
        }
      }
    }
}

// MARK: - Backward

/// The gradients of one row's gates, from that of the state after the step; in the state's place, what does not pass through W.
INLINE void NAMED(gates_row)(const apus_backward_step *x, int64_t row, apus_cell cell) {
  const apus_recurrence *s = x->shape;
  const apus_recurrence_backward *o = x->operands;
  const int64_t units = s->units, sequence = x->first + row, position = sequence * s->steps + x->step, place = position * units;
  const int64_t gate_count = cell == APUS_CELL_LSTM ? 4 : cell == APUS_CELL_GRU ? 3 : 1;
  S *d_hidden = (S *)x->d_hidden + row * units, *d_inputs = (S *)o->d_inputs + position * gate_count * units;
  S *d_products = cell == APUS_CELL_GRU ? (S *)o->d_products + position * 3 * units : NULL;
  if (NAMED(is_over)(o->lengths, sequence, x->step)) {
    memset(d_inputs, 0, (size_t)(gate_count * units) * sizeof(S));
    if (d_products) memset(d_products, 0, (size_t)(gate_count * units) * sizeof(S));
    return;
  }
  const S *gates = cell == APUS_CELL_LSTM || cell == APUS_CELL_GRU ? (const S *)o->gates + position * gate_count * units : NULL;
  // The state before the first step is the one that was given.
  const int64_t earlier = s->reversed ? place + units : place - units;
  const S *c_before = cell != APUS_CELL_LSTM ? NULL : x->is_first ? (const S *)o->cell + sequence * units : (const S *)o->inner + earlier;
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t count = units - unit;
    V dh = NAMED(load_units)(d_hidden + unit, count);
    if (o->d_outputs) dh += NAMED(load_units)((const S *)o->d_outputs + place + unit, count);
    if (cell == APUS_CELL_LSTM) {
      S *d_cell = (S *)x->d_cell + row * units + unit;
      const V i = NAMED(load_units)(gates + unit, count), f = NAMED(load_units)(gates + units + unit, count);
      const V g = NAMED(load_units)(gates + 2 * units + unit, count), out = NAMED(load_units)(gates + 3 * units + unit, count);
      const V t = NAMED(recurrent_tanh)(NAMED(load_units)((const S *)o->inner + place + unit, count));
      const V dc = NAMED(fma)(dh * out, (S)1 - t * t, NAMED(load_units)(d_cell, count));
      NAMED(store_units)(d_inputs + unit, dc * g * (i * ((S)1 - i)), count);
      NAMED(store_units)(d_inputs + units + unit, dc * NAMED(load_units)(c_before + unit, count) * (f * ((S)1 - f)), count);
      NAMED(store_units)(d_inputs + 2 * units + unit, dc * i * ((S)1 - g * g), count);
      NAMED(store_units)(d_inputs + 3 * units + unit, dh * t * (out * ((S)1 - out)), count);
      NAMED(store_units)(d_cell, dc * f, count);
      NAMED(store_units)(d_hidden + unit, (V){0}, count);
    } else if (cell == APUS_CELL_GRU) {
      const V r = NAMED(load_units)(gates + unit, count), u = NAMED(load_units)(gates + units + unit, count);
      const V n = NAMED(load_units)(gates + 2 * units + unit, count), q = NAMED(load_units)((const S *)o->inner + place + unit, count);
      const V h = NAMED(load_units)((const S *)o->previous + place + unit, count);
      const V dn = dh * ((S)1 - u) * ((S)1 - n * n), dr = dn * q * (r * ((S)1 - r)), du = dh * (h - n) * (u * ((S)1 - u));
      NAMED(store_units)(d_inputs + unit, dr, count);
      NAMED(store_units)(d_inputs + units + unit, du, count);
      NAMED(store_units)(d_inputs + 2 * units + unit, dn, count);
      NAMED(store_units)(d_products + unit, dr, count);
      NAMED(store_units)(d_products + units + unit, du, count);
      NAMED(store_units)(d_products + 2 * units + unit, dn * r, count);
      NAMED(store_units)(d_hidden + unit, dh * u, count);
    } else {
      const V h = NAMED(load_units)((const S *)o->outputs + place + unit, count);
      NAMED(store_units)(d_inputs + unit, cell == APUS_CELL_TANH ? dh * ((S)1 - h * h) : NAMED(select)(h > 0, dh, (V){0}), count);
      NAMED(store_units)(d_hidden + unit, (V){0}, count);
    }
  }
}

static void NAMED(backward_gates)(const apus_backward_step *x, int64_t rows) {
  switch (x->shape->cell) {
  case APUS_CELL_TANH:
    for (int64_t row = 0; row < rows; row++) NAMED(gates_row)(x, row, APUS_CELL_TANH);
    break;
  case APUS_CELL_RELU:
    for (int64_t row = 0; row < rows; row++) NAMED(gates_row)(x, row, APUS_CELL_RELU);
    break;
  case APUS_CELL_LSTM:
    for (int64_t row = 0; row < rows; row++) NAMED(gates_row)(x, row, APUS_CELL_LSTM);
    break;
  case APUS_CELL_GRU:
    for (int64_t row = 0; row < rows; row++) NAMED(gates_row)(x, row, APUS_CELL_GRU);
    break;
  }
}

/// Asks for part `part` of `parts` of the memory that the gates of the step that comes next will read and write.
INLINE void NAMED(prefetch_gates)(const apus_backward_step *x, int64_t row, int64_t part, int64_t parts, int64_t gates) {
  const apus_recurrence *s = x->shape;
  const apus_recurrence_backward *o = x->operands;
  const int64_t next = (x->first + row) * s->steps + (s->reversed ? x->step + 1 : x->step - 1), line = 64 / sizeof(S);
  const S *saved = (const S *)o->gates + next * gates * s->units, *made = (const S *)o->d_inputs + next * gates * s->units;
  for (int64_t i = gates * s->units * part / parts; i < gates * s->units * (part + 1) / parts; i += line) {
    __builtin_prefetch(saved + i, 0);
    __builtin_prefetch(made + i, 1);
  }
  const S *inner = (const S *)o->inner + next * s->units, *given = o->d_outputs ? (const S *)o->d_outputs + next * s->units : inner;
  for (int64_t i = s->units * part / parts; i < s->units * (part + 1) / parts; i += line) {
    __builtin_prefetch(inner + i, 0);
    __builtin_prefetch(given + i, 0);
  }
}

/// Adds dz W.
static void NAMED(backward_step)(const apus_backward_step *x, int64_t rows) {
  const apus_recurrence *s = x->shape;
  const int64_t units = s->units, k = (s->cell == APUS_CELL_LSTM ? 4 : s->cell == APUS_CELL_GRU ? 3 : 1) * units, a_row = s->steps * k;
  const S *a = (const S *)(s->cell == APUS_CELL_GRU ? x->operands->d_products : x->operands->d_inputs) + x->first * a_row + x->step * k;
  const int64_t panels = apus_recurrence_panels(s, true);
  V sums[MOST_ROWS][4];
  for (int64_t panel = 0; panel < panels; panel++)
    FOR_BLOCKS(rows, row, height) {
      if (!x->is_first && s->cell >= APUS_CELL_LSTM)
        for (int64_t r = 0; r < height; r++) NAMED(prefetch_gates)(x, row + r, panel, panels, k / units);
      NAMED(products)[1][height - 1](sums, a + row * a_row, a_row, (const S *)x->operands->packed + panel * k * 4 * LANES, k);
      for (int64_t r = 0; r < height; r++)
        for (int64_t v = 0; v < 4 && (panel * 4 + v) * LANES < units; v++) {
          const int64_t unit = (panel * 4 + v) * LANES;
          S *d = (S *)x->d_hidden + (row + r) * units + unit;
          NAMED(store_units)(d, NAMED(load_units)(d, units - unit) + sums[r][v], units - unit);
        }
    }
}

#undef DEFINE_PRODUCT
#undef DEFINE_PRODUCTS
#undef PRODUCTS
#undef DEFINE_FINISH
#undef FOR_BLOCKS
#undef LOAD_OF
#undef STORE_OF
#undef LANES
#undef MOST_ROWS
#undef MOST_ROWS_IS_6
