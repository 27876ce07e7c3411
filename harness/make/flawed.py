"""Knows what an example with one fault is: the octets, which reader's code finds it, and where.

Must not know any encoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flawed:
    """An example that is legal but for one thing. `code` and `where` are those of the reader of its encoding;
    `where` is whole for JSON and XML, and the path of the element for PS3.10 files ('' where that has no say)."""

    code: str
    where: str
    octets: bytes = field(repr=False)


# Values of string VRs with one fault each, by the kind of the fault (keys of harness.wire.vr.KINDS).
WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    "length": (("LO", "x" * 65), ("SH", "x" * 17), ("CS", "X" * 17), ("AE", "x" * 17), ("ST", "x" * 1025),
               ("LT", "x" * 10241), ("UI", "1." * 32 + "1"), ("DS", "1" * 17), ("IS", "0" * 13), ("PN", "x" * 65)),
    "characters": (("CS", "lower"), ("CS", "A-B"), ("DA", "2024-1-2"), ("TM", "10:11"), ("AS", "018X"), ("UI", "1.a"),
                   ("DS", "1,5"), ("IS", "1.5"), ("DT", "2024/01"), ("AE", "\xe9"), ("LO", "a\nb"), ("SH", "a\tb"),
                   ("UC", "a\x7fb"), ("ST", "a\x7fb"), ("PN", "a\nb")),
    "form": (("DA", "2024012"), ("TM", "1"), ("AS", "18DY"), ("UI", "1..2"), ("UI", "01.2"), ("UI", "1."),
             ("DS", "1e"), ("DS", "."), ("IS", "1-2"), ("DT", "202401021"), ("UR", "a b"), ("UR", "http://[x"),
             ("UR", " a"), ("AE", "  "), ("PN", "a^b^c^d^e^f")),
    "range": (("DA", "20240230"), ("DA", "19000229"), ("DA", "20241301"), ("TM", "2400"), ("TM", "1060"),
              ("DT", "20240230"), ("DT", "2024010124"), ("DT", "2024+1401"), ("DT", "2024-0000"), ("IS", "2147483648"),
              ("IS", "-2147483649")),
    "backslash": (("LO", "a\\b"), ("CS", "A\\B"), ("DA", "20240101\\"), ("UC", "\\"), ("PN", "a\\b")),
    "padding": (("LO", "a\0"), ("UI", "1.2\0"), ("CS", "A\0"), ("PN", "a\0"), ("LT", "a\0")),
    "escape": (("LO", "\x1b$B"), ("LT", "a\x1b(J"), ("PN", "\x1b$Ba")),
}  # fmt: skip
# Tag, VR, keyword and values of attributes that have too many or too few of them by PS3.6.
COUNTED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("00185100", "CS", "PatientPosition", ("HFS", "FFS")),
    ("00200037", "DS", "ImageOrientationPatient", ("1", "0", "0", "0", "1")),
    ("00280030", "DS", "PixelSpacing", ("1",)),
    ("00281101", "US", "RedPaletteColorLookupTableDescriptor", ("256", "0")),
    ("00400244", "DA", "PerformedProcedureStepStartDate", ("20240101", "20240102", "20240103")),
    ("30060050", "DS", "ContourData", ("1", "2", "3", "4")),
)
CREATOR, BLOCK = "FLAWED", "00990010"
"""The creator of the private block in which faults are planted, and its tag; `datasets` makes none in this group."""
TAG = "00991001"
"""The element in which faults are planted: it may have any VR."""
