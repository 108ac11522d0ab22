// Opening oneDNN.
#define APUS_ONEDNN_UNBOUND
#include "onednn_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
// The generation that the headers describe, and no other.
#ifdef __APPLE__
#define LIBRARY "libdnnl." TEXT(DNNL_VERSION_MAJOR) ".dylib"
#else
#define LIBRARY "libdnnl.so." TEXT(DNNL_VERSION_MAJOR)
#endif

static apus_onednn_functions functions;
static bool is_there = false;
static char missing[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *found(void *library, const char *name) {
  void *function = dlsym(library, name);
  if (!function && !missing[0]) snprintf(missing, sizeof missing, LIBRARY " has no %s", name);
  return function;
}

// OpenMP comes with oneDNN, whichever it is; a oneDNN without one has no threads that could be set.
static int one_thread(void) { return 1; }
static void set_nothing(int threads) { (void)threads; }

static void open_library(void) {
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    snprintf(missing, sizeof missing, "the library cannot be opened: %s", reason ? reason : LIBRARY);
    return;
  }
#define FIND(name) functions.name = (__typeof__(functions.name))found(library, #name);
  APUS_ONEDNN_FUNCTIONS(FIND)
  APUS_ONEDNN_GENERATION(FIND)
#undef FIND
  functions.omp_get_max_threads = (__typeof__(functions.omp_get_max_threads))dlsym(library, "omp_get_max_threads");
  functions.omp_set_num_threads = (__typeof__(functions.omp_set_num_threads))dlsym(library, "omp_set_num_threads");
  if (!functions.omp_get_max_threads || !functions.omp_set_num_threads) {
    functions.omp_get_max_threads = one_thread;
    functions.omp_set_num_threads = set_nothing;
  }
  is_there = !missing[0];
}

bool apus_onednn_is_there(void) {
  pthread_once(&once, open_library);
  return is_there;
}

const char *apus_onednn_missing(void) { return missing; }

const apus_onednn_functions *apus_onednn(void) {
  pthread_once(&once, open_library);
  if (is_there) return &functions;
  fprintf(stderr, "oneDNN: %s\n", missing);
  abort();
}
