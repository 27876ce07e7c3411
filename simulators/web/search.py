"""Knows the Search transaction (PS3.18 8.3.4, 10.6): from query parameters to a question, from matches to an answer.

Must not know how matching is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from anyio.to_thread import run_sync
from pydicom.datadict import dictionary_VR, tag_for_keyword

from simulators.archive.match import supported
from simulators.archive.question import BadValue, Key, Matches, Question, Row, TagPath
from simulators.model.names import BASE
from simulators.web import multipart_out, query
from simulators.web.call import Call, Reply
from simulators.web.multipart_out import Part
from simulators.web.native import document
from simulators.web.negotiate import JSON, XML, Offer, Selected
from simulators.web.report import Problem
from simulators.web.service import Service

LEVELS = {
    "studies": ("study",),
    "study-series": ("series",),
    "study-instances": ("series", "instance"),
    "series": ("study", "series"),
    "series-instances": ("instance",),
    "instances": ("study", "series", "instance"),
}
OFFERS = (Offer(JSON), Offer(XML, multipart=True))
FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
EMPTY = "The emptyvaluematching parameter is not supported. Empty Value Matching has not been performed."
MULTIPLE = "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."

OTHERS = {"fuzzymatching", "emptyvaluematching", "multiplevaluematching", "includefield", "limit", "offset", "accept",
           "charset"}  # fmt: skip
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]*\Z")
_ZONE = re.compile(r"[+-](?:0[0-9]|1[0-4])[0-5][0-9]\Z")
_TIMEZONE = ("00080201",)


def path_of(text: str) -> TagPath | None:
    """The tags that a dotted attribute names; None for what is no attribute that is known (8.3.1)."""
    found = []
    for word in text.split("."):
        if _TAG.match(word):
            found.append(word.upper())
            continue
        tag = tag_for_keyword(word) if _KEYWORD.match(word) else None
        if tag is None:
            return None
        found.append(f"{tag:08X}")
    return tuple(found)


def question(
    parameters: Sequence[query.Parameter], resource: str, study: str, series: str, since_2023e: bool
) -> Question:
    """What the request asks; Problem 400 for an invalid value of a supported parameter (8.3)."""
    levels = LEVELS[resource]
    asked = Question(levels, study, series)
    return question_of(parameters, since_2023e, lambda path: supported(path, levels), asked)


def question_of(
    parameters: Sequence[query.Parameter], since_2023e: bool, known: Callable[[TagPath], bool], asked: Question
) -> Question:
    """The same of any resource: `asked` with the parameters of Table 8.3.4-1 and the keys that are `known` there."""
    limit, offset = query.single(parameters, "limit"), query.single(parameters, "offset")
    include, everything = included(parameters)
    asked = replace(
        asked,
        include=include,
        include_all=everything,
        fuzzy=flag(parameters, "fuzzymatching"),
        empty_value=flag(parameters, "emptyvaluematching") and since_2023e,
        multiple_value=flag(parameters, "multiplevaluematching") and since_2023e,
        offset=offset.unsigned() if offset else 0,
        limit=limit.unsigned() if limit else None,
    )
    return _with_keys(asked, parameters, known)


def flag(parameters: Sequence[query.Parameter], name: str) -> bool:
    """A parameter that is true or false, false without it; Problem 400 for any other value."""
    found = query.single(parameters, name)
    return found.flag() if found else False


def included(parameters: Sequence[query.Parameter]) -> tuple[frozenset[TagPath], bool]:
    """The attributes that includefield names, and whether it asks for all; Problem 400 for what it cannot name."""
    words = [word for p in parameters if p.name == "includefield" for word in p.values()]
    if "all" in words:
        if len(words) > 1:
            raise Problem(400, "With includefield=all no other includefield may be given (PS3.18 8.3.4.3).")
        return frozenset(), True
    for word in words:
        if not all(_TAG.match(w) or _KEYWORD.match(w) for w in word.split(".")):
            raise Problem(400, f"includefield takes attributes or all, not {word[:80]!r}.")
    return frozenset(path for word in words if (path := path_of(word))), False


def _with_keys(asked: Question, parameters: Sequence[query.Parameter], known: Callable[[TagPath], bool]) -> Question:
    keys: dict[TagPath, Key] = {}
    for parameter in parameters:
        path = None if parameter.name in OTHERS else path_of(parameter.name)
        if path == _TIMEZONE:
            asked = replace(asked, timezone=timezone_of(parameter))
        elif path and known(path):
            if path in keys:
                raise Problem(400, f"Attribute {parameter.name} is given twice (PS3.18 8.3.4.1).")
            keys[path] = Key(path, key_values(parameter, path, asked.multiple_value))
    return replace(asked, keys=tuple(keys.values()))


def timezone_of(parameter: query.Parameter) -> str:
    """The value of Timezone Offset From UTC, '' for an empty one; Problem 400 for what is none."""
    text = parameter.text()
    if text and not _ZONE.match(text):
        raise Problem(400, f"{text[:80]!r} is no Timezone Offset From UTC (PS3.3 C.12.1.1.8).")
    return text


def key_values(parameter: query.Parameter, path: TagPath, multiple: bool) -> tuple[str, ...]:
    """The values of a matching key; Problem 400 for several where one is allowed."""
    values = parameter.values()
    if len(values) > 1 and not multiple and _vr(path[-1]) != "UI":
        raise Problem(400, f"{parameter.name} takes one value; a comma within it is written %2C (PS3.18 8.3.4.1).")
    return values


def _vr(tag: str) -> str:
    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "UN"


async def search(call: Call, service: Service, resource: str) -> Reply:
    """Answer one of the six search resources."""
    study, series = call.uid("study"), call.uid("series")
    selected = call.choose(OFFERS)
    modern = service.since("2023e")
    asked = question(call.query, resource, study, series, modern)
    limits = [n for n in (asked.limit, service.results) if n is not None]
    matches = await _matches(service, replace(asked, limit=min(limits, default=None)))
    return await told(call, service, selected, matches, lambda row: _retrieve_url(row, call.base))


async def told(call: Call, service: Service, selected: Selected, matches: Matches, url: Callable[[Row], str]) -> Reply:
    """The answer to a search that has these matches; `url` gives the Retrieve URL of one."""
    headers = [
        ("warning", f"299 {call.base}: {text}") for text in warnings(call.query, matches, service.since("2023e"))
    ]
    if not matches.rows and not service.since("2026a"):
        return Reply(204, headers=headers)
    if selected.offer.type == JSON:
        return Reply(200, JSON, tuple(_array(matches.rows, call.base, url)), headers)
    boundary = multipart_out.boundary()
    parts = (Part(XML, "", (document(_object(row, call.base, url)),)) for row in matches.rows)
    pieces = await run_sync(lambda: tuple(multipart_out.write(parts, boundary)))
    return Reply(200, multipart_out.content_type(XML, boundary), pieces, headers)


async def _matches(service: Service, asked: Question) -> Matches:
    try:
        return await run_sync(service.archive.search, asked)
    except BadValue as problem:
        raise Problem(400, f"The value for {problem.tag} is not one that can be matched: {problem.why}.") from problem


def warnings(parameters: Sequence[query.Parameter], matches: Matches, modern: bool) -> Iterator[str]:
    """The sentences that the Warning fields carry, in the standard's words (8.3.4.2, 8.3.4.4.1 to 8.3.4.6)."""
    if flag(parameters, "fuzzymatching"):
        yield FUZZY
    if flag(parameters, "emptyvaluematching") and not modern:
        yield EMPTY
    if flag(parameters, "multiplevaluematching") and not modern:
        yield MULTIPLE
    if matches.remaining > 0:
        yield f"There are {matches.remaining} additional results that can be requested"


def _array(rows: Iterable[Row], base: str, url: Callable[[Row], str]) -> Iterator[bytes]:
    between = b"["
    for row in rows:
        yield between + _object(row, base, url)
        between = b","
    yield b"]" if between == b"," else b"[]"


def _object(row: Row, base: str, url: Callable[[Row], str]) -> bytes:
    """The DICOM JSON object of a match with its Retrieve URL in its place (Tables 10.6.3-3 to -5)."""
    elements = dict(row.elements)
    elements["00081190"] = b'{"vr":"UR","Value":["%s"]}' % url(row).encode()
    written = b",".join(b'"%s":%s' % (tag.encode(), elements[tag]) for tag in sorted(elements))
    return b"{%s}" % written.replace(BASE, base.encode())


def _retrieve_url(row: Row, base: str) -> str:
    words = [base, "studies", row.study]
    words += ["series", row.series] if row.series else []
    words += ["instances", row.instance] if row.instance else []
    return "/".join(words)
