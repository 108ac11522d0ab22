// Pooling of one element type. Parameters, undefined again at the end: NAME, ELEMENT, LANES (the elements of a 512-bit vector), VECTOR,
// TAPS and TAP (integers of the elements' size).
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(NAME, part)
#define LOAD NAMED__(load, NAME)
#define STORE NAMED__(store, NAME)
#define LOAD_POSITIONS NAMED__(load_positions, NAME)
#define STORE_POSITIONS NAMED__(store_positions, NAME)

/// The place of a row: its batch entry and its position along the two outer axes.
#define PLACE(extents)                                                                     \
  const int64_t j = row % (extents)[1], i = row / (extents)[1] % (extents)[0], n = row / (extents)[1] / (extents)[0]

/// Visits the elements of a window, for the channels at hand: `from` their address, `t` their tap.
#define FOR_WINDOW(body)                                                                                                       \
  for (int64_t a = 0; a < p->count[0][i]; a++)                                                                                 \
    for (int64_t b = 0; b < p->count[1][j]; b++) {                                                                             \
      const int64_t z = p->first[0][i] + a * p->dilation[0], y_ = p->first[1][j] + b * p->dilation[1];                         \
      const ELEMENT *from = (const ELEMENT *)x + (((n * p->input[0] + z) * p->input[1] + y_) * p->input[2] + p->first[2][k]) * channels + c; \
      TAP t = (TAP)(((p->tap[0][i] + a) * p->kernel[1] + p->tap[1][j] + b) * p->kernel[2] + p->tap[2][k]);                     \
      for (int64_t e = 0; e < p->count[2][k]; e++, from += p->dilation[2] * channels, t++) { body }                            \
    }

/// Visits the windows that hold an element: `at` the first channel of their result, `t` the element's tap there.
#define FOR_WINDOWS(body)                                                                                                      \
  for (int32_t a = p->from[0][i]; a < p->from[0][i + 1]; a++)                                                                  \
    for (int32_t b = p->from[1][j]; b < p->from[1][j + 1]; b++)                                                                \
      for (int32_t e = p->from[2][k]; e < p->from[2][k + 1]; e++) {                                                            \
        const int64_t z = p->windows[0][a], y_ = p->windows[1][b], x_ = p->windows[2][e];                                      \
        const int64_t at = (((n * p->output[0] + z) * p->output[1] + y_) * p->output[2] + x_) * channels + c;                  \
        const TAP t = (TAP)((p->window_taps[0][a] * p->kernel[1] + p->window_taps[1][b]) * p->kernel[2] + p->window_taps[2][e]); \
        body                                                                                                                   \
      }

APUS_INLINE void N(max_rows)(const apus_pooling *p, const ELEMENT *x, ELEMENT *y, void *positions, int64_t begin, int64_t end,
                             const bool has_positions) {
  const int64_t channels = p->channels;
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const int64_t to = (row * p->output[2] + k) * channels;
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
        VECTOR best = 0, v;
        TAPS position = 0;
        bool is_first = true;
        FOR_WINDOW({
          LOAD(&v, from, count);
          if (is_first) {
            best = v;
            if (has_positions) position = (TAPS)t;
            is_first = false;
          } else {
            TAPS is_taken = (v > best) | (v != v);
            best = is_taken ? v : best;
            if (has_positions) position = is_taken ? (TAPS)t : position;
          }
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
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const int64_t to = (row * p->output[2] + k) * channels;
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
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
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->input);
    for (int64_t k = 0; k < p->input[2]; k++)
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
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
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->output);
    for (int64_t k = 0; k < p->output[2]; k++) {
      const ELEMENT size = (ELEMENT)((int64_t)p->size[0][i] * p->size[1][j] * p->size[2][k]);
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
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

APUS_CLONES static void N(average_gradient)(const apus_pooling *p, const ELEMENT *dy, ELEMENT *dx, int64_t begin, int64_t end) {
  const int64_t channels = p->channels;
  for (int64_t row = begin; row < end; row++) {
    PLACE(p->input);
    for (int64_t k = 0; k < p->input[2]; k++)
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
        VECTOR sum = 0, v;
        FOR_WINDOWS({
          (void)t;
          LOAD(&v, dy + at, count);
          sum += v / (ELEMENT)((int64_t)p->size[0][z] * p->size[1][y_] * p->size[2][x_]);
        })
        STORE(dx + (row * p->input[2] + k) * channels + c, &sum, count);
      }
  }
}

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
