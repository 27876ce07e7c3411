"""No answer, however broken, makes a rule of the Search suite raise: it finds something, or it is not exercised."""

from __future__ import annotations

import pytest

import suites
from harness.exchange import Exchange, Journey
from harness.rule import CATALOGUE
from tests.suites.searching import S1, S2, judged, past_of, samples, x

suites.load()
RULES = [r for r in CATALOGUE.rules.values() if r.id.startswith("search.")]
STEPS = """all page filtered plain list repeated tags include json xml any one other unknown subject hit miss resource
    repeat some none unknown-parent row fetch study series with without false same matched unmatched all plain study
    series-of-study instances-of-study instances-of-series series""".split()  # noqa: SIM905
HOSTILE = [
    b"",
    b"null",
    b"7",
    b"{}",
    b"[null, 7, []]",
    b'[{"0020000D": 7}]',
    b'[{"0020000D": {"Value": {}}}]',
    b'[{"00081190": {"vr": "UR", "Value": ["http://[x"]}}]',
    b'[{"00400275": {"vr": "SQ", "Value": [7, {"00400009": null}]}}]',
    b'[{"00080020": {"vr": "DA", "Value": [{"a": 1}]}, "0020000D": {"vr": "UI", "Value": [null]}}]',
    b'[{"0020000D": {"vr": "UI", "Value": ["1.2.1"]}, "00100020": null, "00080061": {"vr": 7, "Value": [[]]}}]',
    b"\xff[",
    b"[" * 9999,
]
QUERY = f"StudyDate=2024-&limit=1&StudyInstanceUID={S1},{S2}&RequestAttributesSequence.00400009=1&includefield=Modality"
FACTS = {"uid": S1, "uids": [S1], "path": "00080020", "value": "v", "zone": "+0000", "here": "", "moment": ""}


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:20].decode("latin-1"))
@pytest.mark.parametrize("resource", ["studies", f"studies/{S1}/series", "instances"])
def test_hostile_answers(content: bytes, resource: str) -> None:
    expected = {"keys": [[S1]], "universe": [S1]}
    for query in (QUERY, QUERY.replace("limit=1&", "")):
        asked = x(f"{resource}?{query}", content, past=past_of(samples()[0]), expected=expected, facts=FACTS)
        for rule in RULES:
            if rule.over is Exchange:
                judged(rule.id, asked)
            else:
                whole = tuple(asked.but(step=step, journey="j") for step in STEPS)
                judged(rule.id, Journey(rule.on, "j", whole, asked.context))
