"""A provider of workitems over a dict, made with pynetdicom: an independent opinion of PS3.4 Annex CC.

Must not know what is expected of it, nor anything of ours: what it answers comes from the text alone.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made when it is imported
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)

from harness.entity import Entity

TITLE: Final = "DICTUPS"
HERE: Final = "127.0.0.1"
GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
CLASSES: Final = (UnifiedProcedureStepPush, UnifiedProcedureStepPull, UnifiedProcedureStepWatch,
                  UnifiedProcedureStepQuery)  # fmt: skip
FIXED: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "ReferencedRequestSequence",
)
NEEDED: Final = ("ProcedureStepLabel", "ScheduledProcedureStepStartDateTime", "InputReadinessState")
ENDINGS: Final = ("PerformedStationNameCodeSequence", "PerformedProcedureStepStartDateTime",
                  "PerformedWorkitemCodeSequence", "PerformedProcedureStepEndDateTime")  # fmt: skip
REPORTED: Final = {"ScheduledStationNameCodeSequence": 5, "ProcedureStepProgressInformationSequence": 3}
Status = int | Dataset


@dataclass
class Item:
    """A workitem, who holds it, and who is subscribed to it."""

    content: Dataset
    lock: str = ""
    watchers: set[str] = field(default_factory=set)

    @property
    def state(self) -> str:
        return str(self.content.ProcedureStepState)

    def set_state(self, name: str) -> None:
        self.content.ProcedureStepState = name


@dataclass(frozen=True)
class Event:
    """What an AE is to be told."""

    title: str
    uid: str
    type: int
    information: Dataset


class Provider:
    """Everything in one dict, under one lock; events go out one after the other on associations of their own."""

    def __init__(self, peers: dict[str, Entity]) -> None:
        self.items: dict[str, Item] = {}
        self.watching_all: set[str] = set()
        self.peers = peers
        self.refused: list[str] = []
        self._lock = threading.RLock()
        self._due: queue.Queue[Event | None] = queue.Queue()

    # --- operations ------------------------------------------------------------------------------------------------

    def create(self, event: Any) -> tuple[Status, Dataset | None]:
        uid, given = str(event.request.AffectedSOPInstanceUID), event.attribute_list
        with self._lock:
            if uid in self.items:
                return 0x0111, None
            if str(given.get("ProcedureStepState", "")) != "SCHEDULED":
                return 0xC309, None
            for keyword in NEEDED:
                if not given.get(keyword):
                    return 0x0120 if keyword not in given else 0x0121, None
            if given.get("TransactionUID"):
                return 0x0106, None
            del given.TransactionUID
            given.SOPClassUID, given.SOPInstanceUID = UnifiedProcedureStepPush, UID(uid)
            self.items[uid] = Item(given, watchers=set(self.watching_all))
            self._tell_state(uid)
            if given.get("ScheduledStationNameCodeSequence"):
                self._tell(uid, 5, ("ScheduledStationNameCodeSequence",))
            return 0x0000, Dataset()

    def get(self, event: Any) -> tuple[Status, Dataset | None]:
        with self._lock:
            item = self.items.get(str(event.request.RequestedSOPInstanceUID))
            if item is None:
                return 0xC307, None
            asked = list(event.attribute_identifiers or ())
            found = Dataset()
            for element in item.content:
                if (not asked or element.tag in asked) and element.keyword not in ("SOPClassUID", "SOPInstanceUID"):
                    found[element.tag] = deepcopy(element)
            status = 0x0001 if any(tag not in found for tag in asked) else 0x0000
            found.SpecificCharacterSet = item.content.SpecificCharacterSet
            return status, found

    def modify(self, event: Any) -> tuple[Status, Dataset | None]:
        uid, given = str(event.request.RequestedSOPInstanceUID), event.modification_list
        with self._lock:
            item = self.items.get(uid)
            if item is None:
                return 0xC307, None
            if item.state in ("COMPLETED", "CANCELED"):
                return 0xC300, None
            if item.lock != str(given.get("TransactionUID", "")):
                return 0xC301, None
            if "ProcedureStepState" in given:
                return 0xC303, None
            if any(keyword in given for keyword in FIXED):
                return 0x0106, None
            before = deepcopy(item.content)
            item.content.update({e.tag: e for e in given if e.keyword != "TransactionUID"})
            self._changed(uid, before, item.content)
            return 0x0000, Dataset()

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        with self._lock:
            held = [deepcopy(item.content) for item in self.items.values()]
        for content in held:
            if event.is_cancelled:
                yield 0xFE00, None
                return
            if _fits(content, event.identifier):
                yield 0xFF00, _asked(content, event.identifier)

    def act(self, event: Any) -> tuple[Status, Dataset | None]:
        uid, given = str(event.request.RequestedSOPInstanceUID), event.action_information
        with self._lock:
            if event.action_type in (3, 4, 5):
                return self._watch(event.action_type, uid, given), None
            item = self.items.get(uid)
            if item is None:
                return 0xC307, None
            if event.action_type == 1:
                return self._change(uid, item, given), None
            if event.action_type == 2:
                return self._cancel(uid, item, given, str(event.assoc.requestor.ae_title).strip()), None
            return 0x0123, None

    def _change(self, uid: str, item: Item, given: Dataset) -> int:
        to, lock = str(given.get("ProcedureStepState", "")), str(given.get("TransactionUID", ""))
        if to == "SCHEDULED":
            return 0xC303
        if not lock or (item.lock and item.lock != lock):
            return 0xC301
        if to == item.state and to in ("COMPLETED", "CANCELED"):
            return {"COMPLETED": 0xB306, "CANCELED": 0xB304}[to]
        if item.state in ("COMPLETED", "CANCELED"):
            return 0xC300
        if to == "IN PROGRESS":
            if item.state == to:
                return 0xC302
            item.lock = lock
        elif item.state == "SCHEDULED":
            return 0xC310
        elif to == "COMPLETED" and not _ended(item.content):
            return 0xC304
        item.set_state(to)
        self._tell_state(uid)
        return 0x0000

    def _cancel(self, uid: str, item: Item, given: Dataset, asking: str) -> int:
        if item.state in ("COMPLETED", "CANCELED"):
            return {"COMPLETED": 0xC311, "CANCELED": 0xB304}[item.state]
        if item.state == "SCHEDULED":
            for to in ("IN PROGRESS", "CANCELED"):
                item.set_state(to)
                self._tell_state(uid)
            return 0x0000
        information = deepcopy(given)
        information.RequestingAE = asking
        self._put(uid, 2, information)
        return 0x0000

    def _watch(self, type_: int, uid: str, given: Dataset) -> int:
        title = str(given.ReceivingAE)
        if uid == FILTERED:
            return 0xC307
        if uid != GLOBAL and uid not in self.items:
            return 0xC307
        if type_ == 5:
            self.watching_all.discard(title)
            return 0x0000 if uid == GLOBAL else 0xC314
        if title not in self.peers:
            return 0xC308
        mine = list(self.items) if uid == GLOBAL else [uid]
        if uid == GLOBAL:
            self.watching_all = self.watching_all | {title} if type_ == 3 else self.watching_all - {title}
        for one in mine:
            watchers = self.items[one].watchers
            new = title not in watchers
            watchers.add(title) if type_ == 3 else watchers.discard(title)
            if type_ == 3 and (uid != GLOBAL or (new and str(given.DeletionLock) == "TRUE")):
                self._put(one, 1, self._state(one), {title})
        return 0x0000

    # --- events ----------------------------------------------------------------------------------------------------

    def _state(self, uid: str) -> Dataset:
        return _some(self.items[uid].content, ("ProcedureStepState", "InputReadinessState"))

    def _tell_state(self, uid: str) -> None:
        self._put(uid, 1, self._state(uid))

    def _tell(self, uid: str, type_: int, keywords: tuple[str, ...]) -> None:
        self._put(uid, type_, _some(self.items[uid].content, keywords))

    def _put(self, uid: str, type_: int, information: Dataset, titles: set[str] | None = None) -> None:
        for title in self.items[uid].watchers if titles is None else titles:
            self._due.put(Event(title, uid, type_, information))

    def _changed(self, uid: str, before: Dataset, after: Dataset) -> None:
        if before.InputReadinessState != after.InputReadinessState:
            self._tell_state(uid)
        for type_, keyword in (
            (5, "ScheduledStationNameCodeSequence"),
            (3, "ProcedureStepProgressInformationSequence"),
        ):
            if before.get(keyword) != after.get(keyword):
                self._tell(uid, type_, (keyword,))

    def post(self) -> None:
        """Tell what is due until there is None, each event on an association of its own."""
        while (event := self._due.get()) is not None:
            peer = self.peers[event.title]
            ae = AE(TITLE)
            role = SCP_SCU_RoleSelectionNegotiation()
            role.sop_class_uid, role.scu_role, role.scp_role = UnifiedProcedureStepEvent, False, True
            contexts = [build_context(UnifiedProcedureStepEvent)]
            association = ae.associate(peer.host, peer.port, contexts, event.title, ext_neg=[role])
            if not association.is_established:
                self.refused.append(event.title)
                continue
            association.send_n_event_report(
                event.information, event.type, UnifiedProcedureStepPush, UID(event.uid),
                meta_uid=UnifiedProcedureStepEvent,
            )  # fmt: skip
            association.release()

    def stop(self) -> None:
        self._due.put(None)


def _some(content: Dataset, keywords: tuple[str, ...]) -> Dataset:
    found = Dataset()
    for keyword in keywords:
        if keyword in content:
            found[keyword] = deepcopy(content[keyword])
    if "SpecificCharacterSet" in content:
        found.SpecificCharacterSet = content.SpecificCharacterSet
    return found


def _ended(content: Dataset) -> bool:
    done = content.get("UnifiedProcedureStepPerformedProcedureSequence") or [Dataset()]
    return all(done[0].get(keyword) for keyword in ENDINGS) and "OutputInformationSequence" in done[0]


def _fits(content: Dataset, keys: Dataset) -> bool:
    """Single values and patterns that end with an asterisk, and the same in items."""
    for key in keys:
        if key.keyword == "SpecificCharacterSet" or not key.value:
            continue
        if key.VR == "SQ":
            items = content.get(key.tag).value if key.tag in content else []
            if len(key.value[0]) and not any(_fits(item, key.value[0]) for item in items):
                return False
            continue
        held, wanted = str(content[key.tag].value if key.tag in content else ""), str(key.value)
        if not (held.startswith(wanted[:-1]) if wanted.endswith("*") else held == wanted):
            return False
    return True


def _asked(content: Dataset, keys: Dataset) -> Dataset:
    found = _some(content, tuple(key.keyword for key in keys if key.keyword))
    for key in keys:
        if key.VR == "SQ" and key.keyword in found and key.value and len(key.value[0]):
            wanted = tuple(inner.keyword for inner in key.value[0])
            found[key.keyword].value = [_some(item, wanted) for item in found[key.keyword].value]
        elif key.keyword not in found and key.keyword != "TransactionUID":
            found.add_new(key.tag, key.VR, [] if key.VR == "SQ" else "")
    return found


@contextlib.contextmanager
def provider(peers: dict[str, Entity]) -> Iterator[Entity]:
    """A running provider that knows where these AEs are."""
    held = Provider(peers)
    ae = AE(TITLE)
    for sop_class in CLASSES:
        ae.add_supported_context(sop_class)
    handlers = [
        (evt.EVT_N_CREATE, held.create), (evt.EVT_N_GET, held.get), (evt.EVT_N_SET, held.modify),
        (evt.EVT_N_ACTION, held.act), (evt.EVT_C_FIND, held.find),
    ]  # fmt: skip
    server = ae.start_server((HERE, 0), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
    assert server is not None
    assert server.socket is not None
    posting = threading.Thread(target=held.post, name="events", daemon=True)
    posting.start()
    try:
        yield Entity(TITLE, HERE, server.socket.getsockname()[1])
    finally:
        held.stop()
        posting.join()
        server.shutdown()
