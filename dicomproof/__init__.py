"""dicomproof: conformance tests and a reference simulator for DICOMweb and DIMSE products.

Knows where the other folders lie: beside this one in the repository, inside `_app/` in an installed wheel.
Must not know what they do; `dicomproof.__main__` composes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

__version__ = "0.1.0"

_here = Path(__file__).resolve().parent
_app = _here / "_app"
_root = str(_app if _app.is_dir() else _here.parent)
if _root not in sys.path:
    # first, so that somebody else's package called `schemas` or `reports` cannot stand in our way
    sys.path.insert(0, _root)
