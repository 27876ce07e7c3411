"""Rules of PS3.18 10.6.3.1 and 8.3.4.4.1 on the code of a search answer, and on an answer without matches.

Must not know matching: only whether a request is one that a server has to understand.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Headers, Journey
from harness.rule import DOOR, Door, Finding, journey, rule
from suites.web.search import asked
from suites.web.search.broken import dropping, listed, rewriting, searches
from suites.web.search.rows import found, rows

EMPTY_LIST_SINCE = "2026a"
ACCESS = (401, 403, 407, 429)  # who asks, and how often, is not the search's matter
BUSY = (503,)


def understandable(x: Exchange) -> bool:
    """A request that every server has to understand: required keys, known parameters, an offered media type."""
    named = asked.keys(x.ask)
    return (
        asked.lawful(x)
        and asked.acceptable(x)
        and x.answer.status not in ACCESS
        and all(asked.required(x, key) for key in named)
        and not any("\\" in key.value for key in named)
        and not any(o in x.ask.query for o in ("emptyvaluematching", "multiplevaluematching"))
        and _short(x)
    )


def _short(x: Exchange) -> bool:
    """No longer than what every server takes (RFC 9110 4.1 recommends 8000 octets)."""
    return len(x.ask.target) <= 2000


@rule(
    "search.understood",
    cites="PS3.18 10.6.1.2; 10.6.1.2.3; 8.3.4; 10.6.3.1",
    verifies=("PS3.18-8.3.4-1", "PS3.18-10.6.3.1-1", "PS3.18-8.3.4.1-5"),
    on="web.search",
    when=lambda x: understandable(x) and not _optional(x),
    says="A well-formed search with required keys is carried out, not refused.",
)
def understood(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if status >= 400 and status != 413:
        # the code for a study or series that is not there is a matter of its own
        if status == 404 and x.resource.uids:
            return
        yield Finding(x.answer.line, "200, or an answer without matches", f"GET {x.ask.target}", warn=status in BUSY)


def _optional(x: Exchange) -> bool:
    """A proxy need not have this resource, and then refuses all requests to it (Table 10.6.1-1)."""
    relational = x.resource.search in ("study-instances", "series", "instances")
    return relational and x.answer.status in (400, 404, 405, 501)


@understood.mutant(defects="M-QI-19")
def refuses_open_ranges(x: Exchange) -> Answer | None:
    """A range with an open end is answered 400."""
    half = [k for k in asked.keys(x.ask) if k.vr in ("DA", "TM") and (k.value[:1] == "-" or k.value[-1:] == "-")]
    return _refused(x, 400) if half else None


@understood.mutant(defects="M-QI-23")
def falls_over_keywords(x: Exchange) -> Answer | None:
    """A key that is named by its keyword is answered 500."""
    return _refused(x, 500) if any(k.parameter.name[:1].isupper() for k in asked.keys(x.ask)) else None


@understood.mutant(defects="M-QI-34")
def falls_over_quotes(x: Exchange) -> Answer | None:
    """A value with an apostrophe is answered 500."""
    return _refused(x, 500) if any("'" in k.value for k in asked.keys(x.ask)) else None


@understood.mutant(defects="M-QI-46")
def falls_over_empty_modality(x: Exchange) -> Answer | None:
    """A key without a value is answered 500."""
    return _refused(x, 500) if any(k.universal for k in asked.keys(x.ask)) else None


@understood.mutant(defects=("M-QI-30", "M-QI-50"))
def refuses_uid_lists(x: Exchange) -> Answer | None:
    """A list of UIDs is answered 400."""
    return _refused(x, 400) if any(len(k.values) > 1 for k in asked.keys(x.ask)) else None


@understood.mutant
def refuses_includefield(x: Exchange) -> Answer | None:
    """includefield is answered 400."""
    return _refused(x, 400) if asked.includes(x.ask) else None


def _refused(x: Exchange, status: int) -> Answer | None:
    return x.answer.but(status=status, reason="No", body=b"") if searches(x.ask) else None


@rule(
    "search.success-code",
    cites="PS3.18 10.6.3.1; 8.3.4.4.1",
    verifies=("PS3.18-8.3.4.4.1-4", "PS3.18-10.6.3.1-1"),
    on="web.search",
    when=found,
    says="An answer with matches has the code 200.",
)
def success_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 200:
        yield Finding(x.answer.line, "200 OK", "status line")


@success_code.mutant
def says_206_for_limited_answers(x: Exchange) -> Answer | None:
    """A limited answer has the code 206."""
    limited = searches(x.ask) and x.answer.status == 200 and "limit" in x.ask.query
    return x.answer.but(status=206, reason="Partial Content") if limited else None


@success_code.mutant
def says_202_for_matches(x: Exchange) -> Answer | None:
    """Matches come with the code 202."""
    return x.answer.but(status=202, reason="Accepted") if searches(x.ask) and x.answer.status == 200 else None


def empty(x: Exchange) -> bool:
    """A successful answer without matches."""
    asked_whole = x.ask.method != "HEAD"
    return asked_whole and x.answer.ok and not x.answer.parts and rows(x) is not None and not rows(x)


@rule(
    "search.empty-form",
    cites="PS3.18 8.3.4.4.1; 10.6.3.1",
    verifies=("PS3.18-8.3.4.4.1-3", "PS3.18-10.6.3.1-1"),
    on="web.search",
    when=empty,
    says="A search without a match is 204 without a payload up to 2025e, and 200 with an empty list from 2026a on.",
)
def empty_form(x: Exchange) -> Iterator[Finding]:
    answer, context = x.answer, x.context
    modern = context is not None and context.edition >= EMPTY_LIST_SINCE
    as_204 = answer.status == 204 and not answer.body
    as_list = answer.status == 200 and answer.json is not None and answer.json.root == "array"
    want = "200 with an empty list" if modern else "204 without a payload"
    if (as_list and modern) or (as_204 and not modern):
        return
    either = (as_204 or as_list) and (context is None or context.policy("empty-search") == "both")
    got = f"{answer.line} with {answer.payload.size} octets"
    yield Finding(got, want, "status line", warn=either, policy="empty-search" if either else "")


@empty_form.mutant(defects=("M-QI-01", "M-QI-02", "M-QI-04"))
def says_200_without_a_payload(x: Exchange) -> Answer | None:
    """A search without a match is 200 with nothing in it."""
    none = searches(x.ask) and x.answer.status == 204
    return x.answer.but(status=200, reason="OK", headers=_json_type(x, 0)) if none else None


@empty_form.mutant(defects="M-QI-03")
def says_200_and_an_empty_list(x: Exchange) -> Answer | None:
    """A search without a match is 200 with an empty list, as the latest edition wants."""
    none = searches(x.ask) and x.answer.status == 204
    return x.answer.but(status=200, reason="OK", headers=_json_type(x, 2), body=b"[]") if none else None


def _json_type(x: Exchange, size: int) -> Headers:
    return x.answer.headers.but("content-type", "application/dicom+json").but("content-length", str(size))


NONE = "web.search.none"


@journey(
    "search.no-match-is-no-error",
    cites="PS3.18 8.3.4.4.1; 10.6.3.1",
    verifies=("PS3.18-8.3.4.4.1-3", "PS3.18-10.6.3.1-1"),
    on=NONE,
    when=lambda j: any(_pair(j)),
    says="A search that matches nothing succeeds on every resource where others are carried out.",
)
def no_match_is_no_error(j: Journey) -> Iterator[Finding]:
    for x in _pair(j):
        if not x.answer.ok or found(x):
            got = f"{len(rows(x) or ())} matches" if found(x) else x.answer.line
            yield Finding(got, "success without matches", f"GET {x.ask.target}", seq=x.seq)


def _pair(j: Journey) -> Iterator[Exchange]:
    """Searches without a match on resources that answered another search with matches."""
    served = {x.resource.search for x in j.steps("some") if found(x)}
    return (x for x in j.steps("none") if x.resource.search in served)


@no_match_is_no_error.mutant(defects="M-QI-03")
def says_404_without_a_match(x: Exchange) -> Answer | None:
    """A search without a match is 404."""
    none = searches(x.ask) and x.answer.status == 204
    return x.answer.but(status=404, reason="Not Found") if none else None


@journey(
    "search.unknown-parent",
    cites="PS3.18 10.6.3.1; 8.3.4.4.1; PS3.4 C.4.1.3.1.1",
    verifies="PS3.18-10.6.3.1-4",
    on=NONE,
    when=lambda j: bool(j.steps("unknown-parent")) and any(found(x) for x in j.steps("some")),
    says="Below a study or series that does not exist nothing is found: no matches, or 404.",
)
def unknown_parent(j: Journey) -> Iterator[Finding]:
    for x in j.steps("unknown-parent"):
        strict = x.answer.status == 404 and j.context is not None and j.context.policy("unknown-parent") == "empty"
        if found(x) or not (x.answer.ok or x.answer.status in (404, 410)) or strict:
            got = f"{len(rows(x) or ())} matches" if found(x) else x.answer.line
            where = f"GET {x.ask.target}"
            yield Finding(got, "no match, or 404", where, seq=x.seq, warn=strict, policy="unknown-parent")


@unknown_parent.mutant(at=DOOR, defects="M-QI-27")
def ignores_the_study_in_the_path(ask: Ask, door: Door) -> Answer:
    """Below an unknown study the whole archive is searched."""
    study = ask.resource.study
    answer = door(ask)
    if not searches(ask, "study-series", "study-instances") or answer.body:
        return answer
    return door(ask.but(target=ask.target.replace(f"/studies/{study}", "", 1)))


@unknown_parent.mutant
def falls_over_an_unknown_parent(x: Exchange) -> Answer | None:
    """Below an unknown study or series the answer is 500."""
    none = x.resource.study and x.answer.status == 204
    return _refused(x, 500) if none else None


@rule(
    "search.bad-value-is-400",
    cites="PS3.18 10.6.3.1; 8.3; 8.3.4.2; 8.3.4.4",
    verifies=("PS3.18-10.6.3.1-2", "PS3.18-8.3.4.4-1", "PS3.18-8.3.4.2-1"),
    on="web.search",
    when=lambda x: _one_fault(x) and x.answer.status not in (*ACCESS, *BUSY),
    says="A parameter whose value is none that it may have is answered 400.",
)
def bad_value_is_400(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        where, want = next(asked.faults(x.ask))
        refused = 400 <= x.answer.status < 500
        # a server need not have these two at all, and what is not supported is ignored (8.3)
        younger = any(o in where for o in ("emptyvaluematching", "multiplevaluematching")) and x.answer.ok
        yield Finding(x.answer.line, f"400, because it takes {want}", where, warn=refused or younger)


def _one_fault(x: Exchange) -> bool:
    """Nothing else is wrong that could explain another code."""
    old = x.context is not None and x.context.edition < "2023e"
    younger = any(o in x.ask.query for o in ("emptyvaluematching", "multiplevaluematching"))
    return (
        x.ask.method == "GET"
        and any(asked.faults(x.ask))
        and asked.acceptable(x)
        and not (old and younger)
        and not (x.answer.status == 404 and x.resource.uids)
        and all(asked.required(x, key) for key in asked.keys(x.ask))
    )


@bad_value_is_400.mutant(at=DOOR)
def overlooks_bad_numbers(ask: Ask, door: Door) -> Answer:
    """limit or offset with something that is no number is not looked at."""
    bad = [n for n in asked.PAGING if n in ask.query and asked.uint(ask, n) is None]
    return door(dropping(ask, *bad))


@bad_value_is_400.mutant
def falls_over_bad_values(x: Exchange) -> Answer | None:
    """A bad value is answered 500."""
    return _refused(x, 500) if x.answer.status == 400 else None


@bad_value_is_400.mutant(at=DOOR)
def takes_any_word_for_false(ask: Ask, door: Door) -> Answer:
    """An option with another word than true or false counts as false."""
    bad = [o for o in asked.OPTIONS if ask.query.get(o) not in (None, "true", "false")]
    return door(dropping(ask, *bad))


@bad_value_is_400.mutant(at=DOOR)
def takes_any_text_for_a_date(ask: Ask, door: Door) -> Answer:
    """A date that is none matches nothing, and nothing is said."""
    bad = {k.path for k in asked.keys(ask) if k.vr in ("DA", "TM") and any(asked.faults(ask))}
    answer = door(rewriting(ask, lambda path, value: None if path in bad else value))
    return listed(answer, []) if bad and answer.ok else answer


@rule(
    "search.narrow-is-not-too-broad",
    cites="PS3.18 10.6.3.1",
    verifies="PS3.18-10.6.3.1-3",
    on="web.search",
    when=lambda x: _narrow(x) and (x.answer.ok or x.answer.status == 413),
    says="A search by UID or below a study is never refused as too broad.",
)
def narrow_is_not_too_broad(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 413:
        yield Finding(x.answer.line, "the matches of a search by UID", f"GET {x.ask.target}")


def _narrow(x: Exchange) -> bool:
    unique = [k for k in asked.keys(x.ask) if k.path in ("0020000D", "0020000E", "00080018") and not k.universal]
    return asked.lawful(x) and bool(unique or x.resource.uids)


@narrow_is_not_too_broad.mutant
def finds_everything_too_broad(x: Exchange) -> Answer | None:
    """Every search with a key is answered 413."""
    return _refused(x, 413) if asked.keys(x.ask) else None
