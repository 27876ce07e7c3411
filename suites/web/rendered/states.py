"""Rules on renderings of presentation states (PS3.18 8.3.5.1.6): what they refer to, shown as they say.

Must not know states beside grayscale ones. Whether states can be rendered is a claim, so nothing here is due.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.exchange import NOT_NOW, Answer, Exchange
from harness.make.patterns import PATTERNS, Window
from harness.make.patterns_arithmetic import WHITE
from harness.make.patterns_asked import Expected, likeness
from harness.rule import Finding, rule
from suites.web.rendered.bend import coded, redrawn
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.parameters import bad_viewport
from suites.web.rendered.pixels import CURVE
from suites.web.rendered.reading import JPEG, RENDERED, got, held, named, pictures, plain

WINDOW = Window(1000, 8)  # of the state; the image itself has another one
NOT_OFFERED = (404, 405, 406, 410, 501)  # a server that renders no presentation states


def _state(x: Exchange) -> bool:
    return named(x) == "state" and x.ask.method == "GET" and held(x)


@rule(
    "rendered.state-is-applied",
    cites="PS3.18 8.3.5.1.6; PS3.4 N.2.1.3, N.2.1.4",
    verifies=("PS3.18-8.3.5.1.6-1", "PS3.18-8.3.5.1-2"),
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: _state(x) and got(x) and not x.ask.query.raw and bool(pictures(x)),
    says="A presentation state is rendered as each frame that it refers to, by its window and its LUT shape.",
)
def state_is_applied(x: Exchange) -> Iterator[Finding]:
    found = pictures(x)
    if len(found) != 1:
        yield Finding(f"{len(found)} pictures", "one, of the frame that the state refers to", "body")
    pattern = PATTERNS["window"]
    for one in found[:1]:
        wanted = Expected(pattern, 1, WHITE - pattern.levels(1, WINDOW))
        if one.picture.pixels and wanted.fits(one.picture.width, one.picture.height):
            seen = likeness(one.picture.pixels[0], wanted, one.picture.format)
            if not seen.near:
                yield Finding(f"level {seen.got}", f"level {seen.want}", f"{one.where}, {seen.where}",
                              warn=seen.rising, policy=CURVE if seen.rising else "")  # fmt: skip


@state_is_applied.mutant
def state_is_not_inverted(x: Exchange) -> Answer | None:
    """The Presentation LUT Shape of a state is not looked at."""
    return redrawn(x, lambda levels: WHITE - levels) if named(x) == "state" else None


@state_is_applied.mutant
def state_is_its_image(x: Exchange) -> Answer | None:
    """A state is rendered as its image would be without it."""
    return redrawn(x, lambda levels: PATTERNS["window"].levels(1)) if named(x) == "state" else None


@rule(
    "rendered.state-refuses",
    cites="PS3.18 8.3.5.1.6; 8.3.5.1.4; 8.3.5.1.3",
    verifies=("PS3.18-8.3.5.1.4-3", "PS3.18-8.3.5.1.6-5", "PS3.18-8.3.5.1.3-7"),
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: _state(x) and plain(x) and _too_much(x) and x.answer.status not in NOT_OFFERED,
    says="A window, a frame number or a region for a presentation state is answered 400.",
)
def state_refuses(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 400:
        yield Finding(f"{x.answer.line} to {x.ask.query.raw or 'a frame number'}", "400", "status line",
                      warn=x.answer.status in NOT_NOW)  # fmt: skip


def _too_much(x: Exchange) -> bool:
    viewport = x.ask.query.get("viewport")
    region = viewport is not None and bool(bad_viewport(viewport, True))
    return "window" in x.ask.query or bool(x.resource.frames) or region


@state_refuses.mutant
def state_takes_a_window(x: Exchange) -> Answer | None:
    """A window in the request is taken instead of that of the state."""
    wrong = named(x) == "state" and x.answer.status == 400
    octets = coded(np.tile(np.arange(64.0), (64, 1)), "jpeg")
    return x.answer.but(status=200, reason="OK", type=JPEG, body=octets) if wrong else None
