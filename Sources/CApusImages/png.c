#include "apus_images.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// libpng leaves by longjmp where something is wrong. It only ever passes frames of C in this file, and everything that has to be freed
// lies in a structure that outlives the jump.

typedef struct {
  const uint8_t *bytes;
  size_t count, position;
  uint8_t *written;
  size_t written_count, capacity;
  apus_image_status status;
  char *message;
  jmp_buf jump;
} png_job;

static void png_failed(png_structp png, png_const_charp message) {
  png_job *job = png_get_error_ptr(png);
  if (job->status == APUS_IMAGE_OK) job->status = APUS_IMAGE_MALFORMED;
  strncpy(job->message, message, sizeof((apus_image *)0)->message - 1);
  longjmp(job->jump, 1);
}

static void png_warned(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void png_take(png_structp png, png_bytep target, size_t count) {
  png_job *job = png_get_io_ptr(png);
  if (count > job->count - job->position) {
    job->status = APUS_IMAGE_TRUNCATED;
    png_error(png, "the bytes end too early");
  }
  memcpy(target, job->bytes + job->position, count);
  job->position += count;
}

static void png_put(png_structp png, png_bytep source, size_t count) {
  png_job *job = png_get_io_ptr(png);
  if (count > job->capacity - job->written_count) {
    size_t capacity = 2 * job->capacity + count;
    uint8_t *larger = realloc(job->written, capacity);
    if (!larger) {
      job->status = APUS_IMAGE_NO_MEMORY;
      png_error(png, "out of memory");
    }
    job->written = larger;
    job->capacity = capacity;
  }
  memcpy(job->written + job->written_count, source, count);
  job->written_count += count;
}

static void png_flush_nothing(png_structp png) { (void)png; }

/// Everything up to the pixels: extents and channels as they will come out.
static void png_begin(png_structp png, png_infop info, apus_image *image) {
  // What a file of millions of extra chunks could fill the memory with.
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_cache_max(png, 100);
  png_set_chunk_malloc_max(png, 8 << 20);
  png_read_info(png, info);
  png_set_expand(png);
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  image->width = png_get_image_width(png, info);
  image->height = png_get_image_height(png, info);
  image->channels = png_get_channels(png, info);
}

static apus_image_status png_run(const uint8_t *bytes, size_t count, int64_t most_pixels, bool reads_pixels,
                                 apus_image *image) {
  memset(image, 0, sizeof *image);
  png_job *job = calloc(1, sizeof *job);
  if (!job) return APUS_IMAGE_NO_MEMORY;
  job->bytes = bytes;
  job->count = count;
  job->message = image->message;
  png_structp volatile png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, png_failed, png_warned);
  png_infop volatile info = png ? png_create_info_struct(png) : NULL;
  uint8_t *volatile pixels = NULL;
  if (!info) {
    job->status = APUS_IMAGE_NO_MEMORY;
  } else if (!setjmp(job->jump)) {
    png_set_read_fn(png, job, png_take);
    png_begin(png, info, image);
    if (reads_pixels) {
      size_t row = png_get_rowbytes(png, info);
      if (image->width > most_pixels / image->height) {
        job->status = APUS_IMAGE_TOO_LARGE;
      } else if (row != (size_t)image->width * (size_t)image->channels) {
        job->status = APUS_IMAGE_UNSUPPORTED;
      } else if (!(pixels = calloc((size_t)image->height, row))) {
        job->status = APUS_IMAGE_NO_MEMORY;
      } else {
        // Interlaced images come in seven passes over all rows.
        int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
        for (int pass = 0; pass < passes; pass++) {
          for (int64_t y = 0; y < image->height; y++) png_read_row(png, pixels + (size_t)y * row, NULL);
        }
        png_read_end(png, NULL);
      }
    }
  }
  apus_image_status status = job->status;
  if (status == APUS_IMAGE_OK) {
    image->pixels = pixels;
  } else {
    free(pixels);
  }
  png_structp to_destroy = png;
  png_infop info_to_destroy = info;
  if (png) png_destroy_read_struct(&to_destroy, info ? &info_to_destroy : NULL, NULL);
  free(job);
  return status;
}

apus_image_status apus_png_read(const uint8_t *bytes, size_t count, int64_t most_pixels, apus_image *image) {
  return png_run(bytes, count, most_pixels, true, image);
}

apus_image_status apus_png_size(const uint8_t *bytes, size_t count, apus_image *image) {
  return png_run(bytes, count, 0, false, image);
}

apus_image_status apus_png_write(const uint8_t *pixels, apus_image *image, uint8_t **bytes, size_t *count) {
  static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  image->message[0] = 0;
  *bytes = NULL;
  png_job *job = calloc(1, sizeof *job);
  if (!job) return APUS_IMAGE_NO_MEMORY;
  job->message = image->message;
  png_structp volatile png = png_create_write_struct(PNG_LIBPNG_VER_STRING, job, png_failed, png_warned);
  png_infop volatile info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    job->status = APUS_IMAGE_NO_MEMORY;
  } else if (!setjmp(job->jump)) {
    png_set_write_fn(png, job, png_put, png_flush_nothing);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8, types[image->channels - 1],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    size_t row = (size_t)image->width * (size_t)image->channels;
    for (int64_t y = 0; y < image->height; y++) png_write_row(png, pixels + (size_t)y * row);
    png_write_end(png, info);
  }
  apus_image_status status = job->status;
  if (status == APUS_IMAGE_OK) {
    *bytes = job->written;
    *count = job->written_count;
  } else {
    free(job->written);
  }
  png_structp to_destroy = png;
  png_infop info_to_destroy = info;
  if (png) png_destroy_write_struct(&to_destroy, info ? &info_to_destroy : NULL);
  free(job);
  return status;
}
