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
// there too much is overwritten when their turn comes. Positions behind which less than a vector follows are done exactly.

/// The place of a row: its batch entry and its position along the two outer axes.
#define PLACE(extents)                                                                     \
  const int64_t j = row % (extents)[1], i = row / (extents)[1] % (extents)[0], n = row / (extents)[1] / (extents)[0]

/// What is read at every position, in registers: memory that is written might be theirs, as far as the compiler knows.
#define TABLES                                                                                                               \
  const int64_t channels = p->channels, step = p->dilation[2] * channels;                                                   \
  const int32_t *const first = p->first[2], *const counts = p->count[2], *const taps = p->tap[2], *const from = p->from[2], \
                *const windows = p->windows[2], *const window_taps = p->window_taps[2];                                     \
  (void)step, (void)first, (void)counts, (void)taps, (void)from, (void)windows, (void)window_taps

/// Whether a vector follows this row of `extents` in the call.
#define IS_FOLLOWED(extents) ((end - row - 1) * (extents)[2] * p->channels >= LANES)
#define ARE_WHOLE (p->channels % LANES == 0)

/// Up to which position of row (n, i, j) of the output whole vectors may be used: a vector must follow it, and the last element of its
/// window, in the row or behind. (With dilation, a window may end behind those after it, which the image's edge cuts.)
APUS_INLINE int64_t N(wide_positions)(const apus_pooling *p, int64_t n, int64_t i, int64_t j, bool is_followed) {
  const int64_t row = ((n * p->input[0] + p->first[0][i] + (p->count[0][i] - 1) * p->dilation[0])) * p->input[1] + p->first[1][j] +
                      (p->count[1][j] - 1) * p->dilation[1];
  const bool is_input_followed = (p->batch * p->input[0] * p->input[1] - row - 1) * p->input[2] * p->channels >= LANES;
  if (!ARE_WHOLE && !is_input_followed && p->dilation[2] > 1) return 0;
  int64_t k = p->output[2];
  for (; k > 0 && !ARE_WHOLE; k--) {
    const int64_t last = p->first[2][k - 1] + (p->count[2][k - 1] - 1) * p->dilation[2];
    if ((is_followed || (p->output[2] - k) * p->channels >= LANES) && (is_input_followed || (p->input[2] - last - 1) * p->channels >= LANES))
      break;
  }
  return k;
}

/// The same for a row of the input: a vector must follow it, and the last window that holds it or an element before it. The last elements may
/// be in no window at all: those before them decide.
APUS_INLINE int64_t N(wide_elements)(const apus_pooling *p, int64_t n, bool is_followed) {
  const bool is_output_followed = (p->batch - n - 1) * p->output[0] * p->output[1] * p->output[2] * p->channels >= LANES;
  if (!ARE_WHOLE && !is_output_followed && p->dilation[2] > 1) return 0;
  int64_t k = p->input[2];
  for (; k > 0 && !ARE_WHOLE; k--) {
    const bool is_held = p->from[2][k - 1] < p->from[2][k];
    const int64_t last = is_held ? p->windows[2][p->from[2][k] - 1] : 0;
    if ((is_followed || (p->input[2] - k) * p->channels >= LANES) &&
        (is_output_followed || (is_held && (p->output[2] - last - 1) * p->channels >= LANES)))
      break;
  }
  return k;
}

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

/// Visits the elements of window k, for the channels at hand: `at` their address, `t` their tap.
#define FOR_WINDOW(body)                                                                   \
  for (int64_t q = 0; q < row_count; q++) {                                                \
    const ELEMENT *at = (const ELEMENT *)x + rows[q].element + first[k] * channels + c;    \
    TAP t = rows[q].tap + (each ? 0 : (TAP)taps[k]);                                       \
    for (int32_t e = each ? each : counts[k]; e > 0; e--, at += step, t++) { body }        \
  }

