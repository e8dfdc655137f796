from dataclasses import replace

import numpy as np
import pytest

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.plotting import exemplars
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(sampling_rate=50, in_samples=300, component_order="ZN", band=(1, 20), before=1)


def tones(n=12):
    """Windows with a tone of 3 Hz in cluster 0 and 12 Hz in cluster 2; cluster 1 is empty."""
    rng = np.random.default_rng(0)
    clusters = 2 * (np.arange(n) % 2)
    hertz = np.where(clusters == 0, 3, 12)[:, None, None]
    tone = np.sin(2 * np.pi * hertz * np.arange(300) / 50 + rng.uniform(0, 6, (n, 2, 1)))
    probabilities = np.full((n, 3), 0.05)
    probabilities[np.arange(n), clusters] = np.linspace(0.5, 0.9, n)
    windows = 1000 * tone + rng.normal(size=tone.shape)
    return windows.astype(np.float32), probabilities / probabilities.sum(axis=1, keepdims=True)


def test_exemplars_show_the_most_probable_windows_of_each_cluster(png):
    windows, probabilities = tones()
    before = windows.copy()
    figure = exemplars(windows, probabilities, PREPROCESSING, names=["low", "", "high"], n=2)
    assert png(figure).startswith(b"\x89PNG")
    panels = np.array(figure.axes[:9]).reshape(3, 3)
    assert [row[0].get_title(loc="left") for row in panels] == [
        "0: low (6 windows)",
        "cluster 1 (0 windows)",
        "2: high (6 windows)",
    ]
    assert [text.get_text() for text in panels[1, 0].texts] == ["no window"]
    for row, best in ((panels[0], (10, 8)), (panels[2], (11, 9))):
        waveforms = [line.get_ydata() for line in row[0].get_lines() if len(line.get_ydata()) == 300]
        assert len(waveforms) == 4  # two windows, each with the second component before the first
        for i, (found, window) in enumerate(zip(waveforms[1::2], best, strict=True)):
            assert np.corrcoef(found, windows[window, 0])[0, 1] == pytest.approx(1)
            assert np.abs(found + i).max() <= 0.48 + 1e-6
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["10–90 %", "all windows", "mean"]
    np.testing.assert_array_equal(windows, before)


def test_mean_spectrum_peaks_at_the_tone():
    windows, probabilities = tones()
    panels = np.array(exemplars(windows, probabilities, PREPROCESSING).axes[:9]).reshape(3, 3)
    for row, hertz in ((panels[0], 3), (panels[2], 12)):
        frequencies, mean = row[2].get_lines()[1].get_data()
        assert frequencies[mean.argmax()] == pytest.approx(hertz, abs=0.5)
        image = row[1].get_images()[0]
        decibels = np.asarray(image.get_array()).mean(axis=1)
        assert 25 * decibels.argmax() / (len(decibels) - 1) == pytest.approx(hertz, abs=1)
        assert image.get_clim() == (-40, 0)


def test_without_a_high_pass_the_spectrum_begins_above_zero(png):
    """A logarithmic axis has no zero; a warning would be an error."""
    figure = exemplars(*tones(), replace(PREPROCESSING, band=(0, 20)))
    assert png(figure).startswith(b"\x89PNG")
    low, high = figure.axes[2].get_xlim()
    assert 0 < low < 1 < high == 20


def test_exemplars_are_of_different_events():
    windows, probabilities = tones()
    groups = ["a"] * 10 + ["b", "c"]
    panels = np.array(exemplars(windows, probabilities, PREPROCESSING, groups=groups, n=3).axes[:9]).reshape(3, 3)
    for row, best in ((panels[0], (10, 8)), (panels[2], (11, 9))):
        first = [line.get_ydata() for line in row[0].get_lines() if len(line.get_ydata()) == 300][1::2]
        assert len(first) == 2
        for found, window in zip(first, best, strict=True):
            assert np.corrcoef(found, windows[window, 0])[0, 1] == pytest.approx(1)


def test_exemplars_of_a_file_and_of_windows_without_motion(png):
    windows, probabilities = tones()
    windows[:3] = 0
    rows = RowFile(2, 300)
    rows.extend(windows)
    frozen = windows.copy()
    frozen.flags.writeable = False
    figures = [exemplars(source, probabilities, PREPROCESSING) for source in (rows, frozen, np.zeros_like(windows))]
    lines = [[line.get_ydata() for axes in figure.axes for line in axes.get_lines()] for figure in figures]
    np.testing.assert_equal(lines[0], lines[1])
    assert np.isfinite(np.concatenate(lines[2])).all()
    assert png(figures[2])


def test_invalid_exemplars_are_refused():
    windows, probabilities = tones()
    with pytest.raises(DatasetError, match=r"12 windows came with probabilities of shape \(11, 3\) and groups"):
        exemplars(windows, probabilities[1:], PREPROCESSING)
    with pytest.raises(DatasetError, match=r"groups of shape \(2,\)"):
        exemplars(windows, probabilities, PREPROCESSING, groups=["a", "b"])
    with pytest.raises(DatasetError, match=r"windows must have the shape .*\(N, 2, 300\), but are \(12, 1, 300\)"):
        exemplars(windows[:, :1], probabilities, PREPROCESSING)
    with pytest.raises(DatasetError, match=r"3 clusters need one name each, but found \['a'\]"):
        exemplars(windows, probabilities, PREPROCESSING, names=["a"])
    with pytest.raises(ConfigurationError, match="n must be a whole number of 1 or more, but is 0"):
        exemplars(windows, probabilities, PREPROCESSING, n=0)
