// The position of an extreme, for one element type. Parameters, undefined again at the end: TYPE (its name), ELEMENT, LANES,
// INDEX (the signed integer of the element's size).
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(part, TYPE)

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wtautological-compare"  // x != x, for integers

typedef ELEMENT N(vector) __attribute__((ext_vector_type(LANES)));

// NaN counts as the extreme, and the first one wins.
#define BEYOND(x, best) (largest ? (x) > (best) : (x) < (best))
#define BETTER(x, best) (BEYOND(x, best) | (((x) != (x)) & ((best) == (best))))

/// The extreme of a block: NaN if any element is.
APUS_INLINE ELEMENT N(block_extreme)(bool largest, const ELEMENT *x, int64_t count) {
  int64_t i = 0;
  ELEMENT best = x[0];
  if (count >= 2 * LANES) {
    N(vector) a, b, v, w;
    memcpy(&a, x, sizeof a);
    memcpy(&b, x + LANES, sizeof b);
    for (i = 2 * LANES; count - i >= 2 * LANES; i += 2 * LANES) {
      memcpy(&v, x + i, sizeof v);
      memcpy(&w, x + i + LANES, sizeof w);
      a = (BEYOND(v, a) | (v != v)) ? v : a;
      b = (BEYOND(w, b) | (w != w)) ? w : b;
    }
    a = (BEYOND(b, a) | (b != b)) ? b : a;
    ELEMENT lanes[LANES];
    memcpy(lanes, &a, sizeof a);
    best = lanes[0];
    for (int k = 1; k < LANES; k++) best = BETTER(lanes[k], best) ? lanes[k] : best;
  }
  for (; i < count; i++) best = BETTER(x[i], best) ? x[i] : best;
  return best;
}

/// Block by block: only the block that holds the extreme is searched for it.
APUS_INLINE int64_t N(arg_row)(bool largest, const ELEMENT *x, int64_t count) {
  if (count < 2 * LANES) {
    ELEMENT best = x[0];
    int64_t position = 0;
    for (int64_t i = 1; i < count; i++) {
      bool better = BETTER(x[i], best);
      best = better ? x[i] : best;
      position = better ? i : position;
    }
    return position;
  }
  ELEMENT best = 0;
  int64_t position = 0;
  for (int64_t i = 0; i < count; i += 4096) {
    ELEMENT extreme = N(block_extreme)(largest, x + i, count - i < 4096 ? count - i : 4096);
    if (i == 0 || BETTER(extreme, best)) {
      best = extreme;
      position = i;
    }
    if (best != best) break;
  }
  if (best != best) {
    while (x[position] == x[position]) position++;
    return position;
  }
  for (; count - position >= LANES; position += LANES) {
    N(vector) v;
    memcpy(&v, x + position, sizeof v);
    if (__builtin_reduce_or(v == best)) break;
  }
  while (x[position] != best) position++;
  return position;
}

APUS_INLINE void N(arg_columns)(bool largest, const ELEMENT *x, int64_t *result, int64_t rows, int64_t inner) {
  enum { width = 256, depth = 64 };  // `depth` rows are counted in INDEX, which is as wide as an element: it vectorises
  for (int64_t j = 0; j < inner; j += width) {
    int64_t columns = inner - j < width ? inner - j : width;
    ELEMENT best[width];
    memcpy(best, x + j, (size_t)columns * sizeof(ELEMENT));
    memset(result + j, 0, (size_t)columns * sizeof(int64_t));
    for (int64_t row = 0; row < rows; row += depth) {
      INDEX stop = (INDEX)(rows - row < depth ? rows - row : depth), position[width];
      memset(position, 0xff, sizeof position);  // -1: none better in these rows
      for (INDEX r = 0; r < stop; r++) {
        const ELEMENT *p = x + (row + r) * inner + j;
        for (int64_t k = 0; k < columns; k++) {
          bool better = BETTER(p[k], best[k]);
          best[k] = better ? p[k] : best[k];
          position[k] = better ? r : position[k];
        }
      }
      for (int64_t k = 0; k < columns; k++) result[j + k] = position[k] >= 0 ? row + position[k] : result[j + k];
    }
  }
}

APUS_INLINE void N(arg_any)(bool largest, const ELEMENT *x, int64_t *result, int64_t count, int64_t inner, int64_t begin,
                            int64_t end) {
  for (int64_t o = begin; o < end; o++) {
    if (inner == 1)
      result[o] = N(arg_row)(largest, x + o * count, count);
    else
      N(arg_columns)(largest, x + o * count * inner, result + o * inner, count, inner);
  }
}

APUS_CLONES static void N(arg_max)(const ELEMENT *x, int64_t *result, int64_t count, int64_t inner, int64_t begin, int64_t end) {
  N(arg_any)(true, x, result, count, inner, begin, end);
}
APUS_CLONES static void N(arg_min)(const ELEMENT *x, int64_t *result, int64_t count, int64_t inner, int64_t begin, int64_t end) {
  N(arg_any)(false, x, result, count, inner, begin, end);
}

#pragma clang diagnostic pop

#undef N
#undef NAMED_
#undef NAMED__
#undef BEYOND
#undef BETTER
#undef TYPE
#undef ELEMENT
#undef LANES
#undef INDEX
