#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json (release by default); further arguments go to CMake.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
# ccache keeps precompiled headers usable only when told that their time stamps do not matter.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
[ -z "${HOLISAFE_PYTHON:-}" ] || set -- "-DHOLISAFE_PYTHON=$HOLISAFE_PYTHON" "$@"
# Debian's CMake, whatever else is on the PATH.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
/usr/bin/cmake --preset "$preset" "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 2; }
/usr/bin/cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}"
