"""The rules of suites/model on data elements, put to the data sets that travel in DIMSE messages (PS3.5, PS3.7 6.3).

Must not know services: identifiers and instances are judged alike, whoever sent them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from pydicom.dataset import Dataset

from harness.association import Operation
from harness.exchange import Exchange
from harness.rule import BOTH, MESSAGE, Finding, Rule, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from suites.dimse import bend
from suites.dimse.reading import dataset, heard, read
from suites.model import instance

Skip = Callable[[Message], bool]


def _key_values(message: Message) -> bool:
    """The values of a request's identifier are patterns, ranges and lists, longer than their VR allows (C.2.2.2)."""
    return message.name == "C-FIND-RQ"


def _others(o: Operation, side: str, message: Message) -> bool:
    """A service hands out what others stored in it; `ours` names what this run put there."""
    handed_out = message.name == "C-STORE-RQ" and any(
        p.request.verb in ("get", "move") for p in o.association.operations
    )
    originated = message.name == "C-STORE-RQ" and message.command.has("MoveOriginatorMessageID")
    found = message.verb == "find" and not message.request
    return (handed_out or originated or found) and message.instance not in o.facts.get("ours", ())


def twin(
    of: Rule[Exchange], id: str, *, verifies: str | Collection[str], inherited: bool = False, skip: Skip | None = None
) -> Rule[Operation]:
    """The rule on instances in files put to data sets in messages: the same flaws, clauses and sentence.

    `inherited`: what is wrong may have been stored that way by somebody else, so that only a warning is sure.
    """
    codes = frozenset(code for code, owner in instance.RULE_OF.items() if of.id in owner.split(" and "))

    def bearing(o: Operation) -> Iterator[tuple[str, Message]]:
        for side, message in heard(o):
            if message.data is not None and message.context in o.association.contexts and not (skip and skip(message)):
                yield side, message

    def judgement(o: Operation) -> Iterator[Finding]:
        for side, message in bearing(o):
            warn = inherited and _others(o, side, message)
            for flaw in read(o, message)[1].kept:
                if flaw.code in codes:
                    yield Finding(flaw.got, flaw.want, f"{o.where(message)}, {flaw.where}", warn=warn)

    return operation(
        id,
        cites=of.cites,
        says=of.says,
        verifies=verifies,
        on="dimse",
        who=BOTH,
        content=False,
        incomplete=True,
        when=lambda o: any(True for _ in bearing(o)),
    )(judgement)


def _raw(octets: bytes, group: int, number: int, vr: str, value: bytes) -> bytes:
    """One element in the encoding of these octets."""
    tag = group.to_bytes(2, "little") + number.to_bytes(2, "little")
    if not bend.explicit(octets):
        return tag + len(value).to_bytes(4, "little") + value
    long = vr in ("OB", "UN", "SQ")
    size = b"\0\0" + len(value).to_bytes(4, "little") if long else len(value).to_bytes(2, "little")
    return tag + vr.encode() + size + value


def _appended(message: Sent, group: int, number: int, vr: str, value: bytes) -> Sent | None:
    octets = bend.octets_of(message)
    return message.carrying(octets + _raw(octets, group, number, vr, value)) if octets else None


structure = twin(
    instance.structure,
    "dataset.elements",
    verifies=("ENC-EL-001", "ENC-EL-002", "ENC-EL-003", "ENC-EL-006"),
)


@structure.mutant(at=MESSAGE, defects="M-CF-12")
def a_group_that_stands_behind(message: Sent, asked: Sent | None) -> Sent | None:
    """A patient's name stands behind everything else."""
    return _appended(message, 0x0010, 0x0010, "PN", b"A^B ")


@structure.mutant(at=MESSAGE)
def an_odd_length(message: Sent, asked: Sent | None) -> Sent | None:
    """The last value has an odd length."""
    return _appended(message, 0xFFFC, 0xFFFC, "OB", b"\0")


@structure.mutant(at=MESSAGE)
def a_cut_data_set(message: Sent, asked: Sent | None) -> Sent | None:
    """The last three octets of a data set are missing."""
    octets = bend.octets_of(message)
    return message.carrying(octets[:-3]) if len(octets) > 12 else None


vrs = twin(instance.vrs, "dataset.vr", verifies=("ENC-EL-003", "ENC-EL-009"), inherited=True)


@vrs.mutant(at=MESSAGE)
def names_as_long_strings(message: Sent, asked: Sent | None) -> Sent | None:
    """The VR of a name or of a level is another one."""
    for tag, right, wrong in ((b"\x10\0\x10\0", b"PN", b"LO"), (b"\x08\0\x52\0", b"CS", b"LO")):
        if changed := bend.replaced(message, tag + right, tag + wrong):
            return changed
    return None


private = twin(instance.private, "dataset.private-blocks", verifies="ENC-EL-008", inherited=True)


@private.mutant(at=MESSAGE, defects="M-CM-29")
def an_element_without_its_creator(message: Sent, asked: Sent | None) -> Sent | None:
    """The creator of a private block is lost, or a private element stands where nothing reserves a block."""

    def orphaned(found: Dataset) -> bool:
        creators = [e.tag for e in found if e.tag.is_private_creator]
        for tag in creators[:1]:
            del found[tag]
        return bool(creators)

    return bend.rewritten(message, orphaned) or _appended(message, 0x7FE1, 0x1010, "LO", b"X ")


