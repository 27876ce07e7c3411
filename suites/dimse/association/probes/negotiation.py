"""Asks for associations with all that can be negotiated, and for what cannot be had.

Must not know what is judged about the answers.
"""

from __future__ import annotations

from harness.rule import probe
from harness.talk.dialogue import Dimse
from harness.upper_layer import message as messages
from harness.upper_layer.offer import Extended, Identity, Proposed, Role, Window
from harness.wire.sop import MPPS, ROOTS, WORKLIST
from suites.dimse.association import octets
from suites.dimse.association.probes.talk import VERIFY, echo, names, request

ASSOCIATION = "dimse.association"
MR = "1.2.840.10008.5.1.4.1.1.4"
BOTH = (octets.EXPLICIT, octets.IMPLICIT)
AT_ONCE = 4  # as many requests as we have outstanding at most
FIND, GET = ROOTS["study"]["find"], ROOTS["study"]["get"]


@probe("association.plain", provokes=(ASSOCIATION, "dimse.verification"), needs="nothing")
def plain(dimse: Dimse) -> None:
    """An association for Verification, a C-ECHO, and its release; once more with nothing but the default syntax."""
    echo(dimse)
    with dimse.associate(((octets.VERIFICATION, BOTH),)) as a:
        a.echo()
        a.echo()


@probe("association.contexts", provokes=ASSOCIATION, needs="nothing")
def contexts(dimse: Dimse) -> None:
    """Known and made-up abstract and transfer syntaxes side by side, each in a context of its own."""
    abstract, transfer = names(dimse, 2)
    offered = (
        Proposed(1, octets.VERIFICATION, (octets.IMPLICIT,)),
        Proposed(3, abstract, (octets.IMPLICIT,)),
        Proposed(5, octets.VERIFICATION, (transfer,)),
        Proposed(7, octets.CT, (octets.IMPLICIT,)),
        Proposed(9, octets.CT, BOTH),
        Proposed(255, octets.CT, (octets.EXPLICIT,)),
    )
    with dimse.associate(offered, facts={"made-up": [abstract, transfer]}) as a:
        a.echo()


@probe("association.common-services", provokes=ASSOCIATION, needs="nothing")
def common_services(dimse: Dimse) -> None:
    """Each common service alone with the default transfer syntax, which nobody may turn down for itself."""
    for abstract in (octets.VERIFICATION, octets.CT, MR, FIND, GET, ROOTS["study"]["move"], WORKLIST, MPPS):
        with dimse.associate(((abstract, (octets.IMPLICIT,)),)):
            pass


@probe("association.roles", provokes=ASSOCIATION, needs="nothing")
def roles(dimse: Dimse) -> None:
    """Every pair of roles proposed for storage and for Verification, and none at all."""
    listed = ((octets.VERIFICATION, (octets.IMPLICIT,)), (octets.CT, (octets.IMPLICIT,)), (MR, (octets.IMPLICIT,)))
    for scu, scp in ((1, 0), (0, 1), (1, 1), (0, 0)):
        proposed = tuple(Role(uid, scu, scp) for uid in (octets.CT, MR))
        with dimse.associate(listed, roles=proposed) as a:
            if a.open:
                a.echo()
    for scu, scp in ((1, 1), (0, 1), (0, 0)):
        with dimse.associate(VERIFY, roles=(Role(octets.VERIFICATION, scu, scp),)):
            pass
    with dimse.associate(listed) as a:
        a.echo()


@probe("association.windows", provokes=(ASSOCIATION, "dimse.verification"), needs="nothing")
def windows(dimse: Dimse) -> None:
    """Windows for asynchronous operations: any number, none, uneven; as many C-ECHO at once as were agreed."""
    for invoked, performed in ((0, 0), (1, 1), (5, 3)):
        with dimse.associate(VERIFY, window=Window(invoked, performed)) as a:
            context = a.accepts(octets.VERIFICATION)
            if context is not None:
                told = a.dial.machine.acceptance
                agreed = min((told.window.invoked or AT_ONCE) if told and told.window else 1, AT_ONCE)
                a.pipeline([messages.echo_rq(context.id, a.next_id()) for _ in range(agreed * 2)], agreed)


@probe("association.extended", provokes=ASSOCIATION, needs="nothing")
def extended(dimse: Dimse) -> None:
    """Extended negotiation of queries and of the worklist, octet by octet."""
    listed = ((FIND, (octets.IMPLICIT,)), (GET, (octets.IMPLICIT,)), (WORKLIST, (octets.IMPLICIT,)))
    for offered in (b"\0", b"\1", b"\1\0\0\0\0", b"\0\1\0\1\0", b"\1\1\1\1\1"):
        with dimse.associate(listed, extended=(Extended(FIND, offered), Extended(GET, offered[:1]))):
            pass
    for offered in (b"\1\1\0", b"\1\1\1", b"\1\1\0\1", b"\1\1\1\0"):
        with dimse.associate(listed, extended=(Extended(WORKLIST, offered),)):
            pass


@probe("association.identity", provokes=ASSOCIATION, needs="nothing")
def identity(dimse: Dimse) -> None:
    """Users by name, with and without a passcode, with and without the wish for an answer."""
    own = dimse.offer().identity
    users = [(1, b""), (2, b"open sesame")] if own is None else [(own.type, own.secondary)]
    primary = b"dicomproof" if own is None else own.primary
    for type, secondary in users:
        for positive in (0, 1):
            with dimse.associate(VERIFY, identity=Identity(type, primary, secondary, positive)) as a:
                if a.open:
                    a.echo()


@probe("association.refusals", provokes=ASSOCIATION, needs="nothing")
def refusals(dimse: Dimse) -> None:
    """Other versions of the protocol, an application context and a called title that exist nowhere."""
    name = names(dimse, 1)[0]
    _asked(dimse, "version", request(dimse, protocol_version=2))
    _asked(dimse, "version", request(dimse, protocol_version=0))
    _asked(dimse, "application-context", request(dimse, application_context=name))
    _asked(dimse, "called-title", request(dimse, called=f"NO{dimse.nonce.upper()}"[:16]))
    echo(dimse)


def _asked(dimse: Dimse, provoked: str, raw: bytes) -> None:
    """Ask for an association, and end in order what should not have been accepted."""
    with dimse.connect(facts={"provoked": provoked}) as bare:
        bare.say(raw)
        if bare.pdu()[:1] == b"\2":
            bare.say(octets.RELEASE_RQ)
            bare.pdu()
