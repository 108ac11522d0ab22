#include "CApusDatasets.h"

// #embed is C23; clang offers it in C17 too and says so with a warning that tells us nothing new.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char iris[] = {
#embed "data/iris.csv"
};

static const unsigned char wine[] = {
#embed "data/wine.csv"
};

static const unsigned char breast_cancer[] = {
#embed "data/breast_cancer.csv"
};

static const unsigned char digits[] = {
#embed "data/digits.csv"
};

static const apus_dataset sets[] = {
  {"iris", iris, sizeof iris},
  {"wine", wine, sizeof wine},
  {"breast_cancer", breast_cancer, sizeof breast_cancer},
  {"digits", digits, sizeof digits},
};

const apus_dataset *apus_datasets(void) { return sets; }

size_t apus_dataset_count(void) { return sizeof sets / sizeof sets[0]; }
