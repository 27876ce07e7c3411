"""The lives of workitems and commitments: each exchange about one of them, on either door, with the state after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.association import Association, Side
from harness.exchange import Exchange
from harness.make.associations import octets, spoken
from harness.rule import Finding
from harness.upper_layer import message as say
from harness.verdict import Outcome
from reports.lives import MOST, Life, lives
from reports.page import page
from tests.reports import build
from tests.reports.build import answer, ask, exchange, verdict

ITEM, OTHER, TRANSACTION = "1.2.3", "1.2.4", "2.25.7"
PUSH, COMMITMENT = "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.1.20.1"
IMPLICIT_STATE = b"\x74\0\0\x10\x0a\0\0\0COMPLETED "
IMPLICIT_TRANSACTION = b"\x08\0\x95\x11\x06\0\0\0" + TRANSACTION.encode()


def dataset(**values: Any) -> bytes:
    """DICOM JSON of one data set; names are t and a tag."""
    return json.dumps([{name[1:]: {"vr": "CS", "Value": [value]} for name, value in values.items()}]).encode()


def state(name: str) -> bytes:
    return dataset(t00741000=name)


def event(seq: int, uid: str, number: int, **more: Any) -> Exchange:
    said = dataset(t00001000=uid, t00001002=number, **more)
    asked = ask("/ws", "EVENT")
    return exchange(seq, asked, answer(said, status=101))


def references(count: int) -> dict[str, Any]:
    return {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [f"1.{n}"]}} for n in range(count)]}


def operation(seq: int, uid: str, message: say.Message, status: int = 0, told: bool = False) -> Association:
    sides: tuple[Side, Side] = ("acceptor", "requestor") if told else ("requestor", "acceptor")
    said = [(sides[0], octets(message)), (sides[1], octets(say.response(message, status)))]
    return spoken([uid], said, calling="WE", seq=seq, address="dimse://PACS@h:104", probe="p")


def lived(folder: Path, *items: Exchange | Association, red: int = 0) -> tuple[list[Life], int]:
    found = [Finding("a", "b", "c", seq=red)] if red else []
    judged = [verdict("workitems.x", Outcome.FAIL if red else Outcome.PASS, *found, samples=())]
    return lives(build.loaded(build.written(folder, items, judged)))


def told(life: Life) -> list[tuple[str, str]]:
    return [(step.what, step.state) for step in life.steps]


def life_of_a_workitem() -> list[Exchange | Association]:
    created = answer(b"", status=201, fields=[("Location", f"{build.BASE}/workitems/{ITEM}")])
    return [
        exchange(1, ask("/workitems", "POST", b"{}"), created),
        exchange(2, ask(f"/workitems/{ITEM}"), answer(state("SCHEDULED"))),
        exchange(3, ask(f"/workitems/{ITEM}/state", "PUT", state("IN PROGRESS"), Content_Type="application/dicom+json"),
                 answer(b"")),
        event(4, ITEM, 1, t00741000="IN PROGRESS"),
        exchange(5, ask(f"/workitems/{ITEM}?1.2", "POST", b"{}"), answer(b"", status=409)),
        exchange(6, ask(f"/workitems/{ITEM}/subscribers/ME", "POST"), answer(b"", status=201)),
        operation(7, PUSH, say.n_action_rq(1, 1, PUSH, ITEM, 1, IMPLICIT_STATE)),
        event(8, OTHER, 5),
    ]  # fmt: skip


def test_the_life_of_a_workitem_on_both_doors(tmp_path: Path) -> None:
    (life, other), more = lived(tmp_path, *life_of_a_workitem())
    assert (life.kind, life.uid, other.uid, more) == ("workitem", ITEM, OTHER, 0)
    assert told(life) == [
        ("create", "SCHEDULED"),
        ("retrieve", "SCHEDULED"),
        ("change state to IN PROGRESS", "IN PROGRESS"),
        ("State Report", "IN PROGRESS"),
        ("update", "IN PROGRESS"),
        ("subscribe ME", "IN PROGRESS"),
        ("change state to COMPLETED", "COMPLETED"),
    ]
    assert [step.good for step in life.steps] == [True, True, True, True, False, True, True]
    assert [step.told for step in life.steps] == [False, False, False, True, False, False, False]
    assert [step.shown for step in life.steps][-3:] == [False, False, True]
    assert life.states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    assert life.steps[-1].called == "association 7"
    assert told(other) == [("Assigned", "")]


def test_a_report_that_comes_late_takes_nothing_back(tmp_path: Path) -> None:
    late = [event(8, ITEM, 1, t00741000="SCHEDULED"), event(9, ITEM, 1, t00741000="COMPLETED")]
    (life,), _ = lived(tmp_path, *life_of_a_workitem()[:-1], *late)
    assert told(life)[-2:] == [("State Report of SCHEDULED", "COMPLETED"), ("State Report", "COMPLETED")]
    assert life.states == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]


def test_what_was_refused_changes_no_state(tmp_path: Path) -> None:
    refused = exchange(
        1, ask(f"/workitems/{ITEM}/state", "PUT", state("COMPLETED"), Content_Type="application/dicom+json"),
        answer(b"", status=409),
    )  # fmt: skip
    again = operation(2, PUSH, say.n_action_rq(1, 1, PUSH, ITEM, 1, IMPLICIT_STATE), 0xC301)
    (life,), _ = lived(tmp_path, refused, again)
    assert life.states == []
    assert [step.outcome for step in life.steps] == ["409 Conflict", "N-ACTION C301H"]


def test_the_deliveries_of_a_commitment(tmp_path: Path) -> None:
    path = f"/commitment-requests/{TRANSACTION}"
    result = json.dumps([{"00081199": references(2), "00081198": references(1)}]).encode()
    asked = operation(
        1, COMMITMENT, say.n_action_rq(1, 1, COMMITMENT, "1.2.840.10008.1.20.1.1", 1, IMPLICIT_TRANSACTION)
    )
    (life,), _ = lived(
        tmp_path,
        asked,
        exchange(2, ask(path), answer(b"", status=202)),
        exchange(3, ask(path), answer(result)),
        operation(4, COMMITMENT, say.event_report_rq(1, 2, COMMITMENT, "1.2.840.10008.1.20.1.1", 2,
                                                     IMPLICIT_TRANSACTION), told=True),
    )  # fmt: skip
    assert life.kind == "commitment"
    assert told(life) == [("request", "PENDING"), ("check", "PENDING"), ("check", "FAILED, 1 of 3"),
                          ("delivery", "COMMITTED, 0")]  # fmt: skip
    assert life.steps[-1].told


def test_those_with_findings_come_into_the_page_first(tmp_path: Path) -> None:
    items = [exchange(n, ask(f"/workitems/1.2.{n}"), answer(b"", status=404)) for n in range(1, MOST + 11)]
    found, more = lived(tmp_path, *items, red=MOST + 9)
    assert (len(found), more) == (MOST, 10)
    assert f"1.2.{MOST + 9}" in {life.uid for life in found}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[1]", b"{}", b'[{"00001000":7}]', b'[{"00001002":{"Value":["x"]}}]', b"\xff"]
)
def test_whatever_an_event_says_the_page_is_made(tmp_path: Path, body: bytes) -> None:
    items = [exchange(1, ask("/ws", "EVENT"), answer(body, status=101)), *life_of_a_workitem()[1:3]]
    run = build.loaded(build.written(tmp_path, items, [verdict("workitems.x", Outcome.PASS, samples=())]))
    assert "Lives of workitems and commitments" in page(run)


def test_the_page_has_no_such_section_where_nothing_lived(tmp_path: Path) -> None:
    run = build.loaded(build.written(tmp_path, [exchange(1)], [verdict("search.x", Outcome.PASS)]))
    assert "Lives of workitems" not in page(run)
