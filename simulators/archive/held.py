"""Knows what the archive says about one instance: that it is held, or why it was not stored.

Must not know the index, transports, or encodings of answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simulators.model.names import ENCAPSULATED, INFLATED

# Failure Reason (0008,1197): PS3.18 Table I.2-2; PS3.4 B.2.3 for what 'x' stands for; xx is ours to choose.
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
SYNTAX_NOT_SUPPORTED = 0xC122
# Warning Reason (0008,1196): PS3.18 Table I.2-1.
COERCED = 0xB000
DISCARDED = 0xB006
UNMATCHED = 0xB007


@dataclass(frozen=True)
class Stored:
    """The outcome for one instance of a batch. `reason` is 0 or a Failure Reason, `warning` 0 or a Warning Reason.

    UIDs are '' when they could not be read. A failed instance left nothing behind. `original` is what its Original
    Attributes Sequence tells of this store, as a DICOM JSON attribute; '' when nothing was coerced.
    """

    status: Literal["stored", "failed"]
    reason: int = 0
    detail: str = ""
    sop_class: str = ""
    sop_instance: str = ""
    study: str = ""
    series: str = ""
    warning: int = 0
    original: str = ""


@dataclass(frozen=True)
class Held:
    """One stored instance. `path` is its PS3.10 file of `size` octets; the data set begins at `dataset_at`.

    `frames` counts frames of pixel data (0 without any). `metadata` is one DICOM JSON object, encoded when it was
    stored; its BulkDataURIs begin with `simulators.model.names.BASE`, which the door replaces by its base URI.
    The file is never changed in place: an instance that is replaced gets a file with another name. A reader that
    finds the file gone selects again.
    """

    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    path: Path
    size: int
    frames: int
    dataset_at: int
    metadata: bytes = field(repr=False)
    pixel_tag: str = ""  # 7FE00010, 7FE00008, 7FE00009, or '' without pixel data

    @property
    def is_image(self) -> bool:
        """There is pixel data to render."""
        return bool(self.pixel_tag)

    @property
    def encapsulated(self) -> bool:
        """Pixel data is in fragments (PS3.5 A.4)."""
        return self.transfer_syntax in ENCAPSULATED

    @property
    def deflated(self) -> bool:
        """The data set in the file is compressed as a whole, so offsets into it are not offsets into the file."""
        return self.transfer_syntax in INFLATED
