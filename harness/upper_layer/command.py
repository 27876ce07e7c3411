"""Knows how a command set is encoded: the dictionary of PS3.7 Annex E, values to octets and back (PS3.7 6.3.1).

Must not know what a command means, nor how it travels.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

Command = dict[str, Any]  # keywords of PS3.7 Annex E -> values; an element without a keyword by 8 hexadecimal digits


class Malformed(ValueError):
    """Octets that no command set, PDU or item can be read from; the text says what and where."""


DICTIONARY: Final[Mapping[str, tuple[int, str]]] = {
    "CommandGroupLength": (0x00000000, "UL"),
    "CommandLengthToEnd": (0x00000001, "UL"),  # retired (E.2)
    "AffectedSOPClassUID": (0x00000002, "UI"),
    "RequestedSOPClassUID": (0x00000003, "UI"),
    "CommandRecognitionCode": (0x00000010, "SH"),  # retired
    "CommandField": (0x00000100, "US"),
    "MessageID": (0x00000110, "US"),
    "MessageIDBeingRespondedTo": (0x00000120, "US"),
    "Initiator": (0x00000200, "AE"),  # retired
    "Receiver": (0x00000300, "AE"),  # retired
    "FindLocation": (0x00000400, "AE"),  # retired
    "MoveDestination": (0x00000600, "AE"),
    "Priority": (0x00000700, "US"),
    "CommandDataSetType": (0x00000800, "US"),
    "NumberOfMatches": (0x00000850, "US"),  # retired
    "ResponseSequenceNumber": (0x00000860, "US"),  # retired
    "Status": (0x00000900, "US"),
    "OffendingElement": (0x00000901, "AT"),
    "ErrorComment": (0x00000902, "LO"),
    "ErrorID": (0x00000903, "US"),
    "AffectedSOPInstanceUID": (0x00001000, "UI"),
    "RequestedSOPInstanceUID": (0x00001001, "UI"),
    "EventTypeID": (0x00001002, "US"),
    "AttributeIdentifierList": (0x00001005, "AT"),
    "ActionTypeID": (0x00001008, "US"),
    "NumberOfRemainingSuboperations": (0x00001020, "US"),
    "NumberOfCompletedSuboperations": (0x00001021, "US"),
    "NumberOfFailedSuboperations": (0x00001022, "US"),
    "NumberOfWarningSuboperations": (0x00001023, "US"),
    "MoveOriginatorApplicationEntityTitle": (0x00001030, "AE"),
    "MoveOriginatorMessageID": (0x00001031, "US"),
}
_KEYWORDS: Final = {tag: (keyword, vr) for keyword, (tag, vr) in DICTIONARY.items()}

_NUMBER: Final = struct.Struct("<HHIH")
_LONG: Final = struct.Struct("<HHII")
_HEAD: Final = struct.Struct("<HHI")
_US: Final = struct.Struct("<H")
_UL: Final = struct.Struct("<I")
_PADDING: Final = {"UI": b"\0"}


def encode_command(command: Mapping[str, Any]) -> bytes:
    """The command set in Implicit VR Little Endian, ascending by tag, with its group length in front.

    A value may be an int (US, UL), a str (UI, AE, LO), an int or several (AT); `bytes` stand as they are, of whatever
    length. CommandGroupLength is reckoned unless it is given. Raises ValueError for a keyword that is not known or a
    number that does not fit.
    """
    elements = [_element(*_tag(keyword), value) for keyword, value in command.items()]
    elements.sort()
    octets = b"".join([one for _, one in elements])
    if "CommandGroupLength" in command:
        return octets
    return _LONG.pack(0, 0, 4, len(octets)) + octets


def _tag(keyword: str) -> tuple[int, str]:
    found = DICTIONARY.get(keyword)
    if found is not None:
        return found
    try:
        return int(keyword, 16), "UN"
    except ValueError:
        raise ValueError(f"{keyword!r} is no keyword of PS3.7 Annex E and no tag of 8 hexadecimal digits") from None


def _element(tag: int, vr: str, value: Any) -> tuple[int, bytes]:
    try:
        if vr == "US" and isinstance(value, int):
            return tag, _NUMBER.pack(tag >> 16, tag & 0xFFFF, 2, value)
        octets = _octets(vr, value)
    except struct.error:
        raise ValueError(f"{value!r} does not fit the {vr} of ({tag >> 16:04X},{tag & 0xFFFF:04X})") from None
    return tag, _HEAD.pack(tag >> 16, tag & 0xFFFF, len(octets)) + octets


def _octets(vr: str, value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if vr == "AT":
        tags = [value] if isinstance(value, int) else value
        return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)
    if isinstance(value, int):
        return struct.pack("<I" if vr == "UL" else "<H", value)
    if isinstance(value, str):
        octets = value.encode(
            "utf-8", "surrogateescape"
        )  # the default repertoire is its lower half; the rest is somebody's intention
        return octets + _PADDING.get(vr, b" ") if len(octets) % 2 else octets
    raise ValueError(f"a {type(value).__name__} is no value of a command element")


def decode_command(octets: bytes) -> Command:
    """The elements of a command set, the first of each tag; lenient in everything that can be read all the same.

    A group length that is right is left out, so that changed elements are encoded with the right one again; a wrong
    one is kept. Values of a length that their VR does not have are kept as bytes. Raises Malformed when an element
    reaches beyond the end.
    """
    command: Command = {}
    at, end = 0, len(octets)
    while at < end:
        if end - at < 8:
            raise Malformed(f"{end - at} octets at offset {at} of a command set are no element")
        group, element, size = _HEAD.unpack_from(octets, at)
        at += 8
        if size > end - at:
            raise Malformed(f"element ({group:04X},{element:04X}) of a command set reaches beyond its end")
        tag = group << 16 | element
        keyword, vr = _KEYWORDS.get(tag) or (f"{tag:08X}", "UN")
        if vr == "US" and size == 2:
            command.setdefault(keyword, _US.unpack_from(octets, at)[0])
        else:
            command.setdefault(keyword, _value(vr, octets[at : at + size]))
        at += size
    if command.get("CommandGroupLength") == end - 12 and octets[:4] == b"\0\0\0\0":
        del command["CommandGroupLength"]
    return command


def _value(vr: str, octets: bytes) -> Any:
    if vr == "UI":
        return octets.rstrip(b"\0 ").decode("latin-1")
    if vr in ("AE", "LO", "SH"):
        return octets.strip(b"\0 ").decode("utf-8", "surrogateescape")
    if vr == "UL" and len(octets) == 4:
        return _UL.unpack(octets)[0]
    if vr == "AT" and len(octets) % 4 == 0:
        halves = struct.unpack(f"<{len(octets) // 2}H", octets)
        return tuple(group << 16 | element for group, element in zip(halves[::2], halves[1::2], strict=True))
    return octets
