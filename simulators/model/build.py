"""Knows how values that a model told become elements of a pydicom data set, checked so that it can be written.

Must not know JSON or XML; both decoders say in their own way where a value stands.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from simulators.model.scan import SIZES
from simulators.model.values import BINARY, BY_REFERENCE, CODED, NUMBERS, SWAP, WHOLE

Bulk = Callable[[str], bytes]  # URI -> the octets of the value field, little endian; text in UTF-8

TEXTS = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"))
VRS = TEXTS | BINARY | frozenset(NUMBERS) | {"AT", "DS", "IS", "PN", "SQ"}
DEPTH = 64
PIXELS = 0x7FE00010
CHARSET = 0x00080005
UTF_8 = "ISO_IR 192"
_RANGE = {vr: (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if vr[0] == "S" else (0, 2 ** (8 * size) - 1)
          for vr, size in SIZES.items() if vr in ("SS", "SL", "SV", "US", "UL", "UV")}  # fmt: skip
_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_PADDED = {"DS": 16, "IS": 12}


class Undecodable(ValueError):
    """A text that is no data set of its model; `where` is the place in it, `why` the reason."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or 'the text'}: {why}")
        self.where = where
        self.why = why


class Elsewhere(bytes):
    """Stands for the `size` octets of a value that are too many to hold: itself empty, `read` gives them."""

    size: int
    read: Callable[[], bytes]

    @classmethod
    def of(cls, size: int, read: Callable[[], bytes]) -> Elsewhere:
        made = cls()
        made.size, made.read = size, read
        return made


def no_bulk(uri: str) -> bytes:
    """For a text that has to bring all its values itself."""
    raise KeyError(uri)


def fetched(bulk: Bulk, uri: str, vr: str, where: str) -> bytes:
    """The octets that a reference leads to, or what stands for them where a value may be long."""
    if vr not in BY_REFERENCE:
        raise Undecodable(where, f"a value of {vr} is not given by reference")
    try:
        octets = bulk(uri)
        return octets.read() if isinstance(octets, Elsewhere) and vr not in BINARY else octets
    except LookupError:
        raise Undecodable(where, f"nothing is known of the bulk data {uri[:200]!r}") from None


def tag_allowed(tag: int, where: str) -> None:
    """Refuse what is no attribute of a data set (PS3.18 F.2.2; PS3.19 A.1.1; PS3.5 7.1, 7.5)."""
    group, element = tag >> 16, tag & 0xFFFF
    if group in (0, 2):
        raise Undecodable(where, f"group {group:04X} is no part of a data set")
    if group == 0xFFFE or element == 0:
        raise Undecodable(where, "a delimiter or a group length is no attribute")


def of_values(tag: int, vr: str, values: Sequence[object], where: str) -> DataElement:
    """An element of told values: text, numbers, or for PN joined component groups; None for an empty one.

    DS and IS come as text, AT as its number. Not for octets and sequences.
    """
    if vr in WHOLE and len(values) > 1:
        raise Undecodable(where, f"{vr} has one value, not {len(values)}")
    for number, value in enumerate(values):
        if value is not None:
            _check(vr, value, f"{where}, value {number + 1}")
    if any(value is None for value in values) and vr in (*NUMBERS, "AT"):
        raise Undecodable(where, f"{vr} has no empty value among others")
    told = ["" if value is None else value for value in values]
    return _made(tag, vr, told[0] if len(told) == 1 else told, where)


def _check(vr: str, value: object, where: str) -> None:
    if isinstance(value, str):
        if "\\" in value and vr not in WHOLE:
            raise Undecodable(where, "a backslash separates values and stands in none")
        if vr in _PADDED:
            _number_text(vr, value, where)
    elif vr in _RANGE and isinstance(value, int):
        low, high = _RANGE[vr]
        if not low <= value <= high:
            raise Undecodable(where, f"{value} does not fit {vr}")
    elif vr == "FL" and isinstance(value, float) and math.isfinite(value) and not _fits_single(value):
        raise Undecodable(where, f"{value!r} does not fit FL")


