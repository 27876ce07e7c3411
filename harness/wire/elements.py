"""Knows data elements on octets (PS3.5 7, A.1 to A.5): strict, every flaw with its offset and tag path.

Must not know files, messages or IODs; pixel data is located, not decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.body import Body
from harness.wire import charset, multiplicity, text_field, vr
from harness.wire.ahead import Ahead
from harness.wire.flaw import Flaws

CODES: dict[str, str] = {
    "part10.truncated": "The data set ends with a whole element (PS3.5 7.1).",
    "part10.not-explicit": "Elements of an explicit VR Transfer Syntax carry a VR (PS3.5 7.1.2, A.2).",
    "part10.not-implicit": "Elements of an implicit VR Transfer Syntax carry no VR (PS3.5 7.1.3, A.1).",
    "part10.vr-unknown": "The VR is one of PS3.5 Table 6.2-1 (PS3.5 6.2).",
    "part10.vr-dictionary": "The VR is one that PS3.6 gives the element (PS3.5 7.1.1).",
    "part10.reserved": "The two octets after a VR with a long length are zero (PS3.5 7.1.2).",
    "part10.order": "Elements stand in ascending order of their tags (PS3.5 7.1).",
    "part10.duplicate": "An element occurs once in a data set (PS3.5 7.1).",
    "part10.odd-length": "The length of a value is even (PS3.5 7.1.1).",
    "part10.length-overrun": "A value ends within what encloses it (PS3.5 7.1.1, 7.5.1).",
    "part10.undefined-length": "Undefined length is used for SQ, UN and encapsulated Pixel Data only (PS3.5 7.1.1).",
    "part10.encapsulated-vr": "Encapsulated Pixel Data has the VR OB (PS3.5 A.4).",
    "part10.delimiter": "An item or delimitation tag stands only where one belongs (PS3.5 7.5).",
    "part10.delimiter-length": "A delimitation item has length zero (PS3.5 7.5.1, 7.5.2).",
    "part10.delimiter-missing": "What has undefined length is closed by its delimitation item (PS3.5 7.5.1, 7.5.2).",
    "part10.item-expected": "A sequence is made of items (PS3.5 7.5.1).",
    "part10.depth": "Sequences nest at most 64 deep, our bound.",
    "part10.too-many": "A data set has at most 600000 elements, items and fragments, our bound.",
    "part10.group-0000": "No command element stands in a data set (PS3.5 7.1).",
    "part10.group-0002": "No File Meta Information stands in a data set (PS3.10 7.1).",
    "part10.group-length": "Group lengths outside groups 0000 and 0002 are retired (PS3.5 7.2).",
    "part10.private-group": "A private group is not 0001, 0003, 0005, 0007 or FFFF (PS3.5 7.8).",
    "part10.private-element": "A private element is gggg,0010-00FF or lies in a block of those (PS3.5 7.8.1).",
    "part10.private-creator": "The block of a private element is reserved in the same data set (PS3.5 7.8.1).",
    "part10.character-set": "Specific Character Set has Defined Terms (PS3.3 C.12.1.1.2).",
    "part10.multiplicity": "An element has as many values as PS3.6 lets it have (PS3.5 6.4; PS3.6 6).",
    "part10.value-size": "A value field holds whole values of its VR (PS3.5 6.2, 6.4).",
    "part10.fragment-length": "A fragment has a defined length of at least two octets (PS3.5 A.4).",
    "part10.offset-table": "The Basic Offset Table is empty or points to fragments in order (PS3.5 A.4).",
    **{f"part10.value-{kind}": says for kind, says in vr.KINDS.items() if kind not in ("space", "escape")},
}
NOTES = frozenset({"part10.group-length"})

DEEPEST = 64
MOST = 600_000  # elements, items and fragments together
SHORT = 64 << 10  # values up to this many octets are looked into
UNDEFINED = 0xFFFFFFFF
WINDOW = 64 << 10
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_WORDS = vr.WORD | {"AT": 4}  # octets of one value
_TABLE = 1 << 20  # octets of an offset table that are looked into
_PIXELS = "7FE00010"


@dataclass(frozen=True, slots=True)
class Element:
    """One data element. `tag` is eight upper-case hex digits. Exactly one of `value` (in place), `items`
    (a sequence) and `fragments` (encapsulated pixel data, the first one is the Basic Offset Table) is set."""

    tag: str
    vr: str
    at: int
    value: Body | None = None
    items: Sequence[DataSet] | None = None
    fragments: Sequence[Body] | None = None

    @property
    def empty(self) -> bool:
        """Of length zero; an empty sequence is empty as well."""
        return not self.value and not self.items and not self.fragments


@dataclass(frozen=True)
class DataSet:
    """Elements by tag in the order they were met; with the byte order of their values and the character sets."""

    elements: Mapping[str, Element] = field(default_factory=dict)
    big_endian: bool = False
    charsets: tuple[str, ...] = ()

    def get(self, tag: str) -> Element | None:
        return self.elements.get(tag)

    def text(self, tag: str, default: str = "") -> str:
        """The value decoded as ASCII/latin-1 and stripped of padding; for UI, CS and the like."""
        element = self.elements.get(tag)
        if element is None or element.value is None:
            return default
        return element.value.read(0, SHORT).decode("latin-1").strip(" \0")

    def number(self, tag: str) -> int | None:
        """The first value of a US, UL, SS or SL, None when there is none."""
        element = self.elements.get(tag)
        if element is None or not element.value or element.vr not in ("US", "UL", "SS", "SL"):
            return None
        octets = element.value.read(0, vr.WORD[element.vr])
        return int.from_bytes(octets, "big" if self.big_endian else "little", signed=element.vr[0] == "S")


@dataclass(frozen=True)
class Syntax:
    """How a data set is encoded; `encapsulated` None: nobody knows (a private Transfer Syntax)."""

    explicit: bool = True
    big_endian: bool = False
    encapsulated: bool | None = False


IMPLICIT = Syntax(explicit=False)


def read_dataset(body: Body, syntax: Syntax, flaws: Flaws, at: int = 0, group: str = "") -> tuple[DataSet, int]:
    """The data set from offset `at` to the end of the body, or while elements are of `group`; and where it ended."""
    reader = _Reader(body, flaws, syntax)
    return reader.dataset(_Place(at, body.size, syntax, group=group))


def read_items(body: Body, syntax: Syntax, flaws: Flaws) -> Sequence[DataSet]:
    """The items of a sequence whose value field is the body."""
    return _Reader(body, flaws, syntax).items(_Place(0, body.size, syntax))[0]


@dataclass(slots=True)
class _Place:
    """Where something is read: from `at` up to `end`, closed by a delimitation item when `open`."""

    at: int
    end: int
    syntax: Syntax
    path: str = ""
    depth: int = 0
    open: bool = False
    charsets: tuple[str, ...] = ()
    group: str = ""


class _Octets:
    """Random access to a body through a window, so that a file is not opened for every element."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.base = 0
        self.window = b""

    def take(self, at: int, size: int) -> bytes:
        start = at - self.base
        if start < 0 or start + size > len(self.window):
            self.base, self.window = at, self.body.read(at, max(size, WINDOW))
            start = 0
        return self.window[start : start + size]


