"""Knows the sub-items of the user information of an association (PS3.8 D.1, PS3.7 D.3.3).

Must not know the rest of the PDU, nor whether an answer fits its request. What a user identity holds is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.wire.pdu_items import MOST, Item, Place, items_in

CODES: dict[str, str] = {
    "pdu.user-missing": "User information has the maximum length and the implementation class UID "
    "(PS3.8 D.1, PS3.7 D.3.3.2).",
    "pdu.user-repeated": "A user information sub-item that is there once is not repeated (PS3.8 D.1, PS3.7 D.3.3).",
    "pdu.user-unknown": "A user information sub-item is of a type that PS3.7 and PS3.8 define; others are ignored by "
    "who receives them (PS3.8 D.2).",
    "pdu.user-length": "The length of a user information sub-item is that of its fields (PS3.8 D.1, PS3.7 D.3.3).",
    "pdu.user-misplaced": "A sub-item of the request is not in the answer, nor the other way round (PS3.7 D.3.3.6, "
    "D.3.3.7).",
    "pdu.user-class-repeated": "There is one such sub-item for each SOP Class (PS3.7 D.3.3.4.1, D.3.3.5.1, D.3.3.6.1).",
    "pdu.version-name": "An implementation version name has 1 to 16 characters of ISO 646 (PS3.7 D.3.3.2.3).",
    "pdu.role": "A role is 0 or 1 (PS3.7 D.3.3.4).",
    "pdu.common-version": "The version of a common extended negotiation sub-item is 0 (PS3.7 D.3.3.6.1).",
    "pdu.common-reserved": "Version 0 of a common extended negotiation sub-item ends with its related SOP Classes "
    "(PS3.7 D.3.3.6.1).",
    "pdu.identity-type": "A user identity is of type 1 to 5 (PS3.7 D.3.3.7.1).",
    "pdu.identity-positive": "Positive response requested is 0 or 1 (PS3.7 D.3.3.7.1).",
    "pdu.identity-secondary": "A secondary field has a length only with type 2 (PS3.7 D.3.3.7.1).",
}
NOTES = frozenset({"pdu.user-unknown"})

MAXIMUM, CLASS, WINDOW, ROLE, VERSION, EXTENDED, COMMON, IDENTITY, ANSWER = range(0x51, 0x5A)
KNOWN = frozenset(range(MAXIMUM, ANSWER + 1))
_ONCE = KNOWN - {ROLE, EXTENDED, COMMON}
_SIZES = {MAXIMUM: 4, WINDOW: 4}
_NAME = frozenset(range(0x20, 0x7F))


@dataclass(frozen=True)
class Role:
    """Role selection for a SOP Class: 1 supports or accepts the role, 0 does not (PS3.7 D.3.3.4)."""

    uid: str
    scu: int
    scp: int


@dataclass(frozen=True)
class Window:
    """Operations that may be outstanding, 0 for any number (PS3.7 D.3.3.3)."""

    invoked: int
    performed: int


@dataclass(frozen=True)
class Extended:
    """SOP Class Extended Negotiation: octets that the service class defines (PS3.7 D.3.3.5)."""

    uid: str
    information: bytes


@dataclass(frozen=True)
class Common:
    """SOP Class Common Extended Negotiation (PS3.7 D.3.3.6)."""

    uid: str
    service_class: str
    related: tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """Who the user is: type 1 to 5 and its fields (PS3.7 D.3.3.7.1)."""

    type: int
    positive: int
    primary: bytes
    secondary: bytes

    def __repr__(self) -> str:
        return f"Identity(type={self.type}, positive={self.positive})"


@dataclass(frozen=True)
class User:
    """User information; of sub-items that should be there once, the first. `items` are all in the order met."""

    maximum_length: int | None = None
    implementation_class: str = ""
    implementation_version: str = ""
    window: Window | None = None
    roles: tuple[Role, ...] = ()
    extended: tuple[Extended, ...] = ()
    common: tuple[Common, ...] = ()
    identity: Identity | None = None
    identity_answer: bytes | None = None
    items: tuple[Item, ...] = ()


def read_user(item: Item, request: bool, place: Place) -> User:
    """The sub-items of a user information item."""
    reader = _Reader(request, place)
    for sub in items_in(place, item.at + 4, item.at + 4 + item.length, "item 50H"):
        reader.take(sub)
    if place.whole and place.count < MOST:
        for kind, name in ((MAXIMUM, "maximum length"), (CLASS, "implementation class UID")):
            if kind not in reader.seen:
                place.flaw("pdu.user-missing", item.at, "none", f"a sub-item {kind:02X}H ({name})", "item 50H")
    return reader.user()


class _Reader:
    """The sub-items of one user information item as they come."""

    def __init__(self, request: bool, place: Place) -> None:
        self.request = request
        self.place = place
        self.items: list[Item] = []
        self.seen: set[int] = set()
        self.classes: set[tuple[int, str]] = set()
        self.maximum: int | None = None
        self.name = ""
        self.version = ""
        self.window: Window | None = None
        self.roles: list[Role] = []
        self.extended: list[Extended] = []
        self.common: list[Common] = []
        self.identity: Identity | None = None
        self.answer: bytes | None = None
        self._readers: Mapping[int, Callable[[Item], None]] = {
            MAXIMUM: self._maximum,
            CLASS: self._class,
            WINDOW: self._window,
            ROLE: self._role,
            VERSION: self._version,
            EXTENDED: self._extended,
            COMMON: self._common,
            IDENTITY: self._identity,
            ANSWER: self._answer,
        }

    def user(self) -> User:
        return User(
            self.maximum,
            self.name,
            self.version,
            self.window,
            tuple(self.roles),
            tuple(self.extended),
            tuple(self.common),
            self.identity,
            self.answer,
            tuple(self.items),
        )

    def take(self, item: Item) -> None:
        self.items.append(item)
        kind, what = item.type, f"sub-item {item.type:02X}H"
        if kind not in KNOWN:
            code = "pdu.user-unknown" if kind > ANSWER else "pdu.item-misplaced"
            self.place.flaw(code, item.at, f"{kind:02X}H", "51H to 59H", what)
            return
        if kind == (ANSWER if self.request else IDENTITY) or (kind == COMMON and not self.request):
            where = "a request" if self.request else "an answer"
            self.place.flaw("pdu.user-misplaced", item.at, f"{kind:02X}H in {where}", "none", what)
        if kind in _ONCE and kind in self.seen:
            self.place.flaw("pdu.user-repeated", item.at, "a second one", "one", what)
            return
        self.seen.add(kind)
        if kind in _SIZES and item.length != _SIZES[kind]:
            self._length(item, f"{_SIZES[kind]} octets")
        self._readers[kind](item)

    def _length(self, item: Item, want: str) -> None:
        self.place.flaw("pdu.user-length", item.at, f"{item.length} octets", want, f"sub-item {item.type:02X}H")

    def _octets(self, item: Item) -> bytes:
        return item.content.read(0, item.content.size)

    def _maximum(self, item: Item) -> None:
        octets = item.content.read(0, 4)
        if len(octets) == 4:
            self.maximum = int.from_bytes(octets, "big")

    def _class(self, item: Item) -> None:
        self.name = self.place.uid(item.content, item.at + 4)

    def _version(self, item: Item) -> None:
        octets = self._octets(item)
        self.version = octets.decode("latin-1").strip(" \0")
        if self.place.whole and not (1 <= len(octets) <= 16 and _NAME.issuperset(octets)):
            self.place.flaw("pdu.version-name", item.at, repr(octets[:40]), "1 to 16 characters", "sub-item 55H")

    def _window(self, item: Item) -> None:
        octets = item.content.read(0, 4)
        if len(octets) == 4:
            self.window = Window(int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:], "big"))

    def _named(self, item: Item) -> tuple[str, int] | None:
        """The SOP Class UID at the start of a sub-item and where it ends, None when it does not fit."""
        found = self._field(item, 0)
        if found is None:
            self._short(item)
            return None
        start, end = found
        uid = self.place.uid(item.content.slice(start, end), item.at + 4 + start)
        if (item.type, uid) in self.classes and (self.request or item.type != ROLE):
            self.place.flaw(
                "pdu.user-class-repeated", item.at, f"{uid[:80]!a} again", "once", f"sub-item {item.type:02X}H"
            )
        self.classes.add((item.type, uid))
        return uid, end

    def _field(self, item: Item, at: int) -> tuple[int, int] | None:
        """From where to where a field stretches that has its length of two octets at `at`."""
        head = item.content.read(at, 2)
        end = at + 2 + int.from_bytes(head, "big")
        return (at + 2, end) if len(head) == 2 and end <= item.content.size else None

    def _short(self, item: Item) -> None:
        if item.content.size == item.length:
            self._length(item, "fields that end within the sub-item")

    def _role(self, item: Item) -> None:
        found = self._named(item)
        if found is None:
            return
        uid, end = found
        roles = item.content.read(end, 2)
        if item.length != end + 2:
            self._length(item, f"{end + 2} octets")
        if len(roles) == 2:
            if max(roles) > 1:
                self.place.flaw("pdu.role", item.at, f"SCU {roles[0]}, SCP {roles[1]}", "0 or 1", "sub-item 54H")
            self.roles.append(Role(uid, roles[0], roles[1]))

    def _extended(self, item: Item) -> None:
        found = self._named(item)
        if found is not None:
            uid, end = found
            self.extended.append(Extended(uid, item.content.read(end, item.content.size - end)))

    def _common(self, item: Item) -> None:
        place, what = self.place, "sub-item 57H"
        version = place.octets.read(item.at + 1, 1)
        if version != b"\0":
            place.flaw("pdu.common-version", item.at + 1, version.hex(), "00", what)
        found = self._named(item)
        if found is None:
            return
        service = self._field(item, found[1])
        related = self._field(item, service[1]) if service else None
        if service is None or related is None:
            self._short(item)
            return
        service_class = place.uid(item.content.slice(*service), item.at + 4 + service[0])
        self.common.append(Common(found[0], service_class, self._related(item, *related)))
        if version == b"\0" and related[1] < item.length:
            rest = f"{item.length - related[1]} octets behind"
            place.flaw("pdu.common-reserved", item.at + 4 + related[1], rest, "nothing", what)

    def _related(self, item: Item, at: int, end: int) -> tuple[str, ...]:
        uids: list[str] = []
        while at < end:
            found = self._field(item, at)
            if found is None or found[1] > end:
                self._length(item, "related SOP Classes that end within their field")
                break
            uids.append(self.place.uid(item.content.slice(*found), item.at + 4 + found[0]))
            at = found[1]
        return tuple(uids)

    def _identity(self, item: Item) -> None:
        head = item.content.read(0, 2)
        primary = self._field(item, 2)
        secondary = self._field(item, primary[1]) if primary else None
        if primary is None or secondary is None:
            self._short(item)
            return
        if item.length != secondary[1]:
            self._length(item, f"{secondary[1]} octets")
        faults = (
            (not 1 <= head[0] <= 5, "pdu.identity-type", str(head[0]), "1 to 5"),
            (head[1] > 1, "pdu.identity-positive", str(head[1]), "0 or 1"),
            (
                secondary[1] > secondary[0] and head[0] != 2,
                "pdu.identity-secondary",
                f"{secondary[1] - secondary[0]} octets with type {head[0]}",
                "none",
            ),
        )
        for wrong, code, got, want in faults:
            if wrong:
                self.place.flaw(code, item.at, got, want, "sub-item 58H")
        octets = self._octets(item)
        self.identity = Identity(head[0], head[1], octets[slice(*primary)], octets[slice(*secondary)])

    def _answer(self, item: Item) -> None:
        found = self._field(item, 0)
        if found is None:
            self._short(item)
            return
        if item.length != found[1]:
            self._length(item, f"{found[1]} octets")
        self.answer = self._octets(item)[slice(*found)]
