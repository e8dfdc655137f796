"""A repository never seen: what an ensemble of five gains there.

    python benchmarks/repositories.py FOLDER

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository. Each repository is left
out in turn; five seeds of a model are trained on the others and tested on it, one by one (their mean accuracy) and as
an ensemble: MiniRocketRidge, SpectrogramCNN, and all ten together. Classes that only the repository itself has are not
counted, for no model can know them. Intervals are 95 %, of 1,000 resamples of whole events; gains are paired.
"""

import argparse
from pathlib import Path
from typing import Any

import _deals
import numpy as np
import pandas as pd
from numpy.typing import NDArray

MEMBERS = 5
MODELS = ("MiniRocketRidge", "SpectrogramCNN")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--components", default="ZNE")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    repositories = sorted(set(pd.read_csv(Path(arguments.folder) / "metadata.csv")["origin_repository"]))
    calls = [(repository, name, seed) for repository in repositories for name in MODELS for seed in range(MEMBERS)]
    show(_deals.run(arguments.folder, arguments.components, arguments.jobs, leave_out, calls))


def leave_out(repository: str, name: str, seed: int) -> dict[str, Any]:
    source, target = _deals.parts_of(repository)
    labels = sorted(set(source.labels.tolist()))
    if len(target) == 0 or len(labels) < 2:
        return {"repository": repository, "model": name, "seed": seed, "probabilities": None}
    model = _deals.make(name, seed, labels).fit(source.windows, source.labels, source.groups)
    return {
        "repository": repository, "model": name, "seed": seed, "labels": labels, "truth": target.truth(labels),
        "groups": target.groups, "probabilities": model.predict_proba(target.windows),
    }  # fmt: skip


def show(rows: list[dict[str, Any]]) -> None:
    print("\n| left out | model | level | windows / events | mean of singles | ensemble | gain in points |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for repository in sorted({row["repository"] for row in rows}):
        own = [row for row in rows if row["repository"] == repository and row["probabilities"] is not None]
        voters = {name: [row for row in own if row["model"] == name] for name in sorted({row["model"] for row in own})}
        voters["both"] = own
        for name, members in voters.items():
            for level in ("station", "event") if members else ():
                hits = np.stack([correct(row["probabilities"], row, level) for row in members])
                together = correct(np.mean([row["probabilities"] for row in members], axis=0), members[0], level)
                events = members[0]["groups"] if level == "station" else np.unique(members[0]["groups"])
                single, both, gain = intervals(
                    np.stack([hits.mean(axis=0), together, together - hits.mean(axis=0)]), events
                )
                size = f"{len(events)} / {len(set(events))}"
                print(f"| {repository} | {len(members)} × {name} | {level} | {size} | {single} | {both} | {gain} |")


def correct(probabilities: NDArray[Any], row: dict[str, Any], level: str) -> NDArray[np.float64]:
    if level == "station":
        return (probabilities.argmax(axis=1) == row["truth"]).astype(float)
    _, first, index = np.unique(row["groups"], return_index=True, return_inverse=True)
    summed = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(summed, index, probabilities)
    return (summed.argmax(axis=1) == row["truth"][first]).astype(float)


def intervals(hits: NDArray[np.float64], events: NDArray[Any]) -> list[str]:
    """Return means and 95 % intervals of rows (R, n), the same resamples of events for all, in per cent."""
    _, index = np.unique(events, return_inverse=True)
    sums, sizes = np.zeros((len(hits), index.max() + 1)), np.bincount(index)
    for total, row in zip(sums, hits, strict=True):
        np.add.at(total, index, row)
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(sizes), size=len(sizes)) for _ in range(1000)]
    ends = np.percentile([sums[:, draw].sum(axis=1) / sizes[draw].sum() for draw in draws], [2.5, 97.5], axis=0)
    return [
        f"{100 * m:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        for m, low, high in zip(hits.mean(axis=1), *ends, strict=True)
    ]


if __name__ == "__main__":
    main()
