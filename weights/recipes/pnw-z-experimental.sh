#!/usr/bin/env bash
# Trains and scores the weights pnw-z-experimental. Usage: weights/recipes/pnw-z-experimental.sh FOLDER, which holds
# the dataset pnw_z.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dataset=$1/pnw_z
target=../minirocketridge/pnw-z-experimental
scores=$(mktemp -d)
trap 'rm -rf "$scores"' EXIT

seisbench-lcl train --dataset "$dataset" --out $target --version 1 --report "$scores/1.md" \
    --band 1 18 --before 2 --length 20 --components Z --normalisation component-std \
    --description "Earthquake or explosion, from 20 s of the vertical component, 1-18 Hz. An example on hard cases, near chance on new events: read the card beside this file."
seisbench-lcl evaluate --dataset "$dataset" --weights $target.json.v1 --split dev --report "$scores/2.md"
seisbench-lcl evaluate --dataset "$dataset" --weights $target.json.v1 --folds 5 --report "$scores/3.md"
rm $target.pt.v1  # SeisBench's own format is written where a model is saved
cat pnw-z-experimental.md "$scores"/?.md > $target.md
