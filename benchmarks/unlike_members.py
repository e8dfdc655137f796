"""Members that differ in classes or windows: each alone, their vote, and how far their errors agree.

    python benchmarks/unlike_members.py FOLDER --weights WEIGHTS --weights WEIGHTS … [--record FILE]

FOLDER is a SeisBench dataset with the columns source_type, source_id and split. Scores are per event, with 95 %
intervals over events: of all windows that at least one member has, and of those that every member has. "Mean,
renormalised" is the rule that this package does not use: the probability of a class is the mean over the members that
know it, and rows are divided by their sum. "Fitted" is the vote of `calibrate` in folds of events, each predicted by a
vote that was fitted without it. A member gives the classes that it does not know the probability 0. The next table is
the correlation, over the windows of a pair, of what two members lack to certainty of the truth, for classes that both
know. Of a continuous record, the last table gives the number of windows (one a second) with each label, and the mean
of the highest probability, over the windows on which every member votes.
"""

import argparse
from itertools import combinations

import numpy as np
import obspy
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_member_windows
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.evaluation import EvaluationReport
from seisbench_lcl.evaluation.metrics import mean_by_event
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.vote_calibration import calibrate

Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--weights", action="append", required=True, help="weights of a member (repeat)")
    parser.add_argument("--record", help="continuous record in a format of ObsPy")
    parser.add_argument("--split", default="dev", help="split to score")
    arguments = parser.parse_args()
    model = lcl.MixedEnsemble([find_model(weights) for weights in arguments.weights])
    dataset = open_dataset(arguments.folder)
    if arguments.record:
        on_record(model, obspy.read(arguments.record))
    known = [label for label in model.labels if label in labels_in(dataset, "source_type")]
    data = read_member_windows(dataset, model.window_preprocessing, labels=known).in_split(arguments.split)
    votes, _ = model._votes(data.windows, None)
    fitted = calibrate(votes, model._vote.known, model.labels, data.labels, data.groups)
    rules = each(model, votes) | {"vote, fitted": fitted.held_out.astype(float)}
    print("\n| windows | who | windows / events | accuracy | log loss |\n| --- | --- | ---: | ---: | ---: |")
    common = ~np.isnan(votes[..., 0]).any(axis=0)
    for name, rows in {"all": np.ones(len(data), dtype=bool), "of every member": common}.items():
        for who, probabilities in rules.items():
            if rows.any() and not np.isnan(probabilities[rows]).any():
                print(f"| {name} | {who} | {scores(probabilities[rows], data.select(rows), model.labels)} |")
    print(f"\n{fitted}\n\n| pair | windows | correlation of errors |\n| --- | ---: | ---: |")
    for i, j in combinations(range(len(votes)), 2):
        print(f"| {model.member_names[i]}, {model.member_names[j]} | {agreement(i, j, votes, model, data)} |")


def each(model: lcl.MixedEnsemble, votes: Array) -> dict[str, Array]:
    """Return the probabilities by members and rules."""
    return dict(zip(model.member_names, votes, strict=True)) | {
        "mean, renormalised": renormalised(votes, model._vote.known),
        "vote": model._vote.on(votes).probabilities,
    }


def on_record(model: lcl.MixedEnsemble, stream: obspy.Stream) -> None:
    windows = model.classify(stream).windows
    own = [np.concatenate([block.probabilities for block in one.blocks]) for one in windows.votes.values()]
    votes = np.stack([model._in_classes(i, probabilities) for i, probabilities in enumerate(own)])
    common = ~np.isnan(votes[..., 0]).any(axis=0)
    print(f"\n| who | {' | '.join(model.labels)} | highest |\n| --- |{' ---: |' * (len(model.labels) + 1)}")
    for who, probabilities in each(model, votes[:, common]).items():
        counts = np.bincount(probabilities.argmax(axis=1), minlength=len(model.labels))
        print(f"| {who} | {' | '.join(map(str, counts))} | {probabilities.max(axis=1).mean():.2f} |")


def renormalised(votes: Array, known: NDArray[np.bool_]) -> Array:
    able = ~np.isnan(votes) & known[:, None]
    means: Array = np.where(able, np.nan_to_num(votes), 0).sum(axis=0) / np.maximum(able.sum(axis=0), 1)
    return means / means.sum(axis=1, keepdims=True)


def scores(probabilities: Array, data: LabelledWindows, labels: list[str]) -> str:
    truth = data.truth(labels)
    accuracy = EvaluationReport.from_predictions(probabilities, truth, data.groups, labels).event.scores["accuracy"]
    p, y, _ = mean_by_event(probabilities, truth, data.groups)
    loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-6)).mean()
    return f"{len(data)} / {len(y)} | {accuracy} | {loss:.3f}"


def agreement(i: int, j: int, votes: Array, model: lcl.MixedEnsemble, data: LabelledWindows) -> str:
    truth = data.truth(model.labels)
    rows = ~np.isnan(votes[[i, j], :, 0]).any(axis=0) & model._vote.known[[i, j]][:, truth].all(axis=0)
    if rows.sum() < 3:
        return f"{rows.sum()} | n/a"
    lacking = 1 - votes[[i, j]][:, rows, truth[rows]]
    return f"{rows.sum()} | {np.corrcoef(lacking)[0, 1]:.2f}"


if __name__ == "__main__":
    main()
