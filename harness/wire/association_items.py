"""Knows what stands in A-ASSOCIATE-RQ and A-ASSOCIATE-AC: fixed fields, items and sub-items (PS3.8 9.3.2, 9.3.3, D).

Must not know the other PDUs, nor whether an answer fits its request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.body import Body
from harness.wire import user_items
from harness.wire.flaw import Flaws
from harness.wire.pdu_items import MOST, TOO_MANY, Item, Place, items_in
from harness.wire.user_items import User

CODES: dict[str, str] = {
    "pdu.too-many": TOO_MANY,
    "pdu.protocol-version": "Bit 0 of the protocol version is set (PS3.8 9.3.2, 9.3.3).",
    "pdu.ae-title": "An AE title has 16 characters of ISO 646, no control and no backslash (PS3.8 9.3.2, PS3.5 6.2).",
    "pdu.ae-blank": "An AE title is not all spaces (PS3.8 9.3.2).",
    "pdu.item-order": "Items stand in increasing order of their types; the abstract syntax comes first (PS3.8 9.3.1).",
    "pdu.item-repeated": "An item that is there once is not repeated (PS3.8 9.3.2, 9.3.3).",
    "pdu.item-missing": "The items that a PDU must have are there (PS3.8 9.3.2, 9.3.3).",
    "pdu.item-misplaced": "An item stands in the PDU and the item where it belongs (PS3.8 9.3.2, 9.3.3).",
    "pdu.item-unknown": "An item is of a type that PS3.8 defines; the receiver skips others (PS3.8 9.3.1).",
    "pdu.item-length": "The length of an item is that of its fields (PS3.8 9.3.2, 9.3.3).",
    "pdu.item-overrun": "An item ends within what encloses it (PS3.8 9.3.2, 9.3.3).",
    "pdu.item-rest": "Nothing stands behind the items (PS3.8 9.3.2, 9.3.3).",
    "pdu.context-id": "A presentation context ID is odd, 1 to 255 (PS3.8 9.3.2.2, 9.3.3.2, 9.3.5.1).",
    "pdu.context-repeated": "Each presentation context has an ID of its own (PS3.8 7.1.1.13, 7.1.1.14).",
    "pdu.result": "The result of a presentation context is 0 to 4 (PS3.8 9.3.3.2).",
    "pdu.transfer-many": "The answer for a presentation context has one transfer syntax (PS3.8 9.3.3.2).",
    "pdu.transfer-missing-rejected": "A presentation context that is not accepted has a transfer syntax sub-item that "
    "means nothing (PS3.8 9.3.3.2).",
    "pdu.uid": "A name is a UID of at most 64 characters, components without leading zeros (PS3.8 F.1, PS3.5 9.1).",
    "pdu.uid-padding": "A UID is not padded (PS3.8 F.1).",
    **user_items.CODES,
}
NOTES = frozenset({"pdu.item-unknown", "pdu.transfer-missing-rejected"}) | user_items.NOTES

APPLICATION, PROPOSED, ACCEPTED, ABSTRACT, TRANSFER, USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
FIXED = 68  # octets of the fields before the items
_TITLE = frozenset(range(0x20, 0x7F)) - {0x5C}


@dataclass(frozen=True)
class Context:
    """A presentation context; `result` is None in a request. UIDs are as sent, without padding."""

    id: int
    result: int | None
    abstract: tuple[str, ...]
    transfer: tuple[str, ...]
    at: int


@dataclass(frozen=True)
class Associate:
    """The content of an A-ASSOCIATE-RQ or -AC. Fixed fields are shorter than they should be when octets are missing.

    `items` are all items in the order they were met, unknown ones included; `user` is empty when there is none.
    """

    protocol_version: int = 0
    called: bytes = b""
    calling: bytes = b""
    reserved: bytes = b""
    application_contexts: tuple[str, ...] = ()
    contexts: tuple[Context, ...] = ()
    user: User = field(default_factory=User)
    items: tuple[Item, ...] = ()


def read_associate(octets: Body, end: int, request: bool, flaws: Flaws) -> Associate:
    """The PDU whose octets (header included) are here; `end` is where it ends by its length, maybe beyond them."""
    place = Place(octets, end, flaws)
    head = octets.read(6, FIXED)
    _fixed(head, place, request)
    found = _Found(request, place)
    for item in items_in(place, 6 + FIXED, end, "PDU"):
        found.take(item)
    found.check(place.whole and place.count < MOST)
    return Associate(
        int.from_bytes(head[:2], "big"),
        head[4:20],
        head[20:36],
        head[36:68],
        tuple(found.applications),
        tuple(found.contexts),
        found.user or User(),
        tuple(found.items),
    )


def _fixed(head: bytes, place: Place, request: bool) -> None:
    if len(head) >= 2 and not head[1] & 1:
        place.flaw("pdu.protocol-version", 6, head[:2].hex(), "bit 0 set")
    if any(head[2:4]):
        place.flaw("pdu.reserved", 8, head[2:4].hex(), "0000")
    if not request:  # the rest repeats the request
        return
    for at, name in ((4, "called"), (20, "calling")):
        title = head[at : at + 16]
        if len(title) == 16:
            _title(title, name, 6 + at, place)
    if any(head[36:68]):
        place.flaw("pdu.reserved", 42, head[36:68].hex(), "32 octets of zero")


def _title(title: bytes, name: str, at: int, place: Place) -> None:
    if not _TITLE.issuperset(title):
        place.flaw("pdu.ae-title", at, repr(title), f"a {name} AE title of 16 characters", name)
    elif not title.strip(b" "):
        place.flaw("pdu.ae-blank", at, repr(title), f"a {name} AE title", name)


class _Found:
    """The items of one PDU as they come, and what is wrong about them together."""

    def __init__(self, request: bool, place: Place) -> None:
        self.request = request
        self.place = place
        self.items: list[Item] = []
        self.applications: list[str] = []
        self.contexts: list[Context] = []
        self.user: User | None = None
        self._ids: set[int] = set()
        self._readers: Mapping[int, Callable[[Item], None]] = {
            APPLICATION: self._application,
            PROPOSED: self._context,
            ACCEPTED: self._context,
            USER: self._user,
        }

    def take(self, item: Item) -> None:
        place = self.place
        if self.items and item.type < self.items[-1].type:
            place.flaw("pdu.item-order", item.at, f"{item.type:02X}H after {self.items[-1].type:02X}H", "rising types")
        self.items.append(item)
        misplaced = ACCEPTED if self.request else PROPOSED
        if item.type == misplaced or item.type in (ABSTRACT, TRANSFER) or item.type in user_items.KNOWN:
            place.flaw("pdu.item-misplaced", item.at, f"{item.type:02X}H", f"{self._wanted} and others of this level")
        if item.type in self._readers:
            self._readers[item.type](item)
        elif item.type not in (ABSTRACT, TRANSFER) and item.type not in user_items.KNOWN:
            place.flaw("pdu.item-unknown", item.at, f"{item.type:02X}H", f"10H, {self._wanted} or 50H")

    @property
    def _wanted(self) -> str:
        return "20H" if self.request else "21H"

    def check(self, whole: bool) -> None:
        """What is missing, told only of a PDU that came whole."""
        there = {
            "10H (application context)": self.applications,
            f"{self._wanted} (presentation context)": self.contexts,
            "50H (user information)": self.user,
        }
        for name, content in there.items():
            if whole and (content is None or content == []):
                self.place.flaw("pdu.item-missing", 6 + FIXED, "none", f"an item {name}")

    def _application(self, item: Item) -> None:
        if self.applications:
            self.place.flaw("pdu.item-repeated", item.at, "a second item 10H", "one")
        self.applications.append(self.place.uid(item.content, item.at + 4))

    def _user(self, item: Item) -> None:
        if self.user is not None:
            self.place.flaw("pdu.item-repeated", item.at, "a second item 50H", "one")
        read = user_items.read_user(item, self.request, self.place)
        self.user = self.user or read

    def _context(self, item: Item) -> None:
        place, head = self.place, item.content.read(0, 4)
        if item.content.size < 4:
            if place.whole:
                place.flaw("pdu.item-length", item.at, f"{item.content.size} octets", "four octets and sub-items")
            return
        accepted = item.type == ACCEPTED
        result = head[2] if accepted else None
        reserved = head[1:2] + head[3:4] if accepted else head[1:4]
        if any(reserved):
            place.flaw("pdu.reserved", item.at + 5, head[1:].hex(" "), "zero where reserved", f"context {head[0]}")
        if not head[0] & 1:
            place.flaw("pdu.context-id", item.at + 4, str(head[0]), "an odd number")
        if head[0] in self._ids:
            place.flaw("pdu.context-repeated", item.at + 4, f"{head[0]} again", "each ID once")
        if result is not None and result > 4:
            place.flaw("pdu.result", item.at + 6, str(result), "0 to 4")
        self._ids.add(head[0])
        self.contexts.append(_syntaxes(Context(head[0], result, (), (), item.at), item, place))


def _syntaxes(context: Context, item: Item, place: Place) -> Context:
    """The context with the names of its sub-items."""
    names: dict[int, list[str]] = {ABSTRACT: [], TRANSFER: []}
    rejected = context.result not in (None, 0)
    asked = context.result is None
    known = (ABSTRACT, TRANSFER) if asked else (TRANSFER,)
    for sub in items_in(place, item.at + 8, item.at + 4 + item.length, f"item {item.type:02X}H"):
        if sub.type not in known:
            here = sub.type in (APPLICATION, PROPOSED, ACCEPTED, ABSTRACT, USER) or sub.type in user_items.KNOWN
            code = "pdu.item-misplaced" if here else "pdu.item-unknown"
            place.flaw(code, sub.at, f"{sub.type:02X}H in {item.type:02X}H", "30H and 40H" if asked else "40H")
        if sub.type == ABSTRACT and names[TRANSFER] and asked:
            place.flaw("pdu.item-order", sub.at, "30H after 40H", "30H first")
        if sub.type in names:
            names[sub.type].append(place.uid(sub.content, sub.at + 4, judge=not rejected))
    made = replace(context, abstract=tuple(names[ABSTRACT]), transfer=tuple(names[TRANSFER]))
    if place.whole and place.count < MOST:
        for code, got, want in _counted(made, asked):
            place.flaw(code, item.at, got, want, f"context {context.id}")
    return made


def _counted(context: Context, asked: bool) -> Iterator[tuple[str, str, str]]:
    """What is wrong with how many syntaxes there are."""
    if asked and not context.abstract:
        yield "pdu.item-missing", "no abstract syntax", "one"
    if asked and len(context.abstract) > 1:
        yield "pdu.item-repeated", f"{len(context.abstract)} abstract syntaxes", "one"
    if not context.transfer:
        accepted = asked or context.result == 0
        code = "pdu.item-missing" if accepted else "pdu.transfer-missing-rejected"
        yield code, "no transfer syntax", "one or more" if asked else "one"
    if not asked and len(context.transfer) > 1:
        yield "pdu.transfer-many", f"{len(context.transfer)} transfer syntaxes", "one"
