"""Rules on the status of Retrieve answers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.context import Context
from harness.exchange import Answer, Exchange
from tests.suites import retrieving as r
from tests.suites.retrieving import DICOM, JSON, STUDY, XML, answer, ask, exchange, files, findings, rows

FILE = r.part10(r.dataset())
NOT_FOUND = answer(404, b"no", "text/plain")


def instance(said: Answer, accept: str = DICOM, **about: Any) -> Exchange:
    return exchange(r.path(), said, accept, **about)


@pytest.mark.parametrize("status", [400, 404, 406, 500, 501])
def test_what_is_held_is_retrieved(status: int) -> None:
    found = findings("retrieve.held-is-200", instance(answer(status)))
    assert r.hard(found)


def test_held_is_content_with_200_and_206() -> None:
    assert findings("retrieve.held-is-200", instance(files(FILE))) == []
    assert findings("retrieve.held-is-200", exchange(f"studies/{STUDY}", answer(206, b"x", "text/plain"))) == []


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_held_only_warns_where_the_target_may_not_or_cannot_now(status: int) -> None:
    found = findings("retrieve.held-is-200", instance(answer(status)))
    assert r.soft(found)


@pytest.mark.parametrize(
    "x",
    [
        exchange(f"studies/{STUDY}.9", NOT_FOUND),  # nobody stored it
        instance(answer(406), "application/dicom"),  # an optional type
        instance(answer(406), f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90"),  # an optional syntax
        instance(answer(400), f"{DICOM}, image/png"),  # DICOM and rendered types together
        instance(answer(301)),
        instance(answer(400), asked=ask(f"{r.path()}?accept=image/png")),
        instance(answer(304), asked=ask(r.path(), If_None_Match='"x"')),
        instance(answer(416), asked=ask(r.path(), Range="bytes=9999999-")),
        instance(answer(406), XML),  # a metadata type for an instance resource
        exchange(f"{r.path()}/frames/2", NOT_FOUND, r.OCTETS),  # there is one frame
        exchange(f"{r.path()}/frames/0", NOT_FOUND, r.OCTETS),
    ],
)
def test_held_is_not_exercised_where_nothing_is_owed(x: Exchange) -> None:
    assert findings("retrieve.held-is-200", x) is None


def test_lossy_pixel_data_need_not_be_had_uncompressed() -> None:
    ds = r.dataset()
    lossy = r.kept(ds)
    lossy = type(lossy)(lossy.sop_class, lossy.instance, lossy.study, lossy.series, "1.2.840.10008.1.2.4.50",
                        lossy.sent, 1)  # fmt: skip
    x = exchange(f"{r.path()}/frames/1", answer(406), r.OCTETS, held=r.past(lossy))
    assert findings("retrieve.held-is-200", x) == []
    assert findings("retrieve.held-is-200", x.but(answer=answer(500)))


def test_success_has_a_payload() -> None:
    rule = "retrieve.success-has-payload"
    assert findings(rule, instance(files(FILE))) == []
    assert findings(rule, instance(answer(204)))
    assert findings(rule, instance(answer(200)))
    assert findings(rule, exchange(f"studies/{STUDY}/metadata", rows(), JSON))
    assert findings(rule, instance(r.multipart([], "application/dicom")))
    assert findings(rule, instance(answer(404))) is None
    assert findings(rule, instance(answer(200), asked=ask(r.path(), method="HEAD"))) is None


def test_partial_content_is_for_parts() -> None:
    rule, study = "retrieve.success-is-200", f"studies/{STUDY}"
    whole = files(FILE, r.part10(r.dataset(2)))
    assert findings(rule, exchange(study, whole)) == []
    assert findings(rule, exchange(study, whole.but(status=206)))
    assert findings(rule, exchange(study, files(FILE).but(status=206))) == []
    strict = Context(past=r.two(), policies={"D-01": "range-only"})
    assert findings(rule, exchange(study, files(FILE).but(status=206), context=strict))
    ranged = exchange(study, whole.but(status=206), asked=ask(study, Range="bytes=0-"))
    assert findings(rule, ranged) == []
    assert findings(rule, exchange(study, whole.but(status=202)))[0].warn  # type: ignore[index]


@pytest.mark.parametrize(("status", "red", "soft"), [(404, 0, 0), (410, 1, 1), (400, 1, 1), (200, 1, 0), (204, 1, 0),
                                                     (500, 1, 0), (501, 1, 0)])  # fmt: skip
def test_unknown_is_404(status: int, red: int, soft: int) -> None:
    x = exchange(f"studies/{STUDY}.77/metadata", answer(status), JSON, facts={"absent": True})
    found = findings("retrieve.unknown-is-404", x)
    assert found is not None
    assert len(found) == red
    assert sum(f.warn for f in found) == soft


def test_unknown_is_not_exercised_by_what_may_exist() -> None:
    assert findings("retrieve.unknown-is-404", exchange(f"studies/{STUDY}.77", NOT_FOUND)) is None


def test_paths_are_respected() -> None:
    rule = "retrieve.path-is-respected"
    elsewhere = f"studies/{STUDY}.9/series/{r.SERIES}/instances/{r.uid(1)}"
    assert findings(rule, exchange(elsewhere, NOT_FOUND)) == []
    assert findings(rule, exchange(elsewhere, files(FILE)))
    assert findings(rule, exchange(f"studies/{STUDY}.9/series/{r.SERIES}/metadata", rows(r.metadata()), JSON))
    assert findings(rule, instance(files(FILE))) is None
    assert findings(rule, exchange(f"studies/{STUDY}.9", NOT_FOUND)) is None


@pytest.mark.parametrize("name", ["abc", "1..2", "1." + "2" * 70, "%00", "1.02"])
def test_malformed_uids_are_refused(name: str) -> None:
    rule = "retrieve.malformed-uid-is-refused"
    assert findings(rule, exchange(f"studies/{name}/metadata", answer(400), JSON)) == []
    assert findings(rule, exchange(f"studies/{name}/metadata", NOT_FOUND, JSON)) == []
    assert findings(rule, exchange(f"studies/{name}/metadata", answer(500), JSON))
    assert findings(rule, exchange(f"studies/{name}/metadata", rows(), JSON))


def test_a_malformed_uid_that_is_held_is_no_error() -> None:
    odd = r.kept(r.dataset())
    odd = type(odd)(odd.sop_class, "1.02", "1.02", "1.02", odd.transfer_syntax, odd.sent, 1)
    assert (
        findings("retrieve.malformed-uid-is-refused", exchange("studies/1.02", files(FILE), held=r.past(odd))) is None
    )


def test_nothing_acceptable_is_406() -> None:
    rule, none = "retrieve.unacceptable-is-406", "application/x-dicomproof-none"
    assert findings(rule, instance(answer(406), none)) == []
    assert findings(rule, instance(answer(500), none))[0].warn is False  # type: ignore[index]
    assert findings(rule, instance(answer(415), none))[0].warn  # type: ignore[index]
    default = findings(rule, instance(files(FILE), none))
    assert r.soft(default)
    assert [f.policy for f in default or ()] == ["D-02"]
    assert findings(rule, instance(answer(406), "application/x-other")) is None
    assert findings(rule, exchange("studies/9.9", answer(406), none)) is None


def test_one_file_for_many_is_406() -> None:
    rule, study = "retrieve.single-part-of-many-is-406", f"studies/{STUDY}"
    assert findings(rule, exchange(study, answer(406), "application/dicom")) == []
    assert findings(rule, exchange(study, answer(200, FILE, "application/dicom"), "application/dicom"))
    assert findings(rule, exchange(study, answer(400), "application/dicom"))[0].warn  # type: ignore[index]
    assert findings(rule, exchange(study, files(FILE), "application/dicom"))[0].policy == "D-02"  # type: ignore[index]
    assert findings(rule, exchange(study, answer(406), f"application/dicom, {DICOM}")) is None
    assert findings(rule, instance(answer(406), "application/dicom")) is None


def test_the_ground_needs_two_and_one_that_is_not_there() -> None:
    rule, kind = "retrieve.answers-what-is-asked", "web.retrieve.ground"
    own = [exchange(r.path(n), files(r.part10(r.dataset(n))), step="own") for n in (1, 2)]
    gone = exchange(r.path(9), NOT_FOUND, step="unknown")
    assert findings(rule, r.journey(kind, *own, gone)) == []
    assert findings(rule, r.journey(kind, *own)) is None
    assert findings(rule, r.journey(kind, *own, gone.but(answer=files(FILE))))
    same = own[1].but(answer=own[0].answer)
    assert findings(rule, r.journey(kind, own[0], same, gone))
    refused = [x.but(answer=NOT_FOUND) for x in own]
    assert len(findings(rule, r.journey(kind, *refused, gone)) or ()) == 2
    # one of the two ways of asking is enough: what fails in the other has rules of its own
    shown = [exchange(f"{r.path(n)}/metadata", rows(r.metadata(n)), JSON, step="own") for n in (1, 2)]
    assert findings(rule, r.journey(kind, *refused, *shown, gone)) == []
