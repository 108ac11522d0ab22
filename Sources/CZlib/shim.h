// The system's zlib (Debian and Ubuntu: zlib1g-dev).
#include <zlib.h>
