"""Provokes searches that show what a target holds, where nothing may be stored.

Must not judge: what is found is data for other probes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.exchange import Exchange
from harness.make.holding import Holding
from harness.rule import probe
from harness.talk.conversation import Web
from harness.wire import dicom_json

STUDIES, SERIES, INSTANCES = 10, 4, 10  # how many of each are looked at; enough to choose from, little to ask for

Row = Mapping[str, Any]


@probe("search.find-data", provokes=("web.search", "web.retrieve.metadata"), needs="nothing")
def find_data(web: Web) -> None:
    """Search studies, their series and instances, and take what is named there as data to ask for."""
    studies = _rows(web.search("studies", [("limit", str(STUDIES)), ("includefield", "all")]))
    series: list[Row] = []
    instances: list[Row] = []
    for study in (dicom_json.text(row, "0020000D") for row in studies):
        for row in _rows(web.search(f"studies/{study}/series", [("limit", str(SERIES))])) if study else ():
            series.append({**row, "0020000D": _uid(study)})
            uid = dicom_json.text(row, "0020000E")
            below = f"studies/{study}/series/{uid}/instances"
            found = _rows(web.search(below, [("limit", str(INSTANCES))])) if uid else []
            instances += [{**i, "0020000D": _uid(study), "0020000E": _uid(uid)} for i in found]
    web.session.holding = Holding.found(studies, series, instances)


def _rows(x: Exchange) -> list[Row]:
    return list(x.answer.json.datasets) if x.answer.ok and x.answer.json else []


def _uid(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}
