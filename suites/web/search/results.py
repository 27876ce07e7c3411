"""Rules of PS3.18 10.6.1.1 and 10.6.3.3 on the list of matches: its media type, its members, their place and order.

Must not know matching keys, pages or return attributes beyond the unique keys.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from suites.web.search.asked import acceptable, keys, lawful
from suites.web.search.broken import Row, edited, listed, searches, with_tag, without_tag
from suites.web.search.rows import (
    JSON_TYPES,
    UNIQUE,
    XML_TYPE,
    found,
    is_xml,
    level,
    own,
    owns,
    rows,
    texts,
    uid,
    whole,
)


def with_payload(x: Exchange) -> bool:
    return x.answer.status == 200 and bool(x.answer.body)


@rule(
    "search.media-type",
    cites="PS3.18 10.6.3.3; 10.6.4; Table 10.6.4-1; 8.7.3.2",
    verifies=("PS3.18-10.6.4-1", "PS3.18-10.6.3.3-1"),
    on="web.search",
    when=lambda x: with_payload(x) and acceptable(x),
    says="Matches come as application/dicom+json, or as application/dicom+xml in multipart/related.",
)
def media_type(x: Exchange) -> Iterator[Finding]:
    got = x.answer.headers.get("content-type", "no Content-Type") or "an empty Content-Type"
    if x.answer.type == "application/dicom+json" or _multipart_xml(x):
        return
    # application/json is no type of this transaction, but a client that accepts it by name gets what it asked for
    asked_for = any(r.type == x.answer.type and r.q > 0 for r in x.ask.accept.ranges)
    if x.answer.type == "application/json" and asked_for:
        return
    yield Finding(got, "application/dicom+json or multipart/related; type=application/dicom+xml", "Content-Type")


def _multipart_xml(x: Exchange) -> bool:
    root = x.answer.media.root or XML_TYPE
    return x.answer.type == "multipart/related" and root.lower() == XML_TYPE


@media_type.mutant(defects="M-QI-44")
def says_application_json(x: Exchange) -> Answer | None:
    """DICOM JSON is sent as application/json."""
    json_type = x.answer.type == "application/dicom+json" and searches(x.ask)
    return x.answer.but(type="application/json") if json_type else None


@media_type.mutant
def says_plain_text(x: Exchange) -> Answer | None:
    """DICOM JSON is sent as text/plain."""
    return x.answer.but(type="text/plain") if x.answer.body and searches(x.ask) else None


@rule(
    "search.json-list",
    cites="PS3.18 10.6.3.3; F.2",
    verifies="PS3.18-10.6.3.3-1",
    on="web.search",
    when=lambda x: with_payload(x) and x.answer.type in JSON_TYPES,
    says="A JSON answer is one array with an object for each match.",
)
def json_list(x: Exchange) -> Iterator[Finding]:
    reading = x.answer.json
    if reading is None or reading.root != "array":
        root = reading.root if reading else ""
        yield Finding(f"a JSON {root}" if root else "no JSON text", "a JSON array", "payload")


@json_list.mutant
def sends_a_single_match_bare(x: Exchange) -> Answer | None:
    """One match alone is sent as an object, not in an array."""
    if not searches(x.ask) or x.answer.type != "application/dicom+json" or x.answer.status != 200:
        return None
    held = json.loads(x.answer.payload.bytes())
    return x.answer.but(body=json.dumps(held[0]).encode()) if len(held) == 1 else None


@json_list.mutant
def cuts_the_json_short(x: Exchange) -> Answer | None:
    """The closing bracket of the array is missing."""
    good = searches(x.ask) and x.answer.type == "application/dicom+json" and x.answer.body
    return x.answer.but(body=x.answer.body.bytes().rstrip()[:-1]) if good else None


@json_list.mutant
def wraps_the_matches(x: Exchange) -> Answer | None:
    """The array is the member of an object."""
    good = searches(x.ask) and x.answer.type == "application/dicom+json" and x.answer.body
    return x.answer.but(body=b'{"results": ' + x.answer.body.bytes() + b"}") if good else None


@rule(
    "search.xml-part-for-each-match",
    cites="PS3.18 10.6.3.3; 8.7.3.2; F.3",
    verifies="PS3.18-10.6.3.3-1",
    on="web.search",
    when=lambda x: with_payload(x) and _multipart_xml(x) and bool(x.answer.parts),
    says="An XML answer has one part for each match: a Native DICOM Model document that says its type.",
)
def xml_part_for_each_match(x: Exchange) -> Iterator[Finding]:
    for number, part in enumerate(x.answer.parts, 1):
        if part.media.type != XML_TYPE:
            yield Finding(part.media.raw or "no Content-Type", XML_TYPE, f"part {number}")
    if is_xml(x.answer) and len(rows(x) or ()) != len(x.answer.parts):
        yield Finding(f"{len(rows(x) or ())} readable", f"{len(x.answer.parts)} documents", "parts")


@xml_part_for_each_match.mutant
def calls_its_parts_text_xml(x: Exchange) -> Answer | None:
    """The parts say text/xml."""
    if not searches(x.ask) or not x.answer.parts:
        return None
    return x.answer.but(body=x.answer.body.bytes().replace(b"application/dicom+xml", b"text/xml"))


REPRESENTATION = "web.search.representation"


@journey(
    "search.both-media-types",
    cites="PS3.18 10.6.4; Table 10.6.4-1",
    verifies="PS3.18-10.6.4-1",
    on=REPRESENTATION,
    when=lambda j: any(found(x) for x in j.exchanges),
    says="Each of the two media types is given when it alone is accepted, and JSON when anything is.",
)
def both_media_types(j: Journey) -> Iterator[Finding]:
    for step, want in (("json", "application/dicom+json"), ("any", "application/dicom+json"), ("xml", XML_TYPE)):
        for x in j.steps(step):
            if x.answer.status != 200 or not (_multipart_xml(x) if step == "xml" else x.answer.type == want):
                got = f"{x.answer.line}, {x.answer.media.raw or 'no Content-Type'}"
                yield Finding(got, want, f"Accept {x.ask.headers.get('accept')}", seq=x.seq)


@both_media_types.mutant
def refuses_xml(x: Exchange) -> Answer | None:
    """XML is answered 406."""
    return x.answer.but(status=406, reason="Not Acceptable") if searches(x.ask) and x.answer.parts else None


@both_media_types.mutant(at=DOOR)
def prefers_xml(ask: Ask, door: Door) -> Answer:
    """Whoever accepts anything gets XML."""
    anything = searches(ask) and ask.headers.get("accept") == "*/*"
    xml = ask.headers.but("accept", 'multipart/related; type="application/dicom+xml"')
    return door(ask.but(headers=xml)) if anything else door(ask)


@journey(
    "search.xml-equals-json",
    cites="PS3.18 10.6.3.3; F.3",
    verifies=("PS3.18-10.6.3.3-1", "PS3.18-10.6.4-1"),
    on=REPRESENTATION,
    when=lambda j: bool(_pairs(j)),
    says="XML and JSON give the same matches with the same attributes and values.",
)
def xml_equals_json(j: Journey) -> Iterator[Finding]:
    for left, right in _pairs(j):
        others = {own(right, row): row for row in rows(right) or ()}
        if set(owns(left)) != set(others):
            got = f"{len(others)} matches in XML, {len(owns(left))} in JSON"
            yield Finding(got, "the same matches", f"resource {left.resource.search}", seq=right.seq)
        for row in rows(left) or ():
            yield from _differences(left, right, row, others.get(own(left, row)))


def _pairs(j: Journey) -> list[tuple[Exchange, Exchange]]:
    """JSON and XML answers of the same resource, both with matches, nothing stored in between that shows."""
    made = []
    for left in [x for x in j.steps("json") if found(x)]:
        same = [x for x in j.steps("xml") if x.ask.target == left.ask.target and found(x) and is_xml(x.answer)]
        again = [x for x in j.steps("any") if x.ask.target == left.ask.target and rows(x) is not None]
        if same and not any(set(owns(x)) != set(owns(left)) for x in again):
            made.append((left, same[0]))
    return made


def _differences(left: Exchange, right: Exchange, row: Row | object, other: object) -> Iterator[Finding]:
    if not isinstance(row, dict) or not isinstance(other, dict):
        return
    for tag in sorted({*row, *other} - {"00080005"}):
        mine, theirs = _shown(row, tag), _shown(other, tag)
        if mine != theirs:
            where = f"{own(left, row)}, attribute {tag}"
            yield Finding(f"{theirs} in XML", f"{mine} as in JSON", where, seq=right.seq)


def _shown(row: Row, tag: str) -> str:
    """An attribute's values for comparison: numbers by value, items by count, padding and empty groups left out."""
    if tag not in row:
        return "absent"
    attribute = row[tag]
    if attribute.get("vr") == "SQ":
        return f"{len(attribute.get('Value') or [])} items"
    if any(name in attribute for name in ("InlineBinary", "BulkDataURI")):
        return "binary"
    return "; ".join(_plain(text) for text in texts(row, tag)) or "empty"


