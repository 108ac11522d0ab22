// The system's libjpeg (Debian and Ubuntu: libjpeg-dev).
#include <stdio.h>
#include <jpeglib.h>
