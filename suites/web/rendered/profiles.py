"""Rules on the iccprofile parameter (PS3.18 8.3.5.1.5): whether a profile is there, which, and that pixels fit it.

The parameter is optional, so nothing here is due. Must not know what colours a pattern has.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey, rule
from harness.wire import images
from harness.wire.icc import SPACES, Profile
from suites.web.rendered.bend import changed, coded
from suites.web.rendered.ground import SHOWS
from suites.web.rendered.parameters import single
from suites.web.rendered.reading import GIF, RENDERED, Shown, pictures

LARGEST = 1 << 20  # octets of a profile that a colour engine is given
APART = 4.0  # levels that the same colour may be apart in the mean, by two profiles


@rule(
    "rendered.icc-absent",
    cites="PS3.18 8.3.5.1.5",
    verifies="PS3.18-8.3.5.1.5-1",
    on=RENDERED,
    after=SHOWS,
    due=False,
    when=lambda x: single(x, "iccprofile") == "no" and bool(pictures(x)),
    says="With iccprofile=no a rendering has no ICC profile.",
)
def icc_absent(x: Exchange) -> Iterator[Finding]:
    for one in pictures(x):
        if one.picture.profile is not None:
            size = len(one.picture.profile.octets)
            yield Finding(f"a profile of {size} octets", "no profile", one.where)


@icc_absent.mutant
def profile_all_the_same(x: Exchange) -> Answer | None:
    """A profile is put in although none is wanted."""
    if single(x, "iccprofile") != "no":
        return None
    return _with_profile(x)


def _with_profile(x: Exchange) -> Answer | None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    def put(one: Shown) -> bytes | None:
        frames = one.picture.pixels if one.picture.format in ("jpeg", "png") else ()
        rgb = frames[0] if frames and frames[0].ndim == 3 else None
        return coded(rgb.astype(np.float64), one.picture.format, icc_profile=profile) if rgb is not None else None

    return changed(x, put)


def _supports(j: Journey) -> bool:
    """The target gave a profile to some request that asked for one: it supports the parameter."""
    return any(one.picture.profile for x in j.steps("profile") for one in pictures(x))


@journey(
    "rendered.icc-present",
    cites="PS3.18 8.3.5.1.5",
    verifies=("PS3.18-8.3.5.1.5-1", "PS3.18-8.3.5.1.5-2"),
    on="web.retrieve.rendered-profile",
    after=SHOWS,
    due=False,
    when=_supports,
    says="Where iccprofile is supported, yes brings a whole profile, and the name of a colour space brings its own.",
)
def icc_present(j: Journey) -> Iterator[Finding]:
    for x in j.steps("profile"):
        asked = single(x, "iccprofile") or ""
        for one in pictures(x):
            profile = one.picture.profile
            if one.picture.format == "gif" or (one.picture.frames != 1):
                continue
            if profile is None:
                yield Finding("no profile", f"a profile: iccprofile={asked}", one.where, seq=x.seq)
            elif not profile.whole:
                yield Finding("octets that are no whole profile", "an ICC profile", one.where, seq=x.seq)
            elif asked in SPACES and profile.space != asked:
                yield Finding(profile.space or "primaries of another colour space", asked, one.where, seq=x.seq)


@icc_present.mutant
def srgb_for_all(x: Exchange) -> Answer | None:
    """Whatever colour space is wanted, the profile is that of sRGB."""
    return _with_profile(x) if single(x, "iccprofile") in ("adobergb", "rommrgb") else None


@icc_present.mutant
def profile_is_cut(x: Exchange) -> Answer | None:
    """The profile is not whole."""
    wanted = single(x, "iccprofile") in ("yes", "srgb")

    def cut(one: Shown) -> bytes | None:
        profile = one.picture.profile
        if profile is None or not one.picture.pixels:
            return None
        frame = one.picture.pixels[0].astype(np.float64)
        return coded(frame, one.picture.format, icc_profile=profile.octets[: len(profile.octets) // 2])

    return changed(x, cut) if wanted else None


@journey(
    "rendered.icc-not-in-gif",
    cites="PS3.18 8.3.5.1.5; 8.3",
    verifies="PS3.18-8.3.5.1.5-3",
    on="web.retrieve.rendered-profile",
    after=SHOWS,
    due=False,
    when=lambda j: _supports(j) and bool(j.steps("gif") or j.steps("wrong")),
    says="A profile for a type that carries none, and a value that nobody knows, are answered 400.",
)
def icc_not_in_gif(j: Journey) -> Iterator[Finding]:
    for x in (*j.steps("gif"), *j.steps("wrong")):
        if x.answer.status != 400 and not (x.answer.status == 406 and x.step == "gif"):
            wanted = f"{single(x, 'iccprofile')} for {GIF}" if x.step == "gif" else single(x, "iccprofile")
            yield Finding(x.answer.line, f"400 to iccprofile={wanted}", "status line", seq=x.seq)


@icc_not_in_gif.mutant
def gif_without_a_word(x: Exchange) -> Answer | None:
    """A GIF comes without the profile that was asked for."""
    if x.step not in ("gif", "") or "iccprofile" not in x.ask.query or x.answer.status != 400:
        return None
    return x.answer.but(status=200, reason="OK", type=GIF, body=coded(np.zeros((8, 8)), "gif"))


# --- pixels that fit the profile ---------------------------------------------------------------------------------


def _in_srgb(one: Shown) -> np.ndarray | None:
    """The first frame as its own profile says it looks, in sRGB; None where that cannot be found out."""
    profile, frames = one.picture.profile, one.picture.pixels
    if profile is None or not profile.whole or profile.kind != "RGB " or not frames or frames[0].ndim != 3:
        return None
    return _converted(frames[0], profile, None)


def _converted(pixels: images.Pixels, source: Profile, target: Profile | None) -> np.ndarray | None:
    """Pixels of one profile in another one, sRGB for None."""
    if len(source.octets) > LARGEST:
        return None
    try:
        into = ImageCms.createProfile("sRGB") if target is None else _engine(target)
        image = ImageCms.profileToProfile(Image.fromarray(pixels), _engine(source), into, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None  # a profile that the engine does not understand is judged by what it says of itself
    return None if image is None else np.asarray(image).astype(np.float64)


def _engine(profile: Profile) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile.octets))


def _named_spaces(j: Journey) -> dict[str, tuple[Exchange, np.ndarray]]:
    """The picture of each colour space that was asked for by name and came with its profile, in sRGB."""
    found: dict[str, tuple[Exchange, np.ndarray]] = {}
    for x in j.steps("profile"):
        asked = single(x, "iccprofile") or ""
        for one in pictures(x)[:1]:
            fits = one.picture.profile is not None and one.picture.profile.space == asked
            seen = _in_srgb(one) if asked in SPACES and fits and one.picture.format == "png" else None
            if seen is not None:
                found.setdefault(asked, (x, seen))
    return found


@journey(
    "rendered.icc-pixels-fit",
    cites="PS3.18 8.3.5.1.5",
    verifies="PS3.18-8.3.5.1.5-2",
    on="web.retrieve.rendered-profile",
    after=SHOWS,
    due=False,
    when=lambda j: len(_named_spaces(j)) > 1,
    says="Pixels are in the colour space whose profile comes with them: every colour space shows the same colours.",
)
def icc_pixels_fit(j: Journey) -> Iterator[Finding]:
    found = _named_spaces(j)
    first, *others = found
    for name in others:
        x, seen = found[name]
        other = found[first][1]
        if seen.shape == other.shape and float(np.abs(seen - other).mean()) > APART:
            away = float(np.abs(seen - other).mean())
            yield Finding(f"{away:.0f} levels away in the mean", f"the colours of iccprofile={first}",
                          f"pixels with iccprofile={name}", seq=x.seq)  # fmt: skip


@icc_pixels_fit.mutant
def pixels_are_not_converted(x: Exchange) -> Answer | None:
    """A profile is put beside pixels that stay what they were."""

    def unconverted(one: Shown) -> bytes | None:
        profile = one.picture.profile
        seen = _in_srgb(one) if profile is not None and profile.space == "rommrgb" else None
        if seen is None or profile is None:
            return None
        return coded(seen, one.picture.format, icc_profile=profile.octets)

    return changed(x, unconverted)
