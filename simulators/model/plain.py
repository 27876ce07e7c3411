"""Knows how a pydicom data set becomes octets that the scanner reads, so that everything is encoded by one path.

Must not know the models it is encoded to.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from simulators.model.scan import Source, read_dataset

_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def source_of(dataset: Dataset) -> Source:
    """The data set over octets in Explicit VR Little Endian; whatever pydicom cannot encode raises its error."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = False
    write_dataset(buffer, dataset)
    return read_dataset(buffer.getvalue(), 0, _EXPLICIT_LITTLE)
