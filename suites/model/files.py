"""Rules on files that were read without a question: what they are called is what they are; DICOMDIR (PS3.10 8.6).

Must not know how files are found, nor what the content of one means.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import BOTH, Finding, rule
from harness.wire import sniff

DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_NAMES = {
    sniff.DICOM: "a PS3.10 file",
    sniff.JSON: "a JSON text",
    sniff.XML: "an XML document",
    sniff.MULTIPART: "a multipart message",
    sniff.OTHER: "none of these",
}


def _claim(x: Exchange) -> str:
    """The media type that somebody says the file has: the header field of its part, else its name."""
    return str(x.facts.get("declared", "")) or sniff.claimed(x.ask.target)


def _mismatch(x: Exchange) -> Iterator[Finding]:
    if x.answer.type != _claim(x):
        head = x.answer.body.read(0, 16)
        got = f"{_NAMES.get(x.answer.type, x.answer.type)}, beginning with {head!r}" if head else "an empty file"
        yield Finding(got=got, want=_NAMES[_claim(x)], where="octet 0")


def _called(x: Exchange, body: bytes) -> Answer:
    return x.answer.but(type=sniff.shown(body, _claim(x)), body=body)


@rule(
    "file.dicom-is-dicom",
    cites="PS3.10 7.1; PS3.10 8.5; RFC 3240",
    verifies="PS3.18-8.7.3.1-1",
    on="file",
    who=BOTH,
    content=False,
    when=lambda x: _claim(x) == sniff.DICOM,
    says="What is called .dcm, DICOMDIR or application/dicom holds a DICOM data set.",
)
def dicom_is_dicom(x: Exchange) -> Iterator[Finding]:
    yield from _mismatch(x)


@dicom_is_dicom.mutant
def a_pdf_called_dcm(x: Exchange) -> Answer | None:
    """A PDF is called .dcm."""
    return _called(x, b"%PDF-1.7\n") if _claim(x) == sniff.DICOM else None


@dicom_is_dicom.mutant
def an_empty_file(x: Exchange) -> Answer | None:
    """A file called .dcm is empty."""
    return _called(x, b"") if _claim(x) == sniff.DICOM else None


@rule(
    "file.json-is-json",
    cites="PS3.18 F.2; RFC 8259 11",
    verifies="PS3.18-F.2-1",
    on="file",
    who=BOTH,
    content=False,
    when=lambda x: _claim(x) == sniff.JSON,
    says="What is called .json or application/dicom+json is a JSON text.",
)
def json_is_json(x: Exchange) -> Iterator[Finding]:
    yield from _mismatch(x)


@json_is_json.mutant
def a_data_set_called_json(x: Exchange) -> Answer | None:
    """A PS3.10 file is called .json."""
    return _called(x, bytes(128) + b"DICM") if _claim(x) == sniff.JSON else None


@rule(
    "file.xml-is-xml",
    cites="PS3.19 A.1.5; RFC 7303",
    verifies="PS3.19-A.1.5-15",
    on="file",
    who=BOTH,
    content=False,
    when=lambda x: _claim(x) == sniff.XML,
    says="What is called .xml or application/dicom+xml is an XML document.",
)
def xml_is_xml(x: Exchange) -> Iterator[Finding]:
    yield from _mismatch(x)


@xml_is_xml.mutant
def json_called_xml(x: Exchange) -> Answer | None:
    """A JSON text is called .xml."""
    return _called(x, b'[{"00080005":{"vr":"CS"}}]') if _claim(x) == sniff.XML else None


def _is_directory(x: Exchange) -> bool:
    named = x.ask.target.rsplit("/", 1)[-1] == "DICOMDIR"
    return bool(x.answer.files) and (named or x.answer.files[0].meta.text("00020002") == DIRECTORY)


@rule(
    "file.dicomdir",
    cites="PS3.10 8.6",
    verifies="ME-DIR-001",
    on="file.dicom",
    who=BOTH,
    content=False,
    when=_is_directory,
    says="A DICOMDIR is a Media Storage Directory in Explicit VR Little Endian.",
)
def dicomdir(x: Exchange) -> Iterator[Finding]:
    reading = x.answer.files[0]
    class_ = reading.meta.text("00020002")
    if class_ != DIRECTORY:
        yield Finding(got=class_ or "no SOP Class UID", want=DIRECTORY, where="00020002")
    if reading.transfer_syntax != EXPLICIT_LITTLE:
        yield Finding(got=reading.transfer_syntax or "no Transfer Syntax UID", want=EXPLICIT_LITTLE, where="00020010")


@dicomdir.mutant
def an_image_called_dicomdir(x: Exchange) -> Answer | None:
    """The DICOMDIR names another SOP Class."""
    return _replaced(x, DIRECTORY.encode(), b"1.2.840.10008.1.3.19")


@dicomdir.mutant
def implicit_dicomdir(x: Exchange) -> Answer | None:
    """The DICOMDIR names another Transfer Syntax."""
    return _replaced(x, b"UI\x14\x00" + EXPLICIT_LITTLE.encode() + b"\0", b"UI\x14\x001.2.840.10008.1.2.2\0")


def _replaced(x: Exchange, old: bytes, new: bytes) -> Answer | None:
    octets = x.answer.body.read(0, 1 << 20)
    return x.answer.but(body=octets.replace(old, new, 1)) if _is_directory(x) and old in octets else None
