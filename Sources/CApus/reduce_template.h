// One reduction of one element type. Parameters, all undefined again at the end:
//   NAME             the reduction's name; LANES the elements in a 512-bit vector (at least)
//   ELEMENT, RESULT  what is read, what is written
//   PARTIAL, TOTAL   what a block of elements is gathered in, and what the blocks are gathered in
//   NEUTRAL          the neutral element of COMBINE;  PADDING: an element that TAKE maps to it
//   TAKE(v, type)    an element vector as a PARTIAL vector;  COMBINE(a, b)
// Rounding errors stay small for any length: a block is about 20 additions deep, its result is added to a wider TOTAL.
// The order of the operations depends only on (count, inner), never on how the outer range is split.
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(NAME, part)

typedef ELEMENT N(ev) __attribute__((ext_vector_type(LANES)));
typedef PARTIAL N(pv) __attribute__((ext_vector_type(LANES)));
typedef TOTAL N(tv) __attribute__((ext_vector_type(LANES)));
typedef __typeof__((N(ev)){0} == (N(ev)){0}) N(mask);
typedef ELEMENT N(e1) __attribute__((ext_vector_type(1)));
typedef PARTIAL N(p1) __attribute__((ext_vector_type(1)));
typedef TOTAL N(t1) __attribute__((ext_vector_type(1)));

#define LOAD(pointer) ({ N(ev) v_; memcpy(&v_, pointer, sizeof v_); v_; })
#define TAKEN(pointer) ({ N(ev) e_ = LOAD(pointer); TAKE(e_, N(pv)); })

/// A few elements, `stride` apart, one after the other.
APUS_INLINE TOTAL N(few)(const ELEMENT *x, int64_t count, int64_t stride) {
  N(t1) total = (TOTAL)NEUTRAL;
  for (int64_t i = 0; i < count; i++) {
    N(e1) e = x[i * stride];
    N(p1) p = TAKE(e, N(p1));
    N(t1) t = __builtin_convertvector(p, N(t1));
    total = COMBINE(total, t);
  }
  return total[0];
}

/// Adds dense elements to `total`: four vectors of running results, in blocks of 1,024 elements (f32). Returns how many it took:
/// all but the last few, which do not fill four vectors.
APUS_INLINE int64_t N(row_add)(const ELEMENT *x, int64_t count, N(tv) *total) {
  int64_t i = 0;
  while (count - i >= 4 * LANES) {
    int64_t left = count - i, stop = i + (left < 64 * LANES ? left / (4 * LANES) * (4 * LANES) : 64 * LANES);
    N(pv) a = (PARTIAL)NEUTRAL, b = a, c = a, d = a;
    for (; i < stop; i += 4 * LANES) {
      N(pv) a_ = TAKEN(x + i), b_ = TAKEN(x + i + LANES), c_ = TAKEN(x + i + 2 * LANES), d_ = TAKEN(x + i + 3 * LANES);
      a = COMBINE(a, a_);
      b = COMBINE(b, b_);
      c = COMBINE(c, c_);
      d = COMBINE(d, d_);
    }
    a = COMBINE(a, b);
    c = COMBINE(c, d);
    a = COMBINE(a, c);
    N(tv) t = __builtin_convertvector(a, N(tv)), running = *total;
    *total = COMBINE(running, t);
  }
  return i;
}

/// The result of `total` and of what N(row_add) left of the elements: those from `i` to `count`.
APUS_INLINE TOTAL N(row_finish)(const ELEMENT *x, int64_t i, int64_t count, const N(tv) *added) {
  N(tv) total = *added;
  N(pv) rest = (PARTIAL)NEUTRAL;
  for (; count - i >= LANES; i += LANES) {
    N(pv) p = TAKEN(x + i);
    rest = COMBINE(rest, p);
  }
  if (i < count) {  // The last vector overlaps what has been counted (or nothing at all): those lanes are blanked out.
    N(ev) e;
    if (count >= LANES) {
      N(mask) lane, counted = (N(mask))(__typeof__(lane[0]))(LANES - (count - i));
      for (int k = 0; k < LANES; k++) lane[k] = (__typeof__(lane[0]))k;
      e = LOAD(x + count - LANES);
      e = lane < counted ? (N(ev))(ELEMENT)PADDING : e;
    } else {
      ELEMENT part[LANES];
      for (int64_t k = 0; k < LANES; k++) part[k] = k < LANES - count ? (ELEMENT)PADDING : x[k - (LANES - count)];
      e = LOAD(part);
    }
    N(pv) p = TAKE(e, N(pv));
    rest = COMBINE(rest, p);
  }
  N(tv) t = __builtin_convertvector(rest, N(tv));
  total = COMBINE(total, t);
  TOTAL lanes[LANES];
  memcpy(lanes, &total, sizeof lanes);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int k = 0; k < width; k++) {
      N(t1) p = lanes[k], q = lanes[k + width];
      p = COMBINE(p, q);
      lanes[k] = p[0];
    }
  return lanes[0];
}

APUS_INLINE TOTAL N(row)(const ELEMENT *x, int64_t count) {
  if (count < LANES) return N(few)(x, count, 1);
  N(tv) total = (TOTAL)NEUTRAL;
  int64_t taken = N(row_add)(x, count, &total);
  return N(row_finish)(x, taken, count, &total);
}

enum { N(strip_vectors) = 64, N(strip_width) = 64 * LANES, N(block_rows) = 128 };

// A strip is `width` columns (LANES to strip_width), whose running results stay in the first-level cache: `partial` those of
// the rows since the last whole block, `total` those of the blocks.
#define VECTORS(width) (((width) + LANES - 1) / LANES)
#define OFFSET(v) ((v) * LANES < width - LANES ? (v) * LANES : width - LANES)  // the last vector overlaps the one before it

