"""Knows what the archive of an observation holds before anybody asks: files, or a synthetic corpus.

Must not know who is going to ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dicomproof.run import UsageError
from harness.body import CHUNK
from harness.make.corpus import corpus
from harness.make.variants import for_web
from harness.wire import sniff
from simulators.archive.archive import Archive
from simulators.archive.incoming import Incoming

BATCH = 50
SEED, NONCE = 0, "OBSERVED"  # the same UIDs each time, so that what is asked for can be written down


def fill(archive: Archive, paths: Sequence[Path], synthetic: bool) -> str:
    """Store the DICOM files below these paths, or else the corpus when `synthetic`; what is held, for people.

    UsageError for a path that is not there or below which nothing can be stored.
    """
    if paths:
        try:
            stored = _store(archive, map(_chunks, _files(paths)))
        except OSError as error:
            raise UsageError(f"{error.filename or paths[0]} cannot be loaded: {error.strerror or error}.") from None
        if not stored:
            raise UsageError(f"Nothing below {', '.join(map(str, paths))} could be stored; give DICOM files.")
        return f"{stored} instances of yours"
    if synthetic:
        stored = _store(archive, ([for_web(sample).part10] for sample in corpus(SEED, NONCE)))
        return f"{stored} synthetic instances"
    return ""


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; give DICOM files, or folders of them.")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as opened:
                    head = opened.read(sniff.LOOK)
                if sniff.shown(head, str(file)) == sniff.DICOM:
                    yield file


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk


def _store(archive: Archive, instances: Iterable[Iterable[bytes]]) -> int:
    """How many of these instances, given in pieces, are stored now."""
    stored = 0
    batch: list[Incoming] = []
    for pieces in instances:
        incoming = archive.receive()
        for piece in pieces:
            incoming.write(piece)
        incoming.close()
        batch.append(incoming)
        if len(batch) == BATCH:
            stored += _stored(archive, batch)
            batch = []
    return stored + _stored(archive, batch)


def _stored(archive: Archive, batch: Sequence[Incoming]) -> int:
    return sum(outcome.status == "stored" for outcome in archive.store(batch)) if batch else 0
