"""Knows how probes of this service speak: which categories are served, how an instance is stored, what is remembered.

Must not judge anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.body import Body
from harness.exchange import Exchange
from harness.make.nonpatient import Instance, Maker
from harness.make.parts import Message, Part, multipart
from harness.nonpatient import CATEGORIES
from harness.talk.conversation import JSON, Fields, Web
from suites.web.non_patient.reading import DICOM, TYPES, XML

ACCEPTS = {DICOM: DICOM, JSON: JSON, XML: f'multipart/related; type="{XML}"'}
SERVED = {"served": True}
_REMEMBERED, _STORING = "non-patient", "non-patient store"


def served(web: Web) -> list[str]:
    """The categories that the target has, asked for once in a run; [] and a note when it has none."""
    if _REMEMBERED not in web.session.shared:
        found = [name for name, category in CATEGORIES.items()
                 if category.since <= web.edition and answers(web.search(name, [("limit", "1")]))]  # fmt: skip
        web.session.shared[_REMEMBERED] = found
        if not found:
            web.session.note("skipped", "non-patient: no category of Non-Patient Instances is answered")
    return list(web.session.shared[_REMEMBERED])


def answers(x: Exchange) -> bool:
    """A search was carried out; a page for people, which some servers send for every path, is no answer to one."""
    return x.answer.ok and (x.answer.status == 204 or x.answer.type in (JSON, "application/json", "multipart/related"))


def storing(web: Web) -> list[str]:
    """The categories that instances can be stored in (12.2: that is optional); tried once in a run."""
    if _STORING not in web.session.shared:
        found = []
        make = Maker(web.nonce, "try")
        for name in served(web):
            made = make.of(name)
            if store(web, made, step="try").answer.status not in (401, 403, 404, 405, 501):
                found.append(name)
        web.session.shared[_STORING] = found
        if not found:
            web.session.note("skipped", "non-patient: nothing can be stored")
    return list(web.session.shared[_STORING])


def store(web: Web, made: Instance, type: str = DICOM, *, category: str = "", uid: str = "", **about: Any) -> Exchange:
    """POST of one instance in one of the three media types, by default to its own category."""
    octets = {DICOM: made.part10, JSON: made.json}.get(type)
    if octets is not None:
        return post(web, category or made.category, octets, type, uid=uid, **about)
    return post_message(web, category or made.category, multipart([Part.of(made.xml, XML)]), uid=uid, **about)


def store_all(web: Web, parts: Iterable[bytes], category: str, **about: Any) -> Exchange:
    """POST of several files in one request."""
    return post_message(web, category, multipart([Part.of(octets) for octets in parts]), **about)


def post(web: Web, category: str, octets: bytes, type: str, *, uid: str = "", **about: Any) -> Exchange:
    """POST of any payload."""
    path = f"{category}/{uid}" if uid else category
    fields: Fields = [("Content-Type", type)] if type else []
    return web.ask("POST", path, JSON, fields, Body.of(octets), **about)


def post_message(web: Web, category: str, message: Message, *, uid: str = "", **about: Any) -> Exchange:
    path = f"{category}/{uid}" if uid else category
    return web.ask("POST", path, JSON, [("Content-Type", message.content_type)], message.body, **about)


def get(web: Web, category: str, uid: str, types: Sequence[str] = TYPES, **about: Any) -> list[Exchange]:
    """Retrieve an instance in each of these media types; each is a step of that name."""
    return [web.get(f"{category}/{uid}", ACCEPTS[t], step=t, facts=SERVED, **about) for t in types]


def search(web: Web, category: str, parameters: Fields = (), accept: str = JSON, step: str = "search") -> Exchange:
    return web.search(category, parameters, accept, step=step, facts=SERVED)
