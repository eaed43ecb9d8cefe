#!/usr/bin/env bash
# Installs what is missing to build and test holisafe: Debian packages, and LibTorch with the reference implementations of the
# tests in a virtual environment inside the build folder. Does nothing when all is there.
#
# HOLISAFE_TORCH_DIR   use this LibTorch (a folder with include/ and lib/) instead of the wheel's
# HOLISAFE_PYTHON      use this Python environment (it must hold tools/requirements.txt) instead of build/venv
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache make pkg-config git python3 python3-venv
  libcli11-dev libspdlog-dev libfmt-dev libexpected-dev libsimdjson-dev nlohmann-json3-dev libtomlplusplus-dev
  libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libcairo2-dev
  libsentencepiece-dev libprotobuf-dev libpcre2-dev libutf8proc-dev
  libsqlite3-dev libssl-dev libcurl4-openssl-dev libcpp-httplib-dev libjs-chart.js
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  clang clang-format clang-tidy libclang-rt-14-dev llvm chromium
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: error: not root and no sudo; install: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  echo "setup: installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ -n "${HOLISAFE_TORCH_DIR:-}" ] && [ ! -e "$HOLISAFE_TORCH_DIR/include/torch" ]; then
  echo "setup: error: HOLISAFE_TORCH_DIR: expected a folder with include/torch, found $HOLISAFE_TORCH_DIR" >&2
  exit 2
fi
if [ -n "${HOLISAFE_PYTHON:-}" ]; then
  [ -x "$HOLISAFE_PYTHON" ] || { echo "setup: error: HOLISAFE_PYTHON: expected a program, found $HOLISAFE_PYTHON" >&2; exit 2; }
  exit 0
fi

# Debian's own Python first: another one on the PATH may lack venv or wheels.
venv=build/venv
stamp=$venv/.requirements
if ! cmp -s tools/requirements.txt "$stamp"; then
  echo "setup: installing into $venv: $(grep -v '^#' tools/requirements.txt | tr '\n' ' ')"
  [ -x $venv/bin/python ] || /usr/bin/python3 -m venv $venv
  # LibTorch first and alone: with it there, no other package pulls in another build of it.
  pip=($venv/bin/pip --disable-pip-version-check install --progress-bar off)
  "${pip[@]}" -q "$(grep '^torch==' tools/requirements.txt)"
  "${pip[@]}" -q -r tools/requirements.txt
  cp tools/requirements.txt "$stamp"
fi