def _fits_single(value: float) -> bool:
    try:
        struct.pack("<f", value)
    except OverflowError:
        return False
    return True


def _number_text(vr: str, text: str, where: str) -> None:
    if len(text) > _PADDED[vr]:
        raise Undecodable(where, f"{text[:80]} has more than the {_PADDED[vr]} characters of {vr}")
    try:
        number = Decimal(text.strip(" "))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or (vr == "IS" and number != int(number)):
        raise Undecodable(where, f"{text[:80]!r} is no {vr}")


def decimal_text(token: str, where: str) -> str:
    """A number as a DS of at most 16 characters that says exactly the same; Undecodable when there is none."""
    number = Decimal(token)
    sign, digits, exponent = number.normalize().as_tuple()
    if not isinstance(exponent, int):
        raise Undecodable(where, f"{token[:80]} is no DS")
    mantissa = f"{'-' * sign}{''.join(map(str, digits))}"
    for text in (token, f"{number.normalize():f}" if abs(exponent) < 40 else token, f"{mantissa}E{exponent}"):
        if len(text) <= 16:
            return text
    raise Undecodable(where, f"{token[:80]} cannot be told in the 16 characters of DS")


def of_octets(tag: int, vr: str, octets: bytes, where: str, encapsulated: bool = False) -> DataElement:
    """An element of a value field: octets of OB to UN, or what a reference of any other VR led to."""
    if isinstance(octets, Elsewhere):
        return _made(tag, vr, octets, where)
    if vr in BINARY:
        if len(octets) % SWAP.get(vr, 1):
            raise Undecodable(where, f"{len(octets)} octets are no whole words of {vr}")
        fragments = encapsulated and tag == PIXELS
        octets = octets.removesuffix(_END) if fragments else octets  # whoever writes them ends them again
        made = _made(tag, vr, octets if len(octets) % 2 == 0 or fragments else octets + b"\0", where)
        made.is_undefined_length = fragments
        return made
    if vr in NUMBERS:
        if len(octets) % SIZES[vr]:
            raise Undecodable(where, f"{len(octets)} octets are no whole numbers of {vr}")
        numbers = list(struct.unpack(f"<{len(octets) // SIZES[vr]}{NUMBERS[vr]}", octets))
        return _made(tag, vr, numbers[0] if len(numbers) == 1 else numbers, where)
    try:
        text = octets.decode("utf-8" if vr in CODED else "latin-1").rstrip(" \0")
    except UnicodeDecodeError:
        raise Undecodable(where, "the bulk data is no UTF-8") from None
    return of_values(tag, vr, [text] if vr in WHOLE else [v or None for v in text.split("\\")], where)


def _made(tag: int, vr: str, value: object, where: str) -> DataElement:
    try:
        return DataElement(tag, vr, value, validation_mode=config.IGNORE)
    except (ValueError, TypeError, OverflowError) as error:
        raise Undecodable(where, f"{error}"[:200]) from None


def of_items(tag: int, items: Iterable[Dataset]) -> DataElement:
    return DataElement(tag, "SQ", list(items))


def empty(tag: int, vr: str) -> DataElement:
    return DataElement(tag, vr, [] if vr == "SQ" else None)


def settle(dataset: Dataset) -> Dataset:
    """The data set with the character set that its text can be written in: whatever (0008,0005) names, the text is
    told in Unicode (PS3.18 F.2), so with anything beyond ASCII the name becomes that of UTF-8."""
    if _beyond_ascii(dataset):
        dataset.SpecificCharacterSet = UTF_8
    return dataset


def _beyond_ascii(dataset: Dataset) -> bool:
    """Whether a data set holds text beyond ASCII, in its items as well; items get the right name on the way."""
    beyond = False
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                inner = _beyond_ascii(item)
                beyond |= inner
                if inner and CHARSET in item:
                    item.SpecificCharacterSet = UTF_8
        elif element.VR in CODED and element.value is not None:
            beyond |= not str(element.value).isascii()
    return beyond
