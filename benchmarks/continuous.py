"""Time `classify` on continuous three-component records at 100 Hz and 1 s stride.

    python benchmarks/continuous.py --hours 1 24 --repeats 3

Each run is a process of its own, so that its peak memory is its own. The stream lies in memory before the clock starts;
a first short call pays for compilation and imports. Prints the medians.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import obspy
import torch

import seisbench_lcl as lcl


def measure(hours: float) -> dict[str, float]:
    """Classify once; called in a process of its own."""
    rng = np.random.default_rng(0)
    header = {"network": "XX", "station": "ABC", "sampling_rate": 100.0}
    stream = obspy.Stream(
        obspy.Trace(rng.normal(0, 1000, int(hours * 360_000)).astype(np.int32), header | {"channel": f"HH{component}"})
        for component in "ZNE"
    )
    model = lcl.MiniRocketRidge.from_pretrained("mixed-3c")
    model.classify(obspy.Stream(trace.slice(endtime=trace.stats.starttime + 30) for trace in stream))
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    windows = model.classify(stream, stride=100).windows
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "windows": len(windows), "idle": idle, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 24])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--single", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        print(json.dumps(measure(arguments.single)))
        return
    print(f"{torch.get_num_threads()} threads\n")
    print("| hours | windows | seconds | windows a second | peak memory, MB | of it before the call |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for hours in arguments.hours:
        command = [sys.executable, __file__, "--single", str(hours)]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(arguments.repeats)
        ]
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        rate = median["windows"] / median["seconds"]
        print(
            f"| {hours:g} | {median['windows']:.0f} | {median['seconds']:.1f} | {rate:.0f} | {median['peak']:.0f} "
            f"| {median['idle']:.0f} |"
        )


if __name__ == "__main__":
    main()
