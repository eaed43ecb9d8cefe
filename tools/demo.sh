#!/usr/bin/env bash
# The main job in a minute: synthesises a benchmark, checks it, scores the example answers in examples/predictions/ and writes a
# report to look at.
#
#   tools/demo.sh PROGRAM FOLDER
set -euo pipefail
program=$(realpath "$1")
folder=$(realpath -m "$2")
cd "$(dirname "$0")/.."
rm -rf "$folder/data"
mkdir -p "$folder"
"$program" data synth --out "$folder/data" --seed 1 --bench 190
"$program" data check "$folder/data"
"$program" bench score examples/predictions/{helpful,refusing,mixed}.json --html "$folder/report.html"
echo
echo "demo: the report is $folder/report.html"
