"""Knows how a mutant changes worklist queries and items, below their sequences too.

Must not know rules.
"""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from harness.upper_layer.message import Message as Sent
from suites.dimse import bend

_STRINGS = frozenset({"AE", "CS", "DA", "LO", "PN", "SH", "TM", "UI"})
Keyed = Callable[[str, str], str | None]


def rewriting(request: Sent, change: Keyed) -> Sent:
    """A C-FIND request with the value of each string key changed, by path; None leaves it empty."""
    if not bend.is_request(request, "find"):
        return request
    return bend.asking(request, lambda found: _rewrite(found, change, ""))


def _rewrite(found: Dataset, change: Keyed, above: str) -> bool:
    touched = False
    for element in [e for e in found if e.tag != 0x00080005]:
        path = f"{above}{int(element.tag):08X}"
        if element.VR == "SQ":
            for item in element.value:
                touched |= _rewrite(item, change, f"{path}.")
        elif element.VR in _STRINGS:
            value = "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value or "")
            new = change(path, value)
            if new != value:
                if element.VR == "PN":
                    element.value = new or None
                else:
                    element._value = new or None  # as it is, right or wrong
                touched = True
    return touched


def edited(message: Sent, change: bend.Change) -> Sent | None:
    """An item on its way out, changed in place; None for other messages, or when the change says False."""
    return bend.rewritten(message, change) if bend.is_pending(message, "find") else None


def step_of(found: Dataset) -> Dataset | None:
    """The one item of the Scheduled Procedure Step Sequence."""
    held = found.get("ScheduledProcedureStepSequence")
    return held[0] if held else None
