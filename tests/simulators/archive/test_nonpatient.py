"""Non-Patient Instances on disk: kept by category, never replaced, found again by whoever opens the folder next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from harness.make.nonpatient import KINDS, Instance, Maker, stray
from harness.nonpatient import CATEGORIES, CATEGORY_OF
from simulators.archive.held import SOP_CLASS_NOT_SUPPORTED, Stored
from simulators.archive.nonpatient import STALE, NonPatient
from simulators.archive.question import BadValue, Key, Question

ALL = Question(())


def put(kept: NonPatient, octets: bytes, category: str = "", uid: str = "") -> Stored:
    incoming = kept.receive()
    incoming.write(octets)
    return kept.store([incoming], category, uid)[0]


def uids(kept: NonPatient, category: str, question: Question = ALL) -> list[str]:
    return [row.instance for row in kept.search(category, question).rows]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_kept_in_its_category(tmp_path: Path, kind: str) -> None:
    kept, made = NonPatient(tmp_path), Maker("tests")(kind)
    assert put(kept, made.part10).status == "stored"
    for name in CATEGORIES:
        assert uids(kept, name) == ([made.uid] if name == made.category else [])
    held = kept.get(made.category, made.uid)
    assert held is not None
    assert held.path.read_bytes() == made.part10


def test_what_belongs_elsewhere_is_refused(tmp_path: Path) -> None:
    kept, make = NonPatient(tmp_path), Maker("tests")
    made = make("hanging")
    assert put(kept, made.part10, "color-palettes").reason == SOP_CLASS_NOT_SUPPORTED
    assert put(kept, stray("tests").part10).reason == SOP_CLASS_NOT_SUPPORTED
    assert put(kept, made.part10, made.category, "1.2.3").status == "failed"
    assert put(kept, made.part10[:-20]).status == "failed"
    assert put(kept, b"").status == "failed"
    assert not list(tmp_path.rglob("*.dcm"))


def test_an_instance_never_changes(tmp_path: Path) -> None:
    kept, make = NonPatient(tmp_path), Maker("tests")
    made = make("palette")
    assert put(kept, made.part10).status == "stored"
    assert put(kept, made.part10).status == "stored"
    assert put(kept, make.again(made, ContentLabel="OTHER").part10).status == "failed"
    held = kept.get(made.category, made.uid)
    assert held is not None
    assert held.path.read_bytes() == made.part10


def test_another_process_sees_what_was_stored(tmp_path: Path) -> None:
    one, other, make = NonPatient(tmp_path), NonPatient(tmp_path), Maker("tests")
    assert uids(other, "inventories") == []
    made = make("inventory")
    put(one, made.part10)
    assert uids(other, "inventories") == [made.uid]
    assert put(other, make.again(made, InventoryPurpose="x").part10).status == "failed"


def test_what_crashed_while_it_arrived_is_swept(tmp_path: Path) -> None:
    first = NonPatient(tmp_path)
    old, young = first.receive(), first.receive()
    for incoming in (old, young):
        incoming.write(b"half a file")
        incoming.close()
    long_ago = old.path.stat().st_mtime - 2 * STALE
    os.utime(old.path, (long_ago, long_ago))
    NonPatient(tmp_path)
    assert not old.path.exists()
    assert young.path.exists()


def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    kept, made = NonPatient(tmp_path), Maker("tests")("palette")
    put(kept, made.part10)
    (tmp_path / made.category / "1.2.3.dcm").write_bytes(b"no file")
    assert uids(NonPatient(tmp_path), made.category) == [made.uid]


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("0072000C.00080060", "CT", [0, 2]),
        ("0072000C.00082218.00080100", "51185008", [1]),
        ("0072000A", "20240102000000-20240103235959", [0, 1]),
        ("00720006", "SITE", [0, 2]),
        ("00720014", "1", [0, 2]),
        ("00720002", "H_*", [0, 1, 2]),
        ("00720002", "h_*", []),
        ("00720002", "", [0, 1, 2]),
    ],
)
def test_keys_are_matched(tmp_path: Path, path: str, value: str, found: list[int]) -> None:
    kept, make = NonPatient(tmp_path), Maker("tests")
    made = [make("hanging") for _ in range(3)]
    for one in made:
        put(kept, one.part10)
    question = Question((), keys=(Key(tuple(path.split(".")), (value,)),))
    assert uids(kept, "hanging-protocols", question) == sorted(made[n].uid for n in found)


def test_a_value_that_no_key_can_have(tmp_path: Path) -> None:
    question = Question((), keys=(Key(("0072000A",), ("yesterday",)),))
    with pytest.raises(BadValue):
        NonPatient(tmp_path).search("hanging-protocols", question)


def test_a_match_tells_the_keys_of_its_table_and_what_was_asked_for(tmp_path: Path) -> None:
    kept, made = NonPatient(tmp_path), Maker("tests")("hanging")
    put(kept, made.part10)
    (row,) = kept.search(made.category, ALL).rows
    assert {"00080018", "00720002", "0072000C"} <= row.elements.keys()
    assert "00720020" not in row.elements  # Image Sets Sequence is no return key
    (row,) = kept.search(made.category, Question((), include=frozenset({("00720020",)}))).rows
    assert b"00720022" in row.elements["00720020"]
    (row,) = kept.search(made.category, Question((), include_all=True)).rows
    assert row.elements.keys() == made.attributes.keys()


class Keeping(RuleBasedStateMachine):
    """Whatever is stored, in any order and by two who share the folder: the first of each UID stays and is found."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.make = Maker("machine")
        self.made: list[Instance] = []
        self.held: dict[str, bytes] = {}
        root = type(self).folder / str(len(list(type(self).folder.iterdir())))
        self.kept = [NonPatient(root), NonPatient(root)]

    @rule(kind=st.sampled_from(sorted(KINDS)), who=st.integers(0, 1))
    def store(self, kind: str, who: int) -> None:
        made = self.make(kind)
        self.made.append(made)
        assert put(self.kept[who], made.part10, made.category).status == "stored"
        self.held[made.uid] = made.part10

    @rule(data=st.data(), who=st.integers(0, 1))
    def store_again(self, data: st.DataObject, who: int) -> None:
        if self.made:
            made = data.draw(st.sampled_from(self.made))
            other = self.make.again(made, SpecificCharacterSet="ISO_IR 100")
            assert put(self.kept[who], made.part10).status == "stored"
            assert put(self.kept[who], other.part10).status == "failed"

    @invariant()
    def all_is_there(self) -> None:
        for kept in self.kept:
            for name in CATEGORIES:
                mine = sorted(m.uid for m in self.made if CATEGORY_OF[m.sop_class] == name)
                assert uids(kept, name) == mine
            for uid, octets in self.held.items():
                made = next(m for m in self.made if m.uid == uid)
                held = kept.get(made.category, uid)
                assert held is not None
                assert held.path.read_bytes() == octets


def test_storing_in_any_order(tmp_path: Path) -> None:
    Keeping.folder = tmp_path

    class Case(Keeping):
        pass

    machine = Case.TestCase
    machine.settings = settings(
        max_examples=8, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine("runTest").runTest()
