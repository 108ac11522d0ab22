// Convolutions by Winograd's minimal filtering; winograd.h has the formulas. The products of all channels are matrix products, one for each
// place of a tile: V (tiles, in) times U (in, out). The input's gradient is such a convolution of dy with the filters turned; the filters'
// gradient is summed over the tiles.
//
// With a stride of 2, every other pixel along each axis belongs to one phase. Each phase is convolved with its own taps of the filter,
// two of three or four along an axis (a third of three is 0), with stride 1: the phases of an image that is read are more channels of V,
// those of one that is written more columns of the product.
//
// Many tiles share filters that are transformed beforehand; where they are few, filters are transformed where they are needed, so that their
// transforms, which are larger, never reach memory.
#include <stdlib.h>
#include <string.h>

#include "convolution.h"
#include "matmul.h"
#include "scratch.h"
#include "winograd.h"

enum {
  LANES = APUS_WINOGRAD_LANES,
  MOST_PLACES = 36,
  MOST_OUTPUTS = 16,
  LEAST_BLOCK = 16,  // tiles at a time
  MOST_BLOCK = 64,
  V_BYTES = 600 << 10,  // of a block that stays in the second-level cache
  U_BYTES = 16 << 20,   // of all filters that stay in the third
  MOST_PIECES = 64,
  MOST_PARTS = 16,
  PART_BYTES = 4 << 20,
};

// An image that is read or written. Along an axis, pixel q of phase e is at q * step + e + first.
typedef struct {
  int64_t channels, phases;  // phases along an axis
  int64_t extent[2], step, first[2];
} image;

typedef struct {
  apus_convolution_plan plan;
  const apus_winograd *by;
  const void *kernels;
  image read, written;
  int64_t places;                // of a tile
  int64_t from, to;              // channels of all phases
  int64_t tiles[2], tile_count;  // of an image, and of all
  int64_t block;                 // tiles at a time
  int64_t panel;                 // columns of U that lie together
  bool is_few;                   // tiles: filters are transformed where they are needed
  // Pieces: parts of the tiles, times ranges of so many channels that are written, and of so many that are read.
  int64_t parts, ranges, width, strips, depth;
} winograd;

// MARK: - Blocks of tiles

typedef struct {
  int64_t n, y, x;  // of the first of its results
} tile;

static tile tile_at(const winograd *o, int64_t number) {
  const int64_t rest = number / o->tiles[1], side = o->by->outputs;
  return (tile){rest / o->tiles[0], rest % o->tiles[0] * side, number % o->tiles[1] * side};
}

// The addresses of `side` x `side` pixels of a phase, of channels from `base` on; `missing` for those beyond the image.
static void find_pixels(const image *i, tile t, int64_t phase, int64_t side, const float *base, const float *missing, const float **pixel) {
  const int64_t top = t.y * i->step + phase / i->phases + i->first[0], left = t.x * i->step + phase % i->phases + i->first[1];
  for (int64_t k = 0, y = top; k < side; k++, y += i->step) {
    const bool has_row = y >= 0 && y < i->extent[0];
    const float *row = has_row ? base + (t.n * i->extent[0] + y) * i->extent[1] * i->channels : NULL;
    for (int64_t j = 0, x = left; j < side; j++, x += i->step) *pixel++ = row && x >= 0 && x < i->extent[1] ? row + x * i->channels : missing;
  }
}

// The elements of a transformed tile, and a vector more, so that tiles do not fall on the same lines of the cache.
static int64_t tile_size(const winograd *o, int64_t channels) { return o->places * channels + LANES; }

// A part of the work: tiles [first, end), the channels [begin, limit) of what is written, and of what is read those from `channel` on.
typedef struct {
  int64_t first, end, begin, limit, channel;
} share;

static share share_of(const winograd *o, int64_t piece) {
  const int64_t range = piece % o->ranges, rest = piece / o->ranges, strip = rest % o->strips, part = rest / o->strips;
  return (share){.first = part * o->tile_count / o->parts, .end = (part + 1) * o->tile_count / o->parts, .begin = range * o->width,
                 .limit = (range + 1) * o->width, .channel = strip * o->depth};
}

