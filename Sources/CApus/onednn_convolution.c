// oneDNN's primitives for convolutions: how images and weights are described to it, in both generations of its interface.
#include "onednn_convolution.h"

#include <string.h>

// MARK: - Descriptors

static int spatial_rank(const apus_convolution *c) {
  return c->input[0] == 1 && c->output[0] == 1 && c->kernel[0] == 1 && c->before[0] == 0 ? 2 : 3;
}

// (batch, channels, spatial...) that lie channels last.
static dnnl_status_t describe_images(apus_md *md, const apus_convolution *c, int64_t channels, const int64_t extents[3]) {
  const int rank = spatial_rank(c), skipped = 3 - rank;
  dnnl_dim_t dims[5] = {c->batch, channels}, strides[5] = {channels * apus_product(extents), 1};
  int64_t step = channels;
  for (int a = 2; a >= skipped; a--) {
    dims[2 + a - skipped] = extents[a];
    strides[2 + a - skipped] = step;
    step *= extents[a];
  }
  return apus_md_strided(md, 2 + rank, dims, dnnl_f32, strides);
}

// (groups if more than one, out, in, spatial...): our own order, or any.
static int weight_dims(const apus_convolution *c, dnnl_dim_t dims[6], dnnl_dim_t strides[6]) {
  const int rank = spatial_rank(c), skipped = 3 - rank;
  const int64_t in = c->in_channels / c->groups, out = c->out_channels / c->groups, filter = apus_filter_size(c);
  int n = 0;
  if (c->groups > 1) dims[n] = c->groups, strides[n++] = out * filter;
  dims[n] = out, strides[n++] = filter;
  dims[n] = in, strides[n++] = 1;
  int64_t step = in;
  for (int a = 2; a >= skipped; a--) {
    dims[n + a - skipped] = c->kernel[a];
    strides[n + a - skipped] = step;
    step *= c->kernel[a];
  }
  return n + rank;
}

static dnnl_status_t describe_own_weights(apus_md *md, const apus_convolution *c) {
  dnnl_dim_t dims[6], strides[6];
  const int rank = weight_dims(c, dims, strides);
  return apus_md_strided(md, rank, dims, dnnl_f32, strides);
}

static dnnl_status_t describe_any_weights(apus_md *md, const apus_convolution *c) {
  dnnl_dim_t dims[6], strides[6];
  const int rank = weight_dims(c, dims, strides);
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_tag(md, rank, dims, dnnl_f32, dnnl_format_tag_any);
#else
  return dnnl_memory_desc_init_by_tag(md, rank, dims, dnnl_f32, dnnl_format_tag_any);
#endif
}

static dnnl_status_t copy_description(apus_md *to, dnnl_primitive_desc_t of, dnnl_query_t what) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_clone(to, dnnl_primitive_desc_query_md(of, what, 0));
#else
  *to = *dnnl_primitive_desc_query_md(of, what, 0);
  return dnnl_success;
#endif
}

// MARK: - Primitives

typedef struct {
  apus_md x, w, y, bias;
  dnnl_dim_t strides[3], dilations[3], before[3], behind[3];
} operands;

// `weights`: in this order, or any.
static dnnl_status_t describe_operands(operands *o, const apus_convolution *c, bool has_bias, const apus_md *weights) {
  const int rank = spatial_rank(c), skipped = 3 - rank;
  dnnl_status_t status = describe_images(&o->x, c, c->in_channels, c->input);
  if (status == dnnl_success) status = describe_images(&o->y, c, c->out_channels, c->output);
  if (status == dnnl_success && has_bias) {
    dnnl_dim_t dims[] = {c->out_channels}, stride[] = {1};
    status = apus_md_strided(&o->bias, 1, dims, dnnl_f32, stride);
  }
  if (status == dnnl_success && !weights) status = describe_any_weights(&o->w, c);
#if DNNL_VERSION_MAJOR >= 3
  if (status == dnnl_success && weights) status = dnnl_memory_desc_clone(&o->w, *weights);
#else
  if (weights) o->w = *weights;
#endif
  for (int i = 0; i < rank; i++) {
    const int a = i + skipped;
    o->strides[i] = c->stride[a];
    o->dilations[i] = c->dilation[a] - 1;
    o->before[i] = c->before[a];
    // As much as the last filter reaches beyond the input.
    o->behind[i] = apus_greatest(0, (c->output[a] - 1) * c->stride[a] + (c->kernel[a] - 1) * c->dilation[a] + 1 - c->input[a] - c->before[a]);
  }
  return status;
}

