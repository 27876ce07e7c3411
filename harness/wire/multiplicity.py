"""Knows how many values PS3.6 lets a data element have, out of the table schemas/vm.json.

Must not know how values are carried or told apart, nor whether an attribute may be empty: that is a matter of its IOD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import schemas
from harness.wire import vr

TABLE = Path(schemas.__file__).parent / "vm.json"
_FORM = re.compile(r"(\d+)(?:-(\d*)(n?))?")
# one octet string or text whatever its length; items of a sequence are not values that are counted
_UNCOUNTED = vr.BINARY | vr.SINGLE | {"SQ"}


@cache
def _table() -> tuple[dict[str, str], dict[str, str]]:
    """VM by tag, and by mask for the elements of repeating groups; without those that are retired."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    rows: dict[str, list[str]] = table["vm"]
    retired = frozenset(table["retired"])
    every = {tag: vm for vm, tags in rows.items() for tag in tags if tag not in retired}
    return {t: vm for t, vm in every.items() if "x" not in t}, {t: vm for t, vm in every.items() if "x" in t}


@lru_cache(maxsize=8192)
def of(tag: str) -> str:
    """The VM as PS3.6 writes it ("1", "1-n", "2-2n") of an eight-digit tag; "" for one that nobody can judge.

    That are unknown and private elements, but for a Private Creator, which has one value (PS3.5 7.8.1), and retired
    ones: what PS3.6 says of the attributes of ACR-NEMA is a recommendation, and old objects need not keep to it
    (PS3.5 6.2).
    """
    plain, masks = _table()
    if tag[3] in "13579BDF":
        return "1" if "0010" <= tag[4:] <= "00FF" else ""
    return plain.get(tag) or next(_repeating(tag, masks), "")


def _repeating(tag: str, masks: dict[str, str]) -> Iterator[str]:
    for mask, vm in masks.items():
        if all(wanted in ("x", digit) for wanted, digit in zip(mask, tag, strict=True)):
            yield vm


@lru_cache(maxsize=256)
def fits(vm: str, count: int) -> bool:
    """Whether so many values fit a VM; none always do."""
    form = _FORM.fullmatch(vm)
    if not form or not count:
        return True
    low, last, open_ = int(form[1]), form[2], bool(form[3])
    if last is None:
        return count == low
    if open_:
        return count >= low and count % int(last or 1) == 0
    return low <= count <= int(last)


@lru_cache(maxsize=16384)
def wanted(tag: str, code: str, count: int) -> str:
    """The VM that so many values of that VR do not fit, "" when they fit or nobody can say.

    An element of another VR than PS3.6 gives it is not counted: what is wrong with it is the VR.
    """
    if code in _UNCOUNTED or code not in vr.in_dictionary(tag):
        return ""
    vm = of(tag)
    return "" if fits(vm, count) else vm
