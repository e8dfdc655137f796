"""How answers depend on the place of the arrival in the window, and whether one earthquake gets one label.

    python benchmarks/placement.py --dataset ../data/mixed_3c --split dev
    python benchmarks/placement.py --dataset ../data/mixed_3c --split dev --weights models/mine MiniRocketRidge/mixed-3c

Each trace with a P pick is cut with P at `before` seconds, as in training, and with the window moved by −5 to 5 s.
Prints, for each shift, the balanced accuracy and the fraction of labels that differ from those without a shift. Then
`classify` runs over each whole trace with a stride of 1 s, and the detections from 2 s before to 20 s after P are
counted: none, one label, the right label alone, or several labels.
"""

import argparse
from collections.abc import Sequence

import obspy
from _picked import Picked, picked

from seisbench_lcl.datasets import open_dataset, read_windows
from seisbench_lcl.evaluation.placement import placements, shifted_cuts
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model

DEFAULT = ["EnvelopePhysicalRidge/mixed-3c", "MiniRocketRidge/mixed-3c", "ResNet18/mixed-3c"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder of a SeisBench dataset with picks and splits")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--weights", nargs="+", default=DEFAULT)
    arguments = parser.parse_args()
    models = {name: find_model(name) for name in arguments.weights}
    for name, model in models.items():
        dataset = open_dataset(arguments.dataset, model.component_order)
        dataset.filter((dataset.metadata["split"] == arguments.split).to_numpy())
        curve = placements(model, read_windows(dataset, model.preprocessing, unlabelled=True, cuts=shifted_cuts()))
        print(f"\n{name}, {curve[0].windows} traces")
        print("\n| shift, s | balanced accuracy | labels changed |\n| ---: | ---: | ---: |")
        for at in curve:
            print(f"| {at.shift:g} | {at.balanced_accuracy:.3f} | {at.changed:.3f} |")
        traces = [t for t in picked(arguments.dataset, arguments.split, model) if t.label in model.labels]
        print(f"\n{detected(model, traces)}", flush=True)


def detected(model: Model, traces: Sequence[Picked]) -> str:
    """Say how many events have detections of no label, of one, of the right one, and of several."""
    counts = {"none": 0, "one label": 0, "the right label alone": 0, "several labels": 0}
    for data, rate, pick, label in traces:
        header = {"network": "XX", "station": "ABC", "sampling_rate": rate}
        stream = obspy.Stream(
            obspy.Trace(row, header | {"channel": f"HH{code}"})
            for row, code in zip(data, model.preprocessing.component_order, strict=True)
        )
        p = stream[0].stats.starttime + pick / rate
        out = model.classify(stream, stride=round(model.sampling_rate))
        near = {d.label for d in out.detections if d.start_time <= p + 20 and d.end_time >= p - 2}
        counts["none" if not near else "one label" if len(near) == 1 else "several labels"] += 1
        counts["the right label alone"] += near == {label}
    return f"detections of {len(traces)} events: " + ", ".join(
        f"{what} {n / len(traces):.3f}" for what, n in counts.items()
    )


if __name__ == "__main__":
    main()
