// What Apus is compared with inside its own process (the plain calls that a C program would make), and the clocks.
#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stdbool.h>
#include <stdint.h>

/// Nanoseconds on the monotonic clock.
int64_t bench_now(void);
/// Seconds since this process was started. When BENCH_STARTED holds the monotonic clock in nanoseconds, taken by whoever started the
/// process just before, to that clock's resolution; otherwise from the kernel's record, which has a resolution of 10 ms.
double bench_process_age(void);
/// The largest memory that this process has had resident, in MiB.
double bench_peak_memory(void);
/// Seconds that this process has spent on all processors.
double bench_processor_seconds(void);
/// Seconds that all processes of the machine together have spent on its processors, with a resolution of 10 ms.
double bench_machine_seconds(void);
/// The bytes of the data cache of level 1, 2 or 3 that a core uses; a common size where the system does not say.
int64_t bench_cache_size(int32_t level);
/// Ends the process at once, as a program does that has nothing to tidy up.
_Noreturn void bench_exit(int32_t status);

/// c = a b for square row-major matrices: oneDNN's plain single-precision product.
void bench_sgemm(int64_t n, const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull c, int32_t threads);
/// Sleeps, so that threads that still spin for one contender do not disturb the next.
void bench_rest(int64_t nanoseconds);

/// Runs `body(context, 0)` to `body(context, count - 1)`, each on a thread of its own; returns when all are done.
void bench_on_threads(int32_t count, void (*_Nonnull body)(void *_Nonnull context, int32_t index), void *_Nonnull context);

/// The traffic of an operation without its arithmetic, spread over the same thread team: as fast as memory goes for a program that
/// stores ordinarily.
typedef enum : uint8_t {
  BENCH_MEMCPY = 0,    // memcpy: y = x[0], with whatever stores the C library prefers
  BENCH_READ,          // reads x[0]
  BENCH_STORE,         // writes y
  BENCH_COPY,          // y = x[0]
  BENCH_ADD,           // y = x[0] + x[1]
  BENCH_MULTIPLY_ADD,  // y = x[0] * x[1] + x[2]
  BENCH_MOMENTUM,      // reads x[0...2], writes x[0] and x[2] in place, as SGD with momentum does
  BENCH_ADAM,          // reads x[0...3], writes x[0], x[2] and x[3] in place, as Adam does
} bench_traffic;

/// Moves `count` floats of each array on `threads` threads, on one if they are few.
void bench_move(bench_traffic traffic, float *_Nullable const *_Nonnull x, float *_Nonnull y, int64_t count, int32_t threads);
/// Moves them `repeats` times; every thread keeps to its own part of the arrays, and they start together only once.
void bench_stream(bench_traffic traffic, float *_Nullable const *_Nonnull x, float *_Nonnull y, int64_t count, int64_t repeats,
                  int32_t threads);

/// The vector registers that arithmetic can use: those that every processor of the kind has, or wider ones.
typedef enum : uint8_t { BENCH_BASELINE = 0, BENCH_AVX2, BENCH_AVX512 } bench_vectors;

bool bench_has_vectors(bench_vectors vectors);
/// Runs `rounds` of multiplications and additions in registers on each of `threads` threads (fused ones where the registers have
/// them), and returns the number of floating-point operations.
double bench_arithmetic(bench_vectors vectors, int64_t rounds, int32_t threads);

#endif
