// The system's oneDNN (Debian and Ubuntu: libdnnl-dev). Both API generations, 2.x and 3.x, are accepted.
#include <oneapi/dnnl/dnnl.h>
