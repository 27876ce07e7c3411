"""Rules on the PS3.10 files that the URI service sends: which instance, in which transfer syntax (PS3.18 9.4).

Must not know anonymized instances, nor how a media type is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.past import SERIES, SOP_INSTANCE, STUDY
from harness.rule import DOOR, RELATION, SHALL_NOT, Door, Finding, journey, rule
from harness.wire import part10
from harness.wire.uri import valid_uid
from suites.web.retrieve.bend import implicit, other_uid
from suites.web.retrieve.instances import instance_is_what_was_stored
from suites.web.retrieve.reading import DICOM, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, got
from suites.web.retrieve.syntax import excused
from suites.web.uri.bend import answered, file_changed, replaced, without
from suites.web.uri.reading import KIND, kept, lawful, only, value

MOST_FINDINGS = 10


def _file(x: Exchange) -> part10.Reading | None:
    """The one PS3.10 file of a success, None when there is none that can be read."""
    found = x.answer.files if got(x) and x.answer.type == DICOM else ()
    return found[0] if len(found) == 1 and found[0].dataset.elements else None


def _plain(x: Exchange) -> bool:
    """The instance as it is held, not anonymized."""
    return lawful(x) and _file(x) is not None and "anonymize" not in x.ask.query


@rule(
    "uri.instance-belongs",
    cites="PS3.18 9.1.2.1; 9.4.2; 9.4.3.3",
    verifies=("PS3.18-9.1.2.1-2", "PS3.18-9.4.2-1", "PS3.18-9.4.3.3-1"),
    on=KIND,
    when=_plain,
    says="The file holds the instance that was asked for, with its Study, Series and SOP Instance UID.",
)
def instance_belongs(x: Exchange) -> Iterator[Finding]:
    reading = _file(x)
    asked = zip((STUDY, SERIES, SOP_INSTANCE), (x.resource.study, x.resource.series, x.resource.instance), strict=True)
    for tag, wanted in asked:
        said = reading.dataset.text(tag) if reading else ""
        if said != wanted:
            yield Finding(said or "none", wanted, f"({tag[:4]},{tag[4:]})")


@instance_belongs.mutant
def another_instance(x: Exchange) -> Answer | None:
    """Another instance of the series is sent."""
    return file_changed(x, lambda ds: setattr(ds, "SOPInstanceUID", other_uid(str(ds.SOPInstanceUID))))


@instance_belongs.mutant
def another_study(x: Exchange) -> Answer | None:
    """The file names another study."""
    return file_changed(x, lambda ds: setattr(ds, "StudyInstanceUID", other_uid(str(ds.StudyInstanceUID))))


@rule(
    "uri.one-file",
    cites="PS3.18 9.4.3.3; 8.7.3.1",
    verifies="PS3.18-9.4.3.3-1",
    on=KIND,
    when=lambda x: got(x) and x.answer.type == DICOM and x.answer.body.size > 0,
    says="A payload of application/dicom is one PS3.10 file and nothing else.",
)
def one_file(x: Exchange) -> Iterator[Finding]:
    octets = x.answer.payload
    if octets.read(128, 4) != b"DICM":
        yield Finding(octets.read(0, 32).hex(), "128 octets of preamble and DICM", "body")
    elif not x.answer.files[0].dataset.elements:
        yield Finding("no data set", "one data set", "body")


@one_file.mutant
def wrapped_as_a_part(x: Exchange) -> Answer | None:
    """The file is framed as a body part although it is called application/dicom."""
    if not x.answer.ok or x.answer.type != DICOM:
        return None
    return x.answer.but(
        body=b"--b\r\nContent-Type: application/dicom\r\n\r\n" + x.answer.payload.bytes() + b"\r\n--b--"
    )


@rule(
    "uri.instance-is-what-was-stored",
    cites="PS3.18 9.4.3.3; 10.5.2",
    verifies=("PS3.18-9.4.3.3-1", "PS3.18-9.4.2-1"),
    on=KIND,
    basis=RELATION,
    when=lambda x: _plain(x) and kept(x) is not None,
    says="A retrieved data set is the one that was stored, but for declared coercion and the coding of its pixels.",
)
def is_what_was_stored(x: Exchange) -> Iterator[Finding]:
    yield from instance_is_what_was_stored(x)


@is_what_was_stored.mutant
def name_is_lost(x: Exchange) -> Answer | None:
    """The Patient's Name is emptied."""
    return file_changed(x, lambda ds: setattr(ds, "PatientName", "") if ds.get("PatientName") else False)


