"""Knows performed procedure steps: their attributes, their states and what may be done in each (PS3.4 F.7).

Must not know messages or transports.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from simulators.archive.disk import sync
from simulators.archive.question import TagPath

STATUS: Final = "00400252"
IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
# What a step may become by a change; the empty state is that of a step that does not exist (F.7.2.1.3, F.7.2.2.3).
TRANSITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "": (IN_PROGRESS,),
    IN_PROGRESS: (IN_PROGRESS, COMPLETED, DISCONTINUED),
    COMPLETED: (),
    DISCONTINUED: (),
}

Why = Literal["missing", "empty", "value", "final", "exists", "unknown", "not created", "fixed"]
# Table F.7.2-1: path, type in N-CREATE, then the type in the final state, "-" where it has none, "fixed" where N-SET
# may not touch the attribute.
_ROWS: Final = """
00400270 1 fixed          00400270.0020000D 1 fixed   00400270.00081110 2 fixed  00400270.00080050 2 fixed
00400270.00401001 2 fixed 00400270.00321060 2 fixed   00400270.00400009 2 fixed  00400270.00400007 2 fixed
00400270.00400008 2 fixed 00100010 2 fixed            00100020 2 fixed           00100030 2 fixed
00100040 2 fixed          00081120 2 fixed            00400253 1 fixed           00400241 1 fixed
00400242 2 fixed          00400243 2 fixed            00400244 1 fixed           00400245 1 fixed
00400252 1 -              00400254 2 -                00400255 2 -               00081032 2 -
00400250 2 1              00400251 2 1                00080060 1 fixed           00200010 2 fixed
00400260 2 -              00400340 2 1                00400340.00081050 2 2      00400340.00181030 1 1
00400340.00081070 2 2     00400340.0020000E 1 1       00400340.0008103E 2 2      00400340.00080054 2 2
00400340.00081140 2 2     00400340.00400220 2 2
00100021 3 fixed          00100024 3 fixed            00101002 3 fixed           00380010 3 fixed
00380014 3 fixed          00380060 3 fixed            00380064 3 fixed           00380062 3 fixed
"""
_CELLS: Final = _ROWS.split()
_CREATE: Final[dict[TagPath, str]] = {
    tuple(p.split(".")): t for p, t in zip(_CELLS[::3], _CELLS[1::3], strict=True) if t != "3"
}
_FINAL: Final[dict[TagPath, str]] = {
    tuple(p.split(".")): t for p, t in zip(_CELLS[::3], _CELLS[2::3], strict=True) if t in ("1", "2")
}
_FIXED: Final = frozenset(p for p, t in zip(_CELLS[::3], _CELLS[2::3], strict=True) if t == "fixed" and "." not in p)

Attributes = Mapping[str, Mapping[str, Any]]  # tag -> attribute object of the DICOM JSON Model


class Wrong(Exception):
    """What was asked for is not allowed; `tags` are the attributes it is about."""

    def __init__(self, why: Why, *tags: str) -> None:
        super().__init__(f"{why} {' '.join(tags)}".rstrip())
        self.why = why
        self.tags = tags


class Steps:
    """Performed procedure steps in a folder, one JSON file each, on disk before anybody is told. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str, str, str], None]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._held: dict[str, dict[str, Any]] = {
            path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))
        }

    def listen(self, hear: Callable[[str, str, str], None]) -> Callable[[], None]:
        """Have `hear` called with the UID of each step that is told of, and its states before and after; the way to end
        that. It is called in the thread of whoever changed the step and has to be quick."""
        with self._lock:
            self._listeners.append(hear)
        return lambda: self._listeners.remove(hear)

    def tell(self, uid: str, before: str, after: str) -> None:
        """Whoever created or changed a step says so, once its own answer may be out (F.9)."""
        for hear in list(self._listeners):
            hear(uid, before, after)

    def create(self, uid: str, attributes: Attributes) -> str:
        """A new step; its state. Wrong when it exists, is incomplete, or is not IN PROGRESS."""
        with self._lock:
            if uid in self._held:
                raise Wrong("exists")
            state = state_of(attributes)
            if state and state not in TRANSITIONS[""]:
                raise Wrong("value", STATUS)
            _complete(attributes, _CREATE)
            self._keep(uid, dict(attributes))
            return state

    def change(self, uid: str, attributes: Attributes) -> tuple[str, str]:
        """Set attributes; the states before and after. Wrong when that is not allowed, and then nothing is changed."""
        with self._lock:
            held = self._held.get(uid)
            if held is None:
                raise Wrong("unknown")
            before = state_of(held)
            if not TRANSITIONS[before]:
                raise Wrong("final")
            _changeable(held, attributes)
            after = state_of(attributes) or before
            if after not in TRANSITIONS[before]:
                raise Wrong("value", STATUS)
            changed = {**held, **{tag: a for tag, a in attributes.items() if tag != "00080005"}}
            if after != IN_PROGRESS:
                _complete(changed, _FINAL)
            self._keep(uid, changed)
            return before, after

    def get(self, uid: str) -> Attributes:
        """All attributes of a step; Wrong when there is none."""
        with self._lock:
            if uid not in self._held:
                raise Wrong("unknown")
            return self._held[uid]

    def _keep(self, uid: str, attributes: dict[str, Any]) -> None:
        path = self._folder / f"{uid}.json"
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(attributes, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync(self._folder)
        self._held[uid] = attributes


def state_of(attributes: Attributes) -> str:
    """Performed Procedure Step Status, '' when it has no value."""
    values = attributes.get(STATUS, {}).get("Value") or [""]
    return str(values[0]) if len(values) == 1 else "\\".join(map(str, values))


def refers(attributes: Attributes) -> bool:
    """A value is told by reference: too long to be kept in a step."""
    return any(
        "BulkDataURI" in a or (a["vr"] == "SQ" and any(refers(item or {}) for item in a.get("Value", ())))
        for a in attributes.values()
    )


def _changeable(held: Attributes, attributes: Attributes) -> None:
    """Only what was created may be set, and not all of that (F.7.2.2.2, Table F.7.2-1)."""
    fixed = sorted(_FIXED & attributes.keys())
    if fixed:
        raise Wrong("fixed", *fixed)
    new = sorted(tag for tag in attributes if tag not in held and tag != "00080005")
    if new:
        raise Wrong("not created", *new)


def _complete(attributes: Attributes, types: Mapping[TagPath, str]) -> None:
    missing, empty = set(), set()
    for path, kind in types.items():
        for item in _holders(attributes, path[:-1]):
            if path[-1] not in item:
                missing.add(path[-1])
            elif kind == "1" and not _has_value(item[path[-1]]):
                empty.add(path[-1])
    if missing:
        raise Wrong("missing", *sorted(missing))
    if empty:
        raise Wrong("empty", *sorted(empty))


def _holders(attributes: Attributes, sequences: Sequence[str]) -> Iterator[Attributes]:
    """The data sets in which the last tag of a path is looked for."""
    if not sequences:
        yield attributes
        return
    for item in attributes.get(sequences[0], {}).get("Value", ()):
        yield from _holders(item, sequences[1:])


def _has_value(attribute: Mapping[str, Any]) -> bool:
    return bool(attribute.get("InlineBinary") or any(v not in (None, "") for v in attribute.get("Value", ())))
