// Convolutions of 3 x 3 with stride 1 by Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin and Gray, 2016): 16 multiplications give 2 x 2
// outputs, which take 36 otherwise.
//
// With d a 4 x 4 tile of the input, g the filter, Y = A'[(G g G') * (B' d B)] A. The products of all channels are matrix products, one for
// each of the 16 places: V (tiles, in) times U (in, out). The input's gradient is such a convolution of dy with the filters turned, and
// the filters' gradient is G'[(A dY A') * (B' d B)] G, summed over the tiles.
//
// The transforms only add, and halve for the filters, so that rounding errors stay near those of the plain sum. Channels fill vectors.
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "isa.h"
#include "matmul.h"
#include "scratch.h"
#include "transpose.h"

enum { PLACES = 16, LANES = 16, BLOCK = 64, MOST_PIECES = 64, MOST_PARTS = 16, PART_BYTES = 4 << 20 };

typedef struct {
  apus_convolution_plan plan;
  const void *kernels;
  int64_t from, to;              // channels of the image that is read and of the one that is written
  int64_t image[2], result[2];   // their heights and widths
  int64_t before[2];
  int64_t tiles[2], tile_count;  // of an image, and of all
  int64_t block;                 // tiles at a time
  int64_t panel;                 // columns of U that lie together
  int64_t parts, ranges, width;  // pieces: parts of the tiles times ranges of so many of the channels that are written
} winograd;

// MARK: - Transforms, of one vector of channels

typedef f32x16 vector;
#define FOR4(i) _Pragma("clang loop unroll(full)") for (int i = 0; i < 4; i++)
#define LOAD(v, p) memcpy(&(v), p, sizeof(vector))
#define STORE(p, v) memcpy(p, &(v), sizeof(vector))

// B' d B. `pixels`: the addresses of the 16 pixels.
APUS_CLONES static void transform_input(const float *const *pixels, int64_t channels, float *v, int64_t place_stride) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector d[4][4], r[4][4];
    FOR4(i) FOR4(j) LOAD(d[i][j], pixels[4 * i + j] + c);
    FOR4(j) {
      r[0][j] = d[0][j] - d[2][j];
      r[1][j] = d[1][j] + d[2][j];
      r[2][j] = d[2][j] - d[1][j];
      r[3][j] = d[1][j] - d[3][j];
    }
    FOR4(i) {
      const vector a = r[i][0] - r[i][2], b = r[i][1] + r[i][2], e = r[i][2] - r[i][1], f = r[i][1] - r[i][3];
      float *to = v + 4 * i * place_stride + c;
      STORE(to, a);
      STORE(to + place_stride, b);
      STORE(to + 2 * place_stride, e);
      STORE(to + 3 * place_stride, f);
    }
  }
}

// A' M A. `pixels`: where the 4 outputs go, null for those that there are not.
APUS_CLONES static void transform_output(const float *m, int64_t place_stride, float *const *pixels, int64_t channels, const float *bias,
                                         bool relu) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector p[4][4], s[2][4], y[4], b = 0;
    FOR4(i) FOR4(j) LOAD(p[i][j], m + (4 * i + j) * place_stride + c);
    FOR4(j) {
      s[0][j] = p[0][j] + p[1][j] + p[2][j];
      s[1][j] = p[1][j] - p[2][j] - p[3][j];
    }
    for (int i = 0; i < 2; i++) {
      y[2 * i] = s[i][0] + s[i][1] + s[i][2];
      y[2 * i + 1] = s[i][1] - s[i][2] - s[i][3];
    }
    if (bias) LOAD(b, bias + c);
    FOR4(k) {
      if (bias) y[k] += b;
      if (relu) y[k] = y[k] < 0 ? (vector)0 : y[k];
      if (pixels[k]) STORE(pixels[k] + c, y[k]);
    }
  }
}

// A dY A'. `pixels`: the addresses of the 4 outputs.
APUS_CLONES static void transform_output_gradient(const float *const *pixels, int64_t channels, float *w, int64_t place_stride) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector y[4], r[4][2];
    FOR4(k) LOAD(y[k], pixels[k] + c);
    for (int j = 0; j < 2; j++) {
      r[0][j] = y[j];
      r[1][j] = y[j] + y[2 + j];
      r[2][j] = y[j] - y[2 + j];
      r[3][j] = -y[2 + j];
    }
    FOR4(i) {
      const vector b = r[i][0] + r[i][1], e = r[i][0] - r[i][1], f = -r[i][1];
      float *to = w + 4 * i * place_stride + c;
      STORE(to, r[i][0]);
      STORE(to + place_stride, b);
      STORE(to + 2 * place_stride, e);
      STORE(to + 3 * place_stride, f);
    }
  }
}