// V (tiles, places, depth) of the tiles [first, end), of the channels [channel, channel + depth) of all phases.
static void read_tiles(const winograd *o, const float *x, const float *zeros, int64_t first, int64_t end, int64_t channel, int64_t depth, float *v) {
  const int64_t channels = o->read.channels, most = apus_least(depth, channels), v_tile = tile_size(o, depth);
  for (int64_t number = first; number < end; number++, v += v_tile) {
    for (int64_t c = channel; c < channel + depth; c += most) {
      const float *pixels[MOST_PLACES];
      find_pixels(&o->read, tile_at(o, number), c / channels, o->by->extent, x + c % channels, zeros, pixels);
      o->by->input(pixels, most, v + c - channel, depth);
    }
  }
}

// MARK: - Filters

// Offsets of a phase's taps from a filter's beginning, -1 for those that there are not.
static void find_taps(const winograd *o, int64_t phase, int64_t *offset) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t stride = c->stride[1];
  for (int64_t y = phase / stride; y < stride * o->by->taps; y += stride)
    for (int64_t x = phase % stride; x < stride * o->by->taps; x += stride)
      *offset++ = y < c->kernel[1] && x < c->kernel[2] ? (y * c->kernel[2] + x) * c->in_channels : -1;
}

// U of 16 filters and 16 channels, `other` counted over all phases. Places lie `place` apart, rows as far as a panel is wide.
static void make_square(const winograd *o, const float *w, int64_t filter, int64_t other, float *u, int64_t place) {
  const apus_convolution *c = &o->plan.shape;
  const bool turned = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t count = o->by->taps * o->by->taps, size = apus_filter_size(c);
  const float *first = w + filter * size + other % c->in_channels;
  int64_t offset[9];
  const float *taps[9];
  find_taps(o, other / c->in_channels, offset);
  for (int64_t k = 0; k < count; k++) {
    const int64_t tap = offset[turned ? count - 1 - k : k];
    taps[k] = tap < 0 ? NULL : first + tap;
  }
  o->by->filters(taps, size, !turned, u, place, o->panel);
}

// U (places, panels of columns, from, panel), of 16 filters in a piece.
static void make_u(const winograd *o, const float *w, float *u, int64_t piece) {
  const bool turned = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  const int64_t filter = piece * LANES, others = turned ? o->to : o->from;
  for (int64_t other = 0; other < others; other += LANES) {
    const int64_t row = turned ? filter : other, column = turned ? other : filter;
    make_square(o, w, filter, other, u + (column / o->panel * o->from + row) * o->panel + column % o->panel, o->from * o->to);
  }
}

// Rows [row, row + depth) of one panel of U: (places, depth, panel).
static void make_strip(const winograd *o, const float *w, int64_t row, int64_t column, float *u) {
  const bool turned = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  for (int64_t r = 0; r < o->depth; r += LANES)
    for (int64_t c = 0; c < o->panel; c += LANES)
      make_square(o, w, turned ? row + r : column + c, turned ? column + c : row + r, u + r * o->panel + c, o->depth * o->panel);
}

// MARK: - Convolving

// A product of the tiles [0, count): M (tiles, places, panel), plus what it holds if `adds`, of V's channels from `v` on, and U with the
// places `u_place` apart.
static void multiply(const winograd *o, int64_t count, const float *v, int64_t depth, const float *u, int64_t u_place, bool adds, float *m) {
  for (int64_t place = 0; place < o->places; place++)
    apus_matmul_own_block(o->kernels, &(apus_matmul_block){
        .dtype = APUS_F32, .rows = count, .columns = o->panel, .k = depth, .a = v + place * o->from, .a_row = tile_size(o, o->from),
        .a_column = 1, .b = u + place * u_place, .b_row = o->panel, .adds = adds, .c = m + place * o->panel, .c_row = tile_size(o, o->panel)});
}

// The results of the tiles [first, first + count) and of a panel that begins at `column`.
static void write_tiles(const winograd *o, const float *m, int64_t first, int64_t count, int64_t column, const float *bias, float *y) {
  const int64_t phase = column / o->written.channels, channel = column % o->written.channels;
  for (int64_t k = 0; k < count; k++, m += tile_size(o, o->panel)) {
    const float *pixels[MOST_OUTPUTS];
    find_pixels(&o->written, tile_at(o, first + k), phase, o->by->outputs, y + channel, NULL, pixels);
    o->by->output(m, o->panel, (float *const *)pixels, o->panel, bias ? bias + channel : NULL, o->plan.relu);
  }
}

