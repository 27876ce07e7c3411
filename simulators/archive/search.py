"""Knows how a question is answered from the index: a first selection in SQL, exact matching, the rows.

Must not know transports, storage of files, or how values are matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, func, literal, or_, select

from simulators.archive import lines
from simulators.archive.index import DOCUMENTS, INSTANCES, SERIES, STUDIES
from simulators.archive.levels import (
    ALWAYS,
    AVAILABILITY,
    BESIDE,
    DERIVED,
    IF_KNOWN,
    INSTANCE_UID,
    LEVELS,
    NEVER_MATCHED,
    REQUEST_ATTRIBUTES,
    REQUEST_IDS,
    SERIES_UID,
    STUDY_UID,
    TIMEZONE,
    is_creator,
    is_private,
    level_of,
    offered,
    within,
)
from simulators.archive.match import Reading, conditions, day_bounds
from simulators.archive.question import BadValue, Key, Matches, Question, Row, TagPath
from simulators.archive.when import read_zone
from simulators.model.json_encode import attribute, empty
from simulators.model.names import BASE
from simulators.model.scan import dictionary_vr

_ONLINE = attribute("CS", "ONLINE")
_BASE = BASE.decode("latin-1")
_EMPTY_SIZE = len('{"vr":"LO"}')
_NOTHING: ColumnElement[str] = literal("")
_UID_COLUMNS = {STUDY_UID: STUDIES.c.uid, SERIES_UID: SERIES.c.uid, INSTANCE_UID: INSTANCES.c.uid,
                "00080016": INSTANCES.c.sop_class}  # fmt: skip
_TEXT_COLUMNS = {"00100020": STUDIES.c.patient_id, "00080050": STUDIES.c.accession, "00080060": SERIES.c.modality}


def search(connection: Connection, question: Question) -> Matches:
    """The matches of a question that was made for this archive; BadValue for a key that cannot be read."""
    plan = _Plan(question)
    if not plan.rest:
        return plan.page(connection)
    matching = (entity for entity in plan.entities(connection, plan.query()) if plan.holds(entity))
    rows, count = [], 0
    end = None if question.limit is None else question.offset + question.limit
    for entity in matching:
        if count >= question.offset and (end is None or count < end):
            rows.append(entity)
        count += 1
    plan.complete(connection, rows)
    return Matches([plan.row(entity) for entity in rows], _remaining(count, question, len(rows)))


class Whole:
    """Everything that was held at one moment, in memory: for a small archive that is asked often and stays as it is."""

    def __init__(self, connection: Connection) -> None:
        self._entities: dict[str, list[_Entity]] = {}
        for at, level in enumerate(LEVELS):
            plan = _Plan(Question(LEVELS[: at + 1]))
            plan.reads_documents = True
            self._entities[level] = list(plan.entities(connection, plan.query()))

    def search(self, question: Question) -> list[Row]:
        """The matches as `search` gives them, without elements and without regard to offset and limit."""
        plan = _Plan(question)
        found = [entity for entity in self._scope(plan) if plan.holds(entity)]
        return [Row(entity.study, entity.series, entity.instance, {}) for entity in found]

    def _scope(self, plan: _Plan) -> list[_Entity]:
        """What can be told apart by its own UIDs; the conditions look at these again, but take longer."""
        study, series = plan.question.study, plan.question.series if plan.lowest != "study" else ""
        found = [e for e in self._entities[plan.lowest] if study in ("", e.study) and series in ("", e.series)]
        for key in plan.keys:
            if key.path == (STUDY_UID,) and (uids := _uids(key)):
                found = [e for e in found if e.study in uids]
        return found


def _remaining(count: int, question: Question, given: int) -> int:
    return max(0, count - question.offset - given)


class _Entity(Mapping[str, Any]):
    """One candidate: encoded attributes by tag, parsed one by one when they are looked at."""

    def __init__(self, row: Any, encoded: dict[str, bytes]) -> None:
        self.study, self.series, self.instance, self.first = row.study, row.series, row.instance, row.first
        self.encoded = encoded
        self.document: dict[str, str] | None = None
        self._parsed: dict[str, Any] = {}

    def text(self, tag: str, whole: bool) -> bytes | None:
        """The encoded attribute, of what is kept beside the index or else of the metadata, if that was read.

        The sequence that is kept there in part comes from the metadata when `whole`.
        """
        if tag in self.encoded and not (whole and tag == REQUEST_ATTRIBUTES and self.document is not None):
            return self.encoded[tag]
        text = self.document.get(tag) if self.document is not None else None
        return None if text is None else text.encode()

    def get(self, tag: str, default: Any = None) -> Any:
        if tag not in self._parsed:
            text = self.text(tag, whole=True)
            self._parsed[tag] = None if text is None else lines.parsed(text)
        found = self._parsed[tag]
        return default if found is None else found

    def __getitem__(self, tag: str) -> Any:
        found = self.get(tag)
        if found is None:
            raise KeyError(tag)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.encoded)

    def __len__(self) -> int:
        return len(self.encoded)

    def private(self, tag: str, creators: Mapping[str, str]) -> str:
        """The tag under which this entity holds a private element that was named under another block."""
        creator = creators.get(f"{tag[:4]}00{tag[4:6]}")
        if creator is None or self.document is None:
            return tag
        for own, text in self.document.items():
            if own[:4] == tag[:4] and is_creator(own) and lines.plain(text) == creator:
                return f"{tag[:4]}{own[6:]}{tag[6:]}"
        return ""


class _Plan:
    """A question made ready: conditions, the first selection, and what a row holds."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.lowest = question.levels[-1]
        self.creators = {
            key.path[0]: key.values[0]
            for key in question.keys
            if len(key.path) == 1 and is_creator(key.path[0]) and any(key.values)
        }
        self.keys = [key for key in question.keys if self._meant(key)]
        zone = read_zone(question.timezone) if question.timezone else None
        if question.timezone and zone is None:
            raise BadValue(TIMEZONE, f"{question.timezone[:80]!r} is no offset from UTC")
        self.reading = Reading(
            question.empty_value, question.multiple_value, question.unknown_matches, zone, question.combined
        )
        public = [key for key in self.keys if not is_private(key.path[0])]
        self.conditions = conditions(public, self.reading)
        self.private = [key for key in self.keys if is_private(key.path[0]) and any(key.values)]
        for key in self.private:
            self._creator_named(key)
        self.where, done = _selection(public, self.reading)
        self.rest = [c for c in self.conditions if c.tag not in done] + self.private
        self.reads_documents = bool(self.private) or any(
            _in_document(tag) for condition in self.conditions for tag in condition.reads
        )
        self.reads_documents |= any(
            key.path[0] == REQUEST_ATTRIBUTES and key.path[1:2] not in _KEPT_PATHS for key in public
        )
        self.wanted, self.narrow = self._wanted()

    def _meant(self, key: Key) -> bool:
        return offered(key.path[0]) and key.path[0] not in NEVER_MATCHED and within(key.path[0], self.lowest)

    def _creator_named(self, key: Key) -> None:
        tag = key.path[0]
        if not is_creator(tag) and f"{tag[:4]}00{tag[4:6]}" not in self.creators:
            raise BadValue(tag, "a private attribute is asked for together with its Private Creator (PS3.18 8.3.4.1)")

    # --- the first selection ---------------------------------------------------------------------------------------

    def query(self) -> Select[Any]:
        """All candidates in the order of answers."""
        columns = [STUDIES.c.uid.label("study"), STUDIES.c.elements.label("of_study")]
        if self.lowest == "study":
            columns += [STUDIES.c.first.label("first")]
        if self.lowest != "study":
            columns += [SERIES.c.uid.label("series"), SERIES.c.elements.label("of_series")]
        if self.lowest == "series":
            columns += [SERIES.c.first.label("first")]
        if self.lowest == "instance":
            columns += [INSTANCES.c.uid.label("instance"), INSTANCES.c.elements.label("of_instance"),
                        INSTANCES.c.id.label("first")]  # fmt: skip
        return select(*columns).select_from(_tables(self.lowest)).where(*self._scope()).order_by(*_ORDER[self.lowest])

    def _scope(self) -> list[ColumnElement[bool]]:
        scope = [condition for level, condition in self.where if _reaches(level, self.lowest)]
        if self.question.study:
            scope.append(STUDIES.c.uid == self.question.study)
        if self.question.series and self.lowest != "study":
            scope.append(SERIES.c.uid == self.question.series)
        return scope

    def page(self, connection: Connection) -> Matches:
        """When SQL alone decides what matches, it also counts and cuts."""
        question = self.question
        count = connection.execute(
            select(func.count()).select_from(_tables(self.lowest)).where(*self._scope())
        ).scalar_one()
        if question.offset >= count or question.limit == 0:
            return Matches([], _remaining(count, question, 0))
        query = self.query().offset(question.offset)
        query = query if question.limit is None else query.limit(question.limit)
        entities = list(self.entities(connection, query))
        self.complete(connection, entities)
        return Matches([self.row(entity) for entity in entities], _remaining(count, question, len(entities)))

    # --- candidates ------------------------------------------------------------------------------------------------

    def entities(self, connection: Connection, query: Select[Any]) -> Iterator[_Entity]:
        above: dict[bytes, dict[str, bytes]] = {}
        result = connection.execute(_defaulted(query, self.lowest).execution_options(yield_per=256))
        for some in result.partitions():
            entities = [_Entity(row, self._encoded(row, above)) for row in some]
            if self.reads_documents:
                _read_documents(connection, entities)
            yield from entities

    def _encoded(self, row: Any, above: dict[bytes, dict[str, bytes]]) -> dict[str, bytes]:
        pools = [row.of_study]
        pools += [row.of_series] if self.lowest != "study" else []
        if len(above) > 512:  # candidates come study by study, so few are needed at a time
            above.clear()
        held = [above.get(pool) or above.setdefault(pool, lines.unpack(pool)) for pool in pools]
        own = lines.unpack(row.of_instance) if self.lowest == "instance" else held[-1]
        merged: dict[str, bytes] = {**own}
        for pool in reversed(held):
            merged.update(pool)
        merged[AVAILABILITY] = _ONLINE
        merged.pop(TIMEZONE, None)
        if TIMEZONE in own:
            merged[TIMEZONE] = own[TIMEZONE]
        return merged

    def holds(self, entity: _Entity) -> bool:
        return all(condition.holds(entity) for condition in self.conditions) and all(
            self._holds_private(key, entity) for key in self.private
        )

    def _holds_private(self, key: Key, entity: _Entity) -> bool:
        if is_creator(key.path[0]):
            return any(self._named(key, tag, text) for tag, text in (entity.document or {}).items())
        tag = entity.private(key.path[0], self.creators)
        if not tag:
            return False
        return all(c.holds(entity) for c in conditions([Key((tag, *key.path[1:]), key.values)], self.reading))

    @staticmethod
    def _named(key: Key, tag: str, text: str) -> bool:
        """A creator is the same in whatever block of the group it stands (PS3.5 7.8.1)."""
        return tag[:4] == key.path[0][:4] and is_creator(tag) and lines.plain(text) in key.values

    def complete(self, connection: Connection, entities: Sequence[_Entity]) -> None:
        """Read the metadata of rows that hold more than what is kept beside the index."""
        question = self.question
        more = question.include_all or bool(self.narrow) or any(_in_document(tag) for tag in self.wanted)
        if more:
            _read_documents(connection, [e for e in entities if e.document is None])

    # --- rows ------------------------------------------------------------------------------------------------------

    def _wanted(self) -> tuple[dict[str, bool], dict[str, set[TagPath]]]:
        """Tags of a row and whether they stand there when nothing is known; for sequences the paths within."""
        levels, question = self.question.levels, self.question
        if question.uids_only:
            return {}, {}
        wanted = dict.fromkeys((tag for level in levels for tag in IF_KNOWN[level]), False)
        wanted.update(dict.fromkeys((tag for level in levels for tag in ALWAYS[level]), True))
        above = (STUDY_UID, SERIES_UID)[: LEVELS.index(self.lowest)]
        wanted.update(dict.fromkeys(above, True))  # PS3.4 C.4.1.3.1.1: unique keys of the levels above
        narrow: dict[str, set[TagPath]] = {}
        asked = {path for path in question.include if offered(path[0]) and within(path[0], self.lowest)}
        asked |= {key.path for key in self.keys if not level_of(key.path[0]) or level_of(key.path[0]) in levels}
        for path in asked:
            wanted[path[0]] = path[0] not in NEVER_MATCHED  # those say nothing when they are empty
            narrow.setdefault(path[0], set()).add(path[1:])
        return wanted, {tag: paths for tag, paths in narrow.items() if _is_sequence(tag)}

    def row(self, entity: _Entity) -> Row:
        """What is said about a match."""
        elements: dict[str, bytes] = {}
        for tag, always in self.wanted.items():
            if is_private(tag):
                self._put_private(elements, entity, tag)
                continue
            text = self._text(entity, tag)
            if text is not None and (always or len(text) > _EMPTY_SIZE):
                elements[tag] = text
            elif always:
                elements[tag] = empty(_plain_vr(tag))
        if self.question.include_all:
            self._put_all(elements, entity)
        return Row(entity.study, entity.series, entity.instance, dict(sorted(elements.items())))

    def _put_all(self, elements: dict[str, bytes], entity: _Entity) -> None:
        for tag, text in (entity.document or {}).items():
            of_level = level_of(tag) in self.question.levels or is_private(tag)
            if tag not in elements and of_level and offered(tag) and _BASE not in text:
                elements[tag] = text.encode()

    def _text(self, entity: _Entity, tag: str) -> bytes | None:
        text = entity.text(tag, whole=tag in self.narrow or self.question.include_all)
        if text is None or BASE in text:
            return None
        return self._narrowed(tag, text.decode()).encode() if tag in self.narrow else text

    def _narrowed(self, tag: str, text: str) -> str:
        """Only matching items and only what was asked for in them (PS3.4 C.2.2.2.6)."""
        paths = self.narrow[tag]
        encoded = lines.items(text)
        for condition in self.conditions:
            if condition.tag == tag and condition.items is not None:
                encoded = [item for item in encoded if condition.items(lines.parsed(item))]  # type: ignore[arg-type]
        if () in paths:
            return lines.sequence(encoded)
        wanted = {path[0] for path in paths} | (set(REQUEST_IDS) if tag == REQUEST_ATTRIBUTES else set())
        return lines.sequence(_only(item, wanted) for item in encoded)

    def _put_private(self, elements: dict[str, bytes], entity: _Entity, tag: str) -> None:
        """The element and its creator, under the tags that they have in the instance."""
        document = entity.document or {}
        if is_creator(tag):
            return
        own = entity.private(tag, self.creators)
        text = document.get(own)
        creator = f"{own[:4]}00{own[4:6]}"
        if text is None or _BASE in text or creator not in document:
            return
        elements[creator] = document[creator].encode()
        elements[own] = text.encode()


