"""Journeys of Store, Search and Retrieve: what was acknowledged is there, what was refused is not, forms fare alike."""

from __future__ import annotations

from typing import Any

import pytest

import suites.web.store.effects
import suites.web.store.framing  # noqa: F401 (each declares its rules when imported)
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.make.corpus import Sample
from harness.make.parts import STYLES, Style
from harness.make.variants import fresh
from harness.past import Past
from tests.suites import storing
from tests.suites.storing import BASE, Module, answer, findings, made, message, store

OCTETS = storing.message


def retrieve(sample: Sample, *found: Sample, status: int = 200, seq: int = 5, **about: Any) -> Exchange:
    """A retrieve of one instance that brings these."""
    asked = Ask("GET", f"/dicomweb{sample.path}", BASE, Headers.of([("Accept", "*/*")]))
    if not found:
        return Exchange(seq, asked, answer(status, b"gone", "text/plain"), step="retrieve", **about)
    sent = message(*found)
    said = answer(status, sent.body.bytes(), sent.content_type)
    return Exchange(seq, asked, said, step=about.pop("step", "retrieve"), **about)


def search(sample: Sample, *found: Sample, seq: int = 6) -> Exchange:
    """A search for one instance that finds these."""
    asked = Ask("GET", f"/dicomweb/studies/{sample.study}/instances?SOPInstanceUID={sample.instance}", BASE)
    rows = [{"00080018": storing.value("UI", s.instance)} for s in found]
    return Exchange(seq, asked, answer(200, rows) if rows else Answer(204, "No Content"), step="search")


def listing(sample: Sample, *found: Sample) -> Exchange:
    asked = Ask("GET", f"/dicomweb/studies/{sample.study}/series/{sample.series}/instances", BASE)
    return Exchange(7, asked, answer(200, [{"00080018": storing.value("UI", s.instance)} for s in found]), step="list")


def journey(*exchanges: Exchange, kind: str = "new", past: Past | None = None, edition: str = "2024e") -> Journey:
    context = Context(edition=edition, past=past or Past())
    return Journey(f"web.store.effects.{kind}", "j#1", exchanges, context)


def stored(*samples: Sample, study: str = "") -> Exchange:
    return store(samples, answer(200, Module(samples).json()), study, step="store")


def refused(*samples: Sample, status: int = 409) -> Exchange:
    return store(samples, answer(status, b"no", "text/plain"), step="store")


def test_acknowledged_instances_are_retrieved_and_found() -> None:
    one, two = made(1), made(2)
    j = journey(stored(one, two), retrieve(one, one), search(one, one), retrieve(two, two), search(two, two))
    for rule in ("acknowledged-is-retrieved", "acknowledged-is-found", "kept-unchanged"):
        assert findings(f"store.{rule}", j) == [], rule


@pytest.mark.parametrize("came", [(), (made(2),)])
def test_an_acknowledged_instance_that_does_not_come(came: tuple[Sample, ...]) -> None:
    one = made(1)
    j = journey(stored(one), retrieve(one, *came, status=200 if came else 404))
    found = findings("store.acknowledged-is-retrieved", j)
    assert found
    assert not found[0].warn


def test_an_instance_that_comes_late() -> None:
    one = made(1)
    late = journey(stored(one), retrieve(one, status=404), retrieve(one, one))
    assert [f.warn for f in findings("store.acknowledged-is-retrieved", late) or ()] == [False]
    accepted = store([one], answer(202, Module([one]).json()), step="store")
    later = journey(accepted, retrieve(one, status=404), retrieve(one, one))
    assert [f.warn for f in findings("store.acknowledged-is-retrieved", later) or ()] == [True]


def test_an_index_that_lags_is_a_warning_and_one_that_never_comes_a_failure() -> None:
    one = made(1)
    lagging = journey(stored(one), search(one), search(one, one))
    assert [f.warn for f in findings("store.acknowledged-is-found", lagging) or ()] == [True]
    never = journey(stored(one), search(one), search(one))
    assert [f.warn for f in findings("store.acknowledged-is-found", never) or ()] == [False]
    twice = journey(stored(one), search(one, one, one))
    assert findings("store.acknowledged-is-found", twice)


def test_a_search_that_is_refused_says_nothing_about_the_store() -> None:
    one = made(1)
    x = search(one, one).but(answer=answer(400, b"no", "text/plain"))
    assert findings("store.acknowledged-is-found", journey(stored(one), x)) is None


def test_nothing_acknowledged_is_nothing_shown() -> None:
    one = made(1)
    j = journey(refused(one), retrieve(one, one))
    assert findings("store.acknowledged-is-retrieved", j) is None
    assert findings("store.kept-unchanged", j) is None


def test_a_changed_value_shows_and_a_coercion_that_is_told_does_not() -> None:
    one = made(1)
    words = {"study": one.study, "series": one.series}
    changed = fresh(storing.likes()[0], 1, "tests", PatientName="SOMEBODY^ELSE", **words)
    assert changed.instance == one.instance
    found = findings("store.kept-unchanged", journey(stored(one), retrieve(one, changed)))
    assert found
    assert "00100010" in found[0].where
    told = changed_with_note(one)
    assert findings("store.kept-unchanged", journey(stored(one), retrieve(one, told))) == []


