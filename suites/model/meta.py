"""Rules of PS3.10 7.1 on what File Meta Information says of the data set behind it.

Must not know services; how File Meta Information is written is judged in `instance`.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.past import SOP_CLASS, SOP_INSTANCE
from harness.rule import BOTH, Finding, rule
from harness.wire import part10
from suites.model.altered import reframed

DICOM = "application/dicom"
_OF_META = {"00020003": SOP_INSTANCE, "00020002": SOP_CLASS}


def _told(reading: part10.Reading) -> list[tuple[str, str, str]]:
    """Tag in File Meta Information, what it says, and what the data set says, where both say something."""
    both = ((tag, reading.meta.text(tag), reading.dataset.text(inner)) for tag, inner in _OF_META.items())
    return [row for row in both if row[1] and row[2]]


def _named(x: Exchange) -> list[tuple[str, part10.Reading]]:
    """The files that name themselves, each with its place, but those that were stored as they are."""
    message = x.message
    if message is x.answer and not x.answer.ok:
        return []
    found = [(f"file {n}", reading) for n, reading in enumerate(message.files, 1)]
    return [(where, reading) for where, reading in found if _told(reading) and not _sent_so(x, reading)]


def _sent_so(x: Exchange, reading: part10.Reading) -> bool:
    past = x.context.past if x.context and _of_server(x) else None
    kept = past.get(reading.dataset.text(SOP_INSTANCE)) if past else None
    return kept is not None and any(said != wanted for _, said, wanted in _told(part10.read(kept.sent)))


def _of_server(x: Exchange) -> bool:
    return x.message is x.answer and not x.kind.startswith("file")


@rule(
    "instance.meta-names-the-instance",
    cites="PS3.10 7.1 Table 7.1-1",
    verifies="PS3.18-6-1",
    on="web|file.dicom",
    who=BOTH,
    when=lambda x: bool(_named(x)),
    says="File Meta Information names the SOP Class and the SOP Instance UID of the data set that follows it.",
)
def meta_names_the_instance(x: Exchange) -> Iterator[Finding]:
    for where, reading in _named(x)[:20]:
        for tag, said, wanted in _told(reading):
            if said != wanted:
                yield Finding(said, wanted, f"{where} ({tag[:4]},{tag[4:]})")


@meta_names_the_instance.mutant
def meta_of_the_original(x: Exchange) -> Answer | None:
    """A data set gets another SOP Instance UID, and File Meta Information keeps the one it had."""
    message = x.message
    contents = [message.payload] if message.type == DICOM else [p.content for p in message.parts]
    octets = [c.bytes() for c in contents]
    changed = [_renamed(old, reading) for old, reading in zip(octets, message.files, strict=False)]
    if len(octets) != len(message.files) or octets == changed:
        return None
    if message.type == DICOM:
        return message.but(body=changed[0])  # type: ignore[return-value]
    if not isinstance(message, Answer):
        return None
    return reframed(message, [(p.fields, c) for p, c in zip(message.parts, changed, strict=True)])


def _renamed(octets: bytes, reading: part10.Reading) -> bytes:
    """The file with one digit changed in the Media Storage SOP Instance UID."""
    uid = reading.meta.text("00020003").encode()
    at = octets.find(uid, 132, 1024) if uid else -1
    if at < 0:
        return octets
    last = at + len(uid) - 1
    return octets[:last] + (b"1" if octets[last : last + 1] != b"1" else b"2") + octets[last + 1 :]
