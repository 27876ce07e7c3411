"""Knows what the first octets of a file show it to be, and what its name says it is; the name proves nothing.

Must not know how the content is read or judged, nor where the file is.
"""

from __future__ import annotations

import re

from harness.wire import vr

DICOM, JSON, XML = "application/dicom", "application/dicom+json", "application/dicom+xml"
MULTIPART, OTHER = "multipart/related", "application/octet-stream"
HAR = "application/x-har+json"  # nobody has registered one
LOOK = 8 << 10  # octets from the beginning that are looked at

# PS3.10 8.5 speaks of .dcm by RFC 3240; .json and .xml are those of RFC 8259 and RFC 7303.
_SUFFIXES = {".dcm": DICOM, ".dicom": DICOM, ".dic": DICOM, ".json": JSON, ".xml": XML, ".har": HAR}
_BLANK = b" \t\r\n"
_JSON = re.compile(rb"\[\s*(?:\{|\]|\Z)|\{\s*(?:\"|\}|\Z)")
_HAR = re.compile(rb"\{\s*\"log\"\s*:\s*\{")
_ATTRIBUTE = re.compile(rb"\"[0-9A-Fa-f]{8}\"\s*:\s*\{")
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*:[^\r\n]*\r?\n")
_FIRST = re.compile(rb"(?:HTTP/[0-9.]+ [0-9]{3}[^\r\n]*|[A-Z]+ [^\r\n ]+ HTTP/[0-9.]+)\r?\n")
_TYPE = re.compile(rb"(?im)^content-type[ \t]*:[ \t]*multipart/")
# a field or, where lines end in CRLF, a blank line follows: comments of some languages begin with two dashes as well
_BCHAR = rb"[0-9A-Za-z'()+_,\-./:=?]"
_DELIMITER = re.compile(
    rb"--%b(?:[ 0-9A-Za-z'()+_,\-./:=?]{0,68}%b)?(?:\r\n\r\n|\r?\nContent-[A-Za-z]+:)" % (_BCHAR, _BCHAR)
)
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})


def claimed(name: str) -> str:
    """The media type that a file's name claims, '' when it claims none; DICOMDIR is a name of PS3.10 8.6."""
    last = name.rsplit("/", 1)[-1]
    if last.upper() == "DICOMDIR":
        return DICOM
    dot = last.rfind(".")
    return _SUFFIXES.get(last[dot:].lower(), "") if dot >= 0 else ""


def shown(head: bytes, claim: str = "") -> str:
    """The media type that the first LOOK octets of a file show; OTHER for everything that is not judged.

    `claim` only helps where text of two kinds begins alike: a JSON text without one attribute of DICOM is taken
    for the DICOM JSON Model when it is called so, and for something else when nobody says so.
    """
    if head[128:132] == b"DICM" or head[:4] == b"DICM" or bare(head):
        return DICOM
    if head_of(head) or _DELIMITER.match(head):
        return MULTIPART
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    if _HAR.match(text):
        return HAR
    if _JSON.match(text) and (claim == JSON or _ATTRIBUTE.search(text)):
        return JSON
    if _is_xml(text) and (claim == XML or b"NativeDicomModel" in text):
        return XML
    return OTHER


def head_of(octets: bytes) -> bytes:
    """The header lines that a captured multipart message begins with, its first line (of a question or an answer)
    and the blank line included; b'' when none are there."""
    first = _FIRST.match(octets)
    at = first.end() if first else 0
    while field := _FIELD.match(octets, at):
        at = field.end()
    blank = re.compile(rb"\r?\n").match(octets, at)
    return octets[: blank.end()] if blank and _TYPE.search(octets[:at]) else b""


def _is_xml(text: bytes) -> bool:
    return text.startswith((b"<", b"\xff\xfe<\0", b"\xfe\xff\0<"))


def bare(head: bytes) -> bool:
    """Whether octets begin like a data set without preamble: group 0002 or 0008 and two elements in a row that fit."""
    if head[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        return False
    at, last = 0, (0, 0)
    order = "big" if head[:1] == b"\0" else "little"
    for _ in range(2):
        step = _element(head, at, order)
        if step is None or step[0] <= last:
            return False
        last, at = step
        if at >= len(head):
            break
    return True


def _element(head: bytes, at: int, order: str) -> tuple[tuple[int, int], int] | None:
    """The tag of the element at a place and where the next one begins; None when it is no likely element."""
    if len(head) < at + 8:
        return None
    big = order == "big"
    two = [int.from_bytes(head[at + i : at + i + 2], "big" if big else "little") for i in (0, 2, 6)]
    code = head[at + 4 : at + 6].decode("latin-1")
    if code in vr.ALL:
        if not vr.fits_dictionary(f"{two[0]:04X}{two[1]:04X}", code):
            return None
        length, start = two[2], at + 8
        if code in _LONG:
            length, start = int.from_bytes(head[at + 8 : at + 12], "big" if big else "little"), at + 12
    else:
        length, start = int.from_bytes(head[at + 4 : at + 8], "little"), at + 8
        known = vr.in_dictionary(f"{two[0]:04X}{two[1]:04X}")
        if big or not known or (length > 1024 and length != 0xFFFFFFFF and "SQ" not in known):
            return None
    return ((two[0], two[1]), start + length) if two[0] <= 0x0010 else None
