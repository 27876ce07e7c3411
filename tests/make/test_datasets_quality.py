"""What the data sets and the examples with a fault are like: they reach everything, and shrink to the least."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.make import as_json, as_octets, as_xml
from harness.make.datasets import ALL, Flawed, datasets, files, flawed_json, flawed_part10, flawed_xml, json_texts
from harness.make.text_octets import SETS, encode, letters
from harness.make.tree import BINARY, Element, Tree, within
from harness.wire import charset, dicom_json, json_difference, native_xml, vr

HEALTH = list(HealthCheck)
QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=HEALTH)
SEEK = settings(QUICK, max_examples=2000, phases=[Phase.generate, Phase.shrink])


def seek(condition: Callable[[Any], bool], **options: Any) -> Tree:
    return find(datasets(**options), condition, settings=SEEK)


def elements(tree: Tree) -> list[Element]:
    return [element for _, element in tree.walk()]


@pytest.mark.parametrize("code", ALL)
def test_every_vr_is_made_and_shrinks_to_one_element(code: str) -> None:
    depth = 1 if code == "SQ" else 0
    tree = seek(
        lambda t: any(e.vr == code and not e.empty for e in elements(t)), vrs=[code], charsets=[()], depth=depth
    )
    held = elements(tree)
    assert [e.vr for e in held if not e.creates] == [code]
    assert len(held[-1].values) <= 1
    assert len(held[-1].octets) <= 8


def test_all_vrs_together_still_shrink() -> None:
    tree = seek(lambda t: {"UT", "US"} <= {e.vr for e in elements(t)}, charsets=[()], depth=0)
    assert sorted(e.vr for e in elements(tree) if not e.creates) == ["US", "UT"]


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_shrinks_to_nothing_but_items(depth: int) -> None:
    tree = seek(lambda t: t.depth == depth, depth=depth, charsets=[()], vrs=["LO", "SQ"])
    assert [len(e.items) for e in elements(tree) if e.vr == "SQ"] == [1] * depth
    assert len(elements(tree)) <= 3 * depth


@pytest.mark.parametrize(
    ("vrs", "condition"),
    [
        ("SQ", lambda e: e.vr == "SQ" and not e.items),
        ("SQ", lambda e: any(not item.elements for item in e.items)),
        ("CS", lambda e: len(e.values) > 1 and None in e.values),
        ("DT", lambda e: e.values and e.values[-1] is None),
        ("FD", lambda e: any(v != v for v in e.values)),
        ("FL", lambda e: float("inf") in e.values),
        ("PN", lambda e: str(e.values[:1]).count("=") == 2),
        ("LT", lambda e: len(str(e.values[0] if e.values else "")) == 10240),
        ("ST", lambda e: "\\" in str(e.values[0] if e.values else "")),
        ("LO", lambda e: e.private and not e.creates and e.tag[4:6] == "FF"),
    ],
)
def test_what_is_rare_is_reached_and_stands_alone(vrs: str, condition: Callable[[Element], bool]) -> None:
    tree = seek(lambda t: any(condition(e) for e in elements(t)), depth=1, charsets=[()], vrs=[vrs])
    assert len(elements(tree)) <= 3  # itself, and what a private block needs


@pytest.mark.parametrize("terms", SETS[1:], ids="|".join)
def test_every_character_set_is_reached_and_its_letters_read_back(terms: tuple[str, ...]) -> None:
    more = "".join(letters(term) for term in terms)
    tree = seek(
        lambda t: any(c in more for e in elements(t) for v in e.values for c in str(v)), charsets=[terms], depth=0
    )
    assert len(elements(tree)) <= 3
    text = f"a{more}^{more[::-1]}={more}b\r\n{more}"
    assert charset.decode(encode(text, terms), terms) == text


@QUICK
@given(datasets())
def test_a_data_set_is_in_order_and_names_its_creators(tree: Tree) -> None:
    for element in elements(tree):
        for item in (*element.items, tree):
            assert [e.tag for e in item.elements] == sorted({e.tag for e in item.elements})
        assert element.vr in BINARY or not element.octets
    for element in tree.elements:
        assert element.creates or not element.private or tree.creator(element)


@QUICK
@given(datasets(), st.data())
def test_json_and_xml_of_one_data_set_say_the_same(tree: Tree, data: st.DataObject) -> None:
    def choose(options: Any) -> Any:
        return data.draw(st.sampled_from(options))

    tree = Tree(tuple(e for e in tree.elements if not e.private and e.vr != "SQ"))
    text = as_json.render([as_json.dataset(tree, choose)], choose).encode()
    document = as_xml.render(as_xml.document(tree, choose), choose)
    ours = dicom_json.read(Body.of(text)).datasets[0]
    theirs = native_xml.to_json(native_xml.read(Body.of(document)).datasets[0])
    assert list(json_difference.difference(ours, theirs)) == []


@QUICK
@given(json_texts())
def test_a_text_says_what_the_data_set_says(made: tuple[Tree, bytes]) -> None:
    tree, octets = made
    root = json.loads(octets)
    read = root if isinstance(root, dict) else root[0]
    assert list(read) == [e.tag for e in tree.elements]
    assert [read[e.tag]["vr"] for e in tree.elements] == [e.vr for e in tree.elements]


@QUICK
@given(files())
def test_places_are_where_the_elements_are(made: tuple[Tree, as_octets.File]) -> None:
    tree, file = made
    if file.transfer_syntax == as_octets.DEFLATED:
        return
    order = ">" if file.transfer_syntax == as_octets.BIG_ENDIAN else "<"
    for path, element in tree.walk():
        encoding = as_octets.Encoding(big_endian=order == ">")
        assert file.octets[file.places[path] :][:4] == encoding.tag(element.tag)


@pytest.mark.parametrize(("make", "most"), [(flawed_json, 700), (flawed_xml, 500), (flawed_part10, 460)])
def test_an_example_with_a_fault_shrinks_to_the_fault(make: Any, most: int) -> None:
    """All but the deep, the long and the five transfer syntaxes become a few octets around the fault."""
    from harness.make.flawed import WRONG

    long = {f"{kind}.value-{fault}" for kind in ("json", "xml", "part10") for fault in WRONG} | {"json.item-depth"}
    module = __import__(f"harness.make.{make.__name__}", fromlist=["CODES"])
    for code in module.CODES[::4]:
        if code in long:
            continue
        found: Flawed = find(make(codes=(code,)), lambda flawed: True, settings=SEEK)
        assert found.code == code
        assert len(found.octets) <= most, (code, found.octets)


def test_a_tree_refuses_what_it_has_not() -> None:
    with pytest.raises(KeyError):
        within(Tree(), (("00081140", 0),), Tree())
    with pytest.raises(ValueError, match="Pixel Data"):
        as_octets.part10(Tree(), as_octets.ENCAPSULATED)
    with pytest.raises(ValueError, match="do not fit"):
        as_octets.dataset(Tree((Element("00100020", "LO", ("x" * 70000,)),)), as_octets.Encoding())
    with pytest.raises(UnicodeEncodeError):
        encode("山", ("ISO 2022 IR 6", "ISO 2022 IR 100"))


def test_every_vr_has_a_strategy() -> None:
    assert set(ALL) == vr.ALL
