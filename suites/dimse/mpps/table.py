"""Knows Tables F.7.2-1 and F.8.2-1 of PS3.4: which attributes a performed step needs when, and what may be set.

Must not know operations, nor who is to be blamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.wire.elements import DataSet, Element
from suites.dimse.reading import texts

STATUS = "00400252"
IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
STATES = (IN_PROGRESS, COMPLETED, DISCONTINUED)
FINAL = (COMPLETED, DISCONTINUED)
CHARSET = "00080005"
SERIES = "00400340"
_STEP = "00400270"  # Scheduled Step Attributes Sequence


def _rows(kind: str, *paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, kind)


_REFERENCED = _rows("1", "00081150", "00081155")
_SERIES_ITEM: Mapping[str, str] = {
    **_rows("1", "00181030", "0020000E"),
    **_rows("2", "00081050", "00081070", "0008103E", "00080054", "00081140", "00400220"),
}
_IN_SERIES = {
    **{f"{SERIES}.{tag}": kind for tag, kind in _SERIES_ITEM.items()},
    **{f"{SERIES}.{s}.{tag}": kind for s in ("00081140", "00400220") for tag, kind in _REFERENCED.items()},
}
CREATE: Mapping[str, str] = {
    **_rows("1", _STEP, f"{_STEP}.0020000D"),
    **{f"{_STEP}.{tag}": "2" for tag in ("00081110", "00080050", "00401001", "00321060", "00400009", "00400007",
                                         "00400008")},
    **{f"{_STEP}.00081110.{tag}": kind for tag, kind in _REFERENCED.items()},
    **_rows("2", "00100010", "00100020", "00100030", "00100040", "00081120"),
    **{f"00081120.{tag}": kind for tag, kind in _REFERENCED.items()},
    **_rows("1", "00400253", "00400241", "00400244", "00400245", STATUS, "00080060"),
    **_rows("2", "00400242", "00400243", "00400254", "00400255", "00081032", "00400250", "00400251", "00200010",
            "00400260", SERIES),
    **_IN_SERIES,
}  # fmt: skip
"""What a user provides with N-CREATE, by path; what lies below a sequence holds for each of its items."""

SET: Mapping[str, str] = _IN_SERIES
"""What a user provides in the items of the sequences that an N-SET has."""

ENDED: Mapping[str, str] = {**_rows("1", "00400250", "00400251", SERIES), **_IN_SERIES}
"""What there is when the state becomes final (column Final State)."""

FIXED = frozenset(
    (_STEP, "00100010", "00100020", "00100021", "00100024", "00101002", "00100030", "00100040", "00081120", "00380010",
     "00380014", "00380060", "00380064", "00380062", "00400253", "00400241", "00400242", "00400243", "00400244",
     "00400245", "00080060", "00200010")
)  # fmt: skip
"""What no N-SET may touch ("Not allowed")."""

RETRIEVED: Mapping[str, str] = {
    **_rows("1", _STEP, "00400241", "00400244", "00400245", "00400253", STATUS, "00080060"),
    **_rows("2", "00100010", "00100020", "00100030", "00100040", "00081120", "00400242", "00400243", "00400250",
            "00400251", "00400254", "00400255", "00081032", "00400281", SERIES, "00200010", "00400260"),
}  # fmt: skip
"""What every provider of the Retrieve SOP Class returns when asked (Table F.8.2-1)."""


def lacking(found: DataSet, types: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(path, what is wrong, type) for each attribute that these types ask for and the data set does not have."""
    for path, kind in types.items():
        for holder in holders(found, path):
            element = holder.get(path.rpartition(".")[2])
            if element is None:
                yield path, "not there", kind
            elif kind == "1" and not valued(holder, element):
                yield path, "no value", kind


def holders(found: DataSet, path: str) -> Iterator[DataSet]:
    """The data sets in which the last tag of a path belongs: every item of the sequences above it."""
    tag, _, rest = path.partition(".")
    if not rest:
        yield found
        return
    element = found.get(tag)
    for item in (element.items or ()) if element is not None else ():
        yield from holders(item, rest)


def valued(holder: DataSet, element: Element) -> bool:
    """Not empty, and not made of padding alone."""
    if element.items is not None:
        return bool(element.items)
    return not element.empty and (any(texts(holder, element.tag)) or (bool(element.value) and not _is_text(element)))


def _is_text(element: Element) -> bool:
    return element.vr in ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UT")