_KEPT_PATHS = {(tag,) for tag in REQUEST_IDS}


def _only(item: str, wanted: set[str]) -> str:
    found = {tag: text for tag, text in lines.members(item).items() if tag in wanted and _BASE not in text}
    for tag in wanted - found.keys():
        found[tag] = empty(_plain_vr(tag)).decode()
    return lines.dataset(found)


def _plain_vr(tag: str) -> str:
    return dictionary_vr(int(tag, 16)).split(" or ")[0]


def _is_sequence(tag: str) -> bool:
    return dictionary_vr(int(tag, 16)) == "SQ" and not is_private(tag)


def _in_document(tag: str) -> bool:
    """Whether the attribute stands only in the metadata of the instance."""
    return tag not in BESIDE and tag not in DERIVED and tag not in (AVAILABILITY, TIMEZONE)


def _reaches(level: str, lowest: str) -> bool:
    return LEVELS.index(level) <= LEVELS.index(lowest)


_ORDER: dict[str, list[ColumnElement[Any]]] = {
    "study": [STUDIES.c.uid],
    "series": [STUDIES.c.uid, SERIES.c.number, SERIES.c.uid],
    "instance": [STUDIES.c.uid, SERIES.c.number, SERIES.c.uid, INSTANCES.c.number, INSTANCES.c.uid],
}


