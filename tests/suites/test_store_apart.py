"""Rules on instances that are sent as metadata and bulk data: what comes back, what is refused, what is coerced."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

import suites.web.store.coercion
import suites.web.store.rebuilt
import suites.web.store.rebuilt_pixels
import suites.web.store.separate  # noqa: F401 (each declares its rules when imported)
from harness.body import Body
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.make.corpus import Sample, corpus
from harness.make.parts import Part, multipart
from harness.make.store_metadata import Form, consumer, message, separate
from harness.make.variants import fresh
from harness.past import Kept, Past
from harness.rule import CATALOGUE, Role
from tests.suites import storing
from tests.suites.storing import BASE, Module, answer, findings, made

FORMS: tuple[Form, ...] = ("json", "xml")
REBUILT = ("rebuilt-says-the-same", "bulk-comes-back", "rebuilt-has-file-meta")
COERCION = ("coercion-is-recorded", "former-values-are-true", "coercion-is-whole", "coercion-is-told")


@cache
def instances() -> tuple[Sample, ...]:
    return tuple(corpus(7, "T"))


def coded() -> Sample:
    found = next(s for s in instances() if s.transfer_syntax == "1.2.840.10008.1.2.5" and s.frames > 1)
    return fresh(found, 1, "coded")


def retrieve(sample: Sample, octets: bytes, **about: Any) -> Exchange:
    asked = Ask("GET", f"/dicomweb{sample.path}", BASE, Headers.of([("Accept", "*/*")]))
    return Exchange(5, asked, answer(200, octets, "application/dicom"), step="retrieve", **about)


def shown(sample: Sample, attributes: dict[str, Any]) -> Exchange:
    asked = Ask("GET", f"/dicomweb{sample.path}/metadata", BASE, Headers.of([("Accept", storing.JSON)]))
    return Exchange(6, asked, answer(200, [attributes]), step="metadata")


def journey(*exchanges: Exchange, kind: str = "apart") -> Journey:
    return Journey(f"web.store.effects.{kind}", "j#1", exchanges, Context(past=Past()))


def stored(sample: Sample, form: Form = "json", warning: int = 0) -> Exchange:
    module = Module([sample]).json()
    if warning:
        module["00081199"]["Value"][0]["00081196"] = storing.value("US", warning)
    return storing.apart([sample], answer(202 if warning else 200, module), form, step="store")


def edited(octets: bytes, edit: Callable[[Dataset], Any]) -> bytes:
    dataset = dcmread(io.BytesIO(octets))
    edit(dataset)
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("position", range(0, 60, 7))
def test_what_comes_back_as_it_was_sent_gives_no_finding(form: Form, position: int) -> None:
    native = [s for s in instances() if s.transfer_syntax == "1.2.840.10008.1.2.1"]
    sample = fresh(native[position % len(native)], position, form)
    j = journey(stored(sample, form), retrieve(sample, sample.part10))
    for rule in REBUILT:
        assert findings(f"store.{rule}", j) in ([], None), rule
    assert findings("store.rebuilt-says-the-same", j) == []


@pytest.mark.parametrize(
    ("rule", "edit"),
    [
        ("rebuilt-says-the-same", lambda ds: setattr(ds, "PatientName", "ANOTHER^NAME")),
        ("rebuilt-says-the-same", lambda ds: ds.pop("Manufacturer")),
        ("rebuilt-says-the-same", lambda ds: ds.pop("RequestAttributesSequence")),
        ("bulk-comes-back", lambda ds: setattr(ds, "PixelData", ds.PixelData[::-1])),
        ("bulk-comes-back", lambda ds: setattr(ds, "PixelData", ds.PixelData[:-2])),
    ],
)
def test_what_comes_back_changed_fails(rule: str, edit: Callable[[Dataset], Any]) -> None:
    sample = made(1)
    found = findings(f"store.{rule}", journey(stored(sample), retrieve(sample, edited(sample.part10, edit))))
    assert found
    assert not found[0].warn


def test_what_the_server_adds_is_a_warning() -> None:
    sample = made(1)
    added = edited(sample.part10, lambda ds: setattr(ds, "InstitutionName", "HERE"))
    found = findings("store.rebuilt-says-the-same", journey(stored(sample), retrieve(sample, added)))
    assert [f.warn for f in found or ()] == [True]


def test_a_server_may_compress_native_pixels_without_loss() -> None:
    sample = made(1)
    dataset = dcmread(io.BytesIO(sample.part10))
    dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    j = journey(stored(sample), retrieve(sample, out.getvalue()))
    for rule in REBUILT:
        assert findings(f"store.{rule}", j) in ([], None), rule


def test_metadata_is_compared_with_what_was_sent() -> None:
    sample = made(1)
    sent = separate(sample).attributes
    assert findings("store.metadata-comes-back", journey(stored(sample), shown(sample, sent))) == []
    less = {tag: value for tag, value in sent.items() if tag != "00080060"}
    assert findings("store.metadata-comes-back", journey(stored(sample), shown(sample, less)))


def test_compressed_frames_come_back_as_they_were() -> None:
    sample = coded()
    right = journey(stored(sample), retrieve(sample, sample.part10))
    assert findings("store.coded-is-not-recoded", right) == []
    other = edited(sample.part10, lambda ds: setattr(ds, "PixelData", ds.PixelData[:-2] + b"\1\1"))
    assert findings("store.coded-is-not-recoded", journey(stored(sample), retrieve(sample, other)))
    native = dcmread(io.BytesIO(sample.part10))
    native.decompress(generate_instance_uid=False)
    out = io.BytesIO()
    dcmwrite(out, native, enforce_file_format=True)
    assert findings("store.coded-is-not-recoded", journey(stored(sample), retrieve(sample, out.getvalue()))) is None


@pytest.mark.parametrize("told", [True, False])
def test_a_bit_stream_is_not_said_to_be_another(told: bool) -> None:
    sample = fresh(next(s for s in instances() if s.transfer_syntax == "1.2.840.10008.1.2.4.50"), 1, "jpeg")
    one = separate(sample)
    parts = tuple(p if told else replace(p, transfer_syntax="") for p in one.bulk)
    module = answer(200, Module([sample]).json())
    asked = storing.ask(message([replace(one, bulk=parts)]))
    x = Exchange(1, asked, module, step="store", context=Context(past=Past()))
    assert findings("store.coded-keeps-its-syntax", journey(x, retrieve(sample, sample.part10))) == []
    dataset = dcmread(io.BytesIO(sample.part10))
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.70")
    assert findings("store.coded-keeps-its-syntax", journey(x, retrieve(sample, written(dataset))))


def png(sample: Sample, samples: int = 3) -> tuple[Exchange, Dataset]:
    """A Store of a PNG, and the instance that a right server makes of it."""
    pixels = np.arange(7 * 5 * samples, dtype=np.uint8).reshape((7, 5, 3) if samples == 3 else (7, 5))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    one = consumer(separate(sample), out.getvalue(), "image/png")
    sent = storing.ask(message([one]))
    x = Exchange(1, sent, answer(200, Module([sample]).json()), step="store", context=Context(past=Past()))
    dataset = dcmread(io.BytesIO(sample.part10))
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 7, 5, samples
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels.tobytes() + b"\0"
    dataset["PixelData"].VR = "OB"
    return x, dataset


def written(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("samples", [1, 3])
def test_a_png_becomes_the_same_pixels(samples: int) -> None:
    sample = made(1)
    x, dataset = png(sample, samples)
    j = journey(x, retrieve(sample, written(dataset)))
    for rule in ("description-is-derived", "transformed-without-loss", "rebuilt-says-the-same"):
        assert findings(f"store.{rule}", j) == [], rule
    dataset.PixelData = dataset.PixelData[:-4] + b"\0\0\0\0"
    assert findings("store.transformed-without-loss", journey(x, retrieve(sample, written(dataset))))


@pytest.mark.parametrize("change", [{"Rows": 5}, {"Columns": 7}, {"BitsStored": None}])
def test_a_description_that_is_not_the_images_fails(change: dict[str, Any]) -> None:
    sample = made(1)
    x, dataset = png(sample)
    for word, value in change.items():
        setattr(dataset, word, value)
    assert findings("store.description-is-derived", journey(x, retrieve(sample, written(dataset))))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [400, 415, 501])
def test_metadata_that_is_not_taken_fails(form: Form, status: int) -> None:
    x = storing.apart([made(1)], answer(status, b"no", "text/plain"), form)
    found = findings(f"store.takes-{form}-metadata", x)
    assert found
    assert not found[0].warn


@pytest.mark.parametrize("status", [200, 202, 409, 503])
def test_metadata_that_is_taken_or_refused_for_what_it_holds_does_not(status: int) -> None:
    assert findings("store.takes-json-metadata", storing.apart([made(1)], answer(status, b"x", "text/plain"))) == []


def test_compressed_bulk_data_need_not_be_taken() -> None:
    x = storing.apart([coded()], answer(415, b"no", "text/plain"))
    assert findings("store.takes-json-metadata", x) is None


def test_a_faulty_request_says_nothing_about_support() -> None:
    x = storing.apart([made(1)], answer(415, b"no", "text/plain"), fault="file-meta")
    assert findings("store.takes-json-metadata", x) is None


def known(sample: Sample) -> Past:
    kept = Kept(sample.sop_class, "1.2", "1.3", "1.4", "1.2.840.10008.1.2.1", Body.of(b""), 0)
    return Past({"1.2": kept})


def test_what_is_stored_whole_is_stored_apart() -> None:
    one, two = made(1), made(2)
    failed = Module([one], [(two.sop_class, two.instance, 0xC000)])
    x = storing.apart([one, two], answer(202, failed.json()), past=known(one))
    assert findings("store.apart-fares-as-whole", x)
    right = storing.apart([one, two], answer(200, Module([one, two]).json()), past=known(one))
    assert findings("store.apart-fares-as-whole", right) == []
    unknown = storing.apart([one], answer(409, failed.json()))
    assert findings("store.apart-fares-as-whole", unknown) is None


@pytest.mark.parametrize("fault", ["bulk-missing", "bulk-elsewhere", "bulk-unnamed", "pixels-short"])
@pytest.mark.parametrize("form", FORMS)
def test_what_never_came_is_not_stored(fault: str, form: Form) -> None:
    one = made(1)
    told = storing.apart([one], answer(200, Module([one]).json()), form, fault=fault)
    assert [f.warn for f in findings("store.wanting-is-not-stored", told) or ()] == [False]
    module = Module(failed=[(one.sop_class, one.instance, 0xC000)]).json()
    assert findings("store.wanting-is-not-stored", storing.apart([one], answer(409, module), form, fault=fault)) == []


@pytest.mark.parametrize("base", [f"{BASE}/", f"{BASE}/studies/"])
def test_a_place_may_be_told_relative_or_absolute(base: str) -> None:
    one = separate(made(1))
    place = f"{base}{one.attributes['7FE00010']['BulkDataURI']}"
    bulk = replace(one.bulk[0], fields=(("Content-Location", place),))
    x = Exchange(1, storing.ask(message([replace(one, bulk=(bulk,))])), answer(415), context=Context(past=Past()))
    assert findings("store.takes-json-metadata", x)


@pytest.mark.parametrize("text", [b"", b"[{", b"[1, 2]", b"<a>", b"\xff"])
def test_unreadable_metadata_is_the_clients_fault(text: bytes) -> None:
    asked = storing.ask(multipart([Part.of(text, storing.JSON)]))
    for status, red in ((400, False), (409, False), (415, False), (200, True), (500, True), (404, True)):
        x = Exchange(1, asked, answer(status, b"x", "text/plain"), context=Context(past=Past()))
        assert bool(findings("store.malformed-metadata-is-refused", x)) == red, status


HOSTILE = (
    {"00280004": 5, "00420012": [], "7FE00010": "x", "00280010": {"vr": "US", "Value": ["x"]}},
    {"7FE00010": {"vr": "OW", "BulkDataURI": "http://[/"}, "00280010": {"vr": "US", "Value": [1e400]}},
    {"7FE00010": {"vr": "OW", "BulkDataURI": 7}, "00880200": {"vr": "SQ", "Value": [None, 1, {"7FE00010": None}]}},
    {"00080018": {"vr": "UI", "Value": [{}]}, "0020000D": None},
)


@pytest.mark.parametrize("odd", HOSTILE)
def test_hostile_metadata_breaks_no_rule(odd: dict[str, Any]) -> None:
    one = separate(made(1))
    text = json.dumps([{**one.attributes, **odd}]).replace("Infinity", "1e400").encode()
    asked = storing.ask(multipart([Part.of(text, storing.JSON), *one.bulk]))
    for status in (200, 202, 400, 409, 415, 500):
        said = answer(status, Module([made(1)]).json())
        x = Exchange(1, asked, said, step="store", facts={"legal": True}, context=Context(past=known(made(1))))
        j = journey(x, retrieve(made(1), made(1).part10), shown(made(1), one.attributes))
        for rule in CATALOGUE.rules.values():
            if rule.id.startswith("store.") and rule.who is Role.ORIGIN_SERVER:
                subject = x if rule.over is Exchange else j
                if rule.applies_to("web.store" if rule.over is Exchange else j.kind) and rule.when(subject):
                    list(rule(subject))


def coercing(sample: Sample, record: bool = True, former: str = "", warning: int = 0xB000) -> Journey:
    """A server that changed the patient's name on the way in."""

    def edit(dataset: Dataset) -> None:
        old, dataset.PatientName = dataset.PatientName, "COERCED^NAME"
        if record:
            item, values = Dataset(), Dataset()
            values.PatientName = former or old
            item.AttributeModificationDateTime = "20240101120000"
            item.ModifyingSystem = "PACS"
            item.SourceOfPreviousValues = ""
            item.ReasonForTheAttributeModification = "COERCE"
            item.ModifiedAttributesSequence = Sequence([values])
            dataset.OriginalAttributesSequence = Sequence([item])

    module = Module([sample]).json()
    if warning:
        module["00081199"]["Value"][0]["00081196"] = storing.value("US", warning)
    x = storing.store([sample], answer(202 if warning else 200, module), step="store")
    return journey(x, retrieve(sample, edited(sample.part10, edit)), kind="joined")


