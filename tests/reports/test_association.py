"""The ladder of an association: every PDU and message is shown, within bounds, and nothing a peer says is markup."""

from __future__ import annotations

from harness.association import Association, Said
from harness.body import Body
from harness.upper_layer.encode import abort
from harness.upper_layer.offer import Abort
from reports.association import RUNGS, association_text, ladder
from tests.associations import association, find


def test_messages_are_unfolded() -> None:
    view = ladder(association(*find(1), calling="<b>WE</b>", facts={"provoked": "nothing"}))
    assert [r.name for r in view.rungs] == [
        "A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "C-FIND-RQ", "C-FIND-RSP FF00H", "C-FIND-RSP 0000H", "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]  # fmt: skip
    assert [r.left for r in view.rungs] == [True, False, True, False, False, True, False]
    pending = view.rungs[3]
    assert "(0010,0020) LO PatientID: ID12" in pending.text
    assert "(0000,0900) US Status: 65280" in pending.text
    assert (view.line, view.status) == ("<b>WE</b> to PACS: C-FIND-RQ", "0000H, release by the requestor")
    assert "provoked: nothing" in view.facts


def test_long_ladders_are_cut() -> None:
    view = ladder(association(*find(500)))
    assert len(view.rungs) == RUNGS
    assert view.hidden == 500 + 6 - RUNGS


def test_flaws_come_with_their_octets() -> None:
    bad = b"\x09\0\0\0\0\x02zz"
    view = ladder(association(("acceptor", bad), ("acceptor", abort(Abort(2, 1)).encode())))
    unknown = next(r for r in view.rungs if "09" in r.name)
    assert unknown.flaws
    assert "7a 7a" in unknown.text
    assert "source 2, reason 1" in "".join(r.says for r in view.rungs)


def test_plain_text_says_it_all() -> None:
    text = association_text(association(*find(1)))
    assert text.startswith("association 7, probe p\n")
    for word in ("Patient Root Query/Retrieve Information Model", "← 4. C-FIND-RSP FF00H", "PatientID: ID12"):
        assert word in text


def test_octets_that_are_no_association() -> None:
    said = (Said("requestor", "octets", 4, 0), Said("acceptor", "close", 0, 3, "closed at once"))
    view = ladder(Association(1, Body.of(b"GET "), Body.of(b""), said))
    assert view.status == "close by the acceptor"
    assert [r.name for r in view.rungs][-1] == "close of the acceptor"
