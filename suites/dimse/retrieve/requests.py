"""Rules of PS3.4 C.4.2.1.4.1, C.4.2.2, C.4.3.1.3.1, C.4.3.2 and C.5.3 on what an SCU asks with C-GET and C-MOVE.

Must not know responses.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from harness.association import Association, Operation
from harness.make.identifiers import UNIQUE
from harness.rule import MESSAGE, PDU, REQUESTOR, SCU, SHALL_NOT, Finding, association, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.sop import ROOTS, STORAGE
from suites.dimse import bend, models
from suites.dimse.reading import dataset, readable, texts
from suites.dimse.retrieve.story import GET, MOVE

ON = f"{GET}|{MOVE}"
_GETS = frozenset(classes["get"] for classes in ROOTS.values())
_ALLOWED = frozenset({models.LEVEL, models.CHARSET, *UNIQUE.values()})


def _modelled(o: Operation) -> bool:
    return bool(models.model(o)) and readable(o, o.request)


def _leveled(o: Operation) -> bool:
    return _modelled(o) and models.level(dataset(o, o.request)) in models.levels(o)


@operation(
    "get-move.unique-keys-only",
    cites="PS3.4 C.2.2.1.2, C.2.2.1.3, C.4.2.1.4.1, C.4.3.1.3.1",
    verifies="SV-MOV-001",
    level=SHALL_NOT,
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_modelled,
    says="The identifier of a retrieval has the level and unique keys, no required or optional ones.",
)
def unique_keys_only(o: Operation) -> Iterator[Finding]:
    allowed = _ALLOWED | ({models.VIEW} if models.option(o, 1) else frozenset())
    extra = [t for t in dataset(o, o.request).elements if t not in allowed and not t.endswith("0000")]
    if extra:
        yield Finding(", ".join(sorted(extra)[:5]), "Query/Retrieve Level and unique keys", o.where())


@unique_keys_only.mutant(at=MESSAGE)
def names_the_patient_too(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrievals name the patient."""

    def more(found: Dataset) -> bool:
        found.PatientName = "A^B"
        return True

    return bend.rewritten(message, more) if bend.is_request(message, "get", "move") else None


@operation(
    "get-move.names-what-it-wants",
    cites="PS3.4 C.4.2.2.1, C.4.3.2.1, C.4.2.1.4.1; C.6.1.1.6, C.6.2.1.5",
    verifies="SV-MOV-001",
    on=ON,
    who=SCU,
    content=False,
    incomplete=True,
    when=_leveled,
    says="A retrieval has one value in each unique key above its level, and a value, or for UIDs a list, at its level.",
)
def names_what_it_wants(o: Operation) -> Iterator[Finding]:
    found = dataset(o, o.request)
    at = models.level(found)
    own = [v for v in texts(found, UNIQUE[at]) if v]
    if not own or (at == "PATIENT" and len(own) > 1) or any(set(v) & set("*?") for v in own):
        yield Finding(repr("\\".join(own)), "one value, or a list of UIDs", f"{o.where()}, {UNIQUE[at]}")
    for tag in models.unique_above(o, at) if not models.option(o, models.RELATIONAL) else ():
        values = [v for v in texts(found, tag) if v]
        if len(values) != 1:
            yield Finding(repr("\\".join(values)), "one value", f"{o.where()}, {tag}")


@names_what_it_wants.mutant(at=MESSAGE)
def retrieves_without_the_study(message: Sent, asked: Sent | None) -> Sent | None:
    """Retrievals do not name the study."""
    wanted = bend.is_request(message, "get", "move")
    return bend.rewritten(message, lambda found: bend.dropped(found, 0x0020000D)) if wanted else None


@association(
    "get-move.get-roles-proposed",
    cites="PS3.4 C.5.3, C.4.3.2.1; PS3.7 D.3.3.4",
    verifies="SV-GET-001",
    who=REQUESTOR,
    when=lambda a: bool(_asked(a) & _GETS),
    incomplete=True,
    says="Who proposes a C-GET also proposes storage SOP Classes with the SCP role for itself.",
)
def get_roles_proposed(a: Association) -> Iterator[Finding]:
    asked = a.request.pdu.associate if a.request else None
    roles = {r.uid for r in asked.user.roles if r.scp} if asked else set()
    if not roles & _asked(a):
        kept = [uid for uid in _asked(a) if uid in STORAGE]
        got = f"{len(kept)} storage SOP Classes, none with the SCP role"
        # without a C-GET nothing is expected to come (C.4.3.2.1), and no storage need be supported
        warn = not any(o.request.verb == "get" for o in a.operations)
        yield Finding(got, "role selection for each SOP Class that may come", "A-ASSOCIATE-RQ", warn=warn)


def _asked(a: Association) -> set[str]:
    asked = a.request.pdu.associate if a.request else None
    return {uid for c in asked.contexts for uid in c.abstract} if asked else set()


@get_roles_proposed.mutant(at=PDU)
def proposes_no_roles(octets: bytes) -> bytes | None:
    """The association request selects no roles."""
    if octets[:1] != b"\x01" or b"\x54\x00" not in octets:
        return None
    at = octets.rfind(b"\x50\x00", 0, octets.index(b"\x51\x00\x00\x04"))
    end = at + 4 + int.from_bytes(octets[at + 2 : at + 4], "big")
    kept, place = b"", at + 4
    while place + 4 <= end:
        size = 4 + int.from_bytes(octets[place + 2 : place + 4], "big")
        kept += b"" if octets[place] == 0x54 else octets[place : place + size]
        place += size
    body = octets[6:at] + octets[at : at + 2] + len(kept).to_bytes(2, "big") + kept + octets[end:]
    return octets[:2] + len(body).to_bytes(4, "big") + body
