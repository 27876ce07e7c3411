"""Rules of PS3.18 11.6, 11.7 and 11.8 with PS3.4 CC.1.1, CC.2.1, CC.2.2 and CC.2.6 on who claims workitems: its
Transaction UIDs, what it may do with what it claimed, and what has to be there before it ends.

A client may have claimed a workitem before anybody looked, so what is not seen here is charged to nobody.
Must not know payloads beyond the attributes that matter for a claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.exchange import Exchange, Journey
from harness.rule import (
    ASK,
    RELATION,
    SHALL_NOT,
    SHOULD_NOT,
    USER_AGENT,
    Finding,
    journey,
    untested,
)
from harness.wire.dicom_json import values
from suites.dimse.ups.table import NEEDED
from suites.web.client.conversation import OFTEN
from suites.web.client.workitems_known import LOST, Item, asked, claims, steps, to_end
from suites.web.client.workitems_talk import (
    CONFLICT,
    CREATED,
    ITEM,
    KEY,
    OK,
    OTHER,
    SECOND,
    but,
    cancels,
    changes_state,
    conversation,
    creates,
    retrieves,
    shown,
    updates,
    without,
)
from suites.web.workitems import making, reading
from suites.web.workitems.making import CANCELED, COMPLETED, FINAL, IN_PROGRESS, SCHEDULED

ON = "web.client"
EVENT = "socket.workitems.event"
AFFECTED = "00001000"


@journey(
    "client.updates-with-its-transaction-uid",
    cites="PS3.18 11.6.1.2; PS3.4 CC.2.6.2; CC.2.1.2",
    verifies="PS3.18-11.6.1.2-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(item.state == IN_PROGRESS for _, item in asked(j, reading.UPDATED)),
    says="An update of a workitem in progress has the Transaction UID of its claim, in the query or in the data set.",
)
def updates_with_its_transaction_uid(j: Journey) -> Iterator[Finding]:
    for x, item in asked(j, reading.UPDATED):
        key = reading.key_of(x)
        if item.state == IN_PROGRESS and not key:
            yield Finding("none", item.key or "that of the claim", "Transaction UID (0008,1195)", seq=x.seq)
        elif item.held and key != item.key:
            yield Finding(key[:80], f"{item.key}, of the claim", "Transaction UID (0008,1195)", seq=x.seq)


@updates_with_its_transaction_uid.example
def performs_a_workitem() -> tuple[Exchange, ...]:
    return conversation(
        (creates(), CREATED),
        (changes_state(IN_PROGRESS), OK),
        (updates(making.progress("50", "half of it")), OK),
        (updates(making.performed()), OK),
        (changes_state(COMPLETED), OK),
    )


@updates_with_its_transaction_uid.mutant(at=ASK)
def forgets_its_transaction_uid(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Updates of a claimed workitem have no Transaction UID."""
    return but(whole, 3, updates(making.progress("50", "half of it"), key=""))


