"""What .ci/matrix asks of one environment: to import all modules, the demo, and what weights say about ObsPy's example.

Usage: python matrix_check.py WHERE.json [REFERENCE.json], in the environment. It fails if a probability differs by more
than 0.002 from that in the reference, or if the label of a window does.
"""

import json
import pkgutil
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import obspy

import seisbench_lcl as lcl

WEIGHTS = (
    "AutoencoderGMM/mixed-3c",
    "DiscriminatorEnsemble/mixed-3c",
    "EnvelopePhysicalRidge/mixed-3c",
    "MiniRocketRidge/mixed-3c",
    "MiniRocketSCAN/mixed-3c",
    "ResNet18/mixed-3c",
    "SimCLRKMeans/mixed-3c",
    "SpectrogramCNN/mixed-3c",
)
OPTIONAL = {"bokeh", "panel", "param", "prometheus_client"}  # modules that only an extra brings
Windows = dict[str, list[dict[str, Any]]]  # by weights: for each window, probability by label, and "label"
TOLERANCE = 2e-3  # of a probability; single precision and other versions of filters move it by less


def seconds(*command: str) -> float:
    """Run a command, and return how long it took."""
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return round(time.monotonic() - begun, 1)


def main() -> None:
    """Check the environment that runs this file."""
    program = str(Path(sys.executable).with_name("seisbench-lcl"))
    found = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "numba", "obspy", "pandas")},
        "seconds": {
            "import seisbench_lcl": seconds(sys.executable, "-c", "import seisbench_lcl"),
            "--help": seconds(program, "--help"),
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        found["seconds"]["demo"] = seconds(program, "demo", "--out", folder)
        made = sorted(file.name for file in Path(folder).iterdir())
    if made != ["detections.csv", "figure.png", "windows.csv"]:
        sys.exit(f"the demo wrote {made}")
    import_all()
    found["windows"] = windows()
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    farthest = compare(found["windows"], json.loads(Path(sys.argv[2]).read_text())["windows"]) if sys.argv[2:] else 0.0
    print(f"{found['python']} {found['versions']} {found['seconds']}; farthest from the reference: {farthest:.1e}")


def import_all() -> None:
    """Import every module, as far as extras are not needed."""
    for module in pkgutil.walk_packages(lcl.__path__, "seisbench_lcl."):
        try:
            import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise


def windows() -> Windows:
    """Return what each kind of weights says about ObsPy's example."""
    found = {}
    for name in WEIGHTS:
        model = lcl.from_pretrained(name)
        table = model.classify(obspy.read(), stride=200).windows.to_dataframe()
        if not table["label"].notna().any():
            sys.exit(f"{name} decides on no window")
        found[name] = json.loads(table[[*model.labels, "label"]].to_json(orient="records", double_precision=9))
    return found


def compare(found: Windows, reference: Windows) -> float:
    """Return the largest difference of a probability, or exit if it or a label differs too much."""
    farthest = 0.0
    for name, rows in reference.items():
        for number, (row, other) in enumerate(zip(found[name], rows, strict=True)):
            labels = [label for label in row if label != "label" and None not in (row[label], other[label])]
            difference = max((abs(row[label] - other[label]) for label in labels), default=0.0)
            farthest = max(farthest, difference)
            if row["label"] != other["label"] or difference > TOLERANCE:
                sys.exit(f"{name}, window {number}: {row} instead of {other}")
    return farthest


if __name__ == "__main__":
    main()
