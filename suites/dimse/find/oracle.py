"""Rules that compare C-FIND with the prediction of an unbroken archive that holds what we loaded.

Must not know how the prediction was made. `expected` of an operation holds "matches" and "arguable", lists of the
unique keys of each predicted match from the top of the model down, and "universe", the studies that we loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.association import Operation
from harness.make.identifiers import UNIQUE
from harness.rule import DOOR, ORACLE, SCP, Finding, operation
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.bend import Door
from suites.dimse.find import asked
from suites.dimse.find.asked import SINGLE
from suites.dimse.reading import matches, text

ON = "dimse.query-retrieve.find"
KEEP = 3


def predicted(o: Operation) -> bool:
    """There is a prediction for this query, and the response claims to hold every match."""
    told = o.expected
    return (
        isinstance(told, Mapping)
        and "matches" in told
        and bool(told.get("universe"))
        and o.status == 0
        and not o.cancels
        and asked.lawful(o)
        and asked.key(o, UNIQUE[asked.level(o)]) is not None  # else no match says which entity it is
        and all(asked.supported(o, k) for k in asked.keys(o) if not k.universal)
    )


def _doubtful(o: Operation) -> bool:
    """A key whose matching the text leaves to the implementation in part (C.2.2.2.1.1, C.2.2.2.1.3, C.2.2.2.4)."""
    open_ = [k for k in asked.keys(o) if not k.universal and asked.supported(o, k)]
    return any(k.vr == "PN" or (k.vr in ("DA", "TM") and asked.kind(o, k) == SINGLE) for k in open_)


def _names(o: Operation, part: str) -> dict[str, list[str]]:
    told: Mapping[str, Any] = o.expected or {}
    return {chain[-1]: chain for chain in told.get(part, ()) if chain}


@operation(
    "find.finds-all-predicted",
    cites="PS3.4 C.4.1.3.1, C.2.2.2",
    verifies=("SV-FND-015", "SV-FND-005", "SV-FND-006", "SV-FND-008", "SV-FND-009", "SV-FND-010"),
    on=ON,
    who=SCP,
    basis=ORACLE,
    when=lambda o: predicted(o) and bool(_names(o, "matches")),
    says="Everything that we loaded and that meets the keys is found.",
)
def finds_all_predicted(o: Operation) -> Iterator[Finding]:
    due, found = _names(o, "matches"), set(asked.owns(o))
    missing = [chain for name, chain in due.items() if name not in found]
    for chain in missing[:KEEP]:
        got = f"{chain[-1]} is missing, {len(missing)} of {len(due)}"
        where = f"{o.where()}, {'; '.join(k.where for k in asked.keys(o) if not k.universal)[:300]}"
        yield Finding(got, f"{asked.level(o)} {'/'.join(chain)}", where, warn=_doubtful(o))


@finds_all_predicted.mutant(at=DOOR)
def loses_the_last_of_several(request: Sent, door: Door) -> Iterable[Sent]:
    """The last of two or more matches is lost."""
    told = list(door(request))
    pending = [m for m in told if bend.is_pending(m, "find")]
    return [m for m in told if len(pending) < 2 or m is not pending[-1]]


@operation(
    "find.finds-only-predicted",
    cites="PS3.4 C.4.1.3.1, C.2.2.2",
    verifies=("SV-FND-015", "SV-FND-005", "SV-FND-006", "SV-FND-008", "SV-FND-009", "SV-FND-018"),
    on=ON,
    who=SCP,
    basis=ORACLE,
    when=lambda o: predicted(o) and any(_ours(o)),
    says="Nothing that we loaded is found unless it meets the keys.",
)
def finds_only_predicted(o: Operation) -> Iterator[Finding]:
    allowed = {**_names(o, "matches"), **_names(o, "arguable")}
    extra = [name for name in _ours(o) if name not in allowed]
    for name in extra[:KEEP]:
        got = f"{name}, one of {len(extra)} too many"
        want = f"{len(_names(o, 'matches'))} matches among what we loaded"
        yield Finding(got, want, o.where(), warn=_doubtful(o))


def _ours(o: Operation) -> list[str]:
    """The unique keys of the matches that belong to studies which we loaded."""
    universe = set((o.expected or {}).get("universe", ()))
    return [asked.own(o, match) for match in matches(o) if text(match, UNIQUE["STUDY"]) in universe]


@finds_only_predicted.mutant(at=DOOR)
def finds_one_too_many(request: Sent, door: Door) -> Iterable[Sent]:
    """A query with a key finds one more, whichever comes first without it."""
    told = list(door(request))
    if not bend.is_request(request, "find"):
        return told

    def loosened(found: Any) -> bool:
        names = [
            e for e in found if e.VR in ("LO", "SH", "CS", "IS") and e.tag not in (0x00080052, 0x00080005) and e.value
        ]
        for element in names:
            element.value = None
        return bool(names)

    wider = bend.rewritten(request, loosened)
    if wider is None:
        return told
    have = {bend.octets_of(m) for m in told}
    more = [m for m in door(wider) if bend.is_pending(m) and bend.octets_of(m) not in have][:1]
    return [*more, *told]
