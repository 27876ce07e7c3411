"""Rules of PS3.18 8.3.5.1 and 8.3.5.2 on the parameters by which a client asks for renderings and thumbnails.

Must not know what a rendering looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHOULD_NOT, USER_AGENT, Finding, rule
from suites.web.client.bend import parameters
from suites.web.rendered.parameters import KEYWORDS, bad_quality, bad_viewport, bad_window, half_viewport

PROFILES = ("no", "yes", "srgb", "adobergb", "rommrgb")
ON = "web.retrieve.rendered|web.retrieve.thumbnail"
_THUMBNAIL = "web.retrieve.thumbnail"
# Parameters of the URI service (9.4.1.2, 9.5.1.2), and what stands for them elsewhere.
_OF_THE_URI_SERVICE = {
    "windowCenter": "window", "windowWidth": "window", "rows": "viewport", "columns": "viewport",
    "region": "viewport", "imageQuality": "quality", "frameNumber": "frames in the path", "contentType": "accept",
}  # fmt: skip
_NOT_OF_THUMBNAILS = ("annotation", "quality", "window", "iccprofile")  # Table 8.3.5-2 has none of them


def _bad_profile(value: str) -> str:
    return "" if value and all(word in PROFILES for word in value.split(",")) else ", ".join(PROFILES)


def _bad_annotation(value: str) -> str:
    """A server may have keywords of its own, so only those that are nearly one of the text are surely wrong."""
    wrong = not value or any(not w or (w.lower() in KEYWORDS and w not in KEYWORDS) for w in value.split(","))
    return " or ".join(KEYWORDS) if wrong else ""


def _judgements(x: Exchange) -> dict[str, Callable[[str], str]]:
    """What is wrong with the value of each parameter that the resource has."""
    if x.kind == _THUMBNAIL:
        return {"viewport": partial(bad_viewport, size_only=True)}
    return {
        "viewport": partial(bad_viewport, size_only=False),
        "window": bad_window,
        "quality": bad_quality,
        "iccprofile": _bad_profile,
        "annotation": _bad_annotation,
    }


@rule(
    "client.rendering-values",
    cites="PS3.18 8.3.5.1.1; 8.3.5.1.2; 8.3.5.1.3; 8.3.5.1.4; 8.3.5.1.5; 8.3.5.2",
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: any(name in x.resource.query for name in _judgements(x)),
    due=False,
    says="Each rendering parameter is there once, with a value as its grammar has it.",
)
def rendering_values(x: Exchange) -> Iterator[Finding]:
    for name, bad in _judgements(x).items():
        found = x.resource.query.all(name)
        where = f"query parameter {name}"
        if len(found) > 1:
            yield Finding(f"{len(found)} times", "once", where)
        elif found and (want := bad(found[0].value)):
            # the text has trailing commas left out, the grammar has all of them or none
            debated = name == "viewport" and x.kind != _THUMBNAIL and half_viewport(found[0].value)
            yield Finding(found[0].value[:80] or "no value", want, where, warn=debated)


def _rendering(x: Exchange, *words: str) -> Ask | None:
    return parameters(x, *words) if not x.resource.query.raw and x.kind != _THUMBNAIL else None


@rendering_values.mutant(at=ASK)
def writes_a_size_with_an_x(x: Exchange) -> Ask | None:
    """The size of the viewport is written as 512x512."""
    return _rendering(x, "viewport=512x512")


@rendering_values.mutant(at=ASK)
def windows_without_a_function(x: Exchange) -> Ask | None:
    """The window has a center and a width only, as an older edition had it."""
    return _rendering(x, "window=40,400")


@rendering_values.mutant(at=ASK)
def wants_no_quality(x: Exchange) -> Ask | None:
    """The quality is 0."""
    return _rendering(x, "quality=0")


@rendering_values.mutant(at=ASK)
def wants_any_profile(x: Exchange) -> Ask | None:
    """The profile is called by a name that the text does not have."""
    return _rendering(x, "iccprofile=sRGB")


@rendering_values.mutant(at=ASK)
def says_quality_twice(x: Exchange) -> Ask | None:
    """There are two qualities."""
    return _rendering(x, "quality=50", "quality=60")


@rule(
    "client.rendering-parameters",
    cites="PS3.18 8.3.5.1 Table 8.3.5-1; 8.3.5.2 Table 8.3.5-2",
    level=SHOULD_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.resource.query.parameters),
    due=False,
    says="Renderings are asked for by their own parameters, not those of the URI service, thumbnails by viewport.",
)
def rendering_parameters(x: Exchange) -> Iterator[Finding]:
    for parameter in x.resource.query.parameters:
        where = f"query parameter {parameter.name}"[:80]
        if (instead := _OF_THE_URI_SERVICE.get(parameter.name)) is not None:
            yield Finding("a parameter of the URI service", instead, where)
        elif x.kind == _THUMBNAIL and parameter.name in _NOT_OF_THUMBNAILS:
            yield Finding("a parameter of renderings", "viewport alone", where)


@rendering_parameters.mutant(at=ASK)
def windows_as_the_uri_service_does(x: Exchange) -> Ask | None:
    """The window is asked for with the parameters of the URI service, which are ignored."""
    return _rendering(x, "windowCenter=40", "windowWidth=400")


@rendering_parameters.mutant(at=ASK)
def windows_a_thumbnail(x: Exchange) -> Ask | None:
    """A thumbnail is to have a window."""
    return parameters(x, "window=40,400,linear") if x.kind == _THUMBNAIL else None