def _tables(lowest: str) -> FromClause:
    tables: FromClause = STUDIES
    if lowest != "study":
        tables = tables.join(SERIES, SERIES.c.study == STUDIES.c.id)
    if lowest == "instance":
        tables = tables.join(INSTANCES, INSTANCES.c.series == SERIES.c.id)
    return tables


def _defaulted(query: Select[Any], lowest: str) -> Select[Any]:
    """Columns that a level does not have, as empty text, so that every row has the same names."""
    if lowest == "study":
        query = query.add_columns(_NOTHING.label("series"))
    return query if lowest == "instance" else query.add_columns(_NOTHING.label("instance"))


def _read_documents(connection: Connection, entities: Sequence[_Entity]) -> None:
    for at in range(0, len(entities), 256):
        some = {entity.first: entity for entity in entities[at : at + 256]}
        query = select(DOCUMENTS.c.instance, DOCUMENTS.c.metadata).where(DOCUMENTS.c.instance.in_(list(some)))
        for found in connection.execute(query):
            some[found.instance].document = lines.members(found.metadata.decode())


def _selection(keys: Sequence[Key], reading: Reading) -> tuple[list[tuple[str, ColumnElement[bool]]], set[str]]:
    """Conditions in SQL that let every match through, and the tags that they decide for good."""
    where: list[tuple[str, ColumnElement[bool]]] = []
    done: set[str] = set()
    for key in keys:
        tag, asked = key.path[0], [value for value in key.values if value]
        if len(key.path) > 1 or not asked or (reading.empty_value and '""' in asked):
            continue
        if tag in _UID_COLUMNS:
            where.append((level_of(tag), _UID_COLUMNS[tag].in_(_uids(key))))
            done.add(tag)
        elif len(asked) == 1:
            condition = _column(tag, asked[0], reading)
            where += [(level_of(tag), condition)] if condition is not None else []
    return where, done


def _uids(key: Key) -> list[str]:
    return [uid.strip(" \0") for value in key.values if value for uid in value.split("\\")]


def _column(tag: str, value: str, reading: Reading) -> ColumnElement[bool] | None:
    if tag in _TEXT_COLUMNS and not set("*?\\") & set(value):
        column = _TEXT_COLUMNS[tag]
        wanted = value.strip(" \0") if tag == "00080060" else value.rstrip(" \0")
        return or_(column == wanted, column.is_(None), *_unknown(column, reading))
    if tag == "00080020" and reading.zone is None and "\\" not in value and (bounds := day_bounds(value)):
        column = STUDIES.c.study_date
        return or_(column.between(*bounds), column.is_(None), *_unknown(column, reading))
    return None


def _unknown(column: ColumnElement[Any], reading: Reading) -> list[ColumnElement[bool]]:
    """What lets entities without a value through, where those match every key."""
    return [column == ""] if reading.unknown_matches else []
