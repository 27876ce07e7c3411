"""Knows when what two doors hand out is the same instance, and which differences the standard lets be.

Must not know rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.exchange import Exchange
from harness.past import SOP_INSTANCE
from harness.wire import dicom_json
from harness.wire.difference import Difference, difference
from harness.wire.elements import DataSet
from suites.doors.story import native
from suites.web.retrieve import compare, permitted
from suites.web.retrieve.reading import datasets

Row = Mapping[str, Any]


def differences(got: DataSet, got_in: str, want: DataSet, want_in: str) -> list[Difference]:
    """Every place where `got` does not say what `want` says, in their transfer syntaxes.

    Left out are attributes that either says were coerced (0400,0561), and what describes pixels that are coded anew.
    """
    alike = got_in == want_in or (native(got_in) and native(want_in))
    ignore = permitted.coerced(got) ^ permitted.coerced(want)
    if not alike:
        ignore |= permitted.PIXEL_DESCRIPTION
    return list(difference(got, want, ignore=ignore, pixels=alike))


def lost(d: Difference) -> bool:
    return d.got == "absent"


def added(d: Difference) -> bool:
    return d.want == "absent"


def hollow(d: Difference) -> bool:
    """One side has the attribute without a value, the other has it not at all: the same for Type 3 (PS3.4 B.4.1.1)."""
    return (lost(d) and d.want.endswith(("empty", " 0 items"))) or (added(d) and d.got.endswith(("empty", " 0 items")))


def told_of(x: Exchange, uid: str) -> list[tuple[str, Row]]:
    """The data sets of a metadata answer, JSON or XML, that are this instance."""
    return [(where, row) for where, row in datasets(x.answer) if dicom_json.text(row, SOP_INSTANCE) == uid]


def metadata_differences(row: Row, want: DataSet, want_in: str) -> Iterator[compare.Difference]:
    """Every place where metadata does not say what a data set says; line ends are a matter of the model."""
    skip = permitted.coerced_in_json(row) ^ permitted.coerced(want)
    skip |= _description(want, want_in, dicom_json.text(row, permitted.PHOTOMETRIC))
    yield from (d for d in compare.compare(want, row, skip) if d.kind != "lines")


def _description(want: DataSet, want_in: str, shown: str) -> frozenset[str]:
    """Metadata says nothing of its transfer syntax: what describes pixels may be that of another coding."""
    if not native(want_in):
        return permitted.PIXEL_DESCRIPTION
    colours = [i == "RGB" or i.startswith("YBR") for i in (want.text(permitted.PHOTOMETRIC), shown)]
    return frozenset({permitted.PHOTOMETRIC, permitted.PLANAR}) if all(colours) else frozenset()
