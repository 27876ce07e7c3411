"""Workitems under load: many of them, with many subscribers and performers at once; no event is lost or told twice.

Knows how it is printed; what is done and what has to come is in the load that the tests run as well, smaller.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.archive.load import load

WORKITEMS, SUBSCRIBERS, PERFORMERS = 10_000, 200, 50


def test_workitems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints changes and events in a second."""
    measured = load(tmp_path, WORKITEMS, SUBSCRIBERS, PERFORMERS)
    with capsys.disabled():
        print(f"\n{WORKITEMS} workitems, {SUBSCRIBERS} subscribers, {PERFORMERS} performers: {measured}")
    assert not measured.wrong, measured.wrong[:10]
    assert measured.refused == WORKITEMS  # of two claims one wins
