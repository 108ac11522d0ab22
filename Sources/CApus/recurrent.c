// Recurrences over whole sequences: the loops over steps, and what is measured. The steps themselves are vector/recurrent.h.
#include <string.h>

#include "CApus.h"
#include "vector/kernels.h"

static int64_t gate_count(apus_cell cell) { return cell == APUS_CELL_LSTM ? 4 : cell == APUS_CELL_GRU ? 3 : 1; }

static const apus_recurrent_kernels *kernels_of(const apus_recurrence *s) {
  return &((const apus_kernels *)s->kernels)->recurrent[s->dtype == APUS_F64 ? 1 : 0];
}

static int64_t whole_lines(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }

int64_t apus_recurrence_panels(const apus_recurrence *s, bool backward) {
  const int64_t lanes = kernels_of(s)->lanes, width = backward || gate_count(s->cell) == 1 ? 4 * lanes : lanes;
  return (s->units + width - 1) / width;
}

// A state of a piece: rows of `units`.
static int64_t state_bytes(const apus_recurrence *s) { return whole_lines(s->slice * s->units * apus_size(s->dtype)); }

void apus_recurrence_make(apus_recurrence *s, bool backward) {
  s->kernels = apus_active_kernels();
  const int64_t gates = gate_count(s->cell), lanes = kernels_of(s)->lanes, panels = apus_recurrence_panels(s, backward);
  // W is read once for every step and piece: few rows are bound by that. 16 rows make up for it, 32 a little more.
  enum { MOST_ROWS = 32, LEAST_ROWS = 16 };
  s->slice = s->batch > 2 * LEAST_ROWS ? MOST_ROWS : s->batch > LEAST_ROWS ? (s->batch + 1) / 2 : s->batch;
  s->pieces = s->batch == 0 || s->units == 0 ? 0 : (s->batch + s->slice - 1) / s->slice;
  const int64_t k = backward ? gates * s->units : s->units, vectors = backward || gates == 1 ? 4 : gates;
  s->packed_bytes = whole_lines(panels * k * vectors * lanes * apus_size(s->dtype));
  s->local_bytes = 3 * state_bytes(s);
  const double rows = (double)(s->batch * s->steps), elements = rows * (double)(gates * s->units);
  const double per_ns = s->dtype == APUS_F32 ? 100 : 40, element_ns = s->dtype == APUS_F32 ? 0.5 : 8;
  s->cost = 20 + elements * (double)s->units / per_ns + elements * element_ns;
}

void apus_recurrence_pack(const apus_recurrence *s, bool backward, const void *weight, void *packed, int64_t begin, int64_t end) {
  kernels_of(s)->pack(s, backward, weight, packed, begin, end);
}

static int64_t rows_of(const apus_recurrence *s, int64_t first) { return s->batch - first < s->slice ? s->batch - first : s->slice; }

// Step number `i` in the order in which they are run.
static int64_t step_at(const apus_recurrence *s, int64_t i) { return s->reversed ? s->steps - 1 - i : i; }

void apus_recurrence_run_forward(const apus_recurrence *s, const apus_recurrence_forward *o, void *local, int64_t piece) {
  const apus_recurrent_kernels *kernels = kernels_of(s);
  const int64_t first = piece * s->slice, rows = rows_of(s, first), row_bytes = s->units * apus_size(s->dtype);
  char *states = (char *)local + piece * s->local_bytes;
  char *before = states, *after = states + state_bytes(s), *cell = states + 2 * state_bytes(s);
  memcpy(before, (const char *)o->hidden + first * row_bytes, (size_t)(rows * row_bytes));
  if (o->cell) memcpy(cell, (const char *)o->cell + first * row_bytes, (size_t)(rows * row_bytes));
  for (int64_t i = 0; i < s->steps; i++) {
    const apus_forward_step step = {s, o, step_at(s, i), first, before, after, cell};
    kernels->forward(&step, rows);
    char *const last = after;
    after = before;
    before = last;
  }
  memcpy((char *)o->last_hidden + first * row_bytes, before, (size_t)(rows * row_bytes));
  if (o->last_cell) memcpy((char *)o->last_cell + first * row_bytes, cell, (size_t)(rows * row_bytes));
}

// What is not given is 0.
static void start(void *to, const void *from, int64_t offset, int64_t bytes) {
  if (from)
    memcpy(to, (const char *)from + offset, (size_t)bytes);
  else
    memset(to, 0, (size_t)bytes);
}

void apus_recurrence_run_backward(const apus_recurrence *s, const apus_recurrence_backward *o, void *local, int64_t piece) {
  const apus_recurrent_kernels *kernels = kernels_of(s);
  const int64_t first = piece * s->slice, rows = rows_of(s, first), row_bytes = s->units * apus_size(s->dtype);
  char *d_hidden = (char *)local + piece * s->local_bytes, *d_cell = d_hidden + state_bytes(s);
  start(d_hidden, o->d_last_hidden, first * row_bytes, rows * row_bytes);
  if (o->d_cell) start(d_cell, o->d_last_cell, first * row_bytes, rows * row_bytes);
  for (int64_t i = s->steps - 1; i >= 0; i--) {
    const apus_backward_step step = {s, o, step_at(s, i), first, i == 0, d_hidden, d_cell};
    kernels->gates(&step, rows);
    kernels->backward(&step, rows);
  }
  memcpy((char *)o->d_hidden + first * row_bytes, d_hidden, (size_t)(rows * row_bytes));
  if (o->d_cell) memcpy((char *)o->d_cell + first * row_bytes, d_cell, (size_t)(rows * row_bytes));
}