// G g G' for a vector of filters' elements: g[i][j] are `tap` elements apart, turned by 180 degrees if so wanted.
APUS_INLINE void transform_filter(const float *g, int64_t tap, bool turned, float *u, int64_t place_stride) {
  vector f[3][3], r[4][3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) LOAD(f[i][j], g + (turned ? 8 - 3 * i - j : 3 * i + j) * tap);
  for (int j = 0; j < 3; j++) {
    const vector outer = f[0][j] + f[2][j];
    r[0][j] = f[0][j];
    r[1][j] = (outer + f[1][j]) * 0.5f;
    r[2][j] = (outer - f[1][j]) * 0.5f;
    r[3][j] = f[2][j];
  }
  FOR4(i) {
    const vector outer = r[i][0] + r[i][2], b = (outer + r[i][1]) * 0.5f, e = (outer - r[i][1]) * 0.5f;
    float *to = u + 4 * i * place_stride;
    STORE(to, r[i][0]);
    STORE(to + place_stride, b);
    STORE(to + 2 * place_stride, e);
    STORE(to + 3 * place_stride, r[i][2]);
  }
}

// 16 filters times 16 channels, so that they can be transposed: u[place][channel or filter][...], rows `row` elements apart.
APUS_CLONES static void transform_filters(const float *w, int64_t filter, int64_t tap, bool turned, float *u, int64_t place_stride, int64_t row) {
  float block[PLACES * LANES * LANES];
  for (int o = 0; o < LANES; o++) transform_filter(w + o * filter, tap, turned, block + o * LANES, LANES * LANES);
  for (int place = 0; place < PLACES; place++) {
    const float *from = block + place * LANES * LANES;
    float *to = u + place * place_stride;
    if (turned)
      for (int o = 0; o < LANES; o++) memcpy(to + o * row, from + o * LANES, sizeof(vector));
    else
      apus_transpose(4, from, LANES, to, row, LANES, LANES);
  }
}

// G' D G, for the channels of one filter.
APUS_CLONES static void transform_filter_gradient(const float *d, int64_t place_stride, int64_t channels, float *g) {
  for (int64_t c = 0; c < channels; c += LANES) {
    vector m[4][4], r[3][4];
    FOR4(i) FOR4(j) LOAD(m[i][j], d + (4 * i + j) * place_stride + c);
    FOR4(j) {
      const vector half = (m[1][j] + m[2][j]) * 0.5f;
      r[0][j] = m[0][j] + half;
      r[1][j] = (m[1][j] - m[2][j]) * 0.5f;
      r[2][j] = half + m[3][j];
    }
    for (int i = 0; i < 3; i++) {
      const vector half = (r[i][1] + r[i][2]) * 0.5f;
      const vector a = r[i][0] + half, b = (r[i][1] - r[i][2]) * 0.5f, e = half + r[i][3];
      float *to = g + 3 * i * channels + c;
      STORE(to, a);
      STORE(to + channels, b);
      STORE(to + 2 * channels, e);
    }
  }
}

// MARK: - Blocks of tiles

typedef struct {
  int64_t n, y, x;  // of the first pixel of its result
} tile;

static tile tile_at(const winograd *o, int64_t number) {
  const int64_t rest = number / o->tiles[1];
  return (tile){rest / o->tiles[0], rest % o->tiles[0] * 2, number % o->tiles[1] * 2};
}

// V (places, tiles, channels) of the tiles [first, end).
static void read_tiles(const winograd *o, const float *image, const float *zeros, int64_t first, int64_t end, float *v) {
  for (int64_t number = first; number < end; number++, v += o->from) {
    const tile t = tile_at(o, number);
    const float *pixels[16];
    FOR4(i) FOR4(j) {
      const int64_t y = t.y + i - o->before[0], x = t.x + j - o->before[1];
      const bool is_inside = y >= 0 && y < o->image[0] && x >= 0 && x < o->image[1];
      pixels[4 * i + j] = is_inside ? image + ((t.n * o->image[0] + y) * o->image[1] + x) * o->from : zeros;
    }
    transform_input(pixels, o->from, v, o->block * o->from);
  }
}

// The addresses of a tile's results, `missing` for those beyond the image.
static void result_pixels(const winograd *o, int64_t number, const float *image, const float *missing, const float *pixels[4]) {
  const tile t = tile_at(o, number);
  for (int k = 0; k < 4; k++) {
    const int64_t y = t.y + k / 2, x = t.x + k % 2;
    pixels[k] = y < o->result[0] && x < o->result[1] ? image + ((t.n * o->result[0] + y) * o->result[1] + x) * o->to : missing;
  }
}

