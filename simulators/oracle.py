"""Knows what an unbroken archive that holds the same instances would answer, told in plain JSON values.

Must not know rules, or how the product under test came to its answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.association import Association
from harness.context import DEFAULT_EDITION, EDITIONS
from harness.exchange import Ask
from harness.wire.uri import Resource
from simulators.archive.archive import Archive
from simulators.archive.held import Stored
from simulators.archive.question import BadValue, Question, Row
from simulators.archive.search import Whole
from simulators.dimse.oracle import expect_association
from simulators.web import query
from simulators.web.report import Problem
from simulators.web.search import LEVELS, question

CHUNK = 1 << 20
BATCH = 100  # instances that are stored at once
TOLD = 1024  # so many predictions are remembered
_RETRIEVED = frozenset(
    f"web.retrieve.{what}" for what in ("instances", "metadata", "bulkdata", "pixeldata", "frames", "rendered")
)


class Oracle:
    """A second archive in a folder of its own. Close it, or use it in a `with` block."""

    def __init__(self, edition: str = DEFAULT_EDITION) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True)
        self._archive = Archive(Path(self._folder.name))
        self._whole: Whole | None = None
        self._counts: dict[str, dict[str, int]] = {}
        self._told: dict[tuple[str, ...], Mapping[str, Any] | None] = {}  # probes ask the same thing in several forms
        self._modern = EDITIONS.index(edition) >= EDITIONS.index("2023e")

    def load(self, instances: Iterable[Path | bytes]) -> list[Stored]:
        """Store PS3.10 instances, given as files or octets; the outcome for each, in order."""
        self._whole = None
        self._told.clear()
        outcomes: list[Stored] = []
        batch = []
        for instance in instances:
            incoming = self._archive.receive()
            for chunk in _chunks(instance):
                incoming.write(chunk)
            incoming.close()
            batch.append(incoming)
            if len(batch) == BATCH:
                outcomes += self._archive.store(batch)
                batch = []
        return outcomes + (self._archive.store(batch) if batch else [])

    def expect(self, ask: Ask) -> Mapping[str, Any] | None:
        """The right answer to a request, None when there is no opinion on it.

        For a search: "keys", a list of UIDs for each match at the levels of the resource, from the study down, in no
        promised order and without regard to limit and offset; "arguable", what matches besides by PS3.4 C.2.2.1.2,
        which lets an attribute without a value match every key; "universe", the studies that are loaded; "counts", the
        numbers of "series" and "instances" of each study. For a retrieval: "instances", the SOP Instance UIDs that
        the path names; None when it names nothing that was loaded, for others may have stored it.
        """
        resource = ask.resource
        if not resource.search and resource.kind not in _RETRIEVED:
            return None
        raw = ask.query.raw if resource.search else ""
        asked = (resource.kind, resource.study, resource.series, resource.instance, raw)
        if asked not in self._told:
            if len(self._told) >= TOLD:
                self._told.clear()
            self._told[asked] = self._search(ask, resource) if resource.search else self._instances(resource)
        return self._told[asked]

    def expect_association(self, association: Association) -> Mapping[str, Any] | None:
        """The same for the operations of a DIMSE association, by their numbers; see `simulators.dimse.oracle`."""
        return expect_association(self._archive, association)

    def close(self) -> None:
        """Close the archive and remove its folder."""
        self._archive.close()
        self._folder.cleanup()

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def _search(self, ask: Ask, resource: Resource) -> Mapping[str, Any] | None:
        try:
            parameters = query.read(ask.query.raw)
            asked = question(parameters, resource.search, resource.study, resource.series, self._modern)
            asked = replace(asked, offset=0, limit=None, include=frozenset(), include_all=False, uids_only=True)
            rows = self._held().search(asked)
            also = self._held().search(replace(asked, unknown_matches=True)) if asked.keys else rows
        except (Problem, BadValue):
            return None  # a request that is to be refused
        expected: dict[str, Any] = {"keys": [_key(row) for row in rows]}
        if len(also) > len(rows):
            expected["arguable"] = [key for key in map(_key, also) if key not in expected["keys"]]
        return {**expected, "universe": sorted(self._counts), "counts": self._counts}

    def _instances(self, resource: Resource) -> Mapping[str, Any] | None:
        asked = Question(LEVELS["instances"], resource.study, resource.series)
        held = self._held().search(asked)
        named = [row.instance for row in held if resource.instance in ("", row.instance)]
        return {"instances": named} if named else None

    def _held(self) -> Whole:
        """All that is loaded, read once: what a run loads is little, and asked for a thousand times."""
        if self._whole is None:
            self._whole = self._archive.whole()
            self._counts = _counts(self._whole.search(Question(LEVELS["instances"])))
        return self._whole


def _key(row: Row) -> list[str]:
    return [uid for uid in (row.study, row.series, row.instance) if uid]


def _counts(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    series: dict[str, set[str]] = {}
    instances: dict[str, int] = {}
    for row in rows:
        series.setdefault(row.study, set()).add(row.series)
        instances[row.study] = instances.get(row.study, 0) + 1
    return {study: {"series": len(series[study]), "instances": instances[study]} for study in sorted(series)}


def _chunks(instance: Path | bytes) -> Iterable[bytes]:
    if isinstance(instance, bytes):
        yield instance
        return
    with instance.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
