"""Knows one batch of operations on workitems in the making: what it changes, and which events it will cause.

Must not know how it is written down or told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from simulators.archive.workitem_checks import CANCELLATION, PROGRESS, text, valued
from simulators.archive.workitem_events import ASSIGNED, CANCEL, GLOBAL, PROVIDER, STATE, Attributes
from simulators.archive.workitem_events import PROGRESS as PROGRESS_EVENT
from simulators.archive.workitem_states import CANCELED, IN_PROGRESS, MODIFIED, READINESS
from simulators.archive.workitem_states import STATE as STATE_TAG
from simulators.archive.workitem_status import UNKNOWN, Refused
from simulators.archive.workitem_store import Store, Workitem, Writing, lean
from simulators.archive.workitem_subscriptions import Standing, Subscribed, Subscriptions

REASON, REASON_CODES, CONTACT, CONTACT_NAME = "00741238", "0074100E", "0074100A", "0074100C"
REQUESTING: Final = "00741236"
STATION, PERFORMERS = "00404025", "00404034"
_PROGRESS_PARTS: Final = ("00741004", "00741006", "00741007", "00741008")
_PERFORMER_CODES, _ORGANIZATION = "00404009", "00404036"
# PS3.16 CID 9301: what a workitem is canceled for when nobody said why.
_UNSPECIFIED: Final = {
    "00080100": {"vr": "SH", "Value": ["110513"]},
    "00080102": {"vr": "SH", "Value": ["DCM"]},
    "00080104": {"vr": "LO", "Value": ["Discontinued for unspecified reason"]},
}


class Due(NamedTuple):
    """An event that is to be told to these AEs."""

    titles: tuple[str, ...]
    type: int
    uid: str
    attributes: Attributes


class Forgotten(NamedTuple):
    """An AE is told nothing of a workitem any more, of none at all without a UID: not even what it has not read."""

    title: str
    uid: str | None


class Draft:
    """What a batch sees and changes. `held` stays as it is until the batch is on disk and `settle` is called."""

    def __init__(
        self,
        store: Store,
        held: dict[str, Workitem],
        removed: set[str],
        subscriptions: Subscriptions,
        forms: dict[str, set[str]],
    ) -> None:
        self._held = held
        self._removed = removed
        self._changed: dict[str, Workitem | None] = {}
        self._forms = forms
        self._before: tuple[dict[str, dict[str, Standing]], dict[str, set[str]]] | None = None
        self.subscriptions = subscriptions
        self.writing = Writing(store)
        self.effects: list[Due | Forgotten] = []  # in the order of what caused them

    # --- workitems -------------------------------------------------------------------------------------------------

    def find(self, uid: str) -> Workitem | None:
        """A workitem as the batch has it now."""
        return self._changed[uid] if uid in self._changed else self._held.get(uid)

    def get(self, uid: str) -> Workitem:
        """The workitem; Refused when there is none."""
        found = self.find(uid)
        if found is None:
            raise Refused(UNKNOWN, gone=uid in self._removed or uid in self._changed)
        return found

    def known(self, uid: str) -> bool:
        """Whether there is or was a workitem with this UID."""
        return self.find(uid) is not None or uid in self._removed or uid in self._changed

    def every(self) -> Iterator[Workitem]:
        """All workitems, by the order of creation."""
        held = (self._changed.get(uid, item) for uid, item in list(self._held.items()))
        made = (item for uid, item in list(self._changed.items()) if uid not in self._held)
        return (item for item in chain(held, made) if item is not None)

    def create(self, item: Workitem) -> None:
        self._changed[item.uid] = item
        self.writing.create(item)

    def update(self, item: Workitem, **attributes: Mapping[str, Any]) -> Workitem:
        """Change attributes of a workitem; the workitem as it is then."""
        made = replace(item, attributes=lean({**item.attributes, **attributes})) if attributes else item
        self._changed[item.uid] = made
        self.writing.update(made)
        return made

    def remove(self, item: Workitem) -> None:
        self._changed[item.uid] = None
        self.writing.remove(item)

    def subscribe(self, item: Workitem, subscribed: Subscribed) -> Workitem:
        """Change who is subscribed to a workitem."""
        if subscribed is item.subscribed:
            return item
        made = replace(item, subscribed=subscribed)
        self._changed[item.uid] = made
        self.writing.subscribe(made)
        return made

    # --- subscriptions ---------------------------------------------------------------------------------------------

    def stand(self, title: str, uid: str, standing: Standing | None) -> None:
        self._remember()
        self.subscriptions.stand(title, uid, standing)
        self.writing.stand(title, uid, standing)

    def form(self, title: str, form: str) -> None:
        """Remember how an AE gets its events."""
        self._remember()
        known = self._forms.setdefault(title, set())
        if form not in known:
            known.add(form)
            self.writing.forms(title, known)

    def forget(self, title: str, uid: str | None) -> None:
        """Nothing of a workitem, or of any, is told to an AE any more; how it gets events matters no more then."""
        self._remember()
        self.effects.append(Forgotten(title, uid))
        if uid is None and title in self._forms:
            del self._forms[title]
            self.writing.forms(title, ())

    # --- events ----------------------------------------------------------------------------------------------------

    def tell(self, item: Workitem, type: int, attributes: Attributes, titles: Iterable[str] | None = None) -> None:
        """An event to some AEs, without any named to all that are subscribed to the workitem."""
        to = tuple(item.subscribed.titles() if titles is None else titles)
        if to:
            self.effects.append(Due(to, type, item.uid, attributes))

    def tell_state(self, item: Workitem, titles: Iterable[str] | None = None) -> None:
        self.tell(item, STATE, state_report(item.attributes), titles)

    # --- the end ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """The batch is on disk: from now on it is what is held."""
        for uid, item in self._changed.items():
            if item is not None:
                self._held[uid] = item
            elif uid in self._held:
                del self._held[uid]
                self._removed.add(uid)

    def give_up(self) -> None:
        """The batch could not be written: nothing of it is true."""
        if self._before is not None:
            self.subscriptions.standing, forms = self._before
            self._forms.clear()
            self._forms.update(forms)

    def _remember(self) -> None:
        """What subscriptions there were, before the first of them changes."""
        if self._before is None:
            forms = {title: set(known) for title, known in self._forms.items()}
            self._before = dict(self.subscriptions.standing), forms


def state_report(attributes: Attributes) -> Attributes:
    """UPS State Report (Table CC.2.4-1), of a canceled workitem with the reason."""
    told = {tag: attributes[tag] for tag in (READINESS, STATE_TAG)}
    if text(attributes, STATE_TAG) == CANCELED:
        for item in attributes.get(PROGRESS, {}).get("Value", ())[:1]:
            told |= {tag: item[tag] for tag in (REASON_CODES, REASON) if valued(item, tag)}
    return lean(told)


def cancel_request(given: Attributes, requester: str) -> Attributes:
    """UPS Cancel Requested (Table CC.2.4-1): who asks, and what was said with it."""
    told = {tag: given[tag] for tag in (CONTACT, CONTACT_NAME, REASON_CODES, REASON) if valued(given, tag)}
    return lean({REQUESTING: {"vr": "AE", "Value": [requester]}, **told})


def assignment(attributes: Attributes) -> Attributes:
    """UPS Assigned; {} of a workitem that is assigned to nobody.

    The table lists code and organization of performers, the text their sequence as it is (CC.2.4.3): both are told.
    """
    told = {tag: attributes[tag] for tag in (STATION, PERFORMERS) if valued(attributes, tag)}
    performers = attributes.get(PERFORMERS, {}).get("Value", ())
    codes = [code for one in performers for code in one.get(_PERFORMER_CODES, {}).get("Value", ())]
    if codes:
        told[_PERFORMER_CODES] = {"vr": "SQ", "Value": codes}
    for one in performers:
        if valued(one, _ORGANIZATION):
            told.setdefault(_ORGANIZATION, one[_ORGANIZATION])
    return lean(told)


def restarted() -> tuple[int, str, Attributes]:
    """SCP Status Change of a provider that came back with all that it had."""
    start = {"vr": "CS", "Value": ["WARM START"]}
    return PROVIDER, GLOBAL, {"00741242": {"vr": "CS", "Value": ["RESTARTED"]}, "00741244": start, "00741246": start}


def canceled(draft: Draft, item: Workitem, given: Attributes) -> None:
    """Cancel a workitem that nobody has claimed: through IN PROGRESS, with the reports of both (CC.2.2.3)."""
    draft.tell(item, CANCEL, given)
    item = replace(item, lock=f"2.25.{uuid.uuid4().int}")
    item = draft.update(item, **{STATE_TAG: state(IN_PROGRESS)})
    draft.tell_state(item)
    codes = given[REASON_CODES] if valued(given, REASON_CODES) else {"vr": "SQ", "Value": [_UNSPECIFIED]}
    reason = {REASON: given[REASON]} if valued(given, REASON) else {}
    item = draft.update(
        item, **ending(item.attributes, {REASON_CODES: codes, **reason}), **{STATE_TAG: state(CANCELED)}
    )
    draft.tell_state(item)


def ending(attributes: Attributes, more: Mapping[str, Any]) -> dict[str, Any]:
    """The progress of a workitem that ends CANCELED: with the moment, unless that is told already (CC.2.5.1.3)."""
    items = attributes.get(PROGRESS, {}).get("Value") or [{}]
    wanted = {CANCELLATION: now(), **more}
    first = {**items[0], **{tag: value for tag, value in wanted.items() if not valued(items[0], tag)}}
    return {PROGRESS: {"vr": "SQ", "Value": [first, *items[1:]]}}


def state(name: str) -> dict[str, Any]:
    """Procedure Step State."""
    return {"vr": "CS", "Value": [name]}


def now() -> dict[str, Any]:
    """This moment as a DT."""
    return {"vr": "DT", "Value": [datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+0000")]}


def stamped(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """With the moment of the modification, which the provider tells (Table CC.2.5-3)."""
    return {**attributes, MODIFIED: now()}


def report_changes(draft: Draft, before: Attributes, item: Workitem) -> None:
    """The events of changed attributes (CC.2.4.3)."""
    after = item.attributes
    if before.get(READINESS) != after.get(READINESS):
        draft.tell_state(item)
    if any(before.get(tag) != after.get(tag) for tag in (STATION, PERFORMERS)):
        draft.tell(item, ASSIGNED, assignment(after))
    if _progress(before) != _progress(after):
        draft.tell(item, PROGRESS_EVENT, {PROGRESS: after[PROGRESS]})


def _progress(attributes: Attributes) -> list[dict[str, Any]]:
    """What there is of the parts of progress that are reported when they change."""
    items = attributes.get(PROGRESS, {}).get("Value", ())
    told = [{tag: item[tag] for tag in _PROGRESS_PARTS if valued(item, tag)} for item in items]
    return [item for item in told if item]
