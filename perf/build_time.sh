#!/usr/bin/env bash
# How long the program takes to build, without a compiler cache: from nothing, and again after a change of base/result.h (all see
# it), models/model.h (all that run a model) and one .cpp. The layers' tests too with --tests.
#
#   perf/build_time.sh [--tests]     in build-time/, which is made anew and removed
set -euo pipefail
cd "$(dirname "$0")/.."
tests=OFF
[ "${1:-}" != --tests ] || tests=ON
export CCACHE_DISABLE=1
folder=build-time
log=$(mktemp)
trap 'rm -rf "$folder" "$log"' EXIT
rm -rf "$folder"
/usr/bin/cmake --preset release -B "$folder" -DHOLISAFE_TESTS=$tests >"$log" 2>&1 || { cat "$log" >&2; exit 2; }

measure() { # WHAT: builds, and says the seconds that passed, those of the processors, and how many files were compiled
  local out
  out=$({ TIMEFORMAT='%R s, %U s of processors'; time /usr/bin/cmake --build "$folder" --parallel "${JOBS:-$(nproc)}" >"$log"; } 2>&1) ||
    { cat "$log" >&2; exit 2; }
  echo "$1: $out, $(grep -c 'Building CXX object' "$log" || true) files"
}

measure "from nothing"
for file in src/base/result.h src/models/model.h src/runs/compare_runs.cpp; do
  # Another time stamp is a change to Ninja; the files stay as they are.
  touch "$file"
  measure "$file changed"
done