/// Visits the windows that hold element k: `at` the first channel of their result, `t` the element's tap there.
#define FOR_WINDOWS(body)                                               \
  for (int64_t q = 0; q < row_count; q++)                               \
    for (int32_t e = from[k]; e < (each ? from[k] + each : from[k + 1]); e++) { \
      const int64_t at = rows[q].element + windows[e] * channels + c;   \
      const TAP t = rows[q].tap + (TAP)window_taps[e];                  \
      body                                                              \
    }

APUS_INLINE N(row_start) *N(room)(const apus_pooling *p) {
  return apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(p->kernel[0] * p->kernel[1]) * sizeof(N(row_start)));
}

/// Positions [k, last) of a row, and where it has its windows. What works on them is inlined, so that the compiler knows `is_wide` and often
/// `bytes`, those of a position in memory (0: none), and `each`, how many elements or windows there are to visit in a row (0: it varies):
/// finding out for every vector takes longer than the elements.
typedef struct {
  int64_t row, k, last, row_count;
  const N(row_start) *rows;
} N(span);
#define SPAN                                                                                                    \
  const int64_t row = span.row, last = span.last, row_count = span.row_count;                                   \
  const N(row_start) *const rows = span.rows;                                                                   \
  (void)row_count, (void)rows

/// Runs `part(span, is_wide, bytes)` for the positions of every row: those of whole vectors, then the others.
#define EVERY_ROW(extents, find_rows, wide, part)                                                                          \
  N(row_start) *found = N(room)(p);                                                                                        \
  for (int64_t row = begin; row < end; row++) {                                                                            \
    PLACE(extents);                                                                                                        \
    const int64_t row_count = find_rows(p, n, i, j, found), split = wide;                                                  \
    const N(span) whole = {row, 0, split, row_count, found}, rest = {row, split, (extents)[2], row_count, found};          \
    part                                                                                                                   \
  }

/// Whether every window holds its two elements along a row; then, of two rows, it is one of 2 x 2, the usual ones.
APUS_INLINE bool N(are_pairs)(const apus_pooling *p) {
  for (int64_t k = 0; k < p->output[2]; k++)
    if (p->count[2][k] != 2 || p->tap[2][k] != 0) return false;
  return true;
}
/// Whether every element of a row is held by one window.
APUS_INLINE bool N(are_apart)(const apus_pooling *p) {
  for (int64_t k = 0; k < p->input[2]; k++)
    if (p->from[2][k + 1] != p->from[2][k] + 1) return false;
  return true;
}

APUS_INLINE void N(max_span)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, const N(span) span, const bool is_wide,
                             const int32_t bytes, const int32_t each) {
  TABLES;
  SPAN;
  int64_t to = (row * p->output[2] + span.k) * channels;
  for (int64_t k = span.k; k < last; k++, to += channels)
    for (int64_t c = 0; c < channels; c += LANES) {
      const int64_t count = is_wide ? LANES : channels - c, tap_of_window = each ? 0 : taps[k];
      VECTOR best, v;
      TAPS position;
      // The first element is compared with itself: it is taken if it is NaN, which makes no difference.
      LOAD(&best, x + rows[0].element + first[k] * channels + c, count);
      position = (TAPS)(rows[0].tap + (TAP)tap_of_window);
      FOR_WINDOW({
        LOAD(&v, at, count);
        TAPS is_taken = (v > best) | (v != v);
        best = is_taken ? v : best;
        if (bytes) position = is_taken ? (TAPS)t : position;
      })
      STORE(y + to + c, &best, count);
      if (bytes) STORE_POSITIONS(positions, to + c, &position, count, bytes);
    }
}
APUS_CLONES static void N(max)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end) {
  const bool are_pairs = N(are_pairs)(p);
  EVERY_ROW(p->output, N(rows_of_windows), N(wide_positions)(p, n, i, j, IS_FOLLOWED(p->output)), {
    if (are_pairs && row_count == 2)
      N(max_span)(p, x, y, positions, (N(span)){row, 0, split, 2, found}, true, 0, 2);
    else
      N(max_span)(p, x, y, positions, whole, true, 0, 0);
    N(max_span)(p, x, y, positions, rest, false, 0, 0);
  })
}
APUS_CLONES static void N(max_with_positions)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end) {
  const bool are_pairs = N(are_pairs)(p);
  EVERY_ROW(p->output, N(rows_of_windows), N(wide_positions)(p, n, i, j, IS_FOLLOWED(p->output)), {
    if (are_pairs && row_count == 2 && p->position_bytes == 1)
      N(max_span)(p, x, y, positions, (N(span)){row, 0, split, 2, found}, true, 1, 2);
    else
      N(max_span)(p, x, y, positions, whole, true, p->position_bytes, 0);
    N(max_span)(p, x, y, positions, rest, false, p->position_bytes, 0);
  })
}

