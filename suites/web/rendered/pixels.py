"""Rules on what a rendering shows: levels, windows, colours, shapes, against patterns worked out by hand.

PS3.18 8.3.5.1 says that the grey scale of a rendering is not defined, so a curve from black to white that explains
all levels is a warning. Must not know simulators; the right answers are in `harness.make.patterns_asked`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from harness.exchange import Answer, Exchange, Journey
from harness.make.patterns import PATTERNS
from harness.make.patterns_arithmetic import Levels
from harness.make.patterns_asked import Expected, distorted, expected, likeness, window_of
from harness.rule import RELATION, SHOULD, Finding, Rule, journey, rule
from suites.web.rendered.bend import coded, mistakes, redrawn
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.reading import RENDERED, Shown, drawn, named, pictures, sure

CURVE = "rendered-grey"
STORED = ("signed", "sign-bit", "unused-bits")
RESCALED = ("rescaled", "tiny-slope", "modality-lut")
COLOURED = ("rgb", "rgb-planes", "rgb-rle")
YBR = ("ybr", "ybr-rle", "ybr-422", "ybr-jpeg")
PALETTE = ("palette", "palette-first")
SHAPED = ("odd", "odd-rle", "odd-jpeg2000", "odd-bits")
GREY = ("grey", "quadrants", "large")
OWN = tuple(name for name, pattern in PATTERNS.items() if pattern.own is not None)


def pairs(x: Exchange) -> list[tuple[Shown, Expected]]:
    """Each still picture with what it has to show; none where their counts differ."""
    found, wanted = pictures(x), expected(x)
    still = [one for one in found if one.picture.frames == 1 and one.picture.pixels]
    return list(zip(still, wanted, strict=True)) if len(still) == len(found) == len(wanted) else []


def alike(x: Exchange) -> Iterator[Finding]:
    """A finding for each picture of the right size that shows something else."""
    for one, wanted in pairs(x):
        size = one.picture.width, one.picture.height
        if not wanted.fits(*size) or distorted(one.picture.pixels[0], wanted, one.picture.format):
            continue  # a rule of its own
        found = likeness(one.picture.pixels[0], wanted, one.picture.format)
        if not found.near:
            share = f"level {found.got}; {found.share:.0%} of the pixels are too far away" if found.share else found.got
            policy = CURVE if found.rising else ""
            yield Finding(share, f"level {found.want}", f"{one.where}, {found.where}", warn=found.rising, policy=policy)


def asks(x: Exchange, names: Sequence[str], *keys: str) -> bool:
    """One of these patterns was asked for with these parameters and no others but accept, and it is known what is
    seen."""
    given = {p.name for p in x.ask.query.parameters} - {"accept", "iccprofile"}
    return named(x) in names and given == set(keys) and sure(x) and bool(pairs(x))


def _makes(names: Sequence[str], mistake: str, name: str, says: str) -> Callable[[Exchange], Answer | None]:
    """A mutant that makes a mistake which the patterns were made for."""

    def act(x: Exchange) -> Answer | None:
        return mistakes(x, names, mistake)

    act.__name__, act.__doc__ = name, says
    return act


def _mutants(found: Rule[Exchange], names: Sequence[str], *made: tuple[str, str, str, tuple[str, ...]]) -> None:
    for mistake, name, says, defects in made:
        found.mutant(_makes(names, mistake, name, says), defects=defects)


# --- grey --------------------------------------------------------------------------------------------------------


@rule(
    "rendered.grey-levels",
    cites="PS3.18 8.3.5.1, 8.3.5.1.1; PS3.3 C.7.6.3.1.2, C.11.2.1.2.2",
    verifies=("PS3.18-8.3.5.1.1-1", "PS3.18-10.4.3.3.3-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, GREY),
    says="An eight bit image without a window is shown level by level, and nothing else is drawn into it.",
)
def grey_levels(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(grey_levels, GREY, ("inverted", "black_is_white", "Black and white are exchanged.", ()))


@grey_levels.mutant(defects="D-RE-04")
def text_is_burned_in(x: Exchange) -> Answer | None:
    """Something is drawn into a corner although no annotation is asked for."""

    def draw(levels: Levels) -> Levels:
        levels[4:12, 4:28] = 255.0 - levels[4:12, 4:28]
        levels[6:10, 4:28] = 128.0
        return levels

    return redrawn(x, draw) if named(x) in GREY else None


@grey_levels.mutant
def levels_are_few(x: Exchange) -> Answer | None:
    """Only a few levels are left of the grey scale."""
    return redrawn(x, lambda levels: levels // 64 * 85) if named(x) in GREY else None


@rule(
    "rendered.lowest-is-white",
    cites="PS3.18 10.4.3.3.3; PS3.3 C.7.6.3.1.2",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, ("monochrome1",)),
    says="The lowest value of a MONOCHROME1 image is shown white.",
)
def lowest_is_white(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    lowest_is_white, ("monochrome1",), ("not inverted", "never_inverts", "MONOCHROME1 is shown as MONOCHROME2.", ())
)


@rule(
    "rendered.window",
    cites="PS3.18 8.3.5.1.4; PS3.3 C.11.2.1.2, C.11.2.1.3",
    verifies=("PS3.18-8.3.5.1.4-4", "PS3.18-8.3.5.1-2", "PS3.18-10.4.1.2-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, ("window", "voi-lut", "grey"), "window"),
    says="A window that is asked for is applied by its function, instead of what the image itself brings.",
)
def window(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    window,
    ("window", "voi-lut"),
    ("the half is missing", "forgets_the_half", "The linear function does not take a half from the centre.", ()),
    ("always linear", "knows_linear_only", "Every function is linear.", ()),
    ("always exact", "takes_linear_for_exact", "Every function is linear-exact.", ()),
    ("always sigmoid", "sigmoid_for_all", "Every function is a sigmoid.", ()),
    ("the window of the image", "window_is_ignored", "The window of the image is applied, whatever is asked.", ()),
    ("stretched", "stretches", "The lowest value is black and the highest one white, whatever is asked.", ()),
    ("width 1 is white", "width_1_is_constant", "A window of width 1 makes one level of all.", ("M-RE-09",)),
    ("the table of the image", "voi_lut_wins", "The VOI LUT of the image is applied, whatever window is asked.", ()),
)


@rule(
    "rendered.stored-values",
    cites="PS3.18 10.4.3.3.3; PS3.5 8.1.1; PS3.3 C.7.6.3.1",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, STORED, "window"),
    says="Signed values are shown as signed, the sign is at High Bit, and bits above it are not looked at.",
)
def stored_values(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    stored_values,
    STORED,
    ("read as unsigned", "reads_unsigned", "Signed values are read as unsigned ones.", ("M-RE-06",)),
    ("sign not at High Bit", "sign_in_the_highest_bit", "The sign is looked for in the highest bit allocated.", ()),
    ("bits above High Bit", "does_not_mask", "Bits above High Bit are taken for part of the value.", ()),
)


@rule(
    "rendered.modality-lut",
    cites="PS3.18 8.3.5.1; PS3.4 N.2.1.1; PS3.3 C.11.1",
    verifies=("PS3.18-8.3.5.1-2", "PS3.18-8.3.5.1.4-4"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, RESCALED, "window"),
    says="Rescale Slope and Intercept, or the Modality LUT, come before the window.",
)
def modality_lut(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    modality_lut,
    RESCALED,
    ("rescale ignored", "no_rescale", "The window is applied to stored values.", ("M-RE-11",)),
    ("slope ignored", "no_slope", "Rescale Slope is not applied.", ("M-RE-10",)),
    ("intercept ignored", "no_intercept", "Rescale Intercept is not applied.", ()),
    ("table ignored", "no_modality_lut", "The Modality LUT is not applied.", ()),
)


@rule(
    "rendered.own-window",
    cites="PS3.18 8.3.5.1; PS3.3 C.11.2.1.2.2 Note",
    verifies="PS3.18-10.4.3.3.3-1",
    level=SHOULD,
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: asks(x, OWN),
    says="Without a window in the request the image is shown by its own window or VOI LUT.",
)
def own_window(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    own_window,
    OWN,
    ("table ignored", "no_voi_lut", "The VOI LUT of the image is not applied.", ()),
    ("rescale ignored", "window_of_stored_values", "The window of the image is applied to stored values.", ()),
    ("bits above High Bit", "overlay_bits_shine", "Bits above High Bit are shown.", ()),
)


@rule(
    "rendered.no-window-is-identity",
    cites="PS3.18 8.3.5.1; PS3.3 C.11.2.1.2.2",
    verifies="PS3.18-10.4.3.3.3-1",
    level=SHOULD,
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: asks(x, ("low-contrast",)),
    says="An image that brings no window is not stretched: all values that can be stored make the whole range.",
)
def no_window_is_identity(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    no_window_is_identity,
    ("low-contrast",),
    ("stretched", "contrast_is_stretched", "The values that occur are stretched over the whole range.", ()),
)


# --- one curve for all functions ---------------------------------------------------------------------------------


def _curve(x: Exchange) -> dict[float, float]:
    """Level that has to be seen -> level that is seen, over the pixels of one picture."""
    for one, wanted in pairs(x)[:1]:
        if one.picture.pixels[0].shape[:2] == wanted.pattern.shape:
            got = one.picture.pixels[0].astype(np.float64)
            got = got[..., 0] if got.ndim == 3 else got
            return {float(level): float(np.median(got[wanted.levels == level])) for level in np.unique(wanted.levels)}
    return {}


def _function(x: Exchange) -> str:
    asked = window_of(x.ask.query.get("window"))
    return asked.function if asked else ""


def _comparable(j: Journey) -> bool:
    return len({_function(x) for x in j.steps("function") if asks(x, ("window",), "window")} - {""}) > 1


@journey(
    "rendered.functions-differ",
    cites="PS3.18 8.3.5.1.4; PS3.3 C.11.2.1.2, C.11.2.1.3",
    verifies="PS3.18-8.3.5.1.4-4",
    on="web.retrieve.rendered-functions",
    after=SHOWS,
    basis=RELATION,
    when=_comparable,
    says="Linear, exact and sigmoid windows differ as their functions do, whatever grey scale the pictures have.",
)
def functions_differ(j: Journey) -> Iterator[Finding]:
    exchanges = [x for x in j.steps("function") if asks(x, ("window",), "window")]
    first = _curve(exchanges[0])
    if len(first) < 3:
        return
    for x in exchanges[1:]:
        limit = 12.0 if pictures(x)[0].picture.format == "jpeg" else 4.0
        for level, seen in _curve(x).items():
            low, high = _between(first, level)
            if not low - limit <= seen <= high + limit:
                meant = f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
                yield Finding(f"{seen:.0f} by {_function(x)}", f"{meant}, as by {_function(exchanges[0])}",
                              f"where level {level:.0f} is meant", seq=x.seq)  # fmt: skip
                break


def _between(curve: dict[float, float], level: float) -> tuple[float, float]:
    """What a level may look like on this grey scale: one value where it is proportional, else what lies around it."""
    known = sorted(curve)
    if all(abs(curve[k] - k) <= 4 for k in known):
        meant = float(np.interp(level, known, [curve[k] for k in known]))
        return meant, meant
    return curve[max((k for k in known if k <= level), default=known[0])], curve[
        min((k for k in known if k >= level), default=known[-1])
    ]


def _one_function(name: str, mistake: str, says: str) -> None:
    functions_differ.mutant(_makes(("window",), mistake, name, says))


_one_function("all_are_linear", "always linear", "Whatever function is asked, the window is linear.")
_one_function("all_are_sigmoid", "always sigmoid", "Whatever function is asked, the window is a sigmoid.")


# --- colour ------------------------------------------------------------------------------------------------------


@rule(
    "rendered.colours",
    cites="PS3.18 10.4.3.3.3; PS3.3 C.7.6.3.1.2, C.7.6.3.1.3",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, (*COLOURED, *YBR)),
    says="RGB and YBR images, by pixel or by plane, native or compressed, are shown in their colours.",
)
def colours(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    colours,
    (*COLOURED, *YBR),
    ("red and blue exchanged", "red_is_blue", "Red and blue are exchanged.", ()),
    ("read by pixel", "planes_are_mixed_up", "Colour by plane is read as colour by pixel.", ()),
    ("not converted", "ybr_is_not_converted", "YBR is shown as if it were RGB.", ()),
)


@rule(
    "rendered.palette",
    cites="PS3.18 10.4.3.3.3; PS3.3 C.7.6.3.1.5, C.7.6.3.1.6",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, PALETTE),
    says="A palette is looked up from its first mapped value on, and its sixteen bits are scaled to the display.",
)
def palette(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    palette,
    PALETTE,
    ("low octets", "palette_of_low_octets", "Of sixteen bit entries the low octet is shown.", ()),
    ("shifted", "palette_from_zero", "The first mapped value of a palette is not looked at.", ()),
    ("shown as grey", "palette_is_grey", "Palette indices are shown as grey.", ()),
)


# --- shape -------------------------------------------------------------------------------------------------------


@rule(
    "rendered.odd-sizes",
    cites="PS3.18 10.4.3.3.3; PS3.3 C.7.6.3.1",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: asks(x, SHAPED),
    says="Images whose rows have an odd number of pixels are shown upright and straight, however they are coded.",
)
def odd_sizes(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(
    odd_sizes,
    SHAPED,
    ("skewed", "rows_of_multiples_of_four", "Rows are thought to begin at multiples of four octets.", ("M-RE-07",)),
    ("turned", "upside_down", "The first row is shown last.", ()),
)


@rule(
    "rendered.frame",
    cites="PS3.18 10.4.1.1.3; 10.1.1",
    verifies=("PS3.18-10.4.1.1.3-1", "PS3.18-10.4.3.3.3-1"),
    on=RENDERED,
    after=SHOWS,
    when=lambda x: bool(x.resource.frames) and asks(x, ("frames",)),
    says="A rendered frame is the one that was asked for, counted from 1, and several come in the order asked.",
)
def frame(x: Exchange) -> Iterator[Finding]:
    yield from alike(x)


_mutants(frame, ("frames",), ("the frame before", "counts_from_zero", "Frame N is the one before it.", ()))


@rule(
    "rendered.size-of-the-source",
    cites="PS3.18 8.3.5.1.3",
    verifies="PS3.18-8.3.5.1.3-6",
    on=RENDERED,
    after=SHOWS,
    when=lambda x: "viewport" not in x.ask.query and sure(x),
    says="Without a viewport a rendering has as many rows and columns as the image.",
)
def size_of_the_source(x: Exchange) -> Iterator[Finding]:
    rows, columns = PATTERNS[named(x)].shape
    yield from wrong_sizes(pictures(x), columns, rows)


def wrong_sizes(found: Iterable[Shown], columns: int, rows: int) -> Iterator[Finding]:
    for one in found:
        if (one.picture.width, one.picture.height) != (columns, rows):
            yield Finding(f"{one.picture.width} by {one.picture.height}", f"{columns} by {rows}", f"{one.where}, size")


def _resized(factor: float) -> Callable[[Levels], Levels]:
    def draw(levels: Levels) -> Levels:
        rows, columns = (max(1, round(n * factor)) for n in levels.shape[:2])
        at: Any = np.ix_((np.arange(rows) / factor).astype(int), (np.arange(columns) / factor).astype(int))
        return np.asarray(levels[at])

    return draw


@size_of_the_source.mutant
def halves_the_size(x: Exchange) -> Answer | None:
    """Renderings have half the size of the image."""
    return redrawn(x, _resized(0.5)) if drawn(x) else None


@size_of_the_source.mutant
def at_least_a_screen(x: Exchange) -> Answer | None:
    """Small images are made larger."""
    return redrawn(x, _resized(4.0)) if drawn(x) else None


@rule(
    "rendered.animation",
    cites="PS3.18 8.7.4; 8.7.2; 10.4.3.3.3",
    verifies="PS3.18-10.4.3.3.3-1",
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: (
        not x.resource.frames
        and named(x) == "frames"
        and sure(x)
        and not x.resource.query.raw
        and len(pictures(x)) == 1
        and pictures(x)[0].picture.format in ("gif", "png")
    ),
    says="An image of several frames that is rendered as one picture shows all of them, in order.",
)
def animation(x: Exchange) -> Iterator[Finding]:
    one, wanted = pictures(x)[0], expected(x)
    if one.picture.frames != len(wanted):
        yield Finding(f"{one.picture.frames} frames", f"{len(wanted)} frames", one.where)
        return
    for number, (pixels, frame_) in enumerate(zip(one.picture.pixels, wanted, strict=False), 1):
        found = likeness(pixels, frame_, one.picture.format)
        if frame_.fits(pixels.shape[1], pixels.shape[0]) and not found.near:
            yield Finding(f"level {found.got}", f"level {found.want}", f"frame {number}, {found.where}",
                          warn=found.rising, policy=CURVE if found.rising else "")  # fmt: skip


@animation.mutant
def first_frame_only(x: Exchange) -> Answer | None:
    """Of several frames only the first one is shown."""
    frames = [f for one in pictures(x) for f in one.picture.pixels]
    if named(x) != "frames" or x.resource.frames or len(frames) < 2 or x.answer.multipart is not None:
        return None
    return x.answer.but(body=coded(frames[0].astype(np.float64), pictures(x)[0].picture.format))
