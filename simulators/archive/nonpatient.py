"""Knows Non-Patient Instances as doors see them: kept by category, found by the keys of their models (PS3.4 GG, X, U).

Must not know HTTP, DIMSE or who asks.

A file becomes an instance by the name it gets, `{category}/{uid}.dcm`, once it is whole on the disk: what lies under
another name was never acknowledged. What searches look at is read from the files and kept in memory. An instance never
changes: the same octets again are stored already, others under its UID are refused (PS3.4 GG.4).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.nonpatient import CATEGORIES, CATEGORY_OF, SOP_CLASS, SOP_INSTANCE, Model
from simulators.archive.check import Checked, Refused, check_non_patient
from simulators.archive.disk import sync
from simulators.archive.held import (
    DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    Held,
    Stored,
)
from simulators.archive.incoming import Incoming
from simulators.archive.levels import is_private, offered
from simulators.archive.match import Condition, Reading, conditions
from simulators.archive.question import BadValue, Matches, Question, Row, TagPath
from simulators.archive.when import read_zone
from simulators.model.names import BASE
from simulators.model.scan import dictionary_vr

LOG = logging.getLogger(__name__)
LONG = 1 << 16  # characters of an encoded attribute that searches look at; the studies of an inventory are longer
STALE = 3600.0  # seconds after which a file that nobody finished belongs to nobody
CHARSET = "00080005"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_BASE = BASE.decode("latin-1")


Fits = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class _Kept:
    """One instance and what searches look at: its encoded attributes by tag."""

    held: Held
    elements: Mapping[str, str]

    @cached_property
    def entity(self) -> dict[str, Any]:
        return {tag: json.loads(text) for tag, text in self.elements.items()}

    @property
    def model(self) -> Model | None:
        return CATEGORIES[CATEGORY_OF[self.held.sop_class]].model(self.held.sop_class)


class NonPatient:
    """The instances in a folder. Safe to use from many threads; several processes may use one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, _Kept]] = {}
        for path in (self._arriving, *(folder / name for name in CATEGORIES)):
            path.mkdir(parents=True, exist_ok=True)
        sync(folder)
        self._sweep()

    def receive(self) -> Incoming:
        """A new file beside the instances, to be written and handed to `store`."""
        return Incoming(self._arriving)

    def store(self, batch: Sequence[Incoming], category: str = "", uid: str = "") -> list[Stored]:
        """Store a batch; one outcome for each member, in order. Every member is consumed.

        Instances of another category or another UID than the given ones are refused. What is returned as stored is
        whole on disk and found by every later search.
        """
        return [self._store(incoming, category, uid) for incoming in batch]

    def get(self, category: str, uid: str) -> Held | None:
        """An instance of the category, None when it is not held."""
        kept = self._all(category).get(uid)
        return kept.held if kept else None

    def select(self, classes: Sequence[str], uids: Sequence[str]) -> list[Held]:
        """The instances of these SOP Classes that have one of these UIDs, for C-MOVE and C-GET."""
        found = [self._all(name).get(uid) for name in sorted({CATEGORY_OF[c] for c in classes}) for uid in uids]
        return [kept.held for kept in found if kept and kept.held.sop_class in classes]

    def search(self, category: str, question: Question, classes: Sequence[str] = ()) -> Matches:
        """The matches by UID, each with the attributes of its model and those asked for; BadValue for a key that its
        VR does not allow. `classes`: only instances of these. The levels of the question play no part."""
        zone = read_zone(question.timezone) if question.timezone else None
        if question.timezone and zone is None:
            raise BadValue("00080201", f"{question.timezone[:80]!r} is no offset from UTC")
        reading = Reading(question.empty_value, question.multiple_value, question.unknown_matches, zone,
                          question.combined)  # fmt: skip
        wanted = conditions(question.keys, reading)
        held = [
            kept for _, kept in sorted(self._all(category).items()) if not classes or kept.held.sop_class in classes
        ]
        found = [kept for kept in held if all(condition.holds(kept.entity) for condition in wanted)]
        end = None if question.limit is None else question.offset + question.limit
        page = found[question.offset : end]
        rows = [Row("", "", kept.held.instance, _encoded(_told(kept, question, wanted))) for kept in page]
        return Matches(rows, max(0, len(found) - question.offset - len(page)))

    # --- storing -------------------------------------------------------------------------------------------------

    def _store(self, incoming: Incoming, category: str, uid: str) -> Stored:
        digest = incoming.digest
        try:
            incoming.flush()
            checked = check_non_patient(incoming.path)
            stored = Stored("stored", 0, "", checked.sop_class, checked.sop_instance)
            return self._refusal(stored, category, uid) or self._placed(incoming, checked, stored, digest)
        except Refused as refused:
            return refused.stored
        except OSError as error:
            LOG.exception("an instance could not be kept")
            reason = OUT_OF_RESOURCES if error.errno in _FULL else PROCESSING_FAILURE
            return Stored("failed", reason, f"the file could not be kept ({error.strerror})")
        finally:
            incoming.discard()

    def _refusal(self, stored: Stored, category: str, uid: str) -> Stored | None:
        own = CATEGORY_OF.get(stored.sop_class, "")
        if not own:
            detail = f"{stored.sop_class} is no class of Non-Patient Instances"
            return replace(stored, status="failed", reason=SOP_CLASS_NOT_SUPPORTED, detail=detail)
        if category and own != category:
            detail = f"{stored.sop_class} belongs to {own}, not to {category}"
            return replace(stored, status="failed", reason=SOP_CLASS_NOT_SUPPORTED, detail=detail)
        if uid and stored.sop_instance != uid:
            detail = f"SOP Instance UID is {stored.sop_instance}, but {uid} was asked to be stored"
            return replace(stored, status="failed", reason=DOES_NOT_MATCH, detail=detail)
        return None

    def _placed(self, incoming: Incoming, checked: Checked, stored: Stored, digest: bytes) -> Stored:
        """Give the file its name, unless an instance has it: the same one is stored, another one stays."""
        path = self._folder / CATEGORY_OF[stored.sop_class] / f"{stored.sop_instance}.dcm"
        try:
            os.link(incoming.path, path)  # never in place of another, whoever else stores here
        except FileExistsError:
            if hashlib.sha256(path.read_bytes()).digest() == digest:
                return stored
            detail = "another instance has this SOP Instance UID"
            return replace(stored, status="failed", reason=PROCESSING_FAILURE, detail=detail)
        sync(path.parent)
        with self._lock:
            self._kept.setdefault(path.parent.name, {})[stored.sop_instance] = _of(checked, path)
        return stored

    # --- what is held --------------------------------------------------------------------------------------------

    def _all(self, category: str) -> dict[str, _Kept]:
        """Everything of a category, also what other processes have stored."""
        paths = {path.stem: path for path in (self._folder / category).glob("*.dcm")}
        with self._lock:
            kept = self._kept.setdefault(category, {})
            for uid, path in paths.items():
                if uid not in kept and (found := _read(path)):
                    kept[uid] = found
            return {uid: kept[uid] for uid in paths if uid in kept}

    def _sweep(self) -> None:
        """Remove what crashed while it arrived; who still writes there, in another process, is younger."""
        for path in self._arriving.glob("*.dcm"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE:
                    path.unlink()


def known(path: TagPath) -> bool:
    """Whether a key or an includefield of this path means something here."""
    if not path or is_private(path[0]) or not offered(path[0]):
        return False
    vrs = [dictionary_vr(int(tag, 16)) for tag in path]
    return all(vr == "SQ" for vr in vrs[:-1]) and vrs[-1] != "UN" and not _BINARY & set(vrs[-1].split(" or "))


def _told(kept: _Kept, question: Question, wanted: Sequence[Condition]) -> dict[str, Any]:
    """What is said of a match: the keys of its model as far as they have to be or are there, and what was asked for."""
    keys = kept.model.keys if kept.model else {}
    always = {tuple(path.split(".")): key.told in ("1", "2") for path, key in keys.items()}
    always |= {(SOP_CLASS,): True, (SOP_INSTANCE,): True, (CHARSET,): False}
    always |= dict.fromkeys((key.path for key in question.keys), True) | dict.fromkeys(question.include, True)
    whole = {path[0] for path in question.include if len(path) == 1}
    matching = {c.tag: c.items for c in wanted if c.items is not None}
    told = _reduced(kept.entity, {p: a for p, a in always.items() if len(p) == 1 or p[0] not in whole}, matching)
    return {**kept.entity, **told} if question.include_all else told


def _reduced(item: Mapping[str, Any], paths: Mapping[TagPath, bool], matching: Mapping[str, Fits]) -> dict[str, Any]:
    """An item with these paths only; those that are true stand there in any case, empty if need be."""
    told = {}
    for tag in sorted({path[0] for path in paths}):
        below = {path[1:]: always for path, always in paths.items() if path[0] == tag and len(path) > 1}
        attribute = item.get(tag)
        if attribute is None:
            if any(always for path, always in paths.items() if path[0] == tag):
                told[tag] = {"vr": dictionary_vr(int(tag, 16)).split(" or ")[0]}
            continue
        if attribute["vr"] == "SQ":
            fits = matching.get(tag)
            items = [i for i in attribute.get("Value", ()) if fits is None or fits(i)]
            items = [_reduced(i, below, {}) for i in items] if below else items
            attribute = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        told[tag] = attribute
    return told


def _encoded(elements: Mapping[str, Any]) -> dict[str, bytes]:
    return {tag: json.dumps(elements[tag], ensure_ascii=False).encode() for tag in sorted(elements)}


def _of(checked: Checked, path: Path) -> _Kept:
    held = Held(
        "", "", checked.sop_instance, checked.sop_class, checked.transfer_syntax, path, checked.size, checked.frames,
        checked.dataset_at, b"", checked.pixel_tag,
    )  # fmt: skip
    short = {tag: text for tag, text in checked.elements.items() if len(text) <= LONG and _BASE not in text}
    return _Kept(held, short)


def _read(path: Path) -> _Kept | None:
    """An instance that was stored before; None, and a word in the log, when its file is none any more."""
    try:
        return _of(check_non_patient(path), path)
    except (Refused, OSError) as error:
        LOG.warning("%s is left out: %s", path.name, error)
        return None
