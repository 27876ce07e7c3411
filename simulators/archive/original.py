"""Knows how a change of a data set is told in it: the Original Attributes Sequence (PS3.3 C.12.1; PS3.18 10.5.2).

Must not know why anything is changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from simulators.model.json_encode import encode

SYSTEM = "DICOMPROOF"


def original_attributes(dataset: Dataset, former: Dataset, reason: Literal["COERCE", "CORRECT"], now: datetime) -> str:
    """Add an item with the former values to the data set; the sequence with this item alone as a DICOM JSON attribute.

    `former` holds each attribute that was replaced or removed as it was, an empty one as well.
    """
    item = Dataset()
    item.AttributeModificationDateTime = f"{now:%Y%m%d%H%M%S.%f%z}"
    item.ModifyingSystem = SYSTEM
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = reason
    item.ModifiedAttributesSequence = Sequence([former])
    held = dataset.get("OriginalAttributesSequence") or []
    dataset.OriginalAttributesSequence = Sequence([*held, item])
    told = Dataset()
    if "SpecificCharacterSet" in dataset:
        told.SpecificCharacterSet = dataset.SpecificCharacterSet
    told.OriginalAttributesSequence = Sequence([item])
    text = encode(told).decode()
    return text[text.index('"04000561":') + len('"04000561":') : -1]
