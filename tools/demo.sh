#!/usr/bin/env bash
# The paper's effect, small: a helpful VLM that knows pictograms (models/pictogram-base/, made by tools/base.sh) is trained
# into a Safe-VLM with a visual guard module, both answer a benchmark of pictures and wordings that neither was trained on,
# and a report shows them side by side. Every step is a command that users have; each is printed.
#
#   tools/demo.sh PROGRAM FOLDER [--ablation]
#     --ablation   also trains without the guard, and without each of the five combinations (half an hour more)
set -euo pipefail
program=$(realpath "$1")
folder=$(realpath -m "$2")
ablation=${3:-}
[ -z "$ablation" ] || [ "$ablation" = --ablation ] || { echo "demo: error: expected --ablation, found $ablation" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
run() { echo "+ holisafe $*"; "$program" "$@"; }

mkdir -p "$folder"
cd "$folder"
rm -rf data base safe training bench ablation summary.json report.html
cp -r "$source/models/pictogram-base" base

run data synth --out data --seed 1 --train 5000 --bench 500 --helpful 2500 --beside 240

# train_safe OUT MORE-FLAGS: as the paper does, an adapter on the language model, the vision tower and the guard together.
train_safe() {
  local out=$1
  shift
  run train --model base --data data/train.json --images data/images --mix data/helpful.json:2500 --out "training/$out" \
    --lora-rank 32 --lora-alpha 64 --lr 2e-3 --projector-lr 2e-4 --vision-lr 2e-4 --guard-lr 2e-3 \
    --batch-size 32 --grad-accum 1 --epochs 1.5 --warmup-ratio 0.05 --seed 1 "$@"
}
answer() {
  local model=$1
  shift
  run bench run --data data --model "$model" --out "bench/$(basename "$model")" "$@"
}

train_safe safe
cp -r training/safe/model safe
answer base
answer safe --explain
runs=(bench/base bench/safe)

if [ -n "$ablation" ]; then
  mkdir ablation
  for left_out in guard SSS SSU SUU USU UUU; do
    flags=(--without-types "$left_out")
    [ "$left_out" != guard ] || flags=(--no-guard)
    train_safe "without-$left_out" "${flags[@]}"
    cp -r "training/without-$left_out/model" "ablation/without-$left_out"
    answer "ablation/without-$left_out"
    runs+=("bench/without-$left_out")
  done
fi

run bench report "${runs[@]}" --html report.html
"$program" bench report "${runs[@]}" --json | python3 "$source/tools/demo_summary.py" >summary.json
echo
cat summary.json
echo "demo: the report is $folder/report.html"
