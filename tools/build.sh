#!/usr/bin/env bash
# Configures and builds presets of CMakePresets.json.
#
#   tools/build.sh PRESET [CMAKE-ARGUMENT...]             all of it, with the tests
#   tools/build.sh program [CMAKE-ARGUMENT...]            the preset release: the program alone
#   TARGETS="a b" tools/build.sh PRESET                   only these targets; TARGETS= configures alone
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
if [ "$preset" = program ]; then
  preset=release
  TARGETS=holisafe
  # In a folder that has the tests already they stay: CMake would sweep out what belongs to none of its targets.
  [ -e build/CMakeCache.txt ] || set -- -DHOLISAFE_TESTS=OFF "$@"
else
  set -- -DHOLISAFE_TESTS=ON "$@"
fi
# ccache, where a developer has it, keeps precompiled headers usable only when told that their time stamps do not matter, and
# knows a file again in another clone when told that paths below this folder are relative.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
[ -z "${HOLISAFE_PYTHON:-}" ] || set -- "-DHOLISAFE_PYTHON=$HOLISAFE_PYTHON" "$@"
# Debian's CMake, whatever else is on the PATH.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
/usr/bin/cmake --preset "$preset" "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 2; }
read -ra targets <<<"${TARGETS-all}"
[ ${#targets[@]} -gt 0 ] || exit 0
/usr/bin/cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}" --target "${targets[@]}"
