"""Rules of PS3.8 9.3.2.2 and 9.3.3.2, PS3.7 D.3.2 and PS3.5 10.1 on what is proposed and what becomes of it.

Must not know user information, nor what is said in a context afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.association import Association
from harness.rule import BOTH, PDU, REQUESTOR, SHALL_NOT, Finding, association
from harness.wire.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, Associate, Context
from harness.wire.sop import is_encapsulated, service_of
from suites.dimse.association import octets
from suites.dimse.association.heard import asked, both, flawed, is_accepted, negotiators, says

IDS = ("pdu.context-id", "pdu.context-repeated")
MOST = 128  # odd numbers from 1 to 255


@association(
    "association.context-ids",
    cites="PS3.8 9.3.2.2 Table 9-13; 7.1.1.13",
    verifies="UL-ASSOC-016",
    who=REQUESTOR,
    when=says(ASSOCIATE_RQ),
    says="Each proposed presentation context has an odd identifier of its own, from 1 to 255.",
)
def context_ids(a: Association) -> Iterator[Finding]:
    yield from flawed(a, IDS, ASSOCIATE_RQ)


@context_ids.mutant(at=PDU)
def counts_contexts_from_zero(raw: bytes) -> bytes | None:
    """Presentation contexts are numbered 0, 1, 2."""
    return octets.edited_context(raw, 1, lambda n, c: bytes([n]) + c[1:])


@context_ids.mutant(at=PDU, defects=("M-AS-03", "M-AS-06"))
def proposes_every_context_twice(raw: bytes) -> bytes | None:
    """Each presentation context stands twice, with the same identifier, as when numbers have run over 255."""
    return octets.edited(raw, 1, lambda given: [i for one in given for i in [one] * (1 + (one[0] == 0x20))])


@association(
    "association.application-context",
    cites="PS3.7 A.2.1; A.2.2; PS3.8 7.1.1.2; 9.3.2.1; 9.3.3.1",
    verifies=("UL-ASSOC-012", "UL-ASSOC-013"),
    who=BOTH,
    when=says(ASSOCIATE_RQ, ASSOCIATE_AC),
    says="The application context, proposed or returned, is the one that DICOM has registered.",
)
def application_context(a: Association) -> Iterator[Finding]:
    for turn, told in negotiators(a):
        if turn.pdu.type == ASSOCIATE_AC and _foreign(a):
            continue  # there `foreign-application-context` says what may be returned
        for name in told.application_contexts:
            if name != octets.APPLICATION:
                # private names are allowed, but nobody else can know them; names below DICOM's own root are DICOM's
                private = not name.startswith("1.2.840.10008.")
                yield Finding(name, octets.APPLICATION, turn.where, warn=private)


def _foreign(a: Association) -> bool:
    """The application context that was asked for is not DICOM's."""
    proposed = asked(a)
    return proposed is not None and octets.APPLICATION not in proposed.application_contexts


@application_context.mutant(at=PDU)
def proposes_another_application_context(raw: bytes) -> bytes | None:
    """The application context is one that DICOM has not registered."""
    type = raw[0] if raw[:1] in (b"\1", b"\2") else 0
    return octets.edited(raw, type, lambda given: [(t, c + b".2" if t == 0x10 else c) for t, c in given])


def _lacking(proposed: Associate) -> Iterator[tuple[str, set[str]]]:
    """Abstract syntaxes that nobody offers the default transfer syntax for, with what is offered."""
    offered: dict[str, set[str]] = {}
    for context in proposed.contexts:
        for abstract in context.abstract[:1]:
            offered.setdefault(abstract, set()).update(context.transfer)
    for abstract, transfer in offered.items():
        if transfer and octets.IMPLICIT not in transfer:
            yield abstract, transfer


def _compressed(uid: str) -> bool:
    """The pixel data of this transfer syntax is compressed, or kept elsewhere; private ones may be either."""
    return is_encapsulated(uid) is not False or uid.startswith("1.2.840.10008.1.2.4.")


