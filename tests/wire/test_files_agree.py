"""The strict reader of PS3.10 files, an independent reader and the generators say the same of the same files."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from pydicom import dcmread

from harness.body import Body
from harness.make import as_octets
from harness.make.datasets import Flawed, files, flawed_part10
from harness.make.flawed_part10 import CODES
from harness.make.tree import Tree
from harness.wire import part10

many = settings(
    max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def flaws(octets: bytes) -> list[tuple[str, str]]:
    return [(f.code, f.where) for f in part10.read(Body.of(octets)).flaws.kept if f.code not in part10.NOTES]


@settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(files())
def test_legal_files_have_no_flaw(made: tuple[Tree, as_octets.File]) -> None:
    tree, file = made
    # a data set without an element is written as no octets, which PS3.10 7.2 does not know
    expected = set() if tree.elements else {"part10.no-dataset"}
    assert {code for code, _ in flaws(file.octets)} == expected


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(files())
def test_an_independent_reader_finds_the_same_elements(made: tuple[Tree, as_octets.File]) -> None:
    tree, file = made
    read = dcmread(io.BytesIO(file.octets))
    assert [f"{int(tag):08X}" for tag in read.keys()] == [e.tag for e in tree.elements]  # noqa: SIM118
    ours = part10.read(Body.of(file.octets)).dataset
    assert list(ours.elements) == [e.tag for e in tree.elements]


@many
@given(flawed_part10())
def test_a_fault_is_found_where_it_is(made: Flawed) -> None:
    found = flaws(made.octets)
    assert {code for code, _ in found} == {made.code}
    assert not made.where or [where for _, where in found] == [made.where]


def test_every_code_of_the_reader_is_made() -> None:
    bounds = {"part10.depth", "part10.too-many", "part10.deflate-bound"}
    # told by whole elements of another kind: File Meta Information that is written in another way
    others = {"part10.meta-implicit", "part10.meta-un", "part10.meta-private"}
    # a backslash in octets separates values, and no reader can know that it was meant otherwise
    assert set(part10.CODES) - part10.NOTES - set(CODES) == bounds | others | {"part10.value-backslash"}
    assert set(CODES) <= set(part10.CODES)
