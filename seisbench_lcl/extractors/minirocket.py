"""MiniRocket: 84 fixed kernels at many dilations, and the proportion of positive values of each output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.errors import WindowError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.extractors import _minirocket_blocks as blocks
from seisbench_lcl.extractors import _minirocket_kernels as kernels
from seisbench_lcl.extractors import _minirocket_torch as torch_path
from seisbench_lcl.extractors._minirocket_kernels import KERNEL_LENGTH, N_KERNELS
from seisbench_lcl.extractors.base import FeatureExtractor

Channels = Literal["subsets", "sum"]
Padding = Literal["alternate", "none"]

_T = TypeVar("_T")

_CHUNK = 8  # windows per task: large enough to hide the cost of a task, small enough to balance threads
_RUN = 32  # overlapping windows per run, or more
_COLUMNS = 96  # strides per task: their samples stay in the cache
_SHORTEST = 16  # samples of a stride
_MAX_SUBSET = 9  # maximum number of summed components, as in the multivariate original


class MiniRocket(FeatureExtractor):
    """MiniRocket features (PPV) of multi-component windows.

    84 kernels of length 9 with weights −1 and 2 are convolved with a window at dilations that are evenly spaced in
    their logarithms up to the window length. Biases are quantiles of the convolution output of training windows drawn
    at random, and a feature is the proportion of samples above a bias. There are 84 × (``max_features // 84``)
    features: 9,996 by default.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window; at least 9 samples.
    sampling_rate : float
        Sampling rate in Hz. Features do not depend on it: dilations are counted in samples.
    max_features : int
        Upper bound on the number of features, at least 84.
    max_dilations : int
        Upper bound on the dilations of each kernel.
    channels : {"subsets", "sum"}
        "subsets" sums a random subset of the components for each kernel and dilation, as the multivariate original
        does. "sum" always sums all components, as Yin et al. do: convolution is linear, so this equals the univariate
        transform of Z + N + E. It needs a third of the convolutions of a transform of single components, but it is
        blind to differences between components: polarisation, or a horizontal S against a vertical P.
    padding : {"alternate", "none"}
        "alternate" pads the window with zeros for every other kernel, which then has outputs up to the ends of the
        window, as in the original. With "none", all kernels have outputs only where their nine taps are inside the
        window, so overlapping windows share nearly all of their work.
    seed : int
        Seed of the subsets and of the training windows drawn for the biases.

    Attributes
    ----------
    dilations, biases_per_kernel : list of int
        The dilations, and the number of biases per kernel at each.
    biases : (n_features,) float32 buffer
        Ordered by dilation, kernel, bias. NaN until fitted.
    subsets : (n_dilations, 84, C) bool buffer
        Components summed by each kernel at each dilation.

    Raises
    ------
    WindowError
        If windows have fewer than 9 samples.
    ConfigurationError
        If there are fewer than 84 features, or ``channels`` or ``padding`` is unknown.

    References
    ----------
    Dempster, Schmidt and Webb (2021), MINIROCKET: a very fast (almost) deterministic transform for time series
    classification, KDD '21, doi:10.1145/3447548.3467231. Yin et al. (2022), Applied Sciences 12(16):8389, section 3.2.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(8, 3, 500, generator=torch.Generator().manual_seed(0))
    >>> MiniRocket(in_channels=3, in_samples=500, sampling_rate=100).fit(windows)(windows).shape
    torch.Size([8, 9996])
    """

    name = "minirocket"
    slides = True
    enough = 2000

    biases: Tensor
    subsets: Tensor

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        max_features: int = 10_000,
        max_dilations: int = 32,
        channels: Channels = "subsets",
        padding: Padding = "alternate",
        seed: int = 0,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        if in_samples < KERNEL_LENGTH:
            raise WindowError(
                f"MiniRocket needs windows of at least {KERNEL_LENGTH} samples, the length of its kernels, "
                f"but in_samples is {in_samples}"
            )
        check_arguments(
            "MiniRocket",
            (
                f"max_features must be {N_KERNELS} or more, one for each kernel",
                is_whole(max_features, N_KERNELS),
                max_features,
            ),
            ("max_dilations must be 1 or more", is_whole(max_dilations, 1), max_dilations),
            (f"channels must be one of {', '.join(get_args(Channels))}", channels in get_args(Channels), channels),
            (f"padding must be one of {', '.join(get_args(Padding))}", padding in get_args(Padding), padding),
        )
        self.max_features = max_features
        self.max_dilations = max_dilations
        self.channels: Channels = channels
        self.padding: Padding = padding
        self.seed = seed
        self.dilations, self.biases_per_kernel = _dilations(in_samples, max_features, max_dilations)
        self.n_features = N_KERNELS * sum(self.biases_per_kernel)
        n_dilations = len(self.dilations)
        self.register_buffer("biases", torch.full((self.n_features,), torch.nan))
        self.register_buffer("subsets", torch.ones(n_dilations, N_KERNELS, in_channels, dtype=torch.bool))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "max_features": self.max_features,
            "max_dilations": self.max_dilations,
            "channels": self.channels,
            "padding": self.padding,
            "seed": self.seed,
        }

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        rng = np.random.default_rng(self.seed)
        if self.channels == "subsets":
            self.subsets.copy_(torch.from_numpy(self._draw_subsets(rng)))
        self.biases.copy_(torch.from_numpy(self._draw_biases(windows.cpu().numpy(), rng)))

    def _extract(self, windows: Tensor) -> Tensor:
        plan = self._plan()
        if windows.device.type != "cpu":
            return torch_path.transform(windows, plan, self.biases)
        x = np.ascontiguousarray(windows.numpy())
        biases, positions = self.biases.float().numpy(), plan.positions(self.in_samples)
        features = np.empty((len(x), self.n_features), dtype=np.float32)

        def fill(chunk: slice) -> None:
            counts = np.zeros(features[chunk].shape, dtype=np.int32)
            kernels.count_windows(x[chunk], False, plan, biases, counts)
            np.divide(counts, positions, out=features[chunk], casting="same_kind")

        _in_threads(fill, [slice(i, i + _CHUNK) for i in range(0, len(x), _CHUNK)])
        return torch.from_numpy(features)

    def _slide(self, records: Sequence[Tensor], stride: int) -> Tensor:
        if any(record.device.type != "cpu" for record in records):
            return super()._slide(records, stride)
        plan = self._plan()
        biases, positions = self.biases.float().numpy(), plan.positions(self.in_samples)
        sizes = [(record.shape[1] - self.in_samples) // stride + 1 for record in records]
        features = np.empty((sum(sizes), self.n_features), dtype=np.float32)
        # Strides of a few samples are too short to be counted one by one: every second window, then the others.
        turns = -(-_SHORTEST // stride)

        def fill(task: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
            rows = [row for _, row in task]
            counts = np.zeros((sum(map(len, rows)), self.n_features), dtype=np.int32)
            runs = [np.ascontiguousarray(samples) for samples, _ in task]
            columns = blocks.Blocks.of(runs, self.in_samples, turns * stride)
            blocks.count_interiors(columns, self.in_samples, plan, biases, counts)
            if plan.pads.any():
                windows = np.concatenate([self._windows(run, turns * stride) for run in runs])
                kernels.count_windows(windows, True, plan, biases, counts)
            first = 0
            for row in rows:
                np.divide(counts[first : first + len(row)], positions, out=row, casting="same_kind")
                first += len(row)

        _in_threads(fill, self._tasks([record.numpy() for record in records], sizes, stride, turns, features))
        return torch.from_numpy(features)

    def _windows(self, run: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
        return np.lib.stride_tricks.sliding_window_view(run, self.in_samples, axis=1)[:, ::stride].swapaxes(0, 1)

    def _tasks(
        self,
        records: list[NDArray[np.float32]],
        sizes: list[int],
        stride: int,
        turns: int,
        features: NDArray[np.float32],
    ) -> Iterator[list[tuple[NDArray[np.float32], NDArray[np.float32]]]]:
        """Yield runs of windows that are `turns` strides apart, as samples and rows of features, several to a task."""
        step = turns * stride
        behind = self.in_samples // step  # columns of a run besides one for each window
        most = max(_RUN, _COLUMNS - behind)
        task: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        columns, first = 0, 0
        for record, size in zip(records, sizes, strict=True):
            rows = features[first : first + size]
            first += size
            for turn in range(min(turns, size)):
                own = rows[turn::turns]
                for i in range(0, len(own), most):
                    run = own[i : i + most]
                    start = turn * stride + i * step
                    if task and columns + len(run) + behind > _COLUMNS:
                        yield task
                        task, columns = [], 0
                    task.append((record[:, start : start + (len(run) - 1) * step + self.in_samples], run))
                    columns += len(run) + behind
        if task:
            yield task

    def _plan(self) -> kernels.Plan:
        check_is_fitted(self, self.biases, "fit(windows)")
        subsets = self.subsets.cpu().numpy()
        codes = subsets.view(f"V{self.in_channels}")[..., 0]  # one item per subset, for any number of components
        _, first, rows = np.unique(codes, return_index=True, return_inverse=True)
        rows = rows.reshape(codes.shape)
        even = np.add.outer(np.arange(len(self.dilations)), np.arange(N_KERNELS)) % 2 == 0
        return kernels.Plan(
            np.array(self.dilations),
            np.array(self.biases_per_kernel),
            masks=subsets.reshape(-1, self.in_channels)[first],
            subsets=rows,
            order=np.argsort(rows, axis=1, kind="stable"),
            pads=even & (self.padding == "alternate"),
        )

    def _draw_subsets(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw subsets of log-uniform size, so that single components are most frequent."""
        mask = np.zeros(self.subsets.shape, dtype=bool)
        largest = np.log2(min(self.in_channels, _MAX_SUBSET) + 1)
        for row in mask.reshape(-1, self.in_channels):
            size = int(2 ** rng.uniform(0, largest))
            row[rng.choice(self.in_channels, size, replace=False)] = True
        return mask

    def _draw_biases(self, windows: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return quantiles of the output of each dilation and kernel on one training window drawn for it."""
        subsets = self.subsets.cpu().numpy()
        biases = np.empty(self.n_features, dtype=np.float32)
        quantiles = (np.arange(1, self.n_features + 1) * ((np.sqrt(5) + 1) / 2)) % 1  # low discrepancy
        first = 0
        for d, (dilation, n_biases) in enumerate(zip(self.dilations, self.biases_per_kernel, strict=True)):
            for k, taps in enumerate(kernels.TAPS):
                window = windows[rng.integers(len(windows))]
                x = np.pad(window[subsets[d, k]].sum(axis=0, dtype=np.float32), 4 * dilation)
                shifted = np.lib.stride_tricks.sliding_window_view(x, self.in_samples)[::dilation]
                output = 3 * shifted[taps].sum(axis=0) - shifted.sum(axis=0)
                biases[first : first + n_biases] = np.quantile(output, quantiles[first : first + n_biases])
                first += n_biases
        return biases


def _in_threads(function: Callable[[_T], None], tasks: Iterable[_T]) -> None:
    """Call a function that releases the GIL for each task.

    numba's ``parallel=True`` would not do: its default threading layer aborts the process when two Python threads enter
    it, and SeisBench calls ``forward`` in worker threads.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(function, tasks))


def _dilations(in_samples: int, max_features: int, max_dilations: int) -> tuple[list[int], list[int]]:
    """Return dilations 2^e, with e evenly spaced up to the window length, and the number of biases per kernel at each.

    Exponents that round to the same dilation pool their biases; the remainder of the integer division goes to the
    smallest dilations.
    """
    per_kernel = max_features // N_KERNELS
    n_exponents = min(per_kernel, max_dilations)
    largest = np.log2((in_samples - 1) / (KERNEL_LENGTH - 1))
    dilations, repeats = np.unique(np.logspace(0, largest, n_exponents, base=2).astype(int), return_counts=True)
    counts = (repeats * (per_kernel / n_exponents)).astype(int)
    left_over = per_kernel - counts.sum()
    counts += left_over // len(counts)
    counts[: left_over % len(counts)] += 1
    return dilations.tolist(), counts.tolist()
