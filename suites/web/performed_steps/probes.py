"""Lives through performed steps over HTTP: created, updated, ended, retrieved; and everything that is to be refused.

Must not know what is judged about the answers. Steps have UIDs that no other run uses.
"""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from harness.exchange import Exchange
from harness.make import steps
from harness.make.attributes import attributes
from harness.make.modules import fill
from harness.make.parts import Message
from harness.make.payloads import ACCEPTS, FORMS, JSON, Form, payload
from harness.make.uids import uid
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.performed_steps.reading import CREATE, LIFE, RETRIEVE, SINCE, UPDATE
from suites.web.presence import ASKING, present

KINDS = (CREATE, UPDATE, RETRIEVE, LIFE)
MISSING = ("PerformedProcedureStepID", "PatientID", "ScheduledStepAttributesSequence", "Modality")
EMPTY = ("PerformedStationAETitle", "PerformedProcedureStepStartDate", "Modality")
NAMED = "PerformedProcedureStepStatus,00400254,PatientName"


class Steps:
    """Makes UIDs and data sets of one probe, the same for the same run."""

    def __init__(self, web: Web) -> None:
        self._words = (web.session.seed, web.nonce, web.probe)
        self._count = 0
        self.web = web

    def next(self) -> str:
        self._count += 1
        return uid(*self._words, "step", self._count)

    def created(self, **changes: Any) -> Dataset:
        return steps.created((*self._words, self._count), **changes)

    def finished(self, state: str = steps.COMPLETED, **changes: Any) -> Dataset:
        return steps.finished((*self._words, self._count), state, **changes)

    def create(self, name: str, dataset: Dataset, form: Form = "json", **about: Any) -> Exchange:
        return self.post(name, payload(attributes(dataset), form), form, **about)

    def update(self, name: str, dataset: Dataset, form: Form = "json", **about: Any) -> Exchange:
        return self.post(f"{name}?update", payload(attributes(dataset), form), form, **about)

    def post(self, where: str, message: Message, form: Form = "json", **about: Any) -> Exchange:
        fields = [("Content-Type", message.content_type)]
        return self.web.ask("POST", path(where), ACCEPTS[form], fields, message.body, **about)

    def retrieve(self, name: str, accept: str = JSON, **about: Any) -> Exchange:
        return self.web.get(path(name), accept, **about)


def path(step: str) -> str:
    return f"modality-performed-procedure-steps/{step}"


def there(web: Web, own: Steps) -> bool:
    """Whether the product has the service; asked once in a run."""
    known = web.session.shared
    if "performed-steps" not in known:
        x = own.create(own.next(), own.created(), facts={"wrong": ASKING})
        known["performed-steps"] = present(web, x, "Modality Performed Procedure Step service")
    return bool(known["performed-steps"])


def _said(description: str) -> Dataset:
    return fill(Dataset(), SpecificCharacterSet="ISO_IR 192", PerformedProcedureStepDescription=description)


@probe("performed-steps.life", provokes=KINDS, needs="write")
def life(web: Web) -> None:
    """Steps that are completed and discontinued, retrieved at every turn, and updated once more when all is over."""
    own = Steps(web)
    if web.edition < SINCE or not there(web, own):
        return
    for state in (steps.COMPLETED, steps.DISCONTINUED):
        for form in ("json", "multipart-xml"):
            with web.journey(LIFE):
                _lived(own, state, form)


def _lived(own: Steps, state: str, form: Form) -> None:
    name = own.next()
    if not own.create(name, own.created(), form).answer.ok:
        return
    own.retrieve(name, ACCEPTS[form])
    own.update(name, _said("Kopf, schräg"), form)
    own.retrieve(name)
    own.retrieve(f"{name}?includefield={NAMED}", facts={"named": NAMED.split(",")})
    own.retrieve(f"{name}?includefield=all")
    own.update(name, fill(Dataset(), PatientID="ANOTHER"), facts={"wrong": "fixed"})
    own.update(name, own.finished("OVER"), facts={"wrong": "state"})
    own.retrieve(name)
    own.update(name, own.finished(state), form)
    own.retrieve(name)
    own.update(name, _said("too late"), facts={"wrong": "final"})
    own.update(name, own.finished(steps.COMPLETED), facts={"wrong": "final"})
    own.retrieve(name, ACCEPTS[form])


@probe("performed-steps.forms", provokes=KINDS, needs="write")
def forms(web: Web) -> None:
    """Each of the four media types, sent and accepted."""
    own = Steps(web)
    if web.edition < SINCE or not there(web, own):
        return
    for form in FORMS:
        name = own.next()
        facts = {"form": form}
        if own.create(name, own.created(), form, facts=facts).answer.ok:
            own.update(name, _said("in a form"), form, facts=facts)
            own.retrieve(name, ACCEPTS[form], facts=facts)


@probe("performed-steps.refusals", provokes=KINDS, needs="write")
def refusals(web: Web) -> None:
    """A UID that is used again, steps that nobody created, data sets that lack something, and no data sets."""
    own = Steps(web)
    if web.edition < SINCE or not there(web, own):
        return
    used = own.next()
    if not own.create(used, own.created()).answer.ok:
        return  # what refuses everything refuses rightly by accident
    own.create(used, own.created(), facts={"wrong": "used"})
    own.update(used, own.finished(PerformedSeriesSequence=[]), facts={"wrong": "unfinished"})
    own.post(f"{used}?update", _broken(), facts={"wrong": "malformed"})
    own.post(f"{used}?update", Message(JSON, _broken().body.of(b"")), facts={"wrong": "malformed"})
    own.update(own.next(), _said("of nothing"), facts={"wrong": "unknown"})
    own.retrieve(own.next(), facts={"wrong": "unknown"})
    for keyword in MISSING:
        own.create(own.next(), own.created(**{keyword: None}), facts={"wrong": "incomplete"})
    for keyword in EMPTY:
        own.create(own.next(), own.created(**{keyword: ""}), facts={"wrong": "incomplete"})
    over = own.created(PerformedProcedureStepStatus=steps.COMPLETED)
    own.create(own.next(), over, facts={"wrong": "over"})
    own.post(own.next(), _broken(), facts={"wrong": "malformed"})
    own.post(own.next(), Message(JSON, _broken().body.of(b"")), facts={"wrong": "malformed"})


def _broken() -> Message:
    """JSON that ends in the middle."""
    whole = payload(attributes(_said("broken")))
    return Message(JSON, whole.body.of(whole.body.bytes()[:-7]))