@is_what_was_stored.mutant
def pixels_are_smoothed(x: Exchange) -> Answer | None:
    """The lowest bit of native pixels is dropped."""

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds["PixelData"].is_undefined_length:
            return False
        ds.PixelData = bytes(octet & 0xFE for octet in ds.PixelData)
        return True

    return file_changed(x, edit)


@journey(
    "uri.same-as-retrieve",
    cites="PS3.18 9.4.3.3; 10.4.3.3.1",
    verifies="PS3.18-9.4.2-1",
    on="web.uri.both",
    when=lambda j: all(_of_step(j, step) is not None for step in ("uri", "retrieve")),
    says="The URI service and the Studies service give the same data set for one instance.",
)
def same_as_retrieve(j: Journey) -> Iterator[Finding]:
    ours, theirs = _of_step(j, "uri"), _of_step(j, "retrieve")
    if ours is None or theirs is None:
        return
    pixels = ours.transfer_syntax == theirs.transfer_syntax
    found = part10.difference(ours.dataset, theirs.dataset, pixels=pixels)
    last = j.steps("uri")[0].seq
    for _, d in zip(range(MOST_FINDINGS), found, strict=False):
        yield Finding(d.got, f"{d.want}, as from the Studies service", d.path, seq=last)


def _of_step(j: Journey, step: str) -> part10.Reading | None:
    x = j.step(step)
    files = x.answer.files if x and got(x) else ()
    return files[0] if len(files) == 1 and files[0].dataset.elements else None


@same_as_retrieve.mutant
def name_is_in_capitals(x: Exchange) -> Answer | None:
    """This service writes the accession number in another way."""
    return file_changed(x, lambda ds: setattr(ds, "AccessionNumber", f"{str(ds.get('AccessionNumber', ''))[:8]}X"))


# --- transfer syntax ---------------------------------------------------------------------------------------------


@rule(
    "uri.default-transfer-syntax",
    cites="PS3.18 9.4.2.4; 8.7.3.4",
    verifies="PS3.18-9.4.2.4-2",
    on=KIND,
    when=lambda x: _file(x) is not None and "transferSyntax" not in x.ask.query,
    says="Without transferSyntax the file is in Explicit VR Little Endian, but for lossy or huge pixel data.",
)
def default_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    reading = _file(x)
    if reading and reading.transfer_syntax not in ("", EXPLICIT_LE) and not excused(x, reading):
        yield Finding(reading.transfer_syntax, EXPLICIT_LE, "(0002,0010)")


