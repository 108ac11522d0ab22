// MKL asks this before it takes its AVX-512 kernels, and says no on AMD. Preloaded, this answer comes first.
int mkl_serv_intel_cpu_true(void) { return 1; }
