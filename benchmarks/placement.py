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

import numpy as np
import obspy
from _picked import Picked, picked

from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.records import read_array

SHIFTS = (-5, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 5)
DEFAULT = ["EnvelopePhysicalRidge/mixed-3c", "MiniRocketRidge/mixed-3c", "ResNet18/mixed-3c"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder of a SeisBench dataset with picks and splits")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--weights", nargs="+", default=DEFAULT)
    arguments = parser.parse_args()
    models = {name: find_model(name) for name in arguments.weights}
    for name, model in models.items():
        traces = suitable(arguments.dataset, arguments.split, model)
        labels = np.array([trace.label for trace in traces])
        print(f"\n{name}, {len(traces)} traces")
        print("\n| shift, s | balanced accuracy | labels changed |\n| ---: | ---: | ---: |")
        found = {shift: predicted(model, traces, shift) for shift in SHIFTS}
        for shift, answers in found.items():
            recalls = [np.mean(answers[labels == label] == label) for label in np.unique(labels)]
            print(f"| {shift:g} | {np.mean(recalls):.3f} | {np.mean(answers != found[0]):.3f} |")
        print(f"\n{detected(model, traces)}", flush=True)


def suitable(folder: str, split: str, model: Model) -> list[Picked]:
    """Return the traces that hold the window at all shifts, with a label that the model knows."""
    length, before = model.preprocessing.seconds, model.preprocessing.before
    return [
        trace
        for trace in picked(folder, split, model)
        if trace.label in model.labels
        and trace.pick / trace.rate - before >= max(SHIFTS)
        and (trace.data.shape[1] - trace.pick) / trace.rate >= length - before + max(SHIFTS)
    ]


def predicted(model: Model, traces: Sequence[Picked], shift: float) -> np.ndarray:
    """Return the labels of windows that start `shift` seconds later than in training."""
    windows = []
    for data, rate, pick, _ in traces:
        record = read_array(data, rate, model.preprocessing)
        start = round((pick / rate - model.preprocessing.before + shift) * model.sampling_rate)
        windows.append(record.cut(np.array([start]), model.preprocessing.in_samples)[0])
    return model.predict(np.stack(windows))


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
    return "detections per event: " + ", ".join(f"{what} {n / len(traces):.3f}" for what, n in counts.items())


if __name__ == "__main__":
    main()
