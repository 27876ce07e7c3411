"""Rules on RetrieveRenderedImagingDocumentSet: what was rendered, in which type, with which values.

Must not know how a message carries it (PS3.18 2017b 6.4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Exchange
from harness.rule import Finding, rule
from harness.wire import images
from suites.web.wado_ws.bend import answer, said, substituted
from suites.web.wado_ws.reading import KIND, WADO, Returned, Wanted, pairs

# The elements that tell the value that was used (6.4.2.2), and those that stand only where it was.
USED = ("Annotation", "Rows", "Columns", "Region", "WindowCenter", "WindowWidth", "ImageQuality")
IF_USED = ("PresentationUID", "PresentationSeriesUID")
_FORMATS = ("image/jpeg", "image/png", "image/gif", "image/jp2")
# What is too much for our reader is no fault of a picture.
_OUR_BOUNDS = frozenset(f"image.{word}" for word in ("too-long", "size", "scans", "tiles"))
_NUMBERS = ("WindowCenter", "WindowWidth", "ImageQuality")
_NEXT = 0.07  # of a side: one pixel of a small picture
_AS_ASKED = (*_NUMBERS, "Region", *IF_USED)


def _renderings(x: Exchange) -> list[tuple[Wanted, Returned]]:
    return [pair for pair in pairs(x, "rendered") if pair[1].binary is not None]


def _picture(returned: Returned) -> images.Reading | None:
    if returned.binary is None or returned.type not in _FORMATS:
        return None
    return images.read(returned.binary.content)


@rule(
    "wado-ws.rendered-as-listed",
    cites="PS3.18 2017b-6.4.2.1; 6.4.2.2",
    verifies=("PS3.18-2017b-6.4.2.2-2", "PS3.18-2017b-6.4.2.2-1"),
    on=KIND,
    when=lambda x: any(wanted.lists.get("ContentTypeList") for wanted, _ in _renderings(x)),
    says="A rendering is of one of the media types that the request lists.",
)
def rendered_as_listed(x: Exchange) -> Iterator[Finding]:
    for wanted, returned in _renderings(x):
        listed = [t.partition(";")[0].strip().lower() for t in wanted.lists.get("ContentTypeList", ())]
        families = {t.removesuffix("*") for t in listed if t.endswith("/*")}
        if listed and returned.type not in listed and not any(returned.type.startswith(f) for f in families):
            got = returned.texts.get("mimeType") or "none"
            yield Finding(got[:80], " or ".join(listed)[:200], f"document {returned.name}: mimeType")


@rendered_as_listed.mutant
def renders_what_it_likes(x: Exchange) -> Answer | None:
    """The rendering is called image/bmp."""
    return said(x, "mimeType", "image/bmp") if _renderings(x) else None


@rule(
    "wado-ws.rendering-is-of-its-type",
    cites="PS3.18 2017b-6.4.2.2",
    verifies="PS3.18-2017b-6.4.2.2-1",
    on=KIND,
    when=lambda x: any(_picture(returned) is not None for _, returned in _renderings(x)),
    says="A rendered picture is a whole one, in the format of its media type.",
)
def rendering_is_of_its_type(x: Exchange) -> Iterator[Finding]:
    for _, returned in _renderings(x):
        picture = _picture(returned)
        if picture is not None and picture.type != returned.type:
            yield Finding(picture.type or "no picture", returned.type, f"document {returned.name}")
            continue
        decoded = picture is not None and bool(picture.pixels)  # which may show flaws of its own
        for flaw in picture.flaws.kept if picture is not None else ():
            if flaw.code not in _OUR_BOUNDS:
                lenient = decoded and flaw.code == "image.trailing"
                yield Finding(flaw.got, flaw.want, f"document {returned.name} {flaw.where}", warn=lenient)


@rendering_is_of_its_type.mutant
def jpeg_is_called_png(x: Exchange) -> Answer | None:
    """A picture in one format is called another."""
    names = {returned.type for _, returned in _renderings(x)}
    return said(x, "mimeType", "image/gif" if "image/gif" not in names else "image/png") if _renderings(x) else None


@rendering_is_of_its_type.mutant
def picture_is_cut(x: Exchange) -> Answer | None:
    """The second half of the picture is lost."""
    part = next((p for p in x.answer.parts if p.media.type in _FORMATS), None)
    if part is None or not _renderings(x):
        return None
    octets = part.content.bytes()
    return substituted(x.answer, octets, octets[: len(octets) // 2])


@rendering_is_of_its_type.mutant
def sends_a_file_instead(x: Exchange) -> Answer | None:
    """The PS3.10 file comes in place of the picture."""
    part = next((p for p in x.answer.parts if p.media.type in _FORMATS), None)
    if part is None or not _renderings(x):
        return None
    octets = part.content.bytes()
    other = bytes(128) + b"DICM" + octets[132:]
    return x.answer.but(body=x.answer.body.bytes().replace(octets, other))


@rule(
    "wado-ws.tells-values-used",
    cites="PS3.18 2017b-6.4.2.2",
    verifies="PS3.18-2017b-6.4.2.2-1",
    on=KIND,
    when=lambda x: bool(_renderings(x)),
    says="A rendering tells the value used for each parameter; for one that was asked for it has to.",
)
def tells_values_used(x: Exchange) -> Iterator[Finding]:
    for wanted, returned in _renderings(x):
        for name in (*USED, *IF_USED, "Anonymize"):
            asked_for = bool(wanted.texts.get(name)) and wanted.texts[name].lower() not in ("no", "false", "0")
            if name not in returned.texts and (asked_for or name in USED):
                # required by the text, optional in the schema that is in use
                where = f"document {returned.name}: {name}"
                yield Finding("none", "the value that was used", where, warn=not asked_for)


def _untold(x: Exchange, *names: str) -> Answer | None:
    def edit(root: Any) -> bool:
        found = [e for e in root.iter() if str(e.tag) in {f"{{{WADO}}}{n}" for n in names}]
        for element in found:
            element.getparent().remove(element)
        return bool(found)

    return answer(x, edit) if _renderings(x) else None


@tells_values_used.mutant
def tells_no_size(x: Exchange) -> Answer | None:
    """Rows and Columns are left out."""
    return _untold(x, "Rows", "Columns")


@tells_values_used.mutant
def tells_nothing(x: Exchange) -> Answer | None:
    """No value that was used is told."""
    return _untold(x, *USED, *IF_USED)


@rule(
    "wado-ws.values-are-those-used",
    cites="PS3.18 2017b-6.4.2.2",
    verifies="PS3.18-2017b-6.4.2.2-1",
    on=KIND,
    when=lambda x: any(True for _ in _sized(x)),
    says="Rows and Columns of a rendering are those of the picture, or those that were asked for.",
)
def values_are_those_used(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, name, size in _sized(x):
        told = returned.texts[name]
        if told not in (str(size), wanted.texts.get(name)):
            yield Finding(told[:40], f"{size}, as the picture has", f"document {returned.name}: {name}")
        asked_for = wanted.texts.get(name, "")
        if asked_for.isdigit() and size > int(asked_for[:9]):
            yield Finding(f"{size} in the picture", f"at most {asked_for[:9]}", f"document {returned.name}: {name}")


def _sized(x: Exchange) -> Iterator[tuple[Wanted, Returned, str, int]]:
    for wanted, returned in _renderings(x):
        picture = _picture(returned)
        if picture is None or not picture.width or not picture.height:
            continue
        for name, size in (("Rows", picture.height), ("Columns", picture.width)):
            if returned.texts.get(name):
                yield wanted, returned, name, size


@values_are_those_used.mutant
def tells_other_rows(x: Exchange) -> Answer | None:
    """Rows is a number that is neither asked for nor true."""
    return said(x, "Rows", "12345") if first_rendering(x) else None


def first_rendering(x: Exchange) -> Returned | None:
    """The first rendering of the answer, None without one."""
    return next((returned for _, returned in _renderings(x)), None)


@rule(
    "wado-ws.values-as-asked",
    cites="PS3.18 2017b-6.4.2.1; 6.4.2.2",
    verifies=("PS3.18-2017b-6.4.2.2-1", "PS3.18-2017b-6.4.2.2-2"),
    on=KIND,
    when=lambda x: any(wanted.texts.get(n) for wanted, _ in _renderings(x) for n in _AS_ASKED),
    says="A window, a quality, a region and a presentation state that were asked for are the ones that were used.",
)
def values_as_asked(x: Exchange) -> Iterator[Finding]:
    for wanted, returned in _renderings(x):
        for name in _AS_ASKED:
            asked_for, told = wanted.texts.get(name), returned.texts.get(name)
            if asked_for and told is not None and not _same(name, told, asked_for):
                yield Finding(told[:40] or "nothing", asked_for[:40], f"document {returned.name}: {name}")


def _same(name: str, told: str, asked_for: str) -> bool:
    """The same value, however numbers are written; a region may be moved to the next pixel."""
    if name in IF_USED:
        return told == asked_for
    try:
        numbers, wanted = ([float(number) for number in text.split(",")] for text in (told, asked_for))
    except ValueError:
        return told == asked_for
    slack = _NEXT if name == "Region" else 0.0
    return len(numbers) == len(wanted) and all(abs(a - b) <= slack for a, b in zip(numbers, wanted, strict=True))


@values_as_asked.mutant
def window_is_its_own(x: Exchange) -> Answer | None:
    """Another window was used than the one asked for."""
    return said(x, "WindowCenter", "-4321")


@values_as_asked.mutant
def state_is_another(x: Exchange) -> Answer | None:
    """Another presentation state was applied."""
    return said(x, "PresentationUID", "1.2.3.4")


@values_as_asked.mutant
def region_is_in_pixels(x: Exchange) -> Answer | None:
    """The region is told in pixels."""
    return said(x, "Region", "0,0,512,512")
