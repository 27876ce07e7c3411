"""Knows the archive as doors see it (receive, store, search, select); nothing is said to be stored before it is.

Must not know HTTP, DIMSE or who asks.

An instance goes through these steps: a file is written under its final name; it and the folder's list of names are
forced to the disk, and meanwhile it is checked; then one transaction makes the whole batch known to the index, and
other batches that wait at that moment with it. What the index does not know does not exist: a crash before the commit
leaves files that the next start sweeps away.
The same SOP Instance again: the same octets change nothing; other octets replace it, in the same transaction.
"""

from __future__ import annotations

import errno
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, select
from sqlalchemy.exc import SQLAlchemyError

from simulators.archive import lines
from simulators.archive.check import Refused, check
from simulators.archive.commitments import Commitments
from simulators.archive.disk import Share, sync
from simulators.archive.filing import Filed, Filing, filed
from simulators.archive.held import COERCED, OUT_OF_RESOURCES, PROCESSING_FAILURE, Held, Stored
from simulators.archive.incoming import Incoming
from simulators.archive.index import DOCUMENTS, INSTANCES, SERIES, STUDIES, Database
from simulators.archive.match import supported
from simulators.archive.nonpatient import NonPatient
from simulators.archive.question import BadValue, Key, Matches, Question, Row
from simulators.archive.reconcile import corrections, rewrite
from simulators.archive.search import Whole, search
from simulators.archive.steps import Steps
from simulators.archive.together import Together
from simulators.archive.workitems import Workitems
from simulators.archive.worklist import Worklist

__all__ = ["Archive", "BadValue", "Held", "Incoming", "Key", "Matches", "Question", "Row", "Stored", "supported"]

