// The data sets that travel inside the library, as CSV text. See README.md for their sources and licences.
#ifndef CAPUS_DATASETS_H
#define CAPUS_DATASETS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One bundled data set: a CSV file held in the program's read-only data, not terminated by a zero.
typedef struct {
  const char *_Nonnull name;            ///< "iris", "wine", "breast_cancer" or "digits"
  const unsigned char *_Nonnull bytes;  ///< the CSV text, UTF-8 with a header line
  size_t count;                         ///< its length in bytes
} apus_dataset;

/// The bundled data sets, `apus_dataset_count()` of them.
const apus_dataset *_Nonnull apus_datasets(void);

/// The number of bundled data sets.
size_t apus_dataset_count(void);

#ifdef __cplusplus
}
#endif

#endif
