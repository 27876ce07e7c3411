"""Knows what a received file must be to become an instance: PS3.10, a known syntax, a Storage SOP Class, whole.

Must not know the index or where files are kept.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]

from harness.nonpatient import CATEGORY_OF
from harness.wire.uri import valid_uid
from simulators.archive.held import (
    CANNOT_UNDERSTAND,
    DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    SOP_CLASS_NOT_SUPPORTED,
    SYNTAX_NOT_SUPPORTED,
    Stored,
)
from simulators.model.json_encode import elements_of, metadata_uri
from simulators.model.names import ENCAPSULATED, SYNTAXES
from simulators.model.scan import (
    PIXEL_DATA,
    Element,
    Meta,
    Octets,
    Source,
    TooMuch,
    Unreadable,
    read_dataset,
    read_meta,
)

# Storage SOP Classes by the registry (PS3.6 A); a media directory and commitment only have the word in their name.
STORAGE_CLASSES = frozenset(
    uid
    for uid, (name, kind, *_) in UID_dictionary.items()
    if kind == "SOP Class" and "Storage" in name and "Commitment" not in name and "Media Storage" not in name
)
SMALL = 1 << 20  # octets of a file that is held in memory while it is checked
_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_NAMES = {_SOP_CLASS: "SOP Class UID", _SOP_INSTANCE: "SOP Instance UID", _STUDY: "Study Instance UID",
          _SERIES: "Series Instance UID"}  # fmt: skip


class Refused(Exception):
    """The file cannot become an instance; carries what is to be said about it."""

    def __init__(self, stored: Stored) -> None:
        super().__init__(stored.detail)
        self.stored = stored


@dataclass(frozen=True)
class Checked:
    """What is known of a file that may be stored. `elements` are the encoded top-level attributes by tag."""

    sop_class: str
    sop_instance: str
    study: str
    series: str
    transfer_syntax: str
    dataset_at: int
    size: int
    frames: int
    pixel_tag: str
    elements: Mapping[str, str]


def check(path: Path, study: str | None = None) -> Checked:
    """Read a closed file; Refused with the Failure Reason that fits best, and all UIDs that could be read."""
    return _checked(path, _NAMES, study)


def check_non_patient(path: Path) -> Checked:
    """The same for an instance that belongs to no study (PS3.4 GG): its `study` and `series` may be ''."""
    return _checked(path, {tag: _NAMES[tag] for tag in (_SOP_CLASS, _SOP_INSTANCE)}, None)


def _checked(path: Path, required: Mapping[int, str], study: str | None) -> Checked:
    known = Stored("failed")
    try:
        with _octets(path) as octets:
            meta = read_meta(octets)
            known = replace(known, sop_class=meta.text(0x00020002), sop_instance=meta.text(0x00020003))
            _known_syntax(meta, known)
            source = read_dataset(octets, meta.dataset_at, meta.transfer_syntax)
            known = _identify(source, known, required)
            if _STUDY in required and known.sop_class in CATEGORY_OF:
                raise _refused(known, SOP_CLASS_NOT_SUPPORTED, f"{known.sop_class} belongs to no study (PS3.4 GG)")
            _agree(source, meta, known, study)
            return _summary(source, meta, known, len(octets))
    except TooMuch as error:
        raise _refused(known, OUT_OF_RESOURCES, str(error)) from None
    except Unreadable as error:
        raise _refused(known, CANNOT_UNDERSTAND, str(error)) from None


@contextmanager
def _octets(path: Path) -> Iterator[Octets]:
    """The octets of a file: a small one is read, which is faster, a large one mapped."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise Unreadable("the file is empty")
        if size <= SMALL:
            yield file.readall()
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
            yield octets


def _refused(known: Stored, reason: int, detail: str) -> Refused:
    return Refused(replace(known, reason=reason, detail=detail))


