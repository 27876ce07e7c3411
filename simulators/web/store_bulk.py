"""Knows the bulk data parts of a Store request: what refers to which, and how coded pixels become Pixel Data.

(PS3.18 8.6.1.2, 10.5.1.4, Tables 8.7.3-5 and 10.5.2-1.) Must not know metadata beyond the data set it settles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from simulators.archive.held import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SYNTAX_NOT_SUPPORTED
from simulators.archive.incoming import Incoming
from simulators.model.build import Elsewhere
from simulators.web.negotiate import COMPRESSED, DICOM, EXPLICIT_LE, LOSSY, OCTETS
from simulators.web.store_images import Picture, Undecoded, decoded, described, fits, read
from simulators.web.store_parts import Arrived, resolved
from simulators.web.store_write import Lying

AMPLE, AGAIN = 64 << 20, 4  # octets that references may lead to: some, and several times what came
LARGE = 1 << 20  # octets of a value that stays in its file
FRAMES = "/frames/"
# Names of older implementations (8.7.3.3.2 Note), and of the file form of a codestream (Table 10.5.2-1).
_ALIASES = {"image/x-dicom-rle": "image/dicom-rle", "image/x-jls": "image/jls", "image/jph": "image/jphc"}
_DECODED = ("image/gif", "image/png")
_ITEM = b"\xfe\xff\x00\xe0"
_LONGEST = 0xFFFFFFFE  # octets of a fragment (PS3.5 A.4)


class Refusal(Exception):
    """An instance cannot be made; `reason` is the Failure Reason (PS3.18 I.2.2)."""

    def __init__(self, reason: int, why: str) -> None:
        super().__init__(why)
        self.reason = reason

    @classmethod
    def of_syntax(cls, syntax: str) -> Refusal:
        return cls(SYNTAX_NOT_SUPPORTED, f"transfer syntax {syntax[:64]!r} does not go with it")


class _Referred(Elsewhere):
    """Stands for the value of parts that a reference led to."""

    parts: list[Arrived]


class Bulk:
    """The bulk data parts of one request, by their Content-Location resolved against `base`."""

    def __init__(self, parts: Sequence[Arrived], base: str, receive: Callable[[], Incoming]) -> None:
        self._base = base
        self._receive = receive
        self._parts = parts
        self._by_location: dict[str, list[Arrived]] = {}
        self._frames: dict[str, dict[int, Arrived]] = {}
        for part in parts:
            if part.location:
                self._by_location.setdefault(part.location, []).append(part)
                whole, slash, number = part.location.rpartition(FRAMES)
                if slash and number.isascii() and number.isdigit() and len(number) < 9:
                    self._frames.setdefault(whole, {}).setdefault(int(number), part)
        self._used: set[int] = set()
        self._left = AMPLE + AGAIN * sum(part.octets.size for part in parts)
        self._referred: list[_Referred] = []
        self._made: list[Incoming] = []

    def begin(self) -> None:
        """Another instance begins."""
        self._referred = []

    def octets(self, uri: str) -> bytes:
        """What a reference leads to: octets, or what stands for a part that is coded or long; KeyError for nothing."""
        place = resolved(self._base, uri)
        found = self._by_location.get(place) or self._numbered(place)
        self._used.update(part.number for part in found)
        self._left -= sum(part.octets.size for part in found)
        if self._left < 0:
            raise Refusal(OUT_OF_RESOURCES, "the same bulk data is referred to again and again")
        if len(found) == 1 and found[0].name == OCTETS and found[0].octets.size <= LARGE:
            _plain(found[0])
            return found[0].read()
        made = _Referred()
        made.parts, made.size, made.read = found, sum(p.octets.size for p in found), lambda: _whole(found)
        self._referred.append(made)
        return made

    def settle(self, dataset: Dataset) -> str:
        """Put what the references of a data set led to in its place; the transfer syntax that this makes of the
        instance, '' when no pixel data came so. Refusal when it does not fit."""
        syntax = ""
        for element in _elements(dataset):
            value = element.value
            if isinstance(value, _Referred):
                coded = value.parts[0].name != OCTETS
                if element.tag == 0x7FE00010 and dataset.get(0x7FE00010) is element and coded:
                    syntax = self._pixels(dataset, value.parts)
                elif element.tag == 0x00420011:
                    _document(dataset, value.parts)
                    element.value = self._lying(_single(value.parts))
                elif coded:
                    raise Refusal(CANNOT_UNDERSTAND, f"{value.parts[0].name[:100]} is no value of {element.tag}")
                else:
                    _plain(_single(value.parts))
                    element.value = self._lying(_single(value.parts))
        return syntax

    def unused(self) -> Iterator[str]:
        """A sentence for each part that no metadata refers to."""
        for part in self._parts:
            if part.number not in self._used:
                where = part.location[:200] or "nowhere"
                kind = part.name[:100] or "no media type"
                instead = "; PS3.10 instances have requests of their own" if part.name == DICOM else ""
                yield f"part {part.number}, {kind} at {where}, belongs to no metadata{instead}"

    def discard(self) -> None:
        """Remove what was made on the way."""
        for made in self._made:
            made.discard()

    def _numbered(self, place: str) -> list[Arrived]:
        """Parts at {place}/frames/1 and so on."""
        numbered = self._frames.get(place)
        if not numbered:
            raise KeyError(place)
        if sorted(numbered) != list(range(1, len(numbered) + 1)):
            raise Refusal(CANNOT_UNDERSTAND, f"frames {sorted(numbered)[:10]} of {place[:200]} are not all of them")
        return [numbered[number] for number in sorted(numbered)]

    def _lying(self, part: Arrived) -> Lying:
        if part.octets.size % 2 == 0:
            return Lying.at(part.octets.path)
        with self._file() as even:
            _copy(part, 0, None, even)
            even.write(b"\0")
        return Lying.at(even.path)

    def _file(self) -> Incoming:
        made = self._receive()
        self._made.append(made)
        return made

    def _pixels(self, dataset: Dataset, parts: Sequence[Arrived]) -> str:
        """Describe coded pixel data and put it into fragments, or decode it; its transfer syntax."""
        names = {_ALIASES.get(p.name, p.name) for p in parts}
        if len(names) > 1:
            raise Refusal(CANNOT_UNDERSTAND, f"frames of several media types: {sorted(names)}"[:200])
        name = names.pop()
        if name in _DECODED:
            return self._transformed(dataset, _single(parts))
        if name not in COMPRESSED:
            raise Refusal(SYNTAX_NOT_SUPPORTED, f"pixel data of type {name[:100]!r} is not understood")
        video = name.startswith("video/")
        pictures = [_picture(name, part) for part in ([_single(parts)] if video else parts)]
        syntax = _syntax(name, parts, pictures)
        _describe(dataset, pictures, 0 if video else len(parts))
        if syntax in LOSSY and "LossyImageCompression" not in dataset and any(p and p.coded.lossy for p in pictures):
            dataset.LossyImageCompression = "01"
        dataset[0x7FE00010].VR = "OB"
        dataset[0x7FE00010].value = self._fragments(parts, pictures)
        return syntax

    def _transformed(self, dataset: Dataset, part: Arrived) -> str:
        """Decode what no transfer syntax stands for; transparency is given up (10.5.2)."""
        try:
            picture, octets = decoded(part.octets.path, dataset.get("PhotometricInterpretation") == "PALETTE COLOR")
        except Undecoded as error:
            raise Refusal(CANNOT_UNDERSTAND, f"part {part.number} is {error}") from None
        _describe(dataset, [picture], picture.coded.frames)
        dataset[0x7FE00010].VR = "OB" if picture.coded.bits <= 8 else "OW"
        dataset[0x7FE00010].value = octets + bytes(len(octets) % 2)
        return EXPLICIT_LE

    def _fragments(self, parts: Sequence[Arrived], pictures: Sequence[Picture | None]) -> Lying:
        """One fragment for each part, with an empty offset table (PS3.5 A.4)."""
        with self._file() as made:
            made.write(_ITEM + bytes(4))
            for part, picture in zip(parts, pictures, strict=True):
                start, end = (picture.coded.start, picture.coded.end) if picture else (0, None)
                size = (part.octets.size if end is None else end) - start
                if not 0 < size <= _LONGEST:
                    raise Refusal(CANNOT_UNDERSTAND, f"a frame of {size} octets")
                made.write(_ITEM + (size + size % 2).to_bytes(4, "little"))
                _copy(part, start, start + size, made)
                made.write(bytes(size % 2))
        return Lying.at(made.path)


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """Every element that is not a sequence, at every depth."""
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _single(parts: Sequence[Arrived]) -> Arrived:
    if len(parts) != 1:
        raise Refusal(CANNOT_UNDERSTAND, f"{len(parts)} parts at {parts[0].location[:200]} where one is wanted")
    return parts[0]


def _plain(part: Arrived) -> None:
    """Uncompressed bulk data is in Explicit VR Little Endian, whether that is said or not (Table 8.7.3-4)."""
    if part.syntax not in ("", EXPLICIT_LE):
        raise Refusal.of_syntax(part.syntax)


def _whole(parts: Sequence[Arrived]) -> bytes:
    part = _single(parts)
    if part.name != OCTETS:
        raise Refusal(CANNOT_UNDERSTAND, f"{part.name[:100]} is no value of text or numbers")
    return part.read()


def _document(dataset: Dataset, parts: Sequence[Arrived]) -> None:
    """An encapsulated document has the media type that its metadata names (10.5.1.4); octets may be anything."""
    told = str(dataset.get("MIMETypeOfEncapsulatedDocument") or "").strip().lower()
    name = _single(parts).name
    if name not in (told, OCTETS):
        raise Refusal(CANNOT_UNDERSTAND, f"an encapsulated {told[:80]!r} came as {name[:80]!r}")


def _picture(name: str, part: Arrived) -> Picture | None:
    """What the bit stream says of itself, None for a type that is not looked into."""
    found = read(name, part.octets.path, part.syntax)
    if isinstance(found, str):
        raise Refusal(CANNOT_UNDERSTAND, f"part {part.number} is no {name}: {found}")
    return found


def _syntax(name: str, parts: Sequence[Arrived], pictures: Sequence[Picture | None]) -> str:
    """The transfer syntax that the parameter names, or the bit stream does; they have to agree."""
    told = {part.syntax for part in parts} - {"", "*"}
    if len(told) > 1 or told - set(COMPRESSED[name]):
        raise Refusal.of_syntax(", ".join(sorted(told)))
    said = {picture.coded.syntax for picture in pictures if picture}
    if told or not said:
        wanted = told.pop() if told else COMPRESSED[name][0]
    else:
        wanted = next((s for s in sorted(said) if all(fits(other, s) for other in said)), "")
    wrong = [syntax for syntax in said if not fits(syntax, wanted) or wanted not in COMPRESSED[name]]
    if wrong:
        raise Refusal(CANNOT_UNDERSTAND, f"bit streams of {', '.join(sorted(wrong))} came as {wanted or name}")
    return wanted


def _describe(dataset: Dataset, pictures: Sequence[Picture | None], frames: int) -> None:
    for picture in pictures:
        trouble = described(dataset, picture)
        if trouble:
            raise Refusal(CANNOT_UNDERSTAND, trouble)
    told = dataset.get("NumberOfFrames")
    if frames and told in (None, "") and frames > 1:
        dataset.NumberOfFrames = str(frames)
    elif frames and int(told or 1) != frames:
        raise Refusal(CANNOT_UNDERSTAND, f"Number of Frames is {told}, but {frames} came")
    first = pictures[0]
    if not frames and told in (None, "") and first and first.coded.frames:
        dataset.NumberOfFrames = str(first.coded.frames)


def _copy(part: Arrived, start: int, end: int | None, into: Incoming) -> None:
    left = (part.octets.size if end is None else end) - start
    with part.octets.path.open("rb") as file:
        file.seek(start)
        while left > 0 and (chunk := file.read(min(left, LARGE))):
            into.write(chunk)
            left -= len(chunk)
