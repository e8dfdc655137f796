"""What damaged samples do to probabilities, with and without the search for flaws, and what the search costs.

    python benchmarks/flaws.py --dataset ../data/mixed_3c --split dev --hours 6 --repeats 3

Each picked trace is classified as recorded, and with one kind of damage in all components, 2 to 15 s after P. Prints
the fraction of labels that change, and the median and the 95th percentile of the largest change of a probability, over
the windows that still have 95 % of their samples; and the fraction of the others. Then prints medians of the time of
`classify` and of the search alone on continuous noise.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import obspy
from _picked import Picked, picked
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.waveforms import records
from seisbench_lcl.waveforms.flaws import Flaw, find_flaws

Damage = Callable[[NDArray[np.float64], int, float], None]


def spike(data: NDArray[np.float64], at: int, rate: float) -> None:
    data[:, at] += 30 * data.std(axis=1)


def burst(data: NDArray[np.float64], at: int, rate: float) -> None:
    data[:, at : at + 4] -= 30 * data.std(axis=1, keepdims=True) * np.array([1, -0.8, 0.9, -1])


def zeros(seconds: float) -> Damage:
    def fill(data: NDArray[np.float64], at: int, rate: float) -> None:
        data += 20 * data.std(axis=1, keepdims=True)  # an offset, as most digitisers have
        data[:, at : at + round(seconds * rate)] = 0

    return fill


def clip(data: NDArray[np.float64], at: int, rate: float) -> None:
    data -= data.mean(axis=1, keepdims=True)
    limit = 0.5 * np.abs(data).max(axis=1, keepdims=True)
    np.clip(data, -limit, limit, out=data)


def interpolated(data: NDArray[np.float64], at: int, rate: float) -> None:
    data[:] = np.rint(1000 * data / data.std(axis=1, keepdims=True))
    n = round(0.9 * rate)
    for row in data:
        row[at : at + n] = np.trunc(np.linspace(row[at - 1], row[at + n], n + 2)[1:-1])


def step(data: NDArray[np.float64], at: int, rate: float) -> None:
    data[:, at:] += 30 * data.std(axis=1, keepdims=True)


KINDS: dict[str, Damage] = {
    "spike": spike,
    "burst of 4 samples": burst,
    "zeros, 0.05 s": zeros(0.05),
    "zeros, 0.2 s": zeros(0.2),
    "zeros, 0.9 s": zeros(0.9),
    "interpolated in counts, 0.9 s": interpolated,
    "step of the offset": step,
    "clipped at half the peak": clip,
}


def only_gaps(data: NDArray[np.float64], rate: float, missing: object = None) -> NDArray[np.uint8]:
    return np.where(np.isfinite(data), 0, Flaw.GAP).astype(np.uint8)


def damaged_windows(
    model: lcl.Discriminator,
    traces: list[Picked],
    damage: Damage | None,
    search: bool,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return probabilities (N, K) of the windows at P, and which are complete enough."""
    preprocessing = model.preprocessing
    rng = np.random.default_rng(0)
    windows, complete = [], []
    with patch.object(records, "find_flaws", find_flaws if search else only_gaps):
        for data, rate, pick, _ in traces:
            copy = data.copy()
            at = round(pick + rng.uniform(2, 15) * rate)
            if damage:
                damage(copy, at, rate)
            record = records.read_array(copy, rate, preprocessing)
            offset = np.array([round((pick / rate - preprocessing.before) * preprocessing.sampling_rate)])
            windows.append(record.cut(offset, preprocessing.in_samples)[0])
            complete.append(record.coverage(offset, preprocessing.in_samples).min() >= 0.95)
    return model.predict_proba(np.stack(windows)), np.array(complete)


def cost(model: lcl.Discriminator, hours: float, repeats: int) -> tuple[float, float]:
    """Return medians of the seconds that classify takes, and of those of the search in it."""
    rng = np.random.default_rng(0)
    header = {"network": "XX", "station": "ABC", "sampling_rate": 100.0}
    stream = obspy.Stream(
        obspy.Trace(rng.normal(0, 1000, round(hours * 360_000)).astype(np.int32), header | {"channel": f"HH{code}"})
        for code in model.component_order
    )
    whole, search = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        model.classify(stream)
        whole.append(time.perf_counter() - start)
        start = time.perf_counter()
        for trace in stream:
            find_flaws(trace.data, 100.0)
        search.append(time.perf_counter() - start)
    return statistics.median(whole), statistics.median(search)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder of a SeisBench dataset with picks and splits")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--weights", nargs="+", default=["EnvelopePhysicalRidge/mixed-3c", "MiniRocketRidge/mixed-3c"])
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print("| weights | damage | search | labels changed | median change | 95 % | left out |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    models = {name: lcl.from_pretrained(name) for name in arguments.weights}
    for name, model in models.items():
        traces = picked(arguments.dataset, arguments.split, model)
        for kind, damage in KINDS.items():
            for search in (False, True):
                before, _ = damaged_windows(model, traces, None, search)
                after, complete = damaged_windows(model, traces, damage, search)
                change = np.abs(after - before).max(axis=1)[complete]
                flips = (after.argmax(axis=1) != before.argmax(axis=1))[complete].mean()
                print(
                    f"| {name} | {kind} | {'yes' if search else 'no'} | {flips:.3f} | {np.median(change):.3f} | "
                    f"{np.quantile(change, 0.95):.3f} | {1 - complete.mean():.3f} |",
                    flush=True,
                )
        print(f"{len(traces)} traces")
    for name, model in models.items():
        whole, search = cost(model, arguments.hours, arguments.repeats)
        print(
            f"{name}: {arguments.hours:g} hours classified in {whole:.1f} s, searched for flaws in {search:.2f} s "
            f"({100 * search / whole:.1f} %)"
        )


if __name__ == "__main__":
    main()
