"""Rules of PS3.7 6.3.1, 9.3, 10.3 and Annex E on command sets: which elements a message carries, and what they say.

Must not know services, nor the order of messages. What is wrong is found by the strict reader; here it gets its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.association import Operation
from harness.rule import BOTH, MESSAGE, SCP, SCU, SHALL, SHOULD_NOT, Finding, Level, Rule, operation
from harness.upper_layer.message import Message as Sent
from harness.wire.dimse import Message
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import answers, heard, hexed

RULE_OF: dict[str, str] = {}  # code of the reader -> the one rule that judges it
# Our bounds, and what other rules judge.
ELSEWHERE = {
    "dimse.too-many": "our bound",
    "dimse.command-too-large": "our bound",
    "dimse.empty-optional": "the registry does not say what an optional element without a value means",
    "dimse.data-condition": "the rules of each service judge it",
    "dimse.status-range": "messages.status-known judges it",
    **dict.fromkeys(
        (
            "dimse.data-first",
            "dimse.unfinished",
            "dimse.interleaved",
            "dimse.context-changed",
            "dimse.two-messages",
            "dimse.cut-off",
        ),
        "how messages are put together is judged with the PDUs",
    ),
}
RESPONSE_BIT = 0x8000


def of_codes(
    id: str,
    codes: tuple[str, ...],
    *,
    cites: str,
    says: str,
    verifies: str | tuple[str, ...],
    level: Level = SHALL,
    when: Callable[[Message], bool] = lambda message: True,
) -> Rule[Operation]:
    """A rule over flaws of command sets and of how they fit their message."""
    for code in codes:
        RULE_OF[code] = id

    def judgement(o: Operation) -> Iterator[Finding]:
        for _, message in heard(o):
            # what answers a command that nobody knows cannot have a known one
            unknown = o.request.verb == "unknown" and message is not o.request
            for flaw in message.flaws.kept:
                if flaw.code in codes and not (unknown and flaw.code == "dimse.field-unknown"):
                    yield Finding(flaw.got, flaw.want, f"{o.where(message)}, {flaw.where}")

    return operation(
        id,
        cites=cites,
        says=says,
        verifies=verifies,
        level=level,
        on="dimse",
        who=BOTH,
        content=False,
        incomplete=True,
        when=lambda o: any(when(message) for _, message in heard(o)),
    )(judgement)


encoding = of_codes(
    "messages.command-encoding",
    ("dimse.explicit", "dimse.big-endian", "dimse.cut", "dimse.length-odd", "dimse.length-overrun", "dimse.order",
     "dimse.repeated", "dimse.group"),
    cites="PS3.7 6.3.1",
    verifies=("DM-CMD-001", "DM-CMD-002", "DM-CMD-019"),
    says="A command set is in implicit VR little endian: elements of group 0000, in order of tags, once, even, whole.",
)  # fmt: skip


def _elements(message: Sent) -> tuple[bytes, bytes]:
    """The encoded command set: its group length, and what follows."""
    octets = message.octets()
    return octets[:12], octets[12:]


def _with_length(rest: bytes) -> bytes:
    return bytes((0, 0, 0, 0, 4, 0, 0, 0)) + len(rest).to_bytes(4, "little") + rest


@encoding.mutant(at=MESSAGE)
def an_element_behind_its_place(message: Sent, asked: Sent | None) -> Sent | None:
    """The SOP Class UID, or whatever comes first, stands behind all other elements."""
    _, rest = _elements(message)
    size = 8 + int.from_bytes(rest[4:8], "little")
    return message.but(raw=_with_length(rest[size:] + rest[:size])) if bend.is_response(message) else None


@encoding.mutant(at=MESSAGE)
def a_uid_without_padding(message: Sent, asked: Sent | None) -> Sent | None:
    """UIDs of an odd length are not padded."""
    uid = message.text("AffectedSOPClassUID")
    return but(message, AffectedSOPClassUID=uid.encode()) if len(uid) % 2 and bend.is_response(message) else None


@encoding.mutant(at=MESSAGE)
def a_command_in_explicit_vr(message: Sent, asked: Sent | None) -> Sent | None:
    """The command set is in explicit VR."""
    _, rest = _elements(message)
    if not bend.is_response(message):
        return None
    head = bytes((0, 0, 0, 0)) + b"UL" + bytes((4, 0)) + len(rest).to_bytes(4, "little")
    return message.but(raw=head + rest)


length = of_codes(
    "messages.group-length",
    ("dimse.group-length-missing", "dimse.group-length"),
    cites="PS3.7 9.3, 10.3, E.1",
    verifies="DM-CMD-003",
    says="A command set begins with its group length, which counts the octets behind it.",
)


@length.mutant(at=MESSAGE)
def counts_itself(message: Sent, asked: Sent | None) -> Sent | None:
    """The group length counts its own element too."""
    _, rest = _elements(message)
    return but(message, CommandGroupLength=len(rest) + 12) if bend.is_response(message) else None


@length.mutant(at=MESSAGE)
def no_group_length(message: Sent, asked: Sent | None) -> Sent | None:
    """The group length is left out."""
    return message.but(raw=_elements(message)[1]) if bend.is_response(message) else None


field_values = of_codes(
    "messages.command-values",
    ("dimse.value-size", "dimse.multiplicity", "dimse.value-length", "dimse.value-form", "dimse.value-characters",
     "dimse.value-padding"),
    cites="PS3.7 6.3.1, E.1; PS3.5 6.2",
    verifies=("DM-CMD-019", "DM-CMD-023", "DM-STAT-003"),
    says="The values of command elements have the size, the form and the number that the registry gives them.",
)  # fmt: skip


@field_values.mutant(at=MESSAGE)
def a_status_of_four_octets(message: Sent, asked: Sent | None) -> Sent | None:
    """Status is written with four octets."""
    return but(message, Status=message.status.to_bytes(4, "little")) if bend.is_final(message) else None


@field_values.mutant(at=MESSAGE)
def a_uid_with_leading_zeros(message: Sent, asked: Sent | None) -> Sent | None:
    """The SOP Class UID of a response has a component with a leading zero."""
    uid = message.text("AffectedSOPClassUID")
    return but(message, AffectedSOPClassUID=f"{uid}.01") if uid and bend.is_response(message) else None


@field_values.mutant(at=MESSAGE)
def a_uid_padded_with_a_space(message: Sent, asked: Sent | None) -> Sent | None:
    """UIDs of an odd length are padded with a space."""
    uid = message.text("AffectedSOPClassUID")
    return but(message, AffectedSOPClassUID=f"{uid} ".encode()) if len(uid) % 2 and bend.is_response(message) else None


field_known = of_codes(
    "messages.field-known",
    ("dimse.field-unknown", "dimse.field-missing"),
    cites="PS3.7 9.3; 10.3; E.1",
    verifies="DM-CMD-005",
    says="Command Field is there, and one of the registered codes.",
)


@field_known.mutant(at=MESSAGE)
def responds_with_an_unknown_field(message: Sent, asked: Sent | None) -> Sent | None:
    """A response carries a code that nobody registered."""
    return but(message, CommandField=0x8FFE) if bend.is_response(message) else None


@operation(
    "messages.answers-the-same-service",
    cites="PS3.7 9.3; 10.3; E.1",
    verifies="DM-CMD-005",
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: any(True for _ in answers(o)),
    says="The Command Field of a response is the one of its request with the highest bit set.",
)
def answers_the_same_service(o: Operation) -> Iterator[Finding]:
    due = o.request.field | RESPONSE_BIT
    for message in answers(o):
        if message.field != due and not message.name.startswith("unknown"):
            yield Finding(message.name, f"Command Field {hexed(due)}", o.where(message))


@answers_the_same_service.mutant(at=MESSAGE)
def answers_as_another_service(message: Sent, asked: Sent | None) -> Sent | None:
    """A C-ECHO is answered as a C-STORE, anything else as a C-ECHO."""
    if not bend.is_response(message):
        return None
    return but(message, CommandField=0x8001 if bend.is_response(message, "echo") else 0x8030)


mandatory = of_codes(
    "messages.mandatory-elements",
    ("dimse.required", "dimse.condition", "dimse.empty"),
    cites="PS3.7 9.1; 9.3; 10.1; 10.3",
    verifies=("DM-CMD-003", "DM-CMD-007", "DM-CMD-008", "DM-CMD-014", "DM-CMD-016", "DM-CMD-018", "DM-STAT-001",
              "DM-N-009", "SV-ECHO-002"),
    says="A command set has every element that is mandatory for its message, with a value.",
)  # fmt: skip


@mandatory.mutant(at=MESSAGE)
def no_data_set_type(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses without a data set leave Command Data Set Type out."""
    if not bend.is_response(message) or message.has_data:
        return None
    kept = but(message, CommandDataSetType=0x0101).octets()[12:]
    element = bytes((0, 0, 0, 8, 2, 0, 0, 0, 1, 1))
    return message.but(raw=_with_length(kept.replace(element, b"", 1)))