class _Reader:
    """Goes through one data set and everything in it."""

    def __init__(self, body: Body, flaws: Flaws, syntax: Syntax) -> None:
        self.body = body
        self.octets = _Octets(body)
        self.flaws = flaws
        self.syntax = syntax
        self.count = 0
        self.lost = False  # nothing behind this place can be told apart any more

    def flaw(self, code: str, at: int, path: str, got: str, want: str) -> None:
        self.flaws.add(code, f"{path or 'data set'} at octet {at}", got, want)

    def lose(self, code: str, at: int, path: str, got: str, want: str) -> None:
        """A flaw after which the rest cannot be read; not blamed on a body that was cut on its way."""
        if not (
            self.body.truncated and code in ("part10.truncated", "part10.length-overrun", "part10.delimiter-missing")
        ):
            self.flaw(code, at, path, got, want)
        self.lost = True

    def dataset(self, place: _Place) -> tuple[DataSet, int]:
        elements: dict[str, Element] = {}
        at, end = place.at, place.end
        place.syntax = self._as_it_is(place)
        if not place.depth and not place.group:
            # one more pass over what comes first, which is next to nothing but in a DICOMDIR; not again in its items
            syntax = place.syntax
            place.charsets = Ahead(self.octets.take, syntax.explicit, syntax.big_endian, _LONG).charsets(at, end)
        last = ""
        closed = False
        while at < end and not self.lost:
            head = self.octets.take(at, 12)
            # what follows a group may be shorter than an element: a deflated data set
            if place.group and (len(head) < 2 or f"{_number(head[:2], place.syntax):04X}" != place.group):
                break
            if len(head) < 8 or end - at < 8:
                self.lose("part10.truncated", at, place.path, f"{end - at} octets left", "a whole element")
                break
            tag = _tag(head, place.syntax)
            if tag[:4] == "FFFE":
                at, closed = self._delimiter(tag, head, at, place)
                if closed:
                    break
                continue
            element, at = self._element(tag, head, at, place)
            if element is None:
                break
            if tag <= last:
                self._order(tag, last, element, elements, place)
            elements.setdefault(tag, element)
            last = tag
            self._known(element, elements, place)
        if place.open and not closed and not self.lost:
            self.lose("part10.delimiter-missing", at, place.path, "the end", "an item delimitation item")
        return DataSet(elements, place.syntax.big_endian, place.charsets), at

    def _as_it_is(self, place: _Place) -> Syntax:
        """The syntax that the first element shows, when it is plainly not the one that was announced."""
        head = self.octets.take(place.at, 8) if place.end - place.at >= 8 else b""
        if not head or head[:2] in (b"\xfe\xff", b"\xff\xfe"):
            return place.syntax
        lettered = head[4:6].decode("latin-1") in vr.ALL
        if place.syntax.explicit and not lettered and not _letters(head[4:6]):
            length = int.from_bytes(head[4:8], "little")
            if length <= place.end - place.at - 8 or length == UNDEFINED:
                self.flaw("part10.not-explicit", place.at, place.path, head[4:6].hex(), "a VR")
                return IMPLICIT
        if not place.syntax.explicit and lettered and int.from_bytes(head[4:8], "little") > place.end - place.at - 8:
            self.flaw("part10.not-implicit", place.at, place.path, f"the VR {head[4:6].decode()}", "a length")
            return Syntax(True, False, place.syntax.encapsulated)
        return place.syntax

    def _delimiter(self, tag: str, head: bytes, at: int, place: _Place) -> tuple[int, bool]:
        if tag == "FFFEE00D" and place.open:
            if head[4:8] != b"\0\0\0\0":
                self.flaw("part10.delimiter-length", at, place.path, head[4:8].hex(), "zero")
            return at + 8, True
        self.flaw("part10.delimiter", at, place.path, tag, "a data element")
        if place.open:  # the item was not closed, its sequence is
            return at, True
        return at + 8, False

    def _order(self, tag: str, last: str, element: Element, elements: Mapping[str, Element], place: _Place) -> None:
        path = _join(place.path, tag)
        if tag in elements:
            self.flaw("part10.duplicate", element.at, path, "a second time", "once")
        else:
            self.flaw("part10.order", element.at, path, f"{tag} after {last}", "ascending tags")

    def _element(self, tag: str, head: bytes, at: int, place: _Place) -> tuple[Element | None, int]:
        self._count(at, place.path)
        path = _join(place.path, tag)
        if not place.syntax.explicit:
            code, start, length = _implicit_vr(tag), at + 8, _number(head[4:8], place.syntax)
        else:
            code = head[4:6].decode("latin-1")
            if code in vr.ALL and code not in _LONG:
                start, length = at + 8, _number(head[6:8], place.syntax)
            elif not _letters(head[4:6]):
                self.lose("part10.not-explicit", at, path, head[4:6].hex(), "a VR")
                return None, at
            elif len(head) < 12 or place.end - at < 12:
                self.lose("part10.truncated", at, path, f"{place.end - at} octets left", "a whole element")
                return None, at
            else:
                start, length = at + 12, _number(head[8:12], place.syntax)
                self._long(code, head, at, path)
        return self._content(Element(tag, code, at), start, length, place, path)

    def _long(self, code: str, head: bytes, at: int, path: str) -> None:
        if code not in vr.ALL:  # new VRs have the long form (PS3.5 6.2)
            self.flaw("part10.vr-unknown", at, path, code, "a VR of PS3.5")
        if head[6:8] != b"\0\0":
            self.flaw("part10.reserved", at, path, head[6:8].hex(), "0000")

    def _content(self, bare: Element, start: int, length: int, place: _Place, path: str) -> tuple[Element | None, int]:
        tag, code, at = bare.tag, bare.vr, bare.at
        if length == UNDEFINED:
            return self._undefined(bare, start, place, path)
        end = start + length
        if end > place.end:
            self.lose("part10.length-overrun", at, path, f"{length} octets", f"at most {place.end - start}")
            return None, at
        if length & 1:
            self.flaw("part10.odd-length", at, path, f"{length} octets", "an even length")
        if code == "SQ":
            items, _ = self.items(_Place(start, end, place.syntax, path, place.depth + 1, False, place.charsets))
            self._find_again()
            return Element(tag, code, at, items=items), end
        element = Element(tag, code, at, self._slice(start, length))
        if code in _WORDS and not length % _WORDS[code]:
            self._counted(element, length // _WORDS[code], path)
        if length and length <= SHORT:
            self._value(element, self.octets.take(start, length), place, path)
        return element, end

    def _undefined(self, bare: Element, start: int, place: _Place, path: str) -> tuple[Element | None, int]:
        tag, code, at = bare.tag, bare.vr, bare.at
        if tag == _PIXELS and code in ("OB", "OW", "UN"):
            if not place.syntax.explicit or self.syntax.encapsulated is False:
                self.flaw("part10.undefined-length", at, path, "undefined length", "a length: this syntax is native")
            elif code != "OB":
                self.flaw("part10.encapsulated-vr", at, path, code, "OB")
            fragments, end = self._fragments(start, place, path)
            return Element(tag, code, at, fragments=fragments), end
        private = not place.syntax.explicit and not vr.in_dictionary(tag)
        if code not in ("SQ", "UN"):
            self.flaw("part10.undefined-length", at, path, f"undefined length with {code}", "a length")
        # the content of UN is in implicit VR little endian (PS3.5 6.2.2)
        syntax = IMPLICIT if code == "UN" and place.syntax.explicit else place.syntax
        items, end = self.items(_Place(start, place.end, syntax, path, place.depth + 1, True, place.charsets))
        return Element(tag, "SQ" if private else code, at, items=items), end

    def items(self, place: _Place) -> tuple[Sequence[DataSet], int]:
        """The items from a place on, and where they ended."""
        found: list[DataSet] = []
        if place.depth > DEEPEST:
            self.flaw("part10.depth", place.at, place.path, f"{place.depth} levels", f"at most {DEEPEST}")
            self.lost = self.lost or place.open
            return found, place.end
        at = place.at
        while at < place.end and not self.lost:
            tag, length = self._item_head(at, place)
            if tag != "FFFEE000":
                return found, at + 8
            path = f"{place.path}[{len(found)}]"
            open_ = length == UNDEFINED
            end = place.end if open_ else at + 8 + length
            if end > place.end:
                self.lose("part10.length-overrun", at, path, f"{length} octets", f"at most {place.end - at - 8}")
                return found, place.end
            dataset, stop = self.dataset(_Place(at + 8, end, place.syntax, path, place.depth, open_, place.charsets))
            found.append(dataset)
            if not open_:
                self._find_again()
            at = stop if open_ else end
        self._unclosed(at, place)
        return found, at

    def _fragments(self, start: int, place: _Place, path: str) -> tuple[Sequence[Body], int]:
        found: list[Body] = []
        starts: list[int] = []
        inner = _Place(start, place.end, place.syntax, path, open=True)
        at = start
        while at < place.end and not self.lost:
            tag, length = self._item_head(at, inner)
            if tag != "FFFEE000":
                at += 8
                break
            if length == UNDEFINED or (length < 2 and found):
                got = "undefined" if length == UNDEFINED else str(length)
                self.flaw("part10.fragment-length", at, path, got, "2 octets or more")
            if at + 8 + length > place.end:
                self.lose("part10.length-overrun", at, path, f"{length} octets", f"at most {place.end - at - 8}")
                break
            if length & 1:
                self.flaw("part10.odd-length", at, path, f"{length} octets", "an even length")
            found.append(self._slice(at + 8, length))
            starts.append(at)
            at += 8 + length
        else:
            self._unclosed(at, inner)
        if found:
            self._table(found[0], starts, path)
        return found, at

    def _item_head(self, at: int, place: _Place) -> tuple[str, int]:
        """The tag and length of an item, or ("", 0) when there is none; a delimiter is checked and has length 0."""
        head = self.octets.take(at, 8)
        if len(head) < 8 or place.end - at < 8:
            self.lose("part10.truncated", at, place.path, f"{place.end - at} octets left", "an item")
            return "", 0
        tag, length = _tag(head, place.syntax), _number(head[4:8], place.syntax)
        self._count(at, place.path)
        if tag == "FFFEE0DD":
            if not place.open:
                self.flaw("part10.delimiter", at, place.path, tag, "an item")
            if length:
                self.flaw("part10.delimiter-length", at, place.path, str(length), "zero")
        elif tag != "FFFEE000":
            self.lose("part10.item-expected", at, place.path, tag, "an item")
        return tag, length

    def _unclosed(self, at: int, place: _Place) -> None:
        if place.open and not self.lost:
            self.lose("part10.delimiter-missing", at, place.path, "the end", "a sequence delimitation item")

    def _count(self, at: int, path: str) -> None:
        self.count += 1
        if self.count > MOST:
            self.lose("part10.too-many", at, path, f"more than {MOST}", f"at most {MOST}")

    def _find_again(self) -> None:
        """A defined length says where to go on after something unreadable."""
        self.lost = self.count > MOST

    def _slice(self, start: int, length: int) -> Body:
        return self.body.slice(start, start + length)

    def _table(self, table: Body, starts: Sequence[int], path: str) -> None:
        if not table.size or table.size > _TABLE or self.lost:
            return
        octets = table.read(0, table.size - table.size % 4)
        offsets = [int.from_bytes(octets[i : i + 4], "little") for i in range(0, len(octets), 4)]
        places = {at - starts[1] for at in starts[1:]} if len(starts) > 1 else set()
        if table.size % 4:
            self.flaw("part10.offset-table", starts[0], path, f"{table.size} octets", "four octets for every frame")
        elif offsets != sorted(set(offsets)) or not places.issuperset(offsets):
            self.flaw("part10.offset-table", starts[0], path, str(offsets[:5]), "offsets of fragments, in order")

    def _value(self, element: Element, octets: bytes, place: _Place, path: str) -> None:
        code = element.vr
        word = _WORDS.get(code, 0)
        if word:
            if len(octets) % word:
                self.flaw("part10.value-size", element.at, path, f"{len(octets)} octets", f"a multiple of {word}")
        elif code in vr.STRINGS:
            if element.tag == "00080005":
                place.charsets = tuple(w.strip(" ") for w in octets.decode("latin-1").split("\\"))
                if not charset.known(place.charsets):
                    self.flaw("part10.character-set", element.at, path, octets.decode("latin-1")[:80], "Defined Terms")
            field = text_field.read(code, octets, place.charsets)
            for kind, got, want in text_field.faults(code, field):
                self.flaw(f"part10.value-{kind}", element.at, path, got, want)
            if any(field.values):
                self._counted(element, len(field.values), path)

    def _counted(self, element: Element, count: int, path: str) -> None:
        """An empty element is a matter of its IOD, and values that are all empty say nothing."""
        if wanted := multiplicity.wanted(element.tag, element.vr, count):
            self.flaw("part10.multiplicity", element.at, path, f"{count} values", f"{wanted} (PS3.6)")

    def _known(self, element: Element, elements: Mapping[str, Element], place: _Place) -> None:
        """What the tag alone demands."""
        tag = element.tag
        group, number = tag[:4], tag[4:]
        if group[3] in "13579BDF":
            self._private(element, elements, place)
        elif number == "0000" and group not in ("0000", "0002"):
            self.flaw("part10.group-length", element.at, _join(place.path, tag), tag, "no group length")
        elif group in ("0000", "0002") and not place.group:
            self.flaw(f"part10.group-{group}", element.at, _join(place.path, tag), tag, f"no element of group {group}")
        if place.syntax.explicit and element.vr in vr.ALL and not vr.fits_dictionary(tag, element.vr):
            want = " or ".join(sorted(vr.in_dictionary(tag)))
            self.flaw("part10.vr-dictionary", element.at, _join(place.path, tag), element.vr, want)

    def _private(self, element: Element, elements: Mapping[str, Element], place: _Place) -> None:
        group, number = element.tag[:4], element.tag[4:]
        path = _join(place.path, element.tag)
        if group in ("0001", "0003", "0005", "0007", "FFFF"):
            self.flaw("part10.private-group", element.at, path, group, "a group that may be private")
        elif "0000" < number < "0010" or "00FF" < number < "1000":
            self.flaw("part10.private-element", element.at, path, number, "0010-00FF or 1000-FFFF")
        elif number >= "1000":
            creator = elements.get(f"{group}00{number[:2]}")
            if creator is None or creator.empty:
                self.flaw("part10.private-creator", element.at, path, "no creator", f"{group}00{number[:2]}")
        elif number == "0000":
            self.flaw("part10.group-length", element.at, path, element.tag, "no group length")


def _implicit_vr(tag: str) -> str:
    """The VR by the dictionary; of alternatives OW, then US, UN when unknown."""
    known = vr.in_dictionary(tag)
    return next((code for code in ("OW", "US") if code in known), min(known, default="UN"))


def _number(octets: bytes, syntax: Syntax) -> int:
    return int.from_bytes(octets, "big" if syntax.big_endian else "little")


def _tag(head: bytes, syntax: Syntax) -> str:
    return f"{_number(head[:2], syntax):04X}{_number(head[2:4], syntax):04X}"


def _letters(octets: bytes) -> bool:
    return len(octets) == 2 and octets.isalpha() and octets.isupper()


def _join(path: str, tag: str) -> str:
    return f"{path}.{tag}" if path else tag
