#!/bin/sh
# What `make bench` does: builds Apus and its benchmarks, and compares them with the peers that can be had.
#
#   PEERS_PYTHON=python3   a Python that has numpy, jax, optax (any of them may be missing); otherwise .peers is made and filled
#   PEERS_DIR=DIR          a directory with further peers (see Benchmarks/compare.py)
#   SECONDS_EACH=1 ROUNDS=3 THREADS=2 WORKLOADS=planar,gemm JOBS=2
set -eu
cd "$(dirname "$0")/.."

swift build -c release ${JOBS:+-j "$JOBS"} --product apus --static-swift-stdlib
# SwiftPM looks for new files of a package beside this one only when the manifest has changed.
touch Benchmarks/Package.swift
swift build -c release ${JOBS:+-j "$JOBS"} --package-path Benchmarks --product apus-bench

python=${PEERS_PYTHON:-}
if [ -z "$python" ]; then
  python=.peers/bin/python
  [ -x "$python" ] || python3 -m venv .peers || python=python3
  # What is there already costs nothing; what cannot be had in a few minutes is left out. NumPy is the smallest: it goes first.
  if [ "$python" != python3 ]; then
    for packages in numpy "jax optax"; do
      if ! "$python" -c "import $(echo $packages | sed 's/ /, /g')" 2>/dev/null; then
        echo "Installing $packages into .peers, for comparison ..."
        # shellcheck disable=SC2086 # two packages are two words
        timeout 200 .peers/bin/pip install --quiet --disable-pip-version-check $packages ||
          echo "$packages cannot be installed here and now; the comparison goes without." >&2
      fi
    done
  fi
fi

exec python3 Benchmarks/compare.py --python "$python" ${PEERS_DIR:+--peers "$PEERS_DIR"} \
  --seconds "${SECONDS_EACH:-1}" --rounds "${ROUNDS:-3}" --threads "${THREADS:-2}" ${WORKLOADS:+--workloads "$WORKLOADS"}