LOG = logging.getLogger(__name__)
FLUSHING = 4  # files that are forced to the disk at a time, while others are checked
DRAWERS, TOGETHER = 16, 256  # folders of files, and how many files in turn go into one
RECONCILED = "the patient was made that of the study"
GRACE = 60.0  # seconds that a replaced file stays for readers that were just told of it
Kept = TypeVar("Kept")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Archive:
    """Instances on disk and their index. Safe to use from many threads; readers never wait for a writer.

    `folder` holds the files, and the index when no `database` (an SQLAlchemy URL) is given. Several processes may use
    one folder; the first of them sweeps it. With `reconcile`, the patient of an instance becomes that of the study as
    it is held, and one without a Patient ID gets one; each such change is told (PS3.18 10.5.2).
    """

    def __init__(self, folder: Path, database: str | None = None, reconcile: bool = False) -> None:
        self._reconciling = reconcile
        self.folder = folder
        self._files = folder / "files"
        self._files.mkdir(parents=True, exist_ok=True)
        self._share = Share(folder / "lock")
        self._database = Database(database or _sqlite(folder / "index.sqlite"))
        self._together = Together(self._commit)
        self._retiring = threading.Lock()
        self._flushing = ThreadPoolExecutor(FLUSHING, "flush")
        self._retired: list[tuple[float, Path]] = []
        self._durable: set[Path] = set()  # folders whose own names are synced
        self._received = itertools.count(random.randrange(DRAWERS * TOGETHER))
        self._beside: dict[type, Any] = {}
        self._making = threading.RLock()
        self._sweep()

    # What the archive holds beside instances; each of them is one for all doors, made when it is first asked for.

    @property
    def worklist(self) -> Worklist:
        """The scheduled procedure steps (PS3.4 K)."""
        return self._one(Worklist, lambda: Worklist(self.folder / "worklist"))

    @property
    def steps(self) -> Steps:
        """The performed procedure steps (PS3.4 F)."""
        return self._one(Steps, lambda: Steps(self.folder / "steps"))

    @property
    def commitments(self) -> Commitments:
        """The transactions of storage commitment (PS3.4 J, PS3.18 13)."""
        return self._one(Commitments, lambda: Commitments(self))

    @property
    def nonpatient(self) -> NonPatient:
        """The Non-Patient Instances (PS3.4 GG, PS3.18 12)."""
        return self._one(NonPatient, lambda: NonPatient(self.folder / "nonpatient"))

    @property
    def workitems(self) -> Workitems:
        """The workitems (PS3.4 CC)."""
        return self._one(Workitems, lambda: Workitems(self.folder / "workitems"))

    def _one(self, kind: type[Kept], make: Callable[[], Kept]) -> Kept:
        """The one of its kind; doors in several threads may ask for it at the same time."""
        with self._making:
            if kind not in self._beside:
                self._beside[kind] = make()
            found: Kept = self._beside[kind]
            return found

    def receive(self) -> Incoming:
        """A new file inside the archive's folder, to be written and handed to `store`."""
        # many in turn share a folder: forcing its names to the disk once does for all of a batch
        drawer = self._files / f"{next(self._received) // TOGETHER % DRAWERS:x}"
        if drawer not in self._durable:
            drawer.mkdir(exist_ok=True)
        return Incoming(drawer)

    def store(self, batch: Sequence[Incoming], study: str | None = None) -> list[Stored]:
        """Store a batch durably; one outcome for each member, in order. Every member is consumed.

        With `study`, instances of other studies are refused. Of two members with one SOP Instance UID the later one
        stays. What is returned as stored is whole on disk and found by every later search and select.
        """
        outcomes: list[Stored] = []
        ready: dict[int, Filed] = {}
        batch, originals = self._reconciled(batch) if self._reconciling else (batch, {})
        flushed = [self._flushing.submit(incoming.flush) for incoming in batch]
        unnamed = self._sync_names({incoming.path.parent for incoming in batch})
        try:
            for place, incoming in enumerate(batch):
                outcome, taken = self._take(incoming, flushed[place], study)
                outcomes.append(outcome)
                if taken is not None:
                    ready[place] = taken
        except BaseException:  # our own fault or an interrupt: nothing of the batch may stay
            wait([future for future in flushed if not future.cancel()])
            for incoming in batch:
                incoming.discard()
            for one in ready.values():
                (self.folder / one.file).unlink(missing_ok=True)
            raise
        trouble = self._file(list(ready.values()), unnamed) if ready else None
        for place in ready:
            if trouble is not None:
                outcomes[place] = replace(outcomes[place], status="failed", reason=trouble[0], detail=trouble[1])
            elif place in originals:
                outcomes[place] = replace(outcomes[place], warning=COERCED, detail=RECONCILED,
                                          original=originals[place])  # fmt: skip
        return outcomes

    def search(self, question: Question) -> Matches:
        """The matches in a fixed order; BadValue for a key that its VR does not allow."""
        with self._database.reading() as connection:
            return search(connection, question)

    def whole(self) -> Whole:
        """What is held now, in memory, with its metadata; only for few instances."""
        with self._database.reading() as connection:
            return Whole(connection)

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
        self._flushing.shutdown()
        if Workitems in self._beside:
            self.workitems.close()
        self._database.close()
        self._share.close()

    def _reconciled(self, batch: Sequence[Incoming]) -> tuple[list[Incoming], dict[int, str]]:
        """The batch with files written anew where their patient is corrected, and what each of these tells of it."""
        made, originals = list(batch), {}
        for place, incoming in enumerate(batch):
            try:
                checked = check(incoming.path)
                held = self.select(checked.study)[:1]
                wanted = corrections(checked, lines.members(held[0].metadata.decode()) if held else None)
                if wanted:
                    made[place], originals[place] = rewrite(incoming, wanted, self.receive)
                    incoming.discard()
            except Refused:
                continue  # it is told so in its turn
            except Exception as error:  # what cannot be written anew is kept as it came
                LOG.warning("an instance could not be reconciled: %s", error)
        return made, originals

    # --- storing ---------------------------------------------------------------------------------------------------

    def _take(self, incoming: Incoming, flushed: Future[None], study: str | None) -> tuple[Stored, Filed | None]:
        """Check one member and wait until it is on the disk; the outcome holds if the index takes it."""
        try:
            try:
                checked = check(incoming.path, study)
            finally:
                flushed.result()
        except Refused as refused:
            incoming.discard()
            return refused.stored, None
        except OSError as error:
            LOG.exception("an instance could not be written")
            incoming.discard()
            return Stored("failed", _reason(error), f"the file could not be kept ({error.strerror})"), None
        incoming.keep()
        stored = Stored("stored", 0, "", checked.sop_class, checked.sop_instance, checked.study, checked.series)
        return stored, filed(checked, incoming.path.relative_to(self.folder).as_posix(), incoming.digest)

    def _sync_names(self, drawers: Iterable[Path]) -> OSError | None:
        """Force the names of new files to the disk, and once those of their folders; what went wrong, if anything."""
        try:
            for drawer in drawers:
                sync(drawer)
                if drawer not in self._durable:
                    sync(drawer.parent)
                    self._durable.add(drawer)
        except OSError as error:
            return error
        return None

    def _file(self, ready: Sequence[Filed], unnamed: OSError | None) -> tuple[int, str] | None:
        """Make a batch known to the index; the reason and a sentence when that failed and nothing was stored."""
        try:
            if unnamed is not None:
                raise unnamed
            self._together.do(ready)
        except (OSError, SQLAlchemyError) as error:
            LOG.exception("a batch could not be stored")
            self._take_back(ready)
            return _reason(error), "the index could not take the instance"
        return None

    def _commit(self, batches: Sequence[Sequence[Filed]]) -> None:
        """One transaction for all batches that wait; each batch is in the index as a whole or not at all."""
        ready = [one for batch in batches for one in batch]
        with self._database.writing() as connection:
            filing = Filing(connection)
            unneeded = filing.put(ready)
            filing.finish()
        fresh = {one.file for one in ready}
        for name in fresh.intersection(unneeded):  # nobody was told of these
            (self.folder / name).unlink(missing_ok=True)
        self._retire([name for name in unneeded if name not in fresh])

    def _take_back(self, ready: Sequence[Filed]) -> None:
        """Remove the files of a batch that failed, unless the index came to know them after all."""
        try:
            known = self._known()
        except SQLAlchemyError:
            return  # the next start sweeps
        for one in ready:
            if one.file not in known:
                (self.folder / one.file).unlink(missing_ok=True)

    def _retire(self, names: Sequence[str]) -> None:
        now = time.monotonic()
        with self._retiring:
            self._retired += [(now, self.folder / name) for name in names]
        self._remove_retired(GRACE)

    def _remove_retired(self, grace: float) -> None:
        before = time.monotonic() - grace
        with self._retiring:
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
            for path in self._files.glob("*/*.dcm"):
                if path.relative_to(self.folder).as_posix() not in known:
                    LOG.warning("removing %s, which was never acknowledged", path.name)
                    path.unlink(missing_ok=True)
        self._share.settle()


def _sqlite(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _reason(error: Exception) -> int:
    full = isinstance(error, OSError) and error.errno in _FULL
    return OUT_OF_RESOURCES if full or "full" in str(error) else PROCESSING_FAILURE
