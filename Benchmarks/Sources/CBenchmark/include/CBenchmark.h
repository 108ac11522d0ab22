// What Apus is compared with inside its own process (the plain calls that a C program would make), and the clocks.
#ifndef CBENCHMARK_H
#define CBENCHMARK_H

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
/// Ends the process at once, as a program does that has nothing to tidy up.
_Noreturn void bench_exit(int32_t status);

/// c = a b for square row-major matrices: oneDNN's plain single-precision product.
void bench_sgemm(int64_t n, const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull c);

/// The traffic of an element-wise operation without its arithmetic, spread over the same thread team: as fast as memory goes for
/// a program that stores ordinarily.
typedef enum : uint8_t {
  BENCH_MEMCPY = 0,  // memcpy: y[0] = x[0], with whatever stores the C library prefers
  BENCH_COPY,        // y[0] = x[0]
  BENCH_ADD,         // y[0] = x[0] + x[1]
  BENCH_MULTIPLY_ADD,  // y[0] = x[0] * x[1] + x[2]
  BENCH_UPDATE,      // reads x[0...3], writes x[0], x[2] and x[3] in place, as Adam does
} bench_traffic;

/// Moves `count` floats of each array on `threads` threads.
void bench_move(bench_traffic traffic, float *_Nullable const *_Nonnull x, float *_Nonnull y, int64_t count, int32_t threads);

#endif
