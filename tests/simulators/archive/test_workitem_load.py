"""A small version of the load that is measured in benchmarks/bench_workitems.py."""

from __future__ import annotations

from pathlib import Path

from tests.simulators.archive.load import load


def test_no_event_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    measured = load(tmp_path, workitems=60, subscribers=20, performers=8)
    assert measured.wrong == []
    assert (measured.refused, measured.changes) == (60, 300)
    assert measured.deliveries == 10 * 60 * 4 + 10 * 6 * 4
