// The system's libpng (Debian and Ubuntu: libpng-dev).
#include <png.h>
