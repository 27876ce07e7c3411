"""SCPs that lie, refuse, stay mute or worse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulators.dimse.controls import CONTROLS
from tests.front.control import nobody_is_fooled

# services whose content can be lied about; a whole run against each control takes minutes, most of it waiting
ONLY = "verification,storage,find.*"
# answers every query for ever, so that minutes go by until a run has had enough of it
SLOW = ("hostile-endless-pending",)
NAMES = [f"dimse-{name}" for name in CONTROLS if name not in SLOW or os.environ.get("DICOMPROOF_LARGE")]


@pytest.mark.parametrize("name", NAMES)
def test_no_content_rule_passes(name: str, tmp_path: Path) -> None:
    nobody_is_fooled(name, tmp_path, ONLY)


@pytest.mark.parametrize("name", ["dimse-liar", "dimse-liar-constant", "dimse-refuser"])
def test_no_content_rule_of_workitems_passes(name: str, tmp_path: Path) -> None:
    nobody_is_fooled(name, tmp_path, "ups")
