"""One-versus-rest ridge regression; held-out events in closed form choose the penalty and calibrate probabilities."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from threadpoolctl import ThreadpoolController
from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, TrainingError, check_arguments, check_is_fitted
from seisbench_lcl.heads._ridge_solver import Design, Solver
from seisbench_lcl.heads._temperature import fit_temperature
from seisbench_lcl.heads.base import Head
from seisbench_lcl.storage.rows import Rows

ClassWeight = Literal["balanced"] | Mapping[int, float] | None

_ROUNDING = 1e-13  # of a Gram matrix, relative to its largest eigenvalue

DEFAULT_ALPHAS = tuple(np.logspace(-1, 7, 17).tolist())


class Ridge(Head):
    """Ridge classifier with exact leave-one-event-out predictions and calibrated probabilities.

    Each class is regressed, +1 against −1, on standardised features. One decomposition serves all penalties and all
    held-out rows: each row is predicted by a fit without its event (without the row itself if there are no groups). The
    penalty with the smallest weighted squared held-out error is used. The scale of the features and the class weights
    come from all rows. Penalties below the rounding error of the Gram matrix are raised to it.

    With more rows than features, memory depends on the number of features only (two float64 matrices F × F, 1.6 GB for
    F = 9,996). `fit` also accepts a `seisbench_lcl.storage.rows.RowFile`, which it reads in blocks.

    Probabilities are ``softmax(scores / T)``. The temperature T minimises the weighted log loss of the *held-out*
    scores. Targets are smoothed as by Platt, counting events rather than windows, so that a small set with perfect
    separation does not give certainty. T does not change which class has the highest probability. With
    ``class_weight="balanced"``, probabilities assume equally frequent classes, not the frequencies of the training set.

    `fine_tune` adapts a fitted head to a new region in the same closed form: coefficients are shrunk towards the
    pretrained ones, β₀, instead of zero, Σ wᵢ (yᵢ − xᵢβ − b)² + α ‖β − β₀‖², with features standardised as in
    pretraining. Candidates are all penalties; an infinite penalty, which refits the intercepts only; and the unchanged
    head, because even an intercept from a handful of events is noise. The new events, each held out from the refit,
    choose the candidate and set the temperature. Its targets are smoothed towards the probabilities of the unchanged
    head, so that a few events change it little. The new events must not be those of the pretraining, which favour the
    unchanged head. A class without new events keeps its regression. A class that `grown` added starts from zero, with a
    penalty of its own.

    Parameters
    ----------
    n_features, n_classes : int
    alphas : sequence of float
        Candidate penalties, for features with unit variance and weights that average 1.
    class_weight : "balanced", mapping from class index to weight, or None
        "balanced" gives every class the same total weight.

    Attributes
    ----------
    coefficients, intercepts : (K, F) and (K,) float32 buffers
        Regression on standardised features. NaN until fitted.
    mean, scale : (F,) float32 buffers
    temperature, alpha : scalar float32 buffers
        Temperature and penalty; the penalty is the largest float32 number if fine-tuning kept the coefficients.
    held_out : (N, K) float32 ndarray or None
        Held-out probabilities of the training rows. Not saved.

    Raises
    ------
    ConfigurationError
        If penalties are missing or not positive, or a class weight is unknown.

    References
    ----------
    Held-out residuals: Cook and Weisberg (1982), Residuals and Influence in Regression. Smoothed targets: Platt
    (1999), Probabilistic outputs for support vector machines. Temperature: Guo et al. (2017), ICML. Fine-tuning:
    Kuzborskij and Orabona (2013), Stability and hypothesis transfer learning, ICML.

    Examples
    --------
    >>> features = torch.tensor([[0.0], [0.1], [0.3], [9.0], [9.2], [9.3]])
    >>> labels = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> Ridge(n_features=1, n_classes=2).fit(features, labels)(features).argmax(dim=1)
    tensor([0, 0, 0, 1, 1, 1])
    """

    name = "ridge"
    supervised = True

    coefficients: Tensor
    intercepts: Tensor
    mean: Tensor
    scale: Tensor
    temperature: Tensor
    alpha: Tensor

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        alphas: Sequence[float] = DEFAULT_ALPHAS,
        class_weight: ClassWeight = "balanced",
    ) -> None:
        super().__init__(n_features, n_classes)
        self.alphas = [float(alpha) for alpha in alphas]
        positive = bool(self.alphas) and all(0 < alpha < np.inf for alpha in self.alphas)
        check_arguments("Ridge", ("alphas must be one or more positive penalties", positive, self.alphas))
        self.class_weight = _class_weight(class_weight, n_classes)
        self.register_buffer("coefficients", torch.full((n_classes, n_features), torch.nan))
        self.register_buffer("intercepts", torch.full((n_classes,), torch.nan))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("alpha", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"alphas": self.alphas, "class_weight": self.class_weight}

    def config_of(self, classes: list[int]) -> dict[str, Any]:  # noqa: D102
        weight = self.class_weight
        if isinstance(weight, Mapping):
            weight = {i: weight[k] for i, k in enumerate(classes) if k in weight}
        return self.config() | {"class_weight": weight}

    def grown(self, n_more: int) -> Self:  # noqa: D102
        self._check_fitted()
        head = type(self)(self.n_features, self.n_classes + n_more, **self.config()).to(self.intercepts.device)
        for name, buffer in self.named_buffers():
            head.get_buffer(name)[: len(buffer)].copy_(buffer) if buffer.ndim else head.get_buffer(name).copy_(buffer)
        head.coefficients[self.n_classes :] = 0
        head.intercepts[self.n_classes :] = -1  # the target of windows of other classes
        return head.eval()

    def condensed(self, features: Tensor) -> tuple[Head, Tensor]:  # noqa: D102
        # Fine-tuning changes the coefficients by a combination of the rows, so rotated coordinates in their span do.
        self._check_fitted()
        n, n_features = features.shape
        if n_features <= n:
            return self, features
        rows = ((features - self.mean) / self.scale).double()
        squares, vectors = torch.linalg.eigh(rows @ rows.T)
        kept = squares > squares[-1] * _ROUNDING
        lengths = squares[kept].sqrt()
        head = type(self)(int(kept.sum()), self.n_classes, **self.config()).to(self.intercepts.device)
        for name in ("intercepts", "temperature", "alpha"):
            head.get_buffer(name).copy_(self.get_buffer(name))
        head.coefficients.copy_(self.coefficients.double() @ rows.T @ vectors[:, kept] / lengths)
        return head.eval(), (vectors[:, kept] * lengths).to(features.dtype)

    def shift(self, logits: Tensor) -> None:  # noqa: D102
        self._check_fitted()
        self.intercepts.add_(logits.to(self.intercepts) * self.temperature)

    def scores(self, features: Tensor) -> Tensor:
        """Return the one-versus-rest scores (B, K), before temperature and softmax."""
        return (features - self.mean) @ (self.coefficients / self.scale).T + self.intercepts

    def _probabilities(self, features: Tensor) -> Tensor:
        self._check_fitted()
        return torch.softmax(self.scores(features) / self.temperature, dim=-1)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        self._fit_rows(features.cpu().numpy(), labels, groups)

    def _fit_rows(self, rows: Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        y, events = self._classes_and_events(labels, groups)
        with _numpy_beside_torch():
            design = Design.standardised(rows, self._weights(y))
            targets = self._targets(y)
            solver = Solver(design, targets)
            held_out = solver.held_out(self.alphas, events)
            best = _least_error(held_out, targets, design.weights)
            coefficients, intercepts = solver.coefficients(self.alphas[best])
        self._settle(
            held_out[best],
            y,
            events,
            design.weights,
            None,
            coefficients=coefficients,
            intercepts=intercepts,
            mean=design.mean,
            scale=design.scale,
            alpha=self.alphas[best],
        )

    def _fine_tune(self, features: Tensor | Rows, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        self._check_fitted()
        rows = features.cpu().numpy() if isinstance(features, Tensor) else features
        y, events = self._classes_and_events(labels, groups)
        buffers = (self.coefficients, self.intercepts, self.mean, self.scale)
        coefficients, intercepts, mean, scale = (buffer.cpu().numpy().astype(float) for buffer in buffers)
        present = np.unique(y)
        alphas = [np.inf, np.inf, *self.alphas]  # the first stands for the unchanged head
        with _numpy_beside_torch():
            pretrained = Design(rows, np.ones(len(y)), mean, scale).times(coefficients) + intercepts
            # Shrinking towards β₀ equals shrinking a regression of the residuals towards zero.
            design = Design.standardised(rows, self._weights(y), scale)
            targets = self._targets(y)
            solver = Solver(design, (targets - pretrained)[:, present])
            candidates = np.tile(pretrained, (len(alphas), 1, 1))
            candidates[1:, :, present] += solver.held_out(alphas[1:], events)
            # A new class has no coefficients to be shrunk towards, and needs a smaller penalty than the others.
            is_new = np.array([not row.any() for row in coefficients])
            held_out, best = pretrained.copy(), 0
            for rows_of in (is_new, ~is_new):
                own = np.flatnonzero(rows_of[present])
                if not len(own):
                    continue
                classes = present[own]
                best = _least_error(candidates[:, :, classes], targets[:, classes], design.weights)
                held_out[:, classes] = candidates[best][:, classes]
                if best > 0:
                    change, shift = (part[own] for part in solver.coefficients(alphas[best]))
                    coefficients[classes] += change
                    intercepts[classes] += shift - change @ ((design.mean - mean) / scale)
        self._settle(
            held_out,
            y,
            events,
            design.weights,
            softmax(pretrained / self.temperature.item(), axis=1),
            coefficients=coefficients,
            intercepts=intercepts,
            alpha=min(alphas[best], float(np.finfo(np.float32).max)),
        )

    def _settle(
        self,
        scores: NDArray[np.float64],
        y: NDArray[np.int64],
        events: NDArray[np.int64],
        weights: NDArray[np.float64],
        prior: NDArray[np.float64] | None,
        **state: NDArray[np.float64] | float,
    ) -> None:
        """Fit the temperature to the held-out scores, and set the new state."""
        temperature = fit_temperature(scores, y, weights, len(np.unique(events)), prior)
        self.held_out = np.exp(log_softmax(scores / temperature, axis=1)).astype(np.float32)
        for name, value in {**state, "temperature": temperature}.items():
            self.get_buffer(name).copy_(torch.as_tensor(value))

    def _classes_and_events(self, labels: Tensor, groups: Tensor | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        y = labels.cpu().numpy()
        events = np.arange(len(y)) if groups is None else groups.cpu().numpy()
        for k in np.unique(y):
            n = len(np.unique(events[y == k]))
            if n < 2:
                raise TrainingError(
                    f"class {k} has a single event: with that event held out, none is left to learn from, so neither "
                    "the penalty nor the probabilities can be set; use at least two events of each class"
                )
        return y, events

    def _targets(self, y: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.where(np.arange(self.n_classes) == y[:, None], 1.0, -1.0)

    def _weights(self, y: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.class_weight is None:
            return np.ones(len(y))
        if isinstance(self.class_weight, Mapping):
            return np.array([float(self.class_weight.get(int(k), 1.0)) for k in y])
        counts = np.bincount(y, minlength=self.n_classes)
        return len(y) / (np.count_nonzero(counts) * counts[y])

    def _check_fitted(self) -> None:
        check_is_fitted(self, self.intercepts, "fit(features, labels)")


@contextmanager
def _numpy_beside_torch() -> Iterator[None]:
    # numpy's BLAS must not start more threads than torch, which does most of the work: competing threads are many times
    # slower. A default device set by the caller must not apply to the arrays that numpy prepares here.
    with torch.device("cpu"), _blas().limit(limits=torch.get_num_threads(), user_api="blas"):
        yield


@cache
def _blas() -> ThreadpoolController:
    # To find the libraries takes as long as a small fit.
    return ThreadpoolController()


def _least_error(held_out: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> int:
    """Return which of the held-out scores (A, n, K) has the smallest weighted squared error."""
    return int(np.argmin(weights @ ((targets - held_out) ** 2).sum(axis=2).T))


def _class_weight(class_weight: ClassWeight, n_classes: int) -> ClassWeight:
    if class_weight is None or class_weight == "balanced":
        return class_weight
    if isinstance(class_weight, Mapping):
        indices = {str(k): k for k in range(n_classes)}  # JSON turns the keys of a mapping into strings
        if all(str(k) in indices and 0 < weight < np.inf for k, weight in class_weight.items()):
            return {indices[str(k)]: float(weight) for k, weight in class_weight.items()}
    raise ConfigurationError(
        f"class_weight must be 'balanced', None or a mapping from class index (0 to {n_classes - 1}) to a positive "
        f"weight, but is {class_weight!r}"
    )
