// Pooling of one element type. Parameters, undefined again at the end: NAME, ELEMENT, LANES (the elements of a 512-bit vector), VECTOR,
// TAPS and TAP (integers of the elements' size).
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(NAME, part)
#define LOAD NAMED__(load, NAME)
#define STORE NAMED__(store, NAME)
#define LOAD_POSITIONS NAMED__(load_positions, NAME)
#define STORE_POSITIONS NAMED__(store_positions, NAME)

// Channels that do not fill a vector: reading a part of one takes several times as long as reading a whole one. So whole vectors are read
// and written where that stays within the tensors and within the rows of the call. It touches the next elements, and what is written
// there too much is overwritten when their turn comes. A row for which less than a vector follows is done exactly.

/// The place of a row: its batch entry and its position along the two outer axes.
#define PLACE(extents)                                                                     \
  const int64_t j = row % (extents)[1], i = row / (extents)[1] % (extents)[0], n = row / (extents)[1] / (extents)[0]

/// Whether a vector follows this row of `extents` in the call.
#define IS_FOLLOWED(extents) ((end - row - 1) * (extents)[2] * p->channels >= LANES)
/// Whether, besides, a vector follows the last row of the input that the windows hold; or the last of the windows that hold an element.
#define IS_WIDE                                                                                                                   \
  (IS_FOLLOWED(p->output) && ((p->batch * p->input[0] - n * p->input[0] - p->first[0][i] - (p->count[0][i] - 1) * p->dilation[0]) * \
                                  p->input[1] - p->first[1][j] - (p->count[1][j] - 1) * p->dilation[1] - 1) *                     \
                                     p->input[2] * p->channels >= LANES)
#define IS_WIDE_BACKWARDS \
  (IS_FOLLOWED(p->input) && (p->batch - n - 1) * p->output[0] * p->output[1] * p->output[2] * p->channels >= LANES)

/// Where windows begin in the rows of the other tensor: the element at its left end, and the number of its tap.
typedef struct {
  int64_t element;
  TAP tap;
} N(row_start);

/// The rows of the input that the windows of row (n, i, j) of the output hold.
APUS_INLINE int64_t N(rows_of_windows)(const apus_pooling *p, int64_t n, int64_t i, int64_t j, N(row_start) *rows) {
  int64_t count = 0;
  for (int64_t a = 0; a < p->count[0][i]; a++)
    for (int64_t b = 0; b < p->count[1][j]; b++) {
      const int64_t z = p->first[0][i] + a * p->dilation[0], y = p->first[1][j] + b * p->dilation[1];
      rows[count].element = ((n * p->input[0] + z) * p->input[1] + y) * p->input[2] * p->channels;
      rows[count++].tap = (TAP)(((p->tap[0][i] + a) * p->kernel[1] + p->tap[1][j] + b) * p->kernel[2]);
    }
  return count;
}

/// The rows of windows that hold elements of row (n, i, j) of the input.
APUS_INLINE int64_t N(rows_of_holders)(const apus_pooling *p, int64_t n, int64_t i, int64_t j, N(row_start) *rows) {
  int64_t count = 0;
  for (int32_t a = p->from[0][i]; a < p->from[0][i + 1]; a++)
    for (int32_t b = p->from[1][j]; b < p->from[1][j + 1]; b++) {
      rows[count].element = ((n * p->output[0] + p->windows[0][a]) * p->output[1] + p->windows[1][b]) * p->output[2] * p->channels;
      rows[count++].tap = (TAP)((p->window_taps[0][a] * p->kernel[1] + p->window_taps[1][b]) * p->kernel[2]);
    }
  return count;
}

/// Visits the elements of window k, for the channels at hand: `from` their address, `t` their tap.
#define FOR_WINDOW(body)                                                                           \
  for (int64_t q = 0; q < row_count; q++) {                                                        \
    const ELEMENT *from = (const ELEMENT *)x + rows[q].element + p->first[2][k] * channels + c;    \
    TAP t = rows[q].tap + (TAP)p->tap[2][k];                                                       \
    for (int32_t e = p->count[2][k]; e > 0; e--, from += p->dilation[2] * channels, t++) { body }  \
  }

/// Visits the windows that hold element k: `at` the first channel of their result, `t` the element's tap there.
#define FOR_WINDOWS(body)                                                          \
  for (int64_t q = 0; q < row_count; q++)                                          \
    for (int32_t e = p->from[2][k]; e < p->from[2][k + 1]; e++) {                  \
      const int64_t at = rows[q].element + p->windows[2][e] * channels + c;        \
      const TAP t = rows[q].tap + (TAP)p->window_taps[2][e];                       \
      body                                                                         \
    }

APUS_INLINE N(row_start) *N(room)(const apus_pooling *p) {
  return apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(p->kernel[0] * p->kernel[1]) * sizeof(N(row_start)));
}

