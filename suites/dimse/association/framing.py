"""Rules of PS3.8 9.3 on how PDUs and their items are framed: types, lengths, reserved fields, order, names.

Must not know what the items mean, nor presentation data values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.association import Association
from harness.rule import BOTH, PDU, REQUESTOR, Finding, association
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ
from suites.dimse.association import octets
from suites.dimse.association.heard import flawed, negotiators, says

# flaw codes of the strict reader, by the rule that judges them
TYPE = ("pdu.type",)
LENGTHS = ("pdu.length", "pdu.item-length", "pdu.item-overrun", "pdu.item-rest", "pdu.user-length")
RESERVED = ("pdu.reserved",)
ORDER = ("pdu.item-order",)
ONCE = ("pdu.item-repeated", "pdu.item-missing", "pdu.item-misplaced")
UIDS = ("pdu.uid", "pdu.uid-padding")
VERSION = ("pdu.protocol-version",)
TITLES = ("pdu.ae-title", "pdu.ae-blank")


@association(
    "association.pdu-type",
    cites="PS3.8 9.3.1",
    verifies="UL-PDU-001",
    who=BOTH,
    when=lambda a: bool(a.heard),
    says="Every PDU is of one of the seven types.",
)
def pdu_type(a: Association) -> Iterator[Finding]:
    yield from flawed(a, TYPE)


@pdu_type.mutant(at=PDU)
def adds_a_pdu_of_its_own(raw: bytes) -> list[bytes] | None:
    """A PDU of a private type follows the acceptance."""
    return [raw, octets.pdu(0x81, b"private!")] if raw[:1] == b"\2" else None


@association(
    "association.lengths",
    cites="PS3.8 9.3.1 to 9.3.8; D.1.1; PS3.7 D.3.3",
    verifies="UL-PDU-001",
    who=BOTH,
    when=lambda a: bool(a.heard),
    says="The lengths of PDUs, items and sub-items are those of their fields, and the inner end within the outer.",
)
def lengths(a: Association) -> Iterator[Finding]:
    yield from flawed(a, LENGTHS)


@lengths.mutant(at=PDU)
def counts_the_header_of_the_last_item(raw: bytes) -> bytes | None:
    """The length of the user information counts its own four octets."""
    if raw[:1] not in (b"\1", b"\2"):
        return None
    given = octets.items(raw[octets.FIXED :])
    changed = b"".join(octets.item(t, c, length=len(c) + 4 * (t == 0x50)) for t, c in given)
    return octets.pdu(raw[0], raw[6 : octets.FIXED] + changed)


@lengths.mutant(at=PDU)
def release_without_its_reserved_field(raw: bytes) -> bytes | None:
    """Release PDUs are six octets long."""
    return octets.pdu(raw[0], b"") if raw[:1] in (b"\5", b"\6") else None


@lengths.mutant(at=PDU)
def maximum_length_in_two_octets(raw: bytes) -> bytes | None:
    """The maximum length takes two octets."""
    return _user(raw, lambda given: [(t, c[-2:] if t == 0x51 else c) for t, c in given])


def _user(raw: bytes, change: Callable[[list[octets.Item]], list[octets.Item]]) -> bytes | None:
    return octets.edited_user(raw, raw[0], change) if raw[:1] in (b"\1", b"\2") else None


@association(
    "association.reserved-is-zero",
    cites="PS3.8 9.3.2 to 9.3.8 Tables 9-11 to 9-26",
    verifies="UL-PDU-002",
    who=BOTH,
    when=lambda a: bool(a.heard),
    says="Reserved fields are sent as zero.",
)
def reserved_is_zero(a: Association) -> Iterator[Finding]:
    yield from flawed(a, RESERVED)


@reserved_is_zero.mutant(at=PDU)
def header_with_a_reserved_octet(raw: bytes) -> bytes:
    """The second octet of a PDU is not zero."""
    return raw[:1] + b"\1" + raw[2:]


@reserved_is_zero.mutant(at=PDU)
def context_with_a_reserved_octet(raw: bytes) -> bytes | None:
    """The last of the four octets before the syntaxes of a presentation context is not zero."""
    if raw[:1] not in (b"\1", b"\2"):
        return None
    return octets.edited_context(raw, raw[0], lambda n, c: c[:3] + b"\xff" + c[4:])


@association(
    "association.items-in-order",
    cites="PS3.8 9.3.1; 9.3.2.2",
    verifies="UL-PDU-008",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="Items stand in increasing order of their types, and the abstract syntax before the transfer syntaxes.",
)
def items_in_order(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ORDER)


@items_in_order.mutant(at=PDU)
def user_information_first(raw: bytes) -> bytes | None:
    """The items stand in reverse order."""
    return octets.edited(raw, raw[0], lambda given: given[::-1]) if raw[:1] in (b"\1", b"\2") else None


@association(
    "association.items-once",
    cites="PS3.8 9.3.2; 9.3.2.2; 9.3.3; PS3.7 D.3.1; D.3.2",
    verifies=("UL-ASSOC-014", "UL-ASSOC-015", "UL-ASSOC-018"),
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="There is one application context, one presentation context or more, and one user information.",
)
def items_once(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ONCE, ASSOCIATE_RQ, ASSOCIATE_AC)


@items_once.mutant(at=PDU)
def no_application_context(raw: bytes) -> bytes | None:
    """The application context is left out."""
    return _without(raw, 0x10)


@items_once.mutant(at=PDU)
def no_user_information(raw: bytes) -> bytes | None:
    """The user information is left out."""
    return _without(raw, 0x50)


@items_once.mutant(at=PDU)
def two_application_contexts(raw: bytes) -> bytes | None:
    """The application context stands twice."""
    return octets.edited(raw, raw[0], lambda given: [given[0], *given]) if raw[:1] in (b"\1", b"\2") else None


def _without(raw: bytes, type: int) -> bytes | None:
    if raw[:1] not in (b"\1", b"\2"):
        return None
    return octets.edited(raw, raw[0], lambda given: [one for one in given if one[0] != type])


@association(
    "association.uids",
    cites="PS3.8 F.1; PS3.5 9.1",
    verifies="UL-ASSOC-028",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="Names in items are UIDs of at most 64 characters, with neither padding nor leading zeros.",
)
def uids(a: Association) -> Iterator[Finding]:
    yield from flawed(a, UIDS)


@uids.mutant(at=PDU, defects="M-AS-13")
def pads_the_application_context(raw: bytes) -> bytes | None:
    """Names of odd length are padded with NUL to an even one."""
    if raw[:1] not in (b"\1", b"\2"):
        return None
    return octets.edited(raw, raw[0], lambda given: [(t, _even(c) if t == 0x10 else c) for t, c in given])


def _even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)


@uids.mutant(at=PDU)
def implementation_class_with_a_leading_zero(raw: bytes) -> bytes | None:
    """A component of the implementation class UID begins with a zero."""
    return _user(raw, lambda given: [(t, c + b".01" if t == 0x52 else c) for t, c in given])


@association(
    "association.protocol-version",
    cites="PS3.8 9.3.2 Table 9-11; 9.3.3 Table 9-17",
    verifies="UL-ASSOC-001",
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="The protocol version has bit 0 set, and no bit of a version that PS3.8 does not have.",
)
def protocol_version(a: Association) -> Iterator[Finding]:
    yield from flawed(a, VERSION)
    for turn, told in negotiators(a):
        if told.protocol_version & 1 and told.protocol_version != 1:
            # each bit names a version that is supported, and there is only one
            yield Finding(f"{told.protocol_version:04X}H", "0001H", f"{turn.where}, octet 6", warn=True)


@protocol_version.mutant(at=PDU)
def speaks_version_two(raw: bytes) -> bytes | None:
    """The protocol version is a number, not a bit: 0002H."""
    return raw[:6] + b"\0\2" + raw[8:] if raw[:1] in (b"\1", b"\2") else None


@protocol_version.mutant(at=PDU)
def speaks_every_version(raw: bytes) -> bytes | None:
    """Versions that do not exist are supported as well."""
    return raw[:6] + b"\0\3" + raw[8:] if raw[:1] in (b"\1", b"\2") else None


@association(
    "association.titles",
    cites="PS3.8 9.3.2 Table 9-11; PS3.5 6.2",
    verifies=("UL-ASSOC-004", "UL-ASSOC-006", "UL-ASSOC-007"),
    who=REQUESTOR,
    when=says(ASSOCIATE_RQ),
    says="AE titles are 16 characters of ISO 646, filled with spaces, and not all spaces.",
)
def titles(a: Association) -> Iterator[Finding]:
    for turn, told in negotiators(a):
        for name, title in (("called", told.called), ("calling", told.calling)):
            where = f"{turn.where}, {name} AE title"
            if turn.side != "requestor" or len(title) < 16:
                continue
            if any(octet < 0x20 or octet > 0x7E for octet in title):
                yield Finding(repr(title), "characters 20H to 7EH", where)
            elif not title.strip(b" "):
                yield Finding("16 spaces", "an AE title", where)
            elif b"\\" in title:  # the graphic set of Table 9-11 has it, the VR AE does not
                yield Finding(repr(title), "no backslash", where, warn=True)


@titles.mutant(at=PDU)
def fills_titles_with_nul(raw: bytes) -> bytes | None:
    """AE titles are filled with NUL in place of spaces."""
    return raw[:10] + raw[10:42].replace(b" ", b"\0") + raw[42:] if raw[:1] == b"\1" else None


@titles.mutant(at=PDU)
def calls_itself_nobody(raw: bytes) -> bytes | None:
    """The calling AE title is empty."""
    return raw[:26] + b" " * 16 + raw[42:] if raw[:1] == b"\1" else None
