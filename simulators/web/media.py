"""Knows how the door reads media types in Accept and Content-Type; what it cannot read it leaves out (PS3.18 8.7.7).

Must not know which media types a resource offers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(rf"[ \t]*({_TOKEN})/({_TOKEN})[ \t]*(?=;|\Z)")
# PS3.18 8.7.1 lets a media type and a boundary stand without quotes although they hold characters that RFC 9110 quotes.
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?:({_TOKEN})=("(?:[^"\\]|\\.)*"|[^\s;"]*))?[ \t]*(?=;|\Z)')
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


@dataclass(frozen=True)
class MediaType:
    """type/subtype in lower case and its parameters; names in lower case, values unquoted, first one kept.

    `repeated` names parameters that came more than once, which makes them invalid (RFC 6838 4.3).
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()

    @property
    def multipart(self) -> bool:
        return self.name.startswith("multipart/")


@dataclass(frozen=True)
class Range(MediaType):
    """A member of an Accept list with its weight from 0 to 1; `q` is not among the parameters."""

    q: float = 1.0


def read(text: str) -> MediaType | None:
    """One media type with its parameters; None when it is not one."""
    match = _NAME.match(text)
    if not match:
        return None
    parameters: dict[str, str] = {}
    repeated: set[str] = set()
    at = match.end()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if not found:
            return None
        at = found.end()
        if found[1] is not None:
            name = found[1].lower()
            repeated.update({name} & parameters.keys())
            parameters.setdefault(name, _unquoted(found[2]))
    return MediaType(f"{match[1]}/{match[2]}".lower(), parameters, frozenset(repeated))


def read_accept(values: Sequence[str]) -> tuple[Range, ...]:
    """The readable members of all Accept fields of one message, in order."""
    found = []
    for text in values:
        for member in split(text):
            media = read(member)
            if media is not None:
                parameters = dict(media.parameters)
                weight = parameters.pop("q", "1")
                # An invalid weight is a parameter to be ignored (PS3.18 8.7.7), so the default of 8.7.5 holds.
                q = float(weight) if _WEIGHT.match(weight) else 1.0
                found.append(Range(media.name, parameters, media.repeated, q))
    return tuple(found)


def split(text: str) -> Iterator[str]:
    """The members of a comma-separated list, commas within quotes kept (RFC 9110 5.6.1)."""
    start, quoted, escaped = 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            if text[start:at].strip():
                yield text[start:at].strip()
            start = at + 1
    if text[start:].strip():
        yield text[start:].strip()


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
