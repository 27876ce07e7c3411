"""Rules of PS3.8 7.1, 9.3.4 and 9.3.8, C.2 on whether a request is answered, and with which values it is turned down.

Must not know presentation contexts and user information, nor what follows an acceptance.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Association
from harness.rule import ACCEPTOR, BOTH, PDU, SHALL_NOT, Finding, association
from harness.wire.pdu import ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, Associate, Reject
from suites.dimse.association import octets
from suites.dimse.association.heard import accepted, asked, flawed, says
from suites.dimse.association.story import left

REJECTION = ("pdu.reject-result", "pdu.reject-source", "pdu.reject-reason")
ABORTION = ("pdu.abort-source", "pdu.abort-reason")
DECENT = ("version", "application-context", "called-title")  # what is asked for is to be rejected, in good form


def _sound(a: Association) -> bool:
    """A whole request came, with nothing in it that would have to be refused, and there was time to answer it."""
    if a.request is None or not a.request.pdu.complete or a.facts.get("provoked", "") not in ("", *DECENT):
        return False
    return a.answer is not None or bool(left(a, "acceptor", ()))


@association(
    "association.is-answered",
    cites="PS3.8 7.1.2.3; 7.1.2.6; 9.2.2 Table 9-6 AE-6",
    who=ACCEPTOR,
    incomplete=True,
    when=_sound,
    says="A request for an association is accepted or rejected, in the time that it was waited for.",
)
def is_answered(a: Association) -> Iterator[Finding]:
    where = a.request.where if a.request else ""
    if a.answer is None:
        how = {"waited": "nothing came", "close": "the connection was closed", "reset": "the connection was reset"}
        # nothing says that one connection may not have to wait until the timer of another has expired
        beside = bool(a.facts.get("beside"))
        yield Finding(how[left(a, "acceptor", ())], "A-ASSOCIATE-AC or A-ASSOCIATE-RJ", where, warn=beside)
    elif a.answer.pdu.type not in (ASSOCIATE_AC, ASSOCIATE_RJ, ABORT):
        yield Finding(a.answer.pdu.name, "A-ASSOCIATE-AC or A-ASSOCIATE-RJ", where)


@is_answered.mutant(at=PDU)
def never_answers(raw: bytes) -> bytes | None:
    """Requests for an association are not answered."""
    return b"" if raw[:1] in (b"\2", b"\3") else None


@association(
    "association.rejection-values",
    cites="PS3.8 9.3.4 Table 9-21",
    verifies="UL-ASSOC-031",
    who=ACCEPTOR,
    when=says(ASSOCIATE_RJ),
    says="Result, source and reason of a rejection are values of the table, none of the reserved ones.",
)
def rejection_values(a: Association) -> Iterator[Finding]:
    yield from flawed(a, REJECTION, ASSOCIATE_RJ)


@rejection_values.mutant(at=PDU)
def rejects_with_result_zero(raw: bytes) -> bytes | None:
    """A rejection has the result 0."""
    return raw[:7] + b"\0" + raw[8:] if raw[:1] == b"\3" else None


@rejection_values.mutant(at=PDU)
def rejects_with_a_reserved_reason(raw: bytes) -> bytes | None:
    """A rejection has a reason that is reserved for each source."""
    return raw[:9] + b"\5" if raw[:1] == b"\3" else None


@association(
    "association.abort-values",
    cites="PS3.8 9.3.8 Table 9-26",
    verifies=("UL-ABT-001", "UL-ABT-002"),
    who=BOTH,
    incomplete=True,
    when=says(ABORT),
    says="The source of an abort is 0 or 2; its reason is 0 from a user, and one of the table from the provider.",
)
def abort_values(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ABORTION, ABORT)


@abort_values.mutant(at=PDU)
def aborts_with_the_reserved_source(raw: bytes) -> bytes | None:
    """Aborts have source 1."""
    return octets.abort(1, 0) if raw[:1] == b"\7" else None


@abort_values.mutant(at=PDU)
def aborts_with_the_reserved_reason(raw: bytes) -> bytes | None:
    """Aborts have reason 3 of the provider."""
    return octets.abort(2, 3) if raw[:1] == b"\7" else None


def _rejected(a: Association) -> Reject | None:
    return a.answer.pdu.reject if a.answer and a.rejected else None


def _values(rejection: Reject) -> str:
    return f"result {rejection.result}, source {rejection.source}, reason {rejection.reason}"


def _other_version(a: Association) -> bool:
    request = asked(a)
    return request is not None and request.protocol_version & 1 == 0


@association(
    "association.other-version-is-refused",
    cites="PS3.8 9.3.2 Table 9-11; 9.3.4 Table 9-21; 9.2.2 Table 9-6 AE-6",
    verifies="UL-ASSOC-003",
    who=ACCEPTOR,
    incomplete=True,
    when=lambda a: _other_version(a) and (a.answer is not None or bool(left(a, "acceptor", ()))),
    says="A request for another version of the protocol is not accepted, and the rejection says why.",
)
def other_version_is_refused(a: Association) -> Iterator[Finding]:
    rejection, where = _rejected(a), a.answer.where if a.answer else ""
    if a.accepted:
        yield Finding("acceptance", "rejection: source 2, reason 2", where)
    elif rejection is not None and (rejection.source, rejection.reason) != (2, 2):
        yield Finding(_values(rejection), "source 2, reason 2", where, warn=True)


@other_version_is_refused.mutant(at=PDU)
def accepts_other_versions(raw: bytes) -> bytes | None:
    """What should be rejected is accepted."""
    return octets.associate_ac() if raw[:1] == b"\3" else None


@other_version_is_refused.mutant(at=PDU)
def gives_no_reason(raw: bytes) -> bytes | None:
    """Rejections give no reason."""
    return octets.associate_rj(1, 1, 1) if raw[:1] == b"\3" else None


def _looks_only_at_bit_0(a: Association) -> bool:
    request = asked(a)
    return request is not None and bool(request.protocol_version & 1) and _rejected(a) is not None


@association(
    "association.version-is-no-number",
    cites="PS3.8 9.3.2 Table 9-11",
    verifies="UL-ASSOC-002",
    level=SHALL_NOT,
    who=ACCEPTOR,
    when=_looks_only_at_bit_0,
    says="A request whose protocol version has bit 0 set is not rejected for its version, whatever other bits say.",
)
def version_is_no_number(a: Association) -> Iterator[Finding]:
    rejection, request = _rejected(a), asked(a)
    if rejection and request and (rejection.source, rejection.reason) == (2, 2):
        got = f"protocol version {request.protocol_version:04X}H is not supported"
        yield Finding(got, "bit 0 is tested, and nothing else", a.answer.where if a.answer else "")


@version_is_no_number.mutant(at=PDU)
def blames_the_version(raw: bytes) -> bytes | None:
    """Every rejection says that the protocol version is not supported."""
    return octets.associate_rj(1, 2, 2) if raw[:1] == b"\3" else None


def _foreign_application(a: Association) -> bool:
    request = asked(a)
    return (
        request is not None
        and bool(request.application_contexts)
        and (octets.APPLICATION not in request.application_contexts and (a.accepted or a.rejected))
    )


@association(
    "association.foreign-application-context",
    cites="PS3.8 7.1.1.2; 9.3.4 Table 9-21; PS3.7 A.1; A.2.1",
    verifies="UL-ASSOC-013",
    who=ACCEPTOR,
    when=_foreign_application,
    says="A request for an unknown application context is rejected for it, or accepted with the one of DICOM.",
)
def foreign_application_context(a: Association) -> Iterator[Finding]:
    told, rejection = accepted(a), _rejected(a)
    where = a.answer.where if a.answer else ""
    if told is not None and told.application_contexts and octets.APPLICATION not in told.application_contexts:
        # what is returned is what shall be used; nobody can use what exists nowhere
        yield Finding(f"acceptance with {told.application_contexts[0]}", _wanted(), where, warn=True)
    elif rejection is not None and (rejection.source, rejection.reason) != (1, 2):
        yield Finding(_values(rejection), "source 1, reason 2", where, warn=True)


def _wanted() -> str:
    return f"rejection (source 1, reason 2), or acceptance with {octets.APPLICATION}"


@foreign_application_context.mutant(at=PDU)
def agrees_to_any_application(raw: bytes) -> bytes | None:
    """What should be rejected is accepted, with an application context that does not exist."""
    if raw[:1] != b"\3":
        return None
    return octets.edited(octets.associate_ac(), 2, lambda given: [(0x10, b"2.25.1"), *given[1:]])


@foreign_application_context.mutant(at=PDU)
def rejects_without_a_reason(raw: bytes) -> bytes | None:
    """Rejections give no reason."""
    return octets.associate_rj(1, 1, 1) if raw[:1] == b"\3" else None


def _stranger(a: Association) -> Associate | None:
    """The request, when a probe called an application entity that it made up."""
    return asked(a) if a.facts.get("provoked") == "called-title" and (a.accepted or a.rejected) else None


@association(
    "association.called-title-is-looked-at",
    cites="PS3.8 C.2; 7.1.1.4; 9.3.4 Table 9-21",
    verifies="UL-ASSOC-010",
    who=ACCEPTOR,
    when=lambda a: _stranger(a) is not None,
    says="A request that calls an application entity that is not there is rejected for it.",
)
def called_title_is_looked_at(a: Association) -> Iterator[Finding]:
    rejection, where = _rejected(a), a.answer.where if a.answer else ""
    if a.accepted:
        # a product may answer to every title; then this one is its own
        yield Finding("acceptance", "rejection: source 1, reason 7", where, warn=True)
    elif rejection is not None and (rejection.source, rejection.reason) != (1, 7):
        yield Finding(_values(rejection), "source 1, reason 7", where, warn=True)


@called_title_is_looked_at.mutant(at=PDU)
def answers_to_any_title(raw: bytes) -> bytes | None:
    """What should be rejected is accepted."""
    return octets.associate_ac() if raw[:1] == b"\3" else None


@called_title_is_looked_at.mutant(at=PDU)
def rejects_strangers_without_a_reason(raw: bytes) -> bytes | None:
    """Rejections give no reason."""
    return octets.associate_rj(1, 1, 1) if raw[:1] == b"\3" else None
