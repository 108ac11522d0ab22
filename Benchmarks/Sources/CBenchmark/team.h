// The team of threads that oneDNN and Apus use. GOMP_parallel is what a compiler emits for `#pragma omp parallel`.
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

extern void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);

#endif