@updates_with_its_transaction_uid.mutant(at=ASK)
def updates_with_a_new_transaction_uid(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Every request has a Transaction UID of its own."""
    return but(whole, 3, updates(making.progress("50", "half of it"), key=SECOND))


@journey(
    "client.ends-with-its-transaction-uid",
    cites="PS3.18 11.7.1.4; PS3.4 CC.2.1.2",
    verifies="PS3.18-11.7.1.4-1",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(item.held for _, item in to_end(j)),
    says="The change that ends a workitem has the Transaction UID with which it was claimed.",
)
def ends_with_its_transaction_uid(j: Journey) -> Iterator[Finding]:
    for x, item in to_end(j):
        if item.held and reading.key_of(x) != item.key:
            got = reading.key_of(x)[:80] or "none"
            yield Finding(got, f"{item.key}, of the claim", "Transaction UID (0008,1195)", seq=x.seq)


ends_with_its_transaction_uid.example(performs_a_workitem)


@ends_with_its_transaction_uid.mutant(at=ASK)
def ends_with_a_new_transaction_uid(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The workitem is to be completed with another Transaction UID than it was claimed with."""
    return but(whole, 5, changes_state(COMPLETED, SECOND))


@journey(
    "client.transaction-uid-for-each-claim",
    cites="PS3.18 11.7.1.4; PS3.4 CC.2.1.2; PS3.5 9",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: bool(claims(j)),
    says="Who claims a workitem makes a new UID for that: not the workitem's, not that of another claim.",
)
def transaction_uid_for_each_claim(j: Journey) -> Iterator[Finding]:
    taken: dict[str, Exchange] = {}  # Transaction UID -> the claim that it was first used for
    items = {uid for x in j.exchanges if x.kind.startswith("web.workitems") and (uid := reading.uid_of(x))}
    for x, _ in claims(j):
        key, uid = reading.key_of(x), reading.uid_of(x)
        if key in items:
            yield Finding(f"{key}, a workitem", "a new UID", "Transaction UID (0008,1195)", seq=x.seq)
            continue
        first = taken.setdefault(key, x)
        if reading.uid_of(first) != uid:
            # a UID of a claim that was refused names nothing
            free = first.answer.complete and not first.answer.ok
            got = f"{key}, with which {reading.uid_of(first)} was claimed"
            yield Finding(got, "a new UID", "Transaction UID (0008,1195)", seq=x.seq, warn=free)
            taken[key] = x if free else first


@transaction_uid_for_each_claim.example
def claims_two() -> tuple[Exchange, ...]:
    return conversation((changes_state(IN_PROGRESS), OK), (changes_state(IN_PROGRESS, SECOND, OTHER), OK))


@transaction_uid_for_each_claim.mutant(at=ASK)
def claims_all_with_one_transaction_uid(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The same Transaction UID is used for every workitem."""
    return but(whole, 2, changes_state(IN_PROGRESS, KEY, OTHER))


@transaction_uid_for_each_claim.mutant(at=ASK)
def claims_with_the_uid_of_the_workitem(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """The UID of the workitem is its Transaction UID as well."""
    return but(whole, 1, changes_state(IN_PROGRESS, ITEM))


@journey(
    "client.no-transaction-uid-before-the-claim",
    cites="PS3.4 CC.2.6.2; PS3.18 11.6.1.4",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(_free(item) for _, item in asked(j, reading.UPDATED)),
    due=False,
    says="An update of a workitem that is SCHEDULED has no Transaction UID.",
)
def no_transaction_uid_before_the_claim(j: Journey) -> Iterator[Finding]:
    for x, item in asked(j, reading.UPDATED):
        if _free(item) and reading.key_of(x):
            # 11.6.1 has it in the syntax of every update
            where = "Transaction UID (0008,1195)"
            yield Finding(reading.key_of(x)[:80], "none", where, seq=x.seq, warn=True, policy="D-13")


def _free(item: Item) -> bool:
    return item.state == SCHEDULED and not item.key


@no_transaction_uid_before_the_claim.example
def changes_what_it_scheduled() -> tuple[Exchange, ...]:
    return conversation((creates(), CREATED), (updates(making.attributes(x00741200="HIGH"), key=""), OK))


@no_transaction_uid_before_the_claim.mutant(at=ASK)
def always_gives_a_transaction_uid(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A Transaction UID is made up for what nobody has claimed."""
    return but(whole, 2, updates(making.attributes(x00741200="HIGH"), key=KEY))


@journey(
    "client.claims-before-it-ends",
    cites="PS3.4 CC.1.1; Table CC.1.1-2; PS3.18 11.7.1.4",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(item.state for _, item in to_end(j)),
    says="A workitem that is SCHEDULED is claimed before it is COMPLETED or CANCELED.",
)
def claims_before_it_ends(j: Journey) -> Iterator[Finding]:
    for x, item in to_end(j):
        if _free(item):
            got, want = f"SCHEDULED to {reading.wanted(x)}", "IN PROGRESS between them"
            # where it was granted somebody may have claimed it in another way
            yield Finding(got, want, "Procedure Step State (0074,1000)", seq=x.seq, warn=x.answer.ok)


claims_before_it_ends.example(performs_a_workitem)


@claims_before_it_ends.mutant(at=ASK, defects="M-UP-17")
def completes_what_is_scheduled(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A workitem is to be COMPLETED as soon as it is created."""
    return without(whole, 2, 3, 4)


@journey(
    "client.leaves-the-ended-alone",
    cites="PS3.4 CC.2.6.2; PS3.18 11.6.2",
    level=SHALL_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.answer.ok for x, _ in to_end(j)),
    says="What a client has set to COMPLETED or CANCELED it modifies no more.",
)
def leaves_the_ended_alone(j: Journey) -> Iterator[Finding]:
    for x, item in asked(j, reading.UPDATED):
        if item.ended:
            yield Finding(f"an update after {item.state}", "none", x.ask.line[:100], seq=x.seq)


leaves_the_ended_alone.example(performs_a_workitem)


@leaves_the_ended_alone.mutant(at=ASK)
def adds_its_results_afterwards(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """What was performed is told after the workitem is completed."""
    return *whole, whole[3]


def _unfinished(item: Item) -> list[str]:
    """The attributes without a value that COMPLETED wants, one below the other that is missing left out.

    What was performed is empty when a workitem is claimed; of anything else that is known only to who has seen it.
    """
    has = {**(item.has or {}), **item.set}
    wanted = [path for path in NEEDED[COMPLETED] if item.has is not None or path.startswith(making.PERFORMED)]
    found = [path for path in wanted if not any(_full(v) for v in values(has, path))]
    return [path for path in found if path.rpartition(".")[0] not in found]


def _full(value: object) -> bool:
    return value not in (None, "", {})


@journey(
    "client.final-state-attributes",
    cites="PS3.4 CC.2.1.2; CC.2.5.1.1; CC.2.6.2; Table CC.2.5-3",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(_completes(x, item) for x, item in to_end(j)),
    says="Before a workitem is COMPLETED its performer has set what was performed, where, by which code, from when "
    "until when.",
)
def final_state_attributes(j: Journey) -> Iterator[Finding]:
    for x, item in to_end(j):
        if _completes(x, item):
            for path in _unfinished(item):
                yield Finding(
                    f"no value of {path}", "a value before COMPLETED", "attributes of the workitem", seq=x.seq
                )


def _completes(x: Exchange, item: Item) -> bool:
    """What the client has claimed is to be COMPLETED."""
    return reading.wanted(x) == COMPLETED and item.held


final_state_attributes.example(performs_a_workitem)


@final_state_attributes.example
def performs_what_it_retrieved() -> tuple[Exchange, ...]:
    return conversation(
        (changes_state(IN_PROGRESS), OK),
        (retrieves(), shown(making.workitem("read", "LIST", x00741000=IN_PROGRESS))),
        (changes_state(IN_PROGRESS, SECOND, OTHER), OK),
        (updates(making.performed()), OK),
        (changes_state(COMPLETED), OK),
    )


@final_state_attributes.mutant(at=ASK, defects="D-UP-06")
def says_nothing_of_what_it_did(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A workitem is completed with nothing said of what was performed."""
    return without(whole, 4)


@journey(
    "client.only-touches-its-own",
    cites="PS3.4 CC.1.1; CC.2.1.2; PS3.18 11.8",
    level=SHOULD_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.answer.status in LOST and not item.key for x, item in claims(j)),
    says="Who was refused a claim leaves the workitem to its owner: to have it canceled there is a request.",
)
def only_touches_its_own(j: Journey) -> Iterator[Finding]:
    for x, item in steps(j):
        ends = x.kind == reading.CHANGED and reading.wanted(x) in FINAL
        if item.lost and not item.key and (x.kind == reading.UPDATED or ends):
            yield Finding(f"{x.ask.line[:100]} after a refused claim", "another workitem", "request", seq=x.seq)


@only_touches_its_own.example
def comes_too_late() -> tuple[Exchange, ...]:
    return conversation(
        (retrieves(), shown(making.workitem("read", "LIST"))),
        (changes_state(IN_PROGRESS), CONFLICT),
        (changes_state(IN_PROGRESS, SECOND, OTHER), OK),
        (updates(making.performed(), SECOND, OTHER), OK),
        (changes_state(COMPLETED, SECOND, OTHER), OK),
    )


@only_touches_its_own.mutant(at=ASK)
def performs_it_anyway(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A workitem that another agent has claimed is updated and completed."""
    return (*whole[:3], whole[3].but(ask=updates(making.performed())), whole[4].but(ask=changes_state(COMPLETED)))


@journey(
    "client.gives-up-a-lost-claim",
    cites="PS3.18 11.7.3.1; PS3.4 CC.2.1.2; RFC 9110 15.5.10, 15.5.11",
    level=SHOULD_NOT,
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: any(x.answer.status in (*LOST, *reading.GONE) for x, _ in claims(j)),
    says="A claim that was refused because another agent was faster, or the workitem is gone, is not made for ever.",
)
def gives_up_a_lost_claim(j: Journey) -> Iterator[Finding]:
    times: dict[str, int] = {}
    for x, _ in claims(j):
        uid = reading.uid_of(x)
        times[uid] = 0 if x.answer.ok else times.get(uid, 0) + (x.answer.status in (*LOST, *reading.GONE))
        if times[uid] == OFTEN + 1:
            got = f"refused {times[uid]} times, the last one with {x.answer.line}"
            yield Finding(got, "an end of it", x.ask.line[:100], seq=x.seq)


gives_up_a_lost_claim.example(comes_too_late)


@gives_up_a_lost_claim.mutant(at=ASK)
def claims_again_and_again(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """A refused claim is made again and again."""
    return [whole[0], *[whole[1]] * (OFTEN + 1)]


@journey(
    "client.cancels-its-own-by-state",
    cites="PS3.4 CC.2.2.2; CC.2.1.2; PS3.18 11.8",
    on=ON,
    who=USER_AGENT,
    content=False,
    incomplete=True,
    basis=RELATION,
    when=lambda j: (
        any(item.held for _, item in asked(j, reading.ASKED_TO_CANCEL))
        or any(item.held and reading.wanted(x) == CANCELED for x, item in to_end(j))
    ),
    says="Who performs a workitem cancels it by a change of state, not by a request to cancel.",
)
def cancels_its_own_by_state(j: Journey) -> Iterator[Finding]:
    for x, item in asked(j, reading.ASKED_TO_CANCEL):
        if item.held:
            got = "a request to cancel what the same client has claimed"
            yield Finding(got, "a change of state to CANCELED", x.ask.line[:100], seq=x.seq)


@cancels_its_own_by_state.example
def abandons_a_workitem() -> tuple[Exchange, ...]:
    return conversation(
        (changes_state(IN_PROGRESS), OK), (updates(making.abandoned()), OK), (changes_state(CANCELED), OK)
    )


@cancels_its_own_by_state.mutant(at=ASK)
def asks_itself_to_cancel(whole: tuple[Exchange, ...]) -> Sequence[Exchange]:
    """Who has claimed a workitem requests its cancellation."""
    return but(whole, 3, cancels())


untested("PS3.18-11.5.1-1", why="a user agent may send Cache-Control: no-cache, and need not")
