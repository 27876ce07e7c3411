"""Rules of PS3.18 12.6 over several searches: what was stored is found, what is said of it is true, pages and forms.

Must not know the messages that instances were sent in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.exchange import Answer, Exchange, Journey
from harness.nonpatient import SOP_INSTANCE
from harness.rule import RELATION, Finding, ground, journey
from harness.wire.dicom_json import DataSet
from suites.web.non_patient import bend
from suites.web.non_patient.reading import (
    CHARSET,
    JSON,
    SEARCH,
    acknowledged,
    belongs,
    category,
    differences,
    fit,
    obliged,
    searches,
    sop_class,
    uid,
    uids,
)
from suites.web.search import asked
from suites.web.search.broken import listed, relisted, rewarned, unwarned
from suites.web.search.rows import found, remaining, rows, says_more, warnings, whole

KEYS, FORMS, PAGES = "web.non-patient.keys", "web.non-patient.forms", "web.non-patient.pages"
ITS_OWN = ("00080005", "00080052", "00080054", "00080056", "00081190", "04000561")


def _due(j: Journey) -> Iterator[tuple[Exchange, DataSet, bool]]:
    """Each search and each instance that was stored in its category, and whether it surely matches all keys."""
    held = acknowledged(j)
    for x in searches(j):
        plain = not any(asked.flag(x.ask, option) for option in asked.OPTIONS) and not asked.timezone(x.ask)
        if not (x.answer.ok and rows(x) is not None and asked.lawful(x) and plain):
            continue
        for one in held.values():
            fits = fit(one, asked.keys(x.ask))
            if fits is not None and belongs(one, x.resource.category) and obliged(x, one):
                yield x, one, fits


@journey(
    "non-patient.search-complete",
    cites="PS3.18 12.6.2; 12.6.1.2; 8.3.4.1.1; PS3.4 C.2.2.2; X.6.1.2; U.6.1.2; BB.6.1.2; HH.6.1.2",
    verifies=("PS3.18-12.6.2-1", "PS3.18-12.6.1.2-2", "PS3.18-12.5.2-1"),
    on=f"{KEYS}|web.non-patient.kept",
    basis=RELATION,
    when=lambda j: any(True for _ in _due(j)),
    says="A search finds every instance that was stored and fits its keys, and none that does not.",
)
def complete(j: Journey) -> Iterator[Finding]:
    for x, one, fits in _due(j):
        there = uid(one) in uids(x)
        if fits and not there and whole(x):
            late = any(uid(one) in uids(y) for y in searches(j) if y.seq > x.seq and y.ask.target == x.ask.target)
            got = f"{len(uids(x))} matches without {uid(one)}"
            yield Finding(got, "that instance", x.ask.line, seq=x.seq, warn=late)
        elif there and not fits:
            yield Finding(f"{uid(one)}, which does not fit", "only what fits", x.ask.line, seq=x.seq)


@complete.mutant
def forgets_the_last_match(x: Exchange) -> Answer | None:
    """The last match is left out."""
    return _listed(x, slice(None, -1))


@complete.mutant
def finds_nothing_in_sequences(x: Exchange) -> Answer | None:
    """Keys within sequences match nothing."""
    nested = x.kind == SEARCH and any("." in key.path for key in asked.keys(x.ask))
    return _listed(x, slice(0, 0)) if nested else None


@complete.mutant
def takes_stars_literally(x: Exchange) -> Answer | None:
    """Wild cards are letters like any others."""
    return _listed(x, slice(0, 0)) if x.kind == SEARCH and any("*" in k.value for k in asked.keys(x.ask)) else None


@complete.mutant
def takes_one_uid_of_a_list(x: Exchange) -> Answer | None:
    """Of a list of UIDs the first counts."""
    several = x.kind == SEARCH and any(len(key.values) > 1 for key in asked.keys(x.ask))
    return _listed(x, slice(0, 1)) if several else None


@complete.mutant
def never_ends_a_range(x: Exchange) -> Answer | None:
    """A range of dates matches nothing."""
    ranged = x.kind == SEARCH and any(k.vr in ("DA", "DT") and "-" in k.value for k in asked.keys(x.ask))
    return _listed(x, slice(0, 0)) if ranged else None


def _listed(x: Exchange, part: slice) -> Answer | None:
    if x.kind != SEARCH or not found(x) or x.answer.type != JSON:
        return None
    return relisted(x.answer, lambda held: held[part]) or listed(x.answer, [])


def _told(j: Journey) -> Iterator[tuple[Exchange, DataSet, DataSet]]:
    """Each match of an instance that was stored in this journey."""
    held = acknowledged(j)
    for x in searches(j):
        for row in rows(x) or ():
            if uid(row) in held:
                yield x, row, held[uid(row)]


@journey(
    "non-patient.asked-is-told",
    cites="PS3.18 12.6; 8.3.4.3; PS3.4 K.2.2.1.2; Tables X.6-1, U.6-1, BB.6-1 to -3, HH.6-1",
    verifies=("PS3.18-12.6.1.2-1", "PS3.18-12.6.1.2-2"),
    on=KEYS,
    basis=RELATION,
    when=lambda j: any(_asked(x, one) for x, _, one in _told(j)),
    says="A match carries the attributes that the search asked for by key or includefield, as far as it has them.",
)
def asked_is_told(j: Journey) -> Iterator[Finding]:
    for x, row, one in _told(j):
        for tag in sorted(_asked(x, one)):
            if tag not in row:
                yield Finding(f"no {tag}", f"{tag} of {uid(one)}", x.ask.line, seq=x.seq)


def _asked(x: Exchange, one: DataSet) -> set[str]:
    """Top-level attributes that were asked for, that its table has for return, and that the instance has."""
    known = category(x)
    model = known.model(sop_class(one)) if known else None
    if model is None or not asked.lawful(x) or not model.read:
        return set()
    wanted = {key.path for key in asked.keys(x.ask)} | asked.included(x.ask)
    if "all" in asked.includes(x.ask):
        # what has no value may count as not available (8.3.4.3)
        wanted |= {path for path in model.keys if one.get(path[:8], {}).get("Value")}
    return {p[:8] for p in wanted if p in model.keys and model.keys[p].told[:1] in "12" and p[:8] in one} - {CHARSET}


@asked_is_told.mutant
def tells_the_uids_alone(x: Exchange) -> Answer | None:
    """A match holds its two UIDs and nothing else."""
    return bend.matched(
        x, lambda held: [{t: v for t, v in row.items() if t in ("00080016", SOP_INSTANCE)} for row in held]
    )


@asked_is_told.mutant
def ignores_includefield(x: Exchange) -> Answer | None:
    """What includefield names is not told."""
    included = asked.included(x.ask) if x.kind == SEARCH else set()
    return bend.matched(x, lambda held: [bend.without(*included)(row) for row in held]) if included else None


@journey(
    "non-patient.values-as-stored",
    cites="PS3.18 12.6; PS3.4 C.4.1.1.3.2, K.4.1.1.3.2",
    verifies="PS3.18-12.6.2-1",
    on=KEYS,
    basis=RELATION,
    when=lambda j: any(True for _ in _told(j)),
    says="The attributes of a match have the values that were stored.",
)
def values_as_stored(j: Journey) -> Iterator[Finding]:
    for x, row, one in _told(j):
        # of a sequence only what matches and what was asked for is there (C.2.2.2.6)
        both = {t: v for t, v in row.items() if t in one and v.get("vr") != "SQ"}
        for d in differences(both, {t: one[t] for t in both}, ITS_OWN)[:3]:
            yield Finding(str(d.got), str(d.want), f"{uid(one)}, {d.path}", seq=x.seq)


@values_as_stored.mutant
def mixes_up_rows(x: Exchange) -> Answer | None:
    """Every match carries the texts of the one before it."""
    return bend.matched(
        x, lambda held: [{**row, **_texts(other)} for row, other in zip(held, held[-1:] + held, strict=False)]
    )


@values_as_stored.mutant
def writes_everything_in_capitals(x: Exchange) -> Answer | None:
    """Texts are told in capitals."""
    return bend.matched(x, lambda held: [{**row, **{t: _loud(v) for t, v in _texts(row).items()}} for row in held])


def _texts(row: DataSet) -> dict[str, DataSet]:
    return {t: v for t, v in row.items() if v.get("vr") in ("LO", "SH", "ST", "UC", "LT") and v.get("Value")}


def _loud(attribute: DataSet) -> DataSet:
    return {**attribute, "Value": [str(value).upper() for value in attribute["Value"]]}


@journey(
    "non-patient.same-in-every-form",
    cites="PS3.18 8.3.4.1; 8.3.4.4.1; 12.6.3.3; PS3.4 C.2.2.2.2 to C.2.2.2.4",
    verifies=("PS3.18-12.6.2-1", "PS3.18-12.6.3.3-1", "PS3.18-12.6.1.2-1"),
    on=FORMS,
    basis=RELATION,
    when=lambda j: any(len(group) > 1 for group in _groups(j)),
    says="Tag or keyword, JSON or XML, no key or an empty one or *, once or again: the matches are the same, in order.",
)
def same_in_every_form(j: Journey) -> Iterator[Finding]:
    for group in _groups(j):
        for x in group[1:]:
            if uids(x) != uids(group[0]):
                alike = sorted(uids(x)) == sorted(uids(group[0]))
                got = "the same matches in another order" if alike else f"{len(uids(x))} matches"
                want = f"the {len(uids(group[0]))} matches of {group[0].ask.line}"
                # order is promised to the same request only (8.3.4.4.1)
                warn = alike and (x.ask.target, x.ask.headers) != (group[0].ask.target, group[0].ask.headers)
                yield Finding(got, want, x.ask.line, seq=x.seq, warn=warn)


def _groups(j: Journey) -> Iterator[list[Exchange]]:
    """Searches that ask the same in different words, as far as they were carried out."""
    for step in dict.fromkeys(x.step for x in searches(j) if x.step.startswith("same")):
        yield [x for x in j.steps(step) if x.answer.ok and rows(x) is not None and whole(x)]


@same_in_every_form.mutant
def knows_no_tags(x: Exchange) -> Answer | None:
    """A key that is named by its tag matches nothing."""
    tags = x.kind == SEARCH and any(key.parameter.name[:1].isdigit() for key in asked.keys(x.ask))
    return _listed(x, slice(0, 0)) if tags else None


@same_in_every_form.mutant
def takes_an_empty_key_for_a_value(x: Exchange) -> Answer | None:
    """A key without a value matches what has none."""
    empty = x.kind == SEARCH and any(key.universal for key in asked.keys(x.ask))
    return _listed(x, slice(0, 0)) if empty else None


def _pages(j: Journey) -> Iterator[tuple[Exchange, Sequence[str]]]:
    """Each page, and the whole list that was the same before and after."""
    full = [x for x in j.steps("all") if found(x) and whole(x)]
    if len(full) > 1 and uids(full[0]) == uids(full[-1]):
        for x in j.steps("page"):
            if x.answer.ok and rows(x) is not None and asked.uint(x.ask, "limit") != 0:
                yield x, uids(full[0])


@journey(
    "non-patient.page-is-its-slice",
    cites="PS3.18 8.3.4.4; 8.3.4.4.1; 12.6.1.2",
    verifies="PS3.18-12.6.1.2-1",
    on=PAGES,
    basis=RELATION,
    when=lambda j: any(True for _ in _pages(j)),
    says="A page holds the matches from its offset on, in the order of the whole list.",
)
def page_is_its_slice(j: Journey) -> Iterator[Finding]:
    for x, full in _pages(j):
        offset, limit = asked.uint(x.ask, "offset") or 0, asked.uint(x.ask, "limit")
        due = full[offset:] if limit is None else full[offset : offset + limit]
        got = uids(x)
        if list(due[: len(got)]) != got or (due and not got):
            yield Finding(f"{len(got)} matches: {got[:3]}", f"{list(due[:3])}", x.ask.line, seq=x.seq)


@page_is_its_slice.mutant
def turns_pages_round(x: Exchange) -> Answer | None:
    """The matches of a page come in reverse order."""
    paged = x.kind == SEARCH and "offset" in x.ask.query
    return bend.matched(x, lambda held: held[::-1]) if paged else None


@page_is_its_slice.mutant
def ends_before_the_end(x: Exchange) -> Answer | None:
    """With an offset nothing is found."""
    return _listed(x, slice(0, 0)) if x.kind == SEARCH and "offset" in x.ask.query else None


@journey(
    "non-patient.says-what-remains",
    cites="PS3.18 8.3.4.4.1; 12.6.1.2",
    verifies="PS3.18-12.6.1.2-1",
    on=PAGES,
    basis=RELATION,
    when=lambda j: any(uids(x) for x, _ in _pages(j)),
    says="A Warning tells how many matches come after those of a page, and there is none after the last.",
)
def says_what_remains(j: Journey) -> Iterator[Finding]:
    for x, full in _pages(j):
        left = max(0, len(full) - (asked.uint(x.ask, "offset") or 0) - len(uids(x)))
        got = remaining(x)
        if left and got != left:
            # other words than those of the text are no silence
            told = got is None and says_more(x)
            yield Finding(
                f"{warnings(x) or 'no Warning'}", f"{left} additional results", x.ask.line, seq=x.seq, warn=told
            )
        if not left and (got or 0) > 0:
            yield Finding(f"{warnings(x)}", "no word of further results", x.ask.line, seq=x.seq)


@says_what_remains.mutant
def says_nothing_of_the_rest(x: Exchange) -> Answer | None:
    """Pages come without a Warning."""
    return unwarned(x.answer, "additional") if x.kind == SEARCH else None


@says_what_remains.mutant
def counts_the_page_as_well(x: Exchange) -> Answer | None:
    """The Warning counts one match too many."""
    more = (remaining(x) or 0) + 1
    return rewarned(x.answer, lambda value: value.replace(f" {more - 1} ", f" {more} ")) if x.kind == SEARCH else None


ground("non-patient", complete)
