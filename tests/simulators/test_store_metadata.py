"""The simulator stores metadata and bulk data: what was sent comes back, what cannot be stored is told, and why."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.make.corpus import Sample, corpus
from harness.make.datasets import json_texts
from harness.make.parts import Message, Part, multipart
from harness.make.store_metadata import FAULTS, JSON, OCTETS, XML, Form, Separate, document, message, separate
from harness.make.variants import for_web, fresh
from harness.wire import part10
from simulators.archive.archive import Archive
from simulators.web.app import web
from simulators.web.service import Service
from tests.simulators.storing_apart import (
    FAILED,
    OTHER,
    REFERENCED,
    attributes,
    door,
    items,
    kept,
    part,
    reasons,
    request,
    send,
    warnings,
)
from tests.web.door import Client

FORMS: tuple[Form, ...] = ("json", "xml")
SENDABLE = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5")


@cache
def loaded() -> tuple[Sample, ...]:
    return tuple(corpus(7, "T"))


def ct(position: int = 1) -> Sample:
    return fresh(loaded()[0], position, "apart")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    archive, made = door(tmp_path / "archive")
    yield made
    archive.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    archive, made = door(tmp_path_factory.mktemp("shared"))
    yield made
    archive.close()


@pytest.mark.parametrize("form", FORMS)
def test_every_instance_of_the_corpus_comes_back_as_it_was_sent(shared: Client, form: Form) -> None:
    for sample in loaded():
        if sample.transfer_syntax.startswith("1.2.840.10008.1.2.4") and sample.transfer_syntax not in SENDABLE:
            continue
        sample = for_web(sample)
        answer = send(shared, message([separate(sample)], form, backwards=True))
        assert answer.status_code == 200, f"{sample.sop_class} {answer.text}"
        got, want = kept(shared, sample), part10.read(Body.of(sample.part10))
        assert not set(got.flaws.counts) - set(want.flaws.counts), sample.sop_class
        native = {"1.2.840.10008.1.2.1.99": "1.2.840.10008.1.2.1"}
        assert got.transfer_syntax == native.get(want.transfer_syntax, want.transfer_syntax)
        assert not list(part10.difference(got.dataset, want.dataset, ignore={"00080005", "7FE00001", "7FE00002"}))


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_told_instance_by_instance(client: Client, form: Form) -> None:
    right, stray, odd = ct(1), ct(2), ct(3)
    odd = fresh(odd, 4, study=right.study)
    faulty = FAULTS["unknown-class"].make(separate(odd))
    answer = send(client, message([separate(right), separate(stray), faulty], form), right.study)
    assert answer.status_code == 202
    assert [i["00081155"]["Value"][0] for i in items(answer, REFERENCED)] == [right.instance]
    assert [i["00081155"]["Value"][0] for i in items(answer, FAILED)] == [stray.instance, odd.instance]
    assert reasons(answer) == ["A900", "0122"]
    assert client.get(f"/studies/{stray.study}").status_code == 404


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("bulk-missing", 409, "C000"),
        ("bulk-elsewhere", 409, "C000"),
        ("bulk-unnamed", 409, "C000"),
        ("pixels-short", 409, "C000"),
        ("pixels-of-no-type", 409, "C122"),
        ("no-instance-uid", 400, "A900"),
        ("unknown-class", 409, "0122"),
        ("file-meta", 409, "C000"),
    ],
)
def test_a_fault_is_refused_with_its_reason(client: Client, form: Form, fault: str, status: int, reason: str) -> None:
    answer = send(client, message([FAULTS[fault].make(separate(ct()))], form))
    assert (answer.status_code, reasons(answer)) == (status, [reason])
    assert answer.headers["warning"].startswith(f"299 http://sim.test/dicomweb: {reason} ")
    assert client.get("/studies").status_code == 204


def test_the_response_comes_in_xml_as_well(client: Client) -> None:
    answer = send(client, message([separate(ct())]), accept=XML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, XML)


def broken() -> list[bytes]:
    return [b"", b"{", b"[1]", b'"text"', b"[" * 5000, b'{"00080018": {"vr": "UI"}}', b'[{"x": 1}]', b"\xff\xfe"]


@pytest.mark.parametrize("text", broken())
def test_metadata_that_is_none_is_bad_syntax(client: Client, text: bytes) -> None:
    answer = send(client, request(text))
    assert answer.status_code == 400, answer.text
    assert reasons(answer) == ["C000"]


@pytest.mark.parametrize("text", [b"", b"<a/>", b"<NativeDicomModel>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_xml_that_is_no_model_is_bad_syntax(client: Client, text: bytes) -> None:
    answer = send(client, multipart([Part.of(text, XML)]))
    assert answer.status_code == 400, answer.text


def test_json_is_one_part_and_xml_is_one_for_each_instance(client: Client) -> None:
    one, two = separate(ct(1)), separate(ct(2))
    text = [Part.of(json.dumps([x.attributes]).encode(), JSON) for x in (one, two)]
    several = send(client, multipart([*text, *one.bulk, *two.bulk]))
    assert (several.status_code, len(items(several, REFERENCED)), reasons(several)) == (202, 1, ["C000"])
    mixed = [text[0], Part.of(document(two.attributes), XML), *one.bulk, *two.bulk]
    assert send(client, multipart(mixed)).status_code == 202


def test_a_part_that_belongs_to_nothing_is_told(client: Client) -> None:
    one = separate(ct())
    sent = request([one.attributes], *one.bulk, part(b"left over", location="nobody"), part(b"nameless"))
    answer = send(client, sent)
    assert (answer.status_code, len(items(answer, OTHER))) == (202, 2)
    alone = send(client, multipart([part(b"octets", location="x")]))
    assert (alone.status_code, reasons(alone)) == (400, ["C000"])


def test_two_parts_at_one_place_are_no_value(client: Client) -> None:
    one = separate(ct())
    answer = send(client, request([one.attributes], *one.bulk, *one.bulk))
    assert (answer.status_code, reasons(answer)) == (409, ["C000"])


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("pixels", "pixels"),
        ("pixels", "http://sim.test/dicomweb/pixels"),
        ("../other/pixels", "http://sim.test/other/pixels"),
        ("/pixels?a=b", "http://sim.test/pixels?a=b"),
        ("urn:uuid:6b1f0f0e-0000-4000-8000-000000000000", "urn:uuid:6b1f0f0e-0000-4000-8000-000000000000"),
        ("http://192.0.2.1/never/asked", "http://192.0.2.1/never/asked"),
    ],
)
def test_references_are_compared_when_both_are_absolute(client: Client, uri: str, location: str) -> None:
    one = separate(ct())
    changed = attributes(one, **{"7FE00010": {"vr": "OW", "BulkDataURI": uri}})
    answer = send(client, request([changed], part(one.bulk[0].content.bytes(), location=location)))
    assert answer.status_code == 200, answer.text


def test_pixels_may_stand_inline_and_text_may_be_bulk_data(client: Client) -> None:
    sample = ct()
    one = separate(sample)
    inline = base64.b64encode(one.bulk[0].content.bytes()).decode()
    text = "Übung macht den Meister " * 100
    changed = attributes(
        one, **{"7FE00010": {"vr": "OW", "InlineBinary": inline}, "00204000": {"vr": "LT", "BulkDataURI": "text"}}
    )
    answer = send(client, request([changed], part(text.encode(), location="text")))
    assert answer.status_code == 200, answer.text
    shown = client.get(f"{sample.path}/metadata", JSON).json()[0]
    stored = shown["00204000"]
    got = stored["Value"][0] if "Value" in stored else client.get(stored["BulkDataURI"], OCTETS).content.decode()
    assert got.rstrip() == text.rstrip()


def test_a_long_value_never_stands_in_memory_whole(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.web.store_bulk.LARGE", 100)
    sample = ct()
    one = separate(sample)
    deep = {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": "deep"}}]}
    changed = attributes(one, **{"00880200": deep})
    answer = send(client, request([changed], *one.bulk, part(b"x" * 333, location="deep")))
    assert answer.status_code == 200, answer.text
    got = kept(client, sample)
    assert not got.flaws.counts
    inner = got.dataset.get("00880200")
    assert inner is not None
    assert inner.items[0].get("00420011").value.bytes() == b"x" * 333 + b"\0"  # type: ignore[index, union-attr]
    want = part10.read(Body.of(sample.part10)).dataset
    assert not list(part10.difference(got.dataset, want, ignore={"00080005", "00880200"}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"00280010": {"vr": "US", "Value": [65535]}}, "C000"),
        ({"7FE00010": None}, "A900"),
        ({"00080016": None}, "A900"),
        ({"0020000D": {"vr": "UI", "Value": ["1.02"]}}, "C000"),
        ({"00100010": {"vr": "PN", "Value": ["no object"]}}, "C000"),
        ({"00201041": {"vr": "DS", "Value": ["1.2345678901234567"]}}, "C000"),
        ({"00091001": {"vr": "UN", "InlineBinary": "no base64!"}}, "C000"),
        ({"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}, "C000"),
        ({"FFFEE000": {"vr": "UN"}}, "C000"),
        ({"7fe00010": {"vr": "OW"}}, "C000"),
    ],
)
def test_what_the_models_do_not_allow_is_a_failure(client: Client, change: dict[str, Any], reason: str) -> None:
    one = separate(ct())
    made = {**one.attributes, **{tag: value for tag, value in change.items() if value is not None}}
    for tag in [tag for tag, value in change.items() if value is None]:
        del made[tag]
    answer = send(client, request([made], *one.bulk))
    assert answer.status_code in (400, 409), answer.text
    assert reason in reasons(answer)


def test_attributes_of_answers_are_left_out_and_told(client: Client) -> None:
    sample = ct()
    one = separate(sample)
    changed = attributes(
        one, **{"00081190": {"vr": "UR", "Value": ["http://a/b"]}, "00201208": {"vr": "IS", "Value": [3]}}
    )
    answer = send(client, request([changed], *one.bulk))
    assert (answer.status_code, warnings(answer)) == (202, ["B006"])
    (original,) = items(answer, REFERENCED)[0]["04000561"]["Value"]
    assert set(original) >= {"04000550", "04000562", "04000563", "04000565"}
    assert set(original["04000550"]["Value"][0]) == {"00081190", "00201208"}
    stored = kept(client, sample).dataset
    assert stored.get("00081190") is None
    assert stored.get("04000561") is not None


def test_an_instance_without_modality_is_stored_with_a_warning(client: Client) -> None:
    one = separate(ct())
    answer = send(client, request([attributes(one, **{"00080060": None})], *one.bulk))
    assert (answer.status_code, warnings(answer)) == (202, ["B007"])


def spoken(archive: Archive, sent: Message, told: list[Any]) -> list[Any]:
    """What the door answers to a request of these pieces, after which nothing comes."""

    async def speak() -> list[Any]:
        answered: list[Any] = []

        async def receive() -> Any:
            if not told:
                await asyncio.Event().wait()
            return told.pop(0)

        async def tell(message: Any) -> None:
            answered.append(message)

        scope = {"type": "http", "method": "POST", "path": "/dicomweb/studies", "raw_path": b"/dicomweb/studies",
                 "query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
                 "headers": [(b"host", b"sim.test"), (b"accept", JSON.encode()),
                             (b"content-type", sent.content_type.encode())]}  # fmt: skip
        await web(Service(archive))(scope, receive, tell)
        return answered

    return asyncio.run(speak())


def half(sent: Message) -> dict[str, Any]:
    return {"type": "http.request", "body": sent.body.read(0, sent.body.size // 2), "more_body": True}


def test_nothing_is_kept_of_a_request_that_breaks_off(tmp_path: Path) -> None:
    archive, client = door(tmp_path / "archive")
    sent = message([separate(ct())])
    assert spoken(archive, sent, [half(sent), {"type": "http.disconnect"}]) == []
    assert not list((archive.folder / "files").glob("*/*"))
    assert send(client, sent).status_code == 200
    archive.close()


def test_bulk_data_that_never_comes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.web.store_parts.PATIENCE", 0.01)
    archive, client = door(tmp_path / "archive")
    sent = message([separate(ct())])
    assert spoken(archive, sent, [half(sent)])[0]["status"] == 408
    assert not list((archive.folder / "files").glob("*/*"))
    assert send(client, sent).status_code == 200
    archive.close()


def test_nothing_is_left_beside_what_is_stored(tmp_path: Path) -> None:
    archive, client = door(tmp_path / "archive")
    rle = next(s for s in loaded() if s.transfer_syntax == "1.2.840.10008.1.2.5" and s.frames > 1)
    assert send(client, message([separate(ct()), separate(fresh(rle, 1))])).status_code == 200
    assert send(client, message([FAULTS["pixels-short"].make(separate(ct(2)))])).status_code == 409
    assert len(list((archive.folder / "files").glob("*/*"))) == 2
    archive.close()


def test_metadata_over_its_bound_is_out_of_resources(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.web.store_metadata.METADATA", 100)
    answer = send(client, message([separate(ct())]))
    assert (answer.status_code, reasons(answer)) == (400, ["A700"])


def test_bulk_data_that_is_referred_to_a_thousand_times_is_out_of_resources(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.web.store_bulk.AMPLE", 1000)
    one = separate(ct())
    again = {f"0009{n:04X}": {"vr": "OB", "BulkDataURI": "b"} for n in range(0x1001, 0x1101)}
    made = {**one.attributes, "00090010": {"vr": "LO", "Value": ["AGAIN"]}, **again}
    answer = send(client, request([dict(sorted(made.items()))], *one.bulk, part(b"x" * 1000, location="b")))
    assert (answer.status_code, reasons(answer)) == (409, ["A700"])
    few = {**one.attributes, "00090010": {"vr": "LO", "Value": ["AGAIN"]}, "00091001": {"vr": "OB", "BulkDataURI": "b"}}
    assert send(client, request([dict(sorted(few.items()))], *one.bulk, part(b"x", location="b"))).status_code == 200


def test_more_instances_than_are_taken_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.web.store_metadata.PARTS", 2)
    answer = send(client, request([{}, {}, {}]))
    assert (answer.status_code, reasons(answer)) == (400, ["A700"])


def test_a_payload_over_the_limit_of_the_door_is_refused(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    client = Client(web(Service(archive, payload=1000)))
    assert send(client, message([separate(ct())])).status_code == 413
    archive.close()


TYPES = (OCTETS, "image/jpeg", "image/jp2", "image/png", "image/gif", "image/jls", "video/mp4", "video/mpeg",
         "image/dicom-rle", "image/jphc", "image/jxl", "video/h265", "application/pdf")  # fmt: skip
UIDS = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.11"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.4"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.5"]},
    "00080060": {"vr": "CS", "Value": ["SR"]},
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(json_texts())
def test_any_data_set_of_the_model_is_stored_or_told(shared: Client, made: tuple[Any, bytes]) -> None:
    try:
        given = json.loads(made[1])
    except ValueError:
        return
    dataset = given[0] if isinstance(given, list) else given
    answer = send(shared, request([dict(sorted({**dataset, **UIDS}.items()))]))
    assert answer.status_code in (200, 202, 409), answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([*sorted(FAULTS), ""]),
    st.binary(max_size=200),
    st.sampled_from(TYPES),
)
def test_any_octets_for_bulk_data_are_answered(shared: Client, fault: str, octets: bytes, type: str) -> None:
    one = separate(ct())
    one = FAULTS[fault].make(one) if fault else one
    answer = send(shared, request([one.attributes], part(octets, type, ct().instance + "/7FE00010")))
    assert answer.status_code in (200, 202, 400, 409), answer.text
    assert isinstance(one, Separate)