values = twin(
    instance.values,
    "dataset.values",
    verifies=(
        "ENC-VR-001", "ENC-VR-002", "ENC-VR-003", "ENC-VR-004", "ENC-VR-005", "ENC-VR-006", "ENC-VR-007", "ENC-VR-008",
        "ENC-VR-009", "ENC-VR-010", "ENC-VR-011", "ENC-VR-012", "ENC-VR-014", "ENC-CS-001", "ENC-CS-002", "ENC-CS-003",
        "ENC-CS-004",
    ),
    inherited=True,
    skip=_key_values,
)  # fmt: skip


@values.mutant(at=MESSAGE)
def dates_with_hyphens(message: Sent, asked: Sent | None) -> Sent | None:
    """Study Date is written with hyphens."""
    octets = bend.octets_of(message)
    met = re.search(rb"\x08\x00\x20\x00(?:DA\x08\x00|\x08\x00\x00\x00)([0-9]{8})", octets)
    return message.carrying(octets[: met.start(1)] + b"24-01-31" + octets[met.end(1) :]) if met else None


@values.mutant(at=MESSAGE, defects=("M-CF-29", "D-CF-01"))
def latin_1_called_utf_8(message: Sent, asked: Sent | None) -> Sent | None:
    """A data set in ISO_IR 100 says that it is in UTF-8."""
    return bend.replaced(message, b"ISO_IR 100", b"ISO_IR 192")


@values.mutant(at=MESSAGE, defects="M-CF-30")
def no_character_set(message: Sent, asked: Sent | None) -> Sent | None:
    """Specific Character Set is left out."""

    octets = bend.octets_of(message)
    if octets.isascii():
        return None
    met = re.match(rb"\x08\x00\x05\x00(?:CS(..)|(....))", octets, re.DOTALL)
    if met is None:
        return None
    size = int.from_bytes(met.group(1) or met.group(2), "little")
    return message.carrying(octets[met.end() + size :])


@values.mutant(at=MESSAGE, defects="M-CF-38")
def a_term_that_is_none(message: Sent, asked: Sent | None) -> Sent | None:
    """Specific Character Set has a value that is no Defined Term."""
    return bend.replaced(message, b"ISO_IR 1", b"ISO-IR 1")


def _lists(message: Message) -> bool:
    """Identifiers of requests may list UIDs where the attribute has one (C.2.2.2.2)."""
    return message.name in ("C-FIND-RQ", "C-GET-RQ", "C-MOVE-RQ")


multiplicity = twin(instance.multiplicity, "dataset.multiplicity", verifies="ENC-VR-013", inherited=True, skip=_lists)


@multiplicity.mutant(at=MESSAGE)
def two_levels(message: Sent, asked: Sent | None) -> Sent | None:
    """An attribute that has one value has two."""

    def doubled(found: Dataset) -> bool:
        for keyword, value in (("QueryRetrieveLevel", "STUDY"), ("Modality", "CT")):
            if keyword in found:
                setattr(found, keyword, [value, value])
                return True
        return False

    return bend.rewritten(message, doubled)


syntax = twin(instance.syntax, "dataset.transfer-syntax", verifies=("ENC-TS-001", "ENC-TS-002"))


@syntax.mutant(at=MESSAGE)
def in_the_other_vr(message: Sent, asked: Sent | None) -> Sent | None:
    """Data sets in explicit VR are sent where implicit was agreed, and the other way round."""
    octets = bend.octets_of(message)
    if not octets:
        return None
    other = b"\0" * 4 if bend.explicit(octets) else b"\x08\0\x05\0CS"
    return message.carrying(bend.encoded(bend.decoded(octets), other))


fragments = twin(instance.fragments, "dataset.fragments", verifies=("ENC-TS-004", "ENC-TS-005"))


@fragments.mutant(at=MESSAGE)
def offsets_between_fragments(message: Sent, asked: Sent | None) -> Sent | None:
    """The Basic Offset Table points between fragments."""
    empty = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0" + bytes(4)
    return bend.replaced(message, empty, empty[:-4] + b"\x04\0\0\0\x03\0\0\0")


@operation(
    "dataset.groups",
    cites="PS3.5 7.1, 7.8.1; PS3.4 C.4.1.1.3",
    verifies="ENC-EL-010",
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: any(m.data is not None and m.context in o.association.contexts for _, m in heard(o)),
    says="A data set on the network has no elements of groups below 0008.",
)
def groups(o: Operation) -> Iterator[Finding]:
    for _, message in heard(o):
        found = dataset(o, message)
        low = sorted(tag for tag in found.elements if tag[:4] < "0008")
        if low:
            yield Finding(", ".join(low[:5]), "elements of group 0008 and above", o.where(message))


@groups.mutant(at=MESSAGE)
def tells_the_transfer_syntax(message: Sent, asked: Sent | None) -> Sent | None:
    """Data sets begin with Transfer Syntax UID."""
    octets = bend.octets_of(message)
    first = _raw(octets, 0x0002, 0x0010, "UI", b"1.2.840.10008.1.2\0")
    return message.carrying(first + octets) if octets else None


@groups.mutant(at=MESSAGE)
def an_element_of_group_0004(message: Sent, asked: Sent | None) -> Sent | None:
    """Data sets begin with an element of a directory record."""
    octets = bend.octets_of(message)
    return message.carrying(_raw(octets, 0x0004, 0x1430, "CS", b"IMAGE ") + octets) if octets else None
