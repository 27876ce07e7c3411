"""Knows the negotiation matrix: each representation of each resource, asked for in each form, and what is due to it.

Must not know exchanges; it is made of the one table of rows in `tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from suites.web.negotiation.tables import COMPRESSED, DICOM, EXPLICIT_LE, MATRIX, OCTETS, Offer, Row, Usage

STRANGE = "application/vnd.example.unsupported"
ALONE = "alone"  # the form in which nothing else is acceptable
STORED = "stored"  # stands for the transfer syntax that the instance is held in


@dataclass(frozen=True)
class Held:
    """What is known of the instance that is asked about: '' and 0 where nobody knows.

    `lossless`: what is held can be had in Explicit VR Little Endian (8.7.3.4 Note 2).
    """

    syntax: str = ""
    frames: int = 0
    lossless: bool = False


@dataclass(frozen=True)
class Cell:
    """One question: the Accept field, the accept parameter ('' for none), and what is due when they are asked alone."""

    row: Row
    syntax: str
    form: str
    accept: str
    parameter: str = ""
    due: Usage = "optional"

    @property
    def query(self) -> str:
        return f"accept={quote(self.parameter, safe='')}" if self.parameter else ""

    def facts(self) -> dict[str, str]:
        """What rules may look at: the media type, the transfer syntax and what is due."""
        return {"cell": self.due, "type": str(self.row.offer), "syntax": self.syntax, "form": self.form}


def rows(resource: str, edition: str, held: Held) -> Iterator[tuple[Row, str, Usage]]:
    """The rows of a resource in this edition with their transfer syntax, and what is due for an instance like this."""
    seen = set()
    for row in MATRIX:
        if row.resource != resource or edition < row.since:
            continue
        syntax = held.syntax if row.syntax == STORED else row.syntax
        if (row.syntax == STORED and not syntax) or (row.pixels and not held.frames):
            continue
        key = (row.offer, syntax)
        if key not in seen:
            seen.add(key)
            yield row, syntax, _due(row, held)


def _due(row: Row, held: Held) -> Usage:
    """Default and required types are not owed in a form that perhaps cannot be made (8.7.3.4 Note 2)."""
    made = row.offer.type in (DICOM, OCTETS) and row.syntax in ("", EXPLICIT_LE)
    return "optional" if row.usage in ("default", "required") and made and not held.lossless else row.usage


def written(offer: Offer, syntax: str) -> str:
    """The media range as it is written in Accept."""
    return f"{offer}; transfer-syntax={syntax}" if syntax else str(offer)


def alone(row: Row, syntax: str, due: Usage) -> Cell:
    """The representation and nothing else."""
    return Cell(row, syntax, ALONE, written(row.offer, syntax), due=due)


def otherwise(row: Row, syntax: str, due: Usage) -> Iterator[Cell]:
    """The same choice in other forms: by parameter, with weights, among others. What it means is what `alone` means."""
    wanted = written(row.offer, syntax)
    yield Cell(row, syntax, "parameter", "*/*", wanted, due)
    yield Cell(row, syntax, "weight", f"{wanted}; q=0.3", due=due)
    yield Cell(row, syntax, "after what nobody knows", f"{STRANGE}, {wanted}; q=0.8", due=due)
    yield Cell(row, syntax, "before a wildcard", f"*/*; q=0.1, {wanted}", due=due)


def default_syntax(offer: Offer) -> str:
    """The transfer syntax that no parameter means, '' where none matters (Tables 8.7.3-2, 8.7.3-4, 8.7.3-5)."""
    if offer.type in (DICOM, OCTETS):
        return EXPLICIT_LE
    return COMPRESSED.get(offer.type, ("",))[0]
