#!/bin/sh
# What `make bench` does: builds Apus and its benchmarks, and compares them with every peer that can be had.
#
#   PEERS_PYTHON=A:B       Pythons that have some of numpy, jax, optax, torch, tensorflow, keras, mlx, onnxruntime, onnx; every
#                          framework runs with the first that has it. Without, .peers is made and filled:
#   PEERS_INSTALL=light    numpy, jax, onnxruntime; all: PyTorch, TensorFlow with Keras and MLX too (several gigabytes); none
#   PEERS=numpy,jax        only these
#   SECONDS_EACH=1 ROUNDS=3 THREADS=2 WORKLOADS=planar,gemm JOBS=2
#
#   Scripts/bench.sh --quick               whether everything runs, in a few minutes; no times to rely on
#   Scripts/bench.sh --json FILE           stores every single result too
#   Scripts/bench.sh --side-by-side        how much a second copy of the process slows training down
#
# Nothing else may run meanwhile: thread teams wait by spinning. The tables say so if something did.
set -eu
cd "$(dirname "$0")/.."

# Packed relocations take 1 MB less of every process; the toolchain's lld writes them, and glibc from 2.36 on reads them.
link=
glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null | cut -d ' ' -f 2)
if [ -n "$glibc" ] && [ "$(printf '2.36\n%s\n' "$glibc" | sort -V | head -n 1)" = 2.36 ]; then
  link="-Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs"
fi

# shellcheck disable=SC2086 # several words
swift build -c release ${JOBS:+-j "$JOBS"} --product apus --static-swift-stdlib $link
# SwiftPM looks for new files of a package beside this one only when the manifest has changed.
touch Benchmarks/Package.swift
# shellcheck disable=SC2086
swift build -c release ${JOBS:+-j "$JOBS"} --package-path Benchmarks --product apus-bench --static-swift-stdlib $link
bench=Benchmarks/.build/release/apus-bench

if ! command -v python3 > /dev/null; then
  echo "There is no Python to compare and to print tables with: Apus alone, as lines of JSON." >&2
  workloads=planar,softmax784,mlp784,mlpbn,twolayer,lenet,cnn32,resnet18,charlstm,chargpt,autoenc,dcgan
  workloads=$workloads,infer1-mlp,infer1-lenet,coldstart,ceilings,kernels,gemm,elementwise,optimizers,concurrent-mlp
  for workload in $(echo "${WORKLOADS:-$workloads}" | tr , ' '); do
    "$bench" --workload "$workload" --threads "${THREADS:-2}" --seconds "${SECONDS_EACH:-1}"
  done
  exit
fi

# For PyTorch as experts run it on AMD; without a compiler the comparison says that this is missing.
if command -v cc > /dev/null; then
  cc -shared -fPIC -O2 -o Benchmarks/.build/mkl_on_amd.so Benchmarks/Peers/mkl_on_amd.c
fi

# Installs packages ($1: one word each) into .peers; what is there already costs nothing, what cannot be had in $2 seconds is left out.
install() {
  for package in $1; do
    .peers/bin/python -m pip show --quiet "${package%%\[*}" 2> /dev/null && continue
    echo "Installing $package into .peers, for comparison ..."
    timeout "$2" .peers/bin/python -m pip install --quiet --disable-pip-version-check "$package" ||
      echo "$package cannot be installed here and now; the comparison goes without." >&2
  done
}

python=${PEERS_PYTHON:-}
if [ -z "$python" ]; then
  python=python3
  if [ -x .peers/bin/python ] || python3 -m venv .peers; then
    python=.peers/bin/python
    choice=${PEERS_INSTALL:-light}
    [ "$choice" = none ] || install "numpy jax optax onnx onnxruntime" 200
    [ "$choice" != all ] || install "torch tensorflow-cpu keras mlx[cpu]" 900
  fi
fi

exec python3 Benchmarks/compare.py --python "$python" ${PEERS:+--peers "$PEERS"} --seconds "${SECONDS_EACH:-1}" \
  --rounds "${ROUNDS:-3}" --threads "${THREADS:-2}" ${WORKLOADS:+--workloads "$WORKLOADS"} "$@"
