"""Associations as evidence: what is read out of them, how they are recorded, judged, and told again with a defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomproof.retell import retold
from harness.association import Association, Operation, Said, Side, Tape, association_from, association_json
from harness.blobs import Blobs
from harness.body import Body
from harness.judge import Judge
from harness.record import Record, read
from harness.rule import ACCEPTOR, MESSAGE, PDU, SCP, SCU, SHALL, STANDARD, At, Catalogue, Finding, Mutant, Role, Rule
from harness.secrets import Secrets
from harness.upper_layer import message as say
from harness.upper_layer.encode import abort
from harness.upper_layer.message import Message
from harness.upper_layer.offer import Abort
from harness.verdict import Outcome
from tests.associations import VERIFICATION, association, find, octets


def echo(status: int = 0) -> list[tuple[Side, bytes]]:
    asked = say.echo_rq(1, 9)
    return [("requestor", octets(asked)), ("acceptor", octets(say.response(asked, status)))]


def test_what_is_read_out_of_it() -> None:
    a = association(*echo(), *find(3))
    assert [(t.side, t.pdu.type) for t in a.turns][:2] == [("requestor", 1), ("acceptor", 2)]
    assert a.contexts[1].abstract == VERIFICATION
    assert [o.kind for o in a.operations] == ["dimse.verification.echo", "dimse.query-retrieve.find"]
    one = a.operations[1]
    assert (one.status, len(one.pending), one.complete, one.fault) == (0, 3, True, "")
    assert (one.scu, one.performer, one.transfer) == ("requestor", "acceptor", "1.2.840.10008.1.2")
    assert one.where(one.responses[1]) == "operation 2, C-FIND-RSP 2 of 4"
    assert (a.ending, a.ended_by, a.complete, a.strays) == ("release", "requestor", True, ())


def test_an_operation_without_end() -> None:
    a = association(echo()[0])
    assert not a.operations[0].complete
    assert "no final response (release)" in a.operations[0].fault


def test_strays_answer_nothing() -> None:
    a = association(echo()[1])
    assert [(side, m.name) for side, m in a.strays] == [("acceptor", "C-ECHO-RSP")]
    assert a.operations == ()


@pytest.mark.parametrize(
    ("what", "ending", "fault"),
    [
        ("timeout", "timeout", "in time"),
        ("reset", "reset", "broke"),
        ("close", "close", ""),
        ("refused", "refused", "no"),
    ],
)
def test_endings_of_the_connection(what: str, ending: str, fault: str) -> None:
    a = Association(1, said=(Said("acceptor", what, 0, 5),))  # type: ignore[arg-type]
    assert (a.ending, a.ended_by) == (ending, "acceptor")
    assert fault in a.fault
    assert a.complete is not bool(a.fault)


def test_an_abort_ends_it_whatever_comes_after() -> None:
    a = association(("acceptor", abort(Abort(2, 1)).encode()))
    assert (a.ending, a.ended_by) == ("abort", "acceptor")


def test_the_tape_keeps_order_and_octets(tmp_path: Path) -> None:
    tape = Tape(Blobs(tmp_path))
    tape.heard("requestor", b"ab", 1)
    tape.heard("requestor", b"cd", 1)
    tape.heard("acceptor", b"x", 2)
    tape.event("acceptor", "close", 3)
    a = tape.finish(4, probe="p")
    assert (a.requestor.bytes(), a.acceptor.bytes()) == (b"abcd", b"x")
    assert [(s.side, s.what, s.size) for s in a.said] == [
        ("requestor", "octets", 4), ("acceptor", "octets", 1), ("acceptor", "close", 0),
    ]  # fmt: skip


def test_a_line_of_the_record_and_back() -> None:
    bodies: list[Body] = []

    def write(body: Body) -> int:
        bodies.append(body)
        return len(bodies) - 1

    a = association(
        *echo(), journey="j#1", step="s", facts={"a": 1}, expected={"1": {}}, judged=frozenset({"requestor"})
    )
    again = association_from(association_json(a, write), lambda n: bodies[n])
    assert again == a


def test_it_is_recorded_with_secrets_masked(tmp_path: Path) -> None:
    record = Record(tmp_path, Secrets.of(["9PASSCODE9"]))
    record.run(tool={"name": "t", "version": "1"})
    a = association(*echo(), calling="9PASSCODE9", seq=1)
    kept = record.association(a)
    record.end("complete", {})
    run = read(tmp_path)
    (found,) = run.associations()
    assert found.requestor.same(kept.requestor)
    assert found.acceptor.same(kept.acceptor)
    assert found.said == a.said
    assert b"9PASSCODE9" not in found.requestor.bytes()
    assert found.requestor.size == a.requestor.size
    assert isinstance(run.evidence(1), Association)
    with pytest.raises(KeyError):
        run.exchange(1)


def rule(id: str, over: type, who: Role, on: str) -> Rule:  # type: ignore[type-arg]
    """A rule that finds something in whatever it is shown."""
    return Rule(id, "PS3.8 9.3", (), SHALL, who, on, "says", lambda x: [Finding("g", "w", "h")], lambda x: True,
                STANDARD, over=over, content=False)  # fmt: skip


def test_the_judge_looks_at_the_sides_under_test() -> None:
    rules = [
        rule("a.acceptor", Association, ACCEPTOR, "dimse.association"),
        rule("a.requestor", Association, Role.REQUESTOR, "dimse.association"),
        rule("o.scp", Operation, SCP, "dimse"),
        rule("o.scu", Operation, SCU, "dimse.verification"),
        rule("o.other", Operation, SCP, "dimse.storage"),
    ]
    judge = Judge(Catalogue(), rules=rules)
    assert {r for r, _ in judge.see(association(*echo()))} == {"a.acceptor", "o.scp"}
    assert {r for r, _ in judge.see(association(*echo(), judged=frozenset({"requestor"})))} == {"a.requestor", "o.scu"}
    outcomes = {v.rule: (v.outcome, v.service) for v in judge.finish()}
    assert outcomes["o.scp"] == (Outcome.FAIL, "messages")
    assert outcomes["o.scu"] == (Outcome.FAIL, "verification")
    assert outcomes["a.acceptor"] == (Outcome.FAIL, "association")
    assert outcomes["o.other"] == (Outcome.NOT_EXERCISED, "storage")


def test_an_unanswered_operation_blocks_its_rules() -> None:
    judge = Judge(Catalogue(), rules=[rule("o.scp", Operation, SCP, "dimse")])
    assert judge.see(association(echo()[0])) == []
    (verdict,) = judge.finish()
    assert verdict.outcome is Outcome.BLOCKED
    assert "operation 1 of association 7 has no whole answer: C-ECHO-RQ 9" in verdict.why


def mutant(at: At, act: object) -> Mutant:
    return Mutant("r/m", "r", at, act, "")  # type: ignore[arg-type]


def test_told_again_with_other_messages() -> None:
    def refuses(message: Message, asked: Message | None) -> Message | None:
        assert asked is not None
        assert asked.id == message.responded
        return message.set(Status=0x0122) if message.name == "C-ECHO-RSP" else None

    a = association(*echo(), *find(2))
    broken = retold(a, "acceptor", mutant(MESSAGE, refuses))
    assert broken is not None
    assert [o.status for o in broken.operations] == [0x0122, 0]
    assert broken.requestor.bytes() == a.requestor.bytes()
    withheld = retold(a, "acceptor", mutant(MESSAGE, lambda m, _: [] if m.pending else None))
    assert withheld is not None
    assert [len(o.responses) for o in withheld.operations] == [1, 1]
    twice = retold(a, "requestor", mutant(MESSAGE, lambda m, _: [m, m.set(MessageID=77)]))
    assert twice is not None
    assert [o.request.id for o in twice.operations] == [9, 77, 1, 77]


def test_told_again_with_other_pdus() -> None:
    a = association(*echo())
    broken = retold(a, "acceptor", mutant(PDU, lambda o: o[:1] + b"\x01" + o[2:] if o[0] == 2 else None))
    assert broken is not None
    assert broken.answer is not None
    assert broken.answer.pdu.octets.bytes()[1] == 1
    gone = retold(a, "acceptor", mutant(PDU, lambda o: b"" if o[0] == 6 else None))
    assert gone is not None
    assert 6 not in [t.pdu.type for t in gone.turns]
    assert retold(a, "acceptor", mutant(PDU, lambda o: o)) is None
