// The moments of one element type. Parameters, undefined again at the end: NAME, ELEMENT, LANES (the elements of a 512-bit vector).
#define NAMED_(a, b) a##_##b
#define NAMED__(a, b) NAMED_(a, b)
#define N(part) NAMED__(NAME, part)

typedef ELEMENT N(vector) __attribute__((ext_vector_type(LANES)));
typedef double N(wide) __attribute__((ext_vector_type(LANES)));

enum { N(block_rows) = 64, N(head_rows) = 8, N(strip_vectors) = 16, N(strip_width) = 16 * LANES };

/// Mean and sum of squared distances from it, for a vector of columns.
typedef struct {
  N(wide) mean, squares;
} N(sums);

/// Adds a block of rows, for `count` vectors of columns that are LANES apart. `count` is a constant, so that all running results
/// stay in registers.
APUS_INLINE void N(add_block)(const ELEMENT *x, int count, int64_t rows, int64_t stride, int64_t before, N(sums) *sums) {
  int64_t head = rows < N(head_rows) ? rows : N(head_rows);
  N(vector) centre[4], sum[4], squares[4], v;
  for (int k = 0; k < count; k++) centre[k] = sum[k] = squares[k] = 0;
  for (int64_t row = 0; row < head; row++)
    for (int k = 0; k < count; k++) {
      memcpy(&v, x + row * stride + k * LANES, sizeof v);
      centre[k] += v;
    }
  for (int k = 0; k < count; k++) centre[k] *= 1 / (ELEMENT)head;
  for (int64_t row = 0; row < rows; row++)
    for (int k = 0; k < count; k++) {
      memcpy(&v, x + row * stride + k * LANES, sizeof v);
      v -= centre[k];
      sum[k] += v;
      squares[k] += v * v;
    }
  for (int k = 0; k < count; k++) {
    N(wide) total = __builtin_convertvector(sum[k], N(wide)), shift = total / (double)rows;
    N(wide) mean = __builtin_convertvector(centre[k], N(wide)) + shift;
    N(wide) distances = __builtin_convertvector(squares[k], N(wide)) - total * shift;
    distances = distances < 0 ? (N(wide))0 : distances;  // equal elements whose mean was rounded; a NaN stays
    JOIN(&sums[k], before, mean, distances, rows);
  }
}

/// The sums of `width` columns, LANES to strip_width of them. The last vector overlaps the one before it.
APUS_INLINE void N(strip)(const ELEMENT *x, int64_t rows, int64_t stride, int64_t width, N(sums) *sums) {
  int64_t vectors = (width + LANES - 1) / LANES;
  for (int64_t k = 0; k < vectors; k++) sums[k].mean = sums[k].squares = 0;
  for (int64_t row = 0; row < rows; row += N(block_rows)) {
    const ELEMENT *block = x + row * stride;
    int64_t count = rows - row < N(block_rows) ? rows - row : N(block_rows), k = 0;
    for (; (k + 4) * LANES <= width; k += 4) N(add_block)(block + k * LANES, 4, count, stride, row, sums + k);
    for (; k < vectors; k++) {
      int64_t offset = (k + 1) * LANES <= width ? k * LANES : width - LANES;
      N(add_block)(block + offset, 1, count, stride, row, sums + k);
    }
  }
}

/// Columns that do not fill a vector: a few rows, side by side, count as one; then the columns that are the same one are joined.
APUS_INLINE void N(narrow)(const ELEMENT *x, int64_t rows, int64_t columns, double *mean, double *squares, int64_t begin,
                           int64_t end) {
  int64_t fold = (LANES + columns - 1) / columns, long_rows = rows / fold, width = fold * columns;
  N(sums) sums[2];
  N(strip)(x, long_rows, width, width, sums);
  for (int64_t j = begin; j < end; j++) {
    struct { double mean, squares; } column = {0, 0};
    int64_t count = 0;
    for (int64_t k = j; k < width && long_rows > 0; k += columns, count += long_rows) {
      int64_t lane = k < LANES ? k : k + LANES - (width - LANES);
      N(sums) *part = &sums[lane / LANES];
      double part_mean = part->mean[lane % LANES], part_squares = part->squares[lane % LANES];
      JOIN(&column, count, part_mean, part_squares, long_rows);
    }
    for (; count < rows; count++) {
      double element = (double)x[count * columns + j];
      JOIN(&column, count, element, 0.0, 1);
    }
    mean[j - begin] = column.mean;
    squares[j - begin] = column.squares;
  }
}

/// The means of columns [begin, end), from mean[0] on, and their sums of squared distances from it.
APUS_CLONES static void N(moments)(const ELEMENT *x, int64_t rows, int64_t columns, double *mean, double *squares,
                                   int64_t begin, int64_t end) {
  if (rows == 0) {
    for (int64_t j = begin; j < end; j++) mean[j - begin] = squares[j - begin] = __builtin_nan("");
    return;
  }
  if (columns < LANES) {
    N(narrow)(x, rows, columns, mean, squares, begin, end);
    return;
  }
  N(sums) sums[N(strip_vectors)];
  for (int64_t j = begin; j < end; j += N(strip_width)) {
    int64_t wanted = end - j < N(strip_width) ? end - j : N(strip_width);
    // A range of less than a vector is computed with its neighbours.
    int64_t first = wanted < LANES && j + LANES > columns ? columns - LANES : j, width = wanted < LANES ? LANES : wanted;
    N(strip)(x + first, rows, columns, width, sums);
    for (int64_t k = 0; k < wanted; k++) {
      int64_t position = j - first + k, vector = position / LANES;
      int64_t offset = (vector + 1) * LANES <= width ? vector * LANES : width - LANES;
      mean[j + k - begin] = sums[vector].mean[position - offset];
      squares[j + k - begin] = sums[vector].squares[position - offset];
    }
  }
}

/// Moments of whole columns from their sums.
APUS_INLINE void N(finish)(const double *mean, const double *squares, int64_t rows, int64_t count, ELEMENT *means, ELEMENT *variances) {
  for (int64_t j = 0; j < count; j++) {
    means[j] = (ELEMENT)mean[j];
    variances[j] = (ELEMENT)(squares[j] / (double)rows);
  }
}

#undef N
#undef NAMED_
#undef NAMED__
#undef NAME
#undef ELEMENT
#undef LANES
