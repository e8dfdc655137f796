#!/usr/bin/env bash
# Trains and scores the weights mixed-3c-fast. Usage: weights/recipes/mixed-3c-fast.sh FOLDER, which holds mixed_3c.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dataset=$1/mixed_3c
target=../minirocketridge/mixed-3c-fast
scores=$(mktemp -d)
trap 'rm -rf "$scores"' EXIT

# The records of Chile, at 20 Hz, lie below the band and leave themselves out.
seisbench-lcl train --dataset "$dataset" --out $target --version 1 --report "$scores/1.md" \
    --band 1 18 --before 2 --length 20 --components ZNE --normalisation joint-peak --extractor-arg padding=none \
    --description "Earthquake, noise or surface event, from 20 s of three components, 1-18 Hz, for archives. Experimental: read the card beside this file."
seisbench-lcl evaluate --dataset "$dataset" --weights $target.json.v1 --split dev --report "$scores/2.md"
seisbench-lcl evaluate --dataset "$dataset" --weights $target.json.v1 --folds 5 --report "$scores/3.md"
seisbench-lcl evaluate --dataset "$dataset" --weights $target.json.v1 --hold-out origin_repository --report "$scores/4.md"
rm $target.pt.v1  # SeisBench's own format is written where a model is saved
cat mixed-3c-fast.md "$scores"/?.md > $target.md
