"""Web servers that lie, refuse, stay mute or worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomproof.sims import CONTROLS as NAMES
from tests.front.control import nobody_is_fooled


@pytest.mark.parametrize("name", NAMES)
def test_no_content_rule_passes(name: str, tmp_path: Path) -> None:
    nobody_is_fooled(name, tmp_path)
