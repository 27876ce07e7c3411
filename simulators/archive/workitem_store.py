"""Knows how workitems and subscriptions are kept on disk: tables of a database, written in one transaction each time.

Must not know what may be done with them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
)
from sqlalchemy.sql.dml import UpdateBase

from simulators.archive.index import Database
from simulators.archive.question import Key
from simulators.archive.workitem_events import Attributes
from simulators.archive.workitem_subscriptions import Audience, Own, Standing, Subscribed, Subscriptions

TABLES = MetaData()
WORKITEMS = Table(
    "workitems",
    TABLES,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("uid", String(64), nullable=False, unique=True),
    Column("lock", String(64), nullable=False),  # the Transaction UID
    Column("attributes", Text, nullable=False),
    Column("audience", Integer, nullable=False),
    Column("own", Text, nullable=False),
)
AUDIENCES = Table("audiences", TABLES, Column("id", Integer, primary_key=True, autoincrement=False),
                  Column("members", Text, nullable=False))  # fmt: skip
STANDING = Table(
    "standing",
    TABLES,
    Column("title", String(64), primary_key=True),
    Column("uid", String(64), primary_key=True),
    Column("lock", Integer, nullable=False),
    Column("keys", Text, nullable=False),
)
FORMS = Table("forms", TABLES, Column("title", String(64), primary_key=True),
              Column("form", String(16), primary_key=True))  # fmt: skip
REMOVED = Table("removed", TABLES, Column("uid", String(64), primary_key=True))

_INSERT = insert(WORKITEMS)
_UPDATE = (
    WORKITEMS.update()
    .where(WORKITEMS.c.number == bindparam("key"))
    .values(lock=bindparam("lock"), attributes=bindparam("attributes"))
)
_SUBSCRIBE = (
    WORKITEMS.update()
    .where(WORKITEMS.c.number == bindparam("key"))
    .values(audience=bindparam("audience"), own=bindparam("own"))
)
_DELETE = delete(WORKITEMS).where(WORKITEMS.c.number == bindparam("key"))
_AUDIENCE = insert(AUDIENCES)
_REMOVED = insert(REMOVED)
_STAND = insert(STANDING)
_UNSTAND = delete(STANDING).where(STANDING.c.title == bindparam("key"), STANDING.c.uid == bindparam("which"))
_FORM = insert(FORMS)
_UNFORM = delete(FORMS).where(FORMS.c.title == bindparam("key"))


@dataclass(frozen=True, slots=True)
class Workitem:
    """A workitem as it is held: `number` by the order of creation, `lock` the Transaction UID it was claimed with."""

    number: int
    uid: str
    lock: str
    attributes: Attributes
    subscribed: Subscribed = field(default_factory=Subscribed)


@dataclass
class Held:
    """All that is on disk, as it was read when the store was opened."""

    items: dict[str, Workitem]
    removed: set[str]
    forms: dict[str, set[str]]


class Writing:
    """What one transaction is to write, in its order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps: list[tuple[UpdateBase, list[dict[str, Any]]]] = []
        self.audiences: dict[int, Audience] = {}  # by the identity of the mapping, which is kept alive here

    def create(self, item: Workitem) -> None:
        own = json.dumps(item.subscribed.own)
        self._add(_INSERT, number=item.number, uid=item.uid, lock=item.lock, attributes=_text(item.attributes),
                  audience=self._audience(item.subscribed.audience), own=own)  # fmt: skip

    def update(self, item: Workitem) -> None:
        self._add(_UPDATE, key=item.number, lock=item.lock, attributes=_text(item.attributes))

    def subscribe(self, item: Workitem) -> None:
        audience = self._audience(item.subscribed.audience)
        self._add(_SUBSCRIBE, key=item.number, audience=audience, own=json.dumps(item.subscribed.own))

    def remove(self, item: Workitem) -> None:
        self._add(_DELETE, key=item.number)
        self._add(_REMOVED, uid=item.uid)

    def stand(self, title: str, uid: str, standing: Standing | None) -> None:
        self._add(_UNSTAND, key=title, which=uid)
        if standing is not None:
            keys = json.dumps([[".".join(key.path), *key.values] for key in standing.keys])
            self._add(_STAND, title=title, uid=uid, lock=int(standing.lock), keys=keys)

    def forms(self, title: str, forms: Iterable[str]) -> None:
        self._add(_UNFORM, key=title)
        for form in forms:
            self._add(_FORM, title=title, form=form)

    def steps(self) -> Iterator[tuple[UpdateBase, Sequence[Mapping[str, Any]]]]:
        """The statements with what each is executed with."""
        return iter(self._steps)

    def _add(self, statement: UpdateBase, **values: Any) -> None:
        if not self._steps or self._steps[-1][0] is not statement:
            self._steps.append((statement, []))
        self._steps[-1][1].append(values)

    def _audience(self, audience: Audience) -> int:
        number = self._store.known(audience)
        if number is None:
            number = next((n for n, one in self.audiences.items() if one is audience), None)
        if number is None:
            number = self._store.free(len(self.audiences))
            self.audiences[number] = audience
            self._add(_AUDIENCE, id=number, members=json.dumps(audience))
        return number


