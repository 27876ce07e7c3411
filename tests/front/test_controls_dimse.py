"""SCPs that lie, refuse, stay mute or worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.dimse.controls import CONTROLS
from tests.front.control import nobody_is_fooled

# services whose content can be lied about; a whole run against each control takes minutes, most of it waiting
ONLY = "verification,storage,find.*"
NAMES = [f"dimse-{name}" for name in CONTROLS]


@pytest.mark.parametrize("name", NAMES)
def test_no_content_rule_passes(name: str, tmp_path: Path) -> None:
    nobody_is_fooled(name, tmp_path, ONLY)