// A part of the work: tiles [first, end) and the channels [begin, limit) of what is written.
typedef struct {
  int64_t first, end, begin, limit;
} share;

static void convolve(const winograd *o, const float *image, const float *u, const float *bias, float *result, share s) {
  const int64_t width = s.limit - s.begin, v_count = PLACES * o->block * o->from, m_count = PLACES * o->block * width;
  float *v = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(v_count + m_count + o->from) * 4), *m = v + v_count;
  float *zeros = m + m_count;
  memset(zeros, 0, (size_t)o->from * 4);
  for (int64_t first = s.first; first < s.end; first += o->block) {
    const int64_t end = apus_least(first + o->block, s.end);
    read_tiles(o, image, zeros, first, end, v);
    for (int64_t place = 0; place < PLACES; place++)
      for (int64_t column = 0; column < width; column += o->panel)
        apus_matmul_own_block(o->kernels, &(apus_matmul_block){
            .dtype = APUS_F32, .rows = end - first, .columns = o->panel, .k = o->from, .a = v + place * o->block * o->from, .a_row = o->from,
            .a_column = 1, .b = u + (place * o->to + s.begin + column) * o->from, .b_row = o->panel,
            .c = m + place * o->block * width + column, .c_row = width});
    for (int64_t number = first; number < end; number++) {
      const float *pixels[4];
      result_pixels(o, number, result + s.begin, NULL, pixels);
      transform_output(m + (number - first) * width, o->block * width, (float *const *)pixels, width, bias ? bias + s.begin : NULL, o->plan.relu);
    }
  }
}

// sums (places, filters, channels) = what the tiles contribute to the filters.
static void correlate(const winograd *o, const float *image, const float *dy, float *sums, share s) {
  const int64_t width = s.limit - s.begin, v_count = PLACES * o->block * o->from, w_count = PLACES * o->block * width;
  const int64_t widest = apus_greatest(o->from, width);
  float *v = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(v_count + w_count + widest) * 4), *w = v + v_count;
  float *zeros = w + w_count;
  memset(zeros, 0, (size_t)widest * 4);
  for (int64_t first = s.first; first < s.end; first += o->block) {
    const int64_t end = apus_least(first + o->block, s.end);
    read_tiles(o, image, zeros, first, end, v);
    for (int64_t number = first; number < end; number++) {
      const float *pixels[4];
      result_pixels(o, number, dy + s.begin, zeros, pixels);
      transform_output_gradient(pixels, width, w + (number - first) * width, o->block * width);
    }
    for (int64_t place = 0; place < PLACES; place++)
      apus_matmul_own_block(o->kernels, &(apus_matmul_block){
          .dtype = APUS_F32, .rows = width, .columns = o->from, .k = end - first, .a = w + place * o->block * width, .a_row = 1,
          .a_column = width, .b = v + place * o->block * o->from, .b_row = o->from, .adds = first > s.first,
          .c = sums + place * width * o->from, .c_row = o->from});
  }
}

// MARK: - Phases

// U (places, panels of columns, from, panel), of 16 filters in a piece.
static void make_u(const winograd *o, const float *w, float *u, int64_t piece) {
  const apus_convolution *c = &o->plan.shape;
  const bool turned = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t in = c->in_channels, place_stride = o->from * o->to, filter = piece * LANES;
  for (int64_t channel = 0; channel < in; channel += LANES) {
    const int64_t row = turned ? filter : channel, column = turned ? channel : filter;
    float *to = u + (column / o->panel * o->from + row) * o->panel + column % o->panel;
    transform_filters(w + filter * 9 * in + channel, 9 * in, in, turned, to, place_stride, o->panel);
  }
}

