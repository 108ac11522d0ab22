// The part of the bridge to oneDNN that all operations share: the engine, attributes, and primitives with their argument sets.
#include "onednn.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "scratch.h"

const char *apus_onednn_status_name(int32_t status) {
  return apus_onednn_is_there() ? dnnl_status2str((dnnl_status_t)status) : apus_onednn_missing();
}

int32_t apus_onednn_version(void) {
  if (!apus_onednn_is_there()) return 0;
  const dnnl_version_t *v = dnnl_version();
  return v->major * 10000 + v->minor * 100 + v->patch;
}

dnnl_status_t apus_onednn_engine(dnnl_engine_t *engine) {
  static _Atomic(dnnl_engine_t) shared = NULL;
  if (!apus_onednn_is_there()) return dnnl_runtime_error;
  dnnl_engine_t current = atomic_load_explicit(&shared, memory_order_acquire);
  if (!current) {
    dnnl_engine_t made;
    dnnl_status_t status = dnnl_engine_create(&made, dnnl_cpu, 0);
    if (status != dnnl_success) return status;
    if (atomic_compare_exchange_strong(&shared, &current, made)) {
      current = made;
    } else {
      dnnl_engine_destroy(made);  // another thread was first
    }
  }
  *engine = current;
  return dnnl_success;
}

dnnl_status_t apus_md_strided(apus_md *md, int rank, const dnnl_dim_t *dims, dnnl_data_type_t type, const dnnl_dim_t *strides) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_strides(md, rank, dims, type, strides);
#else
  return dnnl_memory_desc_init_by_strides(md, rank, dims, type, strides);
#endif
}

void apus_md_destroy(apus_md *md) {
#if DNNL_VERSION_MAJOR >= 3
  if (*md) dnnl_memory_desc_destroy(*md);
  *md = NULL;
#else
  (void)md;
#endif
}

dnnl_status_t apus_post_op_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
#else
  return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, alpha, beta);
#endif
}

dnnl_status_t apus_onednn_attributes(apus_epilogue epilogue, dnnl_primitive_attr_t *attributes) {
  static const dnnl_alg_kind_t kinds[] = {
      [APUS_EPILOGUE_NONE] = dnnl_alg_kind_undef,
      [APUS_EPILOGUE_RELU] = dnnl_eltwise_relu,
      [APUS_EPILOGUE_TANH] = dnnl_eltwise_tanh,
      [APUS_EPILOGUE_SIGMOID] = dnnl_eltwise_logistic,
  };
  if ((size_t)epilogue >= sizeof kinds / sizeof *kinds) return dnnl_invalid_arguments;
  dnnl_primitive_attr_t made;
  dnnl_status_t status = dnnl_primitive_attr_create(&made);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user);
  if (status == dnnl_success && epilogue != APUS_EPILOGUE_NONE) {
    dnnl_post_ops_t ops;
    status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success) {
      status = apus_post_op_eltwise(ops, kinds[epilogue], 0, 0);
      if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(made, ops);  // copies
      dnnl_post_ops_destroy(ops);
    }
  }
  if (status != dnnl_success) {
    dnnl_primitive_attr_destroy(made);
    return status;
  }
  *attributes = made;
  return dnnl_success;
}

// MARK: - One thread

int apus_onednn_begin(void) {
  const apus_onednn_functions *library = apus_onednn();
  const int threads = library->omp_get_max_threads();
  if (threads != 1) library->omp_set_num_threads(1);
  return threads;
}

void apus_onednn_end(int threads) {
  if (threads != 1) apus_onednn()->omp_set_num_threads(threads);
}

// MARK: - Primitives

// Everything that one call needs for itself. A stream is such a thing too: oneDNN does not promise that two threads may use one.
typedef struct {
  dnnl_stream_t stream;
  dnnl_exec_arg_t arguments[APUS_MAX_ARGUMENTS + 1];
} argument_set;

enum { SETS = 32 };
struct apus_primitive {
  dnnl_primitive_t primitive;
  size_t scratch_bytes;
  int count;  // the scratchpad included
  int codes[APUS_MAX_ARGUMENTS + 1];
  _Atomic(argument_set *) idle[SETS];  // a call takes one, or makes one, and puts it back
};

static void destroy_set(const apus_primitive *p, argument_set *set) {
  if (!set) return;
  for (int i = 0; i < p->count; i++)
    if (set->arguments[i].memory) dnnl_memory_destroy(set->arguments[i].memory);
  if (set->stream) dnnl_stream_destroy(set->stream);
  free(set);
}

