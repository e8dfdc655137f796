#!/usr/bin/env bash
# Makes the weights mixed-3c of AutoencoderGMM. Usage: weights/recipes/autoencoder-mixed-3c.sh FOLDER, which holds the dataset mixed_3c.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dataset=$1/mixed_3c
target=../autoencodergmm/mixed-3c
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The records of Chile, at 20 Hz, lie below the band and leave themselves out.
seisbench-lcl train --model AutoencoderGMM --clusters 3 --dataset "$dataset" --out "$scratch/unnamed" --report "$scratch/1.md" \
    --band 1 18 --before 2 --length 20 --components ZNE
seisbench-lcl name --model AutoencoderGMM --weights "$scratch/unnamed" --dataset "$dataset" --out $target --version 1 \
    --description "Clusters of 20 s of three components, 1-18 Hz, found without labels, named earthquake, noise or surface event. Experimental: read the card beside this file."
seisbench-lcl evaluate --model AutoencoderGMM --dataset "$dataset" --weights $target.json.v1 --split dev --report "$scratch/2.md"
seisbench-lcl evaluate --model AutoencoderGMM --dataset "$dataset" --weights $target.json.v1 --folds 5 --report "$scratch/3.md"
seisbench-lcl evaluate --model AutoencoderGMM --dataset "$dataset" --weights $target.json.v1 --hold-out origin_repository --report "$scratch/4.md"
rm $target.pt.v1  # SeisBench's own format is written where a model is saved
cat autoencoder-mixed-3c.md "$scratch"/?.md > $target.md
