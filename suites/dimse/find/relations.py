"""Rules that compare the matches of several queries, by what the queries ask alone (PS3.4 C.2.2.2, C.4.1.3).

Must not know what is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

from harness.association import Operation
from harness.exchange import Journey
from harness.make.identifiers import UNIQUE
from harness.rule import DOOR, SCP, Finding, journey
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend, models
from suites.dimse.bend import Door
from suites.dimse.find import asked
from suites.dimse.find.matching import rewriting

ON = "dimse.query-retrieve.relations"
MOST = 60  # queries of one journey that are compared

Restriction = frozenset[tuple[str, str]]


def queries(j: Journey) -> list[Operation]:
    """The lawful queries that ended with Success: they claim to have told every match (C.4.1.3.1)."""
    found = [
        o
        for a in j.associations
        for o in a.operations
        if o.kind == "dimse.query-retrieve.find" and o.status == 0 and asked.lawful(o) and not o.cancels
    ]
    return found[:MOST]


def restriction(o: Operation) -> Restriction:
    """What a query restricts: keys with a value that does not mean everything."""
    return frozenset((k.path, k.value) for k in asked.keys(o) if not k.universal)


def alike(one: Operation, other: Operation) -> bool:
    """Two queries for the same kind of thing, with the same things agreed."""
    options = [models.option(one, place) == models.option(other, place) for place in range(5)]
    return models.model(one) == models.model(other) and asked.level(one) == asked.level(other) and all(options)


def _sure(o: Operation) -> bool:
    """Every restriction is one that the SCP has to apply."""
    return all(asked.supported(o, k) for k in asked.keys(o) if not k.universal)


def _nested(found: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    for one, other in permutations(found, 2):
        if alike(one, other) and _sure(one) and restriction(one) > restriction(other):
            yield one, other


@journey(
    "find.narrower-finds-no-more",
    cites="PS3.4 C.4.1.3.1.1, C.2.2.2",
    verifies=("SV-FND-004", "SV-FND-015"),
    on=ON,
    who=SCP,
    when=lambda j: any(True for _ in _nested(queries(j))),
    says="A query with one key more finds nothing that the query without it does not find.",
)
def narrower_finds_no_more(j: Journey) -> Iterator[Finding]:
    for narrow, wide in _nested(queries(j)):
        extra = set(asked.owns(narrow)) - set(asked.owns(wide))
        if extra:
            want = f"among the {len(asked.owns(wide))} of operation {wide.number}"
            yield Finding(f"{sorted(extra)[0]}, {len(extra)} in all", want, narrow.where(), seq=narrow.seq)


@narrower_finds_no_more.mutant(at=DOOR)
def loses_the_last_match_of_wide_queries(request: Sent, door: Door) -> Iterable[Sent]:
    """The last match of a query without a key of its level is lost."""
    keyed: list[str] = []

    def noted(path: str, value: str) -> str:
        if value and path not in ("0020000D", "0020000E", "00080018"):
            keyed.append(path)
        return value

    rewriting(request, noted)
    told = list(door(request))
    pending = [m for m in told if bend.is_pending(m, "find")]
    return [m for m in told if keyed or len(pending) < 2 or m is not pending[-1]]


def _same(found: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            if alike(one, other) and restriction(one) == restriction(other):
                yield one, other


@journey(
    "find.universal-changes-nothing",
    cites="PS3.4 C.2.2.2.3, C.2.2.2.4",
    verifies="SV-FND-007",
    on=ON,
    who=SCP,
    when=lambda j: any(True for _ in _same(queries(j))),
    says="A key without a value, or with an asterisk alone, finds the same as no key at all.",
)
def universal_changes_nothing(j: Journey) -> Iterator[Finding]:
    for one, other in _same(queries(j)):
        first, second = set(asked.owns(one)), set(asked.owns(other))
        if first != second:
            odd = sorted(first ^ second)
            got = f"{len(second)} matches, {odd[0]} differs"
            yield Finding(got, f"the {len(first)} of operation {one.number}", other.where(), seq=other.seq)


def _filled(request: Sent, door: Door, meaning: str) -> Iterable[Sent]:
    """The answers to a query whose keys of this value want something there."""
    wanted: list[int] = []

    def noted(path: str, value: str) -> str:
        if value == meaning:
            wanted.append(int(path, 16))
        return value

    rewriting(request, noted)
    return bend.found_by(door(request), lambda match: not any(t in match and match[t].is_empty for t in wanted))


@universal_changes_nothing.mutant(at=DOOR, defects="M-CF-13")
def an_empty_key_wants_a_value(request: Sent, door: Door) -> Iterable[Sent]:
    """A key without a value finds only what has a value there."""
    return _filled(request, door, "")


@universal_changes_nothing.mutant(at=DOOR)
def an_asterisk_wants_something(request: Sent, door: Door) -> Iterable[Sent]:
    """An asterisk finds only what has a value there."""
    return _filled(request, door, "*")


def _united(found: Sequence[Operation]) -> Iterator[tuple[Operation, list[Operation]]]:
    """A query with a list of UIDs, and the queries with each of them, all else being equal."""
    for listed in found:
        own = UNIQUE[asked.level(listed)]
        key = asked.key(listed, own)
        if key is None or len(key.values) < 2:
            continue
        rest = restriction(listed) - {(own, key.value)}
        singles = [[o for o in found if alike(o, listed) and restriction(o) == rest | {(own, v)}] for v in key.values]
        if all(singles):
            yield listed, [found_[0] for found_ in singles]


@journey(
    "find.list-is-union",
    cites="PS3.4 C.2.2.2.2",
    verifies="SV-FND-006",
    on=ON,
    who=SCP,
    when=lambda j: any(True for _ in _united(queries(j))),
    says="A list of UIDs finds what each of them finds by itself, together.",
)
def list_is_union(j: Journey) -> Iterator[Finding]:
    for listed, singles in _united(queries(j)):
        due = {uid for o in singles for uid in asked.owns(o)}
        got = set(asked.owns(listed))
        if got != due:
            odd = sorted(got ^ due)
            shown = f"{len(got)} matches, {odd[0]} {'missing' if odd[0] in due else 'too many'}"
            yield Finding(shown, f"the {len(due)} of the single ones", listed.where(), seq=listed.seq)


@list_is_union.mutant(at=DOOR)
def only_the_first_of_a_list(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a list of UIDs the first one counts."""
    return door(rewriting(request, lambda path, value: value.split("\\")[0]))


@list_is_union.mutant(at=DOOR)
def forgets_the_last_of_a_list(request: Sent, door: Door) -> Iterable[Sent]:
    """Of a list of UIDs the last one does not count."""
    return door(rewriting(request, lambda path, value: value.rpartition("\\")[0] if "\\" in value else value))
