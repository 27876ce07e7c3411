"""Workitems in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.archive.workitems import Workitems


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Workitems]:
    made = Workitems(tmp_path / "ups")
    yield made
    made.close()