APUS_INLINE void N(strip_begin)(int64_t width, N(pv) *partial, N(tv) *total) {
  for (int64_t v = 0; v < VECTORS(width); v++) {
    partial[v] = (PARTIAL)NEUTRAL;
    total[v] = (TOTAL)NEUTRAL;
  }
}

/// Adds `rows` rows that are `stride` elements apart, eight at a time: all calls but the last one for a strip bring a multiple of
/// eight. `pending` rows are in `partial`; returns how many are now.
APUS_INLINE int64_t N(strip_add)(const ELEMENT *x, int64_t rows, int64_t stride, int64_t width, N(pv) *partial, N(tv) *total,
                                 int64_t pending) {
  const int64_t vectors = VECTORS(width);
  for (int64_t row = 0; row < rows;) {
    int64_t start = row, room = N(block_rows) - pending, stop = rows - row > room ? row + room : rows;
    for (; stop - row >= 8; row += 8)
      for (int64_t v = 0; v < vectors; v++) {
        const ELEMENT *p = x + row * stride + OFFSET(v);
        N(pv) a = TAKEN(p), b = TAKEN(p + stride), c = TAKEN(p + 2 * stride), d = TAKEN(p + 3 * stride);
        p += 4 * stride;
        N(pv) e = TAKEN(p), f = TAKEN(p + stride), g = TAKEN(p + 2 * stride), h = TAKEN(p + 3 * stride);
        a = COMBINE(a, b);
        c = COMBINE(c, d);
        e = COMBINE(e, f);
        g = COMBINE(g, h);
        a = COMBINE(a, c);
        e = COMBINE(e, g);
        a = COMBINE(a, e);
        N(pv) running = partial[v];
        partial[v] = COMBINE(running, a);
      }
    for (; row < stop; row++)
      for (int64_t v = 0; v < vectors; v++) {
        N(pv) a = TAKEN(x + row * stride + OFFSET(v)), running = partial[v];
        partial[v] = COMBINE(running, a);
      }
    pending += stop - start;
    if (pending < N(block_rows)) continue;
    for (int64_t v = 0; v < vectors; v++) {
      N(tv) t = __builtin_convertvector(partial[v], N(tv)), running = total[v];
      total[v] = COMBINE(running, t);
      partial[v] = (PARTIAL)NEUTRAL;
    }
    pending = 0;
  }
  return pending;
}

APUS_INLINE void N(strip_finish)(int64_t width, const N(pv) *partial, const N(tv) *total, int64_t pending, TOTAL *results) {
  for (int64_t v = 0; v < VECTORS(width); v++) {
    N(tv) t = __builtin_convertvector(partial[v], N(tv)), whole = total[v];
    if (pending > 0) whole = COMBINE(whole, t);
    memcpy(results + OFFSET(v), &whole, LANES * sizeof(TOTAL));
  }
}
#undef VECTORS
#undef OFFSET

APUS_INLINE void N(strip)(const ELEMENT *x, int64_t rows, int64_t stride, int64_t width, TOTAL *results) {
  N(pv) partial[N(strip_vectors)];
  N(tv) total[N(strip_vectors)];
  N(strip_begin)(width, partial, total);
  int64_t pending = N(strip_add)(x, rows, stride, width, partial, total, 0);
  N(strip_finish)(width, partial, total, pending, results);
}

/// Every column of a dense (rows, inner) matrix.
APUS_INLINE void N(columns)(const ELEMENT *x, RESULT *result, int64_t rows, int64_t inner) {
  // Columns that do not fill a vector: `fold` rows (a power of two), side by side, count as one, and their results are folded at the end.
  int64_t fold = 1;
  while (inner < LANES && fold * inner < 4 * LANES && 2 * fold <= rows) fold *= 2;
  int64_t width = fold * inner;
  if (rows == 0 || width < LANES) {
    for (int64_t j = 0; j < inner; j++) result[j] = (RESULT)N(few)(x + j, rows, inner);
    return;
  }
  TOTAL results[N(strip_width)];
  for (int64_t j = 0; j < width; j += N(strip_width)) {
    int64_t first = width - j < LANES ? width - LANES : j;
    int64_t columns = width - first < N(strip_width) ? width - first : N(strip_width);
    N(strip)(x + first, rows / fold, width, columns, results);
    if (fold == 1)
      for (int64_t k = 0; k < columns; k++) result[first + k] = (RESULT)results[k];
  }
  if (fold == 1) return;
  const ELEMENT *rest = x + rows / fold * width;
  for (int64_t k = 0; k < rows % fold * inner; k++) {
    N(e1) e = rest[k];
    N(p1) p = TAKE(e, N(p1));
    N(t1) t = __builtin_convertvector(p, N(t1)), running = results[k];
    running = COMBINE(running, t);
    results[k] = running[0];
  }
  for (fold /= 2; fold > 0; fold /= 2)
    for (int64_t k = 0; k < fold * inner; k++) {
      N(t1) t = results[fold * inner + k], running = results[k];
      running = COMBINE(running, t);
      results[k] = running[0];
    }
  for (int64_t j = 0; j < inner; j++) result[j] = (RESULT)results[j];
}

APUS_CLONES static void N(run)(const ELEMENT *x, RESULT *result, int64_t count, int64_t inner, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; o++) {
    if (inner == 1)
      result[o] = (RESULT)N(row)(x + o * count, count);
    else
      N(columns)(x + o * count * inner, result + o * inner, count, inner);
  }
}

#undef LOAD
#undef TAKEN
#undef N
#undef NAMED_
#undef NAMED__
#undef NAME
#undef RESULT
#undef PARTIAL
#undef TOTAL
#undef NEUTRAL
#undef PADDING
#undef TAKE
#undef COMBINE
