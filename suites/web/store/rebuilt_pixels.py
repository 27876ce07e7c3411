"""Rules of PS3.18 10.5.1.4 and 10.5.2 on pixel data that came as compressed bulk data: kept, described, transformed.

Must not know which requests are to be taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.body import Body
from harness.exchange import Answer, Exchange, Journey
from harness.rule import RELATION, Finding, journey
from harness.wire import images, part10
from suites.web.retrieve.bend import files_changed
from suites.web.retrieve.reading import COMPRESSED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from suites.web.store.apart import (
    BITS,
    COLUMNS,
    FRAMES,
    PIXELS,
    ROWS,
    SAMPLES,
    TRANSFORMED,
    UNCHANGED,
    Reference,
    number,
)
from suites.web.store.rebuilt_reading import APART_JOURNEY, LARGEST, Made, bulk

COMPRESSED_JPEG = "1.2.840.10008.1.2.4."
# The processes of JPEG (PS3.5 8.2.1) by the last part of the transfer syntaxes that contain them.
_PROCESSES = {"SOF0": ("50", "51"), "SOF1": ("51",), "SOF3": ("57", "70")}
_EMPTY_TABLE = b"\xfe\xff\x00\xe0\0\0\0\0"


def _coded(reference: Reference) -> bool:
    return reference.path == PIXELS and reference.type in COMPRESSED


def _still_coded(one: Made, reference: Reference) -> bool:
    return one[2].transfer_syntax in COMPRESSED[reference.type]


@journey(
    "store.coded-is-not-recoded",
    cites="PS3.18 10.5.1.4; 10.5.2 Table 10.5.2-1; PS3.5 A.4",
    verifies=("PS3.18-10.5.1.4-7", "PS3.18-10.5.2-4"),
    on=APART_JOURNEY,
    when=lambda j: any(_still_coded(one, r) for one, r in bulk(j, _coded)),
    due=False,  # compressed bulk data is optional
    says="Compressed frames that came as bulk data are the fragments of the instance, as they came and in their order.",
)
def coded_is_not_recoded(j: Journey) -> Iterator[Finding]:
    for one, reference in bulk(j, _coded):
        if not _still_coded(one, reference):
            continue
        told, x, reading = one
        element = reading.dataset.get(PIXELS)
        fragments = b"".join(f.bytes() for f in (element.fragments or ())[1:]) if element is not None else b""
        streams = [_stream(part.content) for part in reference.parts]
        if not _joined(fragments, streams):
            got = f"{len(fragments)} octets in fragments"
            want = f"{len(streams)} streams of {[len(s) for s in streams][:5]} octets"
            yield Finding(got=got, want=want, where=f"{told.sent.instance} {PIXELS}", seq=x.seq)


def _stream(content: Body) -> bytes:
    """The bit stream of a part: of a file of JP2 boxes only the codestream belongs into an instance (PS3.5 8.2.4)."""
    octets = content.read(0, LARGEST)
    at = octets.find(b"\xff\x4f\xff\x51") if octets[4:8] == b"jP  " else 0
    return octets[max(at, 0) :].rstrip(b"\0")


def _joined(fragments: bytes, streams: list[bytes]) -> bool:
    """The streams one after the other, each perhaps padded."""
    at = 0
    for stream in streams:
        if fragments[at : at + len(stream)] != stream:
            return False
        at += len(stream)
        while at < len(fragments) and fragments[at] == 0:
            at += 1
    return at == len(fragments)


@coded_is_not_recoded.mutant
def keeps_the_first_frame_only(x: Exchange) -> Answer | None:
    """Of several frames the first is kept."""

    def edit(ds: Any) -> bool:
        element = ds.get(0x7FE00010)
        if element is None or not element.is_undefined_length:
            return False
        value = element.value
        first = 8 + int.from_bytes(value[4:8], "little")  # behind the offset table
        end = first + 8 + int.from_bytes(value[first + 4 : first + 8], "little")
        element.value = _EMPTY_TABLE + value[first:end]
        return end < len(value)

    return files_changed(x, edit)


def _syntaxes(reference: Reference) -> frozenset[str]:
    """The transfer syntaxes that the bit streams may be said to be in: the one that was told, or those of their
    process; none where nobody can tell."""
    told = {part.media.parameters.get("transfer-syntax", "") for part in reference.parts}
    if told != {""}:
        return frozenset(told & set(COMPRESSED[reference.type]))
    processes = {images.read(part.content).process for part in reference.parts}
    found = _PROCESSES.get(processes.pop(), ()) if len(processes) == 1 else ()
    return frozenset(COMPRESSED_JPEG + number for number in found) if reference.type == "image/jpeg" else frozenset()


@journey(
    "store.coded-keeps-its-syntax",
    cites="PS3.18 10.5.2 Table 10.5.2-1; 8.7.3.5.2; Table 8.7.3-5",
    verifies=("PS3.18-10.5.2-4", "PS3.18-10.5.1.4-5"),
    on=APART_JOURNEY,
    when=lambda j: any(_still_coded(one, r) and _syntaxes(r) for one, r in bulk(j, _coded)),
    due=False,  # compressed bulk data is optional
    says="An instance made of compressed frames is in the transfer syntax that was told, or that the bit streams show.",
)
def coded_keeps_its_syntax(j: Journey) -> Iterator[Finding]:
    for one, reference in bulk(j, _coded):
        told, x, reading = one
        wanted = _syntaxes(reference)
        if _still_coded(one, reference) and wanted and reading.transfer_syntax not in wanted:
            yield Finding(got=reading.transfer_syntax, want=", ".join(sorted(wanted)),
                          where=f"{told.sent.instance} 00020010", seq=x.seq)  # fmt: skip


@coded_keeps_its_syntax.mutant
def takes_every_jpeg_for_lossless(x: Exchange) -> Answer | None:
    """What comes as image/jpeg is said to be in the default transfer syntax of that type."""

    def edit(ds: Any) -> bool:
        lossy = ds.file_meta.TransferSyntaxUID == f"{COMPRESSED_JPEG}50"
        ds.file_meta.TransferSyntaxUID = f"{COMPRESSED_JPEG}70"
        return bool(lossy)

    return files_changed(x, edit)


def _picture(reference: Reference) -> images.Reading | None:
    """What the header of a consumer image says, None where it cannot be told."""
    found = images.read(reference.parts[0].content)
    return found if found.width and found.height and not found.flaws.counts else None


def _derived(reference: Reference) -> bool:
    known = reference.path == PIXELS and reference.type in (*UNCHANGED, *TRANSFORMED)
    return known and reference.type.startswith("image/") and _picture(reference) is not None


def _undescribed(one: Made) -> bool:
    return number(one[0].sent, ROWS) is None or number(one[0].sent, COLUMNS) is None


@journey(
    "store.description-is-derived",
    cites="PS3.18 10.5.1.4; 10.5.2 Table 10.5.2-1; PS3.3 C.7.6.3",
    verifies=("PS3.18-10.5.1.4-9", "PS3.18-10.5.2-7", "PS3.18-10.5.2-6"),
    on=APART_JOURNEY,
    when=lambda j: any(_undescribed(one) for one, _ in bulk(j, _derived)),
    due=False,  # compressed bulk data is optional
    says="Where the Image Pixel Description was left out, the instance has it as the image says.",
)
def description_is_derived(j: Journey) -> Iterator[Finding]:
    for one, reference in bulk(j, _derived):
        told, x, reading = one
        picture = _picture(reference)
        if picture is None or not _undescribed(one):
            continue
        for tag, wanted in ((ROWS, picture.height), (COLUMNS, picture.width)):
            if reading.dataset.number(tag) != wanted:
                yield Finding(got=f"{reading.dataset.number(tag)}", want=str(wanted),
                              where=f"{told.sent.instance} {tag}", seq=x.seq)  # fmt: skip
        for tag in (SAMPLES, BITS, "00280101", "00280102", "00280103", "00280004"):
            if reading.dataset.get(tag) is None or reading.dataset.get(tag).empty:  # type: ignore[union-attr]
                yield Finding(got="absent or empty", want="a value of Type 1",
                              where=f"{told.sent.instance} {tag}", seq=x.seq)  # fmt: skip
        frames = reading.dataset.text(FRAMES) or "1"
        if picture.frames > 1 and frames != str(picture.frames):
            yield Finding(got=frames, want=str(picture.frames), where=f"{told.sent.instance} {FRAMES}", seq=x.seq)


@description_is_derived.mutant
def turns_rows_and_columns(x: Exchange) -> Answer | None:
    """Rows and Columns are exchanged."""

    def edit(ds: Any) -> bool:
        if "Rows" not in ds or ds.Rows == ds.Columns:
            return False
        ds.Rows, ds.Columns = ds.Columns, ds.Rows
        return True

    return files_changed(x, edit)


@description_is_derived.mutant
def leaves_bits_out(x: Exchange) -> Answer | None:
    """Bits Stored is not derived."""
    return files_changed(x, lambda ds: ds.pop("BitsStored", None) is not None)


def _transformed(reference: Reference) -> bool:
    return _derived(reference) and reference.type in TRANSFORMED


@journey(
    "store.transformed-without-loss",
    cites="PS3.18 10.5.2 Table 10.5.2-1",
    verifies=("PS3.18-10.5.2-5", "PS3.18-10.5.2-6"),
    on=APART_JOURNEY,
    when=lambda j: any(_native(one[2]) is not None for one, _ in bulk(j, _transformed)),
    basis=RELATION,
    due=False,  # compressed bulk data is optional
    says="A GIF or PNG image becomes native pixels, or losslessly compressed ones, that are the same pixels.",
)
def transformed_without_loss(j: Journey) -> Iterator[Finding]:
    for one, reference in bulk(j, _transformed):
        told, x, reading = one
        picture, octets = _picture(reference), _native(reading)
        if picture is None or octets is None or picture.bits > 8:
            continue
        wanted = _expected(picture, reading)
        if wanted and octets[: len(wanted)] != wanted:
            at = next((n for n, (a, b) in enumerate(zip(octets, wanted, strict=False)) if a != b), len(octets))
            got = f"octet {at} is {octets[at : at + 4].hex(' ')}" if octets else "no pixels"
            yield Finding(got=got, want=wanted[at : at + 4].hex(" "), where=f"{told.sent.instance} {PIXELS}", seq=x.seq)


def _native(reading: part10.Reading) -> bytes | None:
    """Native pixels with 8 bits and samples together, None for others."""
    element = reading.dataset.get(PIXELS)
    if element is None or element.value is None or reading.transfer_syntax in (IMPLICIT_LE, EXPLICIT_BE):
        return None
    eight = reading.dataset.number(BITS) == 8 and not reading.dataset.number("00280006")
    return element.value.read(0, LARGEST) if eight and reading.transfer_syntax == EXPLICIT_LE else None


def _expected(picture: images.Reading, reading: part10.Reading) -> bytes:
    """The pixels of the image in the colours that the instance has: indexed ones may become true ones."""
    samples = reading.dataset.number(SAMPLES)
    photometric = reading.dataset.text("00280004")
    frames = picture.pixels
    if photometric not in ("RGB", "MONOCHROME2") or not frames:
        return b""
    if samples == 1:
        return b"".join(f.tobytes() for f in frames) if all(f.ndim == 2 for f in frames) else b""
    return b"".join((f if f.ndim == 3 else f[..., None].repeat(3, axis=2)).tobytes() for f in frames)


@transformed_without_loss.mutant
def loses_a_bit(x: Exchange) -> Answer | None:
    """Native pixels have lost their lowest bit."""

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds["PixelData"].is_undefined_length or ds.BitsAllocated != 8:
            return False
        ds.PixelData = bytes(v & 0xFE for v in ds.PixelData)
        return True

    return files_changed(x, edit)


@transformed_without_loss.mutant
def takes_blue_for_red(x: Exchange) -> Answer | None:
    """Red and blue are exchanged."""

    def edit(ds: Any) -> bool:
        if ds.get("SamplesPerPixel") != 3 or ds["PixelData"].is_undefined_length:
            return False
        pixels = bytearray(ds.PixelData)
        count = len(pixels) // 3 * 3
        pixels[0:count:3], pixels[2:count:3] = pixels[2:count:3], pixels[0:count:3]
        ds.PixelData = bytes(pixels)
        return True

    return files_changed(x, edit)
