import pytest
import torch

from seisbench_lcl.errors import ConfigurationError, TrainingError, WindowError
from seisbench_lcl.heads import Head
from seisbench_lcl.storage.rows import RowFile


class Uniform(Head):
    """All classes are equally likely; the head records its arguments."""

    name = "uniform"

    def config(self):
        return {}

    def _fit(self, features, labels, groups):
        self.seen = features, labels, groups

    def _probabilities(self, features):
        return features.new_full((len(features), self.n_classes), 1 / self.n_classes)


class Clusters(Uniform):
    name = "clusters"
    supervised = False


FEATURES = torch.zeros(4, 2)
LABELS = torch.tensor([0, 1, 2, 2])


@pytest.mark.parametrize("sizes", [(0, 2), (5, 1), (5, 0)])
def test_no_features_or_fewer_than_two_classes_are_refused(sizes):
    with pytest.raises(ConfigurationError, match="at least one feature and two classes"):
        Uniform(*sizes)


@pytest.mark.parametrize("method", ["fit", "forward"])
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 1)])
def test_a_wrong_shape_is_refused_and_both_shapes_are_named(method, shape):
    with pytest.raises(WindowError, match=r"Uniform needs features of shape \(B, 2\), but found \(4,"):
        getattr(Uniform(2, 3), method)(torch.zeros(shape))


@pytest.mark.parametrize("method", ["fit", "forward"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e39])
def test_features_that_are_not_finite_in_float32_are_refused(method, value):
    features = FEATURES.double()
    features[3, 1] = value
    with pytest.raises(WindowError, match="NaN or infinite"):
        getattr(Uniform(2, 3), method)(features)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        (None, None, "learns from labels, but fit was given none"),
        (LABELS[:3], None, "4 rows of features came with 3 labels"),
        (LABELS, LABELS[:2], "4 rows of features came with 2 groups"),
        (torch.full((4,), 1), None, r"of at least two classes, but hold \[1\]"),
        (torch.tensor([0, 1, 2, 3]), None, r"from 0 to 2 .* hold \[0, 1, 2, 3\]"),
        (torch.tensor([-1, 0, 1, 2]), None, r"from 0 to 2 .* hold \[-1, 0, 1, 2\]"),
    ],
)
def test_labels_and_groups_that_do_not_fit_are_refused(labels, groups, message):
    with pytest.raises(TrainingError, match=message):
        Uniform(2, 3).fit(FEATURES, labels, groups)


def test_a_cluster_head_needs_no_labels():
    head = Clusters(2, 3)
    assert head.fit(FEATURES) is head
    assert head.fit(FEATURES.double(), torch.full((4,), 9)).seen[0].dtype == torch.float32
    assert head(FEATURES[:0]).shape == (0, 3)


def test_rows_of_a_file_are_checked_and_a_head_without_streaming_reads_them_all():
    rows = RowFile(2)
    with pytest.raises(TrainingError, match="0 rows of features came with 4 labels"):
        Uniform(2, 3).fit(rows, LABELS)
    rows.extend(FEATURES.numpy())
    head = Uniform(2, 3).fit(rows, LABELS)
    torch.testing.assert_close(head.seen[0], FEATURES)
    with pytest.raises(WindowError, match=r"shape \(B, 3\), but found \(4, 2\)"):
        Uniform(3, 3).fit(rows, LABELS)
    rows.append(torch.tensor([0, torch.nan]).numpy())
    with pytest.raises(WindowError, match="NaN or infinite"):
        Uniform(2, 3).fit(rows, torch.arange(5) % 3)
