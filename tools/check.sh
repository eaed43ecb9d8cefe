#!/usr/bin/env bash
# The checks beside the tests: formatting; layers under ASan and UBSan; what listens, asks and keeps runs under TSan; clang-tidy
# of changed layers.
#
#   tools/check.sh         clang-tidy over what a branch changed
#   tools/check.sh all     clang-tidy over every layer, changed or not
#
# LibTorch itself is not instrumented. What is forgiven it, and why, stands in tools/sanitizers/.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { echo "check: $* (after ${SECONDS} s)"; }
jobs=${JOBS:-$(nproc)}
suppressions=$PWD/tools/sanitizers

step "formatting"
git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format --dry-run --Werror

step "AddressSanitizer and UndefinedBehaviorSanitizer"
tools/build.sh asan
# The program and its LibTorch module hold the same layers, and the module uses the program's copy: no violation of one definition.
ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_odr_violation=0 LSAN_OPTIONS=suppressions=$suppressions/leaks.txt:print_suppressions=0 \
  UBSAN_OPTIONS=print_stacktrace=1 ctest --preset asan --label-exclude slow --parallel "$jobs" --timeout 1200

# Layers with threads or processes beside each other.
threaded=(base schedule http ask serve store runs)
step "ThreadSanitizer:" "${threaded[@]}"
TARGETS="${threaded[*]/%/_test}" tools/build.sh tsan
TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
  ctest --preset tsan --parallel "$jobs" --timeout 1200 -R "^($(IFS='|'; echo "${threaded[*]}"))\."

# Layers that a branch changed; all of them on the main branch, and where what rules every file changed.
changed_layers() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null) || base=$(git rev-parse HEAD)
  if [ "$base" != "$(git rev-parse HEAD)" ] && git diff --quiet "$base" -- .clang-tidy CMakeLists.txt cmake tools/check.sh; then
    git diff --name-only "$base" -- src | cut -d/ -f2 | sort -u
  else
    echo .
  fi
}
layers=$([ -n "${1:-}" ] && echo . || changed_layers)
step "clang-tidy:" "${layers//./every layer}"
# As g++ compiles them: clang knows some of its flags not, and takes none of its precompiled headers. A layer with LibTorch is
# compiled, and looked at, several files together (HOLISAFE_UNITY).
TARGETS= tools/build.sh release
clang_tidy=$(dirname "${HOLISAFE_PYTHON:-build/venv/bin/python}")/clang-tidy
python3 - "$layers" <<'PY' | xargs -r -P "$jobs" -n 4 "$clang_tidy" --quiet -p build "--extra-arg=-I$PWD/cmake" --extra-arg=-Wno-ignored-gch \
  --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-deprecated-declarations
import json
import os
import re
import sys

layers = sys.argv[1].split()
for entry in json.load(open("build/compile_commands.json")):
    path = os.path.relpath(entry["file"], "build" if "/Unity/" in entry["file"] else ".")
    tests = re.search(r"_test\.(cpp$|dir/)", path)
    if path.startswith("src/") and not tests and ("." in layers or path.split("/")[1] in layers):
        print(entry["file"])
PY
step "fine"
