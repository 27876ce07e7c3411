"""Knows workitems (PS3.4 Annex CC): what may be done with them and when, and who is told of it.

Must not know messages or transports.

Choices where the text leaves one: a filter is looked at when the subscription or the workitem comes to be, not when a
workitem changes later; a request to cancel a workitem that is SCHEDULED is reported as such too, before the states it
goes through (CC.2.4.3); who subscribes to all with a deletion lock gets a report of every workitem, of those it was
subscribed to before as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from simulators.archive.match import Reading, conditions
from simulators.archive.question import BadValue, Key
from simulators.archive.together import Together
from simulators.archive.workitem_checks import (
    CLASS,
    INSTANCE,
    PUSH,
    creation,
    lacking,
    settable,
    setting,
    supplied,
    supported,
    text,
    transaction_of,
    valid,
    valued,
)
from simulators.archive.workitem_draft import (
    Draft,
    Due,
    assignment,
    cancel_request,
    canceled,
    ending,
    report_changes,
    restarted,
    stamped,
    state,
)
from simulators.archive.workitem_events import ASSIGNED, CANCEL, FILTERED, GLOBAL, Attributes, Event, Listener, Mail
from simulators.archive.workitem_states import (
    CANCELED,
    ENDED,
    IN_PROGRESS,
    STATE,
    TRANSACTION,
    change,
    follow,
)
from simulators.archive.workitem_status import (
    COERCED,
    CREATED_MODIFIED,
    DUPLICATE,
    INVALID_ARGUMENT,
    NO_RESOURCES,
    NOT_APPROPRIATE,
    NOT_COMPLETE,
    NOT_SUPPORTED,
    UNKNOWN,
    Outcome,
    Refused,
)
from simulators.archive.workitem_store import Store, Workitem, lean
from simulators.archive.workitem_subscriptions import Standing, Subscriptions

__all__ = ["FILTERED", "GLOBAL", "Attributes", "Event", "Listener", "Outcome", "Refused", "Workitems"]

SUBSCRIBERS: Final = 10_000  # AEs with a global subscription, and those of one workitem: each is handed its events
LABEL, UNNAMED = "00741202", "WORKLIST"  # what a workitem without a Worklist Label gets
HIDDEN: Final = (CLASS, INSTANCE)  # Table CC.2.5-3, column N-GET: not allowed, as is the Transaction UID

Operation = Callable[[Draft], Outcome]


class Workitems:
    """The workitems in a folder, with subscriptions and deletion locks. Safe to use from many threads.

    Attributes are those of the DICOM JSON Model (tag -> attribute object) and are not changed by anybody once they are
    handed over, in either direction; the Transaction UID is never among those that are given out. Every operation is
    whole or not at all, is on disk before anybody is told of it, and raises Refused with the DIMSE status when it is
    not carried out. `fallback` are AE titles that are told of a restart beside all subscribers (CC.2.4.3).
    """

    def __init__(self, folder: Path, fallback: Sequence[str] = ()) -> None:
        self._store = Store(folder)
        self._subscriptions = Subscriptions()
        held = self._store.read(self._subscriptions)
        self._items = held.items
        self._removed = held.removed
        self._forms = held.forms
        self._next = max((item.number for item in self._items.values()), default=0) + 1
        self._events = 0
        self._mail = Mail()
        self._together: Together[_Turn] = Together(self._commit)
        if not self._store.fresh:
            type, uid, attributes = restarted()
            self._post(sorted({*self._subscribers(), *fallback}), type, uid, attributes)

    # --- workitems (N-CREATE, N-GET, N-SET, C-FIND) ----------------------------------------------------------------

    def create(self, uid: str, attributes: Attributes) -> Outcome:
        """N-CREATE: a new workitem. Refused: 0111, 0106, 0120, 0121, C309; warning B300 with what was changed."""
        given, left_out = supported(attributes)
        changed = (*supplied(given), *left_out)
        made = {tag: a for tag, a in given.items() if tag != TRANSACTION}
        made |= {CLASS: {"vr": "UI", "Value": [PUSH]}, INSTANCE: {"vr": "UI", "Value": [uid]}}
        if not valued(given, LABEL):
            made[LABEL] = {"vr": "LO", "Value": [UNNAMED]}

        def operation(draft: Draft) -> Outcome:
            if draft.known(uid) or uid in (GLOBAL, FILTERED):
                raise Refused(DUPLICATE)
            creation(given, uid)
            item = Workitem(self._number(), uid, "", lean(stamped(made)))
            item = replace(item, subscribed=self._subscriptions.newcomer(item.attributes))
            draft.create(item)
            draft.tell_state(item)
            if assignment(item.attributes):
                draft.tell(item, ASSIGNED, assignment(item.attributes))
            return Outcome(uid, CREATED_MODIFIED if changed else 0, changed)

        return self._do(operation)

    def get(self, uid: str) -> Attributes:
        """N-GET: all attributes that it returns; Refused with C307 when there is no such workitem (see `gone`)."""
        return {tag: a for tag, a in self._item(uid).attributes.items() if tag not in HIDDEN}

    def update(self, uid: str, attributes: Attributes) -> Outcome:
        """N-SET: set attributes; with (0008,1195) among them for a workitem that is IN PROGRESS.

        Refused: C307, C300, C301, C310, C303, 0106, 0120, 0121; warnings B305, 0001 with what was changed or left out.
        """
        transaction = transaction_of(attributes)
        given, left_out = supported({tag: a for tag, a in attributes.items() if tag != TRANSACTION})
        coerced = supplied(given)

        def operation(draft: Draft) -> Outcome:
            item = draft.get(uid)
            settable(item.attributes, item.lock, transaction)
            setting(given)
            made = draft.update(item, **stamped(given))
            report_changes(draft, item.attributes, made)
            return Outcome(uid, COERCED if coerced else NOT_SUPPORTED if left_out else 0, (*coerced, *left_out))

        return self._do(operation)

    def search(self, keys: Sequence[Key], reading: Reading) -> Iterator[Attributes]:
        """C-FIND: the workitems that fulfil all keys, in order of creation, whole, with SOP Class and Instance UID.

        BadValue for a value that the VR of a key does not allow. Without keys, all of them; a key of the Transaction
        UID matches nothing, it is not there (Table CC.2.5-3).
        """
        wanted = conditions(keys, reading)
        items = list(self._items.values())
        return (item.attributes for item in items if all(condition.holds(item.attributes) for condition in wanted))

    # --- states (N-ACTION 1 and 2) ---------------------------------------------------------------------------------

    def change_state(self, uid: str, wanted: str, transaction: str) -> Outcome:
        """Change UPS State. Refused: C307, C300 to C304, C310, 0115; warnings B304, B306, which change nothing."""

        def operation(draft: Draft) -> Outcome:
            item = draft.get(uid)
            after, warning = change(text(item.attributes, STATE), wanted, item.lock, transaction)
            if warning:
                return Outcome(uid, warning, changed=False)
            if after == IN_PROGRESS:
                item = replace(item, lock=transaction)
            more = ending(item.attributes, {}) if after == CANCELED else {}
            missing = lacking({**item.attributes, **more}, after) if after in ENDED else ()
            if missing:
                raise Refused(NOT_COMPLETE, tags=missing)
            draft.tell_state(draft.update(item, **more, **{STATE: state(after)}))
            return Outcome(uid)

        return self._do(operation)

    def request_cancel(self, uid: str, information: Attributes, requester: str) -> Outcome:
        """Request UPS Cancel by the AE `requester`, with Action Information. Refused: C307, C311, 0115; warning B304.

        A workitem that is SCHEDULED is CANCELED then; of one that is IN PROGRESS its subscribers are told.
        """
        told = cancel_request(information, requester)
        wrong = tuple(path for _, path in valid(told))

        def operation(draft: Draft) -> Outcome:
            item = draft.get(uid)
            if wrong:
                raise Refused(INVALID_ARGUMENT, tags=wrong)
            after, warning = follow("request cancel", text(item.attributes, STATE))
            if warning:
                return Outcome(uid, warning, changed=False)
            if after:
                canceled(draft, item, told)
            else:
                draft.tell(item, CANCEL, told)
            return Outcome(uid)

        return self._do(operation)

    # --- subscriptions (N-ACTION 3, 4 and 5) -----------------------------------------------------------------------

    def subscribe(self, title: str, uid: str, lock: bool, keys: Sequence[Key] = (), form: str = "web") -> Outcome:
        """Subscribe an AE to a workitem, to all (GLOBAL), or to those that match keys (FILTERED).

        `form` says how it gets its events, see `titles`. Refused: C307; 0115 for a filter without keys; 0213 when
        there are too many; BadValue for a key that no search takes either.
        """
        if uid in (GLOBAL, FILTERED):
            standing = Standing(lock, tuple(keys) if uid == FILTERED else ())
            return self._do(partial(self._subscribe_all, title, uid, standing, form))

        def operation(draft: Draft) -> Outcome:
            item = draft.get(uid)
            if len(item.subscribed.own) >= SUBSCRIBERS:
                raise Refused(NO_RESOURCES)
            draft.form(title, form)
            draft.subscribe(item, self._subscriptions.specific(item.subscribed, title, lock))
            draft.tell_state(item, (title,))
            return Outcome(uid)

        return self._do(operation)

    def _subscribe_all(self, title: str, uid: str, standing: Standing, form: str, draft: Draft) -> Outcome:
        if uid == FILTERED and not any(any(key.values) for key in standing.keys):
            raise Refused(INVALID_ARGUMENT, "a filter has at least one key with a value")
        if title not in self._subscriptions.standing and len(self._subscriptions.standing) >= SUBSCRIBERS:
            raise Refused(NO_RESOURCES)
        wanted = standing.conditions()
        draft.form(title, form)
        draft.stand(title, uid, standing)
        for item in draft.every():
            if all(condition.holds(item.attributes) for condition in wanted):
                draft.subscribe(item, self._subscriptions.joined(item.subscribed, title, standing.lock))
                if standing.lock:
                    draft.tell_state(item, (title,))
        return Outcome(uid)

    def unsubscribe(self, title: str, uid: str) -> Outcome:
        """End a subscription to a workitem, or the global one and all others of the AE with it.

        Refused with C307 for an unknown workitem; `changed` of the outcome tells whether there was a subscription.
        """
        if uid in (GLOBAL, FILTERED):
            return self._do(partial(self._unsubscribe_all, title, uid))

        def operation(draft: Draft) -> Outcome:
            item = draft.get(uid)
            left = self._subscriptions.left(item.subscribed, title)
            if left is item.subscribed:
                return Outcome(uid, changed=False)
            draft.subscribe(item, left)
            draft.forget(title, uid)
            return Outcome(uid)

        return self._do(operation)

    def _unsubscribe_all(self, title: str, uid: str, draft: Draft) -> Outcome:
        if uid == FILTERED and FILTERED not in self._subscriptions.standing.get(title, {}):
            return Outcome(uid, changed=False)
        found = self._end(draft, title, uid)
        if GLOBAL in self._subscriptions.standing.get(title, {}):
            return Outcome(uid, changed=found)  # the filter ends, the subscription to all still holds
        for item in draft.every():
            gone = self._subscriptions.gone(item.subscribed, title)
            found |= gone is not item.subscribed
            draft.subscribe(item, gone)
        draft.forget(title, None)
        self._subscriptions.prune(item.subscribed.audience for item in draft.every())
        return Outcome(uid, changed=found)

    def suspend(self, title: str, uid: str = GLOBAL) -> Outcome:
        """No subscription to new workitems any more; those to existing ones stay. Refused with C314 for any other UID;
        `changed` of the outcome tells whether there was a global subscription."""
        if uid not in (GLOBAL, FILTERED):
            raise Refused(NOT_APPROPRIATE)
        return self._do(lambda draft: Outcome(uid, changed=self._end(draft, title, uid)))

    def _end(self, draft: Draft, title: str, uid: str) -> bool:
        """End the global subscription; without it there is no filtered one either (one state for each AE, CC.2.3.1)."""
        standing = self._subscriptions.standing.get(title, {})
        found = [one for one in ((GLOBAL, FILTERED) if uid == GLOBAL else (FILTERED,)) if one in standing]
        for one in found:
            draft.stand(title, one, None)
        return bool(found)

    def listen(self, title: str, wake: Callable[[], None]) -> Listener:
        """Get the events for an AE title from now on, and before them those that waited; see `Listener`."""
        return self._mail.listen(title, wake)

    def titles(self, form: str) -> list[str]:
        """The subscribers that get their events in this form ("web", "dimse"), after a restart as well."""
        return sorted(title for title, forms in list(self._forms.items()) if form in forms)

    # --- the end ---------------------------------------------------------------------------------------------------

    def purge(self) -> list[str]:
        """Remove the workitems that have ended and that no deletion lock holds; their UIDs (CC.2.1.3)."""
        removed: list[str] = []

        def operation(draft: Draft) -> Outcome:
            removed.clear()
            for item in draft.every():
                if text(item.attributes, STATE) in ENDED and not item.subscribed.locked:
                    draft.remove(item)
                    removed.append(item.uid)
            return Outcome("")

        self._do(operation)
        return removed

    def close(self) -> None:
        """Release the folder; not usable afterwards."""
        self._store.close()

    # --- how it is done --------------------------------------------------------------------------------------------

    def _item(self, uid: str) -> Workitem:
        item = self._items.get(uid)
        if item is None:
            raise Refused(UNKNOWN, gone=uid in self._removed)
        return item

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _subscribers(self) -> set[str]:
        found = set(self._subscriptions.standing)
        for item in self._items.values():
            found.update(item.subscribed.titles())
        return found

    def _do(self, operation: Operation) -> Outcome:
        turn = _Turn(operation)
        self._together.do(turn)
        if turn.refused is not None:
            raise turn.refused
        assert turn.outcome is not None
        return turn.outcome

    def _commit(self, turns: Sequence[_Turn]) -> None:
        """Carry out what waits, write it in one transaction, then make it true and tell of it."""
        draft = Draft(self._store, self._items, self._removed, self._subscriptions, self._forms)
        try:
            for turn in turns:
                turn.run(draft)
            self._store.write(draft.writing)
        except BaseException:
            draft.give_up()
            raise
        draft.settle()
        for effect in draft.effects:
            if isinstance(effect, Due):
                self._post(*effect)
            else:
                self._mail.forget(*effect)

    def _post(self, titles: Sequence[str], type: int, uid: str, attributes: Attributes) -> None:
        self._events += 1
        self._mail.post(titles, Event(self._events, type, uid, attributes), len(self._items))


@dataclass
class _Turn:
    """One operation that waits for its turn. A refusal comes before the operation changes anything of the draft."""

    operation: Operation
    outcome: Outcome | None = None
    refused: Exception | None = None

    def run(self, draft: Draft) -> None:
        self.outcome = self.refused = None
        try:
            self.outcome = self.operation(draft)
        except (Refused, BadValue) as refused:
            self.refused = refused
