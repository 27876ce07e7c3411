"""Provokes Retrieve of frames, and of everything that is not there or cannot be had.

Must not judge.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import DICOM, JSON, OCTETS, XML, Web
from suites.web.retrieve.probes.choice import absent_uid, differing, images, path
from suites.web.retrieve.probes.whole import ANY, EXPLICIT, SINGLE
from suites.web.retrieve.reading import COMPRESSED
from suites.web.retrieve.status import NONE_OF_OURS

FRAMES = "web.retrieve.frames"
_TYPE_OF = {syntax: name for name, syntaxes in COMPRESSED.items() for syntax in syntaxes}


@probe("retrieve.frames", provokes=(FRAMES, "web.retrieve.frame-by-frame", "web.retrieve.instances"))
def frames(web: Web) -> None:
    """Single frames, lists of them, uncompressed and as they were stored."""
    for position, image in enumerate(images(web, 22)):
        with web.journey("web.retrieve.frame-by-frame"):
            for wanted in _lists(image.frames):
                web.get(path(image, f"/frames/{wanted}"), OCTETS, step="frames")
            if position < 4 or not web.samples:  # what was loaded need not be retrieved to be known
                web.get(path(image), EXPLICIT, step="instance")
        coded = _TYPE_OF.get(image.transfer_syntax)
        if coded:
            accept = f'multipart/related; type="{coded}"; transfer-syntax={image.transfer_syntax}'
            web.get(path(image, f"/frames/{_lists(image.frames)[-1]}"), accept)
    for image in images(web, 1):
        web.get(path(image, "/frames/1"), "*/*")


def _lists(count: int) -> list[str]:
    """The first frame, a list that leaves one out, and all of a few."""
    if count < 2:
        return ["1"]
    some = "1,3" if count > 2 else "1,2"
    return ["1", some, ",".join(map(str, range(1, min(count, 8) + 1)))]


@probe("retrieve.no-frames", provokes=(FRAMES,))
def no_frames(web: Web) -> None:
    """Frames that are not there, and frames of what has none."""
    held = [e for e in web.holding.instances if e.frames]
    for image in differing(held, lambda e: e.frames > 1, 2):
        several = image.frames > 1
        for wanted in ("0", str(image.frames + 1), *(("x", f"1,{image.frames + 5}", "-1", "999999999") * several)):
            web.get(path(image, f"/frames/{wanted}"), OCTETS, facts={"no-frame": True})
    for other in differing((e for e in web.holding.instances if not e.frames), lambda e: e.attribute("00080016"), 2):
        web.get(path(other, "/frames/1"), OCTETS)


def _everything(target: str) -> list[tuple[str, str]]:
    return [(target, DICOM), (f"{target}/metadata", JSON)]


@probe("retrieve.not-there", provokes=("web.retrieve.instances", "web.retrieve.metadata", FRAMES))
def not_there(web: Web) -> None:
    """Studies, series and instances that do not exist, exist elsewhere, or have no UID for a name."""
    for instance in web.holding.instances[:1]:
        unknown = absent_uid(web)
        gone = {"absent": True}
        _ask_all(web, f"studies/{unknown}", gone)
        _ask_all(web, f"studies/{unknown}/series/{instance.series}", gone)
        _ask_all(web, f"studies/{instance.study}/series/{unknown}", gone)
        _ask_all(web, f"studies/{instance.study}/series/{instance.series}/instances/{unknown}", gone)
        web.get(f"studies/{instance.study}/series/{instance.series}/instances/{unknown}/frames/1", OCTETS, facts=gone)
        web.get(f"studies/{unknown}/metadata", XML, facts=gone)
        for name in ("abc", "1..2", "1." + "2" * 70, "%00", "1.2%2F3", "'"):
            web.get(f"studies/{name}/metadata")
        web.get(f"studies/{instance.study}/series/abc", DICOM)
        web.get(f"studies/{instance.study}/series/{instance.series}/instances/abc", DICOM)
    _elsewhere(web)


def _ask_all(web: Web, target: str, facts: dict[str, Any]) -> None:
    for resource, accept in _everything(target):
        web.get(resource, accept, facts=facts)


def _elsewhere(web: Web) -> None:
    """An instance and a series under the parents of others."""
    images_first = sorted(web.holding.instances, key=lambda e: not e.frames)
    found = differing(images_first, lambda e: e.study, 2)
    for mine, other in pairwise(found):
        moved = {"misplaced": True}
        _ask_all(web, f"studies/{other.study}/series/{mine.series}", moved)
        wrong_series = f"studies/{other.study}/series/{other.series}/instances/{mine.instance}"
        _ask_all(web, wrong_series, moved)
        _ask_all(web, f"studies/{other.study}/series/{mine.series}/instances/{mine.instance}", moved)
        if mine.frames:
            web.get(f"{wrong_series}/frames/1", OCTETS, facts=moved)
        web.get(f"{wrong_series}/bulkdata/7FE00010", OCTETS, facts=moved)


@probe("retrieve.not-acceptable", provokes=("web.retrieve.instances", "web.retrieve.metadata", FRAMES))
def not_acceptable(web: Web) -> None:
    """Types that nobody offers, and one file for what is many."""
    for instance in [e for e in web.holding.instances if e.frames][:1]:
        for target in (path(instance), path(instance, "/metadata"), path(instance, "/frames/1")):
            web.get(target, NONE_OF_OURS, facts={"held": True})
        web.get(f"studies/{instance.study}", NONE_OF_OURS, facts={"held": True})


@probe("retrieve.explore", provokes=("web.retrieve.instances", "web.retrieve.metadata", FRAMES))
def explore(web: Web) -> None:
    """Any instance in any representation, chosen at random; a rule that turns red is shrunk to the simplest one."""
    held = web.holding.instances
    if not held:
        return
    accepts = {"": (DICOM, ANY, EXPLICIT, SINGLE), "/metadata": (JSON, XML), "/frames/1": (OCTETS, ANY_OCTETS)}
    choice = st.tuples(
        st.integers(0, len(held) - 1), st.sampled_from(list(accepts)), st.integers(0, 3), st.sampled_from((3, 2))
    )

    def act(example: tuple[int, str, int, int]) -> None:
        position, tail, number, depth = example
        entity: Entity = held[position]
        offered = accepts[tail]
        target = path(entity) if depth == 3 or tail.startswith("/f") else _series(entity)
        web.get(target + tail, offered[number % len(offered)])

    web.explore(choice, act)


ANY_OCTETS = f"{OCTETS}; transfer-syntax=*"


def _series(entity: Entity) -> str:
    return f"studies/{entity.study}/series/{entity.series}"
