"""Knows how the flaws that a strict reader found become findings of a rule.

Must not know which flaw belongs to which rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from harness.rule import Finding
from harness.wire.flaw import Flaws


def flawed(flaws: Flaws, codes: Collection[str], warn: Collection[str] = (), where: str = "") -> Iterator[Finding]:
    """A finding for each kept flaw with one of these codes; those in `warn` below a failure.

    `where` goes before the place that the reader gave.
    """
    for flaw in flaws.kept:
        if flaw.code in codes:
            place = f"{where} {flaw.where}".strip()
            yield Finding(got=flaw.got, want=flaw.want, where=place, warn=flaw.code in warn)
