"""Models and weights by name: MODEL/NAME, NAME alone, and paths, which are always meant literally."""

from pathlib import Path

import pytest

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, MissingPluginError, WeightsError
from seisbench_lcl.models.lookup import find_model, model_class, model_classes


@pytest.mark.parametrize(
    ("weights", "model", "expected"),
    [
        ("mixed-3c", None, "EnvelopePhysicalRidge"),  # several classes have these weights
        ("mixed-3c-fast", None, "MiniRocketRidge"),  # one class has these weights
        ("MiniRocketSCAN/mixed-3c", None, "MiniRocketSCAN"),
        ("mixed-3c", "ResNet18", "ResNet18"),
        ("ResNet18/mixed-3c", "ResNet18", "ResNet18"),
        ("DiscriminatorEnsemble/mixed-3c", None, "DiscriminatorEnsemble"),
    ],
)
def test_pretrained_weights(weights: str, model: str | None, expected: str) -> None:
    assert lcl.from_pretrained(weights, model=model).name == expected
    assert find_model(weights, model).name == expected


@pytest.mark.parametrize(
    ("weights", "model", "error", "message"),
    [
        ("mixed-3d", None, WeightsError, "no model has pretrained weights called 'mixed-3d'; did you mean 'mixed-3c'"),
        (
            "unheard-of",
            None,
            WeightsError,
            "'unheard-of'; available: (base, )?mixed-3c, mixed-3c-fast, pnw-z-experimental",
        ),
        ("MiniRocketRidge/unheard-of", None, WeightsError, "MiniRocketRidge has no pretrained weights called"),
        ("mixed-3c", "Unheard", MissingPluginError, "no model is called 'Unheard'; installed: .*MiniRocketRidge"),
        ("ResNet18/mixed-3c", "VGG16", ConfigurationError, "are weights of ResNet18, not of VGG16"),
        ("pnw-z-experimental", "SimCLRKMeans", WeightsError, "SimCLRKMeans has no pretrained weights"),
    ],
)
def test_unknown_weights(weights: str, model: str | None, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find_model(weights, model)


def test_a_name_that_several_models_have_and_the_default_does_not() -> None:
    with pytest.raises(ConfigurationError, match=r"choose one of .*MiniRocketRidge/pnw-z-experimental"):
        find_model("pnw-z-experimental", default="ResNet18")


def test_saved_weights(pretrained: lcl.MiniRocketRidge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By path with and without folder, as a JSON file, and of the newest version; a file wins over a name."""
    monkeypatch.chdir(tmp_path)
    pretrained.save("mine")
    pretrained.save("w/mine", "of version 2", "2")
    pretrained.save("w/mine", "of version 10", "10")
    pretrained.save("mixed-3c")
    pretrained.save("MiniRocketSCAN/mixed-3c")
    for path in ("mine", "./mine", "mine.json", "mine.pt", "w/mine.json.v2", str(tmp_path / "mine"), "mixed-3c"):
        assert find_model(path).name == lcl.load(path).name == "MiniRocketRidge"
    assert find_model("w/mine").weights_docstring == "of version 10"
    assert lcl.load("w/mine", "2").weights_docstring == "of version 2"
    assert find_model("MiniRocketSCAN/mixed-3c").name == "MiniRocketRidge"
    with pytest.raises(WeightsError, match="holds weights of MiniRocketRidge, not of ResNet18"):
        find_model("mine", "ResNet18")
    (tmp_path / "other.pt").write_text("")
    for path in ("./absent", "w/absent", "absent/mine.json", "other.pt"):
        with pytest.raises(WeightsError, match="no weights file"):
            find_model(path)


def test_misspelt_names_suggest_the_nearest(
    pretrained: lcl.MiniRocketRidge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pretrained.save("models/volcano")
    for weights, meant in {
        "mixd-3c": "'mixed-3c' or 'mixed-3c-fast'",
        "EnvelopPhysicalRidge/mixed-3c": "'EnvelopePhysicalRidge/mixed-3c'",
        "models/vulcano": "'models/volcano'",
        "minirocketridge/mixed-3c": "'MiniRocketRidge/mixed-3c'",
    }.items():
        with pytest.raises(WeightsError, match=rf"did you mean {meant}\?$"):
            find_model(weights)
    with pytest.raises(MissingPluginError, match=r"^no model is called 'EnvelopPhysicalRidge'; did you mean '.*'\?$"):
        find_model("mixed-3c", "EnvelopPhysicalRidge")
    with pytest.raises(MissingPluginError) as caught:
        find_model("mixed-3c", "Volcano")
    assert len(str(caught.value)) < 400


def test_every_model_class_is_found() -> None:
    assert {"Discriminator", "DiscriminatorEnsemble", "MiniRocketRidge"} <= model_classes().keys()
    assert model_class("DEC") is lcl.DEC
