"""What a target holds looks the same, loaded or found; hostile rows do no harm."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.sample import Sample


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(corpus(3, "HOLD"))


@cache
def held() -> Holding:
    return Holding.of(samples())


def test_of_samples() -> None:
    holding = held()
    assert len(holding.instances) == len(samples())
    first = holding.studies[0]
    assert first.study == samples()[0].study
    assert first.values("00080061") == ["CT"]
    assert first.values("00201206") == [3]
    assert first.values("00201208") == [len([s for s in samples() if s.study == first.study])]
    assert sum(e.values("00201209")[0] for e in holding.series) == len(samples())
    mixed = next(e for e in holding.studies if len(e.texts("00080061")) > 2)
    assert set(mixed.texts("00080061")) == {"CR", "DX", "SR", "KO", "PR"}


def test_below_and_paths() -> None:
    holding = held()
    study = holding.studies[0]
    series = holding.below(study, "series")
    assert len(series) == 3
    assert series[0].path == f"/studies/{study.study}/series/{series[0].series}"
    assert sum(len(holding.below(s, "instance")) for s in series) == len(holding.below(study, "instance"))
    assert holding.below(study, "study") == (study,)
    assert holding.instances[0].path == samples()[0].path


def test_look_ups() -> None:
    holding = held()
    image, many = holding.image(), holding.multiframe()
    assert image is not None
    assert image.frames == 1
    assert many is not None
    assert many.frames > 1
    jpeg = holding.with_transfer_syntax("1.2.840.10008.1.2.4.50")
    assert jpeg is not None
    assert jpeg.transfer_syntax.endswith(".50")
    assert holding.with_transfer_syntax("1.2.3") is None
    assert holding.values("00080060", "series") == sorted(set(holding.values("00080060", "series")))
    assert "CT" in holding.values("00080060", "series")
    assert holding.pick(random.Random(1), "series") == holding.pick(random.Random(1), "series")
    assert Holding().pick(random.Random(1), "study") is None
    assert Holding().empty
    assert not holding.empty


def test_found_is_like_loaded() -> None:
    loaded = held()
    found = Holding.found(
        (e.attrs for e in loaded.studies),
        ({**e.attrs, "0020000D": {"vr": "UI", "Value": [e.study]}} for e in loaded.series),
        (e.attrs for e in loaded.instances),
    )
    assert [e.uids for e in found.studies] == [e.uids for e in loaded.studies]
    assert [e.uids for e in found.series] == [e.uids for e in loaded.series]
    assert [e.uids for e in found.instances] == [e.uids for e in loaded.instances]
    assert [e.frames for e in found.instances] == [s.frames for s in samples()]
    assert found.values("00100010", "study") == loaded.values("00100010", "study")
    assert found.left_out == 0


def test_found_adds_parents_and_counts_what_names_nobody() -> None:
    row = {"0020000D": {"vr": "UI", "Value": ["1.2"]}, "0020000E": {"vr": "UI", "Value": ["1.3"]}}
    found = Holding.found([], [row, row, {"0020000E": {"vr": "UI", "Value": ["1.3"]}}], [row])
    assert [e.uids for e in found.studies] == [("1.2",)]
    assert [e.uids for e in found.series] == [("1.2", "1.3")]
    assert found.left_out == 2


def test_transfer_syntax_is_told_only_when_it_is_one() -> None:
    base = {tag: {"vr": "UI", "Value": ["1.2"]} for tag in ("0020000D", "0020000E", "00080018")}
    one = Holding.found(instances=[{**base, "00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}])
    two = Holding.found(instances=[{**base, "00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1", "1.2.3"]}}])
    assert one.instances[0].transfer_syntax == "1.2.840.10008.1.2.1"
    assert two.instances[0].transfer_syntax == ""


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["vr", "Value", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
TAGS = st.sampled_from(["0020000D", "0020000E", "00080018", "00280008", "00080020", "00400275"])
UID_ATTRIBUTE = st.just({"vr": "UI", "Value": ["1.2.3"]})


@settings(deadline=None)
@given(st.lists(st.dictionaries(TAGS, ANYTHING | UID_ATTRIBUTE, max_size=6) | ANYTHING, max_size=4))
def test_found_survives_anything(rows: list[Any]) -> None:
    found = Holding.found(rows, rows, rows)
    for entity in (*found.studies, *found.series, *found.instances):
        entity.texts("00080020")
        entity.attribute("00400275.00400009")
        assert ".." not in entity.path