@mandatory.mutant(at=MESSAGE, defects="M-CF-04")
def no_status(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses have no Status."""
    return but(message, Status=None) if bend.is_final(message) else None


@mandatory.mutant(at=MESSAGE)
def suboperations_without_priority(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests leave Priority out; final responses have an empty Status."""
    if bend.is_request(message, "store", "find", "get", "move"):
        return but(message, Priority=None)
    return but(message, Status=b"") if bend.is_final(message) else None


foreign = of_codes(
    "messages.foreign-elements",
    ("dimse.foreign",),
    cites="PS3.7 5, 9.1, 10.1: fields that do not apply",
    verifies=("DM-CMD-016", "DM-CAN-001"),
    level=SHOULD_NOT,
    says="A command set has no registered element that does not apply to its message.",
)


@foreign.mutant(at=MESSAGE)
def responses_have_a_priority(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses carry a Priority."""
    return but(message, Priority=0) if bend.is_response(message) else None


unregistered = of_codes(
    "messages.no-retired-elements",
    ("dimse.element-unknown", "dimse.element-retired"),
    cites="PS3.7 6.3.1; E.1; E.2",
    verifies="DM-CMD-020",
    level=SHOULD_NOT,
    says="Command elements that are retired, private or not registered are not sent.",
)


@unregistered.mutant(at=MESSAGE)
def counts_the_matches(message: Sent, asked: Sent | None) -> Sent | None:
    """Final responses carry the retired Number of Matches, the others the retired Response Sequence Number."""
    if not bend.is_response(message):
        return None
    return but(message, NumberOfMatches=1) if bend.is_final(message) else but(message, ResponseSequenceNumber=1)


data_set = of_codes(
    "messages.data-set-where-due",
    ("dimse.data-type", "dimse.data-missing", "dimse.data-unannounced", "dimse.data-empty"),
    cites="PS3.7 9.3; 10.3; E.1",
    verifies=("DM-CMD-011", "DM-CAN-001", "SV-ECHO-002"),
    says="Command Data Set Type is 0101H exactly when no data set follows; one follows where the message has one.",
)


@data_set.mutant(at=MESSAGE)
def announces_a_data_set_that_never_comes(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses to C-ECHO and C-STORE announce a data set and send none."""
    return but(message, CommandDataSetType=0x0001) if bend.is_response(message, "echo", "store") else None


@data_set.mutant(at=MESSAGE)
def answers_with_a_data_set(message: Sent, asked: Sent | None) -> Sent | None:
    """C-ECHO and C-STORE are answered with a data set."""
    extra = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"
    return message.carrying(extra) if bend.is_response(message, "echo", "store") else None


priority = of_codes(
    "messages.priority",
    ("dimse.priority",),
    cites="PS3.7 9.3.1.1; 9.3.2.1; 9.3.3.1; 9.3.4.1; E.1",
    verifies="DM-CMD-014",
    when=lambda message: message.command.has("Priority"),
    says="Priority is 0000H, 0001H or 0002H.",
)


@priority.mutant(at=MESSAGE)
def priority_of_seven(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests ask for a priority that does not exist."""
    return but(message, Priority=7) if "Priority" in message.command else None


@operation(
    "messages.names-the-sop-class",
    cites="PS3.7 9.1; 9.3; PS3.4 C.4.1.1.1, B.2",
    verifies="DM-CMD-017",
    on="dimse.verification|dimse.storage|dimse.query-retrieve",
    who=SCU,
    content=False,
    incomplete=True,
    when=lambda o: o.agreed is not None and o.request.name.startswith("C-") and bool(o.request.sop_class),
    says="The Affected SOP Class UID of a DIMSE-C request is the abstract syntax of its presentation context.",
)
def names_the_sop_class(o: Operation) -> Iterator[Finding]:
    agreed = o.agreed
    if agreed and o.request.sop_class != agreed.abstract:
        # a general class may stand for a specialized one that was negotiated with it (PS3.7 D.3.3.6)
        asked = o.association.request
        common = asked.pdu.associate.user.common if asked and asked.pdu.associate else ()
        if o.request.sop_class not in {u for item in common if item.uid == agreed.abstract for u in item.related}:
            yield Finding(o.request.sop_class, agreed.abstract, f"{o.where()}, Affected SOP Class UID")


@names_the_sop_class.mutant(at=MESSAGE)
def echoes_as_ct(message: Sent, asked: Sent | None) -> Sent | None:
    """Requests name CT Image Storage whatever they are about."""
    ct = "1.2.840.10008.5.1.4.1.1.2"
    named = message.command.get("AffectedSOPClassUID")
    return but(message, AffectedSOPClassUID=ct) if bend.is_request(message) and named not in (None, ct) else None


@operation(
    "messages.answers-about-the-same",
    cites="PS3.7 9.1, 10.1: Affected SOP Class and Instance UID of a response",
    verifies=("DM-CMD-016", "SV-STO-007"),
    on="dimse",
    who=BOTH,
    content=False,
    incomplete=True,
    when=lambda o: any(m.command.has(k) for m in answers(o) for k in ("AffectedSOPClassUID", "AffectedSOPInstanceUID")),
    says="Affected SOP Class and Instance UIDs in a response, where they are sent, are those of the request.",
)
def answers_about_the_same(o: Operation) -> Iterator[Finding]:
    kind = {"AffectedSOPClassUID": "RequestedSOPClassUID", "AffectedSOPInstanceUID": "RequestedSOPInstanceUID"}
    for message in answers(o):
        for keyword, other in kind.items():
            asked = o.request.command.text(keyword) or o.request.command.text(other)
            got = message.command.text(keyword)
            if message.command.has(keyword) and asked and got != asked:
                # no value says nothing of another class or instance, where the element could as well be left out
                yield Finding(got or "no value", asked, f"{o.where(message)}, {keyword}", warn=not got)


@answers_about_the_same.mutant(at=MESSAGE)
def answers_about_another_class(message: Sent, asked: Sent | None) -> Sent | None:
    """Responses name Secondary Capture whatever was asked."""
    other = "1.2.840.10008.5.1.4.1.1.7.99"
    return but(message, AffectedSOPClassUID=other) if bend.is_response(message) else None


@answers_about_the_same.mutant(at=MESSAGE)
def answers_about_another_instance(message: Sent, asked: Sent | None) -> Sent | None:
    """C-STORE responses name another instance."""
    return but(message, AffectedSOPInstanceUID="2.25.7") if bend.is_response(message, "store") else None


_ERROR = ("OffendingElement", "ErrorComment", "ErrorID")


@operation(
    "messages.success-is-not-explained",
    cites="PS3.7 C.1.1, C.2.1, C.3.1; PS3.4 Tables B.2-1, C.4-1",
    verifies="DM-STAT-003",
    level=SHOULD_NOT,
    on="dimse",
    who=SCP,
    content=False,
    says="Error Comment, Offending Element and Error ID come with warnings and failures, not with 0000H, FE00H, FF00H.",
)
def success_is_not_explained(o: Operation) -> Iterator[Finding]:
    for message in answers(o):
        if message.status in (0x0000, 0xFE00, 0xFF00, 0xFF01):
            for keyword in _ERROR:
                if message.command.has(keyword) and (message.command.text(keyword) or keyword != "ErrorComment"):
                    yield Finding(f"{keyword} with {hexed(message.status)}", "the Status alone", o.where(message))


@success_is_not_explained.mutant(at=MESSAGE, defects="M-CM-24")
def comments_on_success(message: Sent, asked: Sent | None) -> Sent | None:
    """Success is explained in an Error Comment."""
    done = bend.is_response(message) and message.status == 0
    return but(message, ErrorComment="all is well") if done else None
