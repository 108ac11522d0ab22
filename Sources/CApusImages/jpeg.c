#include "apus_images.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

// libjpeg leaves by longjmp where something is wrong; see png.c.

typedef struct {
  struct jpeg_error_mgr manager;
  struct jpeg_decompress_struct decoder;
  struct jpeg_progress_mgr progress;
  apus_image_status status;
  char message[JMSG_LENGTH_MAX];
  jmp_buf jump;
} jpeg_job;

static void jpeg_failed(j_common_ptr decoder) {
  jpeg_job *job = (jpeg_job *)decoder->err;
  if (job->status == APUS_IMAGE_OK) {
    int code = decoder->err->msg_code;
    job->status = code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE ? APUS_IMAGE_NO_MEMORY : APUS_IMAGE_MALFORMED;
  }
  decoder->err->format_message(decoder, job->message);
  longjmp(job->jump, 1);
}

/// Damaged data are warnings to libjpeg, which goes on with grey.
static void jpeg_warned(j_common_ptr decoder, int level) {
  if (level >= 0) return;
  // Bytes between the markers that nobody needs damage nothing.
  if (decoder->err->msg_code == JWRN_EXTRANEOUS_DATA || decoder->err->msg_code == JWRN_ADOBE_XFORM) return;
  jpeg_job *job = (jpeg_job *)decoder->err;
  job->status = decoder->err->msg_code == JWRN_JPEG_EOF ? APUS_IMAGE_TRUNCATED : APUS_IMAGE_MALFORMED;
  jpeg_failed(decoder);
}

/// A small file may ask for millions of passes over a large image.
static void jpeg_progressed(j_common_ptr decoder) {
  jpeg_job *job = (jpeg_job *)decoder->err;
  if (job->decoder.input_scan_number > 100) {
    job->status = APUS_IMAGE_UNSUPPORTED;
    strcpy(job->message, "more than 100 scans");
    longjmp(job->jump, 1);
  }
}

static apus_image_status jpeg_run(const uint8_t *bytes, size_t count, int64_t most_pixels, bool reads_pixels,
                                  apus_image *image) {
  memset(image, 0, sizeof *image);
  jpeg_job *job = calloc(1, sizeof *job);
  if (!job) return APUS_IMAGE_NO_MEMORY;
  struct jpeg_decompress_struct *decoder = &job->decoder;
  decoder->err = jpeg_std_error(&job->manager);
  job->manager.error_exit = jpeg_failed;
  job->manager.emit_message = jpeg_warned;
  uint8_t *volatile pixels = NULL;
  if (!setjmp(job->jump)) {
    jpeg_create_decompress(decoder);
    decoder->mem->max_memory_to_use = 1L << 31;
    job->progress.progress_monitor = jpeg_progressed;
    decoder->progress = &job->progress;
    jpeg_mem_src(decoder, (unsigned char *)bytes, count);
    jpeg_read_header(decoder, TRUE);
    image->width = decoder->image_width;
    image->height = decoder->image_height;
    image->channels = decoder->num_components == 1 ? 1 : 3;
    if (decoder->num_components != 1 && decoder->num_components != 3) {
      job->status = APUS_IMAGE_UNSUPPORTED;
      snprintf(job->message, sizeof job->message, "%d colour components; expected 1 or 3", decoder->num_components);
    } else if (reads_pixels && image->width > most_pixels / image->height) {
      job->status = APUS_IMAGE_TOO_LARGE;
    } else if (reads_pixels) {
      decoder->out_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      jpeg_start_decompress(decoder);
      size_t row = (size_t)image->width * (size_t)image->channels;
      pixels = calloc((size_t)image->height, row);
      if (!pixels) job->status = APUS_IMAGE_NO_MEMORY;
      while (pixels && decoder->output_scanline < decoder->output_height) {
        JSAMPROW target = pixels + (size_t)decoder->output_scanline * row;
        jpeg_read_scanlines(decoder, &target, 1);
      }
      if (pixels) jpeg_finish_decompress(decoder);
    }
  }
  apus_image_status status = job->status;
  if (status == APUS_IMAGE_OK) {
    image->pixels = pixels;
  } else {
    free(pixels);
    strncpy(image->message, job->message, sizeof image->message - 1);
  }
  jpeg_destroy_decompress(decoder);
  free(job);
  return status;
}

apus_image_status apus_jpeg_read(const uint8_t *bytes, size_t count, int64_t most_pixels, apus_image *image) {
  return jpeg_run(bytes, count, most_pixels, true, image);
}

apus_image_status apus_jpeg_size(const uint8_t *bytes, size_t count, apus_image *image) {
  return jpeg_run(bytes, count, 0, false, image);
}
