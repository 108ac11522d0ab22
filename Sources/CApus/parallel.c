// The thread team. A region is a job that its caller opens, works on, and closes; workers join an open job and leave it. Only those
// that have joined are waited for, so a worker that sleeps, or that the system has put aside, never holds up a region.
//
// Every thread has a share of the chunks, a contiguous run, so that neighbouring memory stays with one core; who is done takes
// chunks out of the others' shares. Workers spin for a moment after their last job, since the next kernel of a training step
// comes within microseconds, and then sleep: two processes on one machine do not take the cores from each other by waiting.
#ifdef __linux__
#define _GNU_SOURCE  // sched_getaffinity
#include <sched.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "CApus.h"

enum { MOST_THREADS = 256, WORKER_STACK = 8 << 20 };
// For how long to spin: the gaps between the regions of a training step, where one thread does a piece of work that is not worth a
// region, go up to 80 us; to wake a thread takes 10 to 15 us of the caller's time, and longer until it runs.
static const int64_t spin_ns = 100000;
// The least work of a region on one core: from here on two threads win, when they are awake, and when they sleep.
static const int64_t awake_pays_ns = 5000, asleep_pays_ns = 60000;

// One cache line and its neighbour (which the processor fetches with it) for what one thread writes and others read.
#define LINES _Alignas(128)

typedef struct {
  LINES _Atomic int64_t next;  // the first chunk that nobody has taken
  int64_t end;
} share;

typedef struct {
  LINES atomic_bool asleep;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
} sleeper;

// The job's state in one word, so that to join and to close are single steps: a number that grows with every job, how many threads
// it is for, whether it is open, and how many workers are in it.
#define OPEN (1u << 15)
#define WORKERS(state) ((int32_t)((state) & (OPEN - 1)))
#define THREADS(state) ((int32_t)((state) >> 16 & 0xFFFF))
#define NUMBER(state) ((state) >> 32)

static struct {
  LINES _Atomic uint64_t state;
  LINES atomic_bool taken;  // by the thread whose region runs
  // Written while no worker is in the job.
  LINES void (*body)(void *, int64_t);
  void *context;
  int caller_processor;
  share shares[MOST_THREADS];
  // Changed by who has `taken`.
  _Atomic int32_t workers;
  uint64_t number;
  sleeper sleepers[MOST_THREADS];  // the caller's is the first
} team;

static _Atomic int32_t wanted_size = 0;
static _Thread_local bool is_inside = false;  // a region

// Processors that this process may use.
static int32_t processors(void) {
  int64_t count = 0;
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
  if (count <= 0) count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : (int32_t)count;
}

int32_t apus_threads(void) {
  int32_t size = atomic_load_explicit(&wanted_size, memory_order_relaxed);
  if (size == 0) atomic_store_explicit(&wanted_size, size = processors(), memory_order_relaxed);
  return size;
}

void apus_set_threads(int32_t threads) {
  if (threads <= 0) threads = processors();
  atomic_store_explicit(&wanted_size, threads < MOST_THREADS ? threads : MOST_THREADS, memory_order_relaxed);
}

// MARK: - Waiting

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Waits until `is_over(state, argument)`: spins, then sleeps.
static uint64_t wait_until(sleeper *me, bool (*is_over)(uint64_t state, uint64_t argument), uint64_t argument) {
  uint64_t state;
  int64_t begun = 0;
  for (int64_t round = 0;; round++) {
    state = atomic_load_explicit(&team.state, memory_order_acquire);
    if (is_over(state, argument)) return state;
    pause_briefly();
    if (round % 64 != 63) continue;
    const int64_t now = nanoseconds();
    if (begun == 0) begun = now;
    if (now - begun >= spin_ns) break;
  }
  pthread_mutex_lock(&me->mutex);
  for (;;) {
    // Whoever changes the state looks at `asleep` afterwards, and this thread at the state after setting it: one sees the other.
    atomic_store(&me->asleep, true);
    state = atomic_load(&team.state);
    if (is_over(state, argument)) break;
    pthread_cond_wait(&me->wake, &me->mutex);
  }
  atomic_store(&me->asleep, false);
  pthread_mutex_unlock(&me->mutex);
  return state;
}

static void wake(sleeper *other) {
  if (!atomic_load(&other->asleep) || !atomic_exchange(&other->asleep, false)) return;
  pthread_mutex_lock(&other->mutex);
  pthread_cond_signal(&other->wake);
  pthread_mutex_unlock(&other->mutex);
}

static void prepare_sleeper(sleeper *s) {
  atomic_store(&s->asleep, false);
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->wake, NULL);
}

// MARK: - Working

static void work(int32_t thread, int32_t threads) {
  for (int32_t i = 0; i < threads; i++) {
    share *s = &team.shares[(thread + i) % threads];
    // Read first: to look at an empty share costs its owner nothing.
    while (atomic_load_explicit(&s->next, memory_order_relaxed) < s->end) {
      const int64_t chunk = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
      if (chunk < s->end) team.body(team.context, chunk);
    }
  }
}

typedef struct {
  int32_t thread;
  uint64_t seen;  // the job at which it was made
} worker;
static worker workers[MOST_THREADS];

static bool has_job(uint64_t state, uint64_t argument) {
  return (state & OPEN) && NUMBER(state) != argument >> 32 && THREADS(state) > (int32_t)(argument & 0xFFFF);
}
static bool is_left(uint64_t state, uint64_t argument) {
  (void)argument;
  return WORKERS(state) == 0;
}

