"""Rules of PS3.18 8.3.4.3 and 10.6.3.3 on includefield: it adds attributes and never changes the matches.

Must not know matching beyond the same search with and without includefield.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, SHALL_NOT, Door, Finding, journey, rule
from harness.wire.dicom_json import DataSet
from suites.web.search import asked
from suites.web.search.broken import Row, dropping, each, edited, rewriting, searches, with_tag, without_tag
from suites.web.search.rows import filled, found, level, levels, own, owns, rows, whole
from suites.web.search.stored import stored

KIND = "web.search.include"

# Attributes that belong to one level by the information model (PS3.3 A.1.4, C.7.3, C.7.5, C.7.6, C.12.1), of those
# that a search is likely to meet. UIDs of upper levels belong to every level below.
SERIES_LEVEL = frozenset(
    (
        "00080060", "0020000E", "00200011", "00201209", "0008103E", "00400244", "00400245", "00400253", "00400254",
        "00400275", "00180015", "00181030", "00200060", "00080021", "00080031", "00081050",
    )
)  # fmt: skip
INSTANCE_LEVEL = frozenset(
    (
        "00080016", "00080018", "00200013", "00280010", "00280011", "00280100", "00280101", "00280008", "00280004",
        "00280002", "00083002", "00080023", "00080033", "00200032", "00200037", "00080012", "00080013", "00080008",
    )
)  # fmt: skip
BELOW: dict[str, frozenset[str]] = {
    "study": SERIES_LEVEL | INSTANCE_LEVEL,
    "series": INSTANCE_LEVEL,
    "instance": frozenset(),
}
# Optional Keys of the study level (PS3.4 Tables C.6-1, C.6-2 and C.6-5) that probes ask for by includefield.
OPTIONAL = ("00081030", "00101010", "00100021", "00104000", "00081080")


@rule(
    "search.no-lower-levels",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2",
    verifies=("PS3.18-10.6.3.3.1-6", "PS3.18-10.6.3.3.2-4"),
    on="web.search.studies|web.search.series|web.search.study-series",
    level=SHALL_NOT,
    when=lambda x: found(x) and bool(BELOW[level(x)] & asked.included(x.ask)),
    says="Attributes of a level below the match are not returned though includefield names them.",
)
def no_lower_levels(x: Exchange) -> Iterator[Finding]:
    held = rows(x) or ()
    for tag in sorted(BELOW[level(x)] & asked.included(x.ask)):
        with_it = [row for row in held if tag in row]
        if with_it:
            got = f"{tag} in {len(with_it)} of {len(held)} matches"
            yield Finding(got, f"no attribute below {level(x)} level", f"match {own(x, with_it[0])}")


@no_lower_levels.mutant
def returns_modality_of_studies(x: Exchange) -> Answer | None:
    """Studies carry Modality when includefield names it."""
    named = "00080060" in asked.included(x.ask)
    return each(x, with_tag("00080060", "CS", "CT"), "studies") if named else None


@no_lower_levels.mutant
def returns_rows_of_series(x: Exchange) -> Answer | None:
    """Series carry Rows when includefield names it."""
    named = "00280010" in asked.included(x.ask)
    return each(x, with_tag("00280010", "US", 64), "series", "study-series") if named else None


@rule(
    "search.private-with-creator",
    cites="PS3.18 10.6.3.3.1; 8.3.4.3; PS3.5 7.8.1",
    verifies="PS3.18-10.6.3.3.1-7",
    on="web.search",
    when=lambda x: any(_private(row) for row in rows(x) or ()),
    says="A private attribute in a match comes with its Private Creator.",
)
def private_with_creator(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        for tag in _private(row):
            creator = f"{tag[:4]}00{tag[4:6]}"
            if creator not in row:
                yield Finding(f"{tag} alone", f"{creator} beside it", f"match {number}, {own(x, row)}")


def _private(row: DataSet) -> list[str]:
    """Private data elements that stand in a block; the creators themselves are none."""
    return [t for t in row if len(t) == 8 and t[3] in "13579BDFbdf" and t[4:6] != "00" and t[:4] > "0008"]


@private_with_creator.mutant
def private_attributes_without_creator(x: Exchange) -> Answer | None:
    """A private attribute is added without its creator."""
    return each(x, with_tag("00091001", "LO", "X"))


@rule(
    "search.nothing-unasked",
    cites="PS3.4 C.4.1.1.3.2; PS3.18 10.6.3.3.1",
    on="web.search",
    level=SHALL_NOT,
    when=lambda x: found(x) and not asked.includes(x.ask) and all(asked.required(x, k) for k in asked.keys(x.ask)),
    says="Private attributes and such of lower levels are not returned when nobody asked for them.",
)
def nothing_unasked(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        if tags := [*_private(row), *sorted(BELOW[level(x)] & set(row))]:
            # PS3.18 itself only lists what has to be there, so this rests on C-FIND and warns
            want = "no private attribute, and none of a lower level"
            yield Finding(", ".join(tags), want, f"match {number}, {own(x, row)}", warn=True)


@nothing_unasked.mutant(defects="M-QI-38")
def adds_private_attributes(x: Exchange) -> Answer | None:
    """Every match carries a private block of the vendor."""
    return each(x, lambda row: with_tag("00091001", "LO", "X")(with_tag("00090010", "LO", "VENDOR")(row)))


@nothing_unasked.mutant
def studies_name_a_series(x: Exchange) -> Answer | None:
    """Studies carry the Series Instance UID of one of their series."""
    return each(x, with_tag("0020000E", "UI", "2.25.7"), "studies")


def plain(j: Journey) -> Exchange | None:
    """The search without includefield, when it gave the same matches again at the end."""
    seen = [x for x in j.steps("plain") if found(x) and whole(x)]
    return seen[0] if len(seen) > 1 and set(owns(seen[0])) == set(owns(seen[-1])) else None


@journey(
    "search.include-keeps-matches",
    cites="PS3.18 8.3.4.3; PS3.4 C.2.2.2.3",
    verifies="PS3.18-8.3.4.3-3",
    on=KIND,
    when=lambda j: plain(j) is not None and bool(_included(j)),
    says="An includefield never changes which matches are found, also when it names an attribute that is a key.",
)
def include_keeps_matches(j: Journey) -> Iterator[Finding]:
    base = plain(j)
    for x in _included(j):
        if base and rows(x) is None:
            yield Finding(x.answer.line, f"{len(owns(base))} matches", f"GET {x.ask.target}", seq=x.seq)
        elif base and set(owns(x)) != set(owns(base)):
            got = f"{len(set(owns(x)))} matches, {len(set(owns(x)) - set(owns(base)))} of them new"
            yield Finding(got, f"the same {len(owns(base))} matches", f"GET {x.ask.target}", seq=x.seq)


def _included(j: Journey) -> list[Exchange]:
    return [x for step in ("include", "list", "repeated", "tags", "all") for x in j.steps(step)]


@include_keeps_matches.mutant(at=DOOR, defects="M-QI-06")
def does_not_match_what_it_includes(ask: Ask, door: Door) -> Answer:
    """A key that includefield names too is not looked at."""
    named = asked.included(ask)
    return door(rewriting(ask, lambda path, value: None if path in named else value))


@include_keeps_matches.mutant(at=DOOR, defects="M-QI-25")
def does_not_understand_all(ask: Ask, door: Door) -> Answer:
    """includefield=all is answered 400."""
    answer = door(ask)
    all_ = searches(ask) and "all" in asked.includes(ask)
    return answer.but(status=400, reason="Bad Request", body=b"") if all_ else answer


@include_keeps_matches.mutant
def includes_only_where_there_is_a_value(x: Exchange) -> Answer | None:
    """Matches without a value for an included attribute are left out."""
    named = sorted(asked.included(x.ask) - {"00080005"})[:1]
    return edited(x, lambda held: [r for r in held if all(filled(r, t) for t in named)], "studies") if named else None


@journey(
    "search.include-forms-agree",
    cites="PS3.18 8.3.4.3; 8.3.1",
    verifies=("PS3.18-8.3.4.3-1", "PS3.18-8.3.1-7"),
    on=KIND,
    when=lambda j: plain(j) is not None and _several(j),
    says="A list, repeated parameters, tags and keywords in includefield return the same attributes.",
)
def include_forms_agree(j: Journey) -> Iterator[Finding]:
    forms = [x for step in ("list", "repeated", "tags") for x in j.steps(step) if found(x)]
    everything = set().union(*(_tags(x) for x in forms)) if forms else set()
    for x in forms:
        missing = everything - _tags(x)
        if missing:
            want = "the attributes that another form returned"
            yield Finding(f"without {', '.join(sorted(missing))}", want, f"GET {x.ask.target}", seq=x.seq)


def _several(j: Journey) -> bool:
    return sum(found(x) for step in ("list", "repeated", "tags") for x in j.steps(step)) > 1


def _tags(x: Exchange) -> set[str]:
    return set().union(*(set(row) for row in rows(x) or ()))


@include_forms_agree.mutant(at=DOOR)
def takes_the_first_includefield_alone(ask: Ask, door: Door) -> Answer:
    """Of several includefield parameters only the first one counts."""
    return door(_first_include(ask))


def _first_include(ask: Ask) -> Ask:
    words = ask.query.raw.split("&")
    first = [w for w in words if w.startswith("includefield=")][:1]
    kept = [w for w in words if not w.startswith("includefield=") or w in first]
    return ask.but(target=f"{ask.target.partition('?')[0]}?{'&'.join(kept)}") if first else ask


@include_forms_agree.mutant(at=DOOR)
def takes_no_list_in_includefield(ask: Ask, door: Door) -> Answer:
    """An includefield with a comma is not looked at."""
    listed = any(len(p.values) > 1 for p in ask.query.all("includefield"))
    return door(dropping(ask, "includefield")) if listed else door(ask)


@include_forms_agree.mutant(at=DOOR, defects="M-QI-23")
def takes_no_tags_in_includefield(ask: Ask, door: Door) -> Answer:
    """An includefield that is a tag is not looked at."""
    tags = any(word[:8].isalnum() and word[:4].isdigit() for word in asked.includes(ask))
    return door(dropping(ask, "includefield")) if tags else door(ask)


@journey(
    "search.include-returns",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3; 8.3.4.3",
    verifies=("PS3.18-10.6.3.3.1-4", "PS3.18-8.3.4.3-3"),
    on=KIND,
    when=lambda j: plain(j) is not None and bool(_wanted(j)),
    says="An attribute that includefield names is returned, empty where there is no value, if it is supported at all.",
)
def include_returns(j: Journey) -> Iterator[Finding]:
    wanted = _wanted(j)
    supported = {tag for x in _included(j) for tag in _tags(x)} | _effective(j)
    for x, tags in wanted:
        for tag in sorted(tags & supported):
            yield from _absent(x, tag)
    if wanted and not any(tags & supported for _, tags in wanted):
        # all of them are optional keys, so it may be that none is supported
        x, tags = wanted[0]
        yield Finding(f"none of {', '.join(sorted(tags))}", "the ones supported", "includefield", seq=x.seq, warn=True)


def _absent(x: Exchange, tag: str) -> Iterator[Finding]:
    """Matches without a supported attribute; a warning where there may be no value that could be told."""
    without = [row for row in rows(x) or () if tag not in row]
    valued = [row for row in without if any(attrs.get(tag, {}).get("Value") for attrs in stored(x, row))]
    if without:
        got = f"absent in {len(without)} of {len(owns(x))} matches"
        want = f"{tag}, which is supported, empty where there is no value"
        yield Finding(got, want, f"GET {x.ask.target}", seq=x.seq, warn=not valued)


def _wanted(j: Journey) -> list[tuple[Exchange, set[str]]]:
    """Searches with matches and the attributes that they include at their own levels."""
    made = [(x, asked.included(x.ask) - BELOW[level(x)]) for x in _included(j) if found(x) and levels(x)]
    made += [(x, {x.facts["path"]}) for x in j.steps("matched") if found(x) and x.facts["path"] in _effective(j)]
    return [(x, {t for t in tags if "." not in t}) for x, tags in made if tags]


def _effective(j: Journey) -> set[str]:
    """Optional keys of which one value finds and another does not: they are supported, so they are returned."""
    pairs = zip(j.steps("matched"), j.steps("unmatched"), strict=False)
    return {one.facts["path"] for one, other in pairs if found(one) and rows(other) is not None and not rows(other)}


@include_returns.mutant(at=DOOR)
def ignores_includefield(ask: Ask, door: Door) -> Answer:
    """includefield is not looked at."""
    return door(dropping(ask, "includefield"))


@include_returns.mutant
def returns_included_attributes_only_with_values(x: Exchange) -> Answer | None:
    """An included attribute without a value is left out."""
    named = asked.included(x.ask)
    return each(x, lambda row: {t: v for t, v in row.items() if t not in named or "Value" in v}) if named else None


@journey(
    "search.include-all",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3; PS3.4 C.6.1.1, C.6.2.1",
    verifies="PS3.18-10.6.3.3.1-5",
    on=KIND,
    when=lambda j: plain(j) is not None and any(found(x) for x in j.steps("all")),
    says="With includefield=all comes all that is returned without it, and the optional keys returned by name.",
)
def include_all(j: Journey) -> Iterator[Finding]:
    base = plain(j)
    named = {t for x in _included(j) if x.step != "all" for t in OPTIONAL if any(filled(r, t) for r in rows(x) or ())}
    for x in [x for x in j.steps("all") if found(x) and base]:
        wanted = (_tags(base) if base else set()) | (named if level(x) == "study" else set())
        missing = wanted - _tags(x)
        if missing:
            got = f"without {', '.join(sorted(missing))}"
            yield Finding(got, "all that other forms return", f"GET {x.ask.target}", seq=x.seq)


@include_all.mutant(defects="M-QI-25")
def all_is_an_unknown_attribute(x: Exchange) -> Answer | None:
    """includefield=all returns the unique key alone."""
    if "all" not in asked.includes(x.ask):
        return None
    return edited(x, lambda held: [_bare(row) for row in held])


def _bare(row: Row) -> Row:
    return {t: v for t, v in row.items() if t in ("0020000D", "0020000E", "00080018")}


@include_all.mutant
def all_leaves_out_the_description(x: Exchange) -> Answer | None:
    """includefield=all does not return Study Description."""
    return each(x, without_tag("00081030"), "studies") if "all" in asked.includes(x.ask) else None
