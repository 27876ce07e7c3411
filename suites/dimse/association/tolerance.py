"""Rules of PS3.8 9.3, D, E and PS3.7 D.3.3 on what a receiver has to take as it comes, though it may look odd.

Must not know how the odd things are said (the probe does); each is judged beside a plain association of the same
journey, so that a target that takes nobody is not blamed for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.association import Association
from harness.exchange import Journey
from harness.rule import ACCEPTOR, PDU, RELATION, Finding, Rule, journey
from suites.dimse.association import octets

KIND = "dimse.association.tolerance"
STORING = "dimse.association.pieces"  # with C-STORE in place of C-ECHO
PLAIN = "plain"
# each odd association proposes Verification under an identifier of its own, by which its mutant knows it
CONTEXTS = {
    "reserved": 3,
    "unknown-item": 5,
    "unknown-user-item": 7,
    "user-items-reversed": 9,
    "version-bits": 11,
    "title-spaces": 13,
    "octet-by-octet": 15,
    "several-at-once": 17,
    "control-bits": 19,
    "command-in-pieces": 21,
    "two-fragments": 23,
    "no-limit": 25,
    "many-contexts": 29,
    "short-version-name": 31,
    "user-identity": 33,
    "common-extended": 35,
    "several-for-one-class": 37,
    "small-maximum": 39,
    "data-in-pieces": 41,
    "command-with-data": 43,
}
DOUBTFUL = ("small-maximum",)  # nobody says how small a maximum a sender has to keep to


def served(a: Association | None) -> bool:
    """It was accepted, and what was asked on it, a C-ECHO or C-STORE, was done (a warning of C-STORE is no failure)."""
    return a is not None and a.accepted and any(o.status == 0 or (o.status or 0) >> 12 == 0xB for o in a.operations)


def reaction(a: Association) -> str:
    """What came of it, for people."""
    if a.answer is None:
        return {"timeout": "no answer", "close": "the connection was closed"}.get(a.ending, "the connection broke")
    if not a.accepted:
        return a.answer.pdu.name
    if not a.contexts:
        return "the presentation context was not accepted"
    if not any(o.final for o in a.operations):
        return f"no answer to the request on it ({a.ending})"
    return f"status {next((o.status for o in a.operations if o.final), 0) or 0:04X}H"


def _tolerated(j: Journey, step: str, mild: bool) -> Iterator[Finding]:
    odd = j.association(step)
    if odd is not None and not served(odd) and not (mild and odd.rejected):
        want = "acceptance, and Success"
        yield Finding(reaction(odd), want, f"association {step!r}", seq=odd.seq, warn=step in DOUBTFUL)


def tolerates(
    step: str,
    says: str,
    cites: str,
    verifies: str | Iterable[str] = (),
    defects: str | Iterable[str] = (),
    mild: bool = False,
    kind: str = KIND,
) -> Rule[Journey]:
    """Declare that an acceptor takes what the step of this name says, with the mutants that do not take it.

    `mild`: it may have a good reason to reject that (a user it does not know, a limit of its own), but not to abort.
    """

    def judgement(j: Journey) -> Iterator[Finding]:
        return _tolerated(j, step, mild)

    rule = journey(
        f"association.takes-{step}",
        cites=cites,
        verifies=verifies,
        on=kind,
        who=ACCEPTOR,
        basis=RELATION,
        content=False,
        incomplete=True,
        when=lambda j: served(j.association(PLAIN)) and j.association(step) is not None,
        says=says,
    )(judgement)

    def turns_it_down(raw: bytes) -> bytes | None:
        mine = any(t == 0x21 and c[:1] == bytes([CONTEXTS[step]]) for t, c in octets.items(raw[octets.FIXED :]))
        return octets.abort(2, 4) if raw[:1] == b"\2" and mine else None

    def answers_it_not(raw: bytes) -> bytes | None:
        given = octets.values(raw)
        return octets.abort(2, 6) if given and given[0][0] == CONTEXTS[step] else None

    turns_it_down.__doc__ = f"A-ABORT answers a request for an association of the kind {step!r}."
    answers_it_not.__doc__ = f"A-ABORT answers what is asked on an association of the kind {step!r}."
    rule.mutant(at=PDU)(turns_it_down)
    rule.mutant(at=PDU, defects=defects)(answers_it_not)
    return rule


tolerates(
    "reserved",
    "Reserved fields are not tested by who receives them.",
    "PS3.8 9.3.2 to 9.3.7 Tables 9-11 to 9-25",
    "UL-PDU-003",
)
tolerates("unknown-item", "Items of a type that is not known are ignored and skipped.", "PS3.8 9.3.1", "UL-PDU-004")
tolerates(
    "unknown-user-item",
    "User information sub-items that are not known are ignored, and no reason to reject.",
    "PS3.8 D.2",
    "UL-PDU-005",
)
tolerates(
    "user-items-reversed",
    "The order of sub-items in the user information means nothing.",
    "PS3.8 9.3.2.3",
    "UL-PDU-007",
)
tolerates(
    "version-bits",
    "Of the protocol version only bit 0 is tested.",
    "PS3.8 9.3.2 Table 9-11",
    "UL-ASSOC-002",
)
tolerates(
    "title-spaces",
    "Spaces before and after an AE title mean nothing.",
    "PS3.8 9.3.2 Table 9-11",
    "UL-ASSOC-005",
)
tolerates(
    "octet-by-octet",
    "PDUs that come octet by octet are put together again.",
    "PS3.8 9.1.3; 9.3.1",
    "UL-PDU-009",
)
tolerates(
    "several-at-once",
    "Several PDUs that come at once are taken one after the other.",
    "PS3.8 9.1.3; 9.3.1",
    "UL-PDU-010",
    "M-AS-25",
)
tolerates(
    "control-bits",
    "Bits 2 to 7 of a message control header are never checked.",
    "PS3.8 E.2",
    "UL-PDV-003",
)
tolerates(
    "command-in-pieces",
    "A command that comes in many fragments and PDUs, cut anywhere, is put together again.",
    "PS3.8 E.1",
    "UL-PDV-010",
)
tolerates(
    "two-fragments",
    "Consecutive fragments of the same kind in one P-DATA-TF are received and processed.",
    "PS3.8 E.1",
    "UL-PDV-009",
)
tolerates(
    "no-limit",
    "A maximum length of 0 means that there is none.",
    "PS3.8 D.1.1 Table D.1-1",
    "UI-MAX-003",
    "M-AS-08",
)
tolerates(
    "small-maximum",
    "Answers are cut to a small maximum length.",
    "PS3.8 D.1",
    "UI-MAX-002",
)
tolerates(
    "many-contexts",
    "A request with 128 presentation contexts of many transfer syntaxes is taken.",
    "PS3.8 9.3.2.2 Table 9-13",
    "UL-ASSOC-038",
    "M-AS-07",
    mild=True,
)
tolerates(
    "short-version-name",
    "An implementation version name of one character is taken.",
    "PS3.7 D.3.3.2.3 Table D.3-3",
    "UI-IMP-002",
    "M-AS-24",
)
tolerates(
    "user-identity",
    "Who does not support user identity accepts without an answer to it.",
    "PS3.7 D.3.3.7",
    "UI-ID-006",
    mild=True,
)
tolerates(
    "common-extended",
    "Common extended negotiation is taken, and not answered.",
    "PS3.7 D.3.3.6; PS3.8 D.2",
    "UI-COM-001",
)
tolerates(
    "several-for-one-class",
    "A SOP Class may be proposed in several presentation contexts.",
    "PS3.8 7.1.1.13; PS3.7 D.3.2",
    "UL-ASSOC-026",
)
tolerates(
    "data-in-pieces",
    "A data set may be cut between any two of its 16 bit words, also within tags and lengths.",
    "PS3.8 E.1",
    "UL-PDV-011",
    kind=STORING,
)
tolerates(
    "command-with-data",
    "A P-DATA-TF may hold the end of a command and the beginning of its data set.",
    "PS3.8 E.1",
    "UL-PDV-009",
    kind=STORING,
)


def _refused_user(j: Journey) -> Association | None:
    """The association that was rejected for nothing but its user."""
    told = j.association("user-identity")
    return told if served(j.association(PLAIN)) and told is not None and told.rejected else None


@journey(
    "association.user-is-rejected-for-good",
    cites="PS3.7 D.3.3.7.3",
    verifies="UI-ID-009",
    on=KIND,
    who=ACCEPTOR,
    content=False,
    incomplete=True,
    when=lambda j: _refused_user(j) is not None,
    due=False,
    says="Who is rejected for being who they are is rejected permanently, and by the service-provider (source 2).",
)
def user_is_rejected_for_good(j: Journey) -> Iterator[Finding]:
    told = _refused_user(j)
    rejection = told.answer.pdu.reject if told and told.answer else None
    # one that is transient may have quite another reason, which came up just then
    if told and told.answer and rejection and rejection.result != 2 and (rejection.result, rejection.source) != (1, 2):
        got = f"result {rejection.result}, source {rejection.source}"
        yield Finding(got, "result 1, source 2", told.answer.where, seq=told.seq)


@user_is_rejected_for_good.mutant(at=PDU)
def turns_users_away(raw: bytes) -> bytes | None:
    """A request with a user identity is rejected without a reason, as if the application did so."""
    mine = any(t == 0x21 and c[:1] == bytes([CONTEXTS["user-identity"]]) for t, c in octets.items(raw[octets.FIXED :]))
    return octets.associate_rj(1, 1, 1) if raw[:1] == b"\2" and mine else None
