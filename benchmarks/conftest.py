"""What all benchmarks share: the repository on the import path, so that they run without an installation as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
