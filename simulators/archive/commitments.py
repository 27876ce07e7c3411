"""Knows storage commitment (PS3.4 J, PS3.18 13): what was asked under which transaction, and what is committed to.

A transaction is one, whichever door it came by. It is on disk before anybody is told that it was taken; its result is
reckoned once and stays as it was told, for `kept` seconds; afterwards only that it once was is remembered.
Must not know messages, media types, or who reports to whom.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from harness.wire.uri import valid_uid
from simulators.archive import lines
from simulators.archive.check import STORAGE_CLASSES
from simulators.archive.disk import sync
from simulators.archive.question import Key, Matches, Question

# Failure Reasons (PS3.3 C.14.1.1)
PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_INSTANCE: Final = 0x0112
CLASS_CONFLICT: Final = 0x0119
CLASS_NOT_SUPPORTED: Final = 0x0122
DUPLICATE_TRANSACTION: Final = 0x0131
OUT_OF_RESOURCES: Final = 0x0213

KEPT: Final = 7 * 24 * 3600.0  # seconds that a result can be had
RESULTS: Final = 10_000  # transactions whose results are kept at most; the oldest go first
OCTETS: Final = 256 << 20  # that all kept results may have together
REMEMBERED: Final = 100_000  # transactions without a result; the UID of an older one may come back unnoticed
MOST: Final = 50_000  # references of one request that are looked at
_BATCH = 500  # instances that are looked up at once
_SPENT = "spent"


class Searched(Protocol):
    """What commitments need of the archive."""

    folder: Path

    def search(self, question: Question) -> Matches: ...


class Reused(Exception):
    """The Transaction UID was used before."""


class Unknown(Exception):
    """No such transaction."""


class Dropped(Exception):
    """The transaction once was; its result is no longer kept."""


@dataclass(frozen=True)
class Reference:
    """An instance as the request names it; `study` and `series` are '' in the form that does not name them."""

    sop_class: str
    instance: str
    study: str = ""
    series: str = ""


@dataclass(frozen=True)
class Judged:
    """What becomes of a reference: committed to when `reason` is 0, else the Failure Reason."""

    reference: Reference
    reason: int = 0


Result = tuple[Judged, ...]


class Commitments:
    """The transactions of an archive, one JSON file each. Safe to use from many threads.

    `kept` is in seconds of `clock`; `most` bounds how many results are kept. `later` may be set: so often there is no
    result yet when one is asked for, the first time included.
    """

    def __init__(self, archive: Searched, kept: float = KEPT, most: int = RESULTS,
                 clock: Callable[[], float] = time.time) -> None:  # fmt: skip
        self._archive = archive
        self._folder = archive.folder / "commitments"
        self._kept, self._most, self._clock = kept, most, clock
        self.later = 0
        self._lock = threading.RLock()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when it was asked, how long its file is
        self._size = 0
        self._spent: OrderedDict[str, None] = OrderedDict()
        self._load()

    def ask(self, transaction: str, references: Iterable[Reference], later: int = 0) -> None:
        """Take a request; `result` says so many times at least that there is none yet. Reused when the UID is not new.

        ValueError for a UID that is none.
        """
        if not valid_uid(transaction):
            raise ValueError(f"{transaction[:80]!r} is no UID")
        with self._lock:
            self._expire()
            if transaction in self._held or transaction in self._spent:
                raise Reused(transaction)
            asked = [asdict(reference) for reference in references]
            self._keep(transaction, {"at": self._clock(), "later": max(later, self.later), "asked": asked})
            self._drop(self._too_many())

    def result(self, transaction: str) -> Result | None:
        """What became of the request, None when that is told later. Unknown or Dropped when nothing can be told."""
        with self._lock:
            self._expire()
            held = self._read(transaction)
            if held["later"] > 0:
                self._keep(transaction, {**held, "later": held["later"] - 1})
                return None
        return self.conclude(transaction)

    def conclude(self, transaction: str) -> Result:
        """The same now, whoever was told to come later."""
        with self._lock:
            held = self._read(transaction)
        asked = [Reference(**one) for one in held["asked"]]
        if "reasons" not in held:
            reasons = self._reasons(asked)
            with self._lock:
                held = self._read(transaction)
                if "reasons" not in held:  # else somebody else was faster, and what was told stays
                    held["reasons"] = reasons
                    self._keep(transaction, held)
        return tuple(map(Judged, asked, held["reasons"]))

    # --- what is committed to ---------------------------------------------------------------------------------------

    def _reasons(self, asked: Sequence[Reference]) -> list[int]:
        found: dict[str, tuple[str, str, str]] = {}
        try:
            for at in range(0, min(len(asked), MOST), _BATCH):
                found |= self._found([reference.instance for reference in asked[at : at + _BATCH]])
        except (SQLAlchemyError, OSError):
            return [PROCESSING_FAILURE] * len(asked)
        reasons = [_reason(reference, found.get(reference.instance)) for reference in asked[:MOST]]
        return reasons + [OUT_OF_RESOURCES] * (len(asked) - len(reasons))

    def _found(self, instances: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """SOP Instance UID -> class, study and series of what the archive has of these."""
        asked = [uid for uid in instances if valid_uid(uid)]
        if not asked:
            return {}
        question = Question(
            ("study", "series", "instance"),
            keys=(Key(("00080018",), tuple(asked)),),
            include=frozenset((("00080016",),)),
        )
        rows = self._archive.search(question).rows
        return {row.instance: (lines.plain(row.elements.get("00080016")) or "", row.study, row.series) for row in rows}

    # --- what is kept -----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        for part in self._folder.glob("*.part"):
            part.unlink(missing_ok=True)
        spent = self._folder / _SPENT
        if spent.exists():
            self._spent = OrderedDict.fromkeys(spent.read_text(encoding="ascii").split()[-REMEMBERED:])
        found = [(json.loads(path.read_bytes())["at"], path) for path in self._folder.glob("*.json")]
        for at, path in sorted(found):
            if path.stem in self._spent:
                path.unlink(missing_ok=True)
                continue
            size = path.stat().st_size
            self._held[path.stem] = (at, size)
            self._size += size
        self._expire()

    def _read(self, transaction: str) -> dict[str, Any]:
        if transaction in self._spent:
            raise Dropped(transaction)
        if transaction not in self._held:
            raise Unknown(transaction)
        held: dict[str, Any] = json.loads(self._path(transaction).read_bytes())
        return held

    def _keep(self, transaction: str, held: Mapping[str, Any]) -> None:
        """On the disk first, then known: what cannot be written was never asked."""
        octets = json.dumps(held).encode()
        self._write(self._path(transaction), octets)
        at, before = self._held.get(transaction, (held["at"], 0))
        self._held[transaction] = (at, len(octets))
        self._size += len(octets) - before

    def _expire(self) -> None:
        oldest = self._clock() - self._kept
        self._drop([transaction for transaction, (at, _) in self._held.items() if at <= oldest])

    def _too_many(self) -> list[str]:
        """The oldest of those that are kept beyond the bounds; the newest stays in any case."""
        found, count, size = [], len(self._held), self._size
        for transaction, (_, octets) in self._held.items():
            if count <= 1 or (count <= self._most and size <= OCTETS):
                break
            found.append(transaction)
            count, size = count - 1, size - octets
        return found

    def _drop(self, transactions: Sequence[str]) -> None:
        """Forget the results and remember the UIDs; remembered first, so that none can come back after a crash."""
        if not transactions:
            return
        with (self._folder / _SPENT).open("a", encoding="ascii") as file:
            file.writelines(f"{transaction}\n" for transaction in transactions)
            file.flush()
            os.fsync(file.fileno())
        for transaction in transactions:
            self._spent[transaction] = None
            self._size -= self._held.pop(transaction)[1]
            self._path(transaction).unlink(missing_ok=True)
        while len(self._spent) > REMEMBERED:
            self._spent.popitem(last=False)

    def _write(self, path: Path, octets: bytes) -> None:
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync(self._folder)

    def _path(self, transaction: str) -> Path:
        return self._folder / f"{transaction}.json"


def _reason(reference: Reference, held: tuple[str, str, str] | None) -> int:
    if held is None:
        return NO_SUCH_INSTANCE if reference.sop_class in STORAGE_CLASSES else CLASS_NOT_SUPPORTED
    sop_class, study, series = held
    if (reference.study and reference.study != study) or (reference.series and reference.series != series):
        return NO_SUCH_INSTANCE
    if reference.sop_class != sop_class:
        return CLASS_CONFLICT if reference.sop_class in STORAGE_CLASSES else CLASS_NOT_SUPPORTED
    return 0
