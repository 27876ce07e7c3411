"""Rule that shows a service to render what it is asked for: different patterns are different pictures.

Must not know what a right picture looks like; everything on content stands on this.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.exchange import Answer, Exchange, Journey
from harness.rule import STANDARD, Finding, journey
from suites.web.rendered.bend import coded, redrawn
from suites.web.rendered.reading import PNG, got, named, pictures

SHOWS = "rendered.shows-what-is-asked"


def _first_pictures(j: Journey) -> dict[str, list[tuple[Exchange, bytes]]]:
    """Instance -> its renderings that could be read, each as pixels."""
    seen: dict[str, list[tuple[Exchange, bytes]]] = {}
    for x in j.steps("own"):
        found = seen.setdefault(x.resource.instance, [])
        frames = [frame for one in pictures(x) for frame in one.picture.pixels]
        found += [(x, np.ascontiguousarray(frames[0]).tobytes())] if frames else []
    return seen


def _tells(j: Journey) -> bool:
    """Different images were asked for: ours are, of those that were found it is known when they look different."""
    if len(j.steps("own")) < 2 or not j.steps("unknown"):
        return False
    looks = {octets for found in _first_pictures(j).values() for _, octets in found}
    return any(named(x) for x in j.steps("own")) or len(looks) > 1


@journey(
    SHOWS,
    cites="PS3.18 10.4.1; 10.4.1.1.3; 10.4.3.1",
    verifies=("PS3.18-10.4.1-1", "PS3.18-10.4.1.1.3-1"),
    on="web.retrieve.rendered-ground",
    basis=STANDARD,
    when=_tells,
    says="Different images are rendered as different pictures, and an instance that does not exist is not rendered.",
)
def shows_what_is_asked(j: Journey) -> Iterator[Finding]:
    seen = _first_pictures(j)
    for uid, found in seen.items():
        if not found:
            yield Finding("no picture that can be read", f"a rendering of {uid}", "the answers to what is held")
    first = [found[0] for found in seen.values() if found and named(found[0][0])]
    for number, (x, octets) in enumerate(first):
        if any(octets == other for _, other in first[:number]):
            yield Finding("the picture of another instance", "a picture of its own", "pixels", seq=x.seq)
    for x in j.steps("unknown"):
        if x.answer.ok:
            yield Finding(x.answer.line, "404", "the answer to a UID that does not exist", seq=x.seq)


@shows_what_is_asked.mutant
def one_picture_for_all(x: Exchange) -> Answer | None:
    """Every image is rendered as the same grey picture."""
    return redrawn(x, lambda levels: np.full((64, 64), 128.0)) if got(x) else None


@shows_what_is_asked.mutant
def everything_is_rendered(x: Exchange) -> Answer | None:
    """What does not exist is rendered."""
    if x.answer.status != 404:
        return None
    return x.answer.but(status=200, reason="OK", type=PNG, body=coded(np.zeros((8, 8)), "png"))