// On a busy machine the system may wake a worker on the caller's own processor, where the two only take turns, and leave it there.
static int current_processor(void) {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}
static void leave_processor(int processor) {
#ifdef __linux__
  cpu_set_t allowed, others;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  others = allowed;
  CPU_CLR((size_t)processor, &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)processor;
#endif
}

static void *run_worker(void *pointer) {
  const worker *me = pointer;
  const int32_t thread = me->thread;
  uint64_t seen = me->seen;
  is_inside = true;
  for (;;) {
    uint64_t state = wait_until(&team.sleepers[thread], has_job, seen << 32 | (uint64_t)thread);
    const int32_t threads = THREADS(state);
    // To join: the same job, still open, with one worker more.
    const uint64_t number = NUMBER(state);
    bool joined = false;
    while (!joined && (state & OPEN) && NUMBER(state) == number)
      joined = atomic_compare_exchange_weak_explicit(&team.state, &state, state + 1, memory_order_acquire, memory_order_acquire);
    seen = number;
    if (!joined) continue;
    const int processor = current_processor();
    if (processor >= 0 && processor == team.caller_processor) leave_processor(processor);
    work(thread, threads);
    state = atomic_fetch_sub(&team.state, 1) - 1;
    if (!(state & OPEN) && WORKERS(state) == 0) wake(&team.sleepers[0]);
  }
  return NULL;
}

// MARK: - The team

// A child process has the calling thread only: it starts without workers.
static void forget_workers(void) {
  team.workers = 0;
  atomic_store(&team.state, 0);
  prepare_sleeper(&team.sleepers[0]);
  if (!is_inside) atomic_store(&team.taken, false);
}

static void prepare_team(void) {
  prepare_sleeper(&team.sleepers[0]);
  pthread_atfork(NULL, NULL, forget_workers);
}

// As many threads as there are, up to `threads`; the calling thread holds the team.
static int32_t gather(int32_t threads) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, prepare_team);
  if (team.workers + 1 >= threads) return threads;
  // The program's signals are for its own threads; a small default stack (macOS, musl) is too little for oneDNN.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, WORKER_STACK);
  while (team.workers + 1 < threads) {
    const int32_t thread = team.workers + 1;
    prepare_sleeper(&team.sleepers[thread]);
    workers[thread] = (worker){thread, team.number & 0xFFFFFFFF};
    pthread_t made;
    if (pthread_create(&made, &attributes, run_worker, &workers[thread]) != 0) break;
    team.workers = thread;
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return team.workers + 1;
}

// Where a thread's share of the chunks begins; the next one's share is its end.
static int64_t first_of_share(int64_t chunks, int32_t threads, int32_t thread) { return chunks * thread / threads; }

static void run_region(int32_t threads, int64_t chunks, void (*body)(void *, int64_t), void *context) {
  team.body = body;
  team.context = context;
  team.caller_processor = current_processor();
  for (int32_t i = 0; i < threads; i++) {
    atomic_store_explicit(&team.shares[i].next, first_of_share(chunks, threads, i), memory_order_relaxed);
    team.shares[i].end = first_of_share(chunks, threads, i + 1);
  }
  team.number++;
  atomic_store(&team.state, team.number << 32 | (uint64_t)threads << 16 | OPEN);
  for (int32_t i = 1; i < threads; i++) wake(&team.sleepers[i]);
  is_inside = true;
  work(0, threads);
  is_inside = false;
  const uint64_t state = atomic_fetch_and(&team.state, ~(uint64_t)OPEN);
  if (WORKERS(state) > 0) wait_until(&team.sleepers[0], is_left, 0);
}

bool apus_parallel_pays(double ns) {
  static _Atomic int64_t missed = 0;
  if (ns < (double)awake_pays_ns || apus_threads() == 1) return false;
  if (ns >= (double)asleep_pays_ns) return true;
  if (team.workers > 0 && !atomic_load_explicit(&team.sleepers[1].asleep, memory_order_relaxed)) return true;
  // To wake the workers for this alone costs more than it brings; a row of such regions is worth it.
  const int64_t work = (int64_t)ns;
  if (atomic_fetch_add_explicit(&missed, work, memory_order_relaxed) + work < asleep_pays_ns) return false;
  atomic_store_explicit(&missed, 0, memory_order_relaxed);
  return true;
}

int64_t apus_parallel_mirrored(int32_t threads, int64_t chunks, int64_t chunk) {
  int32_t thread = 0;
  if (threads > chunks) threads = (int32_t)chunks;
  while (first_of_share(chunks, threads, thread + 1) <= chunk) thread++;
  return first_of_share(chunks, threads, thread) + first_of_share(chunks, threads, thread + 1) - 1 - chunk;
}

void apus_parallel(int64_t chunks, void (*body)(void *, int64_t), void *context) {
  int32_t threads = apus_threads();
  if (threads > chunks) threads = (int32_t)chunks;
  // Within a region, or while another thread has the team: threads that come with work of their own share the cores as they are.
  if (threads > 1 && !is_inside && !atomic_load_explicit(&team.taken, memory_order_relaxed) &&
      !atomic_exchange_explicit(&team.taken, true, memory_order_acquire)) {
    threads = gather(threads);
    run_region(threads, chunks, body, context);
    atomic_store_explicit(&team.taken, false, memory_order_release);
    return;
  }
  for (int64_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
}
