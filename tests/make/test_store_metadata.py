"""Requests of metadata and bulk data as probes make them: right by the strict readers, and with faults."""

from __future__ import annotations

from functools import cache

import pytest

from harness.body import Body
from harness.make.corpus import Sample, corpus
from harness.make.store_metadata import FAULTS, JSON, XML, Form, consumer, document, message, separate
from harness.wire import dicom_json, multipart, native_xml
from harness.wire.media import read_content_type

NATIVE = "1.2.840.10008.1.2.1"


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(s for s in corpus(7, "T") if s.transfer_syntax == NATIVE)


def read(content_type: str, body: Body) -> multipart.Reading:
    return multipart.read(body, read_content_type([content_type]).parameters["boundary"])


@pytest.mark.parametrize("form", ["json", "xml"])
def test_metadata_of_every_kind_is_right_by_the_strict_readers(form: Form) -> None:
    for sample in samples():
        one = separate(sample)
        sent = message([one], form)
        first = read(sent.content_type, sent.body).parts[0]
        if form == "json":
            assert first.media.type == JSON
            found = dicom_json.read(first.content)
            assert dicom_json.text(found.datasets[0], "00080018") == sample.instance
            assert not found.flaws.counts, found.flaws.counts
        else:
            assert first.media.type == XML
            assert not native_xml.read(first.content).flaws.counts, native_xml.read(first.content).flaws.counts


def test_both_forms_say_the_same() -> None:
    for sample in samples():
        attributes = separate(sample).attributes
        (found,) = native_xml.read(Body.of(document(attributes))).datasets
        assert set(native_xml.to_json(found)) == {t for t in attributes if not (t[3] in "13579" and t[4:6] == "00")} | {
            t for t in native_xml.to_json(found) if t[4:6] == "00" and t[3] in "13579"
        }


@pytest.mark.parametrize("backwards", [False, True])
def test_every_reference_leads_to_a_part(backwards: bool) -> None:
    for sample in samples():
        one = separate(sample)
        sent = message([one], backwards=backwards)
        places = [p.get("content-location") for p in read(sent.content_type, sent.body).parts[1:]]
        wanted = [dict(p.fields)["Content-Location"] for p in one.bulk]
        assert places == (wanted[::-1] if backwards else wanted)
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_something_and_says_what(name: str) -> None:
    right = separate(samples()[0])
    wrong = FAULTS[name].make(right)
    assert wrong != right
    assert separate(samples()[0]) == right, "the right one was changed"
    assert FAULTS[name].says.endswith(".")


def test_a_consumer_image_is_not_described() -> None:
    made = consumer(separate(samples()[0]), b"octets", "image/png")
    assert not [tag for tag in made.attributes if tag.startswith("0028001")]
    assert [p.type for p in made.bulk] == ["image/png"]