APUS_INLINE void N(pick_span)(const apus_pooling *p, const ELEMENT *x, const void *positions, ELEMENT *y, const N(span) span,
                              const bool is_wide, const int32_t bytes) {
  const int32_t each = 0;
  TABLES;
  SPAN;
  for (int64_t k = span.k; k < last; k++) {
    const int64_t to = (row * p->output[2] + k) * channels;
    for (int64_t c = 0; c < channels; c += LANES) {
      const int64_t count = is_wide ? LANES : channels - c;
      VECTOR picked = 0, v;
      TAPS position;
      LOAD_POSITIONS(&position, positions, to + c, count, bytes);
      FOR_WINDOW({
        LOAD(&v, at, count);
        picked = position == (TAPS)t ? v : picked;
      })
      STORE(y + to + c, &picked, count);
    }
  }
}
APUS_CLONES static void N(pick)(const apus_pooling *p, const ELEMENT *x, const void *positions, ELEMENT *y, int64_t begin, int64_t end) {
  EVERY_ROW(p->output, N(rows_of_windows), N(wide_positions)(p, n, i, j, IS_FOLLOWED(p->output)), {
    N(pick_span)(p, x, positions, y, whole, true, p->position_bytes);
    N(pick_span)(p, x, positions, y, rest, false, p->position_bytes);
  })
}

APUS_INLINE void N(max_gradient_span)(const apus_pooling *p, const ELEMENT *dy, const void *positions, ELEMENT *dx, const N(span) span,
                                      const bool is_wide, const int32_t bytes, const int32_t each) {
  TABLES;
  SPAN;
  ELEMENT *to = dx + (row * p->input[2] + span.k) * channels;
  if (each == 1 && row_count == 1 && channels <= LANES) {  // no sums, one vector, and nothing to look up twice
    const ELEMENT *const dy_row = dy + rows[0].element;
    const int64_t positions_row = rows[0].element;
    const TAP tap = rows[0].tap;
    const int32_t *const window = windows + from[0], *const window_tap = window_taps + from[0];
    for (int64_t k = span.k; k < last; k++, to += channels) {
      const int64_t count = is_wide ? LANES : channels, at = window[k] * channels;
      VECTOR v;
      TAPS position;
      LOAD(&v, dy_row + at, count);
      LOAD_POSITIONS(&position, positions, positions_row + at, count, bytes);
      v = position == (TAPS)(tap + (TAP)window_tap[k]) ? v : (VECTOR)0;
      v += (VECTOR)0;  // as a sum does it: no negative zero
      STORE(to, &v, count);
    }
    return;
  }
  for (int64_t k = span.k; k < last; k++, to += channels)
    for (int64_t c = 0; c < channels; c += LANES) {
      const int64_t count = is_wide ? LANES : channels - c;
      VECTOR sum = 0, v;
      TAPS position;
      FOR_WINDOWS({
        LOAD(&v, dy + at, count);
        LOAD_POSITIONS(&position, positions, at, count, bytes);
        sum += position == (TAPS)t ? v : (VECTOR)0;
      })
      STORE(to + c, &sum, count);
    }
}
APUS_CLONES static void N(max_gradient)(const apus_pooling *p, const ELEMENT *dy, const void *positions, ELEMENT *dx, int64_t begin, int64_t end) {
  const bool are_apart = N(are_apart)(p);
  EVERY_ROW(p->input, N(rows_of_holders), N(wide_elements)(p, n, IS_FOLLOWED(p->input)), {
    if (are_apart && row_count == 1 && p->position_bytes == 1)
      N(max_gradient_span)(p, dy, positions, dx, (N(span)){row, 0, split, 1, found}, true, 1, 1);
    else
      N(max_gradient_span)(p, dy, positions, dx, whole, true, p->position_bytes, 0);
    N(max_gradient_span)(p, dy, positions, dx, rest, false, p->position_bytes, 0);
  })
}

