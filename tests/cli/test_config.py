"""Configuration files: reading what was written, the order of precedence, and errors with file and key."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from command_tools import configuration, few_traces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from seisbench_lcl.cli.config import Config, as_markdown, as_toml
from seisbench_lcl.errors import ConfigurationError

pytestmark = pytest.mark.timeout(120)


def example(
    dataset: Annotated[str, typer.Option()],
    band: Annotated[tuple[float, float], typer.Option()] = (1.0, 18.0),
    label: Annotated[list[str] | None, typer.Option()] = None,
    members: Annotated[int | None, typer.Option(min=1)] = None,
    sampling_rate: Annotated[float, typer.Option()] = 100.0,
    augment: Annotated[bool, typer.Option()] = True,
    method: Annotated[Literal["tsne", "umap"], typer.Option()] = "tsne",
    extra: Annotated[list[Path] | None, typer.Option()] = None,
    head_arg: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE")] = None,
    out: Annotated[Path | None, typer.Option()] = None,
    config: Config = None,
) -> None:
    """Command with an option of each kind."""


application = typer.Typer()
application.command()(example)
command = get_command(application)


def parse(*arguments: object) -> typer.Context:
    return command.make_context("example", list(map(str, arguments)))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "example.toml"


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False)
json_like = st.sampled_from(
    [
        *("40", "-0", "1e3", "1e-07", "0.1", "1_0", "9" * 30, "9" * 5000, "NaN", "Infinity", "true", "null"),
        *('"40"', '"\\ud800"', '["\\u0001"]', '[1, "a"]', '["é", [1.5, false]]', "[]", "[1,2]", "[null]", '{"a": 1}'),
    ]
)
keys = text.filter(lambda key: key and "=" not in key)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flags=st.fixed_dictionaries(
        {"dataset": text.filter(lambda name: "\0" not in name and Path(name).absolute().name)},
        optional={
            "label": st.lists(text, max_size=3),
            "members": st.integers(min_value=1),
            "sampling-rate": finite,
            "method": st.sampled_from(["tsne", "umap"]),
            "extra": st.lists(text.filter(lambda name: "\0" not in name), max_size=2),
            "head-arg": st.dictionaries(keys, text | json_like, max_size=4).map(
                lambda entries: [f"{key}={value}" for key, value in entries.items()]
            ),
        },
    ),
    band=st.tuples(finite, finite),
    augment=st.booleans(),
)
def test_what_is_written_is_read_back(
    file: Path, flags: dict[str, Any], band: tuple[float, float], augment: bool
) -> None:
    arguments = [
        f"--{name}={value}"
        for name, values in flags.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    first = parse(*arguments, "--band", *band, "--augment" if augment else "--no-augment", "--out", "somewhere")
    file.write_bytes(as_toml(first).encode())
    second = parse("--config", file)
    kept = first.params.keys() - {"out", "config", "dataset"}
    assert second.params["dataset"] == Path(first.params["dataset"]).absolute().name
    assert {name: second.params[name] for name in kept} == {name: first.params[name] for name in kept}
    assert as_toml(second) == as_toml(first)
    assert second.params["out"] is None


def test_options_override_the_file_and_the_file_overrides_defaults(tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(
        'dataset = "here"\nsampling_rate = 50\naugment = false\nlabel = ["a", "b"]\nout = "w"\n'
        '[head-arg]\nepochs = 40\nrates = [0.1, 1]\nname = "sum"\nseed = "null"\n'
    )
    read = parse("--label", "c", "--config", file, "--band", 2, 3).params
    assert read["dataset"] == "here"
    assert read["sampling_rate"] == 50.0
    assert read["augment"] is False
    assert list(read["label"]) == ["c"]
    assert read["band"] == (2.0, 3.0)
    assert str(read["out"]) == "w"
    assert read["members"] is None
    assert list(read["head_arg"]) == ["epochs=40", "rates=[0.1, 1]", "name=sum", "seed=null"]
    assert list(parse("--config", file, "--head-arg", "epochs=5").params["head_arg"]) == ["epochs=5"]


def test_a_configuration_reads_well() -> None:
    ctx = parse("--dataset", "d", "--label", "a", "--head-arg", "epochs=40", "--head-arg", "channels=sum")
    assert as_markdown(ctx) == (
        '### Configuration\n\n```toml\ndataset = "d"\nband = [1.0, 18.0]\nlabel = ["a"]\nsampling-rate = 100.0\n'
        'augment = true\nmethod = "tsne"\n\n[head-arg]\nepochs = 40\nchannels = "sum"\n```\n\n'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("membres = 5", "there is no option 'membres'; did you mean 'members'?"),
        ("sampling_rates = 5", "there is no option 'sampling_rates'; did you mean 'sampling-rate'?"),
        ("x = 5", "there is no option 'x'; the options are: dataset, band, label,"),
        ("config = 'a.toml'", "there is no option 'config'; the options are"),
        ("members = '5'", "'members' cannot be '5': input should be a valid integer"),
        ("members = true", "'members' cannot be True: input should be a valid integer"),
        ("members = 2.0", "'members' cannot be 2.0: input should be a valid integer"),
        ("members = 0", "'members' cannot be 0: "),
        ("sampling-rate = 'fast'", "'sampling-rate' cannot be 'fast': input should be a valid number"),
        ("augment = 1", "'augment' cannot be 1: input should be a valid boolean"),
        ("method = 'pca'", "'method' cannot be 'pca': "),
        ("dataset = 3", "'dataset' cannot be 3: input should be a valid string"),
        ("label = 'a'", "'label' cannot be 'a': input should be a valid array"),
        ("label = {a = 1}", "'label' cannot be {'a': 1}: input should be a valid array"),
        ("band = [1, 2, 3]", "'band' cannot be [1, 2, 3]: tuple should have at most 2 items"),
        (
            "head-arg = 'a=1'",
            "'head-arg' cannot be 'a=1': input should be an array of KEY=VALUE, or a table with no '=' in its keys",
        ),
        (
            "[head-arg]\n'a=b' = 1",
            "cannot be {'a=b': 1}: input should be an array of KEY=VALUE, or a table with no '='",
        ),
        ("head-arg = []\nhead_arg = []", "'head_arg' occurs twice, with '-' and with '_'"),
        ("members = ", "is not valid TOML: Invalid value"),
        (b"# \xff", "is not valid TOML: "),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "example.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=f"example.toml.*{re.escape(message)}"):
        parse("--dataset", "d", "--config", file)


def test_a_missing_file(run: Callable) -> None:
    done = run("train", "--config", "absent.toml")
    assert done.returncode == 2
    assert "ConfigurationError: cannot read absent.toml: No such file or directory; --config takes a TOML file" in (
        done.stderr
    )


def test_a_card_makes_its_weights_again(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    own = (
        *("--model", "MiniRocketRidge", "--extractor-arg", "max_features=84", "--extractor-arg", "channels=sum"),
        *("--event-type", "high=quarry blast"),
        *("--label", "low", "--label", "high", "--length", 15, "--band", 2, 16, "--description", 'it\'s "one"'),
    )
    dataset = few_traces(dataset_folder)
    done = run("train", "--dataset", dataset, *own, "--out", "one", "--report", "one.md")
    assert done.returncode == 0, done.stderr
    (tmp_path / "again.toml").write_text(configuration(tmp_path / "one.md"))
    done = run("train", "--config", "again.toml", "--dataset", dataset, "--out", "two", "--report", "two.md")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "two.md").read_text() == (tmp_path / "one.md").read_text()
    for suffix in (".safetensors", ".json"):
        assert (tmp_path / f"two{suffix}").read_bytes() == (tmp_path / f"one{suffix}").read_bytes()
