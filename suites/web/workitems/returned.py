"""Rules of PS3.18 11.9 on the answer to a search for workitems: its attributes, its models, its status.

Must not know matching, but for what was created in the same journey.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.search import asked
from suites.web.search.broken import listed
from suites.web.search.rows import texts
from suites.web.workitems import matching, reading, table
from suites.web.workitems.judging import each, edited, without
from suites.web.workitems.making import STATE, attributes
from suites.web.workitems.reading import INSTANCE, SEARCHED, SOP_CLASS
from suites.web.workitems.search import KIND, Case, cases, found, lawful


def _gives(row: DataSet, tag: str) -> bool:
    return any(texts(row, tag)) or bool(row.get(tag, {}).get("Value"))


@rule(
    "workitem.match-has-return-keys",
    cites="PS3.18 11.9.2; PS3.4 Table CC.2.5-3",
    verifies="PS3.18-11.9.2-1",
    on=SEARCHED,
    when=lambda x: bool(found(x)),
    says="A match has every attribute of Return Key Type 1, with a value, and every one of type 2.",
)
def match_has_return_keys(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(found(x) or (), 1):
        lacks = [t for t in table.returned("1") if not _gives(row, t)]
        lacks += [t for t in table.returned("2") if t not in row]
        if lacks:
            names = ", ".join(f"{t} {table.rows()[t].name}" for t in lacks[:5])
            yield Finding(f"without {names}", "the attributes of types 1 and 2", f"match {number}")
        uid_class = reading.text(row, SOP_CLASS)
        if uid_class and uid_class != "1.2.840.10008.5.1.4.34.6.1":
            yield Finding(uid_class, "1.2.840.10008.5.1.4.34.6.1 (UPS Push)", f"match {number}, {SOP_CLASS}")


@match_has_return_keys.mutant
def leaves_out_empty_attributes(x: Exchange) -> Answer | None:
    """Attributes without a value are not in a match."""
    return each(x, lambda row: {t: v for t, v in row.items() if _gives(row, t)}, SEARCHED)


@match_has_return_keys.mutant
def gives_the_uid_alone(x: Exchange) -> Answer | None:
    """A match has nothing but the UID and what was asked for."""
    return each(x, lambda row: {t: v for t, v in row.items() if t in (INSTANCE, STATE)}, SEARCHED)


@match_has_return_keys.mutant
def is_of_the_class_of_the_query(x: Exchange) -> Answer | None:
    """Matches are of the UPS Pull class."""
    return each(x, lambda row: {**row, **attributes(x00080016="1.2.840.10008.5.1.4.34.6.3")}, SEARCHED)


@journey(
    "workitem.match-has-what-was-asked",
    cites="PS3.18 11.9.2; PS3.4 Table CC.2.5-3",
    verifies="PS3.18-11.9.2-2",
    on=KIND,
    when=lambda j: any(_expected(c) for c in cases(j)),
    says="A match has the attributes that were asked for, as keys or by includefield, where it has a value for them.",
)
def match_has_what_was_asked(j: Journey) -> Iterator[Finding]:
    for case in cases(j):
        shown = {reading.text(row, INSTANCE): row for row in found(case.x) or ()}
        for uid, tags in _expected(case).items():
            lacks = [t for t in tags if not _gives(shown[uid], t)]
            if lacks:
                got = f"without {', '.join(lacks)}"
                yield Finding(got, "what was asked for", f"{uid} in GET {case.x.ask.target}", seq=case.x.seq)


def _expected(case: Case) -> dict[str, list[str]]:
    """By found workitem the tags that it has a value for and that were asked for: those that every server has."""
    rows_ = table.rows()
    paths = {k.tags[0] for k in matching.keys(case.x.ask)} | {p.partition(".")[0] for p in asked.included(case.x.ask)}
    owed = [t for t in sorted(paths) if t in rows_ and rows_[t].owed in ("1", "2") and rows_[t].returned != "-"]
    held = {uid: [t for t in owed if _gives(item, t)] for uid, item in case.held.items() if uid in case.uids}
    return {uid: tags for uid, tags in held.items() if tags}


@match_has_what_was_asked.mutant
def knows_no_includefield(x: Exchange) -> Answer | None:
    """includefield is not looked at."""
    return each(x, without("00400400"), SEARCHED) if "includefield" in x.ask.query else None


@journey(
    "workitem.search-models-agree",
    cites="PS3.18 11.1.3, 11.9.3.3",
    verifies="PS3.18-11.1.3-1",
    on=KIND,
    when=lambda j: any(found(x) for x in j.steps("json")) and bool(j.steps("xml")),
    says="A search finds the same workitems in JSON and in XML.",
)
def search_models_agree(j: Journey) -> Iterator[Finding]:
    known = next((x for x in j.steps("json") if found(x)), None)
    for x in j.steps("xml") if known is not None else ():
        if reading.declined(x) or known is None:
            continue
        ours, theirs = (sorted(reading.text(r, INSTANCE) for r in found(y) or ()) for y in (known, x))
        if found(x) is None:
            yield Finding(f"{x.answer.line}, {x.answer.type}", "the matches in XML", f"GET {x.ask.target}", seq=x.seq)
        elif ours != theirs:
            yield Finding(f"{len(theirs)} in XML", f"{len(ours)}, as in JSON", f"GET {x.ask.target}", seq=x.seq)


@search_models_agree.mutant
def one_more_in_json(x: Exchange) -> Answer | None:
    """In JSON a match comes twice."""
    return edited(x, lambda held: held + held[:1], SEARCHED)


@journey(
    "workitem.search-takes-its-keys",
    cites="PS3.18 11.9.2, 11.2; PS3.4 CC.2.8.3, Table CC.2.5-3",
    verifies="PS3.18-11.9.2-3",
    on=KIND,
    when=lambda j: any(_owed(x) for x in j.exchanges),
    says="A search by keys that every server has to match is not refused, whether it finds something or not.",
)
def search_takes_its_keys(j: Journey) -> Iterator[Finding]:
    for x in filter(_owed, j.exchanges):
        if not x.answer.ok:
            yield Finding(x.answer.line, "the matches, or none", f"GET {x.ask.target}", seq=x.seq)


def _owed(x: Exchange) -> bool:
    """Nothing in it is optional: each key has Matching Key Type R and a value, and JSON is accepted."""
    if x.kind != SEARCHED or not lawful(x) or reading.declined(x):
        return False
    known, named = matching.keys(x.ask), asked.keys(x.ask)
    plain = len(known) == len(named) and not any(asked.flag(x.ask, o) for o in asked.OPTIONS)
    # what is no whole date, time or UID may be refused, so those keys are left to the rules on what they find
    texts_ = not any(k.universal or k.vr in ("DA", "DT", "UI") for k in known)
    return bool(known) and plain and texts_ and "json" in str(x.ask.headers.get("accept"))


@search_takes_its_keys.mutant
def takes_no_worklist_label(x: Exchange) -> Answer | None:
    """A search by Worklist Label is refused."""
    return _refused(x, 400) if x.kind == SEARCHED and "WorklistLabel" in x.ask.query else None


@search_takes_its_keys.mutant
def nothing_is_not_found(x: Exchange) -> Answer | None:
    """A search that finds nothing is answered 404."""
    return _refused(x, 404) if x.kind == SEARCHED and x.answer.status == 204 else None


def _refused(x: Exchange, status: int) -> Answer:
    return x.answer.but(status=status, reason="", body=b"")


@rule(
    "workitem.search-is-a-list",
    cites="PS3.18 11.1.3, 11.9.3.3; F.2",
    verifies="PS3.18-11.1.3-1",
    on=SEARCHED,
    when=lambda x: bool(found(x)) and x.answer.json is not None,
    says="What a search finds is an array in JSON, even when it is a single workitem.",
)
def search_is_a_list(x: Exchange) -> Iterator[Finding]:
    if x.answer.json is not None and x.answer.json.root != "array":
        yield Finding(f"an {x.answer.json.root}", "an array", "payload")


@search_is_a_list.mutant
def takes_one_out_of_its_list(x: Exchange) -> Answer | None:
    """A single match is an object."""
    rows = found(x) if x.kind == SEARCHED and x.answer.json is not None else None
    return x.answer.but(body=json.dumps(rows[0]).encode()) if rows and len(rows) == 1 else None


@rule(
    "workitem.search-none",
    cites="PS3.18 11.9.3.1, 11.9.3.3; 8.3.4.4.1",
    verifies="PS3.18-11.9.3.1-1",
    on=SEARCHED,
    when=lambda x: found(x) == [] and lawful(x),
    says="A search that finds nothing is answered 204 without a payload, by 2026a 200 with an empty list.",
)
def search_none(x: Exchange) -> Iterator[Finding]:
    late = x.context is not None and x.context.edition >= "2026a"
    due = 200 if late else 204
    if x.answer.status != due or (late and not x.answer.payload):
        strict = x.context is not None and x.context.policy("empty-search") == "edition"
        got = f"{x.answer.line}, {x.answer.payload.size} octets"
        warn = not strict and x.answer.status in (200, 204)
        yield Finding(got, "200 with []" if late else "204", "status", warn=warn, policy="empty-search")
    elif not late and x.answer.payload:
        yield Finding(f"{x.answer.payload.size} octets", "no payload", "payload")


@search_none.mutant
def finds_an_empty_list(x: Exchange) -> Answer | None:
    """No match is a 200 with an empty list."""
    none = x.kind == SEARCHED and x.answer.status == 204
    return x.answer.but(status=200, reason="OK", body=b"[]", type="application/dicom+json") if none else None


@rule(
    "workitem.search-bad-request",
    cites="PS3.18 11.9.3.1",
    verifies="PS3.18-11.9.3.1-3",
    on=SEARCHED,
    when=lambda x: any(asked.faults(x.ask)) and not reading.declined(x),
    says="A search with a parameter whose value cannot be read is answered 400.",
)
def search_bad_request(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        where, want = next(iter(asked.faults(x.ask)))
        soft = 400 <= x.answer.status < 500
        yield Finding(x.answer.line, f"400: {want}", where, warn=soft)


@search_bad_request.mutant
def passes_over_what_it_cannot_read(x: Exchange) -> Answer | None:
    """A bad parameter is left out."""
    return listed(x.answer.but(status=200), []) if x.kind == SEARCHED and x.answer.status == 400 else None
