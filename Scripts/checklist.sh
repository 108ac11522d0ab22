#!/usr/bin/env bash
# What `make checklist` does: runs the tests and says for every row of docs/checklist.md whether a test that passed covers it.
#
#   Scripts/checklist.sh            runs the tests, prints a line for each row; exit code 1 if a row is not covered that should be
#   Scripts/checklist.sh --log F    the same from the output of `make test` that was kept in the file F
#   Scripts/checklist.sh --write    fills the page's last column from the tests' names
#
# A test's name begins with the rows that it checks: @Test("N-17, D5: a network of two outputs, all gradients").
set -euo pipefail
cd "$(dirname "$0")/.."
page=docs/checklist.md
# Rows, divided by commas, up to a colon.
ids='(([A-P][0-9][0-9]?|[NE]-[0-9][0-9]b?)(, )?)+: '

if [ "${1:-}" = --write ]; then
  # "N-17 ApusNNTests/WorkedNumbersTests.swift" for every row and file, in order.
  named=$(grep -rnoE --include='*.swift' "\"$ids" Tests Examples | sed -E 's/^([^:]*):[0-9]+:"(.*): $/\1 \2/' |
    awk '{ file = $1; sub(/^Tests\//, "", file); for (i = 2; i <= NF; i++) { sub(/,$/, "", $i); print $i, file } }' |
    sort -u)
  awk -v named="$named" '
    BEGIN {
      count = split(named, lines, "\n")
      for (i = 1; i <= count; i++) {
        split(lines[i], part, " ")
        # Asked first: awk makes an element as soon as an assignment names it.
        separator = part[1] in tests ? "; " : ""
        tests[part[1]] = tests[part[1]] separator part[2]
      }
    }
    /^\| [A-PNE]-?[0-9]+b? \|/ {
      split($0, cell, / \| /)
      id = substr(cell[1], 3)
      $0 = cell[1] " | " cell[2] " | " cell[3] " | " (id in tests ? tests[id] : "–") " |"
    }
    { print }' "$page" > "$page.new"
  mv "$page.new" "$page"
  exit
fi

if [ "${1:-}" = --log ]; then
  log=$2
else
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  make test 2>&1 | tee "$log" | grep -E '✘|error:|Test run' || true
fi

awk -v ids="$ids" '
  # ✔ Test "N-17, D5: …" passed after …; with 3 test cases it says so; ✘ … failed
  FILENAME != page && match($0, /(Test|Suite) "/) {
    name = substr($0, RSTART + RLENGTH)
    if (match(name, "^" ids)) {
      count = split(substr(name, 1, RLENGTH - 2), rows, ", ")
      for (i = 1; i <= count; i++) {
        if ($0 ~ /" (with [0-9]+ test cases? )?passed after/) passed[rows[i]]++
        else if ($0 ~ /" (with [0-9]+ test cases? )?failed after/) failed[rows[i]]++
        else if ($0 ~ /skipped/) skipped[rows[i]]++
      }
    }
    next
  }
  FILENAME == page && /^\| [A-PNE]-?[0-9]+b? \|/ {
    split($0, cell, / \| /)
    id = substr(cell[1], 3)
    isLater = cell[3] ~ /^later/
    isNote = cell[3] ~ /^note:/
    if (failed[id]) state = "FAILED (" failed[id] " tests)"
    else if (passed[id]) state = "covered by " passed[id] (passed[id] == 1 ? " test" : " tests")
    else if (skipped[id]) state = "SKIPPED"
    else if (isNote) state = "noted"
    else if (isLater) state = "later"
    else state = "NOT COVERED"
    if (failed[id] || state == "NOT COVERED" || state == "SKIPPED") bad++
    else if (state == "later") later++
    else good++
    printf "%-6s %-22s %s\n", id, state, cell[2]
  }
  END {
    printf "\n%d rows covered, %d not, %d for later\n", good, bad, later
    exit bad > 0
  }' page="$page" "$log" "$page"
