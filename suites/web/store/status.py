"""Rules of PS3.18 10.5.3.1 on the status code of a Store response, read together with what the response says.

A code that Table 10.5.3-1 lists has the meaning that the table gives it: using it for the opposite fails. A code
that the table does not list is a warning when its class is right. Must not know the module's attributes by type.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Ask, Exchange
from harness.rule import DOOR, Door, Finding, rule
from suites.web.store import alter
from suites.web.store.module import FAILED, FAILURE_REASON, REFERENCED, module
from suites.web.store.sent import clean, fitting, framed, instances_only, misplaced, sent

# Answers about who asks, when, or how much: they say nothing about what was sent.
ASIDE = frozenset({401, 403, 407, 408, 413, 423, 425, 426, 428, 429, 431, 451})
TEMPORARY = frozenset({501, 503, 505, 507, 511})  # 501: policy D-05, has a rule of its own
FATAL = frozenset({"multipart.no-boundary", "multipart.no-delimiter", "multipart.no-parts"})
STATUS = "status line"


@rule(
    "store.resource-exists",
    cites="PS3.18 10.3; 10.5.1.1.1",
    verifies="PS3.18-10.5.1.1.1-1",
    on="web.store",
    when=lambda x: fitting(x) and x.answer.status not in ASIDE,
    says="All Studies and Study can be stored to: POST /studies and POST /studies/{study} are there.",
)
def resource_exists(x: Exchange) -> Iterator[Finding]:
    if x.answer.status in (404, 405, 410):
        yield Finding(got=x.answer.line, want="a Store resource, mandatory by Table 10.3-2", where=STATUS)


@resource_exists.mutant(at=DOOR, defects="M-ST-11")
def studies_without_uid_is_missing(ask: Ask, door: Door) -> Answer:
    """POST /studies is answered 404; only /studies/{study} can be stored to."""
    there = ask.resource.kind == "web.store" and not ask.resource.study
    return alter.report(404) if there else door(ask)


@resource_exists.mutant(at=DOOR)
def study_cannot_be_stored_to(ask: Ask, door: Door) -> Answer:
    """POST /studies/{study} is answered 405."""
    there = ask.resource.kind == "web.store" and bool(ask.resource.study)
    return alter.report(405) if there else door(ask)


@rule(
    "store.takes-dicom-parts",
    cites="PS3.18 10.5.4; 10.5.1.4",
    verifies="PS3.18-10.5.4-1",
    on="web.store",
    when=lambda x: fitting(x) and x.answer.status not in ASIDE and "form" not in x.facts,
    says='A payload of type multipart/related; type="application/dicom" is supported.',
)
def takes_dicom_parts(x: Exchange) -> Iterator[Finding]:
    # nobody has to know a content coding (RFC 9110 15.5.16)
    if x.answer.status == 415 and "content-encoding" not in x.ask.headers:
        yield Finding(got=x.answer.line, want="a required media type is supported", where=STATUS)


@takes_dicom_parts.mutant(at=DOOR)
def knows_no_instances(ask: Ask, door: Door) -> Answer:
    """application/dicom parts are answered 415."""
    return alter.report(415) if ask.resource.kind == "web.store" and instances_only(ask) else door(ask)


@rule(
    "store.malformed-is-no-server-error",
    cites="PS3.18 8.5; 10.5.3.1",
    verifies="PS3.18-10.5.3.1-4",
    on="web.store",
    when=lambda x: not framed(x.ask) and x.answer.status not in ASIDE,
    says="A Store request whose payload is not framed as it should be is the client's error, never the server's.",
)
def malformed_is_no_server_error(x: Exchange) -> Iterator[Finding]:
    if x.answer.status >= 500 and x.answer.status not in (503, 507):
        got = f"{x.answer.line} for {x.facts.get('fault', 'a malformed payload')}"
        yield Finding(got=got, want="a code of class 4xx", where=STATUS)


@malformed_is_no_server_error.mutant(defects="M-MP-12")
def malformed_is_500(x: Exchange) -> Answer | None:
    """A malformed multipart request gives 500."""
    return None if framed(x.ask) else alter.report(500)


@malformed_is_no_server_error.mutant(at=DOOR)
def breaks_without_closing_delimiter(ask: Ask, door: Door) -> Answer:
    """A body that ends before its closing delimiter gives 500."""
    reading = ask.multipart
    cut = reading is not None and bool(reading.parts) and not reading.closed
    return alter.report(500) if ask.resource.kind == "web.store" and cut else door(ask)


@malformed_is_no_server_error.mutant(at=DOOR)
def breaks_on_an_empty_body(ask: Ask, door: Door) -> Answer:
    """A request without a body gives 500."""
    return alter.report(500) if ask.resource.kind == "web.store" and not ask.body.size else door(ask)


@rule(
    "store.success-stored-all",
    cites="PS3.18 10.5.3.1",
    verifies="PS3.18-10.5.3.1-1",
    on="web.store",
    when=lambda x: x.answer.status == 200 and _speaks(x),
    says="200 says that every instance was stored, without a failure.",
)
def success_stored_all(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    assert found is not None
    if found.failed or found.other:
        got = f"200 with {len(found.failed)} failed and {len(found.other)} other failures"
        yield Finding(got=got, want="202, or 409 when nothing was stored", where=STATUS)
    elif found.troubled:
        got = "200 although an instance was stored with a warning"
        yield Finding(got=got, want="202 when there are warnings", where=STATUS, warn=True)


@success_stored_all.mutant(defects=("M-ST-06", "M-ST-07"))
def partial_success_is_200(x: Exchange) -> Answer | None:
    """202 is not used: some instances failed, and the answer says 200."""
    return alter.status(x.answer, 200) if x.answer.status == 202 else None


@rule(
    "store.accepted-has-trouble",
    cites="PS3.18 10.5.3.1",
    verifies="PS3.18-10.5.3.1-2",
    on="web.store",
    when=lambda x: x.answer.status == 202 and _speaks(x),
    says="202 says that some instances were stored and others failed or were stored with a warning.",
)
def accepted_has_trouble(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    assert found is not None
    if not found.troubled and found.stored:
        got = f"202 with {len(found.stored)} stored and no failure or warning"
        yield Finding(got=got, want="200 when everything was stored", where=STATUS)


@accepted_has_trouble.mutant
def whole_success_is_202(x: Exchange) -> Answer | None:
    """Every store is answered 202, the clean ones too."""
    return alter.status(x.answer, 202) if x.answer.status == 200 else None


@rule(
    "store.success-code",
    cites="PS3.18 10.5.3.1; 8.5",
    verifies=("PS3.18-10.5.3.1-1", "PS3.18-10.5.3.1-2"),
    on="web.store",
    when=lambda x: x.answer.ok and _speaks(x),
    says="A Store that succeeded is answered 200 or 202.",
)
def success_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.status in (204, 205, 206):
        yield Finding(got=x.answer.line, want="200 or 202: the code contradicts the payload", where=STATUS)
    elif x.answer.status not in (200, 202):
        yield Finding(got=x.answer.line, want="200 or 202, the codes of Table 10.5.3-1", where=STATUS, warn=True)


@success_code.mutant
def partial_success_is_206(x: Exchange) -> Answer | None:
    """Partial success is told by 206, which belongs to range requests."""
    return alter.status(x.answer, 206) if x.answer.status == 202 else None


@rule(
    "store.success-stored-something",
    cites="PS3.18 10.5.3.1",
    verifies="PS3.18-10.5.3.1-3",
    on="web.store",
    when=lambda x: x.answer.ok and module(x) is not None,
    says="A request of which nothing was stored is not answered with a success.",
)
def success_stored_something(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    assert found is not None
    if not found.stored:
        got = f"{x.answer.line}, {len(found.failed) + len(found.other)} failures, no instance stored"
        yield Finding(got=got, want="409, or 400 for bad syntax", where=STATUS)


@success_stored_something.mutant(at=DOOR)
def nothing_stored_is_202(ask: Ask, door: Door) -> Answer:
    """A request of which everything failed is answered 202."""
    answer = door(ask)
    return alter.status(answer, 202) if ask.resource.kind == "web.store" and answer.status == 409 else answer


@success_stored_something.mutant(at=DOOR)
def empty_payload_is_fine(ask: Ask, door: Door) -> Answer:
    """A payload without any part is answered 200 with a module that says nothing."""
    answer = door(ask)
    if ask.resource.kind != "web.store" or answer.status != 400:
        return answer
    headers = answer.headers.but("content-type", "application/dicom+json").but("content-encoding", None)
    return alter.payload(alter.status(answer, 200).but(headers=headers), {"00081190": {"vr": "UR"}})


@rule(
    "store.error-stored-nothing",
    cites="PS3.18 10.5.3.1",
    verifies="PS3.18-10.5.3.1-2",
    on="web.store",
    when=lambda x: x.answer.status >= 400 and _speaks(x),
    says="An error code says that no instance of the request was stored.",
)
def error_stored_nothing(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    assert found is not None
    if found.stored:
        got = f"{x.answer.line} with {len(found.stored)} instances in the Referenced SOP Sequence"
        yield Finding(got=got, want="202 when some instances were stored", where=STATUS)


@error_stored_nothing.mutant
def partial_success_is_409(x: Exchange) -> Answer | None:
    """One failure in a batch makes the answer 409, although the others were stored."""
    return alter.status(x.answer, 409) if x.answer.status == 202 else None


@rule(
    "store.refusal-is-409",
    cites="PS3.18 10.5.3.1",
    verifies="PS3.18-10.5.3.1-3",
    on="web.store",
    when=lambda x: _refused(x) and "form" not in x.facts,
    says="A well-formed request of which nothing could be stored is answered 409.",
)
def refusal_is_409(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 400:
        yield Finding(got=x.answer.line, want="409: the syntax of the request is right", where=STATUS)
    elif x.answer.status not in (406, 409, 415):  # those two are about Accept, type and coding
        yield Finding(got=x.answer.line, want="409", where=STATUS, warn=True)


@refusal_is_409.mutant
def conflict_is_400(x: Exchange) -> Answer | None:
    """A study mismatch is answered 400."""
    return alter.status(x.answer, 400) if x.answer.status == 409 else None


@rule(
    "store.refused-class-code",
    cites="PS3.18 10.5.3.1; 8.5",
    verifies=("PS3.18-10.5.3.1-3", "PS3.18-8.5-10"),
    on="web.store",
    when=lambda x: fitting(x) and (x.answer.status == 501 or _all_refused_for_class(x)),
    says="Instances refused for their SOP Class alone are answered 409.",
)
def refused_class_code(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == 501:
        accepted = x.context is None or x.context.policy("D-05") == "both"
        if not accepted:
            yield Finding(got=x.answer.line, want="409", where=STATUS, warn=True, policy="D-05")
    elif x.answer.status != 409:
        yield Finding(got=x.answer.line, want="409", where=STATUS)


@refused_class_code.mutant
def unsupported_class_is_404(x: Exchange) -> Answer | None:
    """An unsupported SOP Class is answered 404."""
    return alter.status(x.answer, 404) if fitting(x) and _all_refused_for_class(x) else None


@rule(
    "store.mismatch-is-refused",
    cites="PS3.18 10.5.1.1.1; 10.5.3.1",
    verifies="PS3.18-10.5.1.1.1-2",
    on="web.store",
    when=lambda x: bool(misplaced(x)) and framed(x.ask) and (x.answer.status == 409 or _speaks(x)),
    says="An instance of another study than the target's is not stored: it is a failure, and 409 when all are such.",
)
def mismatch_is_refused(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    wrong = {s.instance for s in misplaced(x)}
    stored = wrong & {i.instance for i in found.stored} if found else set()
    for uid in sorted(stored):
        yield Finding(got=f"{uid} stored", want=f"a failure: it is not of study {x.resource.study}",
                      where="Referenced SOP Sequence")  # fmt: skip
    if x.answer.ok and len(wrong) == len(sent(x)) and not stored:
        yield Finding(got=x.answer.line, want="409: every instance belongs to another study", where=STATUS)


@mismatch_is_refused.mutant(at=DOOR, defects="M-ST-10")
def does_not_compare_the_study(ask: Ask, door: Door) -> Answer:
    """An instance of another study is accepted under /studies/{study}."""
    if ask.resource.kind != "web.store" or not ask.resource.study:
        return door(ask)
    return door(ask.but(target=ask.target.rsplit("/studies/", 1)[0] + "/studies"))


@mismatch_is_refused.mutant
def calls_the_misplaced_stored(x: Exchange) -> Answer | None:
    """An instance of another study is refused, yet listed as stored."""
    if not misplaced(x):
        return None

    def change(root: alter.Root) -> alter.Root | None:
        failed = alter.items(root, FAILED)
        if not failed:
            return None
        for item in failed:
            item.pop(FAILURE_REASON, None)
        root[REFERENCED] = alter.sequence([*alter.items(root, REFERENCED), *failed])
        del root[FAILED]
        return alter.ordered(root)

    answer = alter.rewritten(x, change)
    return alter.status(answer, 200) if answer else None


@rule(
    "store.no-false-mismatch",
    cites="PS3.18 10.5.1.1.1; PS3.5 9.1",
    verifies="PS3.18-10.5.1.1.1-2",
    on="web.store",
    when=lambda x: bool(x.resource.study) and fitting(x) and _stored_before(x) and (_speaks(x) or not x.answer.ok),
    says="Instances of the target's study are taken there, whatever padding their UIDs have in the data set.",
)
def no_false_mismatch(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    lost = {s.instance for s in sent(x)} - {i.instance for i in found.stored if found} if found else set()
    if x.answer.status == 409 or lost:
        got = ", ".join(sorted(lost)[:3]) + " not stored" if lost else x.answer.line
        yield Finding(got=got, want=f"stored: its Study Instance UID is {x.resource.study}", where=STATUS)


@no_false_mismatch.mutant(at=DOOR, defects=("M-ST-21", "M-ST-23"))
def compares_with_the_padding(ask: Ask, door: Door) -> Answer:
    """A UID of odd length, padded by NUL in the data set, does not equal the one in the path."""
    study = ask.resource.study
    odd = ask.resource.kind == "web.store" and bool(study) and len(study) % 2 == 1
    return alter.refusal(409) if odd else door(ask)


@rule(
    "store.no-payload-is-400",
    cites="PS3.18 10.5.1.4; 10.5.3.1",
    verifies=("PS3.18-10.5.1.4-1", "PS3.18-10.5.3.1-4"),
    on="web.store",
    when=lambda x: _holds_nothing(x.ask) and x.answer.status not in ASIDE and x.answer.status < 500,
    says="A request whose payload holds no representation that can be told apart is answered 400.",
)
def no_payload_is_400(x: Exchange) -> Iterator[Finding]:
    found = module(x)
    if x.answer.ok and found and found.stored:
        return  # a lenient reader found the parts all the same
    vague = x.ask.multipart is None or "multipart.no-boundary" in x.ask.multipart.flaws.counts
    if x.answer.status == 400 or (x.answer.status == 415 and vague) or x.answer.status == 411:
        return
    got = f"{x.answer.line} for {x.facts.get('fault', 'a payload without representations')}"
    yield Finding(got=got, want="400", where=STATUS, warn=x.answer.status in (415, 422))


@no_payload_is_400.mutant
def nothing_is_409(x: Exchange) -> Answer | None:
    """A payload without any part is answered 409."""
    return alter.status(x.answer, 409) if x.answer.status == 400 else None


@no_payload_is_400.mutant
def nothing_is_200(x: Exchange) -> Answer | None:
    """A payload without any part is answered 200 and a web page."""
    return alter.report(200, "thank you") if _holds_nothing(x.ask) else None


@rule(
    "store.unreadable-is-400-or-409",
    cites="PS3.18 10.5.3.1",
    verifies=("PS3.18-10.5.3.1-3", "PS3.18-10.5.3.1-4"),
    on="web.store",
    when=lambda x: _holds_junk(x) and 400 <= x.answer.status < 500 and x.answer.status not in ASIDE,
    says="A request of which no part can be read is answered 400 or 409.",
)
def unreadable_is_400_or_409(x: Exchange) -> Iterator[Finding]:
    if x.answer.status not in (400, 409):
        got = f"{x.answer.line} for {x.facts.get('fault', 'parts that cannot be read')}"
        yield Finding(got=got, want="400 or 409", where=STATUS, warn=x.answer.status == 422)


@unreadable_is_400_or_409.mutant
def junk_is_404(x: Exchange) -> Answer | None:
    """Parts that are no DICOM are answered 404."""
    return alter.status(x.answer, 404) if _holds_junk(x) and x.answer.status in (400, 409) else None


@rule(
    "store.foreign-type-is-415",
    cites="PS3.18 10.5.3.1; 10.5.4",
    verifies="PS3.18-10.5.3.1-5",
    on="web.store",
    when=lambda x: _foreign(x.ask) and x.answer.status not in ASIDE,
    says="A payload of a media type that the server does not support is answered 415.",
)
def foreign_type_is_415(x: Exchange) -> Iterator[Finding]:
    if x.answer.status != 415:
        yield Finding(got=f"{x.answer.line} for {x.ask.media.raw[:80]}", want="415", where=STATUS)


@foreign_type_is_415.mutant(at=DOOR, defects="M-ST-20")
def does_not_look_at_the_type(ask: Ask, door: Door) -> Answer:
    """The type parameter of multipart/related is not looked at."""
    if ask.resource.kind != "web.store" or ask.type != "multipart/related" or not _foreign(ask):
        return door(ask)
    changed = ask.media.raw.replace("text/plain", "application/dicom")
    return door(ask.but(headers=ask.headers.but("content-type", changed)))


@foreign_type_is_415.mutant
def foreign_type_is_400(x: Exchange) -> Answer | None:
    """A media type that is not supported is answered 400."""
    return alter.status(x.answer, 400) if x.answer.status == 415 else None


def _speaks(x: Exchange) -> bool:
    found = module(x)
    return found is not None and found.speaks


def _refused(x: Exchange) -> bool:
    """A request that is written as it should be was refused for what it holds, not for where or how it was sent."""
    aside = ASIDE | {404, 405, 410, 415}
    return clean(x) and 400 <= x.answer.status < 500 and x.answer.status not in aside


def _all_refused_for_class(x: Exchange) -> bool:
    found = module(x)
    return bool(
        found and found.failed and not found.stored and not found.other and {i.reason for i in found.failed} == {0x0122}
    )


def _stored_before(x: Exchange) -> bool:
    """The server has taken instances of these classes in these transfer syntaxes, so it has no reason not to."""
    past = x.context.past if x.context else None
    if past is None or x.answer.status in ASIDE or x.answer.status >= 500:
        return False
    known = {(k.sop_class, k.transfer_syntax) for k in past.kept.values()}
    return all((s.sop_class, s.transfer_syntax) in known for s in sent(x))


def _holds_nothing(ask: Ask) -> bool:
    if not ask.body.size and not ask.body.truncated:
        return True
    if ask.type != "multipart/related" or ask.body.truncated or ask.multipart is None:
        return False
    return bool(set(ask.multipart.flaws.counts) & FATAL)


def _holds_junk(x: Exchange) -> bool:
    """Parts there are, said to be instances, and none of them can be read as one."""
    if _holds_nothing(x.ask) or not instances_only(x.ask):
        return False
    found = sent(x)
    return bool(found) and not any(s.whole for s in found)


def _foreign(ask: Ask) -> bool:
    """Certainly no type of Table 10.5.4-1, nor one that servers are known to add."""
    if not ask.body.size:
        return False
    kind = ask.media.root
    return ask.type.startswith("text/") or (ask.type == "multipart/related" and kind.startswith("text/"))
