"""Knows how encoded attributes are kept beside the index, and how single ones are cut out of encoded metadata.

Must not know what the attributes mean. Nothing is decoded and encoded again, so an answer says what the metadata says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

# strict=False: the placeholder of the base URI in a BulkDataURI holds raw NULs
_SCAN = json.JSONDecoder(strict=False).raw_decode
_SEQUENCE = '{"vr":"SQ","Value":['


def pack(elements: Mapping[str, str]) -> bytes:
    """One line per attribute, its tag first; an encoded attribute holds no raw line feed."""
    return "\n".join([tag + text for tag, text in elements.items()]).encode()


def unpack(lines: bytes) -> dict[str, bytes]:
    """Tag -> encoded attribute object, in the order they were packed."""
    return {line[:8].decode(): line[8:] for line in lines.split(b"\n")} if lines else {}


def members(text: str) -> dict[str, str]:
    """Tag -> encoded attribute object of one encoded data set that this archive made."""
    found: dict[str, str] = {}
    at = 1
    while at < len(text) - 1:
        start = at + 11  # "00100010":
        _, end = _SCAN(text, start)
        found[text[at + 1 : at + 9]] = text[start:end]
        at = end + 1
    return found


def items(sequence: str) -> list[str]:
    """The encoded items of an encoded sequence attribute, [] of an empty one and of anything else."""
    found: list[str] = []
    at = len(_SEQUENCE)
    while sequence.startswith(_SEQUENCE) and at < len(sequence) - 2:
        _, end = _SCAN(sequence, at)
        found.append(sequence[at:end])
        at = end + 1
    return found


def sequence(encoded: Iterable[str]) -> str:
    """An encoded sequence attribute of these encoded items."""
    joined = ",".join(encoded)
    return f"{_SEQUENCE}{joined}]}}" if joined else '{"vr":"SQ"}'


def dataset(elements: Mapping[str, str]) -> str:
    """An encoded data set of these attributes, ascending."""
    return "{" + ",".join(f'"{tag}":{elements[tag]}' for tag in sorted(elements)) + "}"


def parsed(text: str | bytes) -> dict[str, object]:
    """An encoded attribute object as Python values."""
    made: dict[str, object] = json.loads(text, strict=False)
    return made


def plain(text: str | bytes | None) -> str | None:
    """The value when there is just one and it is a string, '' when there is none, else None."""
    if text is None:
        return ""
    found = parsed(text).get("Value", [])
    if not isinstance(found, list) or len(found) > 1:
        return None
    if not found:
        return ""
    return str(found[0]) if isinstance(found[0], str) else None
