"""A folder that is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomproof import read
from dicomproof.run import Result
from tests.front.reading import Judged


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Read what stands in `tmp_path`/in, or the paths given."""

    def run(*paths: Path, **options: object) -> Result:
        made = read.Options(tmp_path / "out", **options)  # type: ignore[arg-type]
        return read.read(paths or [tmp_path / "in"], made)

    (tmp_path / "in").mkdir()
    return run
