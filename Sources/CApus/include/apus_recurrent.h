// Recurrent layers over whole sequences: the recurrent product of every step with the cell's formulas fused to it, and the way back.
//
// A piece is a slice of the batch, which runs all its steps by itself: sequences do not depend on each other, so no thread waits for
// another between steps.
#ifndef APUS_RECURRENT_H
#define APUS_RECURRENT_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The formulas of a step, from the gates' inputs z (what the layer's input contributes, biases included), h and W; G gates:
///
///   TANH, RELU  G = 1  h' = f(z + W h)
///   LSTM        G = 4  i, f, o = σ(z + W h), g = tanh(z + W h), c' = f c + i g, h' = o tanh(c')
///   GRU         G = 3  r, u = σ(z + W h), q = W h + b, n = tanh(z + r q), h' = (1 - u) n + u h
///
/// The rows of W (G H, H) are in the order i, f, g, o and r, u, n.
typedef enum : uint8_t {
  APUS_CELL_TANH = 0,
  APUS_CELL_RELU,
  APUS_CELL_LSTM,
  APUS_CELL_GRU,
} apus_cell;

/// A recurrence made ready: made once, run many times, by several threads at once.
typedef struct {
  apus_cell cell;
  apus_dtype dtype;  // f32 or f64
  bool reversed;     // from the last step to the first
  bool saves;        // what the gradient reads
  int64_t batch, steps, units;
  int64_t slice;                 // sequences of a piece
  int64_t pieces;
  int64_t packed_bytes;          // W in the order in which it is read, rounded up to 64
  int64_t local_bytes;           // a piece's own memory, likewise
  double cost;                   // about how many nanoseconds all pieces take on one core
  const void *_Nullable kernels;  // of one instruction set
} apus_recurrence;

/// Fills in what follows from the first seven members; `backward` says for which way.
void apus_recurrence_make(apus_recurrence *_Nonnull shape, bool backward);

/// The parts of W that apus_recurrence_pack can pack one by one.
int64_t apus_recurrence_panels(const apus_recurrence *_Nonnull shape, bool backward);
/// Packs panels [begin, end) of W (G H, H).
void apus_recurrence_pack(const apus_recurrence *_Nonnull shape, bool backward, const void *_Nonnull weight, void *_Nonnull packed, int64_t begin,
                          int64_t end);

/// What runs forward; all dense. N sequences of T steps.
typedef struct {
  void *_Nullable gates;                       // z (N, T, G H); if `saves`, LSTM's i, f, g, o and GRU's r, u, n take its place
  const void *_Nullable rows;                  // or: z is row tokens[n, t] of these (any number, G H), and `gates` is written alone
  const int64_t *_Nullable tokens;
  const void *_Nonnull packed;
  const void *_Nullable bias;                  // GRU: b (H)
  const void *_Nonnull hidden;                 // h before the first step (N, H)
  const void *_Nullable cell;                  // LSTM: c, likewise
  const int64_t *_Nullable lengths;            // (N): steps beyond leave the state as it is and give 0; null: all T
  void *_Nonnull outputs;                      // (N, T, H)
  void *_Nonnull last_hidden;                  // (N, H)
  void *_Nullable last_cell;
  // If `saves`:
  void *_Nullable previous;                    // h before each step (N, T, H)
  void *_Nullable inner;                       // LSTM: c after each step, GRU: q (N, T, H)
} apus_recurrence_forward;
/// `local` is the memory of all pieces.
void apus_recurrence_run_forward(const apus_recurrence *_Nonnull shape, const apus_recurrence_forward *_Nonnull operands, void *_Nonnull local,
                                 int64_t piece);

/// What runs backward. The gradients of W, of biases and of the layer's input follow from d_inputs by plain products and sums.
typedef struct {
  const void *_Nonnull packed;
  const void *_Nullable cell;                  // as forward
  const int64_t *_Nullable lengths;
  const void *_Nonnull outputs;                // as they came out, for TANH and RELU
  const void *_Nullable gates, *_Nullable previous, *_Nullable inner;
  const void *_Nullable d_outputs, *_Nullable d_last_hidden, *_Nullable d_last_cell;  // null: 0
  void *_Nonnull d_inputs;                     // of z (N, T, G H)
  void *_Nullable d_products;                  // GRU: of W h (+ b), which differs from d_inputs in n's part
  void *_Nonnull d_hidden;                     // (N, H)
  void *_Nullable d_cell;
} apus_recurrence_backward;
void apus_recurrence_run_backward(const apus_recurrence *_Nonnull shape, const apus_recurrence_backward *_Nonnull operands, void *_Nonnull local,
                                  int64_t piece);

#ifdef __cplusplus
}
#endif
#endif
