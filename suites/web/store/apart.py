"""Knows which bulk data belongs to which metadata in a Store request (PS3.18 8.6.1.2; PS3.19 A.1.5): by location.

Must not know what was answered, nor judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from harness.exchange import Ask, Exchange
from harness.wire.multipart import Part
from suites.web.store.sent import APART, OCTETS, Sent, apart, framed, misplaced, sent

PIXELS, DOCUMENT, DOCUMENT_TYPE = "7FE00010", "00420011", "00420012"
FRAMES, ROWS, COLUMNS, SAMPLES, BITS, PHOTOMETRIC = (
    "00280008", "00280010", "00280011", "00280002", "00280100", "00280004"
)  # fmt: skip
# Table 10.5.2-1: what is to be kept as it is, and what is to be transformed.
UNCHANGED = ("image/jpeg", "image/jp2", "image/jpx", "image/jph", "image/jxl", "video/mp4", "video/mpeg", "video/h265")
TRANSFORMED = ("image/gif", "image/png")
DEEPEST = 64


@dataclass(frozen=True)
class Reference:
    """A reference to bulk data: where it stands ("00880200[0].7FE00010"), and the parts that it leads to, in order."""

    path: str
    vr: str
    uri: str
    parts: tuple[Part, ...]

    @property
    def type(self) -> str:
        """The media type of its parts, '' when they differ or there are none."""
        found = {part.media.type for part in self.parts}
        return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=8)
def _located(ask: Ask) -> dict[str, list[Part]]:
    """The parts of bulk data by each reading of their Content-Location."""
    found: dict[str, list[Part]] = {}
    for part in ask.parts:
        if part.media.type not in APART and (place := part.get("content-location")):
            for url in _resolved(ask, place):
                found.setdefault(url, []).append(part)
    return found


def _resolved(ask: Ask, reference: str) -> list[str]:
    """What a reference may mean: relative to the target (RFC 3986 5), or below it, which the text leaves open."""
    try:
        target = urljoin(ask.base, ask.resource.path.rstrip("/"))
        return list(dict.fromkeys(urljoin(base, reference.strip()) for base in (target, f"{target}/")))
    except ValueError:
        return [reference.strip()]


def _parts(ask: Ask, uri: str) -> tuple[Part, ...]:
    return next((tuple(found) for url in _resolved(ask, uri) if (found := _located(ask).get(url))), ())


def references(ask: Ask, one: Sent) -> list[Reference]:
    """All references in the metadata of an instance, at every depth."""
    return list(_references(ask, one.attributes or {}, "", 0))


def _references(ask: Ask, dataset: Mapping[str, Any], path: str, depth: int) -> Iterator[Reference]:
    for tag, attribute in dataset.items() if depth < DEEPEST else ():
        if not isinstance(attribute, Mapping):
            continue
        uri = attribute.get("BulkDataURI")
        if isinstance(uri, str):
            yield Reference(f"{path}{tag}", str(attribute.get("vr")), uri, _parts(ask, uri))
        items = attribute.get("Value") if attribute.get("vr") == "SQ" else None
        for n, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, Mapping):
                yield from _references(ask, item, f"{path}{tag}[{n}].", depth + 1)


def pixels(ask: Ask, one: Sent) -> Reference | None:
    """The reference of the top-level Pixel Data, None without one."""
    return next((r for r in references(ask, one) if r.path == PIXELS), None)


def _first(one: Sent, tag: str) -> Any:
    """The first value of an attribute, None when there is none, whatever stands there."""
    attribute = (one.attributes or {}).get(tag)
    values = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return values[0] if isinstance(values, list) and values else None


def number(one: Sent, tag: str) -> int | None:
    """The first value of an attribute as a whole number, None when there is none."""
    try:
        return int(_first(one, tag))
    except (TypeError, ValueError, OverflowError):
        return None


def pixel_octets(one: Sent) -> int | None:
    """The octets that native pixel data has by its description (PS3.5 8.1.1), None when that is not certain."""
    rows, columns, samples, bits = (number(one, tag) for tag in (ROWS, COLUMNS, SAMPLES, BITS))
    if rows is None or columns is None or samples is None or bits is None or "42" in str(_first(one, PHOTOMETRIC)):
        return None
    return (rows * columns * samples * bits * (number(one, FRAMES) or 1) + 7) // 8


def wanting(ask: Ask, one: Sent) -> str:
    """Why nobody can make a right instance of it, '' when somebody can: its pixel data is not there, or too short."""
    found = pixels(ask, one)
    if found is None:
        return ""
    if not found.parts:
        return f"nothing in the request is at {found.uri[:120]}"
    needed = pixel_octets(one)
    size = sum(part.content.size for part in found.parts)
    if found.type == OCTETS and needed is not None and size < needed:
        return f"pixel data of {size} octets for a description that needs {needed}"
    return ""


def sound(x: Exchange) -> bool:
    """A message apart that is written as it should be, of instances that can be told, none twice, none of another
    study, with all their bulk data in the media types that every server has to take."""
    found = sent(x)
    if not apart(x.ask) or not framed(x.ask) or not found or misplaced(x) or x.facts.get("fault"):
        return False
    types = {p.media.type for p in x.ask.parts} & set(APART)
    many = x.ask.media.root == APART[0] and sum(p.media.type == APART[0] for p in x.ask.parts) > 1
    if types != {x.ask.media.root} or many or max(Counter(s.instance for s in found).values()) > 1:
        return False
    return all(s.identified and _plain(x.ask, s) and not wanting(x.ask, s) for s in found)


def _plain(ask: Ask, one: Sent) -> bool:
    """Each reference leads to one part of octets, or to an encapsulated document of its own media type."""
    document = str(_first(one, DOCUMENT_TYPE)).lower()
    for reference in references(ask, one):
        wanted = document if reference.path == DOCUMENT else OCTETS
        if len(reference.parts) != 1 or reference.type != wanted:
            return False
    return not any(tag.startswith("0002") for tag in one.attributes or ())
