"""Knows the names the encoders share: placeholder of the base URI and the transfer syntaxes by their shape.

Must not know how anything is encoded.
"""

from __future__ import annotations

from typing import Final

from pydicom.uid import AllTransferSyntaxes, ImplicitVRLittleEndian

# Stands for the base URI at the start of every BulkDataURI in stored metadata. A JSON text never holds a raw
# NUL octet (RFC 8259 7), so replacing it cannot hit anything else.
BASE: Final = b"\x00BASE\x00"

# Pixel data is somewhere else, behind a URL in the data set; the data set itself is a native one.
_JPIP: Final = frozenset(
    ("1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.4.205")
)
INFLATED: Final = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
IMPLICIT: Final = frozenset((str(ImplicitVRLittleEndian),))
BIG_ENDIAN: Final = frozenset(("1.2.840.10008.1.2.2",))
# Encapsulated Uncompressed, Deflated Image Frame, JPEG XL: in fragments, younger than some dictionaries.
_YOUNG: Final = frozenset(
    ("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111",
     "1.2.840.10008.1.2.4.112")
)  # fmt: skip
_NATIVE: Final = IMPLICIT | BIG_ENDIAN | INFLATED | _JPIP | {"1.2.840.10008.1.2.1"}
SYNTAXES: Final = frozenset(str(s) for s in AllTransferSyntaxes) | _NATIVE | _YOUNG
ENCAPSULATED: Final = SYNTAXES - _NATIVE