def _plain(text: str) -> str:
    try:
        return repr(float(text))
    except ValueError:
        return text.strip()


@xml_equals_json.mutant
def loses_the_last_xml_part(x: Exchange) -> Answer | None:
    """The last match is missing in XML."""
    if not searches(x.ask) or len(x.answer.parts) < 2:
        return None
    body, mark = x.answer.body.bytes(), b"--" + x.answer.media.parameters["boundary"].encode()
    pieces = body.split(mark)
    return x.answer.but(body=mark.join([*pieces[:-2], pieces[-1]]))


@xml_equals_json.mutant
def xml_has_no_patient_id(x: Exchange) -> Answer | None:
    """Patient ID is empty in XML."""
    if not searches(x.ask) or not x.answer.parts:
        return None
    pattern = rb'(<DicomAttribute[^>]*tag="00100020"[^>]*>).*?(</DicomAttribute>)'
    return x.answer.but(body=re.sub(pattern, rb"\1\2", x.answer.body.bytes(), flags=re.DOTALL))


@rule(
    "search.unique-key-in-each-match",
    cites="PS3.18 10.6.3.3.1; 10.6.3.3.2; 10.6.3.3.3",
    verifies=("PS3.18-10.6.3.3.1-1", "PS3.18-10.6.3.3.2-1", "PS3.18-10.6.3.3.3-1"),
    on="web.search",
    when=found,
    says="Each match carries the unique key of its level: one valid UID.",
)
def unique_key_in_each_match(x: Exchange) -> Iterator[Finding]:
    tag = UNIQUE[level(x)]
    for number, row in enumerate(rows(x) or (), 1):
        held = texts(row, tag)
        if len(held) != 1 or not held[0]:
            yield Finding("; ".join(held) or "no value", "one UID", f"match {number}, attribute {tag}")


