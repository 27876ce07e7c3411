"""Asks for storage commitment over HTTP: of what is stored and what is not, in every form, now and later, and wrongly.

Must not know what is judged about the answers. Instances are those that the run loaded, transactions are new ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.exchange import Exchange
from harness.make.attributes import attributes
from harness.make.corpus import Sample
from harness.make.parts import Message
from harness.make.payloads import ACCEPTS, FORMS, JSON, Form, payload, payloads
from harness.make.steps import SC, references
from harness.make.uids import uid
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.commitments.reading import CHECK, REQUEST, TRANSACTION
from suites.web.presence import ASKING, present
from suites.web.store.making import AS_STORED

KINDS = (REQUEST, CHECK, TRANSACTION, "web.retrieve.instances")
OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.88.11"  # Basic Text SR, which is no class of the first samples
NO_CLASS = "1.2.840.10008.1.1"  # Verification, of which there are no instances
PATIENCE, CHECKS = 10.0, 20  # seconds, and questions, in which a result is waited for
FEW = 3

Reference = tuple[str, str, str, str]  # class, instance, study, series
Facts = dict[str, Any]


class Transactions:
    """Makes the requests of one probe, and knows what is to be said of each instance."""

    def __init__(self, web: Web) -> None:
        self._words = (web.session.seed, web.nonce, web.probe)
        self._count = 0
        self.samples: Sequence[Sample] = web.samples[:FEW]
        self.kept: list[Reference] = [(s.sop_class, s.instance, s.study, s.series) for s in self.samples]

    def next(self) -> str:
        self._count += 1
        return uid(*self._words, "transaction", self._count)

    def unknown(self, count: int = 1) -> list[Reference]:
        """References to what nobody stored."""
        names = [uid(*self._words, "never stored", self._count, n) for n in range(count)]
        return [(SC, name, uid(name, "study"), uid(name, "series")) for name in names]

    def conflicting(self, sop_class: str = OTHER_CLASS) -> list[Reference]:
        """A reference to what is stored, under a class that it does not have."""
        return [(sop_class, *reference[1:]) for reference in self.kept[-1:]]

    def facts(self, asked: Iterable[Reference]) -> Facts:
        """What is known of the instances of a request."""
        held = {reference[1] for reference in self.kept}
        found: Facts = {"kept": [], "unknown": [], "conflicting": [], "unsupported": []}
        for reference in asked:
            wrong = "unsupported" if reference[0] == NO_CLASS else "conflicting"
            found["kept" if reference in self.kept else wrong if reference[1] in held else "unknown"].append(
                reference[1]
            )
        return found


def plain(asked: Iterable[Reference]) -> dict[str, Any]:
    """The module in the form of plain references."""
    items = [attributes(item) for item in references((c, i) for c, i, _, _ in asked)]
    return {"00081199": {"vr": "SQ", "Value": items}}


def nested(asked: Iterable[Reference]) -> dict[str, Any]:
    """The module in the form of studies, series and classes."""
    studies: dict[str, dict[str, dict[str, list[str]]]] = {}
    for sop_class, instance, study, series in asked:
        studies.setdefault(study, {}).setdefault(series, {}).setdefault(sop_class, []).append(instance)
    return {"00081110": _sequence(
        {"0020000D": _ui(study), "00081115": _sequence(
            {"00081112": _sequence(
                {"00081150": _ui(sop_class), "0008114A": _sequence({"00081155": _ui(i)} for i in instances)}
                for sop_class, instances in classes.items()
            ), "0020000E": _ui(series)}
            for series, classes in below.items()
        )}
        for study, below in studies.items()
    )}  # fmt: skip


def _ui(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}


def _sequence(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": list(items)}


def ask(
    web: Web, transaction: str, message: Message, form: Form = "json", later: bool = False, **about: Any
) -> Exchange:
    """A request; `later`: preferably with the result to be asked for later (RFC 7240 4.1)."""
    headers = [("Content-Type", message.content_type), *([("Prefer", "respond-async")] if later else [])]
    return web.ask("POST", path(transaction), ACCEPTS[form], headers, message.body, **about)


def path(transaction: str) -> str:
    return f"commitment-requests/{transaction}"


def there(web: Web, own: Transactions) -> bool:
    """Whether the product has the service; asked once in a run, by a request that it could grant."""
    known = web.session.shared
    if "commitments" not in known:
        asked = own.kept[:1] or own.unknown()
        x = ask(web, own.next(), payload(plain(asked)), facts={ASKING: True})
        known["commitments"] = present(web, x, "Storage Commitment service")
    return bool(known["commitments"])


def awaited(web: Web, transaction: str, accept: str = JSON, **about: Any) -> Exchange | None:
    """Ask for a result until it comes, as often and as long as is decent; the last answer.

    Where one did not come in that time, the next ones are not waited for.
    """
    slow = web.session.shared.get("commitments are slow")
    until = time.monotonic() + (0.0 if slow else min(PATIENCE, web.session.deadline))
    last = None
    for _ in range(CHECKS):
        last = web.get(path(transaction), accept, **about)
        if last.answer.status != 202 or time.monotonic() >= until:
            break
        pause = last.answer.headers.get("retry-after") or "0"
        time.sleep(min(float(pause) if pause.isdecimal() else 0.0, max(until - time.monotonic(), 0.0)))
    if last is not None and last.answer.status == 202:
        web.session.shared["commitments are slow"] = True
    return last


@probe("commitments.results", provokes=KINDS, needs="loaded")
def results(web: Web) -> None:
    """Of what is stored, what is not, and what is called otherwise, in both forms; asked for again, and fetched."""
    own = Transactions(web)
    if not there(web, own):
        return
    for make in (plain, nested):
        for asked in (own.kept, own.unknown(2), [*own.kept[:-1], *own.unknown(), *own.conflicting()],
                      [*own.kept[:-1], *own.unknown(), *own.conflicting(NO_CLASS)]):  # fmt: skip
            _lived(web, own, make(asked), own.facts(asked))
    mixed = {**nested(own.kept[:1]), **plain(own.unknown())}
    _lived(web, own, dict(sorted(mixed.items())), own.facts([*own.kept[:1], *own.unknown()]))


def _lived(web: Web, own: Transactions, module: Mapping[str, Any], facts: Facts, later: bool = False) -> None:
    """One transaction: request, result, the result once more, and the first instance that is committed to."""
    transaction = own.next()
    with web.journey(TRANSACTION):
        x = ask(web, transaction, payload(module), later=later, step="request", facts=facts)
        if not x.answer.ok:
            return
        awaited(web, transaction, step="check")
        web.get(path(transaction), ACCEPTS["xml"], step="check")
        for sample in own.samples:
            if sample.instance in facts["kept"]:
                web.get(sample.path.strip("/"), AS_STORED, step="retrieve", facts={"instance": sample.instance})


@probe("commitments.later", provokes=KINDS, needs="loaded")
def later(web: Web) -> None:
    """The same where we would rather be told later, which a product may do or not."""
    own = Transactions(web)
    if there(web, own):
        for asked in (own.kept, [*own.kept[:1], *own.unknown()]):
            _lived(web, own, plain(asked), own.facts(asked), later=True)


@probe("commitments.forms", provokes=KINDS, needs="loaded")
def forms(web: Web) -> None:
    """Each of the four media types, as what is sent and as what is accepted; several parts; the accept parameter."""
    own = Transactions(web)
    if not there(web, own):
        return
    for form in FORMS:
        asked = [*own.kept[:1], *own.unknown()]
        facts = {**own.facts(asked), "form": form}
        transaction = own.next()
        ask(web, transaction, payload(plain(asked), form), form, facts=facts)
        awaited(web, transaction, ACCEPTS[form], facts={"form": form})
    modules = [plain(own.kept[:1]), plain(own.unknown())]
    ask(web, own.next(), payloads(modules, "multipart-xml"), facts=own.facts([*own.kept[:1], *own.unknown()]))
    asked = own.kept[:1] or own.unknown()
    message = payload(plain(asked))
    where = f"{path(own.next())}?accept=application/dicom%2Bxml"
    facts = {**own.facts(asked), "parameter": True}
    web.ask("POST", where, "*/*", [("Content-Type", message.content_type)], message.body, facts=facts)


@probe("commitments.refusals", provokes=KINDS, needs="loaded")
def refusals(web: Web) -> None:
    """A transaction that is used again, requests that are none, results of what nobody asked for."""
    own = Transactions(web)
    if not there(web, own):
        return
    asked = own.kept[:1] or own.unknown()
    used = own.next()
    if ask(web, used, payload(plain(asked)), facts=own.facts(asked)).answer.ok:
        ask(web, used, payload(plain(asked)), facts={"reused": True})
        ask(web, used, payload(nested(own.unknown())), "xml", facts={"reused": True})
    for label, message in _malformed(own):
        ask(web, own.next(), message, facts={"malformed": label})
    ask(web, "1.02.x", payload(plain(asked)), facts={"malformed": "Transaction UID"})
    for form in ("json", "xml"):
        web.get(path(own.next()), ACCEPTS[form], facts={"never": True})


def _malformed(own: Transactions) -> list[tuple[str, Message]]:
    """Requests that say nothing, or not all that is needed, by what is wrong."""
    whole = payload(plain(own.unknown()))
    without = {"00081199": {"vr": "SQ", "Value": [{"00081150": _ui(SC)}]}}
    serieless = {"00081110": {"vr": "SQ", "Value": [{"0020000D": _ui("1.2.3")}]}}
    return [
        ("no payload", Message(JSON, payload({}).body.of(b""))),
        ("no JSON", Message(JSON, whole.body.of(whole.body.bytes()[:-9]))),
        ("no references", payload({})),
        ("no references", payload({"00081199": {"vr": "SQ"}})),
        ("no instance", payload(without)),
        ("no series", payload(serieless)),
    ]