@association(
    "association.offers-default-transfer-syntax",
    cites="PS3.5 10.1 a",
    verifies="UL-ASSOC-029",
    who=REQUESTOR,
    when=says(ASSOCIATE_RQ),
    says="Each abstract syntax is proposed with Implicit VR Little Endian in at least one presentation context.",
)
def offers_default_transfer_syntax(a: Association) -> Iterator[Finding]:
    proposed = asked(a)
    for abstract, transfer in _lacking(proposed) if proposed else ():
        # who has only compressed pixel data may offer that alone; nothing else excuses it
        if service_of(abstract) in ("storage", "other") and all(_compressed(uid) for uid in transfer):
            continue
        where = f"{a.request.where if a.request else ''}, abstract syntax {abstract}"
        yield Finding(", ".join(sorted(transfer)), f"{octets.IMPLICIT} as well", where)


@offers_default_transfer_syntax.mutant(at=PDU, defects=("M-AS-05", "M-NS-06"))
def offers_explicit_only(raw: bytes) -> bytes | None:
    """Explicit VR Little Endian is offered in place of the default."""

    def explicit(content: bytes) -> bytes:
        subs = octets.items(content[4:])
        return content[:4] + octets.joined((t, octets.EXPLICIT.encode() if t == 0x40 else c) for t, c in subs)

    return octets.edited_context(raw, 1, lambda n, c: explicit(c))


@association(
    "association.fixed-fields-repeated",
    cites="PS3.8 9.3.3 Table 9-17; 7.1.1.5",
    verifies="UL-ASSOC-008",
    when=is_accepted,
    says="Octets 11 to 74 of an acceptance repeat those of the request.",
)
def fixed_fields_repeated(a: Association) -> Iterator[Finding]:
    pair = both(a)
    if pair is None or a.answer is None:
        return
    request, answer = pair
    for name, sent, came in (
        ("octets 11 to 26", request.called, answer.called),
        ("octets 27 to 42", request.calling, answer.calling),
        ("octets 43 to 74", request.reserved, answer.reserved),
    ):
        if came != sent:
            # spaces around a title mean nothing, and of reserved octets that were not zero nobody expects much
            mild = came.strip(b" ") == sent.strip(b" ") or (name.endswith("74") and not any(came))
            yield Finding(repr(came), repr(sent), f"{a.answer.where}, {name}", warn=mild)


@fixed_fields_repeated.mutant(at=PDU)
def answers_with_its_own_titles(raw: bytes) -> bytes | None:
    """The titles in the acceptance are changed round: who called is called."""
    return raw[:10] + raw[26:42] + raw[10:26] + raw[42:] if raw[:1] == b"\2" else None


@fixed_fields_repeated.mutant(at=PDU)
def answers_without_titles(raw: bytes) -> bytes | None:
    """The fields for titles in the acceptance are zero."""
    return raw[:10] + bytes(32) + raw[42:] if raw[:1] == b"\2" else None


@association(
    "association.every-context-has-a-result",
    cites="PS3.8 7.1.1.14; 9.3.3.2; PS3.7 D.3.2",
    verifies=("UL-ASSOC-019", "UL-ASSOC-026", "UL-ASSOC-027"),
    when=is_accepted,
    says="An acceptance has one result for each presentation context that was proposed, and none for others.",
)
def every_context_has_a_result(a: Association) -> Iterator[Finding]:
    pair = both(a)
    if pair is None or a.answer is None:
        return
    proposed = Counter(c.id for c in pair[0].contexts)
    told = Counter(c.id for c in pair[1].contexts)
    where = a.answer.where
    for id, count in proposed.items():
        # what two contexts of one identifier have to be answered, nobody says
        if count == 1 and told[id] != 1:
            yield Finding(f"{told[id]} results for context {id}", "one", where)
    for id in told.keys() - proposed.keys():
        yield Finding(f"a result for context {id}", "none: it was not proposed", where)


@every_context_has_a_result.mutant(at=PDU, defects="M-AS-01")
def leaves_out_rejected_contexts(raw: bytes) -> bytes | None:
    """Presentation contexts that are not accepted are left out of the answer."""
    return octets.edited(raw, 2, lambda given: [(t, c) for t, c in given if t != 0x21 or c[2] == 0])


@every_context_has_a_result.mutant(at=PDU)
def answers_the_first_context_only(raw: bytes) -> bytes | None:
    """Only the first presentation context is answered."""
    return octets.edited(raw, 2, lambda given: [one for n, one in enumerate(given) if n < 2 or one[0] != 0x21])


