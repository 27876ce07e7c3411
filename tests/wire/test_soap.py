"""The strict reader of SOAP messages: what is right has no flaw, each departure its own, and nothing hostile hurts."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.make import wado_ws as make
from harness.make.parts import Part as Made
from harness.wire import media, multipart, soap

QUESTION = make.Question(make.DOCUMENTS, (make.Document("1.2", "1.3", "1.4", "1.5", "urn:oid:1.6"),), ("1.2.840",))
RIGHT = make.envelope(QUESTION)
_E = soap.ENVELOPE


def message(octets: bytes, type: str = soap.SOAP) -> soap.Reading:
    reading = media.read_content_type([type])
    body = Body.of(octets)
    parts = multipart.read(body, reading.parameters.get("boundary", "")) if "multipart" in type else None
    return soap.read(reading, body, parts)


def package(octets: bytes = RIGHT, attachments: Sequence[Made] = ()) -> tuple[str, bytes]:
    fields, payload = make.packaged(octets, "", attachments)
    return fields[0][1], payload


def attachment(content: bytes, *fields: tuple[str, str]) -> Made:
    return Made(Body.of(content), "application/dicom", fields=fields)


def codes(reading: soap.Reading) -> set[str]:
    return set(reading.flaws.counts)


def test_what_is_right_has_no_flaw() -> None:
    type, payload = package()
    for reading, form in ((message(RIGHT), "plain"), (message(payload, type), "xop")):
        assert codes(reading) == set()
        assert (reading.form, reading.version, reading.fault) == (form, "1.2", None)
        assert reading.action == make.ACTIONS[make.DOCUMENTS]
        assert reading.message_id.startswith("urn:oid:2.25.")
        assert reading.element == "{urn:ihe:rad:xdsi-b:2009}RetrieveImagingDocumentSetRequest"
        assert [block.must_understand for block in reading.addressing("Action")] == [True]


CHANGES = [
    (b"2003/05/soap-envelope", b"2003/06/soap-envelope", "soap.envelope"),
    (b"</env:Envelope>", b"", "soap.syntax"),
    (b"<env:Header>", b"<env:Header/><env:Header>", "soap.children"),
    (b"</env:Body>", b"<a/></env:Body>", "soap.one-child"),
    (b"<wsa:ReplyTo>", b"<other/><wsa:ReplyTo>", "soap.header-name"),
    (b'mustUnderstand="1"', b'mustUnderstand="yes"', "soap.boolean"),
    (b"wsa:Action", b"wsa:Act", "wsa.action"),
    (b"<wsa:MessageID>", b"<wsa:MessageID>x</wsa:MessageID><wsa:MessageID>", "wsa.repeated"),
    (b"http://www.w3.org/2005/08/addressing", b"http://schemas.xmlsoap.org/ws/2004/08/addressing", "wsa.namespace"),
    (b"?>", b"?><!DOCTYPE a [<!ENTITY b 'c'>]>", "soap.doctype"),
]


@pytest.mark.parametrize(("old", "new", "code"), CHANGES)
def test_each_departure_has_its_flaw(old: bytes, new: bytes, code: str) -> None:
    assert old in RIGHT
    assert code in codes(message(RIGHT.replace(old, new)))


def test_a_declaration_is_seen_in_other_encodings() -> None:
    octets = RIGHT.decode().replace("UTF-8", "UTF-16").replace("?>", "?><!DOCTYPE a>").encode("utf-16")
    assert codes(message(octets)) == {"soap.doctype"}
    assert codes(message(RIGHT.decode().replace("UTF-8", "UTF-16").encode("utf-16"))) == set()


def test_the_version_of_others_is_told() -> None:
    reading = message(RIGHT.replace(soap.ENVELOPE.encode(), soap.ENVELOPE_11.encode()))
    assert (reading.version, reading.content) == ("1.1", None)


@pytest.mark.parametrize("type", ["text/xml", "application/xml", 'multipart/related; type="text/xml"; boundary=b', ""])
def test_other_media_types_are_no_soap(type: str) -> None:
    assert codes(message(RIGHT, type)) == {"soap.media-type"}


def test_an_action_of_the_media_type_is_compared() -> None:
    assert codes(message(RIGHT, f'{soap.SOAP}; action="urn:other"')) == {"soap.action-parameter"}
    assert codes(message(RIGHT, f'{soap.SOAP}; action="{make.ACTIONS[make.DOCUMENTS]}"')) == set()
    assert codes(message(RIGHT, f'{soap.SOAP}; action=""')) == set()


def with_include(content: str) -> bytes:
    return RIGHT.replace(b"<ihe:DocumentUniqueId>1.4<", f"<ihe:DocumentUniqueId>{content}<".encode())


def include(href: str) -> str:
    return f'<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="{href}"/>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (include("cid:one@x"), ""),
        (include("cid:two@x"), "xop.dangling"),
        (include("one@x"), "xop.href"),
        (f"text {include('cid:one@x')}", "xop.alone"),
        (include("cid:one@x") * 2, "xop.alone"),
    ],
)
def test_includes_refer_to_parts(content: str, code: str) -> None:
    type, payload = package(with_include(content), [attachment(b"one", ("Content-ID", "<one@x>"))])
    assert codes(message(payload, type)) == ({code} if code else set())


def test_an_include_needs_a_package() -> None:
    assert codes(message(with_include(include("cid:one@x")))) == {"xop.outside"}


@pytest.mark.parametrize(
    ("coding", "octets"),
    [("binary", b"\x00\xff"), ("base64", base64.b64encode(b"\x00\xff") + b"\r\n"), ("quoted-printable", b"=00=FF")],
)
def test_octets_of_a_part_are_decoded(coding: str, octets: bytes) -> None:
    part = attachment(octets, ("Content-ID", "<a+b@x>"), ("Content-Transfer-Encoding", coding))
    type, payload = package(with_include(include("cid:a%2Bb@x")), [part])
    reading = message(payload, type)
    element = next(e for e in reading.content.iter() if str(e.tag).endswith("DocumentUniqueId"))
    binary = reading.binary(element)
    assert codes(reading) == set()
    assert binary is not None
    assert (binary.content.bytes(), binary.included) == (b"\x00\xff", True)


def test_base64_in_place_is_read() -> None:
    def binary(text: str) -> bytes | None:
        reading = message(with_include(text))
        element = next(e for e in reading.content.iter() if str(e.tag).endswith("DocumentUniqueId"))
        found = reading.binary(element)
        return found.content.bytes() if found else None

    assert binary("AP\n8=") == b"\x00\xff"
    assert binary("AP8") is None
    assert binary("????") is None


PACKAGES = [
    ('start="<root@', 'start="<other@', "xop.root"),
    ('start-info="application/soap+xml"', 'start-info="text/xml"', "xop.start-info"),
]


@pytest.mark.parametrize(("old", "new", "code"), PACKAGES)
def test_the_media_type_of_a_package_is_read(old: str, new: str, code: str) -> None:
    type, payload = package()
    assert old in type
    assert codes(message(payload, type.replace(old, new))) == {code}


def test_the_root_says_what_it_is() -> None:
    type, payload = package()
    spoilt = payload.replace(b"Content-Type: application/xop+xml", b"Content-Type: application/xml")
    assert codes(message(spoilt, type)) == {"xop.root-type"}
    twice = package(RIGHT, [attachment(b"", ("Content-ID", "<root@dicomproof.invalid>"))])
    assert codes(message(twice[1], twice[0])) == {"xop.content-id"}


def fault(code: str = "env:Sender", reason: str = "why") -> bytes:
    value = f"<env:Code><env:Value>{code}</env:Value></env:Code>"
    text = f"<env:Fault>{value}<env:Reason><env:Text xml:lang='en'>{reason}</env:Text></env:Reason></env:Fault>"
    return make.envelope(QUESTION.but(body=text))


def test_faults_are_read() -> None:
    assert message(fault()).fault == soap.Fault("Sender", "", "why")
    for wrong in (fault("Sender"), fault("env:Client"), fault("env:Sender", "")):
        assert codes(message(wrong)) == {"soap.fault"}


def test_hostile_documents_are_bounded() -> None:
    deep = RIGHT.replace(b"</env:Body>", b"<a>" * 5000 + b"</a>" * 5000 + b"</env:Body>")
    assert codes(message(deep)) == {"soap.too-large"}
    many = RIGHT.replace(b"</env:Body>", b"<a/>" * (soap.MOST_TAGS + 1) + b"</env:Body>")
    assert codes(message(many)) == {"soap.too-large"}
    assert codes(message(b" " * (soap.LARGEST + 1))) == {"soap.too-large"}


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(RIGHT)), st.booleans())
def test_no_octets_break_the_reader(octets: bytes, at: int, packaged: bool) -> None:
    type, payload = package() if packaged else (soap.SOAP, RIGHT)
    reading = message(payload[:at] + octets + payload[at + len(octets) :], type)
    assert set(reading.flaws.counts) <= set(soap.CODES)
    assert reading.content is None or reading.element


def test_every_code_is_explained() -> None:
    assert set(soap.CODES) >= soap.NOTES
    assert all(says.endswith(".") for says in soap.CODES.values())


_HEAD = (
    b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">'
    b"<e:Header><a:Action>urn:a</a:Action><a:MessageID>%s</a:MessageID></e:Header><e:Body>%s</e:Body></e:Envelope>"
)
_REFUSED = b"<e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text%s>no</e:Text></e:Reason></e:Fault>"


def _codes(octets: bytes) -> set[str]:
    reading = soap.read(media.read_content_type([soap.SOAP]), Body.of(octets))
    return {flaw.code for flaw in reading.flaws.kept}


@pytest.mark.parametrize("where", [b"<?x y?>%s", b"%s<?x y?>"])
def test_a_processing_instruction_is_told_wherever_it_stands(where: bytes) -> None:
    envelope = _HEAD % (b"urn:uuid:1", b"<b/>")
    assert _codes(envelope) == set()
    assert _codes(where % envelope) == {"soap.instruction"}
    assert _codes(_HEAD % (b"urn:uuid:1", b"<b/><?x y?>")) == {"soap.instruction"}


@pytest.mark.parametrize("name", [b"urn:uuid:1", b"uuid:1", b"http://a/b?c#d"])
def test_a_message_id_is_an_absolute_iri(name: bytes) -> None:
    assert _codes(_HEAD % (name, b"<b/>")) == set()
    assert _codes(_HEAD % (name.rpartition(b":")[2], b"<b/>")) == {"wsa.message-id"}


def test_the_text_of_a_fault_has_a_language() -> None:
    assert _codes(_HEAD % (b"urn:a", _REFUSED % b' xml:lang="en"')) == set()
    assert _codes(_HEAD % (b"urn:a", _REFUSED % b"")) == {"soap.fault"}
