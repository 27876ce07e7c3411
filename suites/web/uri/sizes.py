"""Rules on the size of pictures: rows, columns and region of the URI service (PS3.18 9.5.1.2.4, 9.5.2.4, 9.5.2.5).

Must not know what a picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from harness.wire.elements import DataSet
from suites.web.retrieve.reading import got, stored
from suites.web.uri.bend import picture_changed, without
from suites.web.uri.reading import COLUMNS, KIND, ROWS, chosen, kept, number, only, picture, shown, value

SLACK = 1  # a size in pixels may be rounded either way
WHOLE = (0.0, 0.0, 1.0, 1.0)
Region = tuple[float, float, float, float]


def _matrix(dataset: DataSet | None) -> tuple[int, int]:
    """Columns and Rows, (0, 0) where they are not known."""
    if dataset is None:
        return 0, 0
    return dataset.number(COLUMNS) or 0, dataset.number(ROWS) or 0


def _stored(x: Exchange) -> DataSet | None:
    known = kept(x)
    return stored(known).dataset if known is not None else None


def _size(x: Exchange) -> str:
    return f"{picture(x).width} x {picture(x).height}"


@rule(
    "uri.picture-has-its-size",
    cites="PS3.18 9.5.2.5",
    verifies="PS3.18-9.5.2.5-3",
    on=KIND,
    basis=RELATION,
    when=lambda x: (
        shown(x) and only(x, "contentType", "frameNumber") and all(_matrix(_stored(x))) and picture(x).width > 0
    ),
    says="Without rows, columns and region a picture has one pixel for each pixel of the image.",
)
def picture_has_its_size(x: Exchange) -> Iterator[Finding]:
    columns, rows = _matrix(_stored(x))
    if (picture(x).width, picture(x).height) != (columns, rows):
        yield Finding(_size(x), f"{columns} x {rows}", "size of the picture")


@picture_has_its_size.mutant
def always_a_thumbnail(x: Exchange) -> Answer | None:
    """Pictures are half as large as the image."""
    return picture_changed(x, lambda p: p.resize((max(1, p.width // 2), max(1, p.height // 2))))


@picture_has_its_size.mutant
def always_square(x: Exchange) -> Answer | None:
    """Pictures are brought to 512 x 512."""
    return picture_changed(x, lambda p: p.resize((512, 512)))


def _square(dataset: DataSet) -> bool:
    """Nothing says that the pixels of the image have another shape than a square."""
    for tag in ("00280034", "00280030", "00181164"):
        words = dataset.text(tag).split("\\")
        if len(words) == 2 and number(words[0].strip()) != number(words[1].strip()):
            return False
    return "52009229" not in dataset.elements  # functional groups may say so for each frame


def region_of(x: Exchange) -> Region | None:
    """The region asked for; all of the image without one, None for what is no region."""
    text = value(x, "region")
    if text is None:
        return WHOLE
    found = [number(word) for word in text.split(",")]
    if len(found) != 4:
        return None
    left, top, right, bottom = (n if n is not None else -1.0 for n in found)
    return (left, top, right, bottom) if 0 <= left < right <= 1 and 0 <= top < bottom <= 1 else None


def side(x: Exchange, name: str) -> int | None:
    text = value(x, name)
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None


@dataclass(frozen=True)
class Part:
    """A picture and the size in pixels of the part of the image that it was asked to show."""

    x: Exchange
    width: float
    height: float


def _image(j: Journey) -> DataSet | None:
    """The image that the journey is about, as we stored it or as the target sends it."""
    plain, file = j.step("plain"), j.step("file")
    if plain is not None and (known := _stored(plain)) is not None:
        return known
    files = file.answer.files if file is not None and got(file) else ()
    return files[0].dataset if len(files) == 1 else None


def _parts(j: Journey) -> list[Part]:
    """The pictures asked for in a size or part."""
    plain, image = j.step("plain"), _image(j)
    columns, rows = _matrix(image)
    if plain is None or not shown(plain) or image is None or not (columns and rows and _square(image)):
        return []
    found = []
    for x in j.steps("asked"):
        area = region_of(x)
        if shown(x) and picture(x).width and area is not None:
            found.append(Part(x, (area[2] - area[0]) * columns, (area[3] - area[1]) * rows))
    return found


def _cuts(j: Journey) -> bool:
    """A region has an effect on the size of what comes."""
    plain = j.step("plain")
    return plain is not None and any(region_alone(p.x) and _size(p.x) != _size(plain) for p in _parts(j))


def resized(j: Journey) -> list[Part]:
    """The pictures asked for in a size or part, where that has any effect on the size of what comes."""
    plain, found = j.step("plain"), _parts(j)
    if any(region_alone(p.x) for p in found) and not _cuts(j):
        found = [p for p in found if "region" not in p.x.ask.query]  # who does not have it shows all of the image
    return found if plain is not None and {_size(p.x) for p in found} - {_size(plain)} else []


def _both(x: Exchange) -> bool:
    return side(x, "rows") is not None and side(x, "columns") is not None


@journey(
    "uri.viewport-is-a-maximum",
    cites="PS3.18 9.5.2.5; 8.3.5.1.3",
    verifies="PS3.18-9.5.2.5-1",
    on="web.uri.viewport",
    basis=RELATION,
    due=False,
    when=lambda j: any(_both(p.x) for p in resized(j)),
    says="Where rows and columns are supported, the picture is no larger than they say and keeps its shape.",
)
def viewport_is_a_maximum(j: Journey) -> Iterator[Finding]:
    for part in resized(j):
        columns, rows = side(part.x, "columns"), side(part.x, "rows")
        if columns and rows:
            scale = min(columns / part.width, rows / part.height)
            yield from _fits(part.x, part.width * scale, part.height * scale, (columns, rows))


def _fits(x: Exchange, width: float, height: float, most: tuple[int, int]) -> Iterator[Finding]:
    """Findings for a picture beyond these limits or out of shape; one that is only smaller is a warning."""
    seen = picture(x)
    want, where = f"{width:.0f} x {height:.0f}", "size of the picture"
    if seen.width > most[0] or seen.height > most[1]:
        yield Finding(_size(x), f"{want}, at most {most[0]} x {most[1]}", where, seq=x.seq)
        return
    # the side that is derived from the other one may be rounded either way
    derived = seen.width * height / width, seen.height * width / height
    if abs(seen.height - derived[0]) > SLACK and abs(seen.width - derived[1]) > SLACK:
        yield Finding(_size(x), want, where, seq=x.seq)
    elif abs(seen.width - width) > SLACK and abs(seen.height - height) > SLACK:
        yield Finding(_size(x), want, where, seq=x.seq, warn=True)


@viewport_is_a_maximum.mutant
def viewport_is_filled(x: Exchange) -> Answer | None:
    """The picture is distorted to exactly rows and columns."""
    rows, columns = side(x, "rows"), side(x, "columns")
    return picture_changed(x, lambda p: p.resize((columns, rows))) if rows and columns else None


@viewport_is_a_maximum.mutant
def viewport_overflows(x: Exchange) -> Answer | None:
    """The picture fills the viewport and goes beyond it."""
    rows, columns = side(x, "rows"), side(x, "columns")
    if not rows or not columns:
        return None
    return picture_changed(x, lambda p: p.resize((2 * p.width, 2 * p.height)))


@journey(
    "uri.other-side-follows",
    cites="PS3.18 9.5.2.5",
    verifies="PS3.18-9.5.2.5-2",
    on="web.uri.viewport",
    basis=RELATION,
    due=False,
    # 9.5.1.2.4 wants both or none, 9.5.2.5 says what one of them does (D-07): a refusal is no finding
    when=lambda j: any(_one(p.x) for p in resized(j)),
    says="Where one of rows and columns is taken, the other side of the picture follows from the shape of the image.",
)
def other_side_follows(j: Journey) -> Iterator[Finding]:
    for part in resized(j):
        x = part.x
        rows, columns = side(x, "rows"), side(x, "columns")
        if not _one(x):
            continue
        scale = rows / part.height if rows else (columns or 1) / part.width
        width, height = part.width * scale, part.height * scale
        if chosen(j, "D-07") == "together":
            yield Finding(f"a picture of {_size(x)}", "400", _alone(x), seq=x.seq, warn=True, policy="D-07")
        if abs(picture(x).width - width) > SLACK or abs(picture(x).height - height) > SLACK:
            yield Finding(_size(x), f"{width:.0f} x {height:.0f}", "size of the picture", seq=x.seq)


def _alone(x: Exchange) -> str:
    return f"{'rows' if side(x, 'columns') is None else 'columns'} alone"


def _one(x: Exchange) -> bool:
    """Exactly one of the two sides is asked for, and it is not ignored."""
    return (side(x, "rows") is None) != (side(x, "columns") is None)


@other_side_follows.mutant
def other_side_stays(x: Exchange) -> Answer | None:
    """With rows alone the columns stay those of the image."""
    return picture_changed(x, lambda p: p.resize((2 * p.width, p.height))) if _one(x) else None


@journey(
    "uri.region-has-its-size",
    cites="PS3.18 9.5.2.4; 9.5.2.5",
    verifies="PS3.18-9.5.2.4-1",
    on="web.uri.viewport",
    basis=RELATION,
    due=False,
    when=lambda j: any(region_alone(p.x) for p in _parts(j)) and (_cuts(j) or _refusing(j)),
    says="Where region is supported, the picture has one pixel for each pixel of that part of the image.",
)
def region_has_its_size(j: Journey) -> Iterator[Finding]:
    for part in _parts(j):
        seen = picture(part.x)
        far = abs(seen.width - part.width) > SLACK or abs(seen.height - part.height) > SLACK
        if region_alone(part.x) and far:
            want = f"{part.width:g} x {part.height:g}"
            # who only refuses what is no region may know the grammar and not have the parameter
            yield Finding(_size(part.x), want, "size of the picture", seq=part.x.seq, warn=not _cuts(j))


def _refusing(j: Journey) -> bool:
    return any(x.answer.status == 400 for x in j.steps("bad-region"))


def region_alone(x: Exchange) -> bool:
    return value(x, "region") is not None and "rows" not in x.ask.query and "columns" not in x.ask.query


@region_has_its_size.mutant(at=DOOR)
def region_is_checked_and_ignored(ask: Ask, door: Door) -> Answer:
    """A region is refused when it is none, and else not looked at."""
    answer = door(ask)
    asked = answer.ok and ask.resource.kind == KIND and "region" in ask.query
    return door(without(ask, "region")) if asked else answer


@region_has_its_size.mutant
def region_is_enlarged(x: Exchange) -> Answer | None:
    """A region is brought to the size of the image."""
    return picture_changed(x, lambda p: p.resize((2 * p.width, 2 * p.height))) if region_alone(x) else None