static void convolve(const winograd *o, const float *x, const float *u, const float *bias, float *y, share s) {
  const int64_t v_count = o->block * tile_size(o, o->from), m_count = o->block * tile_size(o, o->panel), channels = o->read.channels;
  float *v = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(v_count + m_count + channels) * 4);
  float *m = v + v_count, *zeros = m + m_count;
  memset(zeros, 0, (size_t)channels * 4);
  for (int64_t first = s.first; first < s.end; first += o->block) {
    const int64_t count = apus_least(o->block, s.end - first);
    read_tiles(o, x, zeros, first, first + count, 0, o->from, v);
    for (int64_t column = s.begin; column < s.limit; column += o->panel) {
      multiply(o, count, v, o->from, u + column * o->from, o->to * o->from, false, m);
      write_tiles(o, m, first, count, column, bias, y);
    }
  }
}

// Few tiles: V of one of them, for all.
static void read_tile(const winograd *o, const float *x, float *v, int64_t number) {
  float *zeros = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)o->read.channels * 4);
  memset(zeros, 0, (size_t)o->read.channels * 4);
  read_tiles(o, x, zeros, number, number + 1, 0, o->from, v + number * tile_size(o, o->from));
}

// ... and a panel of all of them, whose filters are transformed a strip at a time.
static void convolve_panel(const winograd *o, const float *v, const float *w, const float *bias, float *y, int64_t column) {
  const int64_t u_count = o->places * o->depth * o->panel, m_count = o->tile_count * tile_size(o, o->panel);
  float *u = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION, (size_t)(u_count + m_count) * 4), *m = u + u_count;
  for (int64_t row = 0; row < o->from; row += o->depth) {
    make_strip(o, w, row, column, u);
    multiply(o, o->tile_count, v + row, o->depth, u, o->depth * o->panel, row > 0, m);
  }
  write_tiles(o, m, 0, o->tile_count, column, bias, y);
}

// MARK: - The filters' gradient

// The elements of one piece's sums.
static int64_t sums_size(const winograd *o) { return o->places * o->width * o->depth; }

// sums (places, width, depth) = what the tiles contribute to the filters; in the thread's memory if `sums` is null.
static float *correlate(const winograd *o, const float *x, const float *dy, float *sums, share s) {
  const int64_t v_tile = tile_size(o, o->depth), w_tile = tile_size(o, o->width), widest = apus_greatest(o->depth, o->width);
  float *v = apus_thread_scratch_needed(APUS_SCRATCH_CONVOLUTION,
                                        (size_t)(o->block * (v_tile + w_tile) + widest + (sums ? 0 : sums_size(o))) * 4);
  float *w = v + o->block * v_tile, *zeros = w + o->block * w_tile;
  memset(zeros, 0, (size_t)widest * 4);
  if (!sums) sums = zeros + widest;
  for (int64_t first = s.first; first < s.end; first += o->block) {
    const int64_t end = apus_least(first + o->block, s.end);
    read_tiles(o, x, zeros, first, end, s.channel, o->depth, v);
    for (int64_t number = first; number < end; number++) {
      const float *pixels[MOST_OUTPUTS];
      find_pixels(&o->written, tile_at(o, number), 0, o->by->outputs, dy + s.begin, zeros, pixels);
      o->by->output_gradient(pixels, o->width, w + (number - first) * w_tile, o->width);
    }
    for (int64_t place = 0; place < o->places; place++)
      apus_matmul_own_block(o->kernels, &(apus_matmul_block){
          .dtype = APUS_F32, .rows = o->width, .columns = o->depth, .k = end - first, .a = w + place * o->width, .a_row = 1, .a_column = w_tile,
          .b = v + place * o->depth, .b_row = v_tile, .adds = first > s.first, .c = sums + place * o->width * o->depth, .c_row = o->depth});
  }
  return sums;
}

// The gradients of the filters [first, first + count), of the channels from `channel` on, whose sums begin at `total`.
static void finish_filters(const winograd *o, const float *total, int64_t first, int64_t count, int64_t channel, float *dw) {
  const int64_t size = apus_filter_size(&o->plan.shape);
  int64_t offset[9];
  find_taps(o, channel / o->read.channels, offset);
  for (int64_t k = 0; k < count; k++) {
    float *taps[9];
    for (int64_t t = 0; t < o->by->taps * o->by->taps; t++)
      taps[t] = offset[t] < 0 ? NULL : dw + (first + k) * size + offset[t] + channel % o->read.channels;
    o->by->filter_gradient(total + k * o->depth, o->width * o->depth, o->depth, taps);
  }
}

