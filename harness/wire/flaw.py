"""Knows one departure from a grammar, with the place where it stands; every strict reader speaks in these.

Must not know clauses, levels or rules: they give a flaw its weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KEEP = 100  # flaws kept with their place; beyond that they are only counted


@dataclass(frozen=True, slots=True)
class Flaw:
    """`code` is a stable word ("json.tag-case"), `where` a JSON pointer, XPath, octet offset or field name."""

    code: str
    where: str
    got: str
    want: str


@dataclass(slots=True)
class Flaws:
    """A bounded list of flaws: the first KEEP are kept, all are counted by code."""

    kept: list[Flaw] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, code: str, where: str, got: str, want: str) -> None:
        self.counts[code] = self.counts.get(code, 0) + 1
        # each code keeps a place even when another one floods the list
        if len(self.kept) < KEEP or self.counts[code] == 1:
            self.kept.append(Flaw(code, where, got, want))

    def of(self, *codes: str) -> list[Flaw]:
        """The kept flaws whose code is one of these, or lies below one of these ("json" covers "json.root")."""
        return [f for f in self.kept if any(f.code == c or f.code.startswith(c + ".") for c in codes)]

    def __bool__(self) -> bool:
        return bool(self.kept)

    def __len__(self) -> int:
        return sum(self.counts.values())
