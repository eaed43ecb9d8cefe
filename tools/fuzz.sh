#!/usr/bin/env bash
# Runs each fuzz target for the given seconds (60 by default) from its corpus, under ASan and UBSan (preset asan).
# A target src/LAYER/NAME_fuzz.cpp starts from the files in src/LAYER/testdata/corpus/NAME_fuzz/.
set -euo pipefail
cd "$(dirname "$0")/.."
export seconds=${1:-60}
tools/build.sh asan

run_target() {
  local name folder
  name=$(basename "$1")
  folder=$(mktemp -d)
  mkdir "$folder/corpus"
  find src -path "*/testdata/corpus/$name/*" -type f -exec cp {} "$folder/corpus" \;
  if ! "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$folder/" "$folder/corpus" >"$folder/log" 2>&1; then
    tail -n 60 "$folder/log"
    echo "fuzz: $name: failed; input in $folder"
    return 1
  fi
  echo "fuzz: $name: $(sed -n 's/stat::number_of_executed_units: *//p' "$folder/log") executions, no fault"
  rm -rf "$folder"
}
export -f run_target
find build-asan/fuzz -maxdepth 1 -type f -executable -name '*_fuzz' -print0 |
  xargs -0 -P "${JOBS:-$(nproc)}" -I{} bash -c 'run_target {}'