static void forget_operands(operands *o) {
  apus_md_destroy(&o->x);
  apus_md_destroy(&o->w);
  apus_md_destroy(&o->y);
  apus_md_destroy(&o->bias);
}

static dnnl_status_t describe_primitive(dnnl_primitive_desc_t *made, apus_convolution_kind kind, const operands *o, bool has_bias,
                                        dnnl_primitive_attr_t attributes, dnnl_primitive_attr_t plain) {
  dnnl_engine_t engine;
  dnnl_status_t status = apus_onednn_engine(&engine);
  if (status != dnnl_success) return status;
  const bool is_forward = kind == APUS_CONVOLUTION_FORWARD;
  dnnl_primitive_desc_t forward = NULL;
#if DNNL_VERSION_MAJOR >= 3
  status = dnnl_convolution_forward_primitive_desc_create(&forward, engine, dnnl_forward_training, dnnl_convolution_direct, o->x, o->w,
                                                          has_bias ? o->bias : NULL, o->y, o->strides, o->dilations, o->before, o->behind,
                                                          is_forward ? attributes : plain);
  if (status != dnnl_success || is_forward) {
    *made = forward;
    return status;
  }
  status = kind == APUS_CONVOLUTION_INPUT_GRADIENT
               ? dnnl_convolution_backward_data_primitive_desc_create(made, engine, dnnl_convolution_direct, o->x, o->w, o->y, o->strides,
                                                                      o->dilations, o->before, o->behind, forward, plain)
               : dnnl_convolution_backward_weights_primitive_desc_create(made, engine, dnnl_convolution_direct, o->x, o->w, NULL, o->y,
                                                                         o->strides, o->dilations, o->before, o->behind, forward, plain);
#else
  dnnl_convolution_desc_t operation;
  status = dnnl_dilated_convolution_forward_desc_init(&operation, dnnl_forward_training, dnnl_convolution_direct, &o->x, &o->w,
                                                      has_bias ? &o->bias : NULL, &o->y, o->strides, o->dilations, o->before, o->behind);
  if (status == dnnl_success) status = dnnl_primitive_desc_create(&forward, &operation, is_forward ? attributes : plain, engine, NULL);
  if (status != dnnl_success || is_forward) {
    *made = forward;
    return status;
  }
  status = kind == APUS_CONVOLUTION_INPUT_GRADIENT
               ? dnnl_dilated_convolution_backward_data_desc_init(&operation, dnnl_convolution_direct, &o->x, &o->w, &o->y, o->strides,
                                                                  o->dilations, o->before, o->behind)
               : dnnl_dilated_convolution_backward_weights_desc_init(&operation, dnnl_convolution_direct, &o->x, &o->w, NULL, &o->y,
                                                                     o->strides, o->dilations, o->before, o->behind);
  if (status == dnnl_success) status = dnnl_primitive_desc_create(made, &operation, plain, engine, forward);
#endif
  dnnl_primitive_desc_destroy(forward);
  return status;
}

// Slow ones are no use: "ref" computes element by element.
static bool is_fast(dnnl_primitive_desc_t description) {
  const char *name = "";
  dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
  return !strstr(name, "ref") && !strstr(name, "gemm:");
}

