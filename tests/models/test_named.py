"""The named models: what they cite."""

import re
from typing import Any

import pytest

import seisbench_lcl as lcl
from seisbench_lcl.plugins import registry

SMALL: dict[str, Any] = {"sampling_rate": 50, "in_samples": 500}


@pytest.mark.parametrize("name", [name for name in lcl.__all__ if name in registry().classes.models])
def test_a_model_cites_the_papers_in_its_docstring(name: str) -> None:
    cls = getattr(lcl, name)
    references = cls.__doc__.partition("References\n")[2]
    for author, year in re.findall(r"\b([A-Z][a-z]+)(?:, [A-Z]\w+)?(?: and \w+| et al\.)? \((\d{4})\)", references):
        assert any(author in line and year in line for line in cls.default_citation.splitlines())
    assert all(re.search(r"\(\d{4}\)|University", line) for line in cls.default_citation.splitlines())


def test_the_citation_of_the_constructor_comes_first_and_is_the_one_that_is_saved() -> None:
    usual = lcl.MiniRocketRidge(labels=["a", "b"], **SMALL)
    assert "doi:10.1145/3447548.3467231" in str(usual.citation)
    assert usual.get_model_args()["citation"] is None
    own = lcl.MiniRocketRidge(labels=["a", "b"], citation="Nobody (2024)", **SMALL)
    assert own.citation == own.get_model_args()["citation"] == "Nobody (2024)"


def test_another_pair_does_not_inherit_the_citation() -> None:
    class Other(lcl.MiniRocketRidge, extractor="physical", head="ridge"):
        pass

    class Same(lcl.MiniRocketRidge):
        pass

    assert Other.default_citation is None
    assert Same.default_citation == lcl.MiniRocketRidge.default_citation
    assert lcl.Discriminator("raw", "kmeans", clusters=2, **SMALL).citation is None
