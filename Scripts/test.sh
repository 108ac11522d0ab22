#!/bin/sh
# What `make test` does: the library's tests, optimised as it is shipped, and then those of the examples.
#
# The examples are a package of their own. With the same flags and the same scratch path SwiftPM finds Apus built already, so that
# they cost a minute and not a second build. But it keeps the plan of its last build there and takes it for that of any package:
# hence it is removed, also at the end, for whoever runs `swift test` next. Without it SwiftPM plans anew, in two seconds.
set -eu
cd "$(dirname "$0")/.."

forget_plan() { rm -f .build/tests/release/description.json; }
trap forget_plan EXIT

log=.build/tests.log
mkdir -p .build
for package in . Examples; do
  forget_plan
  # What failed is told once more at the end, where it is found among thousands of lines.
  { swift test -c release -Xswiftc -enable-testing --scratch-path .build/tests ${JOBS:+-j "$JOBS"} --package-path "$package" &&
    echo passed > "$log.result" || echo failed > "$log.result"; } 2>&1 | tee "$log"
  [ "$(cat "$log.result")" = passed ] || { printf '\nFailed:\n'; grep -a '✘\|error: ' "$log" || true; exit 1; }
done
