// A product cut into tiles. The cut depends on the shape alone and k is never split, so that every element of C is summed in one order
// by one thread, whichever that is, and its bits are the same for any number of threads.
//
// Measured on two Zen 5 cores, GFLOP/s, near the best of several rounds, oneDNN 2.6.3; RxC is the grid of tiles (m x n x k; N, T: A and B as they lie or transposed):
//
//   1024 x 1024 x 1024 NN  gemm       2x1 349  4x1 375  2x2 381  8x1 369  4x2 373  2x4 316  16x1 337  8x2 355  4x4 321  8x4 347
//   1024 x 1024 x 1024 NT  primitive  2x1 380  4x1 372  2x2 351  8x1 324  4x2 343  2x4 342  16x1 346  8x2 308  4x4 341  8x4 301
//   1024 x 1024 x 256  TN  gemm       2x1 404  4x1 404  2x2 392  8x1 393  4x2 394  2x4 362  16x1 360  8x2 375  4x4 337  8x4 343
//    512 x  512 x 512  NN  gemm       2x1 406  4x1 415  2x2 392  8x1 404  4x2 393  2x4 406  16x1 402  8x2 387  4x4 402  8x4 408
//    256 x 1024 x 1024 NT  primitive  2x1 376  4x1 348  2x2 321  8x1 290  4x2 258  2x4 310  1x2 359   1x4 356  4x4 252  8x4 181
//    256 x  256 x 256  NT  primitive  2x1 388  4x1 370  2x2 334  8x1 309  4x2 313  2x4 274  16x1 259  8x2 272  4x4 209  8x4 143
//
// A call copies its part of A and of B into an order of its own: fewer rows in a tile copy B more often, which costs most where B is
// transposed. So tiles grow with the product, from two tiles at about 50 us, four at 400 us, eight at 3 ms to 32. Tiles of
// full width, which lie in one piece in memory, are preferred where they are as fast.
#include "matmul.h"

enum { MOST_TILES = 32 };

typedef struct {
  double tile_ns;                 // see `is_worth`
  bool grows;                     // the tiles, with the product
  int64_t rows, columns;          // the least extents of a tile that was cut
  int64_t row_unit, column_unit;  // which fill the kernels' blocks
  double copy_b;                  // what it costs to copy B, where to copy A costs 1
} cutting;

static cutting cutting_for(const apus_matmul *s, apus_matmul_route_kind route, bool is_blocked) {
  switch (route) {
    case APUS_MATMUL_GEMM: return (cutting){5000, true, 32, 32, 8, 16, 0.25};
    case APUS_MATMUL_PRIMITIVE: return (cutting){7000, true, 32, 32, 8, 16, 1};
    default:
      if (is_blocked) return (cutting){5000, true, 32, 64, 2, 32, 1};
      // A few rows are bound by reading B: cut it by columns.
      if (s->m <= 4) return (cutting){2500, false, s->m, 32, 1, 16, 8};
      return (cutting){2500, false, 16, 64, 8, 64, 1};
  }
}

static bool is_worth(const cutting *how, int64_t tiles, double cost) {
  const double t = (double)tiles;
  if (how->grows && tiles == 2) return cost >= 20000;
  return tiles <= MOST_TILES && cost >= how->tile_ns * (how->grows ? t * t * t : t);
}

// On one core of the machine that the figures above come from; within a factor of two elsewhere.
static double cost_of(const apus_matmul *s, apus_matmul_route_kind route, bool is_blocked) {
  const double work = (double)s->batch * (double)s->m * (double)s->n * (double)s->k;
  const double operands = (double)s->batch * ((double)s->n * (double)s->k + (double)s->m * (double)s->k);
  const double results = (double)s->batch * (double)s->m * (double)s->n;
  const double bytes = operands * (double)apus_matmul_operand_bytes(s->dtype) + results * (double)apus_matmul_result_bytes(s->dtype);
  const double own = s->dtype == APUS_F32 ? (is_blocked ? 100 : 80) : s->dtype == APUS_F64 ? (is_blocked ? 50 : 40) : 10;
  const double per_ns = s->dtype == APUS_BF16 ? 200 : route != APUS_MATMUL_OWN ? 100 : own;
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
  const cutting how = cutting_for(s, p->route, is_own && own.is_blocked);
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
  p.cost = cost_of(s, route, own.is_blocked);
  cut(&p, own);
  int32_t status = 0;
  if (route == APUS_MATMUL_GEMM) status = apus_onednn_gemm_check(s);
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
  if (p->route != APUS_MATMUL_OWN) {
    const int64_t bytes = apus_matmul_operand_bytes(s->dtype), c_bytes = apus_matmul_result_bytes(s->dtype);
    const char *from_a = (const char *)a + (tile.first_matrix * s->a_batch + tile.first_row * s->a_row) * bytes;
    const char *from_b = (const char *)b + (tile.first_matrix * s->b_batch + tile.first_column * s->b_column) * bytes;
    char *to = (char *)c + ((tile.first_matrix * s->m + tile.first_row) * s->n + tile.first_column) * c_bytes;
    int32_t status;
    if (p->route == APUS_MATMUL_GEMM) {
      const apus_matmul tile_shape = shape_of(p, &tile);
      status = apus_onednn_gemm(&tile_shape, (const float *)from_a, (const float *)from_b, (float *)to, s->n, s->m * s->n);
    } else {
      const float *from_bias = s->has_bias ? (const float *)bias + tile.first_column : NULL;
      status = apus_onednn_matmul_run(p->primitives[kind_of(p, &tile)], from_a, from_b, from_bias, to);
    }
    if (status == 0 || s->dtype != APUS_F32) return status;
  }
  apus_matmul_own_run(p->kernels, s, a, b, bias, c, tile);
  return 0;
}
