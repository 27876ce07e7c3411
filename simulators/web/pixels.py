"""Knows frames: where a native one lies, how an encapsulated one is cut out or decoded (PS3.5 8.2, A.4).

Must not know HTTP or negotiation.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydicom import dcmread
from pydicom.encaps import get_frame

from simulators.archive.held import Held
from simulators.model import coded
from simulators.model.bulk import fragments
from simulators.model.codecs import RLE, decodes
from simulators.web import explicit, recode
from simulators.web.content import Broken, Gone, Piece, Slice, joined, read
from simulators.web.negotiate import DEFLATED, EXPLICIT_LE, LOSSY, TYPE_OF

Made = TypeVar("Made")
Places = Sequence[tuple[int, int]]  # offset and length of each fragment

# Implicit VR and big endian are never sent (8.7.3); deflated may be asked for by name but is nobody's default.
NEVER = frozenset(("1.2.840.10008.1.2", "1.2.840.10008.1.2.2"))


# What is decoded at once: samples of one frame, and of all frames of an instance that is made anew.
MOST_SAMPLES, MOST_OF_ALL = 1 << 27, 1 << 30
_RLE_RATIO = 64  # two octets stand for 128 at most (PS3.5 G.3.1)

# Instances whose pixel data no codec could read. A stored file never changes, so one failure is enough to know.
_FAILED: deque[Path] = deque(maxlen=1000)


class Undecodable(Broken):
    """The pixel data cannot be decoded: no codec for it, or it is broken."""

    def __init__(self, held: Held, why: object) -> None:
        super().__init__(f"pixel data of {held.instance} cannot be decoded: {why}")
        if held.path not in _FAILED:
            _FAILED.append(held.path)


class Unmade(Broken):
    """The pixel data cannot be coded in another transfer syntax after all."""

    def __init__(self, held: Held, why: object) -> None:
        super().__init__(f"pixel data of {held.instance} cannot be coded anew: {why}")


class Bent(ValueError):
    """A bit stream that is not what the attributes say, or too large to be decoded here."""


class Shapeless(Broken):
    """Native pixel data that do not have the size that their attributes tell."""


def decodable(held: Held) -> bool:
    """Whether Explicit VR Little Endian can be made of the instance, as far as the syntax tells."""
    if not held.encapsulated or not held.pixel_tag:
        return True
    return held.path not in _FAILED and decodes(held.transfer_syntax)


def syntaxes(held: Held, wanted: frozenset[str] = frozenset()) -> tuple[tuple[str, ...], str]:
    """The transfer syntaxes an application/dicom representation can have, best first, and the default one ('': none).

    Without a parameter it is Explicit VR Little Endian, or the stored one when pixel data are lossy and cannot be
    decoded here (8.7.3.4). What has to be made anew is there for those who name it, `wanted`, only.
    """
    stored = held.transfer_syntax
    if not decodable(held):
        return (stored,), stored if stored in LOSSY else ""
    made = recode.targets(held, wanted, lossy=False)
    made += (DEFLATED,) if DEFLATED in wanted and not held.deflated else ()
    if stored in NEVER or stored == EXPLICIT_LE:
        return (EXPLICIT_LE, *made), EXPLICIT_LE
    if held.deflated:
        return (EXPLICIT_LE, stored, *made), EXPLICIT_LE
    return (stored, EXPLICIT_LE, *made), EXPLICIT_LE


def instance(held: Held, syntax: str) -> list[Piece]:
    """The PS3.10 file of the instance in one of its `syntaxes`; Undecodable when its pixel data are broken."""
    if syntax == held.transfer_syntax:
        return [Slice(held.path, 0, held.size)]
    if syntax == DEFLATED:
        return explicit.deflated(_uncompressed(held))
    if syntax != EXPLICIT_LE:
        _promise_all(held)
        return explicit.instance(held, _guarded(held, lambda: recode.coded(held, syntax), Unmade), syntax)
    return _uncompressed(held)


def _uncompressed(held: Held) -> list[Piece]:
    """The file written anew in Explicit VR Little Endian."""
    if not held.encapsulated:
        return explicit.instance(held)
    if not held.pixel_tag:
        return explicit.relabelled(held)
    _promise_all(held)
    return explicit.instance(held, _guarded(held, lambda: recode.decoded(held)))


def _guarded(held: Held, make: Callable[[], Made], fault: Callable[[Held, object], Broken] = Undecodable) -> Made:
    """What is made of the pixel data; the fault when that fails, for codecs raise what they like."""
    try:
        return make()
    except OSError as problem:
        raise Gone(str(problem)) from problem
    except (Broken, Gone, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as problem:  # some codecs panic, which is no Exception
        raise fault(held, problem) from problem


def decoded_frame(held: Held, number: int) -> bytes:
    """One frame, counted from 1, decoded in the way that `instance` decodes it; Undecodable when that fails."""
    _promise_one(held, number)
    return _guarded(held, lambda: recode.frame(held, number))


def decoded(held: Held) -> bytes:
    """All frames decoded, one after the other."""
    return b"".join(decoded_frame(held, number) for number in range(1, held.frames + 1))


def made_frame(held: Held, number: int, syntax: str) -> bytes:
    """One frame, counted from 1, coded anew in a transfer syntax that it was not stored in."""
    _promise_one(held, number)
    return _guarded(held, lambda: recode.stream(held, number, syntax), Unmade)


def _promise_one(held: Held, number: int) -> None:
    """Undecodable unless the frame can be decoded in bounded memory."""
    if held.encapsulated:
        _guarded(held, lambda: _promise(held, number, recode.Form.of(held), _fragments(held)))


def _promise_all(held: Held) -> None:
    """Undecodable unless every frame can be decoded in bounded memory, Unmade when only all of them at once cannot."""
    if not held.encapsulated:
        return
    form = _guarded(held, lambda: recode.Form.of(held))
    samples = _samples(form)
    if samples * held.frames > MOST_OF_ALL:
        raise Unmade(held, f"{held.frames} frames of {samples} samples are too many at once, and can be had one by one")
    found = _fragments(held)
    for number in range(1, held.frames + 1):
        _guarded(held, partial(_promise, held, number, form, found))


def _promise(held: Held, number: int, form: recode.Form, found: Places) -> None:
    """Bent unless the bit stream of a frame has the size that the attributes tell: a decoder makes room for what it
    finds there before it finds out that nothing comes."""
    stream = joined(_encoded(held, number, found))
    if _samples(form) > MOST_SAMPLES:
        raise Bent(f"{form.rows} rows of {form.columns} are more than is decoded here")
    said = told(stream, held.transfer_syntax)
    if said and (said.rows, said.columns) != (form.rows, form.columns):
        raise Bent(f"frame {number} is coded as {said.rows} rows of {said.columns}, which is not its size")
    if held.transfer_syntax == RLE and _samples(form) * form.allocated // 8 > _RLE_RATIO * len(stream):
        raise Bent(f"frame {number} has too few octets for {form.rows} rows of {form.columns}")


def _samples(form: recode.Form) -> int:
    return form.rows * form.columns * form.samples


def told(stream: bytes, syntax: str) -> coded.Coded | None:
    """What a bit stream says of itself; None for a kind that says nothing, Uncoded for one that is not of its kind."""
    type = TYPE_OF.get(syntax, "")
    if type in ("image/jpeg", "image/jls"):
        return coded.jpeg(stream)
    if type in ("image/jp2", "image/jpx", "image/jphc"):
        return coded.jpeg2000(stream, "201" if type == "image/jphc" else "90")
    return None


def encoded_frame(held: Held, number: int) -> list[Piece]:
    """One frame, counted from 1, as its compressed bit stream without fragment delimiters (8.7.3.3.2).

    A video is one stream, whatever the number (8.7.3.3).
    """
    return _encoded(held, number, _fragments(held))


def _fragments(held: Held) -> Places:
    """Where the fragments of the pixel data lie, without the Basic Offset Table."""
    try:
        return fragments(held)[1:]
    except OSError as problem:
        raise Gone(str(problem)) from problem


def _encoded(held: Held, number: int, found: Places) -> list[Piece]:
    if held.frames <= 1 or compressed_type(held).startswith("video/"):
        return [Slice(held.path, at, length) for at, length in found]
    if len(found) == held.frames:
        return [Slice(held.path, *found[number - 1])]
    try:
        return [_cut(held, number)]
    except OSError as problem:
        raise Gone(str(problem)) from problem


def _cut(held: Held, number: int) -> bytes:
    """A frame of several fragments, which an offset table or the end of the stream in them tells apart."""
    try:
        with held.path.open("rb") as file:
            dataset = dcmread(file, stop_before_pixels=True)
            file.seek(12, 1)  # tag, VR, reserved and undefined length of the Pixel Data element
            offsets = None
            if "ExtendedOffsetTable" in dataset:
                offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
            return get_frame(file, number - 1, extended_offsets=offsets, number_of_frames=held.frames)
    except OSError:
        raise
    except Exception as problem:  # broken fragments surface as errors of many kinds
        raise Undecodable(held, f"frame {number}: {problem}") from problem


def compressed_type(held: Held) -> str:
    """The bulk data media type of the stored pixel data, '' when they are not compressed."""
    return TYPE_OF.get(held.transfer_syntax, "") if held.pixel_tag else ""


@dataclass(frozen=True)
class Geometry:
    """How native frames follow each other: `bits` of one frame, without padding between them (PS3.5 8.1.1)."""

    bits: int

    @classmethod
    def of(cls, held: Held) -> Geometry:
        """Shapeless when the attributes that tell the size are missing or no numbers."""
        attributes = json.loads(held.metadata.replace(b"\0", b""))
        try:
            samples = _number(attributes, "00280002")
            bits = _number(attributes, "00280010") * _number(attributes, "00280011") * _number(attributes, "00280100")
        except (KeyError, IndexError, TypeError, ValueError):
            raise Shapeless("Rows, Columns, Samples per Pixel or Bits Allocated is missing") from None
        interpretation = (attributes.get("00280004", {}).get("Value") or [""])[0]
        if interpretation == "YBR_FULL_422":
            return cls(bits * 2)  # two of three colour samples are shared by two pixels (PS3.3 C.7.6.3.1.2)
        return cls(bits * samples)


def _number(attributes: dict[str, Any], tag: str) -> int:
    return int(attributes[tag]["Value"][0])


def native_frames(value: Slice | bytes, geometry: Geometry, numbers: Sequence[int]) -> list[Piece]:
    """The frames of a native value field in the asked order; Shapeless when one lies beyond its end."""
    return [_native(value, geometry.bits, number - 1) for number in numbers]


def _native(value: Slice | bytes, bits: int, index: int) -> Piece:
    first, shift = divmod(index * bits, 8)
    last = -(-(index + 1) * bits // 8)
    if last > (len(value) if isinstance(value, bytes) else value.size):
        raise Shapeless(f"frame {index + 1} lies beyond the end of the pixel data")
    piece = value[first:last] if isinstance(value, bytes) else Slice(value.path, value.start + first, last - first)
    if not shift and not bits % 8:
        return piece
    return _shifted(piece, shift, bits)


def _shifted(piece: Slice | bytes, shift: int, bits: int) -> bytes:
    """The bits of one frame, beginning with the lowest bit of the first octet (8.7.3.3.1 note 2)."""
    octets = piece if isinstance(piece, bytes) else read(piece)
    number = int.from_bytes(octets, "little") >> shift & ((1 << bits) - 1)
    return number.to_bytes(-(-bits // 8), "little")
