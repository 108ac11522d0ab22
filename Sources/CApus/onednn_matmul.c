// Matrix products of bfloat16 operands by oneDNN's matmul primitive, with bias and epilogue.
#include "matmul.h"
#include "onednn.h"

// One operand's descriptor: two axes, or three where there is a batch. An axis of extent 1 gets the stride it would have in a dense
// matrix (oneDNN picks its kernel by the strides, and 0 is none that it knows); a batch of stride 0 has extent 1 for oneDNN.
static dnnl_status_t describe(apus_md *md, dnnl_data_type_t type, int64_t batch, int64_t rows, int64_t columns, int64_t batch_stride,
                              int64_t row, int64_t column) {
  char transposed;
  int64_t leading;
  if (!apus_matmul_blas_layout(rows, columns, row, column, &transposed, &leading)) return dnnl_unimplemented;
  row = transposed == 'N' ? leading : 1;
  column = transposed == 'N' ? 1 : leading;
  int64_t extent = batch > 1 && batch_stride == 0 ? 1 : batch;
  if (extent == 1) batch_stride = transposed == 'N' ? rows * leading : columns * leading;
  dnnl_dim_t dims[] = {extent, rows, columns}, strides[] = {batch_stride, row, column};
  return batch > 1 ? apus_md_strided(md, 3, dims, type, strides) : apus_md_strided(md, 2, dims + 1, type, strides + 1);
}

int32_t apus_onednn_matmul_create(const apus_matmul *shape, int64_t c_row, int64_t c_batch, void **primitive) {
  *primitive = NULL;
  if (!apus_onednn_is_there()) return dnnl_runtime_error;
  const apus_matmul s = *shape;
  if (s.dtype != APUS_BF16) return dnnl_unimplemented;
  if (s.batch <= 0 || s.m <= 0 || s.n <= 0 || s.k <= 0) return dnnl_invalid_arguments;

  apus_md a = {0}, b = {0}, c = {0}, bias = {0};
  dnnl_engine_t engine;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t description = NULL;
  const int threads = apus_onednn_begin();  // their number enters the primitive
  dnnl_status_t status = apus_onednn_engine(&engine);
  if (status == dnnl_success) status = apus_onednn_attributes(s.epilogue, &attributes);
  if (status == dnnl_success) status = describe(&a, dnnl_bf16, s.batch, s.m, s.k, s.a_batch, s.a_row, s.a_column);
  if (status == dnnl_success) status = describe(&b, dnnl_bf16, s.batch, s.k, s.n, s.b_batch, s.b_row, s.b_column);
  if (status == dnnl_success) status = describe(&c, dnnl_f32, s.batch, s.m, s.n, c_batch, c_row, 1);
  if (status == dnnl_success && s.has_bias) {
    dnnl_dim_t dims[] = {1, 1, s.n}, strides[] = {s.n, s.n, 1};
    int skip = s.batch > 1 ? 0 : 1;
    status = apus_md_strided(&bias, 3 - skip, dims + skip, dnnl_f32, strides + skip);
  }
  if (status == dnnl_success) {
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_matmul_primitive_desc_create(&description, engine, a, b, bias, c, attributes);
#else
    dnnl_matmul_desc_t operation;
    status = dnnl_matmul_desc_init(&operation, &a, &b, s.has_bias ? &bias : NULL, &c);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(&description, &operation, attributes, engine, NULL);
#endif
  }
  if (status == dnnl_success) {
    int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS};
    status = apus_primitive_create(description, s.has_bias ? 4 : 3, arguments, (apus_primitive **)primitive);
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  apus_md_destroy(&a);
  apus_md_destroy(&b);
  apus_md_destroy(&c);
  apus_md_destroy(&bias);
  apus_onednn_end(threads);
  return status;
}

int32_t apus_onednn_matmul_run(void *primitive, const void *a, const void *b, const void *bias, void *c) {
  const void *buffers[] = {a, b, c, bias};
  return apus_primitive_run(primitive, buffers);
}

void apus_onednn_matmul_destroy(void *primitive) { apus_primitive_destroy(primitive); }
