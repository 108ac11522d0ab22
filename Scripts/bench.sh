#!/bin/sh
# What `make bench` does: builds Apus and its benchmarks, and compares them with the peers that can be had.
#
#   PEERS_PYTHON=python3   a Python that has numpy, jax, optax (any of them may be missing); otherwise .peers is made and filled
#   PEERS_DIR=DIR          a directory with further peers (see Benchmarks/compare.py)
#   SECONDS_EACH=1 ROUNDS=3 THREADS=2 WORKLOADS=planar,gemm JOBS=2
set -eu
cd "$(dirname "$0")/.."

swift build -c release ${JOBS:+-j "$JOBS"} --product apus
# SwiftPM looks for new files of a package beside this one only when the manifest has changed.
touch Benchmarks/Package.swift
swift build -c release ${JOBS:+-j "$JOBS"} --package-path Benchmarks --product apus-bench

python=${PEERS_PYTHON:-}
if [ -z "$python" ]; then
  python=.peers/bin/python
  # A marker says that the installation was completed.
  if [ ! -e .peers/complete ]; then
    echo "Installing numpy, jax and optax for comparison into .peers (once) ..."
    if python3 -m venv .peers && .peers/bin/pip install --quiet numpy jax optax; then
      touch .peers/complete
    else
      echo "The peers cannot be installed here (python3-venv and a package index are needed): Apus alone is measured." >&2
      [ -x "$python" ] || python=python3
    fi
  fi
fi

exec python3 Benchmarks/compare.py --python "$python" ${PEERS_DIR:+--peers "$PEERS_DIR"} \
  --seconds "${SECONDS_EACH:-1}" --rounds "${ROUNDS:-3}" --threads "${THREADS:-2}" ${WORKLOADS:+--workloads "$WORKLOADS"}
