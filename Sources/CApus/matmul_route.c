#include "matmul.h"
apus_matmul_route_kind apus_matmul_route(const apus_matmul *shape) { (void)shape; return APUS_MATMUL_OWN; }
