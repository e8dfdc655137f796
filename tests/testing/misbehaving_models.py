"""Trained models that break one requirement each, with the check that must fail and part of its message."""

from dataclasses import replace

import numpy as np
import torch
from small_published import ENTRY, Tiny, trained

from seisbench_lcl.models.pretrained import PretrainedModel


def untyped():
    model = trained()
    model.event_types = dict.fromkeys(model.labels)
    return model


class Bang(Tiny):
    def __init__(self, extractor=None, head=None, **description):
        super().__init__(extractor, head, **description)
        self.event_types["blast"] = "bang"

    def get_model_args(self):
        return super().get_model_args() | {"event_types": None}


def number():
    return 3


class NumpyArguments(Tiny):
    def get_model_args(self):
        return super().get_model_args() | {"band": np.array([1.0, 18.0])}


class FixedLabels(Tiny):
    def __init__(self, extractor=None, head=None):
        super().__init__(extractor, head)


class Drifting(Tiny):
    def get_model_args(self):
        return super().get_model_args() | {"citation": f"{self.citation}, as cited"}


class NotConverting(Tiny):
    from_tensors = PretrainedModel.from_tensors


def not_converting():
    model = NotConverting()
    model.load_state_dict(trained().state_dict())
    return model.eval()


class Plain(Tiny):
    """Its address is not that of a secure connection; see `entries`."""


class Trusting(Tiny):
    @classmethod
    def from_tensors(cls, name, tensors):
        model = cls()
        model.load_state_dict(trained().state_dict())
        return model.eval()


class Careless(Tiny):
    @classmethod
    def from_tensors(cls, name, tensors):
        tensors["weight"]
        return super().from_tensors(name, tensors)


class Logits(Tiny):
    def _probabilities(self, features):
        return super()._probabilities(features) * 2


class Noisy(Tiny):
    def annotate_batch_pre(self, batch, argdict):
        return super().annotate_batch_pre(batch, argdict) + torch.randn(())


class OverBatch(Tiny):
    def annotate_batch_pre(self, batch, argdict):
        return super().annotate_batch_pre(batch - batch.mean(dim=0, keepdim=True) * (len(batch) > 1), argdict)


class InPlace(Tiny):
    def predict_proba(self, windows, s_arrivals=None):
        found = super().predict_proba(windows)
        windows *= 2
        return found


class Learning(Tiny):
    def predict_proba(self, windows, s_arrivals=None):
        found = super().predict_proba(windows)
        with torch.no_grad():
            self.head.bias += 1  # the same for all classes
        return found


class Contrary(Tiny):
    def predict_proba(self, windows, s_arrivals=None):
        return np.ascontiguousarray(super().predict_proba(windows)[:, ::-1])


class Hidden(Tiny):
    """Its sign is not in the weights."""

    sign = 1.0

    def annotate_batch_pre(self, batch, argdict):
        return self.sign * super().annotate_batch_pre(batch, argdict)


def hidden():
    model = trained(Hidden)
    model.sign = -1.0
    return model


def entries():
    """Return the published weights of the classes, for as long as a test needs them."""
    return {Tiny: {"tiny": ENTRY}, Plain: {"tiny": replace(ENTRY, url="http://example.org/tiny.pt")}}


def of(cls):
    """Return a function that makes a trained model of a class, with the name of the class."""

    def make():
        return trained(cls)

    make.__name__ = cls.__name__
    return make


CASES = [
    (untyped, "labels and types", "no label has an event type, so the model could never detect"),
    (of(Bang), "labels and types", "'blast' has the type 'bang', which QuakeML does not have"),
    (of(NumpyArguments), "description", "which is not JSON"),
    (of(FixedLabels), "description", "the constructor refuses get_model_args: TypeError"),
    (of(Drifting), "description", "a model built from get_model_args .* return the arguments unchanged"),
    (not_converting, "published weights", "the class has published weights, but no from_tensors"),
    (of(Plain), "published weights", "use https"),
    (of(Trusting), "published weights", "from_tensors accepts no tensors: check names and shapes"),
    (of(Careless), "published weights", "from_tensors raises KeyError for no tensors: raise WeightsError"),
    (of(Logits), "probabilities of windows", "rows of predict_proba sum to 2 to 2"),
    (of(Noisy), "probabilities of windows", "a second prediction differs: draw no random numbers"),
    (of(OverBatch), "windows one by one", "single windows have other probabilities than in a batch"),
    (of(InPlace), "windows unchanged", "predict_proba changed its windows: work on a copy"),
    (of(Learning), "windows unchanged", "predict_proba changes head.bias: only fit may"),
    (of(Contrary), "records", "classify and predict_proba give the windows of a record other probabilities"),
    (hidden, "saved weights", "probabilities change after save and load"),
]
