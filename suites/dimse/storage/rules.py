"""Rules of PS3.4 Annex B and PS3.7 9.1.1 on C-STORE: what the command says of the data set, and what success means.

Must not know IODs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Journey
from harness.rule import BOTH, DOOR, MESSAGE, SCP, SCU, Finding, ground, journey, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.difference import Difference, difference
from suites.dimse import bend
from suites.dimse.bend import Door, but
from suites.dimse.reading import dataset, hexed, readable, text
from suites.dimse.storage.stored import KIND, Kept, kept, level_two, looked_for, returned, seen

ON = "dimse.storage.store"
KEEP = 5
CLASS, INSTANCE = "00080016", "00080018"
# Attributes that an SCP may coerce, with a warning (Table B.4-1)
COERCED = frozenset({"00100020", "00100021", "00101002", "0020000D", "0020000E"})


@operation(
    "storage.command-names-the-data-set",
    cites="PS3.7 9.1.1.1.3, 9.1.1.1.4, 9.3.1.1",
    verifies="SV-STO-007",
    on=ON,
    who=SCU,
    content=False,
    when=lambda o: readable(o, o.request) and not o.facts.get("provoked"),
    says="Affected SOP Class and Instance UID of a C-STORE request are those of its data set.",
)
def command_names_the_data_set(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    for keyword, tag in (("AffectedSOPClassUID", CLASS), ("AffectedSOPInstanceUID", INSTANCE)):
        said, held = o.request.command.text(keyword), text(found, tag)
        if said != held:
            yield Finding(said or "none", held or "no UID in the data set", f"{o.where()}, {keyword}")


@command_names_the_data_set.mutant(at=MESSAGE)
def sends_under_another_name(message: Sent, asked: Sent | None) -> Sent | None:
    """C-STORE requests name another instance than their data set."""
    return but(message, AffectedSOPInstanceUID="2.25.7") if bend.is_request(message, "store") else None


@operation(
    "storage.accepts-what-is-legal",
    cites="PS3.4 B.2.2, B.4.1.1; PS3.5 6.2.2, 7.1, 7.5, 7.8",
    verifies=("SV-STO-001", "ENC-EL-007", "ENC-EL-011", "ENC-TS-001"),
    on=ON,
    who=SCP,
    content=False,
    when=lambda o: o.facts.get("legal") is True and o.agreed is not None and o.final is not None,
    says="A legal instance in an accepted context is not refused as unintelligible or as of another SOP Class.",
)
def accepts_what_is_legal(o: Operation) -> Iterator[Finding]:
    status = o.status or 0
    if status >> 8 == 0xA9 or status >> 12 == 0xC or status in (0x0122, 0x0117, 0x0211, 0x0212):
        want = "0000H, or a refusal for want of resources or rights"
        yield Finding(hexed(status), want, f"{o.where(o.final)} for {o.request.sop_class} in {o.transfer}")


@accepts_what_is_legal.mutant(at=MESSAGE, defects="M-CM-28")
def understands_nothing(message: Sent, asked: Sent | None) -> Sent | None:
    """Every C-STORE is answered C000H."""
    return but(message, Status=0xC000) if bend.is_response(message, "store") else None


@journey(
    "storage.success-means-stored",
    cites="PS3.4 B.1.2, B.2.2",
    verifies="SV-STO-002",
    on=KIND,
    who=BOTH,
    when=lambda j: any(uid in kept(j) for _, uid in looked_for(j)),
    says="What was stored with Success or Warning is found or retrieved by its UIDs.",
)
def success_means_stored(j: Journey) -> Iterator[Finding]:
    there, asked = seen(j), {uid for _, uid in looked_for(j)}
    for uid, held in kept(j).items():
        if uid in asked and uid not in there:
            got = f"{uid} was acknowledged with {hexed(held.operation.status)}, and is not there"
            yield Finding(got, "found or retrieved", held.operation.where(), seq=held.operation.seq)


@success_means_stored.mutant(at=DOOR, defects="M-CM-01")
def acknowledges_and_forgets(request: Sent, door: Door) -> Iterable[Sent]:
    """C-STORE is answered 0000H, and nothing is stored."""
    if not bend.is_request(request, "store"):
        return door(request)
    command = {
        "CommandField": 0x8001, "MessageIDBeingRespondedTo": request.id, "CommandDataSetType": 0x0101, "Status": 0,
        "AffectedSOPClassUID": request.sop_class, "AffectedSOPInstanceUID": request.instance,
    }  # fmt: skip
    return [Sent(request.context, command)]


ground("storage", success_means_stored)


def _compared(j: Journey) -> Iterator[tuple[Kept, Operation, list[Difference]]]:
    """What was stored beside what came back, with every difference; pixels as far as both are coded alike."""
    held = kept(j)
    for uid, o, found in returned(j):
        if uid in held and found.elements:
            yield held[uid], o, list(difference(found, held[uid].dataset, pixels=_alike(held[uid], o)))


def _alike(held: Kept, o: Operation) -> bool:
    """Both are in the same transfer syntax: then the pixels are the same octets."""
    return held.operation.transfer == o.transfer


@journey(
    "storage.values-are-kept",
    cites="PS3.4 B.4.1.1, B.4.1.3, B.2.3",
    verifies=("SV-STO-003", "SV-STO-005", "ENC-CS-005", "ENC-EL-011", "ENC-EL-009"),
    on=KIND,
    who=BOTH,
    when=lambda j: any(True for _ in _compared(j)),
    says="What was stored without a warning comes back with the values that were sent.",
)
def values_are_kept(j: Journey) -> Iterator[Finding]:
    for held, o, differences in _compared(j):
        changed = [d for d in differences if "absent" not in (d.got, d.want)]
        for d in changed[:KEEP] if held.silent or level_two(held.operation) else ():
            hint = " and a warning when it was stored" if d.path in COERCED else ""
            where = f"{o.where()}, {d.path} of {held.uid}"
            yield Finding(d.got, f"{d.want}, as sent{hint}", where, seq=o.seq)


@values_are_kept.mutant(at=MESSAGE, defects="M-CF-32")
def rounds_the_patient_off(message: Sent, asked: Sent | None) -> Sent | None:
    """What is handed out has another patient's name."""

    def renamed(found: Dataset) -> bool:
        found.PatientName = "SOMEBODY^ELSE"
        return True

    return bend.rewritten(message, renamed) if bend.is_request(message, "store") else None