static share share_of(const winograd *o, int64_t piece) {
  const int64_t range = piece % o->ranges, part = piece / o->ranges;
  return (share){part * o->tile_count / o->parts, (part + 1) * o->tile_count / o->parts, range * o->width, (range + 1) * o->width};
}

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const winograd *o = (const winograd *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  if (plan->kind != APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    if (phase == 0)
      make_u(o, (const float *)at.second, (float *)at.scratch, piece);
    else
      convolve(o, (const float *)at.first, (const float *)at.scratch, (const float *)at.bias, (float *)at.result, share_of(o, piece));
    return;
  }
  // The sums of a range of filters lie together: (parts, ranges, places, filters of the range, channels).
  const int64_t sums = PLACES * o->width * o->from, all = sums * o->ranges;
  if (phase == 0) {
    correlate(o, (const float *)at.first, (const float *)at.second, (float *)at.scratch + piece * sums, share_of(o, piece));
    return;
  }
  // 16 filters: their sums over the parts, place by place, then the transform.
  const int64_t filter = piece * LANES, within = filter % o->width, count = LANES * o->from;
  float *total = (float *)at.scratch + filter / o->width * sums + within * o->from;
  for (int64_t place = 0; place < PLACES && o->parts > 1; place++, total += o->width * o->from)
    apus_sum_parts(APUS_F32, total, o->parts, all, total, 0, count);
  total = (float *)at.scratch + filter / o->width * sums + within * o->from;
  for (int64_t k = 0; k < LANES; k++)
    transform_filter_gradient(total + k * o->from, o->width * o->from, o->from, (float *)at.result + (filter + k) * 9 * o->from);
}

static void destroy(apus_convolution_plan *plan) { free(plan); }

bool apus_convolution_suits_winograd(const apus_convolution *c) {
  if (c->dtype != APUS_F32 || c->groups != 1 || c->input[0] != 1 || c->output[0] != 1 || c->kernel[0] != 1 || c->before[0] != 0) return false;
  for (int a = 1; a < 3; a++)
    if (c->kernel[a] != 3 || c->stride[a] != 1 || c->dilation[a] != 1 || c->before[a] > 2) return false;
  return c->in_channels % LANES == 0 && c->out_channels % LANES == 0;
}

apus_convolution_plan *apus_convolution_winograd(const apus_convolution_plan *start) {
  const apus_convolution *c = &start->shape;
  const bool is_backwards = start->kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  if (!apus_convolution_suits_winograd(c)) return NULL;
  winograd *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  apus_convolution_plan *plan = &o->plan;
  plan->run = run;
  plan->destroy = destroy;
  o->kernels = apus_matmul_own_kernels();
  o->from = is_backwards ? c->out_channels : c->in_channels;
  o->to = is_backwards ? c->in_channels : c->out_channels;
  o->tile_count = c->batch;
  for (int a = 0; a < 2; a++) {
    o->image[a] = is_backwards ? c->output[a + 1] : c->input[a + 1];
    o->result[a] = is_backwards ? c->input[a + 1] : c->output[a + 1];
    o->before[a] = is_backwards ? 2 - c->before[a + 1] : c->before[a + 1];
    o->tiles[a] = apus_divided_up(o->result[a], 2);
    o->tile_count *= o->tiles[a];
  }
  o->panel = o->to % 64 == 0 ? 64 : o->to % 48 == 0 ? 48 : o->to % 32 == 0 ? 32 : 16;
  o->block = apus_least(BLOCK, o->tile_count);
  const double work = (double)o->tile_count * PLACES * (double)(o->from * o->to);
  const double cost = 1000 + work / 90 + (double)o->tile_count * (double)(o->from + o->to) * 0.6;
  const int64_t weights = PLACES * o->from * o->to, wanted = apus_least(apus_greatest(1, (int64_t)(cost / 100000)), MOST_PIECES);
  plan->scratch_bytes = weights * 4;
  plan->phases = 2;
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    // The sums of some filters stay in the second-level cache. Every range transforms all of the image; that is little beside the products.
    o->width = o->panel;
    o->ranges = o->to / o->width;
    const int64_t most = apus_greatest(PART_BYTES / (weights * 4), apus_divided_up(8, o->ranges));
    o->parts = apus_least(apus_least(apus_divided_up(wanted, o->ranges), MOST_PARTS), apus_least(most, apus_divided_up(o->tile_count, BLOCK)));
    plan->scratch_bytes *= o->parts;
    plan->phase[0] = (apus_convolution_phase){o->parts * o->ranges, cost};
    plan->phase[1] = (apus_convolution_phase){c->out_channels / LANES, 0.1 * (double)(weights * (o->parts + 2))};
  } else {
    o->parts = apus_least(wanted, apus_divided_up(o->tile_count, BLOCK));
    o->ranges = 1;
    while (2 * o->ranges * o->parts <= wanted && o->to % (2 * o->ranges * o->panel) == 0) o->ranges *= 2;
    o->width = o->to / o->ranges;
    plan->phase[0] = (apus_convolution_phase){c->out_channels / LANES, 0.3 * (double)weights};
    plan->phase[1] = (apus_convolution_phase){o->parts * o->ranges, cost};
  }
  return plan;
}