@unique_key_in_each_match.mutant
def leaves_out_unique_keys(x: Exchange) -> Answer | None:
    """A match does not tell its own UID."""
    if not searches(x.ask):
        return None
    tag = UNIQUE[level(x)]
    return edited(x, lambda held: [without_tag(tag)(row) for row in held])


@rule(
    "search.matches-once",
    cites="PS3.18 10.6.3.3.1; PS3.4 C.4.1.3.1.1",
    verifies="PS3.18-10.6.3.3.1-8",
    on="web.search",
    when=lambda x: len([u for u in owns(x) if u]) > 1,
    says="No study, series or instance is listed twice in one answer.",
)
def matches_once(x: Exchange) -> Iterator[Finding]:
    # a Series or SOP Instance UID that two studies share is listed for each of them
    pairs = [(uid(row, "study"), uid(row, "series"), own(x, row)) for row in rows(x) or () if own(x, row)]
    for (*_, name), times in Counter(pairs).items():
        if times > 1:
            yield Finding(f"{name} {times} times", "once", "matches")


@matches_once.mutant(defects=("M-QI-42", "M-QI-11"))
def lists_the_first_match_twice(x: Exchange) -> Answer | None:
    """The first match stands at the end again."""
    return edited(x, lambda held: [*held, held[0]])


@rule(
    "search.matches-within-path",
    cites="PS3.18 10.6.1.1; Table 10.6.1-2; PS3.4 C.4.1.3.1.1",
    verifies="PS3.18-8.3.4.1.1-9",
    on="web.search.study-series|web.search.study-instances|web.search.series-instances",
    when=lambda x: any(_telling(x, row) for row in rows(x) or ()),
    says="A search below a study or series lists only what belongs to it.",
)
def matches_within_path(x: Exchange) -> Iterator[Finding]:
    for number, row in enumerate(rows(x) or (), 1):
        for at, want in (("study", x.resource.study), ("series", x.resource.series)):
            got = uid(row, at)
            if want and got and got != want and not (at == "series" and level(x) == "series"):
                yield Finding(f"{at} {got}", f"{want}, as in the path", f"match {number}, {UNIQUE[at]}")
        yield from _stored_elsewhere(x, number, own(x, row))


def _telling(x: Exchange, row: object) -> bool:
    held = isinstance(row, dict) and any(uid(row, at) for at in ("study", "series") if at != level(x))
    past = x.context.past if x.context else None
    return held or bool(past and isinstance(row, dict) and own(x, row) in past)


