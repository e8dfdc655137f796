"""Gain of an ensemble of five models on a repository that was held out.

    python benchmarks/repositories.py FOLDER

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository. Each repository is held out
in turn. Five models with different seeds are trained on the others and tested on it, separately (mean accuracy) and as
an ensemble: MiniRocketRidge, SpectrogramCNN, and all ten together. Classes that occur only in the held-out repository
are not scored, because no model can know them. 95 % intervals are from 1,000 resamples of whole events; gains are
paired.
"""

import argparse
from pathlib import Path
from typing import Any

import _deals
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seisbench_lcl.evaluation.bootstrap import Interval, resample_tallies

MEMBERS = 5
MODELS = ("MiniRocketRidge", "SpectrogramCNN")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
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
    print("\n| held out | model | level | decisions / events | single models | ensemble | gain (points) |")
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
    """Return means and 95 % intervals of rows (R, n) in per cent, with the same resamples of events for all rows."""
    _, index = np.unique(events, return_inverse=True)
    tallies = np.stack([np.bincount(index, row) for row in (*hits, np.ones(len(index)))], axis=1)
    draws = resample_tallies(tallies, 1000, seed=0)
    found = [Interval.from_draws(row.mean(), draws[:, k] / draws[:, -1]) for k, row in enumerate(hits)]
    return [f"{100 * x.value:.1f} [{100 * x.low:.1f}, {100 * x.high:.1f}]" for x in found]


if __name__ == "__main__":
    main()