dnnl_status_t apus_onednn_convolution(const apus_convolution_plan *plan, const apus_convolution *shape, const apus_md *weights, apus_md *chosen,
                                      apus_primitive **made) {
  operands operands = {0};
  dnnl_primitive_attr_t attributes = NULL, plain = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_status_t status = describe_operands(&operands, shape, plan->has_bias, weights);
  if (status == dnnl_success) status = apus_onednn_attributes(plan->relu ? APUS_EPILOGUE_RELU : APUS_EPILOGUE_NONE, &attributes);
  if (status == dnnl_success) status = apus_onednn_attributes(APUS_EPILOGUE_NONE, &plain);
  if (status == dnnl_success) status = describe_primitive(&description, plan->kind, &operands, plan->has_bias, attributes, plain);
  if (status == dnnl_success && !is_fast(description)) {
    dnnl_primitive_desc_destroy(description);
    status = dnnl_unimplemented;
  }
  if (status == dnnl_success && chosen)
    status = copy_description(chosen, description, plan->kind == APUS_CONVOLUTION_WEIGHT_GRADIENT ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
  if (status == dnnl_success) {
    static const int arguments[3][4] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS},
                                        {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC},
                                        {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}};
    status = apus_primitive_create(description, plan->has_bias ? 4 : 3, arguments[plan->kind], made);  // destroys the description
  }
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (plain) dnnl_primitive_attr_destroy(plain);
  forget_operands(&operands);
  return status;
}

dnnl_status_t apus_onednn_convolution_reorder(const apus_convolution *shape, const apus_md *theirs, bool is_gradient, int64_t slices,
                                              int64_t slice, apus_primitive **made) {
  apus_md ours = {0}, our_part = {0}, their_part = {0};
  dnnl_engine_t engine;
  dnnl_primitive_desc_t description = NULL;
  dnnl_dim_t dims[6], strides[6], offsets[6] = {0};
  weight_dims(shape, dims, strides);
  if (slices > 1) {
    dims[0] /= slices;
    offsets[0] = slice * dims[0];
  }
  dnnl_status_t status = apus_onednn_engine(&engine);
  if (status == dnnl_success) status = describe_own_weights(&ours, shape);
#if DNNL_VERSION_MAJOR >= 3
  if (status == dnnl_success) status = dnnl_memory_desc_create_submemory(&our_part, ours, dims, offsets);
  if (status == dnnl_success) status = dnnl_memory_desc_create_submemory(&their_part, *theirs, dims, offsets);
  const apus_md from = is_gradient ? their_part : our_part;
  const apus_md to = is_gradient ? our_part : their_part;
#else
  if (status == dnnl_success) status = dnnl_memory_desc_init_submemory(&our_part, &ours, dims, offsets);
  if (status == dnnl_success) status = dnnl_memory_desc_init_submemory(&their_part, theirs, dims, offsets);
  const apus_md *from = is_gradient ? &their_part : &our_part;
  const apus_md *to = is_gradient ? &our_part : &their_part;
#endif
  if (status == dnnl_success) status = dnnl_reorder_primitive_desc_create(&description, from, engine, to, engine, NULL);
  if (status == dnnl_success) {
    const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    status = apus_primitive_create(description, 2, arguments, made);
  }
  apus_md_destroy(&ours);
  apus_md_destroy(&our_part);
  apus_md_destroy(&their_part);
  return status;
}

bool apus_onednn_weights_are_ours(const apus_convolution *shape, const apus_md *theirs, int64_t *bytes) {
  apus_md ours = {0};
  if (describe_own_weights(&ours, shape) != dnnl_success) return false;
#if DNNL_VERSION_MAJOR >= 3
  const bool are_equal = dnnl_memory_desc_equal(ours, *theirs);
  *bytes = (int64_t)dnnl_memory_desc_get_size(*theirs);
#else
  const bool are_equal = dnnl_memory_desc_equal(&ours, theirs);
  *bytes = (int64_t)dnnl_memory_desc_get_size(theirs);
#endif
  apus_md_destroy(&ours);
  return are_equal;
}