def _stored_elsewhere(x: Exchange, number: int, name: str) -> Iterator[Finding]:
    """An instance that we stored in another study or series than the path names."""
    kept = x.context.past.get(name) if x.context and x.context.past and level(x) == "instance" else None
    if kept and kept.study != x.resource.study:
        yield Finding(f"instance of study {kept.study}", f"study {x.resource.study}", f"match {number}, {name}")
    elif kept and x.resource.series and kept.series != x.resource.series:
        yield Finding(f"instance of series {kept.series}", f"series {x.resource.series}", f"match {number}, {name}")


@matches_within_path.mutant(at=DOOR, defects="M-QI-27")
def ignores_the_series_in_the_path(ask: Ask, door: Door) -> Answer:
    """The instances of a series are those of the whole study."""
    if not searches(ask, "series-instances"):
        return door(ask)
    return door(ask.but(target=ask.target.replace(f"/series/{ask.resource.series}", "", 1)))


@matches_within_path.mutant(at=DOOR, defects="M-QI-27")
def keys_make_the_path_forgotten(ask: Ask, door: Door) -> Answer:
    """With a key, a search below a study looks through all studies."""
    if not searches(ask, "study-series", "study-instances") or not keys(ask):
        return door(ask)
    return door(ask.but(target=ask.target.replace(f"/studies/{ask.resource.study}", "", 1)))


@matches_within_path.mutant
def tells_another_study(x: Exchange) -> Answer | None:
    """Below a study, matches name another one."""
    if not searches(x.ask, "study-series", "study-instances", "series-instances"):
        return None
    return edited(x, lambda held: [with_tag("0020000D", "UI", "2.25.7")(row) for row in held])


@rule(
    "search.stored-is-listed",
    cites="PS3.18 10.6.1.1; Table 10.6.1-2; PS3.4 C.4.1.3.1",
    verifies=("PS3.18-10.6.1.1-1", "PS3.18-8.3.4.4.1-2"),
    on="web.search.study-series|web.search.study-instances|web.search.series-instances",
    basis=RELATION,
    when=lambda x: _complete_list(x) and any(_stored_below(x)),
    says="A list without keys holds everything that was stored there and acknowledged.",
)
def stored_is_listed(x: Exchange) -> Iterator[Finding]:
    missing = [name for name in dict.fromkeys(_stored_below(x)) if name not in owns(x)]
    for name in missing[:3]:
        yield Finding(f"{name} is missing ({len(owns(x))} matches)", f"{level(x)} {name}", "matches")


def _complete_list(x: Exchange) -> bool:
    return rows(x) is not None and whole(x) and lawful(x) and all(key.universal for key in keys(x.ask))


def _stored_below(x: Exchange) -> Iterator[str]:
    past = x.context.past if x.context else None
    for kept in past.below(x.resource.study, x.resource.series) if past else ():
        yield kept.series if level(x) == "series" else kept.instance


@stored_is_listed.mutant(defects=("M-QI-10", "M-QI-11"))
def stops_at_ten(x: Exchange) -> Answer | None:
    """No more than ten matches are listed, and nothing says so."""
    return edited(x, lambda held: held[:10])


@stored_is_listed.mutant
def lists_below_a_study_are_empty(x: Exchange) -> Answer | None:
    """Nothing is found below a study."""
    below = searches(x.ask, "study-series", "study-instances") and x.answer.ok
    return listed(x.answer, []) if below else None


REPEAT = "web.search.repeat"


@journey(
    "search.same-order-again",
    cites="PS3.18 8.3.4.4.1",
    verifies="PS3.18-8.3.4.4.1-1",
    on=REPEAT,
    when=lambda j: any(True for _ in _repeated(j)),
    says="The same search gives the same matches in the same order while nothing changes.",
)
def same_order_again(j: Journey) -> Iterator[Finding]:
    for first, again in _repeated(j):
        one, two = owns(first), owns(again)
        if one != two:
            at = next(n for n, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)
            yield Finding(f"{two[at]} at place {at + 1}", f"{one[at]} as before", "order of matches", seq=again.seq)


def _repeated(j: Journey) -> Iterator[tuple[Exchange, Exchange]]:
    """Two answers to the same request with at least two matches and the same set of them."""
    for name in dict.fromkeys(x.ask.target for x in j.steps("repeat")):
        asked = [x for x in j.steps("repeat") if x.ask.target == name and len(owns(x)) > 1]
        for again in asked[1:]:
            if sorted(owns(again)) == sorted(owns(asked[0])):
                yield asked[0], again


@same_order_again.mutant(defects="D-QI-06")
def orders_by_chance(x: Exchange) -> Answer | None:
    """The order of matches changes from one request to the next."""
    turn = next(_turns)
    return edited(x, lambda held: held[turn % len(held) :] + held[: turn % len(held)])


_turns = itertools.count()  # how often the mutant above was asked
