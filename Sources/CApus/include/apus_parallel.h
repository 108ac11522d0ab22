// One thread team for the whole process, and what else Swift needs of C.
#ifndef APUS_PARALLEL_H
#define APUS_PARALLEL_H

#include "apus_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Runs `body(context, chunk)` for every chunk in [0, chunks), spread over the team; returns when all are done. The calling thread
/// takes part. Within a parallel region, with one thread, or while another thread of the process has the team, the calling thread
/// runs them all in order.
void apus_parallel(int64_t chunks, void (*_Nonnull body)(void *_Nullable context, int64_t chunk), void *_Nullable context);
/// The chunk at the mirrored place of the share that `chunk` belongs to, where `threads` run `chunks` of them: for work that passes by the same
/// memory run after run, every other time backwards, so that each thread finds what it read last still in its cache.
int64_t apus_parallel_mirrored(int32_t threads, int64_t chunks, int64_t chunk);
/// Whether work of about so many nanoseconds on one core is worth a region: 5 us while the team is awake, 60 us, at once or in several
/// regions, while it sleeps.
bool apus_parallel_pays(double ns);
/// The team's size, for regions that begin from here on; 0 restores the number of processors that the process may use.
void apus_set_threads(int32_t threads);
int32_t apus_threads(void);

/// The calling thread's words for the innermost gradient scope, layer path (see Graph/Scope.swift), recorder of kernel calls (see
/// Program/Recorder.swift), observers of layers and of operations (see Graph/OutputObserver.swift, Graph/OperationObserver.swift),
/// precision of products (see Precision.swift) and whether shapes broadcast strictly (see Broadcasting.swift).
typedef struct {
  void *_Nullable gradient_scope;
  void *_Nullable layer_path;
  void *_Nullable recorder;
  void *_Nullable output_observer;
  void *_Nullable operation_observer;
  bool is_recording;
  uint8_t precision;
  bool broadcasts_strictly;
} apus_thread_state;
apus_thread_state *_Nonnull apus_thread(void);

/// The next number of a process-wide counter that starts at 1: later calls get larger numbers.
uint64_t apus_next_sequence(void);

/// Memory from the system, 64-byte aligned; null when there is none.
void *_Nullable apus_allocate(size_t bytes);
void apus_free(void *_Nullable block);

/// Writes `value` with `precision` digits in printf's `style` ('f', 'e' or 'g') and returns the length.
int32_t apus_format_double(char *_Nonnull buffer, size_t capacity, char style, int32_t precision, double value);

/// The most bytes of memory that the process has held at one time so far; 0 where the system does not say.
int64_t apus_peak_memory(void);

#ifdef __cplusplus
}
#endif
#endif
