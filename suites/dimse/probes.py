"""Provokes messages of every kind without touching data: echoes, cancels that come late, commands that nobody knows.

Must not judge what comes back.
"""

from __future__ import annotations

from harness.make import steps
from harness.make.identifiers import Identifier
from harness.make.queries import UNKNOWN_UID
from harness.rule import probe
from harness.talk.dialogue import Dimse
from harness.upper_layer import message as messages
from harness.wire.sop import COMMITMENT, COMMITMENT_INSTANCE, MPPS, WORKLIST
from suites.dimse import offers
from suites.dimse.verification import CLASS
from suites.dimse.worklist.asked import PATIENT_ID

ECHO = "dimse.verification"
MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
IDS = (1, 0, 65535, 256, 4242)


@probe("verification.echo", provokes=ECHO, needs="nothing")
def echo(dimse: Dimse) -> None:
    """C-ECHO with Message IDs at both ends of their range, on two contexts."""
    with dimse.associate([*offers.asking(CLASS), *offers.asking(CLASS)]) as a:
        a.echo()
        for context in list(a.contexts.values()):
            for number in IDS:
                a.ask(messages.echo_rq(context.id, number))


@probe("messages.late-cancel", provokes=("dimse.query-retrieve.find", "dimse.worklist.find"), needs="nothing")
def late_cancel(dimse: Dimse) -> None:
    """C-CANCEL for a query that is over, as when it crosses the final response, then another query."""
    study = offers.FIND["study"]
    unknown = Identifier("study", "STUDY", (("0020000D", UNKNOWN_UID),))
    with dimse.associate(offers.asking(study, WORKLIST), facts={"late-cancel": True}) as a:
        for uid, asked in ((study, offers.octets(a, study, unknown)), (WORKLIST, steps.query({PATIENT_ID: "NOSUCH7"}))):
            reply = a.find(uid, asked)
            if reply.asked is not None and reply.final is not None:
                a.send(messages.cancel_rq(reply.asked.context, reply.asked.id))
                a.find(uid, asked)


@probe("messages.unknown-command", provokes=ECHO, needs="nothing")
def unknown_command(dimse: Dimse) -> None:
    """A request with a Command Field that is not registered."""
    with dimse.associate(offers.asking(CLASS), facts={"provoked": "unknown command"}) as a:
        context = a.accepts(CLASS)
        if context is not None:
            a.ask(messages.echo_rq(context.id, a.next_id(), CommandField=0x7777))


@probe("messages.unknown-instance", provokes=("dimse.mpps", "dimse.other"), needs="nothing")
def unknown_instance(dimse: Dimse) -> None:
    """N-SET and N-GET of an instance that nobody has."""
    with dimse.associate(offers.asking(MPPS, MPPS_RETRIEVE), facts={"provoked": "unknown instance"}) as a:
        change = Identifier("study", "", (("00400252", "DISCONTINUED"),))
        a.n_set(MPPS, UNKNOWN_UID, offers.octets(a, MPPS, change))
        a.n_get(MPPS_RETRIEVE, UNKNOWN_UID)


@probe("messages.unknown-action", provokes="dimse.commitment", needs="nothing")
def unknown_action(dimse: Dimse) -> None:
    """N-ACTION with an Action Type that Storage Commitment does not have."""
    with dimse.associate(offers.asking(COMMITMENT), facts={"provoked": "unknown action"}) as a:
        asked = Identifier("study", "", (("00081195", f"{UNKNOWN_UID}.9"),))
        a.n_action(COMMITMENT, COMMITMENT_INSTANCE, 99, offers.octets(a, COMMITMENT, asked))
