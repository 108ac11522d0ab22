// A product cut into tiles. The cut depends on the shape alone and k is never split, so that every element of C is summed in one order
// by one thread, whichever that is, and its bits are the same for any number of threads.
//
// Tiles grow with the product: two from about 20 us on, four at 320 us, eight at 2.5 ms, up to 32. Two would do for two cores, more even
// out what else these have to do. Every tile copies its part of B, which costs most where B is transposed, so that then columns are cut
// rather than rows; A is read where it lies. Measured on two Zen 5 cores, GFLOP/s, median of one run; RxC is the grid of tiles
// (m x n x k; N, T: A and B as they lie or transposed):
//
//   128 x 512 x 784 NT  2x2 371  1x4 405  4x1 329  4x2 323  2x4 381  8x1 290
//   128 x 512 x 512 NT  2x2 344  1x4 397  4x1 343  4x2 321  2x4 358  8x1 271
//   128 x 512 x 512 NN  2x2 342  1x4 373  4x1 347           2x4 374  8x1 333
//   512 x 784 x 128 TN  2x2 453  1x4 397  4x1 442  4x2 433  2x4 449  8x1 430
//   512 x 128 x 768 TN                    4x1 421  4x2 420  2x4 435  8x1 430
#include "matmul.h"

enum { MOST_TILES = 32 };

typedef struct {
  double tile_ns;                 // see `is_worth`
  bool grows;                     // the tiles, with the product
  int64_t rows, columns;          // the least extents of a tile that was cut
  int64_t row_unit, column_unit;  // which fill the kernels' blocks
  double copy_b;                  // what it costs to copy B, where to copy A costs 1
} cutting;

static cutting cutting_for(const apus_matmul *s, bool is_blocked) {
  if (s->dtype == APUS_BF16) return (cutting){7000, true, 32, 32, 8, 16, 1};  // by oneDNN, which copies both
  if (is_blocked) return (cutting){5000, true, 32, 96, 8, 16, s->b_column == 1 ? 1 : 4};
  // A few rows are bound by reading B: cut it by columns.
  if (s->m <= 4) return (cutting){2500, false, s->m, 32, 1, 16, 8};
  return (cutting){2500, false, 16, 64, 8, 64, 1};
}

static bool is_worth(const cutting *how, int64_t tiles, double cost) {
  const double t = (double)tiles;
  if (how->grows && tiles == 2) return cost >= 20000;
  return tiles <= MOST_TILES && cost >= how->tile_ns * (how->grows ? t * t * t : t);
}

// On one core of the machine that the figures above come from; within a factor of two elsewhere.
static double cost_of(const apus_matmul *s, bool is_blocked) {
  const double work = (double)s->batch * (double)s->m * (double)s->n * (double)s->k;
  const double operands = (double)s->batch * ((double)s->n * (double)s->k + (double)s->m * (double)s->k);
  const double results = (double)s->batch * (double)s->m * (double)s->n;
  const double bytes = operands * (double)apus_matmul_operand_bytes(s->dtype) + results * (double)apus_matmul_result_bytes(s->dtype);
  const double per_ns = s->dtype == APUS_BF16 ? 200 : s->dtype == APUS_F32 ? (is_blocked ? 100 : 80) : s->dtype == APUS_F64 ? (is_blocked ? 50 : 40) : 10;
  const double computing = work / per_ns, reading = bytes / 100;
  return 20 + (computing > reading ? computing : reading);
}

static int64_t rounded_up(int64_t x, int64_t unit) { return divided_up(x, unit) * unit; }

// The grid of about `wanted` tiles that copies the least; powers of two, since cores are mostly.
static void cut_matrix(apus_matmul_plan *p, const cutting *how, int64_t wanted, bool by_rows, bool by_columns) {
  const apus_matmul *s = &p->shape;
  int64_t best_rows = 1, best_columns = 1;
  double least = 0;
  for (int64_t rows = 1; rows == 1 || (by_rows && rows <= wanted && s->m >= rows * how->rows); rows *= 2)
    for (int64_t columns = 1; columns == 1 || (by_columns && rows * columns <= wanted && s->n >= columns * how->columns); columns *= 2) {
      const double copied = (double)rows * (double)s->n * how->copy_b + (double)columns * (double)s->m;
      const int64_t tiles = rows * columns, best = best_rows * best_columns;
      if (tiles < best || (tiles == best && tiles > 1 && copied > least)) continue;
      best_rows = rows, best_columns = columns, least = copied;
    }
  if (best_rows > 1) p->tile_rows = at_most(s->m, rounded_up(divided_up(s->m, best_rows), how->row_unit));
  if (best_columns > 1) p->tile_columns = at_most(s->n, rounded_up(divided_up(s->n, best_columns), how->column_unit));
}

