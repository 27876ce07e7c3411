"""Rules that compare a search with the prediction of an unbroken archive that holds what we loaded.

Must not know how the prediction was made. It speaks only of the studies that we loaded, and never alone: matching,
completeness and paging have their own rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, ORACLE, Door, Finding, rule
from suites.web.search import asked
from suites.web.search.broken import edited, rewarned, searches
from suites.web.search.criteria import UNIVERSAL, criteria
from suites.web.search.rows import level, own, owns, remaining, rows, study_of, whole
from suites.web.search.stored import attrs

KEEP = 3
OPEN_VRS = frozenset({"PN", "TM", "DA"})  # where the text leaves something to the server


def predicted(x: Exchange, cut: bool = False) -> bool:
    """There is a prediction for exactly this question, and the answer claims to hold every match (`cut`: or a page)."""
    return (
        x.expected is not None
        and "keys" in x.expected
        and bool(x.expected.get("universe"))
        and rows(x) is not None
        and (cut or whole(x))
        and asked.lawful(x)
        and not any(asked.flag(x.ask, o) for o in asked.OPTIONS)
        and not asked.timezone(x.ask)
        and all(asked.required(x, key) for key in asked.keys(x.ask))
        and not any(c.arguable for c in criteria(x))
        and not any("\\" in k.value or '""' in k.value for k in asked.keys(x.ask))
        and not any(k.vr == "UI" and set(k.value) & set("*?") for k in asked.keys(x.ask))
    )


def foretold(x: Exchange) -> dict[str, list[str]]:
    """The predicted matches: UID at the level of the resource -> UIDs from the study down."""
    return {chain[-1]: chain for chain in x.expected["keys"]} if x.expected else {}


def arguable(x: Exchange) -> set[str]:
    """What may match besides: an attribute without a value is unknown (PS3.4 C.2.2.1.2)."""
    return {chain[-1] for chain in (x.expected or {}).get("arguable", ())}


@rule(
    "search.finds-all-predicted",
    cites="PS3.18 10.6.2; 8.3.4.1.1; PS3.4 C.2.2.2, C.4.1.3",
    verifies=(
        "PS3.18-8.3.4.1.1-1", "PS3.18-8.3.4.1.1-2", "PS3.18-8.3.4.1.1-3", "PS3.18-8.3.4.1.1-4", "PS3.18-8.3.4.1.1-7",
        "PS3.18-8.3.4.1.1-9", "PS3.18-8.3.4.1.1-5",
    ),
    on="web.search",
    basis=ORACLE,
    when=lambda x: predicted(x) and bool(foretold(x)),
    says="Everything that we loaded and that meets the keys is found.",
)  # fmt: skip
def finds_all_predicted(x: Exchange) -> Iterator[Finding]:
    found = set(owns(x))
    missing = [chain for name, chain in foretold(x).items() if name not in found and _sure(x, chain)]
    for chain in missing[:KEEP]:
        got = f"{chain[-1]} is missing, {len(missing)} of {len(foretold(x))}"
        yield Finding(got, f"{level(x)} {'/'.join(chain)}", f"GET {x.ask.target}")


def _sure(x: Exchange, chain: list[str]) -> bool:
    """The match is not a matter of opinion: where the text is open, what we stored has to say so too."""
    doubtful = [c for c in criteria(x) if c.kind != UNIVERSAL and any(k.vr in OPEN_VRS for k in c.keys)]
    past = x.context.past if x.context else None
    if not doubtful:
        return True
    held = [k for k in (past.below(chain[0], *chain[1:2]) if past else ()) if len(chain) < 3 or k.instance == chain[2]]
    return bool(held) and all(c.fit(attrs(k)) is True for c in doubtful for k in held)


@finds_all_predicted.mutant(at=DOOR)
def loses_the_last_of_several_matches(ask: Ask, door: Door) -> Answer:
    """The last of two or more matches of a search with keys is lost."""
    answer = door(ask)
    keyed = bool(asked.keys(ask)) and searches(ask)
    return (edited(Exchange(0, ask, answer), _shorter) if keyed else None) or answer


def _shorter(held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return held[:-1] if len(held) > 1 else held


@finds_all_predicted.mutant(defects="M-QI-39")
def never_lists_patients_without_id(x: Exchange) -> Answer | None:
    """Studies without a Patient ID are never found."""
    return edited(x, lambda held: [r for r in held if "Value" in r.get("00100020", {})], "studies")


@rule(
    "search.finds-only-predicted",
    cites="PS3.18 10.6.2; 8.3.4.1.1; PS3.4 C.2.2.2, C.4.1.3",
    verifies=(
        "PS3.18-8.3.4.1.1-1", "PS3.18-8.3.4.1.1-3", "PS3.18-8.3.4.1.1-4", "PS3.18-8.3.4.1.1-7", "PS3.18-8.3.4.1.1-9",
    ),
    on="web.search",
    basis=ORACLE,
    when=lambda x: predicted(x) and any(_ours(x, row) for row in rows(x) or ()),
    says="Nothing that we loaded is found unless it meets the keys.",
)  # fmt: skip
def finds_only_predicted(x: Exchange) -> Iterator[Finding]:
    due, open_ = foretold(x), arguable(x)
    ours = [row for row in rows(x) or () if _ours(x, row) and own(x, row) not in due and own(x, row) not in open_]
    extra = [row for row in ours if not _loose(x, row)]
    for row in extra[:KEEP]:
        got = f"{own(x, row)}, one of {len(extra)} too many"
        yield Finding(got, f"{len(due)} matches among what we loaded", f"GET {x.ask.target}")


def _ours(x: Exchange, row: Mapping[str, Any]) -> bool:
    return bool(x.expected) and study_of(x, row) in set((x.expected or {}).get("universe", ()))


def _loose(x: Exchange, row: Mapping[str, Any]) -> bool:
    """The row may meet the keys under another reading of an open place."""
    doubtful = [c for c in criteria(x) if any(k.vr in OPEN_VRS for k in c.keys)]
    return any(c.fit(row) is not False for c in doubtful)


@finds_only_predicted.mutant(at=DOOR, defects="M-QI-22")
def finds_one_match_too_many(ask: Ask, door: Door) -> Answer:
    """A search with a key finds one more study, whichever comes first without it."""
    answer = door(ask)
    if not searches(ask, "studies") or not asked.keys(ask) or answer.status != 200:
        return answer
    everything = Exchange(0, ask, door(ask.but(target=ask.target.partition("?")[0])))
    names = owns(Exchange(0, ask, answer))
    more = [dict(row) for row in rows(everything) or () if own(everything, row) not in names][:1]
    return edited(Exchange(0, ask, answer), lambda held: [*held, *more]) or answer


@rule(
    "search.remaining-as-predicted",
    cites="PS3.18 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4.1-5", "PS3.18-8.3.4.4.1-2"),
    on="web.search",
    basis=ORACLE,
    when=lambda x: _counted(x) and (bool(rows(x)) or remaining(x) is not None),
    says="A Warning of further results counts what remains of what we loaded, and there is none when nothing remains.",
)
def remaining_as_predicted(x: Exchange) -> Iterator[Finding]:
    offset, got, told = asked.uint(x.ask, "offset") or 0, len(rows(x) or ()), remaining(x)
    left = max(0, len(foretold(x)) - offset - got)
    if told is not None and told != left:
        # whether what offset skipped counts as returned is not said in so many words
        skipped = bool(offset) and told == left + offset
        want = f"{left} remaining of {len(foretold(x))} matches"
        yield Finding(f"{told} remaining after {got} from {offset} on", want, "Warning", warn=skipped)


def _counted(x: Exchange) -> bool:
    """Nothing but what we loaded can match, and what matches is no matter of opinion."""
    universe = set((x.expected or {}).get("universe", ()))
    named = [uid for k in asked.keys(x.ask) if k.path == "0020000D" for uid in k.values]
    ours = x.resource.study in universe or (bool(named) and set(named) <= universe)
    sure = all(c.kind == UNIVERSAL or not any(k.vr in OPEN_VRS for k in c.keys) for c in criteria(x))
    sure = sure and not arguable(x)
    return ours and sure and asked.uint(x.ask, "limit") != 0 and predicted(x, cut=True)


@remaining_as_predicted.mutant
def warns_of_one_more_result(x: Exchange) -> Answer | None:
    """Every answer with matches says that there is one more."""
    more = f"299 {x.ask.base}: There are 1 additional results that can be requested"
    found = searches(x.ask) and bool(rows(x)) and remaining(x) is None
    return x.answer.but(headers=x.answer.headers.but("warning", more)) if found else None


@remaining_as_predicted.mutant
def halves_the_rest(x: Exchange) -> Answer | None:
    """The Warning counts half of what remains."""
    count = remaining(x) or 0
    return rewarned(x.answer, lambda v: v.replace(f" {count} ", f" {count // 2} ")) if count > 1 else None
