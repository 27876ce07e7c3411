"""Knows how what a probe has in hand becomes the data set of a message: trees, data sets, samples, PS3.10 files.

Must not know associations or services.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from harness.body import Body
from harness.make import as_octets
from harness.make.sample import Sample
from harness.make.tree import Tree

Content = bytes | Body | Tree | Dataset

_META: Final = 64 << 10  # octets of a file in which its File Meta Information ends


@dataclass(frozen=True)
class Instance:
    """A composite instance ready for C-STORE: what it is, and its data set as encoded."""

    sop_class: str
    instance: str
    transfer_syntax: str
    data: bytes | Body


def encoded(content: Content, transfer_syntax: str) -> bytes | Body:
    """The data set in this transfer syntax; octets are taken as they are."""
    if isinstance(content, bytes | Body):
        return content
    if isinstance(content, Tree):
        octets = as_octets.dataset(content, as_octets.encoding_of(transfer_syntax, content.charset)).octets
    else:
        octets = _written(content, transfer_syntax)
    return _deflated(octets) if transfer_syntax == as_octets.DEFLATED else octets


def instance(what: Sample | Instance | bytes | Body) -> Instance:
    """A sample, or a whole PS3.10 file; ValueError when it is none."""
    if isinstance(what, Instance):
        return what
    if isinstance(what, Sample):
        return Instance(what.sop_class, what.instance, what.transfer_syntax, what.part10[_end(what.part10) :])
    head = what.read(0, _META) if isinstance(what, Body) else what
    try:
        meta = dcmread(io.BytesIO(head), specific_tags=[], stop_before_pixels=True).file_meta
        about = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except (InvalidDicomError, AttributeError, EOFError) as error:
        raise ValueError(f"this is no PS3.10 file: {error}") from error
    end = _end(head)
    data = what.slice(end, what.size) if isinstance(what, Body) else what[end:]
    return Instance(str(about[0]), str(about[1]), str(about[2]), data)


def _end(head: bytes) -> int:
    """Where the data set begins: after the group that (0002,0000) measures (PS3.10 7.1)."""
    return 144 + int.from_bytes(head[140:144], "little")


def _written(content: Dataset, transfer_syntax: str) -> bytes:
    out = DicomBytesIO()
    out.is_little_endian = transfer_syntax != as_octets.BIG_ENDIAN
    out.is_implicit_VR = transfer_syntax == as_octets.IMPLICIT
    write_dataset(out, content)
    return out.getvalue()


def _deflated(octets: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    folded = engine.compress(octets) + engine.flush()
    return folded + bytes(len(folded) % 2)