static dnnl_status_t make_set(const apus_primitive *p, argument_set **made) {
  argument_set *set = calloc(1, sizeof *set);
  if (!set) return dnnl_out_of_memory;
  dnnl_engine_t engine;
  const_dnnl_primitive_desc_t description;
  dnnl_status_t status = apus_onednn_engine(&engine);
  if (status == dnnl_success) status = dnnl_primitive_get_primitive_desc(p->primitive, &description);
  if (status == dnnl_success) status = dnnl_stream_create(&set->stream, engine, dnnl_stream_default_flags);
  for (int i = 0; i < p->count && status == dnnl_success; i++) {
    set->arguments[i].arg = p->codes[i];
    status = dnnl_memory_create(&set->arguments[i].memory, dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, p->codes[i]),
                                engine, DNNL_MEMORY_NONE);
    if (status != dnnl_success) set->arguments[i].memory = NULL;
  }
  if (status == dnnl_success)
    *made = set;
  else
    destroy_set(p, set);
  return status;
}

// Threads start looking at different places, so that they rarely meet.
static int first_slot(void) {
  static _Atomic int threads = 0;
  static _Thread_local int mine = -1;
  if (mine < 0) mine = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % SETS;
  return mine;
}

static argument_set *take_set(apus_primitive *p) {
  for (int i = 0, slot = first_slot(); i < SETS; i++, slot = (slot + 1) % SETS) {
    if (!atomic_load_explicit(&p->idle[slot], memory_order_relaxed)) continue;
    argument_set *set = atomic_exchange_explicit(&p->idle[slot], NULL, memory_order_acquire);
    if (set) return set;
  }
  return NULL;
}

static void put_set(apus_primitive *p, argument_set *set) {
  for (int i = 0, slot = first_slot(); i < SETS; i++, slot = (slot + 1) % SETS) {
    argument_set *none = NULL;
    if (atomic_compare_exchange_strong_explicit(&p->idle[slot], &none, set, memory_order_release, memory_order_relaxed)) return;
  }
  destroy_set(p, set);  // more callers than places
}

dnnl_status_t apus_primitive_create(dnnl_primitive_desc_t description, int count, const int *arguments, apus_primitive **primitive) {
  dnnl_status_t status = dnnl_invalid_arguments;
  apus_primitive *p = NULL;
  if (count <= APUS_MAX_ARGUMENTS) {
    status = dnnl_out_of_memory;
    p = calloc(1, sizeof *p);
  }
  if (p) {
    p->count = count;
    for (int i = 0; i < count; i++) p->codes[i] = arguments[i];
    p->scratch_bytes = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0));
    if (p->scratch_bytes) p->codes[p->count++] = DNNL_ARG_SCRATCHPAD;
    status = dnnl_primitive_create(&p->primitive, description);
    argument_set *set = NULL;
    if (status == dnnl_success) status = make_set(p, &set);
    if (status == dnnl_success)
      put_set(p, set);
    else
      apus_primitive_destroy(p);
  }
  dnnl_primitive_desc_destroy(description);
  if (status == dnnl_success) *primitive = p;
  return status;
}

static dnnl_status_t execute(const apus_primitive *p, argument_set *set, const void *const *buffers) {
  void *scratch = p->scratch_bytes ? apus_thread_scratch(APUS_SCRATCH_ONEDNN, p->scratch_bytes) : NULL;
  if (p->scratch_bytes && !scratch) return dnnl_out_of_memory;
  for (int i = 0; i < p->count; i++) {
    void *data = p->codes[i] == DNNL_ARG_SCRATCHPAD ? scratch : (void *)buffers[i];  // oneDNN's memory objects know no const
    dnnl_status_t status = dnnl_memory_set_data_handle(set->arguments[i].memory, data);
    if (status != dnnl_success) return status;
  }
  // No wait: a CPU stream with an OpenMP runtime runs the primitive within the call.
  return dnnl_primitive_execute(p->primitive, set->stream, p->count, set->arguments);
}

dnnl_status_t apus_primitive_run(apus_primitive *p, const void *const *buffers) {
  const int threads = apus_onednn_begin();
  argument_set *set = take_set(p);
  dnnl_status_t status = set ? dnnl_success : make_set(p, &set);
  if (status == dnnl_success) {
    status = execute(p, set, buffers);
    put_set(p, set);
  }
  apus_onednn_end(threads);
  return status;
}

void apus_primitive_destroy(apus_primitive *p) {
  if (!p) return;
  for (int i = 0; i < SETS; i++) destroy_set(p, atomic_load(&p->idle[i]));
  if (p->primitive) dnnl_primitive_destroy(p->primitive);
  free(p);
}
