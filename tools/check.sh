#!/usr/bin/env bash
# The checks beside the tests: formatting, the layers without LibTorch under ASan and UBSan, clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "check: formatting"
git ls-files -z 'src/*.cpp' 'src/*.h' 'tests/*.cpp' 'perf/*.cpp' 'fuzz/*.cpp' 'cmake/*.h' |
  xargs -0 clang-format --dry-run --Werror

echo "check: layers without LibTorch under AddressSanitizer and UndefinedBehaviorSanitizer"
tools/build.sh asan
ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
  ctest --preset asan --parallel "$(nproc)" --timeout 1200

echo "check: clang-tidy"
python3 - <<'PY' | xargs -P "$(nproc)" -n 2 clang-tidy --quiet -p build-asan --extra-arg=-Wno-unknown-warning-option
import json
for entry in json.load(open("build-asan/compile_commands.json")):
    if "/src/" in entry["file"] and not entry["file"].endswith("_test.cpp"):
        print(entry["file"])
PY
echo "check: fine"
