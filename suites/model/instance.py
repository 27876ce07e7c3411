"""Rules of PS3.10 7 and PS3.5 on the files that answers carry: file meta, transfer syntax, elements, values.

Must not know IODs, services, or what was stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Answer, Exchange
from harness.past import SOP_INSTANCE
from harness.rule import BOTH, STANDARD, Finding, Rule, rule
from harness.wire import part10
from suites.model.altered import of_type

DICOM = "application/dicom"
ON = "web|file.dicom"
RULE_OF: dict[str, str] = {}  # code of the reader -> the one rule that judges it
# Legal, or nobody's demand.
LEGAL = {
    "part10.group-length": "PS3.5 7.2 retires group lengths and has every reader accept them",
    "part10.syntax-unknown": "private Transfer Syntaxes are legal (PS3.5 10)",
    "part10.depth": "our bound",
    "part10.too-many": "our bound",
    "part10.deflate-bound": "our bound",
}


def _files(x: Exchange) -> Iterator[tuple[str, part10.Reading]]:
    """The files of the message that is looked at, each with its place in it."""
    message = x.message
    if message is x.answer and not x.answer.ok:
        return
    # a body that ends without its closing delimiter has no end for its last part: that is what is wrong, not the file
    open_ended = message.multipart is not None and not message.multipart.closed
    for number, reading in enumerate(message.files[:-1] if open_ended else message.files, 1):
        yield "" if x.kind.startswith("file") else f"file {number}", reading


def _sent_so(x: Exchange, reading: part10.Reading) -> frozenset[str]:
    """Codes of what was wrong in the instance already when it was stored: kept by a server, not caused."""
    if x.message is x.ask:
        return frozenset()
    kept = x.context.past.get(reading.dataset.text(SOP_INSTANCE)) if x.context and x.context.past else None
    return frozenset(part10.read(kept.sent).flaws.counts) if kept else frozenset()


def _somebody_elses(x: Exchange, reading: part10.Reading) -> bool:
    """Services and those who store hand on what others made; a file that is read is judged for what it is."""
    if x.side == "user-agent":
        return True
    past = x.context.past if x.context else None
    return not x.kind.startswith("file") and (not past or reading.dataset.text(SOP_INSTANCE) not in past)


def of_codes(
    id: str,
    codes: tuple[str, ...],
    *,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...] = (),
    when: Callable[[part10.Reading], bool] = lambda reading: bool(reading.dataset.elements),
    inherited: bool = False,
) -> Rule[Exchange]:
    """A rule over flaws of the reader. `inherited`: what is wrong may have been stored that way by somebody else,
    so it fails only in instances that this run stored."""
    for code in codes:
        RULE_OF[code] = id if code not in RULE_OF else f"{RULE_OF[code]} and {id}"

    def has(reading: part10.Reading) -> bool:
        return any(code in reading.flaws.counts for code in codes)

    def exercised(x: Exchange) -> bool:
        return any(has(reading) or when(reading) for _, reading in _files(x))

    def judgement(x: Exchange) -> Iterator[Finding]:
        for where, reading in _files(x):
            if not has(reading):
                continue
            before, warn = _sent_so(x, reading), inherited and _somebody_elses(x, reading)
            for flaw in reading.flaws.kept:
                if flaw.code in codes and flaw.code not in before:
                    yield Finding(flaw.got, flaw.want, f"{where} {flaw.where}".strip(), warn=warn)

    return rule(id, cites=cites, says=says, verifies=verifies, who=BOTH, on=ON, basis=STANDARD, when=exercised)(
        judgement
    )


def _always(reading: part10.Reading) -> bool:
    return True


def _edited(x: Exchange, change: Callable[[bytes], bytes | None]) -> Answer | None:
    return of_type(x, DICOM, change) if x.kind.startswith("web.retrieve") else None


file = of_codes(
    "instance.is-a-file",
    ("part10.prefix", "part10.no-dataset"),
    cites="PS3.10 7.1; PS3.18 8.7.3.1",
    verifies="PS3.18-8.7.3.1-1",
    when=_always,
    says="What is called application/dicom is a PS3.10 file: a preamble, DICM, File Meta Information and a data set.",
)


@file.mutant
def no_preamble(x: Exchange) -> Answer | None:
    """Files begin with DICM, without their preamble."""
    return _edited(x, lambda octets: octets[128:])


@file.mutant
def bare_data_set(x: Exchange) -> Answer | None:
    """Only the data set is sent."""
    return _edited(x, lambda octets: octets[_meta_end(octets) :])


def _meta_end(octets: bytes) -> int:
    return 144 + int.from_bytes(octets[140:144], "little")


meta = of_codes(
    "instance.meta-information",
    ("part10.meta-implicit", "part10.meta-length-missing", "part10.meta-length", "part10.meta-missing",
     "part10.meta-version", "part10.meta-un", "part10.meta-private"),
    cites="PS3.10 7.1",
    verifies="PS3.18-8.7.3.1-1",
    when=_always,
    says="File Meta Information is whole: its length is right and its required elements have values.",
)  # fmt: skip


@meta.mutant
def meta_length_is_wrong(x: Exchange) -> Answer | None:
    """The group length of File Meta Information is two octets short."""
    return _edited(x, lambda octets: octets[:140] + (_meta_end(octets) - 146).to_bytes(4, "little") + octets[144:])


@meta.mutant
def no_implementation(x: Exchange) -> Answer | None:
    """File Meta Information has no Implementation Class UID."""

    def change(octets: bytes) -> bytes | None:
        found = re.search(rb"\x02\x00\x12\x00UI(..)", octets, re.DOTALL)
        if not found:
            return None
        size = 8 + int.from_bytes(found.group(1), "little")
        shorter = (_meta_end(octets) - 144 - size).to_bytes(4, "little")
        return octets[:140] + shorter + octets[144 : found.start()] + octets[found.start() + size :]

    return _edited(x, change)


names = of_codes(
    "instance.meta-names-the-data-set",
    ("part10.meta-class", "part10.meta-instance"),
    cites="PS3.10 Table 7.1-1",
    verifies=("PS3.18-8.7.3.1-1", "PS3.18-6-1"),
    says="The SOP Class and SOP Instance UIDs of File Meta Information are those of the data set.",
)


@names.mutant
def meta_of_another(x: Exchange) -> Answer | None:
    """File Meta Information names another instance."""

    def change(octets: bytes) -> bytes | None:
        found = re.search(rb"\x02\x00\x03\x00UI..", octets, re.DOTALL)
        if not found:
            return None
        at = found.end() + 5
        return octets[:at] + (b"1" if octets[at : at + 1] != b"1" else b"2") + octets[at + 1 :]

    return _edited(x, change)


syntax = of_codes(
    "instance.encoded-as-it-says",
    ("part10.not-explicit", "part10.not-implicit", "part10.not-encapsulated", "part10.deflate",
     "part10.deflate-wrapped", "part10.deflate-rest", "part10.pixel-vr", "part10.no-pixels"),
    cites="PS3.10 7.1; PS3.5 10, Annex A",
    verifies=("PS3.18-6-1", "PS3.18-8.6.2.1-1"),
    says="The data set is encoded in the Transfer Syntax that File Meta Information names.",
)  # fmt: skip


def _renamed(octets: bytes, old: bytes, new: bytes) -> bytes | None:
    """The Transfer Syntax UID replaced by one of the same length."""
    assert len(old) == len(new)
    at = octets.find(old, 0, 600)
    return octets[:at] + new + octets[at + len(old) :] if at > 0 else None


@syntax.mutant(defects="M-WA-05")
def called_jpeg_2000(x: Exchange) -> Answer | None:
    """Native pixel data is called JPEG 2000."""

    def change(octets: bytes) -> bytes | None:
        if b"1.2.840.10008.1.2.1\0" not in octets[:600]:
            return None
        at, end = octets.index(b"1.2.840.10008.1.2.1\0"), _meta_end(octets)
        head = octets[: at - 2] + b"\x16\0" + b"1.2.840.10008.1.2.4.90" + octets[at + 20 : end]
        return head[:140] + (len(head) - 144).to_bytes(4, "little") + head[144:] + octets[end:]

    return _edited(x, change)


@syntax.mutant
def called_explicit(x: Exchange) -> Answer | None:
    """A data set in implicit VR is called explicit."""

    def change(octets: bytes) -> bytes | None:
        end = _meta_end(octets)
        first = octets[end : end + 8]
        size = int.from_bytes(first[6:8], "little")
        plain = first[4:6] in (b"CS", b"UI", b"DA", b"UL") and b"1.2.840.10008.1.2.1\0" in octets[:600]
        implicit = octets[end : end + 4] + size.to_bytes(4, "little") + octets[end + 8 : end + 8 + size]
        return octets[:end] + implicit if plain else None

    return _edited(x, change)


@syntax.mutant(defects=("M-WA-24", "M-WA-25"))
def called_deflated(x: Exchange) -> Answer | None:
    """A data set that is not deflated is called so."""

    def change(octets: bytes) -> bytes | None:
        at, end = octets.find(b"1.2.840.10008.1.2.1\0", 0, 600), _meta_end(octets)
        if at < 0:
            return None
        head = octets[: at - 2] + b"\x16\0" + b"1.2.840.10008.1.2.1.99" + octets[at + 20 : end]
        return head[:140] + (len(head) - 144).to_bytes(4, "little") + head[144:] + octets[end:]

    return _edited(x, change)


structure = of_codes(
    "instance.elements",
    ("part10.truncated", "part10.order", "part10.duplicate", "part10.odd-length", "part10.length-overrun",
     "part10.undefined-length", "part10.delimiter", "part10.delimiter-length", "part10.delimiter-missing",
     "part10.item-expected", "part10.group-0000", "part10.group-0002", "part10.reserved"),
    cites="PS3.5 7.1; 7.5",
    verifies="PS3.18-6-1",
    says="Elements stand in ascending order, once each, whole, with even lengths that fit what encloses them.",
)  # fmt: skip


@structure.mutant
def file_is_cut(x: Exchange) -> Answer | None:
    """The end of the file is missing."""
    return _edited(x, lambda octets: octets[:-10])


@structure.mutant
def patient_twice(x: Exchange) -> Answer | None:
    """An element stands twice, and behind its place."""
    return _edited(x, lambda octets: octets + b"\x10\0\x20\0LO\x02\0x ")


@structure.mutant(defects="M-WA-24")
def odd_length(x: Exchange) -> Answer | None:
    """A value has an odd length."""
    return _edited(x, lambda octets: octets + b"\xfc\xff\xfc\xffOB\0\0\x01\0\0\0\0")


vrs = of_codes(
    "instance.vr",
    ("part10.vr-unknown", "part10.vr-dictionary"),
    cites="PS3.5 6.2, 7.1.1; PS3.6 6",
    verifies=("PS3.18-6-1", "PS3.18-8.6.2.1-1"),
    inherited=True,
    says="Elements have the VR that PS3.6 gives them.",
)


@vrs.mutant
def wrong_vr(x: Exchange) -> Answer | None:
    """Modality is written as a long string."""
    return _edited(x, lambda octets: octets.replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0LO", 1))


private = of_codes(
    "instance.private-blocks",
    ("part10.private-group", "part10.private-element", "part10.private-creator"),
    cites="PS3.5 7.8.1",
    verifies="PS3.18-6-1",
    when=lambda reading: any(t[3] in "13579BDF" and t[4:] >= "1000" for t in reading.dataset.elements),
    inherited=True,
    says="A private element lies in a block that a Private Creator of the same data set reserves.",
)


@private.mutant(defects="M-JS-42")
def creator_is_lost(x: Exchange) -> Answer | None:
    """The Private Creator of a block is renamed to nothing."""

    def change(octets: bytes) -> bytes | None:
        found = re.search(rb"\x99\x00\x10\x00LO(..)", octets, re.DOTALL)
        size = int.from_bytes(found.group(1), "little") if found else 0
        return octets[: found.start()] + octets[found.end() + size :] if found else None

    return _edited(x, change)


values = of_codes(
    "instance.values",
    ("part10.value-size", "part10.character-set",
     *sorted(c for c in part10.CODES if c.startswith("part10.value-") and c != "part10.value-size")),
    cites="PS3.5 6.1, 6.2, 6.4; PS3.3 C.12.1.1.2",
    verifies="PS3.18-6-1",
    inherited=True,
    says="Values have the repertoire, the length and the form of their VR, in the character sets the data set names.",
)  # fmt: skip


@values.mutant
def date_with_letters(x: Exchange) -> Answer | None:
    """A date is written with hyphens."""

    def change(octets: bytes) -> bytes | None:
        found = re.search(rb"\x08\x00\x20\x00DA\x08\x00(....)(..)..", octets, re.DOTALL)
        if not found:
            return None
        return octets[: found.start() + 8] + b"24-01-31" + octets[found.end() :]

    return _edited(x, change)


@values.mutant(defects="M-JS-26")
def another_character_set(x: Exchange) -> Answer | None:
    """A data set names a character set that its text is not in."""
    return _edited(x, lambda octets: octets.replace(b"ISO_IR 100", b"ISO_IR 192", 1))


multiplicity = of_codes(
    "instance.multiplicity",
    ("part10.multiplicity",),
    cites="PS3.5 6.4; PS3.6 6",
    verifies="ENC-VR-013",
    inherited=True,
    says="An element has as many values as PS3.6 lets it have.",
)


def _twice(x: Exchange, head: bytes, octets: int, between: bytes = b"", after: bytes = b"") -> Answer | None:
    """The value behind this head of an element, of so many octets, stands twice."""

    def change(whole: bytes) -> bytes | None:
        before, found, rest = whole.partition(head + octets.to_bytes(2, "little"))
        value = rest[:octets] + between + rest[:octets] + after
        return before + head + len(value).to_bytes(2, "little") + value + rest[octets:] if found else None

    return _edited(x, change)


@multiplicity.mutant
def two_modalities(x: Exchange) -> Answer | None:
    """Modality has two values."""
    return _twice(x, b"\x08\0\x60\0CS", 2, b"\\", b" ")


@multiplicity.mutant
def two_numbers_of_rows(x: Exchange) -> Answer | None:
    """Rows has two numbers."""
    return _twice(x, b"\x28\0\x10\0US", 2)


fragments = of_codes(
    "instance.fragments",
    ("part10.fragment-length", "part10.offset-table", "part10.encapsulated-vr"),
    cites="PS3.5 A.4",
    verifies="PS3.18-6-1",
    when=lambda reading: any(e.fragments for e in reading.dataset.elements.values()),
    says="Encapsulated pixel data has fragments of a defined length and an offset table that points to them.",
)


@fragments.mutant(defects=("M-WA-12", "M-WA-13"))
def offsets_are_wrong(x: Exchange) -> Answer | None:
    """The Basic Offset Table points between fragments."""
    empty = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0" + bytes(4)
    wrong = empty[:-4] + b"\x04\0\0\0\x03\0\0\0"
    return _edited(x, lambda octets: octets.replace(empty, wrong, 1))