def test_a_coercion_that_is_told_and_recorded_is_right() -> None:
    for rule in COERCION:
        assert findings(f"store.{rule}", coercing(made(1))) == [], rule


def test_a_coercion_without_a_record_fails() -> None:
    assert findings("store.coercion-is-recorded", coercing(made(1), record=False))


def test_a_record_that_is_not_true_fails() -> None:
    assert findings("store.former-values-are-true", coercing(made(1), former="NOT^TRUE"))


def test_a_coercion_that_is_not_told_is_a_warning_at_most() -> None:
    assert findings("store.coercion-is-told", coercing(made(1), warning=0))
    assert not CATALOGUE.rules["store.coercion-is-told"].level.binding


def test_who_coerces_nothing_exercises_nothing() -> None:
    sample = made(1)
    x = storing.store([sample], answer(200, Module([sample]).json()), step="store")
    for rule in COERCION:
        assert findings(f"store.{rule}", journey(x, retrieve(sample, sample.part10), kind="joined")) is None


def test_an_instance_that_came_with_a_record_was_not_coerced_here() -> None:
    sample = made(1)
    octets = edited(sample.part10, lambda ds: setattr(ds, "OriginalAttributesSequence", Sequence([Dataset()])))
    before = replace(sample, part10=octets)
    x = storing.store([before], answer(200, Module([before]).json()), step="store")
    assert findings("store.coercion-is-whole", journey(x, retrieve(sample, octets), kind="joined")) is None


def test_an_answer_without_files_exercises_nothing() -> None:
    sample = made(1)
    asked = Ask("GET", f"/dicomweb{sample.path}", BASE)
    gone = Exchange(5, asked, Answer(404, "Not Found"), step="retrieve")
    for rule in (*REBUILT, *COERCION):
        assert findings(f"store.{rule}", journey(stored(sample), gone)) is None