@pytest.mark.parametrize(
    ("added", "warned"),
    [({"RetrieveAETitle": "ARCHIVE"}, True), ({"InstanceAvailability": "ONLINE"}, True), ({"StationName": "X"}, False)],
)
def test_what_an_archive_adds_of_its_own_is_a_warning(added: dict[str, str], warned: bool) -> None:
    one = made(1)
    more = fresh(storing.likes()[0], 1, "tests", study=one.study, series=one.series, **added)
    found = findings("store.kept-unchanged", journey(stored(one), retrieve(one, more)))
    assert found
    assert [f.warn for f in found] == [warned]


def changed_with_note(one: Sample) -> Sample:
    """The instance with another name and an Original Attributes Sequence that tells of it."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    former = Dataset()
    former.PatientName = "FORMER^NAME"
    note = Dataset()
    note.AttributeModificationDateTime = "20240101"
    note.ModifyingSystem = "PACS"
    note.ReasonForTheAttributeModification = "COERCE"
    note.ModifiedAttributesSequence = Sequence([former])
    return fresh(storing.likes()[0], 1, "tests", study=one.study, series=one.series, PatientName="OTHER^NAME",
                 OriginalAttributesSequence=Sequence([note]))  # fmt: skip


def test_refused_instances_are_not_there() -> None:
    one = made(1)
    assert findings("store.refused-is-not-kept", journey(refused(one), retrieve(one, status=404), search(one))) == []
    assert findings("store.refused-is-not-kept", journey(refused(one), retrieve(one, one)))
    assert findings("store.refused-is-not-kept", journey(refused(one), search(one, one)))


def test_a_server_error_does_not_promise_that_nothing_was_stored() -> None:
    one = made(1)
    assert findings("store.refused-is-not-kept", journey(refused(one, status=503), retrieve(one, one))) is None


def test_an_instance_stored_before_may_be_refused_and_is_there() -> None:
    one = made(1)
    past = Past()
    past.see(stored(one))
    j = journey(stored(one), refused(one), retrieve(one, one), search(one, one), kind="again", past=past)
    assert findings("store.refused-is-not-kept", j) is None
    assert findings("store.again-is-one", j) == []


def test_storing_again_neither_crashes_nor_doubles() -> None:
    one = made(1)
    crashed = journey(stored(one), refused(one, status=500), retrieve(one, one), kind="again")
    assert findings("store.again-is-one", crashed)
    doubled = journey(stored(one), stored(one), retrieve(one, one), search(one, one, one), kind="again")
    assert findings("store.again-is-one", doubled)


def test_a_series_keeps_what_it_held() -> None:
    one = made(1)
    two = made(2, study=one.study, series=one.series)
    steps = [stored(one, study=one.study), stored(two, study=one.study)]
    assert findings("store.joins-what-is-there", journey(*steps, listing(one, one, two), kind="joined")) == []
    found = findings("store.joins-what-is-there", journey(*steps, listing(one, two), kind="joined"))
    assert found
    assert one.instance in found[0].got


def test_retrieve_urls_are_followed() -> None:
    one = made(1)
    good = retrieve(one, one, step="follow").but(facts={"instance": one.instance})
    assert findings("store.retrieve-urls-work", journey(stored(one), good)) == []
    lost = retrieve(one, status=404).but(step="follow", facts={"instance": one.instance})
    assert findings("store.retrieve-urls-work", journey(stored(one), lost))


def written(sample: Sample, style: Style, status: int = 200, form: str = "") -> Exchange:
    sent = message(sample, style=style)
    said = answer(status, Module([sample]).json()) if status == 200 else answer(status, b"no", "text/plain")
    step = "form" if form else "plain"
    return Exchange(3, storing.ask(sent), said, step=step, facts={"form": form} if form else {})


def framing(*exchanges: Exchange, edition: str = "2024e") -> Journey:
    return Journey("web.store.framing", "f#1", exchanges, Context(edition=edition))


def test_every_legal_form_is_taken() -> None:
    forms = [written(made(n), style, form=name) for n, (name, style) in enumerate(STYLES.items(), 2) if name != "plain"]
    j = framing(written(made(1), STYLES["plain"]), *forms)
    assert findings("store.legal-framing-is-taken", j) == []


@pytest.mark.parametrize(
    ("form", "edition", "warn"),
    [
        ("quoted-boundary", "2024e", False),
        ("boundary-of-70", "2024e", False),
        ("unquoted-type", "2024e", False),
        ("unquoted-type", "2020c", True),
        ("preamble", "2024e", True),
        ("padding", "2024e", True),
    ],
)
def test_a_form_that_is_refused(form: str, edition: str, warn: bool) -> None:
    plain = written(made(1), STYLES["plain"])
    j = framing(plain, written(made(2), STYLES[form], 400, form), edition=edition)
    assert [f.warn for f in findings("store.legal-framing-is-taken", j) or ()] == [warn]


def test_forms_say_nothing_where_the_plain_one_is_refused() -> None:
    j = framing(written(made(1), STYLES["plain"], 403), written(made(2), STYLES["padding"], 403, "padding"))
    assert findings("store.legal-framing-is-taken", j) is None
    assert findings("store.chunked-is-taken", j) is None


@pytest.mark.parametrize(("status", "wanted"), [(200, []), (411, [True]), (400, [False])])
def test_a_transfer_encoding_is_taken(status: int, wanted: list[bool]) -> None:
    chunked = written(made(2), STYLES["plain"], status, "chunked").but(step="chunked")
    j = framing(written(made(1), STYLES["plain"]), chunked)
    assert [f.warn for f in findings("store.chunked-is-taken", j) or ()] == wanted
