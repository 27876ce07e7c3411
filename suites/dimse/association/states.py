"""Rules of PS3.8 9.2 on what may be said in which state, and on what has to follow what may not be said there.

Must not know what is inside a PDU.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association, Turn, other
from harness.rule import BOTH, PDU, SHALL_NOT, SHOULD, Finding, association
from harness.wire.pdu import ABORT, ASSOCIATE_RJ, DATA, RELEASE_RP, RELEASE_RQ
from suites.dimse.association import octets
from suites.dimse.association.heard import announced
from suites.dimse.association.story import BROKEN, Offence, Story, left, stories


def _offended(a: Association, unknown: bool) -> Iterator[tuple[Story, Offence]]:
    """Sides under test that were told what they could not but refuse, and that had the time to do so."""
    for told in stories(a):
        offence = told.offence
        if offence is None or offence.unknown is not unknown:
            continue
        if left(a, told.side, told.after) or _went_on(told):
            yield told, offence


def _went_on(told: Story) -> list[Turn]:
    """What it said after the offence that it could not say in any state."""
    after = {turn.number for turn in told.after}
    return [turn for turn, _ in told.faults if turn.number in after]


def _refused(a: Association, told: Story, offence: Offence) -> Iterator[Finding]:
    """It broke the association off, by A-ABORT or by leaving, or it had ended it in order before it read that."""
    want, where = "A-ABORT, then the end of the connection", f"after {offence.turn.where} in {offence.state}"
    gone_on, how = _went_on(told), left(a, told.side, told.after)
    if gone_on:
        yield Finding(f"goes on with {gone_on[0].pdu.name}", want, where)
    elif how == "waited" and BROKEN in told.states:
        # whose length promises more than came may be waited for until ARTIM expires
        warn = not offence.turn.pdu.complete
        yield Finding("neither A-ABORT nor the end of the connection, in the time waited", want, where, warn=warn)
    elif how == "close" and BROKEN in told.states:
        # a connection that is reset may have lost the A-ABORT on its way; one that is closed in order has not
        yield Finding("the connection was closed without a word", want, where, warn=True)


@association(
    "association.says-what-its-state-allows",
    cites="PS3.8 9.2.3 Table 9-10; 7.1.2.1; 7.2.2.1",
    verifies=("UL-FSM-001", "UL-TCP-004", "UL-ASSOC-033", "UL-REL-005"),
    who=BOTH,
    incomplete=True,
    when=lambda a: bool(a.heard),
    says="A side says only what Table 9-10 lets it say in the state that it is in.",
)
def says_what_its_state_allows(a: Association) -> Iterator[Finding]:
    for told in stories(a):
        for turn, states in told.faults:
            yield Finding(turn.pdu.name, f"nothing of this kind in {states}", turn.where)


@says_what_its_state_allows.mutant(at=PDU)
def accepts_twice(raw: bytes) -> list[bytes] | None:
    """The acceptance is sent twice."""
    return [raw, raw] if raw[:1] == b"\2" else None


@says_what_its_state_allows.mutant(at=PDU)
def confirms_a_release_that_nobody_asked_for(raw: bytes) -> list[bytes] | None:
    """A-RELEASE-RP follows each acceptance at once."""
    return [raw, octets.RELEASE_RP] if raw[:1] == b"\2" else None


@says_what_its_state_allows.mutant(at=PDU)
def answers_before_it_accepts(raw: bytes) -> list[bytes] | None:
    """A message is sent before the association is accepted."""
    return [octets.say_echo(1), raw] if raw[:1] == b"\2" else None


@association(
    "association.unexpected-pdu-ends-it",
    cites="PS3.8 9.2.2 Table 9-9 AA-1, AA-8; 9.2.3 Table 9-10",
    verifies=("UL-FSM-001", "UL-FSM-002", "UL-FSM-003", "UL-ASSOC-034", "UL-ASSOC-035", "UL-REL-006", "UL-REL-007"),
    who=BOTH,
    incomplete=True,
    when=lambda a: any(True for _ in _offended(a, unknown=False)),
    says="A PDU that the state does not know ends the association: it is not answered, and nothing goes on.",
)
def unexpected_pdu_ends_it(a: Association) -> Iterator[Finding]:
    for told, offence in _offended(a, unknown=False):
        yield from _refused(a, told, offence)


@unexpected_pdu_ends_it.mutant(at=PDU)
def releases_where_it_should_abort(raw: bytes) -> bytes | None:
    """A-RELEASE-RP is sent in place of A-ABORT."""
    return octets.RELEASE_RP if raw[:1] == b"\7" else None


@unexpected_pdu_ends_it.mutant(at=PDU)
def accepts_where_it_should_abort(raw: bytes) -> bytes | None:
    """An acceptance is sent in place of A-ABORT."""
    return octets.associate_ac() if raw[:1] == b"\7" else None


@association(
    "association.unknown-pdu-ends-it",
    cites="PS3.8 9.2.2 Table 9-9 AA-1, AA-8; 9.2.3 Table 9-10",
    verifies=("UL-PDU-011", "UL-PDU-012"),
    who=BOTH,
    incomplete=True,
    when=lambda a: any(True for _ in _offended(a, unknown=True)),
    says="A PDU of a type that PS3.8 does not have ends the association, before it is open and after.",
)
def unknown_pdu_ends_it(a: Association) -> Iterator[Finding]:
    for told, offence in _offended(a, unknown=True):
        yield from _refused(a, told, offence)


@unknown_pdu_ends_it.mutant(at=PDU, defects=("D-AS-05", "M-AS-34", "M-AS-37"))
def answers_what_it_does_not_know(raw: bytes) -> bytes | None:
    """A-RELEASE-RP is sent in place of A-ABORT, also to what is no PDU at all."""
    return octets.RELEASE_RP if raw[:1] == b"\7" else None


INVALID = ("pdu.no-pdv", "pdu.pdv-length", "pdu.pdv-overrun", "pdu.pdv-rest")


def _invalid(a: Association) -> tuple[Story, Turn] | None:
    """The first PDU on an open association that PS3.8 calls an error, or that cannot be read, if nothing came before.

    A length that is fixed is wrong, a P-DATA-TF is not made of whole values, or is longer than its receiver takes.
    """
    for told in stories(a):
        for turn in a.of(DATA, RELEASE_RQ, side=other(told.side)) if a.accepted and told.offence is None else ():
            fixed = turn.pdu.type == RELEASE_RQ and turn.pdu.length != 4
            if turn.pdu.complete and (fixed or turn.pdu.flaws.of(*INVALID) or _too_long(a, turn)):
                return told, turn
    return None


def _too_long(a: Association, turn: Turn) -> bool:
    most = announced(a, other(turn.side))
    return turn.pdu.type == DATA and 0 < most < turn.pdu.length


def _since(a: Association, told: Story, turn: Turn) -> list[Turn]:
    return [t for t in a.of(side=told.side) if t.number > turn.number]


def _had_time(a: Association) -> bool:
    met = _invalid(a)
    return met is not None and bool(_since(a, *met) or left(a, met[0].side, ()))


@association(
    "association.invalid-pdu-ends-it",
    cites="PS3.8 9.2.3 Table 9-10; 9.2.2 Table 9-9 AA-8; 9.3.5; 9.3.6; D.1.1; D.1.2",
    verifies=("UL-PDU-014", "UL-PDU-016", "UI-MAX-004"),
    level=SHOULD,
    who=BOTH,
    incomplete=True,
    when=_had_time,
    says="A PDU that is invalid, or longer than the maximum, ends the association: it is not answered.",
)
def invalid_pdu_ends_it(a: Association) -> Iterator[Finding]:
    met = _invalid(a)
    if met is None:
        return
    told, turn = met
    said = _since(a, told, turn)
    answer = next((t for t in said if t.pdu.type != ABORT), None)
    if answer is not None:
        yield Finding(f"goes on with {answer.pdu.name}", "A-ABORT", f"after {turn.where}")
    elif left(a, told.side, said) == "waited":
        yield Finding("neither A-ABORT nor the end of the connection", "A-ABORT", f"after {turn.where}")


@invalid_pdu_ends_it.mutant(at=PDU, defects="D-AS-05")
def makes_the_best_of_it(raw: bytes) -> bytes | None:
    """What is invalid is answered with A-RELEASE-RP, where A-ABORT was due."""
    return octets.RELEASE_RP if raw[:1] == b"\7" else None


def _aborts_due(a: Association) -> Iterator[tuple[Story, Offence]]:
    for unknown in (False, True):
        yield from _offended(a, unknown)


def _abort_after(told: Story) -> Turn | None:
    return next((t for t in told.after if t.pdu.type == ABORT and t.pdu.abort), None)


@association(
    "association.abort-names-its-source",
    cites="PS3.8 9.2.2 Table 9-9 AA-1, AA-8; 9.3.8",
    verifies=("UL-PDU-012", "UL-FSM-002", "UL-FSM-003"),
    who=BOTH,
    incomplete=True,
    when=lambda a: any(_abort_after(told) for told, _ in _aborts_due(a)),
    says="An abort because of a PDU that was wrong in its state names the service-provider as its source.",
)
def abort_names_its_source(a: Association) -> Iterator[Finding]:
    for told, offence in _aborts_due(a):
        turn = _abort_after(told)
        if turn is None or turn.pdu.abort is None or told.faults:
            continue
        # AA-1 in Sta2 names the service-user, whose abort has no reason; who gives one there helps, and breaks nothing
        due = 0 if offence.state == "Sta2" else 2
        source = turn.pdu.abort.source
        if source != due and source in (0, 2):
            yield Finding(f"source {source}", f"source {due}", turn.where, warn=offence.state == "Sta2")


@abort_names_its_source.mutant(at=PDU)
def aborts_with_the_other_source(raw: bytes) -> bytes | None:
    """Aborts of the provider are sent as those of the user, and the other way round."""
    return octets.abort(2 - raw[8] if raw[8] in (0, 2) else 2) if raw[:1] == b"\7" and len(raw) >= 10 else None


def _ends(a: Association) -> bool:
    """A side under test ended the association."""
    return any(t.pdu.type in (ASSOCIATE_RJ, RELEASE_RP, ABORT) for t in a.heard)


def _told_the_end(a: Association) -> Turn | None:
    """The PDU that told a side under test of the end: an abort, and to the requestor a rejection or confirmation."""
    first = next((t for t in a.turns if t.pdu.type in (ASSOCIATE_RJ, RELEASE_RP, ABORT)), None)
    if first is None or other(first.side) not in a.judged or _collided(a):
        return None
    return first if first.pdu.type == ABORT or first.side == "acceptor" else None


@association(
    "association.over-is-over",
    cites="PS3.8 9.1.1; 9.2.3 Table 9-10; 7.2.2.4; 7.3.2.2",
    verifies=("UL-TCP-001", "UL-TCP-007", "UL-ABT-003", "UL-ABT-008", "UL-ASSOC-036"),
    level=SHALL_NOT,
    who=BOTH,
    incomplete=True,
    when=lambda a: _ends(a) or _told_the_end(a) is not None,
    says="After A-ASSOCIATE-RJ, A-RELEASE-RP or A-ABORT nothing more is said, and who is told so closes.",
)
def over_is_over(a: Association) -> Iterator[Finding]:
    ended: dict[str, Turn] = {}
    ends = (ASSOCIATE_RJ, ABORT) if _collided(a) else (ASSOCIATE_RJ, RELEASE_RP, ABORT)
    for turn in a.heard:
        if turn.side in ended and (turn.pdu.type != ABORT or _for_nothing(a, turn, ended[turn.side])):
            yield Finding(turn.pdu.name, f"nothing after {ended[turn.side].pdu.name}", turn.where)
        elif turn.pdu.type in ends:
            ended.setdefault(turn.side, turn)
    yield from _left_open(a)


def _for_nothing(a: Association, turn: Turn, ended: Turn) -> bool:
    """An A-ABORT after a confirmed release that no PDU of the other side brought about, as AA-7 wants it in Sta13."""
    heard = [t for t in a.of(side=other(turn.side)) if not (t.number < ended.number and t.pdu.complete)]
    asked = [t for t in a.of(side=other(turn.side)) if t.number < ended.number]
    return ended.pdu.type == RELEASE_RP and not heard and bool(asked) and asked[-1].pdu.type == RELEASE_RQ


def _collided(a: Association) -> bool:
    """Both sides asked for the release, so both confirm it."""
    return {t.side for t in a.turns if t.pdu.type == RELEASE_RQ} == {"requestor", "acceptor"}


def _left_open(a: Association) -> Iterator[Finding]:
    """Who is told the end closes at once (AA-3, AR-3, AE-4). Who told it may wait for its ARTIM, which nobody knows."""
    turn = _told_the_end(a)
    if turn is not None and left(a, other(turn.side), ()) == "waited":
        yield Finding("the connection stays open", f"it is closed on {turn.pdu.name}", turn.where)


@over_is_over.mutant(at=PDU)
def says_more_after_the_end(raw: bytes) -> list[bytes] | None:
    """A message follows the end of the association."""
    return [raw, octets.say_echo(1)] if raw[:1] in (b"\3", b"\6", b"\7") else None


@over_is_over.mutant(at=PDU)
def aborts_what_is_released(raw: bytes) -> list[bytes] | None:
    """A-ABORT follows A-RELEASE-RP."""
    return [raw, octets.abort()] if raw[:1] == b"\6" else None


@over_is_over.mutant(at=PDU)
def takes_a_second_association(raw: bytes) -> bytes | None:
    """A second A-ASSOCIATE-RQ on the connection is accepted, where A-ABORT was due."""
    return octets.associate_ac() if raw[:1] == b"\7" else None