@every_context_has_a_result.mutant(at=PDU)
def answers_a_context_more(raw: bytes) -> bytes | None:
    """A presentation context that nobody proposed is accepted."""
    extra = (0x21, bytes((255, 0, 0, 0)) + octets.item(0x40, octets.IMPLICIT))
    return octets.edited(raw, 2, lambda given: [given[0], extra, *given[1:]])


@association(
    "association.result-is-known",
    cites="PS3.8 9.3.3.2 Table 9-18",
    verifies="UL-ASSOC-020",
    when=is_accepted,
    says="The result of a presentation context is 0 to 4.",
)
def result_is_known(a: Association) -> Iterator[Finding]:
    yield from flawed(a, ("pdu.result",))


@result_is_known.mutant(at=PDU)
def results_of_its_own(raw: bytes) -> bytes | None:
    """Presentation contexts that are not accepted have the result 5."""
    return octets.edited_context(raw, 2, lambda n, c: c[:2] + b"\5" + c[3:] if c[2] else c)


def _accepted(a: Association) -> Iterator[tuple[Context, Context]]:
    """Each context that was accepted, as it was proposed and as it was answered."""
    pair = both(a)
    if pair is not None:
        proposed = {c.id: c for c in reversed(pair[0].contexts)}
        yield from ((proposed[c.id], c) for c in pair[1].contexts if c.result == 0 and c.id in proposed)


@association(
    "association.transfer-syntax-was-offered",
    cites="PS3.8 9.3.3.2; 9.3.3.2.1 Table 9-19; 7.1.1.14; PS3.7 D.3.2",
    verifies="UL-ASSOC-021",
    when=lambda a: any(True for _ in _accepted(a)),
    says="A presentation context is accepted with one transfer syntax, one of those that it was proposed with.",
)
def transfer_syntax_was_offered(a: Association) -> Iterator[Finding]:
    where = a.answer.where if a.answer else ""
    for proposed, told in _accepted(a):
        want = " or ".join(proposed.transfer[:10])
        if len(told.transfer) != 1:
            yield Finding(f"{len(told.transfer)} transfer syntaxes", "one", f"{where}, context {told.id}")
        elif told.transfer[0] not in proposed.transfer:
            yield Finding(told.transfer[0], want, f"{where}, context {told.id}")


@transfer_syntax_was_offered.mutant(at=PDU)
def accepts_with_a_syntax_of_its_own(raw: bytes) -> bytes | None:
    """Contexts are accepted with Explicit VR Big Endian, whatever was offered."""
    big = octets.item(0x40, "1.2.840.10008.1.2.2")
    return octets.edited_context(raw, 2, lambda n, c: c[:4] + big if c[2] == 0 else c)


@transfer_syntax_was_offered.mutant(at=PDU)
def accepts_with_two_syntaxes(raw: bytes) -> bytes | None:
    """Contexts are accepted with two transfer syntaxes."""
    return octets.edited_context(raw, 2, lambda n, c: c + c[4:] if c[2] == 0 else c)


@transfer_syntax_was_offered.mutant(at=PDU)
def accepts_without_a_syntax(raw: bytes) -> bytes | None:
    """Contexts are accepted without a word on the transfer syntax."""
    return octets.edited_context(raw, 2, lambda n, c: c[:4] if c[2] == 0 else c)


def _offered_by_default(a: Association) -> dict[str, list[int]]:
    """Abstract syntaxes that were proposed with the default transfer syntax, with the results of all their contexts."""
    pair = both(a)
    if pair is None:
        return {}
    results = {c.id: c.result for c in pair[1].contexts}
    found: dict[str, list[int]] = {}
    for context in pair[0].contexts:
        if len(context.abstract) == 1 and results.get(context.id) is not None:
            found.setdefault(context.abstract[0], []).append(results[context.id] or 0)
    lacking = {abstract for abstract, _ in _lacking(pair[0])}
    referenced = {c.abstract[0] for c in pair[0].contexts if c.abstract and _by_reference(c)}
    return {abstract: told for abstract, told in found.items() if abstract not in lacking | referenced}


def _by_reference(context: Context) -> bool:
    """A transfer syntax whose pixel data lies elsewhere is offered (JPIP), which lifts the duty to take the default."""
    return any(uid in ("1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95") for uid in context.transfer)


