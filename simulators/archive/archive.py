"""Knows the archive as doors see it (receive, store, search, select); nothing is said to be stored before it is.

Must not know HTTP, DIMSE or who asks.

An instance goes through these steps: a temporary file is written and forced to the disk; it is checked; it is renamed
to its final name, and the folder forced to the disk; then one transaction makes the whole batch known to the index.
What the index does not know does not exist: a crash before the commit leaves files that the next start sweeps away.
The same SOP Instance again: the same octets change nothing; other octets replace it, in the same transaction.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import URL, select
from sqlalchemy.exc import SQLAlchemyError

from simulators.archive.check import Refused, check
from simulators.archive.disk import Share, sync
from simulators.archive.filing import Filed, Filing
from simulators.archive.held import OUT_OF_RESOURCES, PROCESSING_FAILURE, Held, Stored
from simulators.archive.incoming import Incoming
from simulators.archive.index import DOCUMENTS, INSTANCES, SERIES, STUDIES, Database
from simulators.archive.match import supported
from simulators.archive.question import BadValue, Key, Matches, Question, Row
from simulators.archive.search import search

__all__ = ["Archive", "BadValue", "Held", "Incoming", "Key", "Matches", "Question", "Row", "Stored", "supported"]

LOG = logging.getLogger(__name__)
GRACE = 60.0  # seconds that a replaced file stays for readers that were just told of it
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Archive:
    """Instances on disk and their index. Safe to use from many threads; readers never wait for a writer.

    `folder` holds the files, and the index when no `database` (an SQLAlchemy URL) is given. Several processes may use
    one folder; the first of them sweeps it.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self._incoming, self._files = folder / "incoming", folder / "files"
        for made in (self._incoming, self._files):
            made.mkdir(parents=True, exist_ok=True)
        self._share = Share(folder / "lock")
        self._database = Database(database or _sqlite(folder / "index.sqlite"))
        self._writing = threading.Lock()
        self._retired: list[tuple[float, Path]] = []
        self._durable: set[Path] = set()  # folders of files whose names are synced
        self._sweep()

    def receive(self) -> Incoming:
        """A new temporary file inside the archive's folder, to be written and handed to `store`."""
        return Incoming(self._incoming)

    def store(self, batch: Sequence[Incoming], study: str | None = None) -> list[Stored]:
        """Store a batch durably; one outcome for each member, in order. Every member is consumed.

        With `study`, instances of other studies are refused. Of two members with one SOP Instance UID the later one
        stays. What is returned as stored is whole on disk and found by every later search and select.
        """
        outcomes: list[Stored] = []
        ready: dict[int, Filed] = {}
        drawer = self._files / uuid.uuid4().hex[:1]  # one folder a batch: one fsync does for all its names
        try:
            for place, incoming in enumerate(batch):
                outcome, filed = self._take(incoming, study, drawer)
                outcomes.append(outcome)
                if filed is not None:
                    ready[place] = filed
        except BaseException:  # our own fault or an interrupt: nothing of the batch may stay
            for incoming in batch:
                incoming.discard()
            for filed in ready.values():
                (self.folder / filed.file).unlink(missing_ok=True)
            raise
        trouble = self._file(list(ready.values()), drawer) if ready else None
        if trouble is not None:
            for place in ready:
                outcomes[place] = replace(outcomes[place], status="failed", reason=trouble[0], detail=trouble[1])
        return outcomes

    def search(self, question: Question) -> Matches:
        """The matches in a fixed order; BadValue for a key that its VR does not allow."""
        with self._database.reading() as connection:
            return search(connection, question)

    def select(
        self, study: str, series: str | None = None, instance: str | None = None, *, metadata: bool = True
    ) -> list[Held]:
        """The instances below these UIDs by series number, series UID, instance number and SOP Instance UID.

        [] when there are none. Without `metadata` that field is empty, which is faster where nobody reads it.
        """
        columns = [SERIES.c.uid.label("series_uid"), *(c for c in INSTANCES.c if c.name != "elements")]
        tables = STUDIES.join(SERIES, SERIES.c.study == STUDIES.c.id).join(INSTANCES, INSTANCES.c.series == SERIES.c.id)
        if metadata:
            tables = tables.join(DOCUMENTS, DOCUMENTS.c.instance == INSTANCES.c.id)
            columns.append(DOCUMENTS.c.metadata)
        query = select(*columns).select_from(tables).where(STUDIES.c.uid == study)
        query = query if series is None else query.where(SERIES.c.uid == series)
        query = query if instance is None else query.where(INSTANCES.c.uid == instance)
        order = (SERIES.c.number, SERIES.c.uid, INSTANCES.c.number, INSTANCES.c.uid)
        with self._database.reading() as connection:
            return [
                Held(
                    study, r.series_uid, r.uid, r.sop_class, r.transfer_syntax, self.folder / r.file, r.size, r.frames,
                    r.dataset_at, r.metadata if metadata else b"", r.pixel_tag,
                )
                for r in connection.execute(query.order_by(*order))
            ]  # fmt: skip

    def study_exists(self, study: str) -> bool:
        """Whether at least one instance of the study is held."""
        with self._database.reading() as connection:
            return connection.execute(select(STUDIES.c.id).where(STUDIES.c.uid == study)).first() is not None

    def close(self) -> None:
        """Release the database and the folder; the archive is not usable afterwards."""
        self._remove_retired(0)
        self._database.close()
        self._share.close()

    # --- storing ---------------------------------------------------------------------------------------------------

    def _take(self, incoming: Incoming, study: str | None, drawer: Path) -> tuple[Stored, Filed | None]:
        """Check one member and give it its final name; the outcome holds if the index takes it."""
        try:
            incoming.flush()
            checked = check(incoming.path, study)
            drawer.mkdir(exist_ok=True)
            target = drawer / f"{uuid.uuid4().hex}.dcm"
            os.rename(incoming.path, target)
        except Refused as refused:
            return refused.stored, None
        except OSError as error:
            LOG.exception("an instance could not be written")
            return Stored("failed", _reason(error), f"the file could not be kept ({error.strerror})"), None
        finally:
            incoming.discard()
        stored = Stored("stored", 0, "", checked.sop_class, checked.sop_instance, checked.study, checked.series)
        return stored, Filed(checked, target.relative_to(self.folder).as_posix(), incoming.digest)

    def _file(self, ready: Sequence[Filed], drawer: Path) -> tuple[int, str] | None:
        """Make a batch known to the index; the reason and a sentence when that failed and nothing was stored."""
        try:
            sync(drawer)
            if drawer not in self._durable:  # its own name has to outlive a crash as well, which is asked for once
                sync(drawer.parent)
                self._durable.add(drawer)
            with self._writing, self._database.writing() as connection:
                filing = Filing(connection)
                unneeded = [name for name in map(filing.put, ready) if name]
                filing.finish()
        except (OSError, SQLAlchemyError) as error:
            LOG.exception("a batch could not be stored")
            self._take_back(ready)
            return _reason(error), "the index could not take the instance"
        fresh = {filed.file for filed in ready}
        for name in fresh.intersection(unneeded):  # nobody was told of these
            (self.folder / name).unlink(missing_ok=True)
        self._retire([name for name in unneeded if name not in fresh])
        return None

    def _take_back(self, ready: Sequence[Filed]) -> None:
        """Remove the files of a batch that failed, unless the index came to know them after all."""
        try:
            known = self._known()
        except SQLAlchemyError:
            return  # the next start sweeps
        for filed in ready:
            if filed.file not in known:
                (self.folder / filed.file).unlink(missing_ok=True)

    def _retire(self, names: Sequence[str]) -> None:
        now = time.monotonic()
        with self._writing:
            self._retired += [(now, self.folder / name) for name in names]
        self._remove_retired(GRACE)

    def _remove_retired(self, grace: float) -> None:
        before = time.monotonic() - grace
        with self._writing:
            old = [path for since, path in self._retired if since <= before]
            self._retired = [(since, path) for since, path in self._retired if since > before]
        for path in old:
            path.unlink(missing_ok=True)

    # --- start -----------------------------------------------------------------------------------------------------

    def _known(self) -> set[str]:
        with self._database.reading() as connection:
            return set(connection.execute(select(INSTANCES.c.file)).scalars())

    def _sweep(self) -> None:
        """Remove what a crash left behind, unless another process is at work here."""
        if self._share.first:
            known = self._known()
            for path in [*self._incoming.glob("*.part"), *self._files.glob("*/*.dcm")]:
                if path.relative_to(self.folder).as_posix() not in known:
                    LOG.warning("removing %s, which was never acknowledged", path.name)
                    path.unlink(missing_ok=True)
        self._share.settle()


def _sqlite(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _reason(error: Exception) -> int:
    full = isinstance(error, OSError) and error.errno in _FULL
    return OUT_OF_RESOURCES if full or "full" in str(error) else PROCESSING_FAILURE