def _known_syntax(meta: Meta, known: Stored) -> None:
    syntax = meta.transfer_syntax
    if not syntax:
        raise _refused(known, CANNOT_UNDERSTAND, "no Transfer Syntax UID (0002,0010)")
    if syntax not in SYNTAXES:
        raise _refused(known, SYNTAX_NOT_SUPPORTED, f"transfer syntax {syntax[:64]!r} is not known here")


def _identify(source: Source, known: Stored, required: Mapping[int, str]) -> Stored:
    """Take the UIDs from the data set and have those that are required present and valid (PS3.5 9.1)."""
    uids = {tag: source.text(tag) for tag in _NAMES}
    known = Stored(
        "failed", 0, "", uids[_SOP_CLASS] or known.sop_class, uids[_SOP_INSTANCE] or known.sop_instance,
        uids[_STUDY], uids[_SERIES],
    )  # fmt: skip
    for tag, name in required.items():
        if not uids[tag]:
            raise _refused(known, DOES_NOT_MATCH, f"no {name}")
        if not valid_uid(uids[tag]):
            raise _refused(known, CANNOT_UNDERSTAND, f"{name} {uids[tag][:80]!r} is no UID")
    return known


def _agree(source: Source, meta: Meta, known: Stored, study: str | None) -> None:
    """What the file, the request and the registry say must be the same."""
    if known.sop_class not in STORAGE_CLASSES:
        raise _refused(known, SOP_CLASS_NOT_SUPPORTED, f"{known.sop_class} is no Storage SOP Class known here")
    for tag, meta_tag in ((_SOP_CLASS, 0x00020002), (_SOP_INSTANCE, 0x00020003)):
        if meta.text(meta_tag) != source.text(tag):
            detail = (
                f"{_NAMES[tag]} is {source.text(tag)}, but {meta.text(meta_tag)[:80]!r} in the File Meta Information"
            )
            raise _refused(known, DOES_NOT_MATCH, detail)
    if study is not None and known.study != study:
        raise _refused(
            known, DOES_NOT_MATCH, f"Study Instance UID is {known.study}, but {study} was asked to be stored"
        )


def _summary(source: Source, meta: Meta, known: Stored, size: int) -> Checked:
    pixels = next((e for e in map(source.dataset.get, sorted(PIXEL_DATA)) if e is not None and e.length), None)
    frames = 0
    if pixels is not None:
        frames = max(1, source.number(0x00280008, 1))
        _whole_pixels(source, pixels, meta.transfer_syntax, frames)
    uri = metadata_uri(known.study, known.series, known.sop_instance)
    return Checked(
        known.sop_class, known.sop_instance, known.study, known.series, meta.transfer_syntax, meta.dataset_at, size,
        frames, pixels.key if pixels else "", elements_of(source, uri),
    )  # fmt: skip


def _whole_pixels(source: Source, pixels: Element, syntax: str, frames: int) -> None:
    """Pixel data is as long as its description says (PS3.5 8.1.1); longer is tolerated."""
    if syntax in ENCAPSULATED:
        if pixels.fragments is None:
            raise Unreadable("pixel data is native, but the transfer syntax is an encapsulated one", pixels.at)
        if len(pixels.fragments) < 2:
            raise Unreadable("pixel data has no fragment", pixels.at)
        return
    rows, columns, bits = (source.number(tag) for tag in (0x00280010, 0x00280011, 0x00280100))
    if not (rows and columns and bits):
        return
    wanted = (rows * columns * frames * bits * _samples(source) // 2 + 7) // 8
    if pixels.length < wanted:
        raise Unreadable(f"pixel data has {pixels.length} octets, but its description needs {wanted}", pixels.at)


def _samples(source: Source) -> int:
    """Twice the samples that a pixel takes; chrominance is halved in the subsampled colour spaces."""
    photometric = source.text(0x00280004)
    if photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        return 4
    if photometric == "YBR_PARTIAL_420":
        return 3
    return 2 * source.number(0x00280002, 1)
