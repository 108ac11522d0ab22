// The sums of convolution_rows.h: so many rows and vectors of results stay in registers while all factors pass by.
#include "convolution_rows.h"
#include "isa.h"
#include "vector/kernels.h"

// An address serves three rows: it, one and two steps further.
enum { GROUP = 3, GROUPS = APUS_ROWS_MOST / GROUP };

APUS_INLINE void sum_rows(const apus_row_sums *s, const int rows, const int vectors, const int64_t a_row) {
  f32x16 sums[APUS_ROWS_MOST][APUS_ROWS_MOST_VECTORS], b[APUS_ROWS_MOST_VECTORS];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) memcpy(&sums[r][v], s->first + r * s->first_row + v * APUS_ROWS_LANES, sizeof(f32x16));
  for (int64_t segment = 0; segment < s->segment_count; segment++) {
    const float *with = s->segments[segment].b, *from[GROUPS];
#pragma clang loop unroll(full)
    for (int g = 0; g < (rows + GROUP - 1) / GROUP; g++) from[g] = s->segments[segment].a + g * GROUP * a_row;
    for (int64_t i = 0; i < s->k; i++, with += s->b_step) {
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) memcpy(&b[v], with + v * APUS_ROWS_LANES, sizeof(f32x16));
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sums[r][v] += from[r / GROUP][r % GROUP * a_row] * b[v];
#pragma clang loop unroll(full)
      for (int g = 0; g < (rows + GROUP - 1) / GROUP; g++) {
        from[g] += s->a_step;
        __asm__("" : "+r"(from[g]));  // or each address is computed from the one before, which takes longer than the sums
      }
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      if (s->relu) sums[r][v] = sums[r][v] < 0 ? (f32x16)0 : sums[r][v];
      memcpy(s->c + r * s->c_row + v * APUS_ROWS_LANES, &sums[r][v], sizeof(f32x16));
    }
}

// Neighbouring elements of a need one address.
#define BLOCK(rows, vectors)                                                \
  APUS_CLONES static void sum_##rows##_##vectors(const apus_row_sums *s) {  \
    if (s->a_row == 1)                                                      \
      sum_rows(s, rows, vectors, 1);                                        \
    else                                                                    \
      sum_rows(s, rows, vectors, s->a_row);                                 \
  }
#define BLOCKS(v) \
  BLOCK(1, v) BLOCK(2, v) BLOCK(3, v) BLOCK(4, v) BLOCK(5, v) BLOCK(6, v) BLOCK(8, v) BLOCK(10, v) BLOCK(12, v)
BLOCKS(1)
BLOCKS(2)
BLOCKS(3)
#define TABLE(v) {NULL, sum_1_##v, sum_2_##v, sum_3_##v, sum_4_##v, sum_5_##v, sum_6_##v, NULL, sum_8_##v, NULL, sum_10_##v, NULL, sum_12_##v}
static void (*const blocks[APUS_ROWS_MOST_VECTORS][APUS_ROWS_MOST + 1])(const apus_row_sums *) = {TABLE(1), TABLE(2), TABLE(3)};

int64_t apus_row_block(int64_t count, int64_t vectors) {
  // Of 32 registers of 16 floats, or of about 128 floats.
  static const int8_t wide[] = {12, 12, 8}, narrow[] = {6, 2, 2};
  const int64_t most = apus_active_kernels()->vector_bytes == 64 ? wide[vectors - 1] : narrow[vectors - 1];
  const int64_t parts = (count + most - 1) / most, block = (count + parts - 1) / parts;
  return blocks[vectors - 1][block] ? block : block < count ? block + 1 : block - 1;
}

void apus_sum_rows(const apus_row_sums *sums, int64_t rows, int64_t vectors) { blocks[vectors - 1][rows](sums); }
