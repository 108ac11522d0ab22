#!/usr/bin/env bash
# Installs what the build needs and is missing: headers and libraries of oneDNN, zlib, libpng and libjpeg. On Debian and Ubuntu through
# apt-get; elsewhere it says what to install. The Swift toolchain itself must be there already.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "Apus needs a Swift 6.2 toolchain or newer: see https://www.swift.org/install" >&2
  exit 1
fi

# A library, its Debian package, a program that compiles and links if it is there, and how to link.
libraries() {
  cat <<'LIST'
oneDNN|libdnnl-dev|#include <oneapi/dnnl/dnnl.h>\nint main(void) { return dnnl_version() == 0; }|-ldnnl -lgomp
zlib|zlib1g-dev|#include <zlib.h>\nint main(void) { return zlibVersion() == 0; }|-lz
libpng|libpng-dev|#include <png.h>\nint main(void) { return png_access_version_number() == 0; }|-lpng
libjpeg|libjpeg-dev|#include <stdio.h>\n#include <jpeglib.h>\nint main(void) { struct jpeg_error_mgr e; return jpeg_std_error(&e) == 0; }|-ljpeg
LIST
}

# The libraries, or with "packages" their packages, whose programs do not link.
missing() {
  while IFS='|' read -r name package program flags; do
    # shellcheck disable=SC2086 # the flags are words
    printf "$program\n" | "${CC:-clang}" -x c - -o /dev/null $flags 2>/dev/null || {
      if [ "${1:-}" = packages ]; then echo "$package"; else echo "$name"; fi
    }
  done < <(libraries)
}

packages=$(missing packages)
if [ -n "$packages" ]; then
  if command -v apt-get >/dev/null; then
    run=()
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null || {
        echo "libraries are missing: run 'apt-get install" $packages"' as root" >&2
        exit 1
      }
      run=(sudo)
    fi
    echo "installing" $packages >&2
    "${run[@]}" apt-get update -qq
    # shellcheck disable=SC2086 # several packages
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null
  else
    echo "libraries are missing:" $(missing) >&2
    echo "Install their headers and libraries, oneDNN with OpenMP by GNU (libgomp), for instance:" >&2
    echo "  Fedora: dnf install onednn-devel zlib-devel libpng-devel libjpeg-turbo-devel" >&2
    echo "  Arch: pacman -S onednn zlib libpng libjpeg-turbo    oneDNN from source: https://github.com/uxlfoundation/oneDNN" >&2
    exit 1
  fi
  left=$(missing)
  [ -z "$left" ] || { echo "installed, but a program that uses it does not link:" $left >&2; exit 1; }
fi
