// A forked child process for the tests: Swift knows no fork.
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CApus.h"

static void count_chunk(void *counter, int64_t chunk) {
  (void)chunk;
  atomic_fetch_add((_Atomic int32_t *)counter, 1);
}

int32_t apus_testing_parallel_in_child(int32_t chunks) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    _Atomic int32_t counter = 0;
    apus_parallel(chunks, count_chunk, &counter);
    const int32_t count = counter;
    _exit(write(ends[1], &count, sizeof count) == sizeof count ? 0 : 1);
  }
  int32_t count = -1;
  int status = 1;
  close(ends[1]);
  if (child > 0 && (read(ends[0], &count, sizeof count) != sizeof count || waitpid(child, &status, 0) != child || status != 0)) count = -1;
  close(ends[0]);
  return count;
}
