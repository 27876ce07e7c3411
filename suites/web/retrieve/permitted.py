"""Knows which differences from what was stored the standard permits: coercion that is declared, pixel description.

Must not know where the difference was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.past import Kept
from harness.wire.part10 import DataSet
from suites.web.retrieve.asked_frames import NATIVE
from suites.web.retrieve.reading import stored

ORIGINAL_ATTRIBUTES = "04000561"
PHOTOMETRIC, PLANAR = "00280004", "00280006"
# What may depend on the representation of the pixel data (10.4.1.1.2 Note 2), and what describes its coding.
PIXEL_DESCRIPTION = frozenset(
    {PHOTOMETRIC, PLANAR, "00280002", "00280100", "00280101", "00280102", "00280103", "00280106", "00280107",
     "00282110", "00282112", "00282114", "7FE00001", "7FE00002", "7FE00003"}
)  # fmt: skip
# Derivation Description and Code: where PS3.3 C.7.6.1.1.5 has it told how pixels were compressed.
_DERIVATION = frozenset({"00082111", "00089215"})
# What an archive says about itself, not about the instance: no attribute of the data set, yet nobody is misled.
ABOUT_THE_ARCHIVE = frozenset({"00080054", "00080056", "00081190", "00083002", "00201206", "00201208", "00201209"})
# A private attribute or creator of the outermost level; one in metadata by its creator's name.
_PRIVATE = re.compile(r"[0-9A-F]{3}[13579BDF](?!000)[0-9A-F]{4}")
_NAMED = re.compile(r"[0-9A-F]{3}[13579BDF]\[(?P<creator>.+)\][0-9A-F]{2}")


def of_its_own(path: str, ours: DataSet, shown: DataSet) -> bool:
    """A private attribute, or the creator of its block, in a block that the archive reserved for itself.

    Whoever stores an instance may add to it (PS3.4 B.4.1.3; a Standard Extended SOP Class, PS3.2 7.3); in a block that
    came with the instance, or without reserving one, nobody else may write (PS3.5 7.8.1).
    """
    block = _block(path)
    return block in shown.elements and block not in ours.elements


def of_its_own_in_json(path: str, ours: DataSet) -> bool:
    """The same for a path of metadata, which names the creator instead of the block (`compare.private_names`)."""
    creators = {ours.text(tag) for tag in ours.elements if _block(tag) == tag}
    match = _NAMED.fullmatch(path)
    return match is not None and match["creator"] not in creators


def _block(tag: str) -> str:
    """The tag of the Private Creator that reserves the block of an attribute, or of one itself; '' for others."""
    if not _PRIVATE.fullmatch(tag):
        return ""
    return tag if tag[4:6] == "00" else f"{tag[:4]}00{tag[4:6]}"


def coerced(dataset: DataSet) -> frozenset[str]:
    """Tags of the attributes that Original Attributes Sequence says were changed (10.5.2), itself included."""
    sequence = dataset.get(ORIGINAL_ATTRIBUTES)
    found = {ORIGINAL_ATTRIBUTES} if sequence is not None else set()
    for item in (sequence.items or ()) if sequence is not None else ():
        changed = item.get("04000550")
        for inner in (changed.items or ()) if changed is not None else ():
            found |= set(inner.elements)
    return frozenset(found)


def coerced_in_json(dataset: Mapping[str, Any]) -> frozenset[str]:
    """The same for a data set in the DICOM JSON Model."""
    sequence = dataset.get(ORIGINAL_ATTRIBUTES)
    found = {ORIGINAL_ATTRIBUTES} if sequence is not None else set()
    for item in _items(sequence):
        for inner in _items(item.get("04000550")):
            found |= set(inner)
    return frozenset(found)


def _items(attribute: Any) -> list[Mapping[str, Any]]:
    values = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return [v for v in values if isinstance(v, Mapping)] if isinstance(values, list) else []


def pixel_description(kept: Kept, shown: str, syntax: str = "") -> frozenset[str]:
    """Tags that may differ because pixel data can be coded otherwise than it was stored.

    `shown`: the Photometric Interpretation that was met; only colour is ever converted, grey stays what it is.
    `syntax`: the Transfer Syntax of what was met, '' for metadata, which says nothing of it.
    """
    if recoded(kept, syntax):
        return PIXEL_DESCRIPTION | _DERIVATION
    if kept.transfer_syntax not in NATIVE:
        return PIXEL_DESCRIPTION if not syntax else frozenset()
    ours = _interpretation(kept)
    return frozenset({PHOTOMETRIC, PLANAR}) if not syntax and _colour(ours) and _colour(shown) else frozenset()


def recoded(kept: Kept, syntax: str) -> bool:
    """The pixel data has another coding than it was stored in; native ones are all alike. '' is not known."""
    return bool(syntax) and _coding(syntax) != _coding(kept.transfer_syntax)


def _coding(syntax: str) -> str:
    return "native" if syntax in NATIVE else syntax


def _colour(interpretation: str) -> bool:
    return interpretation == "RGB" or interpretation.startswith("YBR")


@lru_cache(maxsize=256)
def _interpretation(kept: Kept) -> str:
    return stored(kept).dataset.text(PHOTOMETRIC)
