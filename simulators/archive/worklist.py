"""Knows scheduled procedure steps (PS3.4 K): items kept as DICOM JSON files, and how they are matched and told.

Must not know transports or who asks.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from simulators.archive.disk import sync
from simulators.archive.match import Condition, Reading, conditions
from simulators.archive.question import Key, TagPath
from simulators.model.json_encode import elements_of, text_of
from simulators.model.scan import dictionary_vr, read_dataset, read_meta

STEP: Final = "00400100"  # Scheduled Procedure Step Sequence: an item of the worklist is about one step


class Worklist:
    """The items in a folder, one JSON file each. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._items: dict[str, dict[str, Any]] = {
            path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))
        }

    def put(self, item: Mapping[str, Any], name: str = "") -> str:
        """Keep an item, a DICOM JSON object, in place of the one of that name; ValueError when it has no step."""
        steps = item.get(STEP, {}).get("Value", ())
        if len(steps) != 1:
            raise ValueError("a worklist item has one item in its Scheduled Procedure Step Sequence (PS3.4 K.6.1.2.2)")
        name = name or uuid.uuid4().hex
        path = self._folder / f"{name}.json"
        with self._lock:
            part = path.with_suffix(".part")
            part.write_text(json.dumps(item, ensure_ascii=False), encoding="utf-8")
            os.replace(part, path)
            sync(self._folder)
            self._items[name] = dict(item)
        return name

    def load(self, path: Path) -> list[str]:
        """Keep the items of a file: a PS3.10 data set, or DICOM JSON of one item or an array; their names.

        ValueError when it is none of these.
        """
        found = items_of(path.read_bytes())
        return [self.put(item, f"{path.stem}-{number}") for number, item in enumerate(found, 1)]

    def remove(self, name: str) -> None:
        """Take an item out; it may be gone already."""
        with self._lock:
            self._items.pop(name, None)
            (self._folder / f"{name}.json").unlink(missing_ok=True)

    def names(self) -> list[str]:
        """What is scheduled, in the order of answers."""
        with self._lock:
            return sorted(self._items, key=lambda name: _order(self._items[name], name))

    def search(self, keys: Sequence[Key], reading: Reading) -> Iterator[dict[str, Any]]:
        """The items that fulfil all keys, each with the attributes of the keys only; BadValue for a value that its VR
        does not allow. What an item does not have is told without a value."""
        paths = {key.path for key in keys}
        wanted = conditions(keys, reading)
        return (told(item, paths, wanted) for item in self._fitting(wanted))

    def found(self, keys: Sequence[Key], reading: Reading) -> list[dict[str, Any]]:
        """The items that fulfil all keys with all that they have; BadValue as for `search`."""
        return list(self._fitting(conditions(keys, reading)))

    def _fitting(self, wanted: Sequence[Condition]) -> Iterator[dict[str, Any]]:
        with self._lock:
            items = sorted(self._items.items(), key=lambda pair: _order(pair[1], pair[0]))
        return (item for _, item in items if all(condition.holds(item) for condition in wanted))


def items_of(octets: bytes) -> list[dict[str, Any]]:
    """The worklist items of a file; ValueError when it holds none."""
    if octets[128:132] == b"DICM":
        meta = read_meta(octets)
        source = read_dataset(octets, meta.dataset_at, meta.transfer_syntax)
        return [json.loads(text_of(elements_of(source, "")))]
    found = json.loads(octets)
    items = found if isinstance(found, list) else [found]
    if not all(isinstance(item, dict) for item in items):
        raise ValueError("a worklist item is a DICOM JSON object")
    return items


def told(item: Mapping[str, Any], paths: Iterable[TagPath], wanted: Sequence[Condition] = ()) -> dict[str, Any]:
    """An item reduced to these paths; of a sequence that was matched only the items that match (PS3.4 C.2.2.2.6)."""
    below: dict[str, set[TagPath]] = {}
    for path in paths:
        below.setdefault(path[0], set()).add(path[1:])
    matching = {condition.tag: condition.items for condition in wanted if condition.items is not None}
    found = {}
    for tag in sorted(below):
        attribute = item.get(tag) or {"vr": dictionary_vr(int(tag, 16)).split(" or ")[0]}
        inner = {path for path in below[tag] if path}
        if attribute["vr"] == "SQ" and inner:
            fits = matching.get(tag)
            members = [m for m in attribute.get("Value", ()) if fits is None or fits(m)]
            attribute = {"vr": "SQ", "Value": [told(m, inner) for m in members]}
        found[tag] = attribute
    return found


def _order(item: Mapping[str, Any], name: str) -> tuple[str, str, str]:
    step = item[STEP]["Value"][0]
    return _first(step, "00400002"), _first(step, "00400003"), name


def _first(item: Mapping[str, Any], tag: str) -> str:
    found = item.get(tag, {}).get("Value") or [""]
    return str(found[0])