APUS_INLINE void N(max_rows)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end,
                             const bool has_positions) {
  const int64_t channels = p->channels;
  N(row_start) *rows = N(room)(p);
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    const bool is_wide = IS_WIDE;
    const int64_t row_count = N(rows_of_windows)(p, n, i, j, rows);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const int64_t to = (row * p->output[2] + k) * channels;
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = is_wide ? LANES : channels - c;
        VECTOR best, v;
        TAPS position;
        // The first element is compared with itself: it is taken if it is NaN, which makes no difference.
        LOAD(&best, x + rows[0].element + p->first[2][k] * channels + c, count);
        position = (TAPS)(rows[0].tap + (TAP)p->tap[2][k]);
        FOR_WINDOW({
          LOAD(&v, from, count);
          TAPS is_taken = (v > best) | (v != v);
          best = is_taken ? v : best;
          if (has_positions) position = is_taken ? (TAPS)t : position;
        })
        STORE(y + to + c, &best, count);
        if (has_positions) STORE_POSITIONS(positions, to + c, &position, count, p->position_bytes);
      }
    }
  }
}
APUS_CLONES static void N(max)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end) {
  N(max_rows)(p, x, y, positions, begin, end, false);
}
APUS_CLONES static void N(max_with_positions)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end) {
  N(max_rows)(p, x, y, positions, begin, end, true);
}

APUS_CLONES static void N(pick)(const apus_pooling *p, const ELEMENT *x, const void *positions, ELEMENT *y, int64_t begin, int64_t end) {
  const int64_t channels = p->channels;
  N(row_start) *rows = N(room)(p);
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    const bool is_wide = IS_WIDE;
    const int64_t row_count = N(rows_of_windows)(p, n, i, j, rows);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const int64_t to = (row * p->output[2] + k) * channels;
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = is_wide ? LANES : channels - c;
        VECTOR picked = 0, v;
        TAPS position;
        LOAD_POSITIONS(&position, positions, to + c, count, p->position_bytes);
        FOR_WINDOW({
          LOAD(&v, from, count);
          picked = position == (TAPS)t ? v : picked;
        })
        STORE(y + to + c, &picked, count);
      }
    }
  }
}

APUS_CLONES static void N(max_gradient)(const apus_pooling *p, const ELEMENT *dy, const void *positions, ELEMENT *dx, int64_t begin, int64_t end) {
  const int64_t channels = p->channels;
  N(row_start) *rows = N(room)(p);
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->input);
    const bool is_wide = IS_WIDE_BACKWARDS;
    const int64_t row_count = N(rows_of_holders)(p, n, i, j, rows);
    for (int64_t k = 0; k < p->input[2]; k++)
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = is_wide ? LANES : channels - c;
        VECTOR sum = 0, v;
        TAPS position;
        FOR_WINDOWS({
          LOAD(&v, dy + at, count);
          LOAD_POSITIONS(&position, positions, at, count, p->position_bytes);
          sum += position == (TAPS)t ? v : (VECTOR)0;
        })
        STORE(dx + (row * p->input[2] + k) * channels + c, &sum, count);
      }
  }
}

APUS_CLONES static void N(average)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, int64_t begin, int64_t end) {
  const int64_t channels = p->channels;
  N(row_start) *rows = N(room)(p);
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    const bool is_wide = IS_WIDE;
    const int64_t row_count = N(rows_of_windows)(p, n, i, j, rows);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const ELEMENT size = (ELEMENT)((int64_t)p->size[0][i] * p->size[1][j] * p->size[2][k]);
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = is_wide ? LANES : channels - c;
        VECTOR sum = 0, v;
        FOR_WINDOW({
          (void)t;
          LOAD(&v, from, count);
          sum += v;
        })
        sum /= size;
        STORE(y + (row * p->output[2] + k) * channels + c, &sum, count);
      }
    }
  }
}

// Every window's share is divided by its own size.
APUS_CLONES static void N(average_gradient)(const apus_pooling *p, const ELEMENT *dy, ELEMENT *dx, int64_t begin, int64_t end) {
  const int64_t channels = p->channels;
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->input);
    const bool is_wide = IS_WIDE_BACKWARDS;
    for (int64_t k = 0; k < p->input[2]; k++)
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = is_wide ? LANES : channels - c;
        VECTOR sum = 0, v;
        for (int32_t a = p->from[0][i]; a < p->from[0][i + 1]; a++)
          for (int32_t b = p->from[1][j]; b < p->from[1][j + 1]; b++)
            for (int32_t e = p->from[2][k]; e < p->from[2][k + 1]; e++) {
              const int64_t z = p->windows[0][a], y = p->windows[1][b], x = p->windows[2][e];
              LOAD(&v, dy + (((n * p->output[0] + z) * p->output[1] + y) * p->output[2] + x) * channels + c, count);
              sum += v / (ELEMENT)((int64_t)p->size[0][z] * p->size[1][y] * p->size[2][x]);
            }
        STORE(dx + (row * p->input[2] + k) * channels + c, &sum, count);
      }
  }
}

#undef IS_WIDE_BACKWARDS
#undef IS_WIDE
#undef IS_FOLLOWED
#undef FOR_WINDOWS
#undef FOR_WINDOW
#undef PLACE
#undef STORE_POSITIONS
#undef LOAD_POSITIONS
#undef STORE
#undef LOAD
#undef N
#undef NAMED__
#undef NAMED_
#undef NAME
#undef ELEMENT
#undef LANES
#undef VECTOR
#undef TAPS
#undef TAP
