"""Knows the tables of the index and how to open them, in SQLite or behind any other SQLAlchemy URL.

Must not know DICOM beyond the names of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)

TABLES = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")
# A linguistic collation may pass over the dots of UIDs; the order has to be the same everywhere.
_UID = String(64).with_variant(String(64, collation="C"), "postgresql")

STUDIES = Table(
    "studies",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("uid", _UID, nullable=False, unique=True),
    Column("first", _ID),  # the instance that speaks for the study
    Column("patient_id", Text),  # these three: the one plain value, '' for none, NULL when only Python can tell
    Column("accession", Text),
    Column("study_date", String(8)),
    Column("elements", LargeBinary, nullable=False),
    Index("by_patient", "patient_id"),
    Index("by_accession", "accession"),
    Index("by_date", "study_date"),
)
SERIES = Table(
    "series",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("study", _ID, ForeignKey("studies.id"), nullable=False),
    Column("uid", _UID, nullable=False),
    Column("first", _ID),
    Column("number", BigInteger, nullable=False),
    Column("modality", Text),
    Column("instances", Integer, nullable=False),
    Column("elements", LargeBinary, nullable=False),
    UniqueConstraint("study", "uid"),
    Index("by_series_uid", "uid"),
    Index("by_modality", "modality"),
)
INSTANCES = Table(
    "instances",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("series", _ID, ForeignKey("series.id"), nullable=False),
    Column("uid", _UID, nullable=False, unique=True),
    Column("number", BigInteger, nullable=False),
    Column("sop_class", _UID, nullable=False),
    Column("transfer_syntax", _UID, nullable=False),
    Column("file", String(80), nullable=False),  # a random name: an index of these costs a page for each
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("dataset_at", Integer, nullable=False),
    Column("pixel_tag", String(8), nullable=False),
    Column("elements", LargeBinary, nullable=False),
    Index("by_series", "series", "number", "uid"),
    Index("by_sop_class", "sop_class"),
)
# Long values apart, so that reading the index does not read them.
DOCUMENTS = Table(
    "documents",
    TABLES,
    Column("instance", _ID, ForeignKey("instances.id"), primary_key=True),
    Column("metadata", LargeBinary, nullable=False),
)
_LOCK = 0x6469636F6D  # any number that other users of the same PostgreSQL database are unlikely to take


class Database:
    """Transactions over the index, or over other tables: `reading` sees one state and blocks nobody, `writing` is
    alone."""

    def __init__(self, url: str, tables: MetaData = TABLES) -> None:
        self.engine = create_engine(url)
        self._writer = self.engine.execution_options(dicomproof_writes=True)
        _prepare(self.engine)
        with self.writing() as connection:
            tables.create_all(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _prepare(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _postgres_begins)


def _sqlite_connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late to read one state
    for setting in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                    "cache_size=-32768", "mmap_size=268435456"):  # fmt: skip
        connection.execute(f"PRAGMA {setting}").close()


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("dicomproof_writes"))


def _sqlite_begins(connection: Connection) -> None:
    # IMMEDIATE: two writers wait for each other at the start, where they still can
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _postgres_begins(connection: Connection) -> None:
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