APUS_INLINE void N(average_span)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, int64_t size, const N(span) span, const bool is_wide) {
  const int32_t each = 0;
  TABLES;
  SPAN;
  for (int64_t k = span.k; k < last; k++) {
    const ELEMENT divisor = (ELEMENT)(size * p->size[2][k]);
    for (int64_t c = 0; c < channels; c += LANES) {
      const int64_t count = is_wide ? LANES : channels - c;
      VECTOR sum = 0, v;
      FOR_WINDOW({
        (void)t;
        LOAD(&v, at, count);
        sum += v;
      })
      sum /= divisor;
      STORE(y + (row * p->output[2] + k) * channels + c, &sum, count);
    }
  }
}
APUS_CLONES static void N(average)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, int64_t begin, int64_t end) {
  EVERY_ROW(p->output, N(rows_of_windows), N(wide_positions)(p, n, i, j, IS_FOLLOWED(p->output)), {
    const int64_t size = (int64_t)p->size[0][i] * p->size[1][j];
    N(average_span)(p, x, y, size, whole, true);
    N(average_span)(p, x, y, size, rest, false);
  })
}

// Every window's share is divided by its own size.
APUS_INLINE void N(average_gradient_span)(const apus_pooling *p, const ELEMENT *dy, ELEMENT *dx, int64_t n, int64_t i, int64_t j,
                                          const N(span) span, const bool is_wide) {
  TABLES;
  SPAN;
  for (int64_t k = span.k; k < last; k++)
    for (int64_t c = 0; c < channels; c += LANES) {
      const int64_t count = is_wide ? LANES : channels - c;
      VECTOR sum = 0, v;
      for (int32_t a = p->from[0][i]; a < p->from[0][i + 1]; a++)
        for (int32_t b = p->from[1][j]; b < p->from[1][j + 1]; b++)
          for (int32_t e = from[k]; e < from[k + 1]; e++) {
            const int64_t z = p->windows[0][a], y = p->windows[1][b], x = windows[e];
            LOAD(&v, dy + (((n * p->output[0] + z) * p->output[1] + y) * p->output[2] + x) * channels + c, count);
            sum += v / (ELEMENT)((int64_t)p->size[0][z] * p->size[1][y] * p->size[2][x]);
          }
      STORE(dx + (row * p->input[2] + k) * channels + c, &sum, count);
    }
}
APUS_CLONES static void N(average_gradient)(const apus_pooling *p, const ELEMENT *dy, ELEMENT *dx, int64_t begin, int64_t end) {
  EVERY_ROW(p->input, N(rows_of_holders), N(wide_elements)(p, n, IS_FOLLOWED(p->input)), {
    N(average_gradient_span)(p, dy, dx, n, i, j, whole, true);
    N(average_gradient_span)(p, dy, dx, n, i, j, rest, false);
  })
}

#undef EVERY_ROW
#undef SPAN
#undef ARE_WHOLE
#undef IS_FOLLOWED
#undef FOR_WINDOWS
#undef FOR_WINDOW
#undef TABLES
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