// 16 filters: their sums over the parts, place by place, then the transform. Sums are (parts, strips, ranges, places, width, depth).
static void add_parts(const winograd *o, float *sums, float *dw, int64_t piece) {
  const int64_t filter = piece * LANES, range = filter / o->width, size = sums_size(o);
  for (int64_t strip = 0; strip < o->strips; strip++) {
    float *total = sums + (strip * o->ranges + range) * size + filter % o->width * o->depth;
    for (int64_t place = 0; place < o->places; place++) {
      float *sum = total + place * o->width * o->depth;
      apus_sum_parts(APUS_F32, sum, o->parts, size * o->ranges * o->strips, sum, 0, LANES * o->depth);
    }
    finish_filters(o, total, filter, LANES, strip * o->depth, dw);
  }
}

// MARK: - Phases

static void run(const apus_convolution_plan *plan, int32_t phase, void *const *addresses, int64_t piece) {
  const winograd *o = (const winograd *)plan;
  const apus_convolution_addresses at = apus_convolution_named(plan, addresses);
  const float *first = (const float *)at.first, *second = (const float *)at.second;
  float *scratch = (float *)at.scratch, *result = (float *)at.result;
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    if (phase == 1) return add_parts(o, scratch, result, piece);
    const share s = share_of(o, piece);
    float *sums = correlate(o, first, second, o->parts > 1 ? scratch + piece * sums_size(o) : NULL, s);
    if (o->parts == 1) finish_filters(o, sums, s.begin, o->width, s.channel, result);
  } else if (o->is_few) {
    if (phase == 0)
      read_tile(o, first, scratch, piece);
    else
      convolve_panel(o, scratch, second, (const float *)at.bias, result, piece * o->panel);
  } else if (phase == 0) {
    make_u(o, second, scratch, piece);
  } else {
    convolve(o, first, scratch, (const float *)at.bias, result, share_of(o, piece));
  }
}

static void destroy(apus_convolution_plan *plan) { free(plan); }

// The images and the tiles: results are counted from the first one that an axis has, q >= 0.
static void lay_out(winograd *o) {
  const apus_convolution *c = &o->plan.shape;
  const int64_t stride = c->stride[1];
  const bool is_backwards = o->plan.kind == APUS_CONVOLUTION_INPUT_GRADIENT;
  image x = {.channels = c->in_channels, .phases = stride, .step = stride}, y = {.channels = c->out_channels, .phases = 1, .step = 1};
  o->tile_count = c->batch;
  for (int a = 0; a < 2; a++) {
    const int64_t before = c->before[a + 1];
    int64_t results = c->output[a + 1];
    x.extent[a] = c->input[a + 1];
    y.extent[a] = c->output[a + 1];
    x.first[a] = -before;
    if (is_backwards) {
      // Pixel q of phase e of x is at stride q + e - before, and takes part in the results q - taps + 1 ... q.
      const int64_t least = before / stride;
      results = (c->input[a + 1] - 1 + before) / stride - least + 1;
      x.first[a] = stride * least - before;
      y.first[a] = least - o->by->taps + 1;
    }
    o->tiles[a] = apus_divided_up(results, o->by->outputs);
    o->tile_count *= o->tiles[a];
  }
  o->read = is_backwards ? y : x;
  o->written = is_backwards ? x : y;
  o->from = o->read.channels * o->read.phases * o->read.phases;
  o->to = o->written.channels * o->written.phases * o->written.phases;
}

// The largest number of channels that fills vectors well, and divides so many.
static int64_t panel_of(int64_t channels) { return channels % 64 == 0 ? 64 : channels % 48 == 0 ? 48 : channels % 32 == 0 ? 32 : 16; }

