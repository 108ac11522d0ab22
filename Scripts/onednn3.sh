#!/bin/sh
# Builds the package and runs its tests against oneDNN 3.2 (from PyPI) instead of the system's 2.x, then compares the two in speed.
#
#   Scripts/onednn3.sh [folder]     default: .build/onednn3, which is kept between runs
#
# APUS_PACKAGE names another package folder to build and test; `none` skips that part.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/.build/onednn3}
package=${APUS_PACKAGE:-$root}
version=2023.2.0

if [ ! -e "$folder/lib/libdnnl.so" ]; then
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet "onednn-cpu-gomp==$version" "onednn-devel-cpu-gomp==$version"
fi
echo "oneDNN 3.2 in $folder"

if [ "$package" != none ]; then
  # A scratch path of its own: the two builds do not mix.
  set -- --package-path "$package" --scratch-path "$folder/build" -c release -Xswiftc -enable-testing \
    -Xcc "-I$folder/include" -Xlinker "-L$folder/lib" -Xlinker -rpath -Xlinker "$folder/lib"
  swift build --build-tests "$@"
  swift test "$@"
fi

# The same benchmark, linked with either.
bench() {
  clang -std=c17 -O2 "$@" "-I$root/Sources/CApus/include" "$root/Scripts/matmul_bench.c" "$root"/Sources/CApus/matmul_*.c \
    "$root"/Sources/CApus/onednn.c "$root"/Sources/CApus/onednn_library.c "$root"/Sources/CApus/onednn_matmul.c "$root"/Sources/CApus/parallel.c \
    "$root/Sources/CApus/support.c" -ldnnl -lgomp -lm
}
bench -o "$folder/bench2"
bench "-I$folder/include" "-L$folder/lib" "-Wl,-rpath,$folder/lib" -o "$folder/bench3"
threads=${APUS_THREADS:-1}  # one: other load on the machine disturbs it least
for run in 1 2 3; do
  "$folder/bench2" "$threads" versions > "$folder/speed2.$run"
  "$folder/bench3" "$threads" versions > "$folder/speed3.$run"
done
# A line of the benchmark: name | sgemm | own | bfloat16 | ...; each column "time us GFLOP/s".
awk -F'|' '
  function time(column, parts) { split(column, parts, " "); return parts[1] + 0 }
  / us / {
    generation = FILENAME ~ /speed2/ ? 2 : 3
    if (!($1 in seen)) { seen[$1] = 1; order[++count] = $1 }
    gemm = time($2); primitive = time($4)
    key = generation SUBSEP $1
    if (!(key in best_gemm) || gemm < best_gemm[key]) best_gemm[key] = gemm
    if (!(key in best_primitive) || primitive < best_primitive[key]) best_primitive[key] = primitive
  }
  END {
    printf "%-50s %28s %28s\n", "best of 3 runs, us", "dnnl_sgemm 2.x / 3.x", "bfloat16 2.x / 3.x"
    for (i = 1; i <= count; i++) {
      g2 = best_gemm[2, order[i]]; g3 = best_gemm[3, order[i]]; p2 = best_primitive[2, order[i]]; p3 = best_primitive[3, order[i]]
      printf "%-50s %9.2f / %9.2f  %s %9.2f / %9.2f  %s\n", order[i], g2, g3, word(g2, g3), p2, p3, word(p2, p3)
    }
  }
  function word(two, three) { return three < 0.95 * two ? "3.x" : two < 0.95 * three ? "2.x" : "  =" }
' "$folder"/speed2.* "$folder"/speed3.*
