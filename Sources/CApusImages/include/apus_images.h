// PNG and JPEG through libpng and libjpeg, behind an interface that returns errors instead of jumping.
#ifndef APUS_IMAGES_H
#define APUS_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum : uint8_t {
  APUS_IMAGE_OK = 0,
  APUS_IMAGE_MALFORMED,    // not what the format allows
  APUS_IMAGE_TRUNCATED,    // the bytes end too early
  APUS_IMAGE_UNSUPPORTED,  // a kind of image that is not read
  APUS_IMAGE_TOO_LARGE,    // more pixels than the caller allows
  APUS_IMAGE_NO_MEMORY,
} apus_image_status;

/// An image of 8 bits for each channel, row by row without gaps, the channels of a pixel next to each other.
typedef struct {
  /// From malloc; the caller frees it. Null unless everything went well.
  uint8_t *_Nullable pixels;
  int64_t width, height;
  /// 1 grey, 2 grey and opacity, 3 red, green and blue, 4 those and opacity.
  int32_t channels;
  /// What is wrong, in the library's words; empty if nothing is.
  char message[200];
} apus_image;

/// Reads an image of at most `most_pixels` from memory. Palettes become colours, 16 bits become 8 (rounded), fewer bits become 8, a
/// transparent colour becomes opacity. Colour profiles and gamma are left alone.
apus_image_status apus_png_read(const uint8_t *_Nonnull bytes, size_t count, int64_t most_pixels, apus_image *_Nonnull image);

/// Reads a grey or coloured image. An image whose bytes are damaged is refused, even where the library could guess on.
apus_image_status apus_jpeg_read(const uint8_t *_Nonnull bytes, size_t count, int64_t most_pixels, apus_image *_Nonnull image);

/// Only finds out the extents and the number of channels.
apus_image_status apus_png_size(const uint8_t *_Nonnull bytes, size_t count, apus_image *_Nonnull image);
apus_image_status apus_jpeg_size(const uint8_t *_Nonnull bytes, size_t count, apus_image *_Nonnull image);

/// Writes `pixels` of 1 to 4 channels as a PNG file into memory from malloc, which the caller frees.
/// `image` gives extents and channels, and takes a message.
apus_image_status apus_png_write(const uint8_t *_Nonnull pixels, apus_image *_Nonnull image,
                                 uint8_t *_Nullable *_Nonnull bytes, size_t *_Nonnull count);

#ifdef __cplusplus
}
#endif
#endif