class Store:
    """The database of one set of workitems. One thread at a time writes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "workitems.sqlite"
        self.fresh = not path.exists()
        self._database = Database(URL.create("sqlite", database=str(path)).render_as_string(), TABLES)
        self._audiences: dict[int, tuple[int, Audience]] = {}  # id() of the mapping -> its number
        self._next = 1

    def known(self, audience: Audience) -> int | None:
        """The number of an audience that is on disk."""
        found = self._audiences.get(id(audience))
        return found[0] if found else None

    def free(self, taken: int) -> int:
        """A number that no audience has."""
        return self._next + taken

    def write(self, writing: Writing) -> None:
        """All of it or nothing; on disk when this returns."""
        with self._database.writing() as connection:
            for statement, values in writing.steps():
                connection.execute(statement, values)
        for number, audience in writing.audiences.items():
            self._audiences[id(audience)] = (number, audience)
            self._next = max(self._next, number + 1)

    def read(self, subscriptions: Subscriptions) -> Held:
        """What is held; fills the subscriptions. Audiences that no workitem has any more are given up."""
        with self._database.writing() as connection:
            connection.execute(delete(AUDIENCES).where(AUDIENCES.c.id.not_in(select(WORKITEMS.c.audience))))
        with self._database.reading() as connection:
            audiences = {row.id: subscriptions.interned(json.loads(row.members))
                         for row in connection.execute(select(AUDIENCES))}  # fmt: skip
            rows = connection.execute(select(WORKITEMS).order_by(WORKITEMS.c.number))
            items = {row.uid: _item(row, audiences[row.audience]) for row in rows}
            removed = set(connection.execute(select(REMOVED.c.uid)).scalars())
            for row in connection.execute(select(STANDING)):
                keys = tuple(Key(tuple(path.split(".")), tuple(values)) for path, *values in json.loads(row.keys))
                subscriptions.stand(row.title, row.uid, Standing(bool(row.lock), keys))
            forms: dict[str, set[str]] = {}
            for row in connection.execute(select(FORMS)):
                forms.setdefault(row.title, set()).add(row.form)
        self._audiences = {id(audience): (number, audience) for number, audience in audiences.items()}
        self._next = max(audiences, default=0) + 1
        return Held(items, removed, forms)

    def close(self) -> None:
        """Release the database."""
        self._database.close()


def lean(attributes: Attributes) -> dict[str, Any]:
    """The same attributes in order of their tags, with what most workitems have alike held once."""
    return {sys.intern(tag): _lean(attributes[tag]) for tag in sorted(attributes)}


_EMPTY: dict[str, dict[str, str]] = {}


def _lean(attribute: Mapping[str, Any]) -> Mapping[str, Any]:
    vr = sys.intern(str(attribute["vr"]))
    values = attribute.get("Value")
    if values is None and len(attribute) == 1:
        return _EMPTY.setdefault(vr, {"vr": vr})
    if vr == "SQ":
        return {"vr": vr, "Value": [lean(item or {}) for item in values or ()]} if values else _lean({"vr": vr})
    return {**attribute, "vr": vr}


def _item(row: Any, audience: Audience) -> Workitem:
    own: Own = json.loads(row.own)
    return Workitem(row.number, row.uid, row.lock, lean(json.loads(row.attributes)), Subscribed(audience, own))


def _text(attributes: Attributes) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