// What the phases of work are cut into, and the memory that they share.
static void cut(winograd *o) {
  apus_convolution_plan *plan = &o->plan;
  o->panel = panel_of(o->written.channels);
  o->block = MOST_BLOCK;
  o->strips = 1;
  o->depth = o->from;
  const double work = (double)(o->tile_count * o->places) * (double)(o->from * o->to);
  const double cost = 1000 + work / 90 + (double)(o->tile_count * o->places) * (double)(o->from + o->to) * 0.04;
  const int64_t weights = o->places * o->from * o->to, wanted = apus_least(apus_greatest(1, (int64_t)(cost / 100000)), MOST_PIECES);
  // What all tiles read again and again stays in a cache.
  const bool fits = weights * 4 <= U_BYTES && o->tile_count > MOST_BLOCK;
  if (plan->kind != APUS_CONVOLUTION_WEIGHT_GRADIENT && fits)
    o->block = apus_least(MOST_BLOCK, apus_greatest(V_BYTES / (o->places * o->from * 4) / LEAST_BLOCK * LEAST_BLOCK, LEAST_BLOCK));
  o->block = apus_least(o->block, o->tile_count);
  const int64_t blocks = apus_divided_up(o->tile_count, o->block);
  if (plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT) {
    // The sums of some filters and channels stay in the second-level cache. What is transformed again for others is little beside the products.
    o->width = o->panel;
    o->ranges = o->to / o->width;
    o->depth = panel_of(o->read.channels);
    o->strips = o->from / o->depth;
    const int64_t cuts = o->ranges * o->strips, most = apus_greatest(PART_BYTES / (weights * 4), apus_divided_up(8, cuts));
    o->parts = apus_least(apus_least(apus_divided_up(wanted, cuts), MOST_PARTS), apus_least(most, blocks));
    plan->scratch_bytes = o->parts > 1 ? weights * o->parts * 4 : 0;
    plan->phases = o->parts > 1 ? 2 : 1;
    plan->phase[0] = (apus_convolution_phase){o->parts * cuts, cost};
    plan->phase[1] = (apus_convolution_phase){plan->shape.out_channels / LANES, 0.1 * (double)(weights * (o->parts + 2))};
  } else if (blocks == 1 && weights * 4 > V_BYTES) {
    o->is_few = true;
    o->depth = panel_of(o->read.channels);
    plan->scratch_bytes = o->tile_count * tile_size(o, o->from) * 4;
    plan->phases = 2;
    plan->phase[0] = (apus_convolution_phase){o->tile_count, 0.3 * (double)(o->tile_count * o->places * o->from)};
    plan->phase[1] = (apus_convolution_phase){o->to / o->panel, cost + 0.2 * (double)weights};
  } else {
    o->parts = apus_least(wanted, blocks);
    o->ranges = 1;
    while (2 * o->ranges * o->parts <= wanted && o->to % (2 * o->ranges * o->panel) == 0) o->ranges *= 2;
    o->width = o->to / o->ranges;
    plan->scratch_bytes = weights * 4;
    plan->phases = 2;
    plan->phase[0] = (apus_convolution_phase){plan->shape.out_channels / LANES, 0.3 * (double)weights};
    plan->phase[1] = (apus_convolution_phase){o->parts * o->ranges, cost};
  }
}

static const apus_winograd *family_of(const apus_convolution *c, int64_t outputs) {
  const int64_t stride = c->stride[1], kernel = c->kernel[1];
  if (stride == 1 && kernel == 3) return outputs == 2 ? &apus_winograd_2_3 : &apus_winograd_4_3;
  if (stride == 2 && (kernel == 3 || kernel == 4) && outputs == 4) return &apus_winograd_4_2;
  return NULL;
}

bool apus_convolution_suits_winograd(const apus_convolution *c, int64_t outputs) {
  if (!apus_is_plain_image(c)) return false;
  for (int a = 1; a < 3; a++)
    if (c->kernel[a] != c->kernel[1] || c->stride[a] != c->stride[1] || c->dilation[a] != 1 || c->before[a] >= c->kernel[a]) return false;
  return c->in_channels % LANES == 0 && c->out_channels % LANES == 0 && family_of(c, outputs);
}

double apus_convolution_winograd_work(const apus_convolution *c, apus_convolution_kind kind, int64_t outputs) {
  winograd o = {.plan = {.shape = *c, .kind = kind}, .by = family_of(c, outputs)};
  lay_out(&o);
  return (double)(o.tile_count * o.by->extent * o.by->extent) * (double)(o.from * o.to);
}

apus_convolution_plan *apus_convolution_winograd(const apus_convolution_plan *start, int64_t outputs) {
  if (!apus_convolution_suits_winograd(&start->shape, outputs)) return NULL;
  winograd *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->plan = *start;
  o->plan.run = run;
  o->plan.destroy = destroy;
  o->kernels = apus_matmul_own_kernels();
  o->by = family_of(&start->shape, outputs);
  o->places = o->by->extent * o->by->extent;
  lay_out(o);
  cut(o);
  return &o->plan;
}
