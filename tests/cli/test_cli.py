"""The command as a user runs it: its status, its streams and its files."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import obspy
import pandas as pd
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.training import Cuts, open_dataset, read_windows
from seisbench_lcl.waveforms.preprocessing import Preprocessing

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def sac_files(tmp_path: Path) -> list[Path]:
    """The bundled seismogram as three SAC files, one for each component."""
    files = []
    for trace in obspy.read():
        files.append(tmp_path / f"{trace.id}.sac")
        trace.write(str(files[-1]), "SAC")
    return files


def test_components_in_files_of_their_own(run: Callable, sac_files: list[Path], tmp_path: Path) -> None:
    done = run("classify", *sac_files, "--weights", "mixed-3c", "--out", "t/windows.csv", "--plot", "figure.pdf")
    assert done.returncode == 0, done.stderr
    assert "11 windows of 1 station" in done.stdout
    frame = pd.read_csv(tmp_path / "t" / "windows.csv")
    assert frame["label"].iloc[0] == "earthquake"
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_a_broken_file_is_reported_and_the_rest_is_done(run: Callable, sac_files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.mseed").write_bytes(b"\x00not a seismogram" * 40)
    done = run("classify", "broken.mseed", *sac_files, "absent.sac", "--weights", "mixed-3c", "--stride", 2)
    assert done.returncode == 1
    assert "6 windows of 1 station" in done.stdout
    assert "cannot read broken.mseed: TypeError" in done.stderr
    assert "cannot read absent.sac: FileNotFoundError" in done.stderr
    assert "2 of 5 files could not be read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.sac", "--weights", "mixed-3c"], "cannot read absent.sac"),
        (["Z.sac", "--weights", "unheard-of"], "available: mixed-3c, mixed-3c-fast, pnw-z-experimental"),
        (["Z.sac", "--weights", "folder/w.json"], "no weights file"),
        (["Z.sac", "--weights", "mixed-3c", "--model", "PhaseNet"], "no model is called 'PhaseNet'; installed: "),
        (["Z.sac", "--weights", "mixed-3c", "--stride", "0.001"], "at least one sample, 0.01 s"),
        (["Z.sac", "--weights", "mixed-3c", "--out", "Z.sac/t.csv"], "cannot write"),
        (["Z.sac", "--weights", "mixed-3c", "--stride", "nan"], "at least one sample"),
        (["Z.sac", "--weights", "mixed-3c", "--out", "Z.sac"], "is one of the recordings"),
        (["Z.sac", "--weights", "mixed-3c", "--plot", "figure.xyz"], "use one of the suffixes"),
        (["Z.sac", "--weights", "mixed-3c", "--plot", "."], "is a folder"),
        (["H.sac", "--weights", "mixed-3c"], "has components H, but the model needs ZNE"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_status_2(
    run: Callable, tmp_path: Path, arguments: list[str], message: str
) -> None:
    trace = obspy.read()[0]
    trace.write(str(tmp_path / "Z.sac"), "SAC")
    trace.stats.channel = "BDH"
    trace.write(str(tmp_path / "H.sac"), "SAC")
    before = sorted(tmp_path.iterdir())
    done = run("classify", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_station_without_a_decision_is_listed(run: Callable, sac_files: list[Path]) -> None:
    done = run("classify", sac_files[0], "--weights", "mixed-3c")
    assert done.returncode == 0
    assert "component N, E missing: found Z of ZNE" in done.stdout


def test_train_evaluate_classify(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    done = run(
        *("train", "--dataset", dataset_folder, "--out", "w/mine", "--version", "2", "--report", "train.md"),
        *("--extractor-arg", "max_features=840", "--extractor-arg", "channels=sum"),
        *("--event-type", "high=quarry blast", "--description", "made up"),
    )
    assert done.returncode == 0, done.stderr
    weights = (tmp_path / "w" / "mine.json.v2").read_text()
    assert '"channels": "sum"' in weights
    assert '"high": "quarry blast"' in weights
    assert "| accuracy | 1.000" in (tmp_path / "train.md").read_text()
    same = ("--dataset", dataset_folder, "--weights", "w/mine.json.v2")
    done = run("evaluate", *same, "--report", "dev.md")
    assert done.returncode == 0, done.stderr
    assert "### Split dev" in (tmp_path / "dev.md").read_text()
    assert "16 station windows of 8 events" in (tmp_path / "dev.md").read_text()
    done = run("evaluate", *same, "--by", "region", "--report", "region.md")
    assert done.returncode == 0, done.stderr
    assert "### Region held out: north" in (tmp_path / "region.md").read_text()
    done = run("evaluate", *same, "--folds", 20)
    assert done.returncode == 2
    assert "use fewer folds" in done.stderr
    done = run("evaluate", *same, "--split", "test")
    assert done.returncode == 2
    assert "available: dev, train" in done.stderr
    assert "not held out" in run("evaluate", *same, "--split", "all").stderr
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED")
    assert run("classify", "a.mseed", "--weights", "w/mine.json.v2").returncode == 0


def test_evaluate_says_how_far_to_trust(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    done = run("train", "--dataset", dataset_folder, "--out", "w/mine", "--extractor-arg", "max_features=840")
    assert done.returncode == 0, done.stderr
    same = ("evaluate", "--dataset", dataset_folder, "--weights", "w/mine")
    done = run(*same, "--by", "region", "--reliability", "f/trust.pdf", "--risk", 0.25, "--report", "trust.md")
    assert done.returncode == 0, done.stderr
    advice = "No rejection is needed, which keeps 100.0% of the windows (48 of 48). 0.0% of them are wrong"
    assert advice in done.stdout
    text = (tmp_path / "trust.md").read_text()
    assert "### Risk of 0.25, region held out\n\n" + advice in text
    assert "**Reliability per station**\n\n| highest probability | decisions | events | mean | accuracy |" in text
    assert "**Reliability per event**" in text
    assert (tmp_path / "f" / "trust.pdf").read_bytes().startswith(b"%PDF")
    done = run(*same, "--risk", 0.01, "--report", "dev.md")
    assert done.returncode == 0, done.stderr
    for told in (done.stdout, (tmp_path / "dev.md").read_text()):
        assert "No threshold can be recommended: no threshold keeps the risk at 0.01 or less" in told
    model = lcl.MiniRocketRidge.load(tmp_path / "w" / "mine")
    model.novelty_detector.threshold.mul_(1e-3)
    model.save(tmp_path / "w" / "strict")
    done = run("evaluate", "--dataset", dataset_folder, "--weights", "w/strict", "--report", "strict.md", "--risk", 0.5)
    assert done.returncode == 0, done.stderr
    for told in (done.stdout, (tmp_path / "strict.md").read_text()):
        assert "16 of 16 windows are unlike the training data: classify abstains on them." in told
        assert "No threshold can be recommended" in told
    assert run("ensemble", "--weights", "w/mine", "--weights", "w/mine", "--out", "w/two").returncode == 0
    ensemble = ("evaluate", "--dataset", dataset_folder, "--weights", "w/two")
    done = run(*ensemble, "--risk", 0.6)
    assert done.returncode == 0, done.stderr
    assert "keeps 100.0% of the windows (16 of 16)" in done.stdout
    done = run(*ensemble, "--folds", 2)
    assert done.returncode == 0, done.stderr
    assert "2 folds of events" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reliability", "figure.xyz"], "use one of the suffixes"),
        (["--reliability", "."], "is a folder"),
        (["--risk", 5], "between 0 and 1, such as 0.05, but is 5"),
    ],
)
def test_evaluation_that_cannot_work_is_refused_before_the_work(
    run: Callable, arguments: list[str], message: str
) -> None:
    done = run("evaluate", "--dataset", "absent", "--weights", "unheard-of", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


class TestCuts:
    """How training windows lie around P; the made-up dataset has 16 events in split train, at two stations each."""

    OWN = ("--extractor-arg", "max_features=840", "--report", "card.md")

    def test_copies_are_learnt_from_but_not_scored(self, run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
        done = run("train", "--dataset", dataset_folder, "--out", "moved", *self.OWN)
        assert done.returncode == 0, done.stderr
        assert "fitting 96 windows of 16 events" in done.stderr
        card = (tmp_path / "card.md").read_text()
        assert "32 station windows of 16 events" in card
        assert "max-shift = 1.0\ncopies = 2\nrefine = 0.0\n" in card
        model = lcl.MiniRocketRidge(labels=["high", "low"], extractor_args={"max_features": 840})
        data = read_windows(
            open_dataset(dataset_folder), model.preprocessing, cuts=Cuts(max_shift=1.0, copies=2)
        ).in_split("train")
        expected = model.fit(data.windows, data.labels, data.groups)
        found = lcl.MiniRocketRidge.load(tmp_path / "moved")
        np.testing.assert_array_equal(found.predict_proba(data.windows), expected.predict_proba(data.windows))

    def test_no_shift_means_no_copies(self, run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
        done = run("train", "--dataset", dataset_folder, "--out", "still", *self.OWN, "--max-shift", 0)
        assert done.returncode == 0, done.stderr
        assert "fitting 32 windows of 16 events" in done.stderr
        assert "max-shift = 0.0\ncopies = 0\n" in (tmp_path / "card.md").read_text()
        model = lcl.MiniRocketRidge(labels=["high", "low"], extractor_args={"max_features": 840})
        data = read_windows(open_dataset(dataset_folder), model.preprocessing).in_split("train")
        expected = model.fit(data.windows, data.labels, data.groups).state_dict()
        found = lcl.MiniRocketRidge.load(tmp_path / "still").state_dict()
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            np.testing.assert_array_equal(found[name], tensor, err_msg=name)

    def test_extractors_side_by_side_learn_from_copies(self, run: Callable, dataset_folder: Path) -> None:
        own = ("--model", "Discriminator", "--extractor", "raw+physical", "--head", "ridge", "--length", 4)
        done = run("train", "--dataset", dataset_folder, "--out", "w", *own, "--copies", 1)
        assert done.returncode == 0, done.stderr
        assert "fitting 64 windows of 16 events" in done.stderr

    @pytest.mark.parametrize(
        "model",
        [
            ("MiniRocketKMeans", "--extractor-arg", "max_features=168", "--clusters", 2),
            ("ResNet18", "--extractor-arg", "width=2", "--extractor-arg", "epochs=1"),
            ("Discriminator", "--extractor", "simclr", "--head", "ridge", "--extractor-arg", "epochs=1"),
            (
                "Discriminator",
                "--extractor",
                "raw+simclr",
                "--head",
                "ridge",
                "--extractor-arg",
                'simclr={"epochs": 1}',
            ),
        ],
    )
    def test_models_that_get_no_copies_unless_asked(self, run: Callable, dataset_folder: Path, model: tuple) -> None:
        done = run("train", "--dataset", dataset_folder, "--out", "w", "--length", 4, "--model", *model)
        assert done.returncode == 0, done.stderr
        assert "fitting 32 windows of 16 events" in done.stderr

    def test_clusters_are_reported_of_the_windows_as_picked(self, run: Callable, dataset_folder: Path) -> None:
        own = ("--model", "MiniRocketKMeans", "--clusters", 2, "--extractor-arg", "max_features=168")
        done = run("train", "--dataset", dataset_folder, "--out", "w", *own, "--max-shift", 0.5, "--copies", 1)
        assert done.returncode == 0, done.stderr
        assert "fitting 64 windows of 16 events" in done.stderr
        sizes = re.findall(r"cluster \d: (\d+) windows", done.stdout)
        assert sum(map(int, sizes)) == 32

    def test_only_traces_that_show_p_are_learnt_from(self, run: Callable, dataset_folder: Path) -> None:
        data = read_windows(open_dataset(dataset_folder), Preprocessing()).in_split("train")
        limit = float(np.median(data.snr))
        out = ("train", "--dataset", dataset_folder, "--out", "w", *self.OWN, "--min-snr")
        done = run(*out, limit)
        assert done.returncode == 0, done.stderr
        assert f"left out 16 of 32 traces with a signal-to-noise ratio below {limit:g} dB" in done.stderr
        assert "fitting 48 windows of " in done.stderr
        assert "fitting 96 windows" in run(*out, -100).stderr
        done = run(*out, 100)
        assert done.returncode == 2
        highest = max(data.snr)
        expected = f"no trace of high, low has a signal-to-noise ratio of 100 dB; the highest ratio is {highest:.1f} dB"
        assert expected in " ".join(done.stderr.split())

    def test_traces_whose_p_cannot_be_judged_are_told(
        self, run: Callable, dataset_folder: Path, tmp_path: Path
    ) -> None:
        """The trace of the third row is cut so that P is 1 s after its start."""
        folder = shutil.copytree(dataset_folder, tmp_path / "early")
        metadata = pd.read_csv(folder / "metadata.csv")
        rate = metadata["trace_sampling_rate_hz"]
        metadata["trace_p_arrival_sample"] = metadata["trace_p_arrival_sample"].where(rate.index != 2, rate)
        metadata.to_csv(folder / "metadata.csv", index=False)
        own = ("--before", 0.5, "--model", "PhysicalRidge", "--report", "card.md")
        done = run("train", "--dataset", folder, "--out", "w", *own, "--min-snr", -100)
        assert done.returncode == 0, done.stderr
        assert "kept 1 of 32 traces with unknown signal-to-noise ratio" in done.stderr
        assert "left out" not in done.stderr
        assert "max-shift = 0.5\ncopies = 2\n" in (tmp_path / "card.md").read_text()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--max-shift", -1], "max_shift must be finite and not negative, but is -1.0"),
            (["--copies", -2, "--max-shift", 0], "copies must be a whole number and not negative, but is -2"),
            (["--refine", "nan"], "refine must be finite and not negative, but is nan"),
            (["--max-shift", 0, "--copies", 4], "4 copies with a max_shift of 0 would equal the unshifted window"),
            (
                ["--model", "SpectrogramCNN", "--copies", 3],
                "set max_shift to a positive number of seconds, or copies to 0",
            ),
            (["--max-shift", 25, "--length", 10], "a max_shift of 25 s moves P out of the window, which is 10 s long"),
            (["--before", 0, "--copies", 1], "1 copies with a max_shift of 0"),
            (["--min-snr", "nan"], "min_snr must be a finite number of dB, but is nan"),
            (["--min-snr", "inf"], "min_snr must be a finite number of dB, but is inf"),
        ],
    )
    def test_cuts_that_cannot_be_are_refused_before_the_work(
        self, run: Callable, arguments: list, message: str
    ) -> None:
        done = run("train", "--dataset", "absent", "--out", "w", *arguments)
        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())


def test_training_the_same_twice_gives_the_same_file(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    for name, memory in {"one": 1, "two": 1, "streamed": 0}.items():
        done = run(
            *("train", "--dataset", dataset_folder, "--out", name, "--extractor-arg", "max_features=840"),
            *("--memory", memory),
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "streamed.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label-column", "kind"], "has no column 'kind'"),
        (["--label", "high", "--label", "icequake"], "no trace is labelled icequake"),
        (["--label", "high"], "labels must name at least two classes"),
        (["--normalisation", "none"], "normalisation must be one of"),
        (["--extractor-arg", "channels"], "takes key=value"),
        (["--event-type", "high=bang"], "not a QuakeML event type"),
        (["--band", "1", "70"], "band must satisfy"),
        (["--pick-column", "region"], "does not hold P arrivals"),
        (["--head-arg", "alphas=x"], "minirocket+ridge"),
    ],
)
def test_training_that_cannot_work(
    run: Callable, dataset_folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run("train", "--dataset", dataset_folder, "--out", "w", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("w*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extractor-arg", "channls=sum"], "channls"),
        (["--model", "PhysicalRidge", "--members", 2], "has no seed, so all members would be equal"),
        (["--model", "MiniRocketKMeans", "--clusters", 2, "--head-arg", "n_inits=3"], "n_inits"),
    ],
)
def test_a_model_that_cannot_be_made_is_refused_before_waveforms_are_read(
    run: Callable, dataset_folder: Path, tmp_path: Path, arguments: list, message: str
) -> None:
    copy = shutil.copytree(dataset_folder, tmp_path / "broken")
    with h5py.File(copy / "waveforms.hdf5", "a") as file:
        del file["data"]
    done = run("train", "--dataset", copy, "--out", "w", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_demo_in_a_process_of_its_own(tmp_path: Path) -> None:
    code = "from seisbench_lcl.cli import main; main()"
    command = [sys.executable, "-c", code, "demo", "--out", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "demo").iterdir()) == [
        "detections.csv",
        "figure.png",
        "windows.csv",
    ]
    frame = pd.read_csv(tmp_path / "demo" / "detections.csv")
    assert frame["label"].tolist() == ["earthquake"]
    assert np.isfinite(frame["probability"]).all()
