"""Knows how the query component of a Target URI is taken apart (PS3.18 8.3.1).

Must not know which parameters a resource supports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from simulators.web.report import Problem

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Parameter:
    """A name, decoded, and its value as sent; None for a name that stands alone."""

    name: str
    raw: str | None

    def text(self) -> str:
        """The whole value decoded, '' for a name alone; Problem 400 when it is not percent-encoded UTF-8."""
        return _decoded(self.raw or "", self.name)

    def values(self) -> tuple[str, ...]:
        """The members of the comma-separated list; a comma that was percent-encoded does not separate."""
        return tuple(_decoded(word, self.name) for word in (self.raw or "").split(","))

    def unsigned(self) -> int:
        """The value as uint (PS3.18 5.1.1); numbers beyond 18 digits all mean "more than there is"."""
        text = self.text()
        if not re.fullmatch(r"[0-9]+", text, re.ASCII):
            raise Problem(400, f"Parameter {self.name} takes an unsigned integer, not {text[:80]!r}.")
        return int(text) if len(text.lstrip("0")) <= 18 else 10**18

    def flag(self) -> bool:
        """The value as true or false, written in exactly that way."""
        text = self.text()
        if text not in ("true", "false"):
            raise Problem(400, f"Parameter {self.name} takes true or false, not {text[:80]!r}.")
        return text == "true"


def read(raw: str) -> tuple[Parameter, ...]:
    """The parameters in order. A name that cannot be decoded is nobody's name, so it is kept as sent."""
    found = []
    for word in raw.split("&") if raw else ():
        name, equals, value = word.partition("=")
        if name:
            octets = unquote_to_bytes(name)
            found.append(Parameter(octets.decode("utf-8", "replace"), value if equals else None))
    return tuple(found)


def single(parameters: Sequence[Parameter], name: str) -> Parameter | None:
    """The only parameter of that name, None when absent; Problem 400 when it is repeated."""
    found = [p for p in parameters if p.name == name]
    if len(found) > 1:
        raise Problem(400, f"Parameter {name} is given {len(found)} times; it may be given once.")
    return found[0] if found else None


def _decoded(text: str, name: str) -> str:
    if _ESCAPE.search(text):
        raise Problem(400, f"The value of {name[:80]!r} holds a percent sign that begins no percent-encoding.")
    try:
        value = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, f"The value of {name[:80]!r} is not UTF-8 after percent-decoding.") from None
    if "\0" in value:
        raise Problem(400, f"The value of {name[:80]!r} holds a NULL character (PS3.18 8.3.1).")
    return value
