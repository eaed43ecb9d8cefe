#!/usr/bin/env bash
# Installs what is missing on Debian 12, and does nothing when all is there:
#
#   tools/setup.sh program    what the program is built of: compiler, libraries, LibTorch in a virtual environment in the build folder
#   tools/setup.sh test       the same, and what tests and checks need: GoogleTest, clang, Chromium, the reference implementations
#   tools/setup.sh program COMMAND...    runs COMMAND while LibTorch is fetched, where it has to be
#
# HOLISAFE_TORCH_DIR   use this LibTorch (a folder with include/ and lib/) instead of the wheel's
# HOLISAFE_PYTHON      use this Python environment (it must hold both tools/requirements-*.txt) instead of build/venv
set -euo pipefail
cd "$(dirname "$0")/.."
level=${1:-program}
meanwhile=("${@:2}")
[[ $level == program || $level == test ]] || { echo "setup: error: expected program or test, found $level" >&2; exit 2; }

python_packages=(python3 python3-venv)
packages=(
  g++ cmake ninja-build make pkg-config
  libcli11-dev libfmt-dev libexpected-dev libsimdjson-dev nlohmann-json3-dev libtomlplusplus-dev
  libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libcairo2-dev zlib1g-dev
  libsentencepiece-dev libpcre2-dev libutf8proc-dev
  libsqlite3-dev libssl-dev libcurl4-openssl-dev libboost1.81-dev prometheus-cpp-dev libjs-chart.js
)
test_packages=(git jq sqlite3 python3-dev libgtest-dev libgmock-dev clang clang-format libclang-rt-14-dev llvm chromium)
[ "$level" = program ] || packages+=("${test_packages[@]}")

# install PACKAGE...: those of them that are missing.
install() {
  local missing=() as_root=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: error: not root and no sudo; install: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  echo "setup: installing Debian packages: ${missing[*]}"
  [ -n "${updated:-}" ] || "${as_root[@]}" apt-get update -qq
  updated=1
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

venv=build/venv
# Whether the venv lacks what a requirement file names.
lacks() { ! cmp -s "tools/requirements-$1.txt" "$venv/.requirements-$1.txt"; }

# fill_venv LEVEL: what the requirement file of that level names.
fill_venv() {
  local pip=("$venv/bin/pip" --disable-pip-version-check install --progress-bar off -q)
  echo "setup: installing into $venv: $(grep -v '^#' "tools/requirements-$1.txt" | tr '\n' ' ')"
  # Debian's own Python first: another one on the PATH may lack venv or wheels.
  [ -x $venv/bin/python ] || /usr/bin/python3 -m venv $venv
  if [ "$1" = program ]; then
    "${pip[@]}" --no-deps -r tools/requirements-program.txt  # the program needs none of what the wheel asks for
  else
    # With LibTorch named beside them, no package pulls in another build of it.
    "${pip[@]}" -r tools/requirements-program.txt -r tools/requirements-test.txt
  fi
  cp "tools/requirements-$1.txt" "$venv/.requirements-$1.txt"
}

if [ -n "${HOLISAFE_TORCH_DIR:-}" ] && [ ! -e "$HOLISAFE_TORCH_DIR/include/torch" ]; then
  echo "setup: error: HOLISAFE_TORCH_DIR: expected a folder with include/torch, found $HOLISAFE_TORCH_DIR" >&2
  exit 2
fi
if [ -n "${HOLISAFE_PYTHON:-}" ] && [ ! -x "$HOLISAFE_PYTHON" ]; then
  echo "setup: error: HOLISAFE_PYTHON: expected a program, found $HOLISAFE_PYTHON" >&2
  exit 2
fi

install "${python_packages[@]}"
filling=
# A LibTorch of one's own is enough for the program; a Python of one's own for all.
if [ -z "${HOLISAFE_PYTHON:-}" ] && ! [[ $level == program && -n ${HOLISAFE_TORCH_DIR:-} ]] && lacks program; then
  fill_venv program &
  filling=$!
fi
install "${packages[@]}"
if [ -n "$filling" ]; then
  [ -e build/CMakeCache.txt ] || "${meanwhile[@]}"
  wait "$filling"
fi
if [ -z "${HOLISAFE_PYTHON:-}" ] && [ "$level" = test ] && lacks test; then fill_venv test; fi
