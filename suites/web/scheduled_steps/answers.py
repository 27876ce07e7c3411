"""Rules of PS3.18 14.4 and PS3.4 K.6.1.2.2 on searches of scheduled steps: what is found, and what is told of it.

Must not know which steps there are, but for what a probe saw of them before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, SHOULD, Door, Finding, ground, journey, rule, untested
from suites.web.datasets import JSON, emptied, items, spoken_in
from suites.web.presence import ABSENT
from suites.web.scheduled_steps.reading import (
    RELATIONS,
    SEARCH,
    SINCE,
    TYPES,
    fit,
    found,
    lawful,
    name,
    rows,
    wanted,
)
from suites.web.search import asked, broken
from suites.web.search.rows import texts
from suites.web.store.alter import payload

KEEP = 5
STEP = "00400100"
_OWN_REASONS = (401, 403, 408, 413, 429, 503)  # refusals that say nothing against the search


def _listed(x: Exchange, change: Callable[[list[Any]], list[Any]]) -> Answer | None:
    """An answer with another list of rows in JSON; None where there is none, or it stays as it is."""
    held = rows(x)
    if x.answer.json is None or x.answer.json.root != "array" or not held:
        return None
    made = change(list(held))
    return None if made == list(held) else payload(x.answer, made)


@rule(
    "scheduled-steps.search-is-answered",
    cites="PS3.18 14.1.1; 14.4.1.2; 14.4.3.1",
    verifies=("PS3.18-14.1.1-1", "PS3.18-14.4.3.1-1", "PS3.18-14.4.1.2-1"),
    on=SEARCH,
    since=SINCE,
    when=lambda x: lawful(x) and x.answer.status not in ABSENT,
    says="A search is answered 200 with the steps that match, or 204 where the edition has that and none do.",
)
def search_is_answered(x: Exchange) -> Iterator[Finding]:
    status = x.answer.status
    if status in (200, 204) or ("form" in x.facts and status == 406):
        return
    yield Finding(x.answer.line, "200 or 204", "status line", warn=x.answer.ok or status in _OWN_REASONS)


@search_is_answered.mutant
def falls_over_patterns(x: Exchange) -> Answer | None:
    """Searches by patterns are answered 500."""
    return emptied(x.answer, 500, "Internal Server Error") if "*" in x.ask.target else None


@search_is_answered.mutant
def needs_a_key(x: Exchange) -> Answer | None:
    """A search without keys is answered 400."""
    return emptied(x.answer, 400, "Bad Request") if "?" not in x.ask.target else None


@rule(
    "scheduled-steps.no-match",
    cites="PS3.18 14.4.3.1; 8.3.4.4.1; 11.9.3.1",
    verifies="PS3.18-14.4.3.1-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: lawful(x) and ((x.answer.ok and not rows(x)) or _not_found(x)),
    says="A search without a match is answered 204 up to 2025e, and 200 with an empty list from 2026a on.",
)
def no_match(x: Exchange) -> Iterator[Finding]:
    if x.context is None:
        return
    modern = x.context.edition >= "2026a"
    empty = x.answer.json is not None and x.answer.json.root == "array" and not x.answer.json.datasets
    bare = x.answer.status == 200 and not x.answer.body.size
    if (x.answer.status == 200) != modern or bare or not x.answer.ok:
        want = "200 with an empty list" if modern else "204 without a payload"
        loose = x.context.policy("empty-search") == "both" and (x.answer.status == 204 or bool(empty))
        yield Finding(x.answer.line, want, "status line", warn=loose, policy="empty-search")


def _not_found(x: Exchange) -> bool:
    """404 to a search that nothing matches, of who has the resource (14.1.1)."""
    return x.answer.status == 404 and bool(x.facts.get("nobody"))


@no_match.mutant
def finds_no_resource(x: Exchange) -> Answer | None:
    """Nothing is told by 404."""
    return emptied(x.answer, 404, "Not Found") if x.answer.status == 204 else None


@no_match.mutant
def says_ok_to_nothing(x: Exchange) -> Answer | None:
    """Nothing is told by 200 without a payload."""
    return emptied(x.answer, 200, "OK") if x.answer.status == 204 else None


@rule(
    "scheduled-steps.rows-match",
    cites="PS3.18 14.4.2; PS3.4 K.2.2.2, K.6.1.2.2 Table K.6-1, C.2.2.2",
    verifies="PS3.18-14.4.2-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: lawful(x) and bool(rows(x)) and bool(wanted(x)),
    says="Every step that is found fulfils the required keys of the search.",
)
def rows_match(x: Exchange) -> Iterator[Finding]:
    if asked.flag(x.ask, "fuzzymatching"):
        return
    for n, row in enumerate(rows(x) or (), 1):
        for key in wanted(x):
            # a range of days with one of times is one stretch of time (K.6.1.2.2), which this does not reckon
            if fit(key, row) is False and not _stretch(x):
                got = ", ".join(texts(row, key.path)) or "no value"
                yield Finding(got[:200], f"what {key.where} asks for", f"row {n}, {key.path}")


def _stretch(x: Exchange) -> bool:
    ranged = {key.path for key in wanted(x) if "-" in key.value and key.vr in ("DA", "TM")}
    return len(ranged) > 1


@rows_match.mutant(at=DOOR)
def overlooks_modalities(ask: Ask, door: Door) -> Answer:
    """Modality is not looked at."""
    return door(broken.rewriting(ask, lambda path, value: None if path.endswith("00080060") else value))


@rows_match.mutant
def finds_one_patient_for_all(x: Exchange) -> Answer | None:
    """Whoever is asked for, it is always the same patient who is found."""

    def same(held: list[Any]) -> list[Any]:
        return [{**row, "00100020": {"vr": "LO", "Value": ["SOMEBODY"]}} for row in held]

    return _listed(x, same) if "PatientID" in x.ask.target or "00100020=" in x.ask.target else None


@rule(
    "scheduled-steps.finds-what-is-there",
    cites="PS3.18 14.4; 14.4.2; PS3.4 K.6.1.2.2 Table K.6-1",
    verifies="PS3.18-14.4.2-1",
    on=SEARCH,
    since=SINCE,
    basis=RELATION,
    when=lambda x: x.answer.ok and ("due" in x.facts or "nobody" in x.facts) and rows(x) is not None,
    says="A step is found by its own values and not by those of another one; what nobody has finds nothing.",
)
def finds_what_is_there(x: Exchange) -> Iterator[Finding]:
    came = found(x)
    for label in x.facts.get("due", ()):
        if label not in came:
            yield Finding(f"not among {len(came)} steps", f"the step {label}", "payload")
    for label in x.facts.get("others", ()):
        if label in came:
            yield Finding(f"the step {label}, which has another value", "not to be found", "payload")
    if x.facts.get("nobody") and came:
        yield Finding(f"{len(came)} steps", "none", "payload")


@finds_what_is_there.mutant
def finds_nothing(x: Exchange) -> Answer | None:
    """Searches with keys find nothing."""
    return emptied(x.answer, 204, "No Content") if x.answer.status == 200 and "=" in x.ask.target else None


@finds_what_is_there.mutant(at=DOOR)
def finds_everything(ask: Ask, door: Door) -> Answer:
    """Keys are not looked at."""
    return door(broken.rewriting(ask, lambda path, value: None))


ground("scheduled-steps", finds_what_is_there)


@rule(
    "scheduled-steps.one-step-each",
    cites="PS3.4 K.6.1.2.2 Table K.6-1; PS3.18 14.4",
    verifies="PS3.18-14.4.2-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: lawful(x) and bool(rows(x)),
    says="Each row is about one scheduled step, whose sequence has one item.",
)
def one_step_each(x: Exchange) -> Iterator[Finding]:
    seen: set[str] = set()
    for n, row in enumerate(rows(x) or (), 1):
        if STEP in row and len(items(row, STEP)) != 1:
            yield Finding(f"{len(items(row, STEP))} items", "one", f"row {n}, {STEP}")
        if name(row) and name(row) in seen:
            yield Finding(f"the step {name(row)} again", "each step once", f"row {n}")
        seen.add(name(row))


@one_step_each.mutant
def tells_steps_twice(x: Exchange) -> Answer | None:
    """The first step comes twice."""
    return _listed(x, lambda held: held[:1] + held)


@one_step_each.mutant
def joins_steps(x: Exchange) -> Answer | None:
    """The item of the step is doubled."""

    def doubled(held: list[Any]) -> list[Any]:
        return [{**row, STEP: {"vr": "SQ", "Value": items(row, STEP) * 2}} for row in held]

    return _listed(x, doubled)


@rule(
    "scheduled-steps.returns-what-is-asked",
    cites="PS3.18 14.4; 8.3.4.3; PS3.4 K.6.1.2.2 Table K.6-1",
    verifies="PS3.18-14.4.2-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: "named" in x.facts and bool(rows(x)),
    says="Attributes of includefield with return type 1 or 2 are told of each step, those of type 1 with a value.",
)
def returns_what_is_asked(x: Exchange) -> Iterator[Finding]:
    for n, row in enumerate(rows(x) or (), 1):
        for path in x.facts["named"]:
            tag, _, below = path.partition(".")
            holder = (items(row, tag) or [{}])[0] if below else row
            kind = TYPES.get(path, "")
            if kind and (below or tag) not in holder:
                yield Finding("not there", f"return type {kind}", f"row {n}, {path}")
            elif kind == "1" and not any(texts(row, path)):
                yield Finding("no value", "return type 1", f"row {n}, {path}")


@returns_what_is_asked.mutant
def leaves_out_what_it_does_not_know(x: Exchange) -> Answer | None:
    """Attributes without a value are left out."""
    return _listed(x, lambda held: [{t: a for t, a in row.items() if "Value" in a} for row in held])


@returns_what_is_asked.mutant
def has_no_step_ids(x: Exchange) -> Answer | None:
    """Scheduled Procedure Step ID is not told."""

    def nameless(held: list[Any]) -> list[Any]:
        return [{**row, STEP: {"vr": "SQ", "Value": [{t: a for t, a in i.items() if t != "00400009"}
                                                     for i in items(row, STEP)]}} for row in held]  # fmt: skip

    return _listed(x, nameless)


@rule(
    "scheduled-steps.limit",
    cites="PS3.18 14.4.1.2; 8.3.4.4",
    verifies="PS3.18-14.4.1.2-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: x.answer.ok and asked.uint(x.ask, "limit") is not None and rows(x) is not None,
    says="No more steps come than the limit says.",
)
def limit(x: Exchange) -> Iterator[Finding]:
    most, came = asked.uint(x.ask, "limit"), rows(x) or ()
    if most is not None and len(came) > most:
        yield Finding(f"{len(came)} steps", f"at most {most}", "payload")


@limit.mutant(at=DOOR)
def has_no_limit(ask: Ask, door: Door) -> Answer:
    """The limit is not looked at."""
    return door(ask.but(target=ask.target.replace("limit=", "maximum=")))


@journey(
    "scheduled-steps.pages",
    cites="PS3.18 14.4.1.2; 8.3.4.4",
    verifies="PS3.18-14.4.1.2-1",
    on=RELATIONS,
    since=SINCE,
    when=lambda j: bool(_pages(j)),
    says="An offset skips so many steps: nothing comes of those before it, and nothing at all beyond the last.",
)
def pages(j: Journey) -> Iterator[Finding]:
    whole = found(j.steps("all")[0])
    first: set[str] = set()
    for x in _pages(j):
        offset, came = asked.uint(x.ask, "offset") or 0, [label for label in found(x) if label]
        if offset >= len(whole) and came:
            yield Finding(f"{len(came)} steps beyond the last", "none", "payload", seq=x.seq)
        for label in sorted(first & set(came))[:KEEP] if offset else ():
            # the text asks for no order that stays, though pages are of little use without
            yield Finding(f"the step {label} of the page before", "the next ones", "payload", seq=x.seq, warn=True)
        first |= set(came)


def _pages(j: Journey) -> list[Exchange]:
    """The pages that came, where all there is came before."""
    whole = j.steps("all")
    if not whole or not whole[0].answer.ok or not rows(whole[0]):
        return []
    return [x for x in j.steps("page") if x.answer.ok and rows(x) is not None]


@pages.mutant(at=DOOR)
def begins_at_the_first_again(ask: Ask, door: Door) -> Answer:
    """The offset is not looked at."""
    return door(ask.but(target=ask.target.replace("offset=", "skip=")))


@rule(
    "scheduled-steps.bad-value",
    cites="PS3.18 14.4.3.1; 8.3.1; 8.3.4",
    verifies="PS3.18-14.4.3.1-1",
    on=SEARCH,
    since=SINCE,
    when=lambda x: bool(x.facts.get("wrong")),
    says="A value that an option or a date cannot have is answered 400.",
)
def bad_value(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        yield Finding(f"{x.answer.line}: {x.facts['wrong']}", "400", "status line", warn=400 <= x.answer.status < 500)


@bad_value.mutant
def overlooks_what_it_cannot_read(x: Exchange) -> Answer | None:
    """Values that cannot be read are left aside."""
    return emptied(x.answer, 204, "No Content") if x.answer.status == 400 else None


@rule(
    "scheduled-steps.media-types",
    cites="PS3.18 14.1.3 Table 14.1.3-1",
    verifies="PS3.18-14.1.3-1",
    on=SEARCH,
    since=SINCE,
    content=False,
    when=lambda x: bool(x.facts.get("form")) and (x.answer.ok or x.answer.status == 406),
    says="Steps are told in JSON or XML, in one part or several.",
)
def media_types(x: Exchange) -> Iterator[Finding]:
    form = str(x.facts["form"])
    if not x.answer.ok:
        # several steps have no single document, so that a search may have none for one step either
        yield Finding(f"{x.answer.line} to {form}", "a success", "status line", warn=form == "xml")
    elif x.answer.body.size and not spoken_in(x.answer, form):
        got = x.answer.headers.get("content-type") or "no Content-Type"
        yield Finding(got[:200], str(x.ask.headers.get("accept")), "Content-Type")


@rule(
    "scheduled-steps.json-list",
    cites="PS3.18 14.1.3; F.2.1",
    verifies="PS3.18-14.1.3-1",
    level=SHOULD,
    on=SEARCH,
    since=SINCE,
    when=lambda x: lawful(x) and x.answer.status == 200 and x.answer.type == JSON and bool(rows(x)),
    says="A JSON answer is one array with an object for each step.",
)
def json_list(x: Exchange) -> Iterator[Finding]:
    if x.answer.json is not None and x.answer.json.root != "array":
        yield Finding(f"a JSON {x.answer.json.root}", "a JSON array", "payload")


@json_list.mutant
def sends_a_single_step_bare(x: Exchange) -> Answer | None:
    """One step alone is sent as an object, not in an array."""
    held = rows(x)
    bare = x.answer.type == JSON and held is not None and len(held) == 1
    return payload(x.answer, held[0]) if bare and held else None


@media_types.mutant
def knows_json_only(x: Exchange) -> Answer | None:
    """XML is not supported."""
    return emptied(x.answer, 406, "Not Acceptable") if "xml" in str(x.ask.headers.get("accept")) else None


@media_types.mutant
def answers_in_one_part(x: Exchange) -> Answer | None:
    """Whatever is accepted, steps are told in one part."""
    if x.answer.type != "multipart/related" or not x.answer.parts:
        return None
    return x.answer.but(type=x.answer.parts[0].media.type, body=x.answer.parts[0].content.bytes())


untested("PS3.18-14.1.2-1", "the accept parameter is judged where it has an effect on what is searched and retrieved")
