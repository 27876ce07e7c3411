"""Knows the value field of a string VR on octets: padding, character set, values (PS3.5 6.1, 6.2, 6.4).

Must not know elements or data sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.wire import charset, vr

_FIXED = frozenset({"AS", "DA"})  # strings whose values have no room for a space


@dataclass(frozen=True, slots=True)
class Field:
    """The values between backslashes; none, with the octets of `broken`, when they are no text in the character sets.

    Neither is there when nobody can tell, because the character sets are not known.
    """

    values: tuple[str, ...] = ()
    broken: bytes = b""
    wanted: str = ""


def read(code: str, octets: bytes, charsets: tuple[str, ...]) -> Field:
    """The whole value field of an element of a string VR, of whatever (0008,0005) says."""
    if code == "UI" and octets.endswith(b"\0"):
        octets = octets[:-1]
    if not len(octets) & 1 and (octets.endswith(b"\\ ") or (code in _FIXED and octets.endswith(b" "))):
        octets = octets[:-1]  # the padding of the field is no value, and no part of one (PS3.5 6.2, 6.4)
    if code not in charset.EXTENDED:
        text: str | None = octets.decode("latin-1")
    elif charsets and not charset.known(charsets):
        return Field()
    else:
        text = charset.decode(octets, charsets)
    if text is None:
        return Field(broken=octets, wanted=f"text in {charsets[0] if charsets else 'the default repertoire'}")
    return Field((text,) if code in vr.SINGLE else tuple(text.split("\\")))


def faults(code: str, field: Field) -> Iterator[tuple[str, str, str]]:
    """(kind, got, want) of what is wrong with the values; kinds are those of `vr.KINDS`."""
    if field.broken:
        yield "characters", repr(field.broken[:40]), field.wanted
    for value in field.values:
        if not value:
            continue
        for kind, want in _name(value) if code == "PN" else vr.faults(code, value):
            if kind not in ("space", "escape"):
                yield kind, ascii(value[:80]), want


def _name(value: str) -> Iterator[vr.Fault]:
    groups = value.split("=")
    if len(groups) > 3:
        yield "form", "at most three component groups"
    for group in groups[:3]:
        yield from vr.person_name(group)
