"""What a record shows to be stored: whole or apart, acknowledged, refused, or not told."""

from __future__ import annotations

from typing import Any

import pytest

from harness.association import SIDES
from harness.exchange import Ask, Exchange
from harness.make.corpus import Sample
from harness.make.store_metadata import Form, separate
from harness.make.store_metadata import message as apart_message
from harness.past import Past
from tests.suites import storing
from tests.suites.storing import BASE, XML, Module, answer, made, store

ONE, TWO = made(1), made(2)
PROCESSING = 0x0110


def seen(*exchanges: Exchange) -> Past:
    past = Past()
    for x in exchanges:
        past.see(x)
    return past


def failed(*samples: Sample) -> list[tuple[str, str, int]]:
    return [(s.sop_class, s.instance, PROCESSING) for s in samples]


def nameless(root: dict[str, Any]) -> dict[str, Any]:
    """The module with its failures told by their reason alone."""
    for item in root["00081198"]["Value"]:
        del item["00081155"]
    return root


def apart(sample: Sample, form: Form = "json", said: Module | None = None) -> Exchange:
    """A Store of the instance as metadata with bulk data."""
    sent = apart_message([separate(sample)], form)
    return Exchange(1, storing.ask(sent), answer(200, (said or Module([sample])).json()))


def test_what_was_acknowledged_is_known_by_its_octets() -> None:
    past = seen(store([ONE, TWO], answer(200, Module([ONE, TWO]).json())))
    assert set(past.kept) == {ONE.instance, TWO.instance}
    assert past.kept[ONE.instance].sent.bytes() == ONE.part10
    assert past.holds(ONE.study)
    assert past.holds(ONE.study, ONE.series, ONE.instance)
    assert not past.holds(ONE.study, TWO.series)
    assert not past.holds("1.2.99")


def test_what_failed_by_name_is_not_stored() -> None:
    past = seen(store([ONE, TWO], answer(202, Module([ONE], failed(TWO)).json())))
    assert set(past.kept) == {ONE.instance}


@pytest.mark.parametrize("status", [200, 202])
def test_a_failure_without_a_name_leaves_only_those_that_are_told_of(status: int) -> None:
    root = nameless(Module([ONE], failed(TWO)).json())
    assert set(seen(store([ONE, TWO], answer(status, root))).kept) == {ONE.instance}
    other = Module([ONE], other=[PROCESSING]).json()
    assert set(seen(store([ONE, TWO], answer(status, other))).kept) == {ONE.instance}
    assert not seen(store([ONE, TWO], answer(status, nameless(Module([], failed(TWO)).json())))).kept


def test_202_that_does_not_tell_of_an_instance_stores_none() -> None:
    for content in (None, {}, Module([ONE]).json()):
        past = seen(store([ONE, TWO], answer(202, content)))
        assert TWO.instance not in past.kept


def test_an_answer_in_xml_is_read_as_well() -> None:
    items = "".join(
        f'<DicomAttribute tag="{tag}" vr="SQ"><Item number="1"><DicomAttribute tag="00081155" vr="UI">'
        f'<Value number="1">{s.instance}</Value></DicomAttribute></Item></DicomAttribute>'
        for tag, s in (("00081198", TWO), ("00081199", ONE))
    )
    space = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
    octets = f'<?xml version="1.0" encoding="utf-8"?><NativeDicomModel xmlns="{space}">{items}</NativeDicomModel>'
    for status in (200, 202):
        assert set(seen(store([ONE, TWO], answer(status, octets.encode(), XML), accept=XML)).kept) == {ONE.instance}


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_was_sent_as_metadata_is_known_by_name_alone(form: Form) -> None:
    past = seen(apart(ONE, form))
    assert not past.kept
    assert ONE.instance not in past
    assert past.acknowledged(ONE.instance)
    assert past.holds(ONE.study, ONE.series, ONE.instance)
    named = past.apart[ONE.instance]
    assert (named.sop_class, named.study, named.series) == (ONE.sop_class, ONE.study, ONE.series)
    assert not seen(apart(ONE, form, Module([], failed(ONE)))).acknowledged(ONE.instance)


def test_of_two_sendings_in_two_forms_nobody_knows_which_one_is_held() -> None:
    whole = store([ONE], answer(200, Module([ONE]).json()))
    for past in (seen(whole, apart(ONE)), seen(apart(ONE), whole)):
        assert past.acknowledged(ONE.instance)
        assert past.get(ONE.instance) is None


def test_what_others_change_leaves_nothing_known() -> None:
    gone = Exchange(2, Ask("DELETE", f"/dicomweb/studies/{ONE.study}", BASE), answer(204), judged=frozenset(SIDES))
    past = seen(apart(TWO), store([ONE], answer(200, Module([ONE]).json())), gone)
    assert not past.kept
    assert not past.apart
