"""Rules on pixel data that was coded anew for the asker (PS3.18 8.7.3; PS3.5 8.2; PS3.3 C.7.6.1.1.5, C.7.6.3.1.2).

Must not know which transfer syntaxes a server offers: it is judged by what it sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.encaps import encapsulate, generate_frames

from harness.exchange import Answer, Ask, Exchange, view
from harness.past import SOP_INSTANCE, Kept
from harness.rule import DOOR, RELATION, Door, Finding, rule
from harness.wire.part10 import Reading
from suites.web.retrieve import asked_frames
from suites.web.retrieve.asked_frames import NATIVE
from suites.web.retrieve.bend import SEVERAL_FILES, files_changed, octets_changed, with_accept
from suites.web.retrieve.decoded import LARGEST, LOSSLESS, file_frames, kept_frames, stream_frame
from suites.web.retrieve.permitted import PHOTOMETRIC
from suites.web.retrieve.reading import COMPRESSED, LOSSY, Piece, files, got, past_of, pieces, stored
from suites.web.retrieve.shown_frames import FRAMES, frames_of, kept_of, shows_frames

INSTANCES = "web.retrieve.instances"
LOSSY_COMPRESSION = "00282110"
_J = "1.2.840.10008.1.2.4."
_RLE = "1.2.840.10008.1.2.5"
_DISCRETE = (_J + "50", _J + "51")  # the syntaxes that always lose something
_JPEG_2000_ONLY = ("YBR_ICT", "YBR_RCT")


def _returned(x: Exchange) -> Iterator[tuple[Piece, Reading, Kept]]:
    """The files that came, each with the instance as it was stored."""
    for piece, reading in files(x.answer) if got(x) else ():
        kept = past_of(x).get(reading.dataset.text(SOP_INSTANCE))
        if kept is not None and reading.transfer_syntax:
            yield piece, reading, kept


Frames = tuple[str, ...]


@view
def _recoded(x: Exchange) -> list[tuple[Piece, Frames, Frames]]:
    """Files in a lossless compressed syntax that they were not stored in: what they decode to, and what was stored."""
    found = []
    for piece, reading, kept in _returned(x):
        if reading.transfer_syntax in LOSSLESS and reading.transfer_syntax != kept.transfer_syntax:
            wanted = kept_frames(kept)
            shown = file_frames(piece.content.read(0, LARGEST + 1)) if wanted else ()
            if shown:
                found.append((piece, shown, wanted))
    return found


@rule(
    "retrieve.recoded-instance-is-the-stored",
    cites="PS3.18 8.7.3.1 Table 8.7.3-2; 10.4.3.3.1; PS3.5 8.2",
    verifies=("PS3.18-8.7.3.1-3", "PS3.18-10.4.3.3.1-1"),
    on=INSTANCES,
    basis=RELATION,
    when=lambda x: bool(_recoded(x)),
    due=False,
    says="An image that is compressed for the asker without loss decodes to the very pixels that were stored.",
)
def recoded_instance_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for piece, found, wanted in _recoded(x):
        if len(found) != len(wanted):
            yield Finding(f"{len(found)} frames", f"{len(wanted)} frames", f"{piece.where} pixel data")
        for number, (one, other) in enumerate(zip(found, wanted, strict=False), 1):
            if one != other:
                yield Finding("other pixels", "the pixels that were stored", f"{piece.where}, frame {number}")


def _bent(stream: bytes) -> bytes:
    """A stream of run lengths in which the first pixel is another one (PS3.5 G.3.1: a count, then what it counts)."""
    return stream[:65] + bytes((stream[65] ^ 1,)) + stream[66:] if len(stream) > 66 else stream


@recoded_instance_is_the_stored.mutant
def run_lengths_of_other_pixels(x: Exchange) -> Answer | None:
    """Instances that are compressed to run lengths have another first pixel."""

    def edit(ds: Any) -> bool:
        if ds.file_meta.TransferSyntaxUID != _RLE or "PixelData" not in ds:
            return False
        count = int(ds.get("NumberOfFrames", None) or 1)
        ds.PixelData = encapsulate([_bent(s) for s in generate_frames(ds.PixelData, number_of_frames=count)])
        ds["PixelData"].is_undefined_length = True
        return True

    return files_changed(x, edit)


@view
def _recoded_frames(x: Exchange) -> list[tuple[int, Piece, str, str]]:
    """Frames in a lossless compressed type that they were not stored in: what they decode to, and what was stored."""
    kept, found = kept_of(x) if shows_frames(x) else None, []
    if kept is None or not asked_frames.exist(x):
        return []
    for number, piece in frames_of(x):
        syntax = piece.syntax or next(iter(COMPRESSED.get(piece.type, ())), "")
        if syntax not in LOSSLESS or syntax == kept.transfer_syntax:
            continue
        wanted = kept_frames(kept)[number - 1 : number]
        shown = stream_frame(kept, syntax, piece.content.read(0, LARGEST)) if wanted else None
        if shown is not None:
            found.append((number, piece, shown, wanted[0]))
    return found


@rule(
    "retrieve.recoded-frame-is-the-stored",
    cites="PS3.18 8.7.3.3.2 Table 8.7.3-5; PS3.5 8.2",
    verifies=("PS3.18-8.7.3.3.2-1", "PS3.18-10.4.1.1.6-1"),
    on=FRAMES,
    basis=RELATION,
    when=lambda x: bool(_recoded_frames(x)),
    due=False,
    says="A frame that is compressed for the asker without loss decodes to the very pixels that were stored.",
)
def recoded_frame_is_the_stored(x: Exchange) -> Iterator[Finding]:
    for number, piece, found, wanted in _recoded_frames(x):
        if found != wanted:
            yield Finding("other pixels", "the pixels that were stored", f"{piece.where}, frame {number}")


@recoded_frame_is_the_stored.mutant
def frames_of_other_pixels(x: Exchange) -> Answer | None:
    """Frames that are compressed to run lengths have another first pixel."""
    runs = x.kind == FRAMES and any(p.type == "image/dicom-rle" for p in pieces(x.answer))
    return octets_changed(x, _bent) if runs else None


@rule(
    "retrieve.lossy-is-said",
    cites="PS3.3 C.7.6.1.1.5; PS3.18 10.4.3.3.1",
    on=INSTANCES,
    basis=RELATION,
    when=lambda x: any(r.transfer_syntax in _DISCRETE and k.transfer_syntax not in LOSSY for _, r, k in _returned(x)),
    due=False,
    says="An image that is compressed with loss for the asker says so, and is another instance than the one stored.",
)
def lossy_is_said(x: Exchange) -> Iterator[Finding]:
    for piece, reading, kept in _returned(x):
        if reading.transfer_syntax not in _DISCRETE or kept.transfer_syntax in LOSSY:
            continue
        said = reading.dataset.text(LOSSY_COMPRESSION)
        if said != "01":
            yield Finding(said or "no value", "01", f"{piece.where} Lossy Image Compression")
        # whom it was asked by its UID has to be sent something under that UID, so this is no more than a warning
        yield Finding("the UID of what was stored", "a SOP Instance UID of its own", f"{piece.where} SOP Instance UID",
                      warn=True)  # fmt: skip


@lossy_is_said.mutant(at=DOOR)
def lossy_on_demand(ask: Ask, door: Door) -> Answer:
    """Baseline JPEG is made of any image, and its data set says nothing of what that took."""
    if ask.resource.kind != INSTANCES or f"transfer-syntax={_J}50" not in (ask.headers.get("accept") or ""):
        return door(ask)

    def edit(ds: Any) -> bool:
        if "PixelData" not in ds or ds.get("LossyImageCompression") == "01":
            return False
        ds.file_meta.TransferSyntaxUID = _J + "50"
        ds.PixelData = encapsulate([ds.PixelData])
        ds["PixelData"].is_undefined_length, ds["PixelData"].VR = True, "OB"
        return True

    answer = door(with_accept(ask, SEVERAL_FILES))
    return files_changed(Exchange(0, ask, answer), edit) or answer


@rule(
    "retrieve.loss-is-not-taken-back",
    cites="PS3.3 C.7.6.1.1.5",
    on=INSTANCES,
    basis=RELATION,
    when=lambda x: any(_lost(k) for _, _, k in _returned(x)),
    says="An image that was once compressed with loss says so in whatever transfer syntax it is retrieved.",
)
def loss_is_not_taken_back(x: Exchange) -> Iterator[Finding]:
    for piece, reading, kept in _returned(x):
        said = reading.dataset.text(LOSSY_COMPRESSION)
        if _lost(kept) and said != "01":
            yield Finding(said or "no value", "01, as it was stored", f"{piece.where} Lossy Image Compression")


def _lost(kept: Kept) -> bool:
    return stored(kept).dataset.text(LOSSY_COMPRESSION) == "01"


@loss_is_not_taken_back.mutant
def as_good_as_new(x: Exchange) -> Answer | None:
    """Uncompressed images have never been compressed with loss."""

    def edit(ds: Any) -> bool:
        if ds.file_meta.TransferSyntaxUID not in NATIVE or ds.get("LossyImageCompression") != "01":
            return False
        ds.LossyImageCompression = "00"
        return True

    return files_changed(x, edit)


@rule(
    "retrieve.native-has-no-transformed-colours",
    cites="PS3.3 C.7.6.3.1.2; PS3.5 8.2.4; PS3.18 8.7.3.4",
    on=INSTANCES,
    when=lambda x: any(_colour(r, k) for _, r, k in _returned(x)),
    says="The colours of JPEG 2000 are those of its decoder once it is undone: RGB, no YBR_ICT and no YBR_RCT.",
)
def native_has_no_transformed_colours(x: Exchange) -> Iterator[Finding]:
    for piece, reading, kept in _returned(x):
        shown = reading.dataset.text(PHOTOMETRIC)
        if _colour(reading, kept) and shown in _JPEG_2000_ONLY:
            yield Finding(shown, "RGB or YBR_FULL", f"{piece.where} Photometric Interpretation")


def _colour(reading: Reading, kept: Kept) -> bool:
    """Native colour that was not stored with a colour space of JPEG 2000 already."""
    native = reading.transfer_syntax in NATIVE and reading.dataset.number("00280002") == 3
    return native and not (kept.transfer_syntax in NATIVE and stored(kept).dataset.text(PHOTOMETRIC) in _JPEG_2000_ONLY)


@native_has_no_transformed_colours.mutant
def colours_still_transformed(x: Exchange) -> Answer | None:
    """Uncompressed colour images say that they are in YBR_RCT."""

    def edit(ds: Any) -> bool:
        if ds.file_meta.TransferSyntaxUID not in NATIVE or ds.get("SamplesPerPixel") != 3:
            return False
        ds.PhotometricInterpretation = "YBR_RCT"
        return True

    return files_changed(x, edit)
