"""Extractors that break one requirement each, with the check that must fail and part of its message."""

import numpy as np
import torch
from behaving_plugins import LogEnergy

from seisbench_lcl.errors import ConfigurationError


class TwoWords(LogEnergy):
    name = "log energy"


class Shouting(LogEnergy):
    name = "LogEnergy"


class VagueTag(LogEnergy):
    slides = 1


class VagueEpochs(LogEnergy):
    trained_in_epochs = "yes"


class UntaggedEpochs(LogEnergy):
    def __init__(self, in_channels, in_samples, sampling_rate, *, floor=1e-3, epochs=5):
        super().__init__(in_channels, in_samples, sampling_rate, floor=floor)
        self.epochs = epochs

    def config(self):
        return {"floor": self.floor, "epochs": self.epochs}


class NeverEnough(LogEnergy):
    enough = 0


class Forgetful(LogEnergy):
    def config(self):
        return {}


class NumpyConfig(LogEnergy):
    def config(self):
        return {"floor": np.float32(self.floor)}


class FixedConfig(LogEnergy):
    def config(self):
        return {"floor": 1e-3}


class Talkative(LogEnergy):
    def config(self):
        return {"floor": self.floor, "author": "me"}


class DriftingConfig(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        self.learnt = {"n_windows": len(windows)}

    def config(self):
        return {"floor": self.floor, **getattr(self, "learnt", {})}


class RefusesItself(LogEnergy):
    def __init__(self, in_channels, in_samples, sampling_rate, *, floor=1):
        if not isinstance(floor, int):
            raise ConfigurationError("floor must be whole")
        super().__init__(in_channels, in_samples, sampling_rate, floor=float(floor))


class Double(LogEnergy):
    def _extract(self, windows):
        return super()._extract(windows).double()


class NeedsAWindow(LogEnergy):
    def _extract(self, windows):
        windows.amax()
        return super()._extract(windows)


class ReturnsNothing(LogEnergy):
    def fit(self, windows, labels=None, groups=None):
        super().fit(windows, labels, groups)


class BatchMean(LogEnergy):
    def _extract(self, windows):
        return super()._extract(windows - windows.mean(dim=0))


class Caching(LogEnergy):
    """Recognises windows by their shape and energy."""

    def _extract(self, windows):
        key = windows.shape, round(windows.square().sum().item(), 2)
        if getattr(self, "key", None) != key:
            self.key, self.found = key, super()._extract(windows)
        return self.found


class InPlace(LogEnergy):
    def measure(self, windows):
        windows -= windows.mean(dim=-1, keepdim=True)
        return super().measure(windows)


class InPlaceOnce(LogEnergy):
    def _extract(self, windows):
        features = super()._extract(windows)
        windows *= 0
        return features


class Uncast(LogEnergy):
    def checked(self, windows):
        super().checked(windows)
        return windows


class Unchecked(LogEnergy):
    def checked(self, windows):
        return windows.float()


class ValueErrors(LogEnergy):
    def _check_finite(self, windows):
        if not torch.isfinite(windows).all():
            raise ValueError("not finite")


class UnitStd(LogEnergy):
    def measure(self, windows):
        return super().measure(windows / windows.square().mean(dim=-1, keepdim=True).sqrt())


class AnyLength(LogEnergy):
    def check_length(self):
        pass


class Mirrored(LogEnergy):
    def measure(self, windows):
        return super().measure(torch.nn.functional.pad(windows, (20, 0), mode="reflect")[..., 20:])


class Unbiased(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        rows = self.measure(windows)
        deviations = rows - rows.mean(dim=0)
        self.scale.copy_((deviations.square().sum(dim=0) / (len(rows) - 1)).sqrt().clamp(min=1e-3))


class NeedsThree(LogEnergy):
    def measure(self, windows):
        return super().measure(windows - windows[:, 2:3].expand_as(windows) * 0 + windows[:, 2].mean() * 0)


class Unprepared(LogEnergy):
    def _extract(self, windows):
        return (self.measure(windows) - self.mean) / self.scale


class Presumptuous(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mean.zero_()
        self.scale.fill_(1)


class GlobalNoise(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        self.mean += 0.1 * torch.randn(self.n_features)


class NumpyNoise(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows + 0.1 * torch.from_numpy(np.random.normal(size=windows.shape)).float(), labels, groups)


class Lingering(LogEnergy):
    def _fit(self, windows, labels, groups):
        before = self.mean.clone()
        super()._fit(windows, labels, groups)
        if not torch.isnan(before[0]):
            self.mean.lerp_(before, 0.5)


class Peeking(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows if labels is None else windows[labels == 0], labels, groups)


class NeedsNoLabels(LogEnergy):
    supervised = True


class BadlyNeedsLabels(LogEnergy):
    supervised = True

    def _fit(self, windows, labels, groups):
        super()._fit(windows[labels >= 0], labels, groups)
        self.mean *= labels.max() > 0


class NeedsEvents(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows[groups >= 0], labels, groups)


class Hasty(LogEnergy):
    def _slide(self, records, stride):
        return super()._slide([record.roll(-1, dims=1) for record in records], stride)


class Picky(LogEnergy):
    def _extract_at(self, windows, s_arrivals):
        return self._extract(windows) * s_arrivals[:, None].float().sign()


class Crowded(LogEnergy):
    def _extract_at(self, windows, s_arrivals):
        features = self._extract(windows)
        return features if torch.isnan(s_arrivals).all() else features + 1


class RowsHeldOut(LogEnergy):
    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        self.unseen = [0, 1]


class Loner(LogEnergy):
    @property
    def blocks(self):
        return [self.n_features // 2] * 2


class PlainAttribute(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offset = None

    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        self.offset = self.mean.tolist()

    def _extract(self, windows):
        features = super()._extract(windows)  # raises before it is fitted
        return features + torch.tensor(self.offset)


class Growing(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("seen", torch.zeros(0))

    def _fit(self, windows, labels, groups):
        super()._fit(windows, labels, groups)
        self.seen = torch.ones(len(windows))


class Holes(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("spare", torch.full((2,), torch.nan))


class Threads(LogEnergy):
    def _fit(self, windows, labels, groups):
        torch.set_num_threads(torch.get_num_threads() + 1)
        super()._fit(windows, labels, groups)


class Seeds(LogEnergy):
    def _extract(self, windows):
        torch.manual_seed(0)
        return super()._extract(windows)


class Counts(LogEnergy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("n", torch.zeros(()))

    def _extract(self, windows):
        self.n += len(windows)
        return super()._extract(windows)


class Trains(LogEnergy):
    def _extract(self, windows):
        self.train()
        return super()._extract(windows)


class ExtraState(LogEnergy):
    def get_extra_state(self):
        return {"anything": object}

    def set_extra_state(self, state):
        pass


class LosesItsPlace(LogEnergy):
    def _apply(self, function, recurse=True):
        self.mean += 1
        return super()._apply(function, recurse)


class StaysBehind(LogEnergy):
    def _apply(self, function, recurse=True):
        raise RuntimeError("found at least two devices, cuda:0 and cpu")


CASES = [
    (TwoWords, "name and tags", r"name is 'log energy', .*write name = \"my-extractor\""),
    (Shouting, "name and tags", "name is 'LogEnergy', but must consist of lower-case"),
    (VagueTag, "name and tags", "the tag slides is 1, but must be True or False"),
    (VagueEpochs, "name and tags", "the tag trained_in_epochs is 'yes', but must be True or False"),
    (UntaggedEpochs, "name and tags", "has a parameter epochs: set trained_in_epochs = True"),
    (NeverEnough, "name and tags", "enough is 0 after the constructor"),
    (Forgetful, "configuration", "config lacks floor of the constructor"),
    (NumpyConfig, "configuration", "which is not valid JSON .*float32 is not JSON serializable"),
    (FixedConfig, "configuration", r"config has floor=0.001 also for an instance built with another floor"),
    (Talkative, "configuration", "config has author, which the constructor does not accept"),
    (DriftingConfig, "configuration", "fit changed config from .* to .*n_windows.* keep learnt values in buffers"),
    (RefusesItself, "configuration", r"refuses its own config .*1.0.* with ConfigurationError: floor must be whole"),
    (Double, "output", "forward returned torch.float64 of shape .* must return float32"),
    (NeedsAWindow, "output", r"(IndexError|RuntimeError): amax\(\)"),
    (ReturnsNothing, "output", "fit returned NoneType, but must return the instance"),
    (BatchMean, "one by one", "single rows give another output than a batch.* values differ by more than"),
    (Caching, "order of the batch", "reordered rows give another output: do not keep data"),
    (InPlace, "input unchanged", "fit changed its argument windows: work on a copy"),
    (InPlaceOnce, "input unchanged", "forward changed its argument windows: work on a copy"),
    (Uncast, "float32 and float64", "forward returns torch.float64 for float64 windows"),
    (Unchecked, "not finite", "fit accepts windows with nan: raise WindowError"),
    (ValueErrors, "not finite", "fit of windows with nan raises ValueError: not finite; raise WindowError"),
    (UnitStd, "flat windows", "forward of windows of zeros returns NaN or infinity for 144 of 144 values"),
    (AnyLength, "short windows", "windows of 1 sample raises NotFittedError although fit succeeded"),
    (
        Mirrored,
        "short windows",
        "windows of 2 samples raises RuntimeError: .*return a finite result, or raise an error",
    ),
    (Unbiased, "few windows", "forward after a fit to 1 window returns NaN or infinity for 144 of 144 values"),
    (NeedsThree, "one component", "windows of one component raises RuntimeError"),
    (Unprepared, "before fit", "before fit, forward returns NaN or infinite values: raise NotFittedError"),
    (Presumptuous, "before fit", "forward returns other values before fit than after"),
    (GlobalNoise, "global random numbers", "two fits to the same data differ between global seeds: use a separate"),
    (NumpyNoise, "global random numbers", "two fits to the same data differ between global seeds: use a separate"),
    (Lingering, "fit twice", "a fit after a fit to other data differs"),
    (Peeking, "labels", "labels change the result of fit although supervised is False: set it to True"),
    (NeedsNoLabels, "labels", "supervised is True, but fit accepts data without labels"),
    (BadlyNeedsLabels, "labels", "a fit without labels raises TypeError: .*; raise TrainingError"),
    (NeedsEvents, "groups", "TypeError: '>=' not supported between instances of 'NoneType' and 'int'"),
    (Hasty, "sliding", "slide differs from forward of the same windows"),
    (Picky, "picks of S", "features with all picks NaN differ from those without picks"),
    (Crowded, "picks of S", "a window without a pick changes if other windows have one"),
    (RowsHeldOut, "expression", "AttributeError: 'list' object has no attribute 'cpu'"),
    (
        PlainAttribute,
        "saved state",
        "after saving and loading, forward raises RuntimeError.*in buffers",
    ),
    (Growing, "saved state", r"the fit changed the state: seen from torch.float32 \(0,\) to torch.float32 \(24,\)"),
    (Threads, "global state", r"changes torch.get_num_threads\(\) for all other code"),
    (Seeds, "global state", "seeds the random numbers of torch for all other code"),
    (Counts, "unchanged in use", "forward changes n: change the state only in fit"),
    (Trains, "unchanged in use", "forward switches to training mode"),
    (Holes, "saved state", "after the fit, spare has NaN or infinite values, which weights must not contain"),
    (ExtraState, "saved state", "ExtraState has get_extra_state, which needs pickle"),
    (LosesItsPlace, "GPU", "the output on cpu differs from the output on the processor"),
    (StaysBehind, "GPU", "RuntimeError: found at least two devices"),
]
