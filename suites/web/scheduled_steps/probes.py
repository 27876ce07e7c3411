"""Searches scheduled steps over HTTP: all, each by each of its keys, by patterns and ranges, in pages and in all forms.

Must not know what is judged about the answers. Nothing can be scheduled over HTTP, so what comes first is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.exchange import Exchange
from harness.make import steps
from harness.make.payloads import ACCEPTS, FORMS
from harness.rule import probe
from harness.talk.conversation import JSON, Web
from harness.wire.dicom_json import DataSet
from suites.web.presence import ASKING, present
from suites.web.scheduled_steps.reading import RELATIONS, SEARCH, SINCE, name, rows
from suites.web.search import fits
from suites.web.search.rows import texts

KINDS = (SEARCH, RELATIONS)
PATH = "modality-scheduled-procedure-steps"
NAMES = (steps.REQUIRED["name"], steps.REQUIRED["physician"])
DATE, TIME = steps.REQUIRED["date"], steps.REQUIRED["time"]
KEEP = 12  # steps that are asked for again
NAMED = tuple(path for path in steps.RETURNED if path not in ("00321060", "00321064") and not path.endswith(
    ("00400007", "00400008", "00400012", "00321070")))  # type 1 and 2 of Table K.6-1  # fmt: skip


def ask(web: Web, keys: Mapping[str, str], accept: str = JSON, **about: Any) -> Exchange:
    return web.search(PATH, list(keys.items()), accept, **about)


def there(web: Web) -> bool:
    """Whether the product has the service; asked once in a run."""
    known = web.session.shared
    if "scheduled-steps" not in known:
        x = ask(web, {"limit": "1"}, facts={ASKING: True})
        known["scheduled-steps"] = present(web, x, "Modality Scheduled Procedure Step service")
    return web.edition >= SINCE and bool(known["scheduled-steps"])


def seen(web: Web, step: str = "all") -> list[DataSet]:
    """Some of all the steps there are, those that can be told apart."""
    held = {name(row): row for row in rows(ask(web, {}, step=step)) or ()}
    return [row for label, row in held.items() if label][:KEEP]


def value(row: DataSet, path: str) -> str:
    found = texts(row, path)
    return found[0] if len(found) == 1 else ""


def askable(path: str, text: str) -> bool:
    """A value that can be asked for as it stands."""
    forbidden = "-" if path in (DATE, TIME) else "="
    return bool(text) and not set(text) & set("*?\\," + forbidden)


def _apart(path: str, one: str, other: str) -> bool:
    """Two values that no reading takes for the same."""
    if path in NAMES:
        return bool(one) and one[:1].casefold() != other[:1].casefold()
    return bool(one) and (one != other if path != TIME else one[:4] != other[:4])


@probe("scheduled-steps.keys", provokes=KINDS, needs="nothing")
def keys(web: Web) -> None:
    """All steps, then some of them by each required key; what has another value there is not to come."""
    if not there(web):
        return
    with web.journey(RELATIONS):
        held = seen(web)
        for path in steps.REQUIRED.values():
            subjects = [row for row in held if askable(path, value(row, path))]
            for subject in subjects[:1] + subjects[-1:]:
                text = value(subject, path)
                others = [name(row) for row in held if _apart(path, value(row, path), text)]
                ask(web, {path: text}, facts={"due": [name(subject)], "others": others})
        if held:
            ask(web, {"PatientID": f"NO{web.nonce}"[:60]}, facts={"nobody": True})


@probe("scheduled-steps.patterns", provokes=KINDS, needs="nothing")
def patterns(web: Web) -> None:
    """Names by patterns, days and times by ranges, a patient and a modality at once."""
    if not there(web):
        return
    with web.journey(RELATIONS):
        held = seen(web)
        for path in NAMES:
            for row in [row for row in held if askable(path, value(row, path))][:2]:
                text = value(row, path)
                for pattern in (f"{text[:3]}*", f"*{text[-3:]}", f"?{text[1:]}"):
                    due = [name(row)] if fits.fit("PN", pattern, [text]) else []
                    ask(web, {path: pattern}, facts={"due": due, "others": []})
        for path in (DATE, TIME):
            for row in [row for row in held if askable(path, value(row, path))][:2]:
                _ranges(web, held, path, row)
        modality = steps.REQUIRED["modality"]
        for row in held[:2]:
            pair = {"PatientID": value(row, "00100020"), modality: value(row, modality)}
            if all(pair.values()):
                ask(web, pair, facts={"due": [name(row)], "others": []})


def _ranges(web: Web, held: list[DataSet], path: str, subject: DataSet) -> None:
    text = value(subject, path)
    alike = [(name(row), value(row, path)) for row in held if len(value(row, path)) == len(text)]
    later = [label for label, other in alike if other > text]
    earlier = [label for label, other in alike if other < text]
    ask(web, {path: f"{text}-{text}"}, facts={"due": [name(subject)], "others": later + earlier})
    ask(web, {path: f"-{text}"}, facts={"due": [name(subject)], "others": later})
    ask(web, {path: f"{text}-"}, facts={"due": [name(subject)], "others": earlier})


@probe("scheduled-steps.options", provokes=KINDS, needs="nothing")
def options(web: Web) -> None:
    """Pages, attributes that are to be included, fuzzy matching; values that no option has."""
    if not there(web):
        return
    with web.journey(RELATIONS):
        held = seen(web)
        for limit, offset in ((1, 0), (2, 1), (5, len(held) + 1000)):
            ask(web, {"limit": str(limit), "offset": str(offset)}, step="page")
        ask(web, {"includefield": ",".join(NAMED)}, facts={"named": list(NAMED)})
        ask(web, {"includefield": "all"})
        ask(web, {"fuzzymatching": "true", "PatientName": "Adams"})
        for word in ("limit", "offset"):
            ask(web, {word: "some"}, facts={"wrong": word})
        ask(web, {DATE: "2024-03-06"}, facts={"wrong": "date"})


@probe("scheduled-steps.forms", provokes=KINDS, needs="nothing")
def forms(web: Web) -> None:
    """Each of the four media types: one step in each, all steps in those that have room for several."""
    if not there(web):
        return
    held = [row for row in seen(web, "") if value(row, "00100020")]
    for form in FORMS:
        for row in held[:1]:
            facts = {"form": form, "due": [name(row)], "others": []}
            ask(web, {"PatientID": value(row, "00100020")}, ACCEPTS[form], facts=facts)
        if form != "xml":
            ask(web, {}, ACCEPTS[form], facts={"form": form})