@default_transfer_syntax.mutant
def called_deflated(x: Exchange) -> Answer | None:
    """Files are called deflated."""
    return file_changed(x, lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.1.99"))


@default_transfer_syntax.mutant(at=DOOR, defects="M-WA-16")
def stored_syntax_is_sent(ask: Ask, door: Door) -> Answer:
    """Without transferSyntax an instance of JPEG 2000 or RLE is sent as it was stored."""
    if ask.resource.kind == KIND and "transferSyntax" not in ask.query:
        for syntax in ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"):
            answer = door(replaced(ask, "transferSyntax", syntax))
            if answer.ok:
                return answer
    return door(ask)


@rule(
    "uri.never-implicit-or-big-endian",
    cites="PS3.18 8.7.3; 8.7.3.4",
    verifies="PS3.18-8.7.3-1",
    on=KIND,
    level=SHALL_NOT,
    when=lambda x: _file(x) is not None,
    says="Files are never sent in Implicit VR Little Endian or Explicit VR Big Endian, whatever was asked for.",
)
def never_implicit_or_big_endian(x: Exchange) -> Iterator[Finding]:
    reading = _file(x)
    if reading and reading.transfer_syntax in (IMPLICIT_LE, EXPLICIT_BE):
        yield Finding(reading.transfer_syntax, "another transfer syntax", "(0002,0010)")


@never_implicit_or_big_endian.mutant
def sent_in_implicit(x: Exchange) -> Answer | None:
    """Files are sent in Implicit VR Little Endian."""
    return file_changed(x, implicit)


def _syntax_of(x: Exchange) -> str:
    reading = _file(x)
    return reading.transfer_syntax if reading else ""


def shows_support(j: Journey) -> bool:
    """The parameter, which is optional, changes what this server answers: a refusal, or another transfer syntax."""
    plain = j.step("plain")
    if plain is None or not _syntax_of(plain):
        return False
    named = [x for x in j.exchanges if "transferSyntax" in x.ask.query]
    if not any(_syntax_of(x) for x in j.steps("asked")):
        return False  # who refuses every one of them does not have the parameter
    return any(
        x.answer.status in (400, 406) or _syntax_of(x) not in ("", _syntax_of(plain)) for x in named if x.complete
    )


def _named(x: Exchange) -> str:
    return value(x, "transferSyntax") or ""


@journey(
    "uri.requested-transfer-syntax",
    cites="PS3.18 9.4.1.2.3; 9.4.2.4; 8.7.8.2",
    verifies="PS3.18-9.4.2.4-1",
    on="web.uri.syntax",
    due=False,
    when=lambda j: shows_support(j) and any(got(x) and only(x, "contentType", "transferSyntax") for x in _asked(j)),
    says="Where transferSyntax is supported, a file comes in the transfer syntax that it names.",
)
def requested_transfer_syntax(j: Journey) -> Iterator[Finding]:
    for x in _asked(j):
        if _syntax_of(x) not in ("", _named(x)):
            yield Finding(_syntax_of(x), _named(x), "(0002,0010)", seq=x.seq)


def _asked(j: Journey) -> list[Exchange]:
    return [x for x in j.exchanges if valid_uid(_named(x))]


@requested_transfer_syntax.mutant(at=DOOR, defects="M-WA-06")
def checked_and_not_used(ask: Ask, door: Door) -> Answer:
    """transferSyntax is checked, and then the default one is sent."""
    answer = door(ask)
    return door(without(ask, "transferSyntax")) if answer.ok and _in(ask) else answer


@journey(
    "uri.bad-transfer-syntax-is-400",
    cites="PS3.18 9.4.2.4",
    verifies="PS3.18-9.4.2.4-3",
    on="web.uri.syntax",
    due=False,
    when=lambda j: shows_support(j) and bool(j.steps("bad") + j.steps("two")),
    says="Where transferSyntax is supported, a value that is not one UID is answered 400.",
)
def bad_transfer_syntax_is_400(j: Journey) -> Iterator[Finding]:
    for x in (*j.steps("bad"), *j.steps("two")):
        if x.answer.status != 400:
            # 8.7.3.6 has a list of UIDs for this parameter, 9.4.2.4 refuses one
            warn = x.step == "two" or x.answer.status in NOT_NOW
            yield Finding(x.answer.line, "400", f"transferSyntax={_named(x)}", seq=x.seq, warn=warn)


@bad_transfer_syntax_is_400.mutant
def bad_syntax_is_406(x: Exchange) -> Answer | None:
    """A transferSyntax that is no UID is answered 406."""
    return answered(x, 406, 400) if _named(x) and not valid_uid(_named(x)) else None


@journey(
    "uri.unknown-transfer-syntax-is-406",
    cites="PS3.18 9.4.2.4",
    verifies="PS3.18-9.4.2.4-4",
    on="web.uri.syntax",
    due=False,
    when=lambda j: shows_support(j) and bool(j.steps("unknown")),
    says="Where transferSyntax is supported, a UID of a transfer syntax that is not is answered 406.",
)
def unknown_transfer_syntax_is_406(j: Journey) -> Iterator[Finding]:
    for x in j.steps("unknown"):
        if x.answer.status != 406:
            warn = x.answer.status in NOT_NOW
            yield Finding(x.answer.line, "406", f"transferSyntax={_named(x)}", seq=x.seq, warn=warn)


@unknown_transfer_syntax_is_406.mutant
def unknown_syntax_is_400(x: Exchange) -> Answer | None:
    """An unsupported transfer syntax is answered 400."""
    return answered(x, 400, 406)


@unknown_transfer_syntax_is_406.mutant(at=DOOR)
def unknown_syntax_is_ignored(ask: Ask, door: Door) -> Answer:
    """For an unsupported transfer syntax the default one is sent."""
    answer = door(ask)
    return door(without(ask, "transferSyntax")) if answer.status == 406 and _in(ask) else answer


def _in(ask: Ask) -> bool:
    return ask.resource.kind == KIND and "transferSyntax" in ask.query
