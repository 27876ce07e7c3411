"""Rules of PS3.18 12.6 on one search for Non-Patient Instances: it is understood, its form, its matches by themselves.

Must not know what is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.nonpatient import SOP_CLASS, SOP_INSTANCE
from harness.rule import SHOULD, Finding, ground, rule
from suites.web.non_patient import bend
from suites.web.non_patient.reading import (
    ACCESS,
    BUSY,
    JSON,
    SEARCH,
    XML,
    belongs,
    category,
    fit,
    kinds,
    obliged,
    sop_class,
    uid,
    uids,
)
from suites.web.search import asked
from suites.web.search.broken import Row, listed
from suites.web.search.rows import found, rows, texts

YOUNGER = ("emptyvaluematching", "multiplevaluematching")
LONGEST = 2000  # characters of a target that every server takes (RFC 9110 4.1 recommends 8000)


def understandable(x: Exchange) -> bool:
    """A search that every server with this category has to carry out."""
    old = x.context is not None and x.context.edition < "2023e"
    return (
        bool(x.facts.get("served"))
        and asked.lawful(x)
        and asked.acceptable(x)
        and obliged(x)
        and not (old and any(word in x.ask.query for word in YOUNGER))
        and len(x.ask.target) <= LONGEST
        and x.answer.status not in ACCESS
    )


@rule(
    "non-patient.search-understood",
    cites="PS3.18 12.6.1.2; Table 8.3.4-1; Table 12.6.1-2; 12.6.3.1",
    verifies=("PS3.18-12.6.1.2-1", "PS3.18-12.6.1.2-2", "PS3.18-12.6.3.1-1"),
    on=SEARCH,
    when=understandable,
    says="A well-formed search with the keys and parameters that are to be supported is carried out.",
)
def understood(x: Exchange) -> Iterator[Finding]:
    if x.answer.status >= 400 and x.answer.status != 413:
        yield Finding(x.answer.line, "200, or an answer without matches", x.ask.line, warn=x.answer.status in BUSY)


@understood.mutant
def refuses_nested_keys(x: Exchange) -> Answer | None:
    """A key within a sequence is answered 400."""
    nested = x.kind == SEARCH and any("." in key.path for key in asked.keys(x.ask))
    return bend.refused(x, 400) if nested else None


@understood.mutant
def refuses_options(x: Exchange) -> Answer | None:
    """fuzzymatching is answered 400."""
    return bend.refused(x, 400) if x.kind == SEARCH and "fuzzymatching" in x.ask.query else None


@understood.mutant
def refuses_includefield(x: Exchange) -> Answer | None:
    """includefield is answered 400."""
    return bend.refused(x, 400) if x.kind == SEARCH and asked.includes(x.ask) else None


@understood.mutant
def falls_over_tags(x: Exchange) -> Answer | None:
    """A key that is named by its tag is answered 500."""
    tags = x.kind == SEARCH and any(key.parameter.name[:1].isdigit() for key in asked.keys(x.ask))
    return bend.refused(x, 500) if tags else None


@understood.mutant
def finds_nothing_to_be_an_error(x: Exchange) -> Answer | None:
    """A search without a match is 404."""
    return bend.refused(x, 404) if x.kind == SEARCH and x.answer.ok and not found(x) else None


@rule(
    "non-patient.search-code",
    cites="PS3.18 12.6.3.1; Table 12.6.3-1",
    verifies="PS3.18-12.6.3.1-1",
    on=SEARCH,
    when=lambda x: x.ask.method == "GET" and found(x),
    says="An answer with matches has the code 200.",
)
def search_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 200:
        yield Finding(x.answer.line, "200", "status line")


@search_code.mutant
def says_206_for_pages(x: Exchange) -> Answer | None:
    """A limited answer has the code 206."""
    limited = x.kind == SEARCH and x.answer.status == 200 and "limit" in x.ask.query
    return x.answer.but(status=206, reason="Partial Content") if limited else None


@rule(
    "non-patient.search-empty-form",
    cites="PS3.18 12.6.3.1; 8.3.4.4.1",
    verifies="PS3.18-12.6.3.1-1",
    on=SEARCH,
    when=lambda x: x.ask.method == "GET" and x.answer.ok and rows(x) is not None and not rows(x),
    says="A search without a match is 204 without a payload, or 200 with an empty list.",
)
def empty_form(x: Exchange) -> Iterator[Finding]:
    as_204 = x.answer.status == 204 and not x.answer.body
    as_list = x.answer.status == 200 and x.answer.json is not None and x.answer.json.root == "array"
    as_parts = x.answer.status == 200 and x.answer.multipart is not None
    modern = x.context is not None and x.context.edition >= "2026a"
    if x.context is not None and x.context.policy("D-18") == "edition":
        want = "200 with an empty list" if modern else "204 without a payload"
        if not (as_list or as_parts if modern else as_204):
            yield Finding(f"{x.answer.line}, {x.answer.body.size} octets", want, "status line", policy="D-18")
    elif not (as_204 or as_list or as_parts):
        want = "204 without a payload, or 200 with an empty list"
        yield Finding(f"{x.answer.line}, {x.answer.body.size} octets", want, "status line", policy="D-18")


@empty_form.mutant
def says_200_and_nothing(x: Exchange) -> Answer | None:
    """A search without a match is 200 without a payload."""
    return bend.said(x, 200) if x.kind == SEARCH and x.answer.status == 204 else None


@empty_form.mutant
def says_202_without_a_match(x: Exchange) -> Answer | None:
    """A search without a match is 202."""
    return bend.said(x, 202) if x.kind == SEARCH and x.answer.status == 204 else None


@rule(
    "non-patient.search-type",
    cites="PS3.18 12.6.3.3; 12.6.3.2; Table 12.1.3-1; 8.7.8.1",
    verifies="PS3.18-12.6.3.3-1",
    on=SEARCH,
    when=lambda x: x.answer.status == 200 and bool(x.answer.body) and asked.acceptable(x) and x.ask.method == "GET",
    says="Matches come as application/dicom+json or multipart XML, whichever the request accepts.",
)
def search_type(x: Exchange) -> Iterator[Finding]:
    got = x.answer.headers.get("content-type", "no Content-Type") or "an empty Content-Type"
    good = [r for r in x.ask.accept.ranges if r.q > 0]
    as_xml = x.answer.type == "multipart/related" and set(kinds(x.answer)) <= {XML}
    wants_xml = any(r.type in ("*/*", "multipart/*", "multipart/related", XML, "application/*") for r in good)
    wants_json = any(r.type in ("*/*", "application/*", JSON) for r in good)
    named = any(r.type == x.answer.type for r in good)  # application/json, for who accepts it by name
    if not (x.answer.type == JSON and wants_json) and not (as_xml and wants_xml) and not (named and not as_xml):
        yield Finding(got, f"one of {x.ask.headers.get('accept')}", "Content-Type")
    elif rows(x) is None:
        yield Finding("no list of data sets", "one data set for each match", "payload")


@search_type.mutant
def always_json(x: Exchange) -> Answer | None:
    """Whoever wants XML gets JSON."""
    xml = x.kind == SEARCH and x.answer.type == "multipart/related"
    return bend.said(x, 200, [{SOP_INSTANCE: {"vr": "UI", "Value": ["1.2.3"]}}]) if xml else None


@search_type.mutant
def says_only_ok(x: Exchange) -> Answer | None:
    """The list is the word ok."""
    return x.answer.but(body=b'"ok"') if x.kind == SEARCH and x.answer.status == 200 else None


@rule(
    "non-patient.search-right-category",
    cites="PS3.18 12.6; 12.1.1; Table 12.1.1-1",
    verifies="PS3.18-12.1.1-1",
    on=SEARCH,
    when=lambda x: any(sop_class(row) for row in rows(x) or ()),
    says="Every match is an instance of the category that is searched.",
)
def right_category(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        if sop_class(row) and not belongs(row, x.resource.category):
            yield Finding(f"SOP Class {sop_class(row)}", f"one of {x.resource.category}", f"match {number}, 00080016")


@right_category.mutant(defects="D-NP-01")
def finds_images_too(x: Exchange) -> Answer | None:
    """Images of patients are among the matches."""
    stray = bend.attribute(SOP_CLASS, "UI", "1.2.840.10008.5.1.4.1.1.2")
    return bend.matched(x, lambda held: [*held[:-1], stray(held[-1])])


@rule(
    "non-patient.search-one-each",
    cites="PS3.18 12.6; PS3.4 X.6.1.1; U.6.1.1; HH.6.1.1",
    verifies="PS3.18-12.6.2-1",
    on=SEARCH,
    when=found,
    says="There is one match for each instance, and it says which one.",
)
def one_each(x: Exchange) -> Iterator[Finding]:
    for name, times in Counter(uids(x)).items():
        if not name:
            # chapter 12 speaks of default attributes and does not list them
            yield Finding(
                f"{times} matches without SOP Instance UID", "the UID of each", "attribute 00080018", warn=True
            )
        elif times > 1:
            yield Finding(f"{name} {times} times", "once", "matches")


@one_each.mutant
def repeats_matches(x: Exchange) -> Answer | None:
    """Every match is there twice."""
    return bend.matched(x, lambda held: [*held, *held])


@one_each.mutant
def hides_which_instance(x: Exchange) -> Answer | None:
    """Matches have no SOP Instance UID."""
    return bend.matched(x, lambda held: [bend.without(SOP_INSTANCE)(row) for row in held])


@rule(
    "non-patient.search-fits",
    cites="PS3.18 12.6.2; 8.3.4.1.1; PS3.4 C.2.2.2; X.6.1.2; U.6.1.2; BB.6.1.2; HH.6.1.2; JJ.2.2",
    verifies=("PS3.18-12.6.2-1", "PS3.18-12.6.1.2-2"),
    on=SEARCH,
    when=lambda x: found(x) and asked.lawful(x) and any(not k.universal for k in asked.keys(x.ask)) and _plain(x),
    says="Every match has values that fit the keys of the search.",
)
def search_fits(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        for key in asked.keys(x.ask):
            known = category(x)
            model = known.model(sop_class(row)) if known else None
            due = model is None or (key.path in model.keys and model.keys[key.path].matched and model.read)
            if due and fit(row, [key]) is False:
                got = "; ".join(texts(row, key.path)) or "nothing"
                yield Finding(got, f"{key.value} in {key.path}", f"match {number}, {uid(row)}", warn=model is None)


def _plain(x: Exchange) -> bool:
    """No option that changes what a key means."""
    return not any(asked.flag(x.ask, option) for option in asked.OPTIONS) and not asked.timezone(x.ask)


@search_fits.mutant
def ignores_keys(x: Exchange) -> Answer | None:
    """A key is told back as asked for in none of the matches: it is not looked at."""
    keyed = x.kind == SEARCH and any(k.vr in ("LO", "SH", "CS") and not k.universal for k in asked.keys(x.ask))
    return bend.matched(x, lambda held: [_other(row) for row in held]) if keyed else None


def _other(row: Row) -> Row:
    return {t: {**v, "Value": ["SOMETHING"]} if v.get("vr") in ("LO", "SH", "CS") else v for t, v in row.items()}


@search_fits.mutant
def ignores_uids(x: Exchange) -> Answer | None:
    """A search by UID finds another instance."""
    keyed = x.kind == SEARCH and any(k.path == SOP_INSTANCE for k in asked.keys(x.ask))
    return bend.matched(x, lambda held: [bend.attribute(SOP_INSTANCE, "UI", "1.2.3")(held[0])]) if keyed else None


@search_fits.mutant
def ignores_dates(x: Exchange) -> Answer | None:
    """Ranges of dates are not looked at."""
    keyed = x.kind == SEARCH and any(k.vr in ("DA", "DT") and "-" in k.value for k in asked.keys(x.ask))
    return bend.matched(x, lambda held: [_old(row) for row in held]) if keyed else None


def _old(row: Row) -> Row:
    old = {"DA": "18000101", "DT": "18000101000000"}
    return {t: {**v, "Value": [old[v["vr"]]]} if v.get("vr") in old else v for t, v in row.items()}


@rule(
    "non-patient.search-limit",
    cites="PS3.18 12.6.1.2; 8.3.4.4; 8.3.4.4.1",
    verifies="PS3.18-12.6.1.2-1",
    on=SEARCH,
    when=lambda x: found(x) and asked.uint(x.ask, "limit") is not None,
    says="No answer holds more matches than limit allows.",
)
def search_limit(x: Exchange) -> Iterator[Finding]:
    most, got = asked.uint(x.ask, "limit"), len(rows(x) or ())
    if most is not None and got > most:
        yield Finding(f"{got} matches", f"at most {most}", "matches")


@search_limit.mutant
def gives_one_more(x: Exchange) -> Answer | None:
    """One match more than limit allows is given."""
    more = bend.attribute(SOP_INSTANCE, "UI", "1.2.3")
    return bend.matched(x, lambda held: [*held, more(held[0])]) if "limit" in x.ask.query else None


@rule(
    "non-patient.search-bad-value",
    cites="PS3.18 12.6.3.1; 8.3.4.2; 8.3.4.4",
    verifies=("PS3.18-12.6.3.1-1", "PS3.18-12.6.1.2-1"),
    on=SEARCH,
    when=lambda x: bool(x.facts.get("served")) and any(asked.faults(x.ask)) and x.answer.status not in (*ACCESS, *BUSY),
    says="A parameter whose value is none that it may have is answered 400.",
)
def bad_value(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        where, want = next(asked.faults(x.ask))
        younger = x.answer.ok and any(word in where for word in YOUNGER)
        refused = 400 <= x.answer.status < 500
        yield Finding(x.answer.line, f"400, because it takes {want}", where, warn=refused or younger)


@bad_value.mutant
def overlooks_bad_values(x: Exchange) -> Answer | None:
    """A bad value is overlooked."""
    return listed(x.answer, []) if x.kind == SEARCH and x.answer.status == 400 else None


@bad_value.mutant
def falls_over_bad_values(x: Exchange) -> Answer | None:
    """A bad value is answered 500."""
    return bend.refused(x, 500) if x.kind == SEARCH and x.answer.status == 400 else None


@rule(
    "non-patient.search-unsupported-option",
    cites="PS3.18 8.3.4.2; 8.3.4.5; 8.3.4.6; 12.6.1.2",
    verifies="PS3.18-12.6.1.2-1",
    level=SHOULD,
    on=SEARCH,
    content=False,
    when=lambda x: x.answer.ok and any("is not supported" in w for w in x.answer.headers.all("warning")),
    says="The Warning of an option that is not supported has the code 299, the service and the sentence of the text.",
)
def unsupported_option(x: Exchange) -> Iterator[Finding]:
    for value in x.answer.headers.all("warning"):
        words = value.replace('"', "")
        named = next((o for o in asked.OPTIONS if o in words), "")
        if "is not supported" in words and (not words.startswith("299 ") or not named):
            yield Finding(value[:200], "299 <service>: The ... parameter is not supported. ...", "Warning")
        elif named and named not in x.ask.query:
            yield Finding(value[:200], f"no word of {named}, which was not asked for", "Warning")


@unsupported_option.mutant
def warns_with_another_code(x: Exchange) -> Answer | None:
    """The Warning has the code 199."""
    value = x.answer.headers.get("warning") or ""
    return x.answer.but(headers=x.answer.headers.but("warning", value.replace("299 ", "199 "))) if value else None


ground("non-patient", search_fits)
