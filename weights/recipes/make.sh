#!/usr/bin/env bash
# Makes weights of the package and their card. Usage: weights/recipes/make.sh CLASS/NAME FOLDER
# such as minirocketridge/mixed-3c; FOLDER holds the dataset that the recipe, CLASS/NAME.toml, names.
# Clusters are named by the labels of the training split. Records sampled too slowly for the band leave themselves out.
set -euo pipefail
recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recipe=$recipes/$1
target=$recipes/../$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$2"

setting() { sed -n "s/^$1 = //p" "$recipe.toml" | tr -d '"'; }
dataset=$(setting dataset)
evaluate() { seisbench-lcl evaluate --dataset "$dataset" --weights "$target.json.v$(setting version)" "$@"; }

if [ -n "$(setting clusters)" ]; then
    seisbench-lcl train --config "$recipe.toml" --out "$scratch/unnamed" --report "$scratch/1.md"
    seisbench-lcl name --weights "$scratch/unnamed.json.v$(setting version)" --dataset "$dataset" --out "$target" \
        --version "$(setting version)"
else
    seisbench-lcl train --config "$recipe.toml" --out "$target" --report "$scratch/1.md"
fi
evaluate --split dev --report "$scratch/2.md"
evaluate --folds 5 --report "$scratch/3.md"
if [ "$dataset" = mixed_3c ]; then
    evaluate --by origin_repository --report "$scratch/4.md"
fi
rm "$target.pt.v$(setting version)"  # SeisBench's own format is written where a model is saved
cat "$recipe.md" "$scratch"/?.md > "$target.md"
