#!/usr/bin/env bash
# Trains models/pictogram-base/ from nothing: the small helpful VLM that tools/demo.sh makes safe. About three quarters of
# an hour on two cores. The same machine gives the same bytes.
#
#   tools/base.sh PROGRAM FOLDER     FOLDER/pictogram-base at the end; nothing in models/ is touched
set -euo pipefail
program=$(realpath "$1")
folder=$(realpath -m "$2")
run() { echo "+ holisafe $*"; "$program" "$@"; }

rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
# Pictures with several questions each, and the toy world's sentences, whose words make up the vocabulary.
run data synth --out data --seed 100 --base 40000
run model synth --family llava --preset pictogram --corpus data/sentences.txt --seed 1 --out untrained
# First the vision tower learns to see, from the 20 labels of the pictures (a language model's loss teaches this slowly).
run train --model untrained --data data/base.json --images data/images --out see --objective guard --guard-pooling projector \
  --full --batch-size 64 --grad-accum 1 --epochs 2 --vision-lr 1e-3 --projector-lr 1e-3 --guard-lr 1e-3 \
  --weight-decay 0.01 --warmup-ratio 0.05 --seed 1
# Then the whole model learns to answer; the labels' guard is left out. Shapes come first, colours and places in the second round.
talk() { # MODEL OUT SEED STEPS VISION-RATE
  run train --model "$1" --data data/base.json --images data/images --out "$2" --no-guard --full --batch-size 32 --grad-accum 1 \
    --max-steps "$4" --lr 1e-3 --projector-lr 1e-3 --vision-lr "$5" --weight-decay 0.01 --warmup-ratio 0.05 --seed "$3" --save-every 250
}
talk see/model talk 2 800 3e-4
talk talk/model answer 3 1000 5e-4
cp -r answer/model pictogram-base
echo "base: $folder/pictogram-base"
