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
anew=()  # how models are trained that do without what they are tested on
for name in max-shift copies refine min-snr; do
    if [ -n "$(setting $name)" ]; then anew+=("--$name" "$(setting $name)"); fi
done
evaluate() { seisbench-lcl evaluate --dataset "$dataset" --weights "$target.json.v$(setting version)" "$@"; }

if [ -n "$(setting clusters)" ]; then
    seisbench-lcl train --config "$recipe.toml" --out "$scratch/unnamed" --report "$scratch/1.md"
    seisbench-lcl name --weights "$scratch/unnamed.json.v$(setting version)" --dataset "$dataset" --out "$target" \
        --version "$(setting version)"
else
    seisbench-lcl train --config "$recipe.toml" --out "$target" --report "$scratch/1.md"
fi
group=origin_repository
if [ "$dataset" = pnw_z ]; then group=station_network_code; fi
# First in the card: what to expect elsewhere.
evaluate --by "$group" "${anew[@]}" --report "$scratch/0.md"
evaluate --split dev --report "$scratch/2.md"
evaluate --folds 5 "${anew[@]}" --report "$scratch/3.md"
rm "$target.pt.v$(setting version)"  # SeisBench's own format is written where a model is saved
cat "$recipe.md" "$scratch"/?.md > "$target.md"
