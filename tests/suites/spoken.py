"""Associations made by hand from DIMSE messages, for tests of the rules on messages and services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.association import Association, Operation, Said, Side
from harness.body import Body
from harness.context import Context
from harness.make.identifiers import Identifier
from harness.past import Past
from harness.rule import CATALOGUE, Finding
from harness.upper_layer import encode
from harness.upper_layer import message as messages
from harness.upper_layer.encode import message_pdus
from harness.upper_layer.message import Message, response
from harness.upper_layer.offer import Acceptance, Answered, Extended, Offer, Proposed, Role

US: Side = "requestor"
THEM: Side = "acceptor"
IMPLICIT = "1.2.840.10008.1.2"
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in (1, 2, 3))
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
CONTEXT = Context("2024e", {}, Past())
IDS = {VERIFICATION: 1, CT: 3, FIND: 5, GET: 7, MOVE: 9, PATIENT_FIND: 11}
ROLES = (Role(CT, 0, 1),)

Spoken = tuple[Side, Message]


def said(
    *spoken: Spoken,
    judged: Iterable[str] = (THEM,),
    roles: Iterable[Role] = (),
    extended: tuple[bytes, bytes] | None = None,
    events: Iterable[Said] = (),
    **about: Any,
) -> Association:
    """An association on which these messages were said, in this order, and which was released by us.

    Every SOP Class of IDS is accepted in implicit VR; `extended` are what was asked and told for FIND.
    """
    contexts = tuple(Proposed(n, uid, (IMPLICIT,)) for uid, n in IDS.items())
    asked, told = extended or (b"", b"")
    offer = Offer(contexts, "THEM", "US", roles=tuple(roles), extended=(Extended(FIND, asked),) if asked else ())
    answer = Acceptance(
        tuple(Answered(c.id, 0, IMPLICIT) for c in contexts), "THEM", "US", roles=tuple(roles),
        extended=(Extended(FIND, told),) if told else (),
    )  # fmt: skip
    turns: list[tuple[Side, bytes]] = [
        (US, encode.associate_rq(offer).encode()),
        (THEM, encode.associate_ac(answer).encode()),
    ]
    for side, message in spoken:
        turns += [(side, b"".join(piece)) for piece in message_pdus(message, 16384)]
    turns += [(US, bytes((5, 0, 0, 0, 0, 4, 0, 0, 0, 0))), (THEM, bytes((6, 0, 0, 0, 0, 4, 0, 0, 0, 0)))]
    octets = {s: Body.of(b"".join(o for side, o in turns if side == s)) for s in (US, THEM)}
    told_ = [Said(side, "octets", len(o), n) for n, (side, o) in enumerate(turns)]
    return Association(
        1, octets[US], octets[THEM], (*told_, *events), frozenset(judged), context=CONTEXT, **about
    )  # fmt: skip


def operation(*spoken: Spoken, **about: Any) -> Operation:
    """The first operation of such an association."""
    return said(*spoken, **about).operations[0]


def found(rule: str, subject: Any) -> list[Finding] | None:
    """The findings of a rule; None when the subject does not exercise it, or is not judged."""
    judged = CATALOGUE.rules[rule]
    if not subject.judges(judged.who.value) or not judged.when(subject):
        return None
    return list(judged(subject))


def fails(rule: str, subject: Any) -> bool:
    return any(not f.warn for f in found(rule, subject) or ())


def warns(rule: str, subject: Any) -> bool:
    told = found(rule, subject) or []
    return bool(told) and all(f.warn for f in told)


def passes(rule: str, subject: Any) -> bool:
    return found(rule, subject) == []


def unexercised(rule: str, subject: Any) -> bool:
    return found(rule, subject) is None


def echo(number: int = 1) -> Message:
    return messages.echo_rq(1, number)


def query(level: str, keys: Mapping[str, str], number: int = 1, patient: bool = False) -> Message:
    """A C-FIND request in the study root, or in the patient root."""
    uid = PATIENT_FIND if patient else FIND
    octets = Identifier("patient" if patient else "study", level, tuple(keys.items())).octets()
    return messages.find_rq(IDS[uid], number, uid, octets)


def match(asked: Message, level: str, keys: Mapping[str, str], status: int = 0xFF00) -> Message:
    """A Pending response with these attributes and a Retrieve AE Title."""
    elements = {"00080054": "THEM", **keys}
    return messages.response(asked, status, Identifier("study", level, tuple(elements.items())).octets())


def retrieval(verb: str, level: str, keys: Mapping[str, str], number: int = 1) -> Message:
    octets = Identifier("study", level, tuple(keys.items())).octets()
    if verb == "get":
        return messages.get_rq(IDS[GET], number, GET, octets)
    return messages.move_rq(IDS[MOVE], number, MOVE, "DEST", octets)


def counted(asked: Message, status: int, *numbers: int | None, failed: Iterable[str] = ()) -> Message:
    """A response of a retrieval with remaining, completed, failed and warning, and a list of what failed."""
    names = ("Remaining", "Completed", "Failed", "Warning")
    counters = {f"NumberOf{n}Suboperations": v for n, v in zip(names, numbers, strict=True) if v is not None}
    uids = "\\".join(failed)
    data = Identifier("study", "", (("00080058", uids),)).octets() if uids else None
    return messages.response(asked, status, data, **counters)


def stored(uid: str, number: int = 1, keys: Mapping[str, str] | None = None, **more: Any) -> Message:
    """A C-STORE request of a CT instance."""
    elements = {"00080016": CT, "00080018": uid, **(keys or {})}
    return messages.store_rq(
        IDS[CT], number, CT, uid, Identifier("study", "", tuple(elements.items())).octets(), **more
    )


def fetched(statuses: dict[str, int], *finals: Message, **about: Any) -> Association:
    """A C-GET of a study: C-STOREs of these instances answered so, and these responses to it."""
    asked = retrieval("get", "STUDY", {"0020000D": "1.2"})
    spoken: list[Spoken] = [(US, asked)]
    for number, (uid, status) in enumerate(statuses.items(), 1):
        store = stored(uid, number)
        spoken += [(THEM, store), (US, response(store, status))]
    spoken += [(THEM, one) for one in finals]
    return said(*spoken, roles=ROLES, **about)


def get_request() -> Message:
    """The C-GET that `fetched` answers, message 1."""
    return retrieval("get", "STUDY", {"0020000D": "1.2"})
