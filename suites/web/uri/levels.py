"""Rules on the grey levels of pictures of the URI service: the image is in them, by the window asked for (PS3.18 9.5).

Judged on native images of unsigned grey whose whole pipeline is a rescale and a window.
Must not know sizes, regions or frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from harness.wire.elements import DataSet
from suites.web.retrieve.reading import stored
from suites.web.uri import compare
from suites.web.uri.bend import picture_changed, replaced
from suites.web.uri.compare import Grey, grey
from suites.web.uri.parameters import has_effect
from suites.web.uri.reading import KIND, WINDOW, kept, number, only, shown, value
from suites.web.uri.sizes import side

PALE = 4.0  # a picture whose levels differ by less shows nothing
NOTHING = 0.2  # the correlation of pictures that have nothing to do with each other is below this
FAR = 20.0  # mean distance in levels that no coding of a picture makes
# What makes more of an image than a rescale and a window: LUTs, shutters and overlays are not reckoned here.
_LUTS = ("00283000", "00283010", "20500010", "00181600")


def _dataset(x: Exchange) -> DataSet | None:
    """The stored image that the request names, where it is as simple as is reckoned here."""
    known = kept(x)
    if known is None or not compare.frames(known):
        return None
    dataset = stored(known).dataset
    simple = dataset.text("00280004") in ("MONOCHROME1", "MONOCHROME2") and not any(
        t in dataset.elements for t in _LUTS
    )
    return dataset if simple and dataset.text("20500020") in ("", "IDENTITY", "INVERSE") else None


def _frame(x: Exchange) -> Grey | None:
    """The stored frame that the picture has to show, in modality values; None where there is no telling."""
    dataset, known, seen = _dataset(x), kept(x), grey(x)
    if dataset is None or known is None or seen is None:
        return None
    slope, intercept = (number(dataset.text(tag) or given) for tag, given in (("00281053", "1"), ("00281052", "0")))
    frames, wanted = compare.frames(known), side(x, "frameNumber") or 1
    if not slope or slope < 0 or intercept is None or wanted > len(frames) or frames[wanted - 1].shape != seen.shape:
        return None
    values: Grey = frames[wanted - 1] * slope + intercept
    return values


def _inverse(dataset: DataSet) -> bool:
    """High values are dark."""
    shape = dataset.text("20500020")
    return shape == "INVERSE" if shape else dataset.text("00280004") == "MONOCHROME1"


def _windows(dataset: DataSet) -> list[tuple[str, str]]:
    """The windows of the image as they are written, [] without any."""
    centers, widths = (dataset.text(tag) for tag in ("00281050", "00281051"))
    return list(zip(centers.split("\\"), widths.split("\\"), strict=False)) if centers or widths else []


def _shows(frame: Grey, center: str, width: str) -> bool:
    c, w = number(center.strip()), number(width.strip())
    return c is not None and w is not None and w > 0 and bool(_linear(frame, c, w).std() >= PALE)


def _by_default(x: Exchange) -> Grey | None:
    """The frame whose own windows leave something of it to see, turned round where high values are dark."""
    frame, dataset = _frame(x), _dataset(x)
    if frame is None or dataset is None or frame.std() == 0:
        return None
    if not all(_shows(frame, center, width) for center, width in _windows(dataset)):
        return None
    return -frame if _inverse(dataset) else frame


@rule(
    "uri.picture-shows-the-image",
    cites="PS3.18 9.5.2; 9.5.3.3; 8.3.5.1; PS3.3 C.11.2, C.7.6.3.1.2",
    verifies=("PS3.18-9.5.2-1", "PS3.18-9.5.3.3-1"),
    on=KIND,
    basis=RELATION,
    when=lambda x: shown(x) and only(x, "contentType", "frameNumber") and _by_default(x) is not None,
    says="A picture of a grey image shows what is in the image, the bright values bright.",
)
def picture_shows_the_image(x: Exchange) -> Iterator[Finding]:
    seen, wanted = grey(x), _by_default(x)
    if seen is None or wanted is None:
        return
    if float(seen.max() - seen.min()) < PALE:
        yield Finding(f"nothing but level {seen.mean():.0f}", "the image", "the picture")
    elif (likeness := compare.alike(seen, wanted)) < NOTHING:
        what = "the image with its levels turned round" if likeness < -NOTHING else "something else"
        yield Finding(f"{what} (correlation {likeness:.2f})", "the image", "the picture")


@picture_shows_the_image.mutant
def black_pictures(x: Exchange) -> Answer | None:
    """Pictures are black."""
    return picture_changed(x, lambda p: p.point([0] * 256 * len(p.getbands()))) if x.kind == KIND else None


@picture_shows_the_image.mutant
def turned_round(x: Exchange) -> Answer | None:
    """Bright is dark."""
    levels = [255 - n for n in range(256)]
    return picture_changed(x, lambda p: p.point(levels * len(p.getbands()))) if x.kind == KIND else None


# --- windows -----------------------------------------------------------------------------------------------------


def _linear(frame: Grey, center: float, width: float) -> Grey:
    """Levels from 0 to 255 by PS3.3 C.11.2.1.2.1, its width of 1 made a little more."""
    levels: Grey = np.clip((frame - (center - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1) * 255
    return levels


def _windowed(frame: Grey, center: float, width: float) -> list[Grey]:
    """What each VOI LUT Function makes of it: this service leaves the function to the server (9.5.1.2.6)."""
    exact: Grey = np.clip((frame - center) / width + 0.5, 0, 1) * 255
    sigmoid: Grey = 255 / (1 + np.exp(np.clip(-4 * (frame - center) / width, -50, 50)))
    return [_linear(frame, center, width), exact, sigmoid]


def _asked(j: Journey) -> list[tuple[Exchange, list[Grey]]]:
    """The pictures with a window, each with the pictures that are right."""
    found = []
    for x in j.steps("asked"):
        center, width = (number(value(x, name)) for name in WINDOW)
        frame, dataset = _frame(x), _dataset(x)
        if center is None or width is None or width < 1 or frame is None or dataset is None:
            continue
        wanted = _windowed(frame, center, width)
        found.append((x, [255 - w for w in wanted] if _inverse(dataset) else wanted))
    return found


@journey(
    "uri.window-is-used",
    cites="PS3.18 9.5.2.2; 8.3.5.1.4; PS3.3 C.11.2.1.2",
    on="web.uri.window",
    basis=RELATION,
    due=False,
    when=lambda j: has_effect(j, refused=("bad", "half")) and bool(_asked(j)),
    says="Where windowing is supported, the levels of the picture are those of the window that was asked for.",
)
def window_is_used(j: Journey) -> Iterator[Finding]:
    # who only refuses what is no window may know the grammar and not have the parameter
    changes = any(compare.differ(grey(x), grey(j.step("plain"))) for x in j.steps("asked"))
    for x, wanted in _asked(j):
        seen = grey(x)
        apart = min((d for w in wanted if (d := compare.distance(seen, w)) is not None), default=0.0)
        if apart > FAR and math.isfinite(apart):
            got = f"{apart:.0f} levels away on the average"
            yield Finding(got, " ".join(f"{n}={value(x, n)}" for n in WINDOW), "the picture", seq=x.seq,
                          warn=not changes)  # fmt: skip


@window_is_used.mutant(at=DOOR)
def center_is_the_lower_end(ask: Ask, door: Door) -> Answer:
    """windowCenter is taken for the lower end of the window."""
    center, width = (number(ask.query.get(name)) for name in WINDOW)
    if ask.resource.kind != KIND or center is None or width is None:
        return door(ask)
    return door(replaced(ask, "windowCenter", f"{center + width / 2:g}"))


@window_is_used.mutant(at=DOOR)
def window_turned_round(ask: Ask, door: Door) -> Answer:
    """Center and width are exchanged."""
    center, width = (ask.query.get(name) for name in WINDOW)
    if ask.resource.kind != KIND or number(center) is None or number(width) is None:
        return door(ask)
    return door(replaced(replaced(ask, "windowCenter", width or ""), "windowWidth", center or ""))
