#!/usr/bin/env bash
# Installs what the build needs and is missing: oneDNN's headers and library. On Debian and Ubuntu through apt-get; elsewhere it
# says what to install. The Swift toolchain itself must be there already.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "Apus needs a Swift 6.2 toolchain or newer: see https://www.swift.org/install" >&2
  exit 1
fi

has_onednn() {
  printf '#include <oneapi/dnnl/dnnl.h>\nint main(void) { return dnnl_version() == 0; }\n' |
    "${CC:-clang}" -x c - -o /dev/null -ldnnl -lgomp 2>/dev/null
}

if ! has_onednn; then
  if command -v apt-get >/dev/null; then
    run=()
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null || {
        echo "oneDNN is missing: run 'apt-get install libdnnl-dev' as root" >&2
        exit 1
      }
      run=(sudo)
    fi
    echo "installing libdnnl-dev" >&2
    "${run[@]}" apt-get update -qq
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libdnnl-dev >/dev/null
  else
    echo "oneDNN is missing. Install its headers and library with OpenMP by GNU (libgomp), for instance:" >&2
    echo "  Fedora: dnf install onednn-devel    Arch: pacman -S onednn    from source: https://github.com/uxlfoundation/oneDNN" >&2
    exit 1
  fi
  has_onednn || { echo "oneDNN was installed, but a program that uses it does not link" >&2; exit 1; }
fi
