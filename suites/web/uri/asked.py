"""Rules on who asks the URI service: the parameters of a request and their values (PS3.18 9.1.2, 9.4.1, 9.5.1).

Must not know what was answered, but for what kind of thing the answer shows to have been asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL, SHALL_NOT, USER_AGENT, Finding, Rule, rule, undetected
from harness.wire import media
from harness.wire.uri import URI_PARAMETERS, valid_uid
from suites.web.client.bend import accepting, payload
from suites.web.retrieve.reading import DICOM
from suites.web.uri.bend import replaced, without
from suites.web.uri.reading import (
    ANNOTATION,
    JPEG,
    KIND,
    RENDERING,
    STATE,
    WINDOW,
    category,
    chosen,
    number,
    types,
    value,
)

VIEWPORT = ("rows", "columns")
_BESIDE_STATE = frozenset((*STATE, *ANNOTATION, *VIEWPORT, "imageQuality", "region", "contentType", "charset"))
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,17}\Z", re.ASCII)
_OF_FILES = ("transferSyntax", "anonymize")  # parameters of 9.4.1.2 alone
_RENDERED = ("image/", "video/", "text/", "application/pdf")


def _asks(x: Exchange) -> bool:
    return x.ask.method in ("GET", "HEAD")


def _given(x: Exchange, *names: str) -> list[str]:
    """Which of these parameters the request has."""
    return [name for name in names if name in x.ask.query]


def _demand(id: str, *, cites: str, says: str, when: Callable[[Exchange], bool] = _asks, verifies: str = "",
            never: bool = False) -> Callable[[Callable[[Exchange], Iterator[Finding]]], Rule[Exchange]]:  # fmt: skip
    """A rule that binds who asks this service; `never`: it forbids."""
    level = SHALL_NOT if never else SHALL
    return rule(
        id,
        cites=cites,
        verifies=verifies or (),
        level=level,
        on=KIND,
        who=USER_AGENT,
        content=False,
        when=when,
        says=says,
    )


# --- the four parameters -----------------------------------------------------------------------------------------


@_demand(
    "uri.client-four-parameters",
    cites="PS3.18 9.1.2.1",
    verifies="PS3.18-9.1.2.1-1",
    says="Every request has requestType=WADO and the UIDs of a study, a series and an instance, each once.",
)
def four_parameters(x: Exchange) -> Iterator[Finding]:
    for name in URI_PARAMETERS:
        found = x.ask.query.all(name)
        if len(found) != 1:
            yield Finding(f"{len(found)} times", "once", f"parameter {name}")
        elif name == "requestType" and found[0].value != "WADO":
            # the grammar has WADO in quotes without %s, so its case is not laid down
            yield Finding(found[0].value[:80], "WADO", "parameter requestType", warn=found[0].value.upper() == "WADO")
        elif name != "requestType" and not valid_uid(found[0].value):
            yield Finding(found[0].value[:80], "a UID (PS3.5 9.1)", f"parameter {name}")


@four_parameters.mutant(at=ASK)
def forgets_the_series(x: Exchange) -> Ask | None:
    """The series is left out, because the instance is enough."""
    return without(x.ask, "seriesUID")


@four_parameters.mutant(at=ASK)
def names_the_instance_in_another_case(x: Exchange) -> Ask | None:
    """The parameters are called studyuid, seriesuid and objectuid."""
    return x.ask.but(target=x.ask.target.replace("studyUID=", "studyuid="))


@four_parameters.mutant(at=ASK)
def pads_its_uids(x: Exchange) -> Ask | None:
    """UIDs are padded with a NULL as in a data set."""
    return replaced(x.ask, "studyUID", f"{x.resource.study}%00") if x.resource.study else None


@_demand(
    "uri.client-no-payload",
    cites="PS3.18 9.4.1.4; 9.5.1.4",
    verifies="PS3.18-9.4.1.4-1",
    says="A request to the URI service has no payload.",
)
def no_payload(x: Exchange) -> Iterator[Finding]:
    if x.ask.body.size:
        yield Finding(f"{x.ask.body.size} octets", "no payload", "payload")


@no_payload.mutant(at=ASK)
def sends_its_parameters_twice(x: Exchange) -> Ask | None:
    """The parameters are in the payload as well."""
    return payload(x.ask, x.ask.query.raw.encode("latin-1"))


# --- media types -------------------------------------------------------------------------------------------------


@_demand(
    "uri.client-content-type",
    cites="PS3.18 9.1.2.2.1; 8.3.3.1; 8.7.3.5.2",
    verifies="PS3.18-9.1.2.2.1-1",
    when=lambda x: _asks(x) and "contentType" in x.ask.query,
    says="A contentType is application/dicom or rendered media types, without wildcards, transfer-syntax and charset.",
)
def content_type(x: Exchange) -> Iterator[Finding]:
    where, said = "parameter contentType", (value(x, "contentType") or "")[:80]
    found = media.read_accept([value(x, "contentType") or ""])
    names = [r.type for r in found.ranges]
    if not names or found.flaws:
        yield Finding(said or "nothing", "media types", where)
    if any("*" in name for name in names):
        yield Finding(said, "no wildcard", where)
    if others := [n for n in names if n.startswith(("application/dicom+", "multipart/"))]:
        yield Finding(others[0], f"{DICOM} or rendered media types", where)
    if DICOM in names and len(names) > 1:
        yield Finding(said, f"{DICOM} alone, or rendered media types", where)
    for name in ("transfer-syntax", "charset"):
        if any(name in r.parameters for r in found.ranges):
            yield Finding(said, f"no parameter {name}", where)


@content_type.mutant(at=ASK)
def takes_file_or_picture(x: Exchange) -> Ask | None:
    """A file is asked for, or else a picture."""
    return replaced(x.ask, "contentType", f"{DICOM},{JPEG}")


@content_type.mutant(at=ASK)
def names_the_syntax_in_content_type(x: Exchange) -> Ask | None:
    """The transfer syntax stands in contentType, as in an Accept field of the Studies service."""
    return replaced(x.ask, "contentType", quote(f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90"))


def _asks_for_a_picture(x: Exchange) -> bool:
    """By contentType, or by parameters that only a rendering has."""
    named = [r.type for r in types(x)]
    if named:
        return all(name.startswith(_RENDERED) for name in named)
    return "contentType" not in x.ask.query and bool(_given(x, *RENDERING))


@_demand(
    "uri.client-accepts-renderings",
    cites="PS3.18 9.5.1.3; 8.7.5",
    verifies="PS3.18-9.5.1.3-1",
    when=lambda x: _asks(x) and _asks_for_a_picture(x) and x.ask.accept.present,
    says="Who asks for a rendering accepts rendered media types only.",
)
def accepts_renderings(x: Exchange) -> Iterator[Finding]:
    for range_ in x.ask.accept.ranges:
        if range_.type.startswith(("application/dicom", "multipart/")):
            yield Finding(range_.type, "rendered media types", "Accept")


@accepts_renderings.mutant(at=ASK)
def accepts_files_beside_pictures(x: Exchange) -> Ask | None:
    """The same Accept field is sent whatever is asked for."""
    return accepting(x, f"{DICOM}, {JPEG}")


@_demand(
    "uri.client-accepts-what-it-names",
    cites="PS3.18 8.3.3.1",
    when=lambda x: _asks(x) and bool(types(x)) and x.ask.accept.present and not x.ask.accept.flaws,
    says="The media types of contentType are covered by the Accept field.",
)
def accepts_what_it_names(x: Exchange) -> Iterator[Finding]:
    for range_ in types(x):
        if "*" not in range_.type and not x.ask.accept.weight(media.Reading(range_.type, range_.parameters)):
            yield Finding((x.ask.headers.get("accept") or "")[:80], f"a range that covers {range_.type}", "Accept")


@accepts_what_it_names.mutant(at=ASK)
def accepts_json(x: Exchange) -> Ask | None:
    """Accept is the one of the searches."""
    return accepting(x, "application/dicom+json")


# --- parameters of a rendering -----------------------------------------------------------------------------------


@_demand(
    "uri.client-no-rendering-of-a-file",
    cites="PS3.18 9.4.1; 9.5.1.2; 9.5.1.2.6",
    never=True,
    when=lambda x: _asks(x) and [r.type for r in types(x)] == [DICOM],
    says="With contentType=application/dicom there is no window, nor any other parameter of a rendering.",
)
def no_rendering_of_a_file(x: Exchange) -> Iterator[Finding]:
    for name in _given(x, *(n for n in RENDERING if n not in ANNOTATION)):
        # of the window a sentence says so, of the others the syntax of the request
        yield Finding(f"{name}={value(x, name)}"[:80], "no such parameter", "query", warn=name not in WINDOW)


@no_rendering_of_a_file.mutant(at=ASK, defects="M-WA-20")
def windows_a_file(x: Exchange) -> Ask | None:
    """A window is asked for beside application/dicom."""
    return replaced(replaced(x.ask, "windowCenter", "40"), "windowWidth", "400")


@_demand(
    "uri.client-no-file-of-a-rendering",
    cites="PS3.18 9.4.1.2; 9.5.1.2 Table 9.5.1-1",
    never=True,
    when=lambda x: _asks(x) and bool(types(x)) and all(r.type.startswith(_RENDERED) for r in types(x)),
    says="Where contentType names rendered types there is no parameter of a file: no transferSyntax, no anonymize.",
)
def no_file_of_a_rendering(x: Exchange) -> Iterator[Finding]:
    for name in _given(x, *_OF_FILES):
        # the table has none of them, and no sentence forbids them
        yield Finding(f"{name}={value(x, name)}"[:80], "no such parameter", "query", warn=True)


@no_file_of_a_rendering.mutant(at=ASK)
def names_the_syntax_of_a_picture(x: Exchange) -> Ask | None:
    """A picture is asked for in a transfer syntax."""
    pictures = bool(types(x)) and all(r.type.startswith(_RENDERED) for r in types(x))
    return replaced(x.ask, "transferSyntax", "1.2.840.10008.1.2.4.50") if pictures else None


def _shown_category(x: Exchange) -> str:
    """The Resource Category, from what is known or from what came: a text that was rendered is one."""
    return category(x) or ("text" if x.answer.ok and x.answer.type.startswith("text/") else "")


@_demand(
    "uri.client-rendering-of-images-only",
    cites="PS3.18 9.5.1.2",
    verifies="PS3.18-9.5.1.2-1",
    when=lambda x: _asks(x) and _shown_category(x) in ("text", "other"),
    says="Frames, windows, viewports and the like are asked for of images and video only.",
)
def rendering_of_images_only(x: Exchange) -> Iterator[Finding]:
    for name in _given(x, *RENDERING):
        yield Finding(f"{name}={value(x, name)} of a {_shown_category(x)}"[:80], "no such parameter", "query")


@rendering_of_images_only.mutant(at=ASK)
def sizes_its_reports(x: Exchange) -> Ask | None:
    """Every request has the size of the window it is shown in."""
    return replaced(replaced(x.ask, "rows", "512"), "columns", "512")


def _pairs(x: Exchange, names: tuple[str, str], warn: bool = False, policy: str = "") -> Iterator[Finding]:
    given = _given(x, *names)
    if len(given) == 1:
        yield Finding(f"{given[0]} alone", " and ".join(names), "query", warn=warn, policy=policy)


@_demand(
    "uri.client-both-of-a-state",
    cites="PS3.18 9.5.1.2.7",
    verifies="PS3.18-9.5.1.2.7-1",
    when=lambda x: _asks(x) and bool(_given(x, *STATE)),
    says="A presentation state is named by its series and its instance, both.",
)
def both_of_a_state(x: Exchange) -> Iterator[Finding]:
    yield from _pairs(x, STATE)


@both_of_a_state.mutant(at=ASK)
def names_the_state_alone(x: Exchange) -> Ask | None:
    """A presentation state is named without its series."""
    return without(x.ask, STATE[0])


@_demand(
    "uri.client-alone-with-a-state",
    cites="PS3.18 9.5.1.2.7; 9.5.1.2.6",
    verifies="PS3.18-9.5.1.2.7-2",
    when=lambda x: _asks(x) and bool(_given(x, *STATE)),
    says="Beside a presentation state there are no optional parameters but annotation, quality, region and viewport.",
)
def alone_with_a_state(x: Exchange) -> Iterator[Finding]:
    known = (*RENDERING, "anonymize", "transferSyntax")
    for name in _given(x, *(n for n in known if n not in _BESIDE_STATE)):
        yield Finding(f"{name}={value(x, name)}"[:80], "no such parameter beside a presentation state", "query")


@alone_with_a_state.mutant(at=ASK)
def windows_its_state(x: Exchange) -> Ask | None:
    """A window is asked for on top of a presentation state."""
    return replaced(replaced(x.ask, "windowCenter", "40"), "windowWidth", "400")


@_demand(
    "uri.client-both-of-a-window",
    cites="PS3.18 9.5.1.2.4; 9.5.1.2.6",
    when=lambda x: _asks(x) and bool(_given(x, *WINDOW, *VIEWPORT)),
    says="Of windowCenter and windowWidth, and of rows and columns, both come or none.",
)
def both_of_a_window(x: Exchange) -> Iterator[Finding]:
    yield from _pairs(x, WINDOW)
    yield from _pairs(x, VIEWPORT, warn=chosen(x, "D-07") == "both", policy="D-07")


@both_of_a_window.mutant(at=ASK)
def asks_for_a_centre(x: Exchange) -> Ask | None:
    """A window is asked for by its centre alone."""
    return without(x.ask, "windowWidth")


# --- values ------------------------------------------------------------------------------------------------------


def _positive(text: str) -> str:
    return "" if _POSITIVE.match(text) else "a positive integer"


def _decimal(text: str) -> str:
    return "" if number(text) is not None else "a decimal number"


def _percent(text: str) -> str:
    return "" if _POSITIVE.match(text) and int(text) <= 100 else "an integer from 1 to 100"


def _uid(text: str) -> str:
    return "" if valid_uid(text) else "a UID"


def _something(text: str) -> str:
    return "" if text else "a value"


def _area(text: str) -> str:
    found = [number(word) for word in text.split(",")]
    if len(found) == 4 and None not in found:
        left, top, right, bottom = (n or 0.0 for n in found)
        if 0 <= left < right <= 1 and 0 <= top < bottom <= 1:
            return ""
    return "left,top,right,bottom from 0 to 1"


# What is wrong with a value, '' when nothing is (9.4.1.2, 9.5.1.2).
_VALUES: dict[str, Callable[[str], str]] = {
    "frameNumber": _positive,
    "rows": _positive,
    "columns": _positive,
    "imageQuality": _percent,
    "windowCenter": _decimal,
    "windowWidth": _decimal,
    "region": _area,
    "presentationSeriesUID": _uid,
    "presentationUID": _uid,
    "transferSyntax": _uid,
    "anonymize": lambda text: "" if text == "yes" else "yes",
    **dict.fromkeys(("contentType", "charset", *ANNOTATION), _something),
}


@_demand(
    "uri.client-values",
    cites="PS3.18 9.4.1.2; 9.5.1.2",
    when=lambda x: _asks(x) and bool(_given(x, *_VALUES)),
    says="Every parameter has one value, as its grammar has it.",
)
def values(x: Exchange) -> Iterator[Finding]:
    for name in _given(x, *_VALUES):
        found = x.ask.query.all(name)
        if len(found) > 1:
            yield Finding(f"{len(found)} times", "once", f"parameter {name}")
        elif want := _VALUES[name](found[0].value):
            # 8.7.3.6 has a list or an asterisk for this one, 9.4.1.2.3 a single UID
            lists = name == "transferSyntax" and (found[0].value == "*" or all(map(valid_uid, found[0].values)))
            yield Finding(found[0].value[:80] or "nothing", want, f"parameter {name}", warn=lists)
    if ANNOTATION[1] in x.ask.query and chosen(x, "D-08") == ANNOTATION[0]:
        yield Finding(ANNOTATION[1], ANNOTATION[0], "name of a parameter", warn=True, policy="D-08")


@values.mutant(at=ASK)
def counts_frames_from_zero(x: Exchange) -> Ask | None:
    """The first frame is asked for as frame 0."""
    return replaced(x.ask, "frameNumber", "0") if "frameNumber" in x.ask.query else None


@values.mutant(at=ASK)
def selects_pixels(x: Exchange) -> Ask | None:
    """A region is given in pixels."""
    return replaced(x.ask, "region", "0,0,256,256") if "region" in x.ask.query else None


@values.mutant(at=ASK)
def writes_decimal_commas(x: Exchange) -> Ask | None:
    """Numbers are written as the user's language has them."""
    return replaced(x.ask, "windowCenter", "40,5") if "windowCenter" in x.ask.query else None


@values.mutant(at=ASK)
def says_true(x: Exchange) -> Ask | None:
    """anonymize is true."""
    return replaced(x.ask, "anonymize", "true") if "anonymize" in x.ask.query else None


undetected("M-WA-22", why="no video is among the data that a run loads")
