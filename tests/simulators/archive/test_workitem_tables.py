"""schemas/workitem.json against rows of PS3.4 Annex CC that were read by hand, and against itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import schemas
from simulators.archive.workitem_states import attributes
from simulators.archive.workitem_status import SAYS
from simulators.archive.workitem_subscriptions import Subscribed, Subscriptions

TABLES: dict[str, Any] = json.loads((Path(schemas.__file__).parent / "workitem.json").read_text(encoding="utf-8"))
ROWS = {row["path"]: row for row in TABLES["attributes"]}
TYPES = {f"{scu}/{scp}" for scu in ("-", "1", "1C", "2", "2C", "3") for scp in ("1", "1C", "2", "2C", "3")}
TYPES |= {"", "not allowed"}


@pytest.mark.parametrize(("path", "row"), [
    ("00081195", ("2/2", "", "O", "not allowed", "-", "-", True)),
    ("00741200", ("1/1", "3/1", "R", "3/1", "R", "1", False)),
    ("00404010", ("-/1", "-/1", "R", "3/1", "O", "3", False)),
    ("00741202", ("2/1", "3/1", "O", "3/1", "R", "1", False)),
    ("00404034", ("2C/2C", "3/2", "O", "3/2", "R", "2", False)),
    ("00404034.00404009.00080104", ("1/1", "1/1", "", "-/1", "-", "1", False)),
    ("00404018.00080100", ("1C/1C", "1C/1C", "", "-/1C", "R", "1C", False)),
    ("00100020", ("1C/2", "not allowed", "O", "3/2", "R", "2", False)),
    ("00101002.00100020", ("1/1", "1/1", "O", "-/1", "O", "1", False)),
    ("0040A370.00080050", ("2/2", "not allowed", "O", "-/2", "R", "2", False)),
    ("00741000", ("1/1", "not allowed", "R", "3/1", "R", "1", False)),
    ("00741002", ("2/2", "3/2", "X", "3/2", "", "2", True)),
    ("00741002.00404052", ("not allowed", "3/1", "X", "-/1", "-", "-", False)),
    ("00741216.00404033", ("not allowed", "2/2", "P", "-/2", "-", "-", False)),
    ("00741216.00404033.0040E020", ("1/1", "1/1", "", "-/1", "O", "1", False)),
    ("00404070.00404071.21000140", ("1/1", "1/1", "", "-/1", "O", "1", False)),
])  # fmt: skip
def test_rows_read_by_hand(path: str, row: tuple[Any, ...]) -> None:
    found = ROWS[path]
    columns = ("create", "set", "final", "get", "match", "return")
    assert (*(found[column] for column in columns), found.get("empty", False)) == row


def test_every_row_has_its_place_and_its_types() -> None:
    assert len(ROWS) == len(TABLES["attributes"]) > 600
    for path, row in ROWS.items():
        above = path.rpartition(".")[0]
        assert not above or above in ROWS, path
        assert {row["create"], row["set"], row["get"]} <= TYPES, path
        assert row["final"] in ("", "R", "RC", "P", "X", "O"), path
        assert row["match"] in ("", "-", "R", "O", "U"), path
    assert attributes()["00404034"].inner["00404009"].inner["00080104"].create == "1"


def test_every_status_of_the_states_has_a_sentence() -> None:
    states = {"", "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"}
    for event, cells in TABLES["states"].items():
        assert cells.keys() == states, event
        for cell in cells.values():
            assert cell in states or int(cell, 16) in SAYS


STATES = {"not": Subscribed({}, {}), "lock": Subscribed({"AE": True}, {}), "no lock": Subscribed({"AE": False}, {})}
SAME = {"not": Subscribed({"AE": True}, {"AE": None}), "lock": Subscribed({"AE": False}, {"AE": True}),
        "no lock": Subscribed({}, {"AE": False})}  # fmt: skip
LOCKS = {"not": None, "lock": True, "no lock": False}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("before", [STATES, SAME])
@pytest.mark.parametrize(("event", "act"), [
    ("AE Subscribes Globally with Lock", lambda s, x: s.joined(x, "AE", True)),
    ("AE Subscribes Globally w/o Lock", lambda s, x: s.joined(x, "AE", False)),
    ("AE Subscribes to Specific UPS with Lock", lambda s, x: s.specific(x, "AE", True)),
    ("AE Subscribes to Specific UPS without Lock", lambda s, x: s.specific(x, "AE", False)),
    ("AE Unsubscribes from Specific UPS", lambda s, x: s.left(x, "AE")),
    ("AE Unsubscribes Globally", lambda s, x: s.gone(x, "AE")),
])  # fmt: skip
def test_subscriptions_go_where_the_table_says(state: str, before: dict[str, Any], event: str, act: Any) -> None:
    cell = TABLES["subscriptions"][event][state]
    after = act(Subscriptions(), before[state])
    assert after.lock("AE") is LOCKS[cell["to"] or state]
    assert list(after.titles()) == ([] if after.lock("AE") is None else ["AE"])
    assert after.locked is bool(after.lock("AE"))
