"""Knows how questions and answers about workitems are read: whose they are, what they hold, what a Warning says.

Must not know what a right answer is, nor the states of workitems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.exchange import Answer, Ask, Exchange, view
from harness.wire import dicom_json, native_xml
from harness.wire.dicom_json import DataSet
from harness.wire.uri import valid_uid
from suites.web.workitems.making import FILTERED, LOCK, STATE, WORKLIST

INSTANCE, SOP_CLASS = "00080018", "00080016"
SEARCHED, RETRIEVED = "web.workitems.search", "web.workitems.retrieve"
CREATED, UPDATED, CHANGED = "web.workitems.create", "web.workitems.update", "web.workitems.state"
ASKED_TO_CANCEL, SUBSCRIBED = "web.workitems.cancel", "web.workitems.subscribe"
UNSUBSCRIBED, SUSPENDED = "web.workitems.unsubscribe", "web.workitems.suspend"
ABOUT_ONE = (RETRIEVED, UPDATED, CHANGED, ASKED_TO_CANCEL)

# Refusals that say nothing against the request: who may ask, how much, whether the service is there at all.
OWN_REASONS = frozenset({401, 403, 405, 408, 413, 429, 501, 503, 507})
CONFLICT = (400, 409)  # either, where the text has both (D-30)
GONE = (404, 410)

MISSING = "The Transaction UID is missing"
INCORRECT = "The Transaction UID is incorrect"
INCONSISTENT = "The submitted request is inconsistent with the"  # "state" or "current state": two tables, two words
UNCLAIMED = "The target URI did not reference a claimed Workitem"
ALREADY = "The UPS is already in the requested state of"
CREATED_OTHERWISE, UPDATED_OTHERWISE = "created with modifications", "updated with modifications"
UNSUPPORTED = "optional Attributes are not supported"
NO_LOCK, NO_FILTER = "Deletion Lock not granted", "Filtered Worklist Subscriptions are not supported"


@view
def datasets(message: Ask | Answer) -> list[DataSet]:
    """The data sets of a payload in either model, [] when there are none that can be read."""
    if message.json is not None:
        return list(message.json.datasets)
    return [native_xml.to_json(d.datasets[0]) for d in message.documents if d.datasets]


def only(message: Ask | Answer) -> DataSet | None:
    """The one data set of a payload, None when there is none or are several."""
    found = datasets(message)
    return found[0] if len(found) == 1 else None


def text(dataset: DataSet | None, tag: str) -> str:
    """The first value without padding, '' when there is none."""
    return dicom_json.text(dataset, tag).strip(" \0") if dataset is not None else ""


@view
def uid_of(x: Exchange) -> str:
    """The workitem that it is about, '' when nothing tells. A server may have given a UID of its own (D-11)."""
    if x.kind != CREATED:
        return x.resource.uid
    return (located(x) if granted(x) else "") or named(x)


@view
def named(x: Exchange) -> str:
    """The UID that a Create asks for: in the query, bare or as a value, else in the data set (11.4.1.1, D-11)."""
    for parameter in x.ask.query.parameters:
        for word in (parameter.name if parameter.raw is None else "", parameter.value):
            if valid_uid(word):
                return word
    return text(only(x.ask), INSTANCE)


@view
def located(x: Exchange) -> str:
    """The UID at the end of the Location of a Create, '' without one."""
    where = (x.answer.headers.get("location") or "").partition("?")[0].rstrip("/")
    word = where.rpartition("/")[2]
    return word if valid_uid(word) else ""


@view
def wanted(x: Exchange) -> str:
    """The state that a Change State asks for."""
    return text(only(x.ask), STATE)


@view
def key_of(x: Exchange) -> str:
    """The Transaction UID that the request gives: in the data set, else in the query (D-11)."""
    given = text(only(x.ask), LOCK)
    if given or x.kind != UPDATED:
        return given
    for parameter in x.ask.query.parameters:
        word = parameter.name if parameter.raw is None else parameter.value
        if valid_uid(word):
            return word
    return ""


def all_of_them(uid: str) -> bool:
    """One of the two well-known UIDs that stand for the worklist."""
    return uid in (WORKLIST, FILTERED)


def granted(x: Exchange) -> bool:
    return x.answer.ok


def declined(x: Exchange) -> bool:
    """Refused for reasons that are the server's own, or broken off."""
    return x.answer.status in OWN_REASONS or not x.answer.complete


def readable(x: Exchange) -> bool:
    """The payload of the request is one data set in a model that every server takes (11.1.3)."""
    return only(x.ask) is not None and not _flawed(x.ask)


def _flawed(ask: Ask) -> bool:
    flaws = ask.json.flaws if ask.json is not None else None
    return flaws is not None and any(code not in dicom_json.NOTES for code in flaws.counts)


def warnings(x: Exchange) -> list[str]:
    """The values of all Warning fields, white space made even."""
    return [" ".join(value.split()) for value in x.answer.headers.all("warning")]


def warns(x: Exchange, *phrases: str) -> bool:
    """A Warning says one of these."""
    return any(p.lower() in w.lower() for w in warnings(x) for p in phrases)


WORDS = (MISSING, INCORRECT, INCONSISTENT, UNCLAIMED, ALREADY, CREATED_OTHERWISE, UPDATED_OTHERWISE, UNSUPPORTED)
_CODE = re.compile(r"(?:^|,) ?299\b")


def coded(x: Exchange) -> bool:
    """A Warning begins with the code 299, as all those of the service do; several may be in one field."""
    return any(_CODE.search(w) for w in warnings(x))


def everything(dataset: Any, path: str = "") -> Iterator[str]:
    """The dotted tags of all attributes, those of items too."""
    if not isinstance(dataset, dict):
        return
    for tag, found in dataset.items():
        yield f"{path}{tag}"
        values = found.get("Value") if isinstance(found, dict) else None
        for item in values if isinstance(values, list) else ():
            yield from everything(item, f"{path}{tag}.")


def plain(text: str) -> str:
    """A value as it compares: numbers by what they are."""
    try:
        return format(float(text), ".6g")
    except ValueError:
        return text.strip()