@values_are_kept.mutant(at=MESSAGE)
def flips_a_pixel(message: Sent, asked: Sent | None) -> Sent | None:
    """The last octet but two of what is handed out is another one."""
    octets = bend.octets_of(message)
    if not bend.is_request(message, "store") or len(octets) < 200:
        return None
    at = len(octets) - 3
    return message.carrying(octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :])


@values_are_kept.mutant(at=MESSAGE)
def coerces_the_patient_id(message: Sent, asked: Sent | None) -> Sent | None:
    """What is handed out has a Patient ID of the archive's own."""

    def coerced(found: Dataset) -> bool:
        found.PatientID = f"X{found.get('PatientID') or ''!s}"[:64]
        return True

    return bend.rewritten(message, coerced) if bend.is_request(message, "store") else None


@journey(
    "storage.attributes-are-kept",
    cites="PS3.4 B.4.1.1, B.3.1.2",
    verifies=("SV-STO-003", "SV-STO-004", "SV-STO-010", "SV-STO-015"),
    on=KIND,
    who=BOTH,
    when=lambda j: any(True for _ in _compared(j)),
    says="What was stored comes back with every attribute: a demand where level 2 was declared, else worth a look.",
)
def attributes_are_kept(j: Journey) -> Iterator[Finding]:
    for held, o, differences in _compared(j):
        whole = level_two(held.operation)
        lost = [d for d in differences if d.got == "absent" and not _empty(d.want)]
        for d in lost[:KEEP]:
            where = f"{o.where()}, {d.path} of {held.uid}"
            # lower levels may discard, and nobody has to say which level he is (B.3.1); no level may lose its identity
            warn = not whole and d.path not in (CLASS, INSTANCE, "0020000D", "0020000E", "00100010", "00100020")
            yield Finding("absent", f"{d.want}, as sent", where, seq=o.seq, warn=warn)


def _empty(shown: str) -> bool:
    """A Type 3 attribute without a value means the same as none (B.4.1.1)."""
    return shown.endswith("empty") or shown.endswith(" 0 items")


@attributes_are_kept.mutant(at=MESSAGE)
def loses_the_patient(message: Sent, asked: Sent | None) -> Sent | None:
    """What is handed out has no patient's name and no Patient ID."""
    if not bend.is_request(message, "store"):
        return None
    return bend.rewritten(message, lambda found: bend.dropped(found, 0x00100010, 0x00100020))


@journey(
    "storage.nothing-is-added",
    cites="PS3.4 B.4.1.3, B.4.1.1",
    verifies=("SV-STO-003", "SV-STO-005"),
    on=KIND,
    who=BOTH,
    when=lambda j: any(True for _ in _compared(j)),
    says="What was stored without a warning comes back without patient, study or series attributes of other origin.",
)
def nothing_is_added(j: Journey) -> Iterator[Finding]:
    for held, o, differences in _compared(j):
        added = [d for d in differences if d.want == "absent"]
        for d in added[:KEEP]:
            # an archive may say of its own where an instance comes from; identity is coerced with a warning alone
            warn = d.path.partition(".")[0] not in COERCED or not held.silent
            yield Finding(d.got, "absent, as sent", f"{o.where()}, {d.path} of {held.uid}", seq=o.seq, warn=warn)


@nothing_is_added.mutant(at=MESSAGE)
def adds_an_issuer(message: Sent, asked: Sent | None) -> Sent | None:
    """What is handed out has an Issuer of Patient ID that nobody sent."""

    def issued(found: Dataset) -> bool:
        fresh = "IssuerOfPatientID" not in found
        found.IssuerOfPatientID = "HERE"
        return fresh

    return bend.rewritten(message, issued) if bend.is_request(message, "store") else None
