"""The list of events: the wanted ones, in the wanted order."""

import math
import time
from typing import Any, get_args

import numpy as np
import pytest
from review_samples import LABELS, START, decided, many

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.review.page.listing import Doubt, Order, Wanted, choose, listing

DECISIONS = [decided(30, place=False), *many(30)]
TABLE = listing(DECISIONS)
BY_ID = {decision.event: decision for decision in DECISIONS}


def test_rows_say_what_decisions_say() -> None:
    row = TABLE.loc["smi:local/00007"]
    assert (row["against"], row["stations"], row["abstained"], row["novelty"]) == (1, 2, 0, 1.7)
    assert row["time"] == BY_ID["smi:local/00007"].origin.time.timestamp
    undecided = TABLE.loc["smi:local/00006"]
    assert (undecided["label"], undecided["abstained"]) == ("", 2)
    assert math.isnan(TABLE.loc["smi:local/00030", "latitude"])
    with pytest.raises(ConfigurationError, match="'smi:local/00030' has two decisions"):
        listing([DECISIONS[0], DECISIONS[0]])


@pytest.mark.parametrize("doubt", get_args(Doubt))
def test_doubt_means_what_it_says(doubt: Doubt) -> None:
    plain = {
        "any": lambda d: True,
        "undecided": lambda d: d.label is None,
        "small margin": lambda d: d.margin < 0.2,
        "stations disagree": lambda d: d.disagreement > 0.2 or d.n_against > 0,
        "unlike the training": lambda d: any(s.novelty > 1 for s in d.stations),
        "station abstained": lambda d: any(not s.probabilities for s in d.stations),
    }[doubt]
    found = choose(TABLE, Wanted(doubt=doubt))
    assert set(found) == {d.event for d in DECISIONS if plain(d)}
    assert found


@pytest.mark.parametrize("order", get_args(Order))
def test_orders_keep_all_events_and_put_unknown_values_last(order: Order) -> None:
    found = choose(TABLE, Wanted(order=order), useful=["smi:local/00009", "smi:local/00002"])
    assert sorted(found) == sorted(BY_ID)
    column: Any = {"type": "label", "place": "latitude"}.get(order, order)
    if order == "most useful":
        assert found[:3] == ["smi:local/00009", "smi:local/00002", "smi:local/00006"]  # the last is undecided
    elif order == "event":
        assert found == sorted(BY_ID)
    else:
        values = TABLE.loc[found, column].tolist()
        known = [value for value in values if value == value]
        assert values[: len(known)] == known
        assert known == sorted(known, reverse=order in ("disagreement", "novelty", "place"))
    turned = choose(TABLE, Wanted(order=order, reverse=True), useful=["smi:local/00009", "smi:local/00002"])
    assert turned == found[::-1]


def test_filters_join() -> None:
    done = {"smi:local/00001", "smi:local/00002", "smi:local/00008"}
    times = Wanted(after=START + 500, before=START + 4900, order="time")
    inside = [event for event in choose(TABLE, times) if event in done]
    assert inside == ["smi:local/00001", "smi:local/00002", "smi:local/00008"]
    assert choose(TABLE, Wanted(reviewed="open", text="0000", order="time"), done=done) == [
        f"smi:local/{i:05d}" for i in (0, 3, 4, 6, 7, 9)
    ]
    assert set(choose(TABLE, Wanted(reviewed="done"), done=done)) == done
    assert choose(TABLE, Wanted(reviewed="disagreed"), done=done, disagreed={"smi:local/00008"}) == ["smi:local/00008"]
    assert choose(TABLE, Wanted(text="EXPLO")) == choose(TABLE, Wanted(label="explosion"))
    box = choose(TABLE, Wanted(box=(8.05, 45.9, 8.35, 46.25)))
    assert set(box) == {
        d.event for d in DECISIONS if d.origin and 8.05 <= d.origin.longitude <= 8.35 and d.origin.latitude <= 46.25
    }
    assert LABELS[0] in set(TABLE["label"])
    with pytest.raises(ConfigurationError, match="order must be one of most useful, margin"):
        Wanted(order="size")  # type: ignore[arg-type]


def test_ten_thousand_events_are_chosen_in_no_time() -> None:
    table = listing(many(10_000, crowded=2))
    begin = time.process_time()
    assert len(choose(table, Wanted(doubt="small margin", text="smi"), useful=table.index[::7].tolist())) > 100
    assert time.process_time() - begin < 1.5
    assert np.isfinite(table["time"]).all()
