// Strided copies: the axes are brought into the destination's order and merged where they run on, and the innermost loop is then
// a dense run, a transpose, a fill or a strided walk.
#include "apus_move.h"
#include "isa.h"
#include "transpose.h"

typedef struct {
  int64_t extent, source, destination;
} axis;

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/// The axes without those of extent 1, outermost first by the destination's strides, neighbours merged; strides in elements.
/// Returns their number. Both pointers move to the first element where an axis runs backwards in the destination.
static int arrange(int64_t size, int rank, axis *axes, const char **source, char **destination) {
  int count = 0;
  for (int k = 0; k < rank; k++) {
    axis a = axes[k];
    if (a.extent == 1) continue;
    if (a.destination < 0) {
      *source += (a.extent - 1) * a.source * size;
      *destination += (a.extent - 1) * a.destination * size;
      a.source = -a.source;
      a.destination = -a.destination;
    }
    int place = count++;
    for (; place > 0 && (axes[place - 1].destination < a.destination ||
                         (axes[place - 1].destination == a.destination && magnitude(axes[place - 1].source) < magnitude(a.source)));
         place--)
      axes[place] = axes[place - 1];
    axes[place] = a;
  }
  int merged = 0;
  for (int k = 0; k < count; k++) {
    axis a = axes[k];
    if (merged > 0 && axes[merged - 1].source == a.source * a.extent && axes[merged - 1].destination == a.destination * a.extent) {
      a.extent *= axes[merged - 1].extent;
      axes[merged - 1] = a;
    } else {
      axes[merged++] = a;
    }
  }
  return merged;
}

#define WALK(type)                                                                    \
  do {                                                                                \
    const type *from = (const type *)source;                                          \
    type *to = (type *)destination;                                                   \
    if (a.destination == 1)                                                           \
      for (int64_t i = 0; i < a.extent; i++) to[i] = from[i * a.source];              \
    else if (a.source == 1)                                                           \
      for (int64_t i = 0; i < a.extent; i++) to[i * a.destination] = from[i];         \
    else                                                                              \
      for (int64_t i = 0; i < a.extent; i++) to[i * a.destination] = from[i * a.source]; \
  } while (0)

/// One innermost axis.
static void run(int64_t size, axis a, const char *source, char *destination) {
  if (a.destination == 1 && a.source == 1) {
    memcpy(destination, source, (size_t)(a.extent * size));
    return;
  }
  if (a.destination == 1 && a.source == 0) {
    apus_fill(size, destination, source, a.extent);
    return;
  }
  switch (size) {
  case 1: WALK(any_1); break;
  case 2: WALK(any_2); break;
  case 4: WALK(any_4); break;
  case 8: WALK(any_8); break;
  }
}

/// Many short runs: the two innermost axes in one go, without a call per run.
#define SHORT_RUNS(type)                                                                              \
  for (int64_t i = 0; i < outer.extent; i++) {                                                        \
    const type *from = (const type *)source + i * outer.source;                                       \
    type *to = (type *)destination + i * outer.destination;                                           \
    for (int64_t j = 0; j < inner.extent; j++) to[j * inner.destination] = from[j * inner.source];    \
  }
static void short_runs(int64_t size, axis outer, axis inner, const char *source, char *destination) {
  switch (size) {
  case 1: SHORT_RUNS(any_1) break;
  case 2: SHORT_RUNS(any_2) break;
  case 4: SHORT_RUNS(any_4) break;
  case 8: SHORT_RUNS(any_8) break;
  }
}

static void copy(int64_t size, int rank, const axis *axes, const char *source, char *destination) {
  if (rank == 0) {
    memcpy(destination, source, (size_t)size);
  } else if (rank == 1) {
    run(size, axes[0], source, destination);
  } else if (rank == 2 && axes[1].destination == 1 && axes[0].source == 1 && axes[1].source > 1) {
    apus_transpose(size, source, axes[1].source, destination, axes[0].destination, axes[0].extent, axes[1].extent);
  } else if (rank == 2 && axes[1].extent * size < 64) {
    short_runs(size, axes[0], axes[1], source, destination);
  } else {
    axis a = axes[0];
    for (int64_t i = 0; i < a.extent; i++)
      copy(size, rank - 1, axes + 1, source + i * a.source * size, destination + i * a.destination * size);
  }
}

void apus_copy_strided(int64_t size, int32_t rank, const int64_t *extents, const void *source, const int64_t *source_strides,
                       void *destination, const int64_t *destination_strides, int64_t begin, int64_t end) {
  if (begin >= end) return;
  const char *from = source;
  char *to = destination;
  axis axes[APUS_MAX_RANK];
  for (int k = 0; k < rank; k++) {
    axes[k] = (axis){extents[k], source_strides[k], destination_strides[k]};
    if (k == 0) {
      axes[0].extent = end - begin;
      from += begin * source_strides[0] * size;
      to += begin * destination_strides[0] * size;
    }
    if (axes[k].extent <= 0) return;
  }
  int count = arrange(size, rank, axes, &from, &to);
  // A transpose: the axis along which the source is dense goes next to the innermost one.
  if (count > 2 && axes[count - 1].destination == 1 && axes[count - 1].source > 1)
    for (int k = count - 3; k >= 0; k--)
      if (axes[k].source == 1 && axes[count - 2].source != 1) {
        axis dense = axes[k];
        for (int j = k; j < count - 2; j++) axes[j] = axes[j + 1];
        axes[count - 2] = dense;
        break;
      }
  copy(size, count, axes, from, to);
}

#define FILL(type)                                            \
  do {                                                        \
    type x;                                                   \
    memcpy(&x, value, sizeof x);                              \
    for (int64_t i = 0; i < count; i++) ((type *)destination)[i] = x; \
  } while (0)

APUS_CLONES static void fill_2(any_2 *destination, const void *value, int64_t count) { FILL(any_2); }
APUS_CLONES static void fill_4(any_4 *destination, const void *value, int64_t count) { FILL(any_4); }
APUS_CLONES static void fill_8(any_8 *destination, const void *value, int64_t count) { FILL(any_8); }

void apus_fill(int64_t size, void *destination, const void *value, int64_t count) {
  if (count <= 0) return;
  uint64_t bits = 0;
  memcpy(&bits, value, (size_t)size);
  if (size == 1 || bits == 0) {  // the C library's own is fastest for large blocks
    memset(destination, (int)(bits & 255), (size_t)(count * size));
    return;
  }
  switch (size) {
  case 2: fill_2(destination, value, count); break;
  case 4: fill_4(destination, value, count); break;
  case 8: fill_8(destination, value, count); break;
  }
}
