"""Knows how checked files get into the index and how studies and series follow from their instances.

Must not know matching, transports, or how files are moved.

A batch takes as many statements as one instance does: what is held of it and its studies is read at once, what follows
is reckoned here, and what is new is written table by table. Ids are given here; only one transaction writes at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, update

from simulators.archive import lines
from simulators.archive.check import Checked
from simulators.archive.index import DOCUMENTS, INSTANCES, SERIES, STUDIES
from simulators.archive.levels import (
    AVAILABLE_SYNTAX,
    BESIDE,
    INSTANCES_OF_SERIES,
    INSTANCES_OF_STUDY,
    MODALITIES_IN_STUDY,
    REQUEST_ATTRIBUTES,
    REQUEST_IDS,
    SERIES_OF_STUDY,
    TIMEZONE,
    level_of,
)
from simulators.model.json_encode import attribute, text_of
from simulators.model.names import BASE

# Where a number is missing or no number, the series or instance comes after those that have one.
NO_NUMBER = 2**40
MANY = 1000  # UIDs that one statement asks for: databases bound their number
_BASE = BASE.decode("latin-1")
_LAST = (NO_NUMBER + 1, "")  # comes after every instance

# Statements are made once: making them takes longer than executing them.
_LAST_IDS = [select(func.max(t.c.id)).scalar_subquery().label(f"last_{t.name}") for t in (STUDIES, SERIES, INSTANCES)]
# One row at least, so that one statement also tells the ids that were given last.
_HELD = (
    select(
        *_LAST_IDS, INSTANCES.c.id, INSTANCES.c.uid, INSTANCES.c.digest, INSTANCES.c.file,
        SERIES.c.uid.label("series_uid"), STUDIES.c.uid.label("study_uid"),
    )
    .select_from(select(literal(1).label("one")).subquery())
    .outerjoin(INSTANCES, INSTANCES.c.uid.in_(bindparam("asked", expanding=True)))
    .outerjoin(SERIES, SERIES.c.id == INSTANCES.c.series)
    .outerjoin(STUDIES, STUDIES.c.id == SERIES.c.study)
)  # fmt: skip
_TREE = (
    select(
        STUDIES.c.id.label("study"), STUDIES.c.uid.label("study_uid"), STUDIES.c.first.label("study_first"),
        STUDIES.c.elements.label("study_elements"),
        SERIES.c.id, SERIES.c.uid, SERIES.c.first, SERIES.c.number, SERIES.c.modality, SERIES.c.instances,
        SERIES.c.elements, INSTANCES.c.number.label("first_number"), INSTANCES.c.uid.label("first_uid"),
    )
    .select_from(STUDIES)
    .join(SERIES, SERIES.c.study == STUDIES.c.id)
    .join(INSTANCES, INSTANCES.c.id == SERIES.c.first)
    .where(STUDIES.c.uid.in_(bindparam("asked", expanding=True)))
)  # fmt: skip
_FIRST = (
    select(INSTANCES.c.id, INSTANCES.c.number, INSTANCES.c.uid, INSTANCES.c.elements)
    .where(INSTANCES.c.series == bindparam("within"))
    .order_by(INSTANCES.c.number, INSTANCES.c.uid)
    .limit(1)
)
_SPOKEN = select(INSTANCES.c.elements).where(INSTANCES.c.id == bindparam("asked"))
_PUT_STUDY, _PUT_SERIES, _PUT_INSTANCE, _PUT_DOCUMENT = (insert(t) for t in (STUDIES, SERIES, INSTANCES, DOCUMENTS))
_RENEW_SERIES, _RENEW_STUDY = (update(t).where(t.c.id == bindparam("asked")) for t in (SERIES, STUDIES))
_DROP_DOCUMENT = delete(DOCUMENTS).where(DOCUMENTS.c.instance == bindparam("asked"))
_DROP_INSTANCE, _DROP_SERIES, _DROP_STUDY = (
    delete(t).where(t.c.id == bindparam("asked")) for t in (INSTANCES, SERIES, STUDIES)
)


@dataclass(frozen=True)
class Filed:
    """One file that is ready for the index; `file` is its name below the archive's folder.

    `spoken` is what is kept beside the index of it, `document` its whole metadata, both encoded.
    """

    checked: Checked
    file: str
    digest: bytes
    number: int
    spoken: Mapping[str, str]
    document: bytes


def filed(checked: Checked, file: str, digest: bytes) -> Filed:
    """All that can be made before the index is locked."""
    number = number_of(checked.elements.get("00200013"))
    return Filed(checked, file, digest, number, beside(checked), text_of(dict(checked.elements)).encode())


@dataclass
class _Series:
    """A row of the series. `order` is that of its first instance; `spoken` what that says, once it is another one."""

    id: int
    uid: str
    fresh: bool
    first: int = 0
    order: tuple[int, str] = _LAST
    number: int = NO_NUMBER
    modality: str | None = ""
    instances: int = 0
    elements: bytes = b""
    spoken: Mapping[str, str] | None = None
    touched: bool = False
    orphaned: bool = False  # its first instance is gone


@dataclass
class _Study:
    """A row of the studies with all its series by UID."""

    id: int
    uid: str
    fresh: bool
    first: int = 0
    elements: bytes = b""
    series: dict[str, _Series] = field(default_factory=dict)


class Filing:
    """Puts one batch into the index within one transaction: `put`, then `finish`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._studies: dict[str, _Study] = {}
        self._instances: list[dict[str, Any]] = []
        self._documents: list[dict[str, Any]] = []
        self._ids: list[int] = []  # the last ones given to a study, a series and an instance

    def put(self, ready: Sequence[Filed]) -> list[str]:
        """Take files in, in order; the names of files that are not needed any more.

        Those are new files whose very octets are held already or that a later file of the batch replaces, and the
        files of instances that are replaced.
        """
        rows = list(self._asked(_HELD, (f.checked.sop_instance for f in ready)))
        held = {row.uid: row for row in rows if row.uid is not None}
        new, unneeded = _latest(ready, held)
        if new:
            replaced = [held[uid] for uid in new if uid in held]
            self._read({f.checked.study for f in new.values()} | {row.study_uid for row in replaced})
            self._ids = [number or 0 for number in rows[0][: len(_LAST_IDS)]]
            self._remove(replaced)
            for one in new.values():
                self._add(one)
        return unneeded

    def finish(self) -> None:
        """Write what is new and renew what studies and series say; those that lost their last instance go."""
        touched = [(study, one) for study in self._studies.values() for one in study.series.values() if one.touched]
        for _, one in touched:
            _renew_series(one)
        living = [study for study in self._studies.values() if any(one.instances for one in study.series.values())]
        renewed = {study.id: self._study_row(study) for study in living}
        self._write(_PUT_STUDY, [{"id": s.id, "uid": s.uid, **renewed[s.id]} for s in living if s.fresh])
        fresh = [(study, one) for study, one in touched if one.fresh]
        self._write(_PUT_SERIES, [{"id": o.id, "study": s.id, "uid": o.uid, **_series_row(o)} for s, o in fresh])
        self._write(_PUT_INSTANCE, self._instances)
        self._write(_PUT_DOCUMENT, self._documents)
        old = [one for _, one in touched if not one.fresh]
        self._write(_RENEW_SERIES, [{"asked": one.id, **_series_row(one)} for one in old if one.instances])
        self._write(_RENEW_STUDY, [{"asked": s.id, **renewed[s.id]} for s in living if not s.fresh])
        self._write(_DROP_SERIES, [{"asked": one.id} for one in old if not one.instances])
        self._write(_DROP_STUDY, [{"asked": s.id} for s in self._studies.values() if s.id not in renewed])

    def _asked(self, query: Any, uids: Iterable[str]) -> Iterator[Any]:
        found = sorted(set(uids))
        for at in range(0, len(found), MANY):
            yield from self.connection.execute(query, {"asked": found[at : at + MANY]})

    def _write(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(statement, rows)

    def _read(self, uids: Iterable[str]) -> None:
        """What the index holds of these studies."""
        for row in self._asked(_TREE, uids):
            study = self._studies.get(row.study_uid)
            if study is None:
                study = _Study(row.study, row.study_uid, False, row.study_first, row.study_elements)
                self._studies[study.uid] = study
            study.series[row.uid] = _Series(
                row.id, row.uid, False, row.first, (row.first_number, row.first_uid), row.number, row.modality,
                row.instances, row.elements,
            )  # fmt: skip

    def _remove(self, replaced: Sequence[Any]) -> None:
        self._write(_DROP_DOCUMENT, [{"asked": row.id} for row in replaced])
        self._write(_DROP_INSTANCE, [{"asked": row.id} for row in replaced])
        for row in replaced:
            series = self._studies[row.study_uid].series[row.series_uid]
            series.instances -= 1
            series.touched = True
            series.orphaned = series.orphaned or row.id == series.first
        for study in self._studies.values():
            for series in study.series.values():
                if series.orphaned:
                    self._look_for_first(series)

    def _look_for_first(self, series: _Series) -> None:
        series.order = _LAST
        found = self.connection.execute(_FIRST, {"within": series.id}).first()
        if found is not None:
            series.first, series.order = found.id, (found.number, found.uid)
            series.spoken = _decoded(found.elements)

    def _add(self, new: Filed) -> None:
        checked = new.checked
        study = self._studies.get(checked.study)
        if study is None:
            study = self._studies[checked.study] = _Study(self._next(0), checked.study, True)
        series = study.series.get(checked.series)
        if series is None:
            series = study.series[checked.series] = _Series(self._next(1), checked.series, True)
        number = self._next(2)
        series.touched = True
        series.instances += 1
        order = (new.number, checked.sop_instance)
        if order < series.order:
            series.first, series.order, series.spoken = number, order, new.spoken
        self._instances.append(_instance_row(number, series.id, new))
        self._documents.append({"instance": number, "metadata": new.document})

    def _next(self, table: int) -> int:
        self._ids[table] += 1
        return self._ids[table]

    def _study_row(self, study: _Study) -> dict[str, Any]:
        """What the study says: its first series' first instance speaks for it."""
        series = sorted((o for o in study.series.values() if o.instances), key=lambda one: (one.number, one.uid))
        speaker = series[0]
        derived = {
            MODALITIES_IN_STUDY: attribute("CS", *_modalities(series)).decode(),
            SERIES_OF_STUDY: attribute("IS", len(series)).decode(),
            INSTANCES_OF_STUDY: attribute("IS", sum(one.instances for one in series)).decode(),
        }
        spoken = speaker.spoken
        if spoken is None and speaker.first == study.first:  # the same as ever
            spoken = _decoded(study.elements)
        elif spoken is None:
            spoken = _decoded(self.connection.execute(_SPOKEN, {"asked": speaker.first}).scalar_one())
        return {
            "first": speaker.first,
            "patient_id": lines.plain(spoken.get("00100020")),
            "accession": lines.plain(spoken.get("00080050")),
            "study_date": _day(spoken.get("00080020")),
            "elements": _of_level(spoken, "study", derived),
        }


def _latest(ready: Sequence[Filed], held: Mapping[str, Any]) -> tuple[dict[str, Filed], list[str]]:
    """What is to be put in by UID, and the names of files that nothing will refer to."""
    new: dict[str, Filed] = {}
    unneeded: list[str] = []
    for one in ready:
        uid = one.checked.sop_instance
        before = new.get(uid) or held.get(uid)
        if before is None:
            new[uid] = one
        elif before.file == one.file:
            pass  # filed already, by a transaction of which nobody heard that it was committed
        elif before.digest == one.digest:
            unneeded.append(one.file)
        else:
            unneeded.append(before.file)
            new[uid] = one
    return new, unneeded


def _renew_series(series: _Series) -> None:
    """What the series says follows from its first instance and how many there are."""
    if not series.instances:
        return
    if series.spoken is not None:
        series.number = number_of(series.spoken.get("00200011"))
        series.modality = lines.plain(series.spoken.get("00080060"))
    spoken = _decoded(series.elements) if series.spoken is None else series.spoken
    series.elements = _of_level(spoken, "series", {INSTANCES_OF_SERIES: attribute("IS", series.instances).decode()})


def _series_row(series: _Series) -> dict[str, Any]:
    return {
        "first": series.first,
        "number": series.number,
        "modality": series.modality,
        "instances": series.instances,
        "elements": series.elements,
    }


def _instance_row(number: int, series: int, new: Filed) -> dict[str, Any]:
    checked = new.checked
    return {
        "id": number,
        "series": series,
        "uid": checked.sop_instance,
        "number": new.number,
        "sop_class": checked.sop_class,
        "transfer_syntax": checked.transfer_syntax,
        "file": new.file,
        "digest": new.digest,
        "size": checked.size,
        "frames": checked.frames,
        "dataset_at": checked.dataset_at,
        "pixel_tag": checked.pixel_tag,
        "elements": lines.pack(new.spoken),
    }


def _decoded(elements: bytes) -> dict[str, str]:
    return {tag: text.decode() for tag, text in lines.unpack(elements).items()}


def beside(checked: Checked) -> dict[str, str]:
    """The attributes that are kept beside the index; none that refers to bulk data."""
    kept = {tag: text for tag, text in checked.elements.items() if tag in BESIDE and _BASE not in text}
    kept[AVAILABLE_SYNTAX] = attribute("UI", checked.transfer_syntax).decode()
    requests = kept.pop(REQUEST_ATTRIBUTES, None)
    if requests is not None:
        kept[REQUEST_ATTRIBUTES] = lines.sequence(narrowed(item, REQUEST_IDS) for item in lines.items(requests))
    return dict(sorted(kept.items()))


def narrowed(item: str, tags: tuple[str, ...]) -> str:
    """An encoded item of the identifiers of a request, of which each stands there, empty if need be."""
    found = lines.members(item)
    return lines.dataset({tag: found.get(tag, '{"vr":"SH"}') for tag in tags})


def number_of(text: str | bytes | None) -> int:
    """The first value of an encoded IS as a number to sort by."""
    found = lines.parsed(text).get("Value") if text else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, int) else NO_NUMBER


def _of_level(spoken: Mapping[str, str], level: str, derived: Mapping[str, str]) -> bytes:
    kept = {tag: text for tag, text in spoken.items() if tag == TIMEZONE or level_of(tag) == level}
    return lines.pack(dict(sorted({**kept, **derived}.items())))


def _modalities(series: Iterable[_Series]) -> list[str]:
    found: set[str] = set()
    for one in series:
        if one.modality is not None:
            found.add(one.modality)
            continue
        text = lines.unpack(one.elements).get("00080060", b"{}")
        held = lines.parsed(text).get("Value", [])
        if isinstance(held, list):
            found.update(str(v) for v in held if v)
    return sorted(found - {""})


def _day(text: str | None) -> str | None:
    day = lines.plain(text)
    return day if day is not None and (not day or (len(day) == 8 and day.isascii() and day.isdigit())) else None
