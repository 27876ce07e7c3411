"""Knows how checked files get into the index and how studies and series follow from their instances.

Must not know matching, transports, or how files are moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

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
_BASE = BASE.decode("latin-1")

# Statements are made once: making them takes longer than executing them.
_HELD = (
    select(INSTANCES.c.id, INSTANCES.c.series, INSTANCES.c.digest, INSTANCES.c.file, SERIES.c.study)
    .select_from(INSTANCES.join(SERIES, SERIES.c.id == INSTANCES.c.series))
    .where(INSTANCES.c.uid == bindparam("asked"))
)
_STUDY = select(STUDIES.c.id).where(STUDIES.c.uid == bindparam("asked"))
_ONE_SERIES = select(SERIES.c.id).where(SERIES.c.study == bindparam("within"), SERIES.c.uid == bindparam("asked"))
_COUNT = select(func.count()).select_from(INSTANCES).where(INSTANCES.c.series == bindparam("within"))
_FIRST = (
    select(INSTANCES.c.id, INSTANCES.c.elements)
    .where(INSTANCES.c.series == bindparam("within"))
    .order_by(INSTANCES.c.number, INSTANCES.c.uid)
    .limit(1)
)
_SPOKEN = select(INSTANCES.c.elements).where(INSTANCES.c.id == bindparam("asked"))
_ALL_SERIES = (
    select(SERIES.c.first, SERIES.c.modality, SERIES.c.instances, SERIES.c.elements)
    .where(SERIES.c.study == bindparam("within"))
    .order_by(SERIES.c.number, SERIES.c.uid)
)
_PUT_STUDY, _PUT_SERIES, _PUT_INSTANCE, _PUT_DOCUMENT = (insert(t) for t in (STUDIES, SERIES, INSTANCES, DOCUMENTS))
_RENEW_SERIES = update(SERIES).where(SERIES.c.id == bindparam("asked"))
_RENEW_STUDY = update(STUDIES).where(STUDIES.c.id == bindparam("asked"))


@dataclass(frozen=True)
class Filed:
    """One file that is ready for the index; `file` is its name below the archive's folder."""

    checked: Checked
    file: str
    digest: bytes


class Filing:
    """Puts files into the index within one transaction; `finish` brings studies and series up to date."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.studies: dict[str, int] = {}
        self.series: dict[tuple[int, str], int] = {}
        self.touched: dict[int, int] = {}  # series -> study

    def put(self, filed: Filed) -> str:
        """Take one file in; the name of the file that is not needed any more: '' for none, the new one when the
        very same octets are held already, else that of the instance it replaces."""
        checked = filed.checked
        old = self._held(checked.sop_instance)
        if old is not None:
            if old.digest == filed.digest:
                return filed.file
            self._remove(old)
        study = self._study(checked)
        series = self._series(study, checked)
        self.touched[series] = study
        self._insert(series, filed)
        return str(old.file) if old is not None else ""

    def finish(self) -> None:
        """Renew what studies and series say; those that lost their last instance go."""
        for series in self.touched:
            self._renew_series(series)
        for study in set(self.touched.values()):
            self._renew_study(study)

    def _held(self, uid: str) -> Any | None:
        return self.connection.execute(_HELD, {"asked": uid}).first()

    def _remove(self, old: Any) -> None:
        self.touched[old.series] = old.study
        self.connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.instance == old.id))
        self.connection.execute(delete(INSTANCES).where(INSTANCES.c.id == old.id))

    def _study(self, checked: Checked) -> int:
        uid = checked.study
        if uid not in self.studies:
            found = self.connection.execute(_STUDY, {"asked": uid}).scalar()
            if found is None:
                made = self.connection.execute(_PUT_STUDY, {"uid": uid, "elements": b""})
                found = made.inserted_primary_key[0]  # type: ignore[index]
            self.studies[uid] = int(found)
        return self.studies[uid]

    def _series(self, study: int, checked: Checked) -> int:
        key = (study, checked.series)
        if key not in self.series:
            found = self.connection.execute(_ONE_SERIES, {"within": study, "asked": checked.series}).scalar()
            if found is None:
                values = {"study": study, "uid": checked.series, "number": NO_NUMBER, "instances": 0, "elements": b""}
                found = self.connection.execute(_PUT_SERIES, values).inserted_primary_key[0]  # type: ignore[index]
            self.series[key] = int(found)
        return self.series[key]

    def _insert(self, series: int, filed: Filed) -> None:
        checked = filed.checked
        made = self.connection.execute(
            _PUT_INSTANCE,
            {
                "series": series,
                "uid": checked.sop_instance,
                "number": number_of(checked.elements.get("00200013")),
                "sop_class": checked.sop_class,
                "transfer_syntax": checked.transfer_syntax,
                "file": filed.file,
                "digest": filed.digest,
                "size": checked.size,
                "frames": checked.frames,
                "dataset_at": checked.dataset_at,
                "pixel_tag": checked.pixel_tag,
                "elements": lines.pack(beside(checked)),
            },
        )
        document = text_of(dict(checked.elements)).encode()
        number = made.inserted_primary_key[0]  # type: ignore[index]
        self.connection.execute(_PUT_DOCUMENT, {"instance": number, "metadata": document})

    def _renew_series(self, series: int) -> None:
        count = self.connection.execute(_COUNT, {"within": series}).scalar_one()
        if not count:
            self.connection.execute(delete(SERIES).where(SERIES.c.id == series))
            return
        first = self.connection.execute(_FIRST, {"within": series}).one()
        spoken = lines.unpack(first.elements)
        elements = _of_level(spoken, "series", {INSTANCES_OF_SERIES: attribute("IS", count)})
        self.connection.execute(
            _RENEW_SERIES,
            {
                "asked": series,
                "first": first.id,
                "number": number_of(spoken.get("00200011")),
                "modality": lines.plain(spoken.get("00080060")),
                "instances": count,
                "elements": elements,
            },
        )

    def _renew_study(self, study: int) -> None:
        series = self.connection.execute(_ALL_SERIES, {"within": study}).all()
        if not series:
            self.connection.execute(delete(STUDIES).where(STUDIES.c.id == study))
            return
        first = series[0].first
        spoken = lines.unpack(self.connection.execute(_SPOKEN, {"asked": first}).scalar_one())
        derived = {
            MODALITIES_IN_STUDY: attribute("CS", *_modalities(series)),
            SERIES_OF_STUDY: attribute("IS", len(series)),
            INSTANCES_OF_STUDY: attribute("IS", sum(s.instances for s in series)),
        }
        self.connection.execute(
            _RENEW_STUDY,
            {
                "asked": study,
                "first": first,
                "patient_id": lines.plain(spoken.get("00100020")),
                "accession": lines.plain(spoken.get("00080050")),
                "study_date": _day(spoken.get("00080020")),
                "elements": _of_level(spoken, "study", derived),
            },
        )


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


def _of_level(spoken: Mapping[str, bytes], level: str, derived: Mapping[str, bytes]) -> bytes:
    kept = {tag: text for tag, text in spoken.items() if tag == TIMEZONE or level_of(tag) == level}
    return lines.pack({tag: text.decode() for tag, text in sorted({**kept, **derived}.items())})


def _modalities(series: Iterable[Any]) -> list[str]:
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


def _day(text: bytes | None) -> str | None:
    day = lines.plain(text)
    return day if day is not None and (not day or (len(day) == 8 and day.isascii() and day.isdigit())) else None
