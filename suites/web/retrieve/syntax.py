"""Rules on the transfer syntax of retrieved instances (PS3.18 8.7.3, 8.7.3.4, 8.7.8.2).

Must not know which instances, nor what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Ask, Exchange
from harness.past import SOP_INSTANCE
from harness.rule import DOOR, SHALL_NOT, Door, Finding, rule
from harness.wire.part10 import Reading
from suites.web.retrieve.asked_frames import geometry, pixels
from suites.web.retrieve.bend import files_changed, implicit, parts_changed, with_accept
from suites.web.retrieve.reading import (
    DICOM,
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    LOSSY,
    RELATED,
    Piece,
    files,
    got,
    past_of,
    pieces,
)

INSTANCES = "web.retrieve.instances"
TOO_LONG = 0xFFFFFFFE  # octets that the length of a native value cannot express


def _shows_syntax(x: Exchange) -> bool:
    return got(x) and any(r.transfer_syntax for r in x.answer.files)


def _asked(x: Exchange) -> list[str]:
    """The transfer syntaxes that the ranges for application/dicom name; '' for a range that names none."""
    ranges = [r for r in x.ask.accept.ranges if r.type == DICOM or _related(r.type, r.parameters)]
    return [r.parameters.get("transfer-syntax", "") for r in ranges if r.q > 0]


def _related(type_: str, parameters: Any) -> bool:
    return type_ == RELATED and parameters.get("type", "*/*").lower() in (DICOM, "*/*")


def _silent(x: Exchange) -> bool:
    """Nothing in the request names a transfer syntax, so the default one is meant."""
    silent = all(s == "" for s in _asked(x)) and not x.resource.query.raw
    return silent and bool(x.ask.accept.ranges) and not x.ask.accept.flaws


@rule(
    "retrieve.default-transfer-syntax",
    cites="PS3.18 8.7.3; 8.7.3.4",
    verifies=("PS3.18-8.7.3-2", "PS3.18-8.7.3.1-2", "PS3.18-8.7.3.4-1"),
    on=INSTANCES,
    when=lambda x: _shows_syntax(x) and _silent(x),
    says="Without a transfer-syntax parameter instances come in Explicit VR Little Endian, but for lossy or huge ones.",
)
def default_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    for piece, reading in files(x.answer):
        if reading.transfer_syntax not in ("", EXPLICIT_LE) and not excused(x, reading):
            yield Finding(reading.transfer_syntax, EXPLICIT_LE, f"{piece.where} (0002,0010)")


def excused(x: Exchange, reading: Reading) -> bool:
    """Only a lossy form is there, or the pixels would not fit a native value field (8.7.3.4 Note 2)."""
    kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
    if reading.transfer_syntax in LOSSY and (kept is None or kept.transfer_syntax in LOSSY):
        return True
    shape = geometry(reading.dataset)
    frames = reading.dataset.text("00280008")
    count = int(frames) if frames.isdigit() and len(frames) < 10 else 1
    return pixels(reading.dataset) is not None and shape is not None and shape.octets * count > TOO_LONG


@default_transfer_syntax.mutant(at=DOOR, defects="M-WA-16")
def stored_syntax_is_sent(ask: Ask, door: Door) -> Answer:
    """What was stored is sent in the syntax it was stored in."""
    if ask.resource.kind != INSTANCES or "transfer-syntax" in (ask.headers.get("accept") or ""):
        return door(ask)
    return door(with_accept(ask, f'{RELATED}; type="{DICOM}"; transfer-syntax=*'))


@default_transfer_syntax.mutant
def deflated_is_sent(x: Exchange) -> Answer | None:
    """Instances are called deflated."""
    return files_changed(x, lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.1.99"))


@rule(
    "retrieve.requested-transfer-syntax",
    cites="PS3.18 8.7.3.5.2; 8.7.8.2; 10.4.4",
    verifies=("PS3.18-8.7.8.2-1", "PS3.18-10.1.3-1", "PS3.18-8.7.3.5.2-1"),
    on=INSTANCES,
    when=lambda x: _shows_syntax(x) and _named_ones(x) and not x.resource.query.raw,
    says="An instance asked for in one transfer syntax comes in that one.",
)
def requested_transfer_syntax(x: Exchange) -> Iterator[Finding]:
    wanted = _asked(x)
    for piece, reading in files(x.answer):
        if reading.transfer_syntax not in ("", *wanted):
            yield Finding(reading.transfer_syntax, " or ".join(wanted), f"{piece.where} (0002,0010)")


def _named_ones(x: Exchange) -> bool:
    wanted = _asked(x)
    only = all(r.type in (DICOM, RELATED) for r in x.ask.accept.ranges)
    return only and bool(wanted) and all(s not in ("", "*") for s in wanted)


@requested_transfer_syntax.mutant(at=DOOR, defects="M-WA-06")
def parameter_is_ignored(ask: Ask, door: Door) -> Answer:
    """The transfer-syntax parameter is not looked at."""
    if ask.resource.kind != INSTANCES or "transfer-syntax=1" not in (ask.headers.get("accept") or ""):
        return door(ask)
    silent = door(with_accept(ask, f'{RELATED}; type="{DICOM}"'))
    stored = door(with_accept(ask, f'{RELATED}; type="{DICOM}"; transfer-syntax=*'))
    return stored if EXPLICIT_LE in (ask.headers.get("accept") or "").split("=")[-1] else silent


@rule(
    "retrieve.never-implicit-or-big-endian",
    cites="PS3.18 8.6.2.1; 8.7.3; 8.7.3.4",
    verifies=("PS3.18-8.7.3-1", "PS3.18-8.6.2.1-1"),
    on=INSTANCES,
    level=SHALL_NOT,
    when=_shows_syntax,
    says="Instances are never sent in Implicit VR Little Endian or Explicit VR Big Endian.",
)
def never_implicit_or_big_endian(x: Exchange) -> Iterator[Finding]:
    for piece, reading in files(x.answer):
        if reading.transfer_syntax in (IMPLICIT_LE, EXPLICIT_BE):
            yield Finding(reading.transfer_syntax, "another transfer syntax", f"{piece.where} (0002,0010)")
    for piece in pieces(x.answer):
        if piece.syntax in (IMPLICIT_LE, EXPLICIT_BE):
            yield Finding(piece.syntax, "another transfer syntax", f"{piece.where} Content-Type")


@never_implicit_or_big_endian.mutant
def sent_in_implicit(x: Exchange) -> Answer | None:
    """Instances are sent in Implicit VR Little Endian."""
    return files_changed(x, implicit)


def _says_syntax(x: Exchange) -> bool:
    return _shows_syntax(x) and any(p.syntax for p, _ in files(x.answer))


@rule(
    "retrieve.syntax-parameter-is-true",
    cites="PS3.18 8.7.9",
    verifies=("PS3.18-8.7.9-1", "PS3.18-8.7.9-2"),
    on=INSTANCES,
    when=_says_syntax,
    says="The transfer-syntax parameter of a part is the Transfer Syntax UID of the file in it.",
)
def syntax_parameter_is_true(x: Exchange) -> Iterator[Finding]:
    for piece, reading in files(x.answer):
        if piece.syntax and reading.transfer_syntax and piece.syntax != reading.transfer_syntax:
            yield Finding(piece.syntax, f"{reading.transfer_syntax}, as in (0002,0010)", f"{piece.where} Content-Type")


@syntax_parameter_is_true.mutant(defects="M-WA-05")
def parameter_says_another(x: Exchange) -> Answer | None:
    """The Content-Type of parts says JPEG 2000 whatever they hold."""
    jpeg_2000 = f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90"

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        if x.kind != INSTANCES or not any(p.media.type == DICOM for p in x.answer.parts):
            return None
        return [([(n, jpeg_2000 if n.lower() == "content-type" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change)


@rule(
    "retrieve.single-part-is-one-instance",
    cites="PS3.18 10.4.4",
    verifies="PS3.18-10.4.4-2",
    on=INSTANCES,
    when=lambda x: got(x) and x.answer.type == DICOM,
    says="A single application/dicom file is one instance, and only an instance resource is sent so.",
)
def single_part_is_one_instance(x: Exchange) -> Iterator[Finding]:
    if x.resource.level != "instance":
        yield Finding(f"{DICOM} for a {x.resource.level}", f'{RELATED}; type="{DICOM}"', "Content-Type")


@single_part_is_one_instance.mutant
def single_file_for_a_study(x: Exchange) -> Answer | None:
    """A study or series is sent as the file of its first instance."""
    first = next((p for p in x.answer.parts if p.media.type == DICOM), None)
    if x.kind != INSTANCES or x.resource.level == "instance" or first is None:
        return None
    return x.answer.but(type=DICOM, body=first.content.bytes())


@rule(
    "retrieve.instances-form",
    cites="PS3.18 10.4.3.2; 10.4.4; 8.7.3.3",
    verifies=("PS3.18-10.4.3.2-1", "PS3.18-10.4.4-1"),
    on="web.retrieve.instances|web.retrieve.frames|web.retrieve.bulkdata|web.retrieve.pixeldata",
    when=lambda x: got(x) and x.answer.body.size > 0,
    says="Instances, frames and bulk data come in a media type that Table 10.4.4-1 has for them.",
)
def instances_form(x: Exchange) -> Iterator[Finding]:
    found = pieces(x.answer)
    for piece in found[:8]:
        if not _of_the_table(x, piece):
            where = "Content-Type" if x.answer.multipart is None else f"{piece.where} Content-Type"
            yield Finding(piece.type or "no media type", "a type of Table 10.4.4-1", where)


def _of_the_table(x: Exchange, piece: Piece) -> bool:
    """A type of the table, or one that the request names outright and that may be offered beyond it."""
    if piece.type == DICOM:
        return x.kind == INSTANCES
    bulk = piece.type == "application/octet-stream" or piece.type.startswith(("image/", "video/"))
    named = {r.type for r in x.ask.accept.ranges} | {r.parameters.get("type", "") for r in x.ask.accept.ranges}
    return bulk or piece.type in named or x.answer.type in named - {RELATED}


@instances_form.mutant
def parts_are_octets(x: Exchange) -> Answer | None:
    """The type of parts is made up."""

    def change(parts: list[tuple[Any, bytes]]) -> list[tuple[Any, bytes]] | None:
        return [([(n, "application/x-dcm" if n.lower() == "content-type" else v) for n, v in fields], octets)
                for fields, octets in parts]  # fmt: skip

    return parts_changed(x, change) if x.kind == INSTANCES else None


@instances_form.mutant
def web_page(x: Exchange) -> Answer | None:
    """Instances are called text/html."""
    return x.answer.but(type="text/html") if x.kind == INSTANCES and x.answer.ok else None
