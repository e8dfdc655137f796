"""Multinomial logistic regression, on fixed features or trained together with a network."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads._temperature import fit_temperature
from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.standardise import usable_scale
from seisbench_lcl.optim.balance import check_classes
from seisbench_lcl.optim.folds import assign_folds
from seisbench_lcl.optim.loop import initialise
from seisbench_lcl.optim.supervised import Trainable, Tuning, event_weights, train

_FOLDS = 5
_ITERATIONS = 1000
_NEVER = -1e30  # intercept of a class without rows


class Linear(Head):
    """One linear layer and a softmax.

    With a network that learns from labels (`resnet18`, `vgg16`, `inception10`, `spectrogram_cnn`), network and head are
    trained together by the recipe of the network. With any other extractor, features are standardised and the layer is
    fitted by multinomial logistic regression; classes, and the events of a class, have equal weight.

    Probabilities are ``softmax(logits / T)``. The temperature T minimises the log loss of held-out events against
    Platt's targets, which count events. Held-out events are those that the training of the network held out, or five
    folds of events for the regression (fewer if the rarest class has fewer events). The scale of the features and the
    weights come from all rows. T does not change which class has the highest probability. Probabilities assume equally
    frequent classes, unless the recipe of a network sets another balance.

    A class without rows in the regression gets the probability 0.

    Parameters
    ----------
    n_features, n_classes : int
    penalty : float
        Penalty of the squared coefficients in the regression, ``1 / C`` of ``sklearn.linear_model.LogisticRegression``,
        for standardised features and weights that average 1. The weight decay of a network is in its recipe.

    Attributes
    ----------
    weight, bias : (K, F) and (K,) float32 parameters
        NaN until fitted.
    mean, scale : (F,) float32 buffers
        Moments of the features; 0 and 1 if a network was trained with the head.
    temperature : scalar float32 buffer
    held_out : (N, K) float32 ndarray or None
        Held-out probabilities of the training rows, NaN for rows that were not held out. Not saved.

    Raises
    ------
    ConfigurationError
        If the penalty is not positive and finite.

    References
    ----------
    Temperature: Guo et al. (2017), On calibration of modern neural networks, ICML. Smoothed targets: Platt (1999).

    Examples
    --------
    >>> features = torch.tensor([[0.0], [0.1], [0.3], [9.0], [9.2], [9.3]])
    >>> labels = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> Linear(n_features=1, n_classes=2).fit(features, labels)(features).argmax(dim=1)
    tensor([0, 0, 0, 1, 1, 1])
    """

    name = "linear"

    mean: Tensor
    scale: Tensor
    temperature: Tensor

    def __init__(self, n_features: int, n_classes: int, *, penalty: float = 100.0) -> None:
        super().__init__(n_features, n_classes)
        check_arguments("Linear", ("penalty must be positive and finite", 0 < penalty < np.inf, penalty))
        self.penalty = float(penalty)
        self.weight = nn.Parameter(torch.full((n_classes, n_features), torch.nan))
        self.bias = nn.Parameter(torch.full((n_classes,), torch.nan))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.register_buffer("temperature", torch.tensor(1.0))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"penalty": self.penalty}

    def reset_parameters(self) -> None:
        """Draw new coefficients, as `torch.nn.Linear` does."""
        bound = self.n_features**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)
        self.mean.zero_()
        self.scale.fill_(1)
        self.temperature.fill_(1)

    def logits(self, features: Tensor) -> Tensor:
        """Return the logits (B, K), before temperature and softmax."""
        return (features - self.mean) / self.scale @ self.weight.T + self.bias

    def joins(self, extractor: FeatureExtractor) -> bool:  # noqa: D102
        return isinstance(extractor, Trainable)

    def fit_with(
        self,
        extractor: FeatureExtractor,
        windows: Tensor,
        labels: Tensor | None = None,
        groups: Tensor | None = None,
        tuning: Tuning | None = None,
    ) -> Self:
        """Train network and head together.

        Parameters
        ----------
        extractor : FeatureExtractor
            It must be `seisbench_lcl.optim.supervised.Trainable`.
        windows : (N, C, T) float32 Tensor
            Normalised.
        labels : (N,) int64 Tensor
        groups : (N,) int64 Tensor, optional
        tuning : Tuning, optional
            If given, both continue from their current state.

        Returns
        -------
        Linear
            Itself.

        Raises
        ------
        ConfigurationError
            If the extractor is not `Trainable`, or an argument is out of range.
        NotFittedError
            If `tuning` is given, but network or head is not fitted.
        TrainingError
            If labels are missing, out of range or of one class only, or the lengths differ; if a class has a single
            event, or the loss is not finite in the first epoch.
        """
        if not isinstance(extractor, Trainable):
            return super().fit_with(extractor, windows, labels, groups, tuning)
        if labels is None:
            raise TrainingError("Linear learns from labels, but fit_with was given none")
        check_classes(len(windows), labels, groups, self.n_classes)
        windows = extractor.checked(windows)
        extractor.eval()  # modules outside its stages stay in evaluation mode
        if tuning is None:
            extractor.epochs_trained.fill_(torch.nan)
            initialise(nn.ModuleList([extractor, self]), extractor.recipe.seed)
        else:
            with torch.no_grad():
                self(extractor(windows[:1].to(self.bias.device)))  # raises if either is not fitted
        classifier = _Logits(self)
        trained = train(extractor.name, extractor, classifier, self.n_classes, windows, labels, groups, tuning)
        extractor.unseen, extractor.histories = trained.unseen, [trained.history]
        events = torch.arange(len(labels)) if groups is None else groups
        rows = trained.unseen
        prior = None if trained.before is None else torch.softmax(trained.before / self.temperature.cpu(), dim=1)
        self._calibrate(trained.logits.numpy(), labels[rows], events[rows], trained.weights, prior)
        self.held_out = np.full((len(labels), self.n_classes), np.nan, dtype=np.float32)
        self.held_out[rows.numpy()] = torch.softmax(trained.logits / self.temperature.cpu(), dim=1).numpy()
        return self.eval()

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        assert labels is not None
        y, events = labels.cpu(), torch.arange(len(labels)) if groups is None else groups.cpu()
        x = features.cpu().numpy()
        mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        scale = usable_scale(scale, np.abs(mean))
        mean, scale = mean.astype(np.float32), scale.astype(np.float32)
        x = (x - mean) / scale
        weights = event_weights(y, events).numpy()
        fold = _folds(y, events)
        scores = np.zeros((len(x), self.n_classes))
        # numpy's BLAS must not use more threads than torch: they would compete.
        with threadpool_limits(torch.get_num_threads(), user_api="blas"):
            for k in range(int(fold.max()) + 1):
                test = fold == k
                coefficients, intercepts = self._regress(x[~test], y.numpy()[~test], weights[~test])
                scores[test] = x[test] @ coefficients.T + intercepts
            coefficients, intercepts = self._regress(x, y.numpy(), weights)
        with torch.no_grad():
            for state, value in (
                (self.weight, coefficients),
                (self.bias, intercepts),
                (self.mean, mean),
                (self.scale, scale),
            ):
                state.copy_(torch.as_tensor(value))
        # Classes without rows are left out: smoothed targets would give them a positive probability.
        present, which = torch.unique(y, return_inverse=True)
        self._calibrate(scores[:, present.numpy()], which, events, torch.from_numpy(weights))
        self.held_out = np.exp(log_softmax(scores / self.temperature.item(), axis=1)).astype(np.float32)

    def _regress(
        self, x: NDArray[np.float32], y: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return coefficients (K, F) and intercepts (K,); a class without rows gets a very low intercept."""
        model = LogisticRegression(C=1 / self.penalty, max_iter=_ITERATIONS).fit(x, y, weights)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # only the log-odds of the second class
            coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercepts, intercepts] / 2
        full = np.zeros((self.n_classes, x.shape[1])), np.full(self.n_classes, _NEVER)
        full[0][model.classes_], full[1][model.classes_] = coefficients, intercepts
        return full

    def _calibrate(
        self,
        scores: NDArray[np.floating],
        labels: Tensor,
        groups: Tensor,
        weights: Tensor,
        prior: Tensor | None = None,
    ) -> None:
        n_events = len(torch.unique(groups))
        towards = None if prior is None else prior.numpy()
        self.temperature.fill_(fit_temperature(scores, labels.cpu().numpy(), weights.numpy(), n_events, towards))

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.bias.detach(), "fit(features, labels)")
        return torch.softmax(self.logits(features) / self.temperature, dim=-1)


class _Logits(nn.Module):
    """The head as the last layer of the network, without temperature."""

    def __init__(self, head: Linear) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head.logits(features)


def _folds(labels: Tensor, groups: Tensor) -> NDArray[np.int64]:
    """Return the fold of each row (n,): up to five folds, each with events of every class.

    Raises
    ------
    TrainingError
        If a class has a single event.
    """
    n_events = {int(k): len(torch.unique(groups[labels == k])) for k in torch.unique(labels)}
    rarest = min(n_events, key=n_events.__getitem__)
    if n_events[rarest] < 2:
        raise TrainingError(
            f"class {rarest} has a single event: with that event held out, none is left to learn from; use at least "
            "two events of each class"
        )
    generator = torch.Generator().manual_seed(0)
    return assign_folds(
        labels.numpy(),
        groups.numpy(),
        min(_FOLDS, n_events[rarest]),
        lambda k, events: torch.randperm(len(events), generator=generator).numpy(),
    )