static void cut(apus_matmul_plan *p, apus_matmul_own_cuts own) {
  const apus_matmul *s = &p->shape;
  p->tile_matrices = s->batch > 0 ? s->batch : 1, p->tile_rows = s->m, p->tile_columns = s->n;
  const bool is_own = p->route == APUS_MATMUL_OWN;
  const cutting how = cutting_for(s, is_own && own.is_blocked);
  int64_t wanted = 1;
  while (is_worth(&how, 2 * wanted, p->cost)) wanted *= 2;
  if (wanted > 1) {
    // Of a batch, whole matrices first.
    p->tile_matrices = divided_up(s->batch, at_most(wanted, s->batch));
    if (p->tile_matrices == 1 && s->batch < wanted)
      cut_matrix(p, &how, wanted / s->batch, !is_own || own.by_rows, !is_own || own.by_columns);
  }
  p->grid_rows = divided_up(s->m, p->tile_rows);
  p->grid_columns = divided_up(s->n, p->tile_columns);
  p->pieces = divided_up(s->batch, p->tile_matrices) * p->grid_rows * p->grid_columns;
}

// Which of the (at most) four kinds of tile this is.
static int kind_of(const apus_matmul_plan *p, const apus_matmul_tile *t) {
  const bool is_last_row = t->end_row - t->first_row < p->tile_rows || t->end_matrix - t->first_matrix < p->tile_matrices;
  return (is_last_row ? 2 : 0) + (t->end_column - t->first_column < p->tile_columns ? 1 : 0);
}

static apus_matmul shape_of(const apus_matmul_plan *p, const apus_matmul_tile *t) {
  apus_matmul s = p->shape;
  s.batch = t->end_matrix - t->first_matrix, s.m = t->end_row - t->first_row, s.n = t->end_column - t->first_column;
  return s;
}

int32_t apus_matmul_plan_make(const apus_matmul *shape, apus_matmul_route_kind route, apus_matmul_plan *plan) {
  apus_matmul_plan p = {.shape = apus_matmul_folded(*shape), .route = route};
  const apus_matmul *s = &p.shape;
  *plan = p;
  if (s->batch <= 0 || s->m <= 0 || s->n <= 0) return 0;
  p.kernels = apus_matmul_own_kernels();
  const apus_matmul_own_cuts own = apus_matmul_own_cuts_of(p.kernels, s);
  p.cost = cost_of(s, own.is_blocked);
  cut(&p, own);
  int32_t status = 0;
  if (route == APUS_MATMUL_PRIMITIVE) {
    // The kinds of tile all occur among the corners of the grid.
    const int64_t corners[] = {0, p.grid_columns - 1, p.pieces - p.grid_columns, p.pieces - 1};
    for (int i = 0; i < 4 && status == 0; i++) {
      const apus_matmul_tile tile = apus_matmul_plan_tile(&p, corners[i]);
      const apus_matmul tile_shape = shape_of(&p, &tile);
      void **primitive = &p.primitives[kind_of(&p, &tile)];
      if (!*primitive) status = apus_onednn_matmul_create(&tile_shape, s->n, s->m * s->n, primitive);
    }
  }
  if (status != 0)
    apus_matmul_plan_destroy(&p);
  else
    *plan = p;
  return status;
}

void apus_matmul_plan_destroy(apus_matmul_plan *plan) {
  for (int i = 0; i < 4; i++) {
    apus_onednn_matmul_destroy(plan->primitives[i]);
    plan->primitives[i] = NULL;
  }
}

apus_matmul_tile apus_matmul_plan_tile(const apus_matmul_plan *p, int64_t piece) {
  const apus_matmul *s = &p->shape;
  const int64_t column = piece % p->grid_columns * p->tile_columns, rest = piece / p->grid_columns;
  const int64_t row = rest % p->grid_rows * p->tile_rows, matrix = rest / p->grid_rows * p->tile_matrices;
  return (apus_matmul_tile){matrix, at_most(matrix + p->tile_matrices, s->batch), row,   at_most(row + p->tile_rows, s->m),
                            column, at_most(column + p->tile_columns, s->n)};
}

int32_t apus_matmul_plan_run(const apus_matmul_plan *p, const void *a, const void *b, const void *bias, void *c, int64_t piece) {
  const apus_matmul *s = &p->shape;
  const apus_matmul_tile tile = apus_matmul_plan_tile(p, piece);
  if (p->route == APUS_MATMUL_OWN) {
    apus_matmul_own_run(p->kernels, s, a, b, bias, c, tile);
    return 0;
  }
  const int64_t bytes = apus_matmul_operand_bytes(s->dtype), c_bytes = apus_matmul_result_bytes(s->dtype);
  const char *from_a = (const char *)a + (tile.first_matrix * s->a_batch + tile.first_row * s->a_row) * bytes;
  const char *from_b = (const char *)b + (tile.first_matrix * s->b_batch + tile.first_column * s->b_column) * bytes;
  char *to = (char *)c + ((tile.first_matrix * s->m + tile.first_row) * s->n + tile.first_column) * c_bytes;
  const float *from_bias = s->has_bias ? (const float *)bias + tile.first_column : NULL;
  return apus_onednn_matmul_run(p->primitives[kind_of(p, &tile)], from_a, from_b, from_bias, to);
}
