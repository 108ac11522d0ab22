// Private to CApus: what every bridge to oneDNN shares. The differences between the two API generations (2.x: descriptors are
// structs, 3.x: they are objects) stay within this header and onednn.c.
#ifndef APUS_ONEDNN_H
#define APUS_ONEDNN_H

#include "CApus.h"
#include "onednn_library.h"

/// The process's CPU engine, made at the first call.
dnnl_status_t apus_onednn_engine(dnnl_engine_t *engine);

/// oneDNN always runs on the calling thread alone: what is to be parallel is cut into tiles by us, so that results do not depend on
/// the number of threads and OpenMP's team, which spins for milliseconds, never comes to be. Around each call that computes or
/// plans a computation; the calling thread's setting, which belongs to the program, is put back afterwards.
int apus_onednn_begin(void);
void apus_onednn_end(int threads);

// Memory descriptors. `APUS_MD(d)` is what oneDNN's functions take.
typedef dnnl_memory_desc_t apus_md;
#if DNNL_VERSION_MAJOR >= 3
#define APUS_MD(descriptor) (descriptor)
#else
#define APUS_MD(descriptor) (&(descriptor))
#endif
/// A descriptor by strides (in elements).
dnnl_status_t apus_md_strided(apus_md *md, int rank, const dnnl_dim_t *dims, dnnl_data_type_t type, const dnnl_dim_t *strides);
void apus_md_destroy(apus_md *md);
dnnl_status_t apus_post_op_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta);
/// Attributes with the scratchpad in the caller's hands, and one eltwise operation after the primitive's own (or none).
dnnl_status_t apus_onednn_attributes(apus_epilogue epilogue, dnnl_primitive_attr_t *attributes);

/// A primitive with the arguments it is run with. Several threads may run it at once: each call takes a set of
/// memory objects of its own (a memory object holds a pointer, so two calls cannot share one; making the objects in every call costs more
/// than a small product).
typedef struct apus_primitive apus_primitive;
#define APUS_MAX_ARGUMENTS 8
/// Takes over `description` (destroys it, in case of an error too). `arguments` are DNNL_ARG_ codes; DNNL_ARG_SCRATCHPAD is appended
/// by itself when the primitive asks for scratch memory.
dnnl_status_t apus_primitive_create(dnnl_primitive_desc_t description, int count, const int *arguments, apus_primitive **primitive);
/// Runs on `buffers`, in the order of `arguments`; scratch memory belongs to the calling thread.
dnnl_status_t apus_primitive_run(apus_primitive *primitive, const void *const *buffers);
void apus_primitive_destroy(apus_primitive *primitive);

#endif
