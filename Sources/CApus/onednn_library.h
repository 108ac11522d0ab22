// Private to CApus: oneDNN, opened when a shape needs it and not before. Linked into the program it would take 3 MB of every process
// and a millisecond of its start; many networks never need it.
#ifndef APUS_ONEDNN_LIBRARY_H
#define APUS_ONEDNN_LIBRARY_H

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>
#include <stdbool.h>

// What is called of it; the second list differs between the two API generations.
#define APUS_ONEDNN_FUNCTIONS(F)                                                                                                     \
  F(dnnl_engine_create) F(dnnl_engine_destroy) F(dnnl_memory_create) F(dnnl_memory_destroy) F(dnnl_memory_set_data_handle)           \
  F(dnnl_memory_desc_equal) F(dnnl_memory_desc_get_size) F(dnnl_post_ops_create) F(dnnl_post_ops_destroy)                            \
  F(dnnl_post_ops_append_eltwise) F(dnnl_primitive_attr_create) F(dnnl_primitive_attr_destroy) F(dnnl_primitive_attr_set_post_ops)   \
  F(dnnl_primitive_attr_set_scratchpad_mode) F(dnnl_primitive_create) F(dnnl_primitive_destroy) F(dnnl_primitive_execute)            \
  F(dnnl_primitive_get_primitive_desc) F(dnnl_primitive_desc_destroy) F(dnnl_primitive_desc_query) F(dnnl_primitive_desc_query_md)   \
  F(dnnl_reorder_primitive_desc_create) F(dnnl_status2str) F(dnnl_stream_create) F(dnnl_stream_destroy) F(dnnl_version)
#if DNNL_VERSION_MAJOR >= 3
#define APUS_ONEDNN_GENERATION(F)                                                                                                    \
  F(dnnl_convolution_forward_primitive_desc_create) F(dnnl_convolution_backward_data_primitive_desc_create)                          \
  F(dnnl_convolution_backward_weights_primitive_desc_create) F(dnnl_matmul_primitive_desc_create) F(dnnl_memory_desc_clone)          \
  F(dnnl_memory_desc_create_submemory) F(dnnl_memory_desc_create_with_strides) F(dnnl_memory_desc_create_with_tag)                   \
  F(dnnl_memory_desc_destroy)
#else
#define APUS_ONEDNN_GENERATION(F)                                                                                                    \
  F(dnnl_dilated_convolution_forward_desc_init) F(dnnl_dilated_convolution_backward_data_desc_init)                                  \
  F(dnnl_dilated_convolution_backward_weights_desc_init) F(dnnl_matmul_desc_init) F(dnnl_memory_desc_init_by_strides)                \
  F(dnnl_memory_desc_init_by_tag) F(dnnl_memory_desc_init_submemory) F(dnnl_primitive_desc_create)
#endif

typedef struct {
#define APUS_MEMBER(name) __typeof__(name) *name;
  APUS_ONEDNN_FUNCTIONS(APUS_MEMBER)
  APUS_ONEDNN_GENERATION(APUS_MEMBER)
#undef APUS_MEMBER
  // Of the OpenMP that it runs on.
  int (*omp_get_max_threads)(void);
  void (*omp_set_num_threads)(int threads);
} apus_onednn_functions;

/// Whether the library is there; opens it at the first call.
bool apus_onednn_is_there(void);
/// Why it is not, in words.
const char *apus_onednn_missing(void);
/// The library's functions. Ends the program where it is missing: who plans a computation asks before.
const apus_onednn_functions *apus_onednn(void);

