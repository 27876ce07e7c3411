"""Knows rare but legal attribute values: private blocks, numeric limits, deep sequences, texts that look like framing.

Must not know which instance carries them.
"""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from harness.make.modules import codes, fill, item

CREATOR = "DICOMPROOF TEST"
SECOND_CREATOR = "DICOMPROOF MORE"
FRAMING = b"\r\n\r\n--boundary\r\nContent-Type: application/dicom\r\n\r\n--boundary--\r\n\r\n\r\n--\r\n"


def private_block(ds: Dataset) -> None:
    """Two creators in one group and one value of every VR that few standard attributes have (PS3.5 7.8)."""
    block = ds.private_block(0x0099, CREATOR, create=True)
    block.add_new(0x01, "LO", "private text")
    block.add_new(0x02, "UN", b"\x01\x02\x03\x04unknown!")
    block.add_new(0x03, "OB", FRAMING + b"\x00" * (len(FRAMING) % 2))
    block.add_new(0x04, "UT", "unlimited text\r\nin two lines")
    block.add_new(0x05, "UC", ["unlimited characters", "", "with an empty value between"])
    block.add_new(0x06, "UR", "https://example.org/a%20b?c=d&e=f#g")
    block.add_new(0x07, "AT", [Tag(0x00100010), Tag(0x7FE00010)])
    block.add_new(0x08, "UN", b"")
    block.add_new(0x09, "LT", "")
    block.add_new(0x0A, "AS", "042Y")
    block.add_new(0x0B, "AE", ["DICOMPROOF", "OTHER AE"])
    second = ds.private_block(0x0099, SECOND_CREATOR, create=True)
    second.add_new(0x01, "SH", "other owner")


def private_numbers(ds: Dataset) -> None:
    """The limits of the numeric VRs, fractions that binary holds exactly and ones that it does not."""
    block = ds.private_block(0x0099, CREATOR, create=True)
    block.add_new(0x10, "IS", ["-2147483648", "2147483647", "", "0"])
    block.add_new(0x11, "DS", ["-1.2345678901E+1", "1E-9", "", "9999999999999999"])
    block.add_new(0x12, "US", [0, 65535])
    block.add_new(0x13, "SS", [-32768, 32767])
    block.add_new(0x14, "UL", [0, 4294967295])
    block.add_new(0x15, "SL", [-2147483648, 2147483647])
    block.add_new(0x16, "UV", [0, 2**53 + 1, 2**64 - 1])
    block.add_new(0x17, "SV", [-(2**63), 2**63 - 1])
    block.add_new(0x18, "FL", [0.5, -0.15625, 3.4028234663852886e38])
    block.add_new(0x19, "FD", [0.1, 1.7976931348623157e308, 5e-324])
    block.add_new(0x1A, "OF", struct.pack("<3f", 0.5, -1.0, 3.25))
    block.add_new(0x1B, "OD", struct.pack("<2d", 0.1, -1e300))
    block.add_new(0x1C, "OL", struct.pack("<3I", 0, 1, 2**32 - 1))
    block.add_new(0x1D, "OV", struct.pack("<2Q", 1, 2**64 - 1))
    block.add_new(0x1E, "OW", struct.pack("<3H", 1, 2, 65535))
    block.add_new(0x1F, "DT", ["20240229235959.999999+1400", "2024", "202402-0500"])


def deep_sequence(ds: Dataset) -> None:
    """A private sequence four levels deep with an empty item on each level, and binary values inside.

    Lengths are defined on one level and undefined on the next (PS3.5 7.5.2).
    """
    block = ds.private_block(0x0099, CREATOR, create=True)
    inner = Dataset()
    inner.private_block(0x0099, CREATOR, create=True).add_new(0x30, "OB", b"\x00\xffdeep")
    inner.PatientComments = "level four"
    for level in (3, 2, 1):
        outer = Dataset()
        outer.ImageComments = f"level {level}"
        nested = outer.private_block(0x0099, CREATOR, create=True)
        nested.add_new(0x31, "SQ", Sequence([Dataset(), inner]))
        if level == 2:
            nested[0x31].is_undefined_length = True
            inner.is_undefined_length_sequence_item = True
        inner = outer
    block.add_new(0x31, "SQ", Sequence([inner, Dataset()]))
    block.add_new(0x32, "SQ", Sequence())


def standard_texts(ds: Dataset) -> None:
    """Standard attributes with long, empty, many or peculiar values."""
    fill(
        ds,
        ImageComments='  Quote " backslash \\ tab \t and line\r\nbreaks; <xml> & {"json": [1]} \u0025 % %41',
        PatientComments="",
        AdditionalPatientHistory="x" * 1025,
        OtherPatientNames=["Other^Name", "", "Third^Name"],
        PerformingPhysicianName=["One^A", "", "Three^C"],
        PhysiciansOfRecord="",
        ProcedureCodeSequence=codes(("P-1", "99DCMPROOF", "Synthetic procedure"), ("P-2", "99DCMPROOF", "Another")),
    )
    long_code = item(LongCodeValue="L" * 65, CodingSchemeDesignator="99DCMPROOF", CodeMeaning="A long code value")
    urn_code = item(URNCodeValue="urn:oid:2.999.1", CodeMeaning="A code named by URN")
    ds.AnatomicRegionSequence = Sequence([long_code])
    ds.DerivationCodeSequence = Sequence([urn_code])


def last_is_line_end(ds: Dataset) -> None:
    """A last element that ends like a line, as the content of a part may: what trims parts cuts it."""
    ds.private_block(0x7FE1, CREATOR, create=True).add_new(0x01, "OB", b"the end\n\r\n\r\n")


def small_private(ds: Dataset) -> None:
    """One private value, for transfer syntaxes in which its VR is lost or its octets are swapped."""
    block = ds.private_block(0x0099, CREATOR, create=True)
    block.add_new(0x01, "LO", "private text")
    block.add_new(0x12, "US", [0, 65535])