@association(
    "association.default-transfer-syntax-is-supported",
    cites="PS3.5 10.1 b",
    verifies=("UL-ASSOC-030", "UL-ASSOC-023"),
    level=SHALL_NOT,
    when=lambda a: bool(_offered_by_default(a)),
    says="What is proposed with Implicit VR Little Endian is not rejected for its transfer syntaxes.",
)
def default_transfer_syntax_is_supported(a: Association) -> Iterator[Finding]:
    for abstract, results in _offered_by_default(a).items():
        if all(result == 4 for result in results):
            where = f"{a.answer.where if a.answer else ''}, abstract syntax {abstract}"
            yield Finding("transfer syntaxes not supported (4)", "acceptance, or another reason", where)


@default_transfer_syntax_is_supported.mutant(at=PDU)
def takes_no_default(raw: bytes) -> bytes | None:
    """Presentation contexts with the default transfer syntax are rejected for it."""

    def rejected(content: bytes) -> bytes:
        return content[:2] + b"\4" + content[3:] if content[4:] == octets.item(0x40, octets.IMPLICIT) else content

    return octets.edited_context(raw, 2, lambda n, c: rejected(c))


@default_transfer_syntax_is_supported.mutant(at=PDU)
def blames_the_transfer_syntax(raw: bytes) -> bytes | None:
    """Abstract syntaxes that are not supported are rejected for their transfer syntaxes."""
    return octets.edited_context(raw, 2, lambda n, c: c[:2] + b"\4" + c[3:] if c[2] else c)


def _made_up(a: Association) -> list[tuple[str, Context, Context]]:
    """Contexts of names that a probe made up for this run alone, with what became of them."""
    names = set(a.facts.get("made-up", ()))
    return [
        (name, proposed, told)
        for proposed, told in _accepted(a)
        for name in names & {*proposed.abstract, *told.transfer}
    ]


@association(
    "association.unknown-names-are-rejected",
    cites="PS3.8 9.3.3.2 Table 9-18; PS3.7 D.3.2",
    verifies=("UL-ASSOC-023", "UL-ASSOC-024"),
    when=lambda a: bool(a.facts.get("made-up")) and is_accepted(a),
    says="An abstract or transfer syntax that exists nowhere is not accepted.",
)
def unknown_names_are_rejected(a: Association) -> Iterator[Finding]:
    for name, _, told in _made_up(a):
        # a product may store what it does not know, so this is a warning; for a transfer syntax it is none
        where = f"{a.answer.where if a.answer else ''}, context {told.id}"
        yield Finding(f"accepts {name}", "result 3 or 4", where, warn=name not in told.transfer)


@unknown_names_are_rejected.mutant(at=PDU)
def accepts_whatever_is_proposed(raw: bytes) -> bytes | None:
    """Every presentation context is accepted."""
    return octets.edited_context(raw, 2, lambda n, c: c[:2] + b"\0" + c[3:] if c[2] else c)


def _denied(a: Association) -> list[tuple[Context, int]]:
    """Contexts that were rejected on an association that accepts their abstract syntax in another context, with their
    results."""
    pair = both(a)
    if pair is None:
        return []
    supported = {name for proposed, _ in _accepted(a) for name in proposed.abstract}
    results = {c.id: c.result for c in pair[1].contexts}
    return [(c, results[c.id] or 0) for c in pair[0].contexts if results.get(c.id) and supported & {*c.abstract}]


@association(
    "association.rejection-names-its-cause",
    cites="PS3.8 9.3.3.2 Table 9-18",
    verifies="UL-ASSOC-024",
    when=lambda a: bool(_denied(a)),
    says="An abstract syntax that is accepted in one context is not called unsupported in another one.",
)
def rejection_names_its_cause(a: Association) -> Iterator[Finding]:
    for context, result in _denied(a):
        if result == 3:
            where = f"{a.answer.where if a.answer else ''}, context {context.id}"
            # the table says what the results mean, and no sentence that one of them is to be sent
            yield Finding("abstract syntax not supported (3)", "another result: 4, 1 or 2", where, warn=True)


@rejection_names_its_cause.mutant(at=PDU)
def blames_the_abstract_syntax(raw: bytes) -> bytes | None:
    """Every context that is not accepted is rejected for its abstract syntax."""
    return octets.edited_context(raw, 2, lambda n, c: c[:2] + b"\3" + c[3:] if c[2] else c)