// So that calls read as everywhere. (A macro within itself is a name.)
#ifndef APUS_ONEDNN_UNBOUND
#define dnnl_engine_create(...) (apus_onednn()->dnnl_engine_create(__VA_ARGS__))
#define dnnl_engine_destroy(...) (apus_onednn()->dnnl_engine_destroy(__VA_ARGS__))
#define dnnl_memory_create(...) (apus_onednn()->dnnl_memory_create(__VA_ARGS__))
#define dnnl_memory_destroy(...) (apus_onednn()->dnnl_memory_destroy(__VA_ARGS__))
#define dnnl_memory_set_data_handle(...) (apus_onednn()->dnnl_memory_set_data_handle(__VA_ARGS__))
#define dnnl_memory_desc_equal(...) (apus_onednn()->dnnl_memory_desc_equal(__VA_ARGS__))
#define dnnl_memory_desc_get_size(...) (apus_onednn()->dnnl_memory_desc_get_size(__VA_ARGS__))
#define dnnl_post_ops_create(...) (apus_onednn()->dnnl_post_ops_create(__VA_ARGS__))
#define dnnl_post_ops_destroy(...) (apus_onednn()->dnnl_post_ops_destroy(__VA_ARGS__))
#define dnnl_post_ops_append_eltwise(...) (apus_onednn()->dnnl_post_ops_append_eltwise(__VA_ARGS__))
#define dnnl_primitive_attr_create(...) (apus_onednn()->dnnl_primitive_attr_create(__VA_ARGS__))
#define dnnl_primitive_attr_destroy(...) (apus_onednn()->dnnl_primitive_attr_destroy(__VA_ARGS__))
#define dnnl_primitive_attr_set_post_ops(...) (apus_onednn()->dnnl_primitive_attr_set_post_ops(__VA_ARGS__))
#define dnnl_primitive_attr_set_scratchpad_mode(...) (apus_onednn()->dnnl_primitive_attr_set_scratchpad_mode(__VA_ARGS__))
#define dnnl_primitive_create(...) (apus_onednn()->dnnl_primitive_create(__VA_ARGS__))
#define dnnl_primitive_destroy(...) (apus_onednn()->dnnl_primitive_destroy(__VA_ARGS__))
#define dnnl_primitive_execute(...) (apus_onednn()->dnnl_primitive_execute(__VA_ARGS__))
#define dnnl_primitive_get_primitive_desc(...) (apus_onednn()->dnnl_primitive_get_primitive_desc(__VA_ARGS__))
#define dnnl_primitive_desc_destroy(...) (apus_onednn()->dnnl_primitive_desc_destroy(__VA_ARGS__))
#define dnnl_primitive_desc_query(...) (apus_onednn()->dnnl_primitive_desc_query(__VA_ARGS__))
#define dnnl_primitive_desc_query_md(...) (apus_onednn()->dnnl_primitive_desc_query_md(__VA_ARGS__))
#define dnnl_reorder_primitive_desc_create(...) (apus_onednn()->dnnl_reorder_primitive_desc_create(__VA_ARGS__))
#define dnnl_status2str(...) (apus_onednn()->dnnl_status2str(__VA_ARGS__))
#define dnnl_stream_create(...) (apus_onednn()->dnnl_stream_create(__VA_ARGS__))
#define dnnl_stream_destroy(...) (apus_onednn()->dnnl_stream_destroy(__VA_ARGS__))
#define dnnl_version(...) (apus_onednn()->dnnl_version(__VA_ARGS__))
#define dnnl_convolution_forward_primitive_desc_create(...) (apus_onednn()->dnnl_convolution_forward_primitive_desc_create(__VA_ARGS__))
#define dnnl_convolution_backward_data_primitive_desc_create(...) (apus_onednn()->dnnl_convolution_backward_data_primitive_desc_create(__VA_ARGS__))
#define dnnl_convolution_backward_weights_primitive_desc_create(...) (apus_onednn()->dnnl_convolution_backward_weights_primitive_desc_create(__VA_ARGS__))
#define dnnl_matmul_primitive_desc_create(...) (apus_onednn()->dnnl_matmul_primitive_desc_create(__VA_ARGS__))
#define dnnl_memory_desc_clone(...) (apus_onednn()->dnnl_memory_desc_clone(__VA_ARGS__))
#define dnnl_memory_desc_create_submemory(...) (apus_onednn()->dnnl_memory_desc_create_submemory(__VA_ARGS__))
#define dnnl_memory_desc_create_with_strides(...) (apus_onednn()->dnnl_memory_desc_create_with_strides(__VA_ARGS__))
#define dnnl_memory_desc_create_with_tag(...) (apus_onednn()->dnnl_memory_desc_create_with_tag(__VA_ARGS__))
#define dnnl_memory_desc_destroy(...) (apus_onednn()->dnnl_memory_desc_destroy(__VA_ARGS__))
#define dnnl_dilated_convolution_forward_desc_init(...) (apus_onednn()->dnnl_dilated_convolution_forward_desc_init(__VA_ARGS__))
#define dnnl_dilated_convolution_backward_data_desc_init(...) (apus_onednn()->dnnl_dilated_convolution_backward_data_desc_init(__VA_ARGS__))
#define dnnl_dilated_convolution_backward_weights_desc_init(...) (apus_onednn()->dnnl_dilated_convolution_backward_weights_desc_init(__VA_ARGS__))
#define dnnl_matmul_desc_init(...) (apus_onednn()->dnnl_matmul_desc_init(__VA_ARGS__))
#define dnnl_memory_desc_init_by_strides(...) (apus_onednn()->dnnl_memory_desc_init_by_strides(__VA_ARGS__))
#define dnnl_memory_desc_init_by_tag(...) (apus_onednn()->dnnl_memory_desc_init_by_tag(__VA_ARGS__))
#define dnnl_memory_desc_init_submemory(...) (apus_onednn()->dnnl_memory_desc_init_submemory(__VA_ARGS__))
#define dnnl_primitive_desc_create(...) (apus_onednn()->dnnl_primitive_desc_create(__VA_ARGS__))
#endif

#endif
