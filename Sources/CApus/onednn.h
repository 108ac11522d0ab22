// Private to CApus: what every bridge to oneDNN shares. The differences between the two API generations (2.x: descriptors are
// structs, 3.x: they are objects) stay within this header and onednn.c.
#ifndef APUS_ONEDNN_H
#define APUS_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include "CApus.h"

/// The process's CPU engine, made at the first call.
dnnl_status_t apus_onednn_engine(dnnl_engine_t *engine);

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

/// A primitive with the arguments it is run with. Several threads may run it at once: each call claims one of a few sets of
/// memory objects (a memory object holds a pointer, so two calls cannot share one; making the objects in every call costs more
/// than a small product).
typedef struct apus_primitive apus_primitive;
#define APUS_MAX_ARGUMENTS 8
/// Takes over `description` (destroys it, in case of an error too). `arguments` are DNNL_ARG_ codes; DNNL_ARG_SCRATCHPAD is appended
/// by itself when the primitive asks for scratch memory.
dnnl_status_t apus_primitive_create(dnnl_primitive_desc_t description, int count, const int *arguments, apus_primitive **primitive);
/// Runs on `buffers`, in the order of `arguments`.
dnnl_status_t apus_primitive_run(apus_primitive *primitive, const void *const *buffers, void *scratch);
size_t apus_primitive_scratch_bytes(const apus_primitive *primitive);
void apus_primitive_destroy(apus_primitive *primitive);

#endif
