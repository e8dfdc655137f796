"""Settings on the command line: ``key=value``, with parts and JSON."""

import re

import pytest

from seisbench_lcl.cli.common import parse_event_types, parse_settings
from seisbench_lcl.errors import ConfigurationError


def test_settings_of_parts() -> None:
    settings = ["a.b.c=1", 'a={"d": [1, 2]}', 'a.b={"e": "f"}', "g=h.i=j", "k.l=null", "m={x"]
    assert parse_settings(settings, "--option") == {
        "a": {"b": {"c": 1, "e": "f"}, "d": [1, 2]},
        "g": "h.i=j",
        "k": {"l": None},
        "m": "{x",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["a.b=1", "a.b=1"], "--option sets a.b twice: '1' and '1'"),
        (["a.b=1", 'a={"b": 1}'], "--option sets a.b twice: 1 and 1"),
        (["a=1", "a.b=2"], "--option sets a twice: 1 and {'b': 2}"),
        (["a.b={}", "a=1"], "--option sets a twice: {'b': {}} and 1"),
        (["a..b=1"], "--option takes key=value or part.key=value, but got 'a..b=1'"),
        ([".a=1"], "--option takes key=value or part.key=value, but got '.a=1'"),
        (["a.=1"], "--option takes key=value or part.key=value, but got 'a.=1'"),
        (["a.b"], "--option takes key=value, but got 'a.b'"),
    ],
)
def test_settings_that_contradict_each_other(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_settings(settings, "--option")


def test_event_types() -> None:
    settings = ["blast=quarry blast", "noise=none", "hum=null", "odd=a=b"]
    assert parse_event_types(settings) == {"blast": "quarry blast", "noise": None, "hum": None, "odd": "a=b"}
