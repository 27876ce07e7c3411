"""Rules of PS3.18 11.6 and PS3.4 CC.2.6 on updates, and on what any step leaves behind in the workitem.

Must not know the state table: which step is legal is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from harness.wire.dicom_json import DataSet
from suites.web.search.rows import texts
from suites.web.workitems import making, reading
from suites.web.workitems.judging import allowed, each, granting, refused, refusing, unwarned, where
from suites.web.workitems.making import FINAL, IN_PROGRESS, LOCK, PROGRESS, SCHEDULED, STATE
from suites.web.workitems.reading import RETRIEVED, UPDATED, granted, key_of, only, readable
from suites.web.workitems.story import EVERY, STATES, VOLATILE, Moment, about, moments

ITS_OWN = frozenset({VOLATILE, LOCK, "00080005"})  # what an update does not leave as it was, or does not show


def _sent(m: Moment) -> DataSet:
    return only(m.x.ask) or {}


def _claimed(j: Journey) -> list[Moment]:
    known = [m for m in about(j, UPDATED) if m.item.state == IN_PROGRESS and m.item.lock is not None]
    return [m for m in known if readable(m.x) and STATE not in _sent(m)]


def _rightful(j: Journey) -> list[Moment]:
    return [m for m in _claimed(j) if key_of(m.x) == m.item.lock]


@journey(
    "workitem.owner-updates",
    cites="PS3.18 11.6.2, 11.6.3.1; PS3.4 CC.2.6.3",
    verifies="PS3.18-11.6.2-1",
    on=EVERY,
    when=lambda j: bool(_rightful(j)),
    says="An Update of a workitem that is IN PROGRESS, with its Transaction UID, succeeds: 200.",
)
def owner_updates(j: Journey) -> Iterator[Finding]:
    for m in _rightful(j):
        yield from allowed(m, 200)


@owner_updates.mutant
def nothing_can_be_updated(x: Exchange) -> Answer | None:
    """Every Update is refused."""
    return refusing(x, UPDATED, 400)


@journey(
    "workitem.owner-alone-updates",
    cites="PS3.18 11.6.3.1; PS3.4 CC.1.1, CC.2.6.3",
    verifies="PS3.18-11.6.2-2",
    on=EVERY,
    when=lambda j: bool(_strangers(j)),
    says="An Update of what is IN PROGRESS is refused without its Transaction UID, or with another: 400 or 409.",
)
def owner_alone_updates(j: Journey) -> Iterator[Finding]:
    for m in _strangers(j):
        yield from refused(m)


def _strangers(j: Journey) -> list[Moment]:
    return [m for m in _claimed(j) if key_of(m.x) != m.item.lock]


@owner_alone_updates.mutant
def anybody_may_update(x: Exchange) -> Answer | None:
    """The Transaction UID of an Update is not looked at."""
    return granting(x, UPDATED, 400, 409)


@journey(
    "workitem.final-not-updated",
    cites="PS3.18 11.6.2, 11.6.3.1; PS3.4 CC.2.6.3",
    verifies="PS3.18-11.6.2-3",
    on=EVERY,
    when=lambda j: bool(_late(j)),
    says="An Update of what is COMPLETED or CANCELED is refused: 400.",
)
def final_not_updated(j: Journey) -> Iterator[Finding]:
    for m in _late(j):
        # 409 is in the table below the sentence that wants 400
        yield from refused(m, (400,))


def _late(j: Journey) -> list[Moment]:
    return [m for m in about(j, UPDATED) if m.item.state in FINAL and readable(m.x)]


@final_not_updated.mutant
def never_too_late(x: Exchange) -> Answer | None:
    """What is over can be updated."""
    return granting(x, UPDATED, 400, 409)


@journey(
    "workitem.state-not-updated",
    cites="PS3.18 11.6.1.4; PS3.4 CC.2.6.2, Table CC.2.5-3",
    verifies="PS3.18-11.6.2-6",
    on=EVERY,
    when=lambda j: any(True for _ in _forced(j)),
    says="An Update does not change the state: it is refused, or leaves the state as it was.",
)
def state_not_updated(j: Journey) -> Iterator[Finding]:
    for m, shown in _forced(j):
        asked = reading.text(_sent(m), STATE)
        if shown is not None and shown == asked != m.item.state:
            yield Finding(f"{shown}, after {m.x.answer.line}", str(m.item.state), where(m), seq=m.x.seq)
        elif granted(m.x):
            yield Finding(m.x.answer.line, "400", f"{where(m)}, {STATE}", seq=m.x.seq, warn=True)


def _forced(j: Journey) -> Iterator[tuple[Moment, str | None]]:
    """Updates that have a state, with the state that was retrieved next."""
    for m in about(j, UPDATED):
        if m.item.state in STATES and STATE in _sent(m) and readable(m.x):
            yield m, m.later


@state_not_updated.mutant
def updates_the_state(x: Exchange) -> Answer | None:
    """An Update may hold the state."""
    return granting(x, UPDATED, 400, 409) if STATE in (only(x.ask) or {}) else None


@journey(
    "workitem.scheduled-updates-whole",
    cites="PS3.18 11.6.2, 11.6.3.2; PS3.4 CC.2.6.2, CC.2.6.4",
    verifies="PS3.18-11.6.2-4",
    on=EVERY,
    when=lambda j: bool(_early(j)),
    says="An Update of what is SCHEDULED, without a Transaction UID, is carried out or refused with 400 or 409.",
)
def scheduled_updates_whole(j: Journey) -> Iterator[Finding]:
    # policy D-13: either is right
    for m in _early(j):
        if not granted(m.x):
            yield from refused(m)


def _early(j: Journey) -> list[Moment]:
    known = [m for m in about(j, UPDATED) if m.item.state == SCHEDULED and readable(m.x)]
    return [m for m in known if not key_of(m.x) and STATE not in _sent(m)]


@scheduled_updates_whole.mutant
def breaks_over_an_early_update(x: Exchange) -> Answer | None:
    """An Update without a Transaction UID is answered 500."""
    early = x.kind == UPDATED and not key_of(x)
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if early else None


@journey(
    "workitem.update-refusal-warns",
    cites="PS3.18 11.6.3.2",
    verifies="PS3.18-11.6.3.2-3",
    on=EVERY,
    when=lambda j: bool(_refusals(j)),
    says="A refused Update says by a Warning that the workitem is not claimed so, or not in a state for it.",
)
def update_refusal_warns(j: Journey) -> Iterator[Finding]:
    for m in _refusals(j):
        if not reading.warns(m.x, reading.UNCLAIMED, reading.INCONSISTENT):
            got = "; ".join(reading.warnings(m.x)) or "no Warning"
            want = f"{reading.UNCLAIMED}. or {reading.INCONSISTENT} current state of the Workitem."
            yield Finding(got, want, f"{where(m)}, Warning", seq=m.x.seq, warn=bool(reading.warnings(m.x)))


def _refusals(j: Journey) -> list[Moment]:
    return [m for m in (*_strangers(j), *_late(j)) if m.x.answer.status in (400, 409)]


@update_refusal_warns.mutant
def refuses_in_silence(x: Exchange) -> Answer | None:
    """An Update is refused without a Warning."""
    return unwarned(x, UPDATED)


@dataclass(frozen=True)
class Between:
    """Two retrievals of a workitem, one after the other, and what was asked of it between them."""

    before: DataSet
    after: DataSet
    steps: tuple[Moment, ...]
    seq: int

    @property
    def quiet(self) -> bool:
        """Nothing was granted, nor broken off, so nothing may have changed."""
        return bool(self.steps) and all(400 <= m.x.answer.status < 500 for m in self.steps)

    @property
    def updates(self) -> list[Moment]:
        """The updates that succeeded, where nothing else did and no Warning tells of modifications."""
        done = [m for m in self.steps if granted(m.x)]
        plain = all(m.x.kind == UPDATED and not reading.warnings(m.x) for m in done)
        return done if plain and all(m.x.answer.complete for m in self.steps) else []


def betweens(j: Journey) -> list[Between]:
    last: dict[str, tuple[DataSet, list[Moment]]] = {}
    found: list[Between] = []
    for m in moments(j):
        now = only(m.x.answer) if m.x.kind == RETRIEVED and granted(m.x) else None
        if m.x.kind != RETRIEVED:
            if m.uid in last:
                last[m.uid][1].append(m)
        elif now is not None and reading.text(now, STATE):
            if m.uid in last:
                found.append(Between(last[m.uid][0], now, tuple(last[m.uid][1]), m.x.seq))
            last[m.uid] = now, []
    return found


def _differences(before: DataSet, after: DataSet, left_out: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    for tag in sorted((set(before) | set(after)) - left_out):
        if before.get(tag) != after.get(tag):
            yield tag, _shown(before, tag), _shown(after, tag)


def _shown(dataset: DataSet, tag: str) -> str:
    if tag not in dataset:
        return "not there"
    return "; ".join(t for t in texts(dataset, tag) if t) or str(dataset[tag].get("Value", "empty"))[:200]


def _told(steps: tuple[Moment, ...]) -> str:
    return ", ".join(f"{m.x.ask.method} {m.x.kind.rpartition('.')[2]} ({m.x.answer.status})" for m in steps)


@journey(
    "workitem.refusal-changes-nothing",
    cites="PS3.18 11.6.2, 11.7.2; PS3.4 CC.1.1, CC.2.1.3, CC.2.6.3",
    verifies=("PS3.18-11.6.2-2", "PS3.18-11.7.2-7"),
    on=EVERY,
    when=lambda j: any(b.quiet for b in betweens(j)) and not j.kind.startswith("web.client"),
    says="After a refusal the workitem is what it was before.",
)
def refusal_changes_nothing(j: Journey) -> Iterator[Finding]:
    for b in betweens(j):
        if b.quiet:
            for tag, was, is_ in _differences(b.before, b.after, frozenset({VOLATILE})):
                yield Finding(is_, was, f"{tag} of {b.steps[0].uid} after {_told(b.steps)}", seq=b.seq)


@refusal_changes_nothing.mutant(defects="M-UP-10")
def fails_after_the_change(x: Exchange) -> Answer | None:
    """The state is changed, and then the answer is a failure."""
    return refusing(x, reading.CHANGED, 409) or refusing(x, UPDATED, 409)


@journey(
    "workitem.update-takes-effect",
    cites="PS3.18 11.6.2; PS3.4 CC.2.6.3",
    verifies=("PS3.18-11.6.2-1", "PS3.18-11.6.3.2-1"),
    on=EVERY,
    when=lambda j: any(b.updates for b in betweens(j)),
    says="What an Update has set is retrieved from then on, unless a Warning told of modifications.",
)
def update_takes_effect(j: Journey) -> Iterator[Finding]:
    for b in betweens(j):
        set_: dict[str, Moment] = {tag: m for m in b.updates for tag in _sent(m) if tag not in (*ITS_OWN, STATE)}
        for tag, m in set_.items():
            for path in [p for p in reading.everything(_sent(m)) if p.partition(".")[0] == tag]:
                want, got = texts(_sent(m), path), texts(b.after, path)
                if any(want) and [reading.plain(t) for t in got] != [reading.plain(t) for t in want]:
                    yield Finding("; ".join(got) or "nothing", "; ".join(want), f"{path} of {m.uid}", seq=b.seq)


@update_takes_effect.mutant
def forgets_updates(x: Exchange) -> Answer | None:
    """What was updated is not kept."""
    return each(x, lambda row: {**row, PROGRESS: making.element(PROGRESS)}, RETRIEVED)


@journey(
    "workitem.update-leaves-the-rest",
    cites="PS3.18 11.6.1.4, 11.6.2; PS3.4 CC.2.6.3",
    verifies="PS3.18-11.6.2-5",
    on=EVERY,
    when=lambda j: any(b.updates for b in betweens(j)) and not j.kind.startswith("web.client"),
    says="What an Update does not hold stays as it was.",
)
def update_leaves_the_rest(j: Journey) -> Iterator[Finding]:
    for b in betweens(j):
        if b.updates:
            set_ = frozenset(tag for m in b.updates for tag in _sent(m)) | ITS_OWN
            for tag, was, is_ in _differences(b.before, b.after, set_):
                yield Finding(is_, was, f"{tag} of {b.steps[0].uid}, which no Update had", seq=b.seq)


@update_leaves_the_rest.mutant
def keeps_only_what_was_updated(x: Exchange) -> Answer | None:
    """Of a workitem with progress nothing else is left but its state."""

    def bare(row: DataSet) -> DataSet:
        return {t: found for t, found in row.items() if t in (STATE, PROGRESS, "00404010")}

    return each(x, lambda row: bare(row) if texts(row, f"{PROGRESS}.00741006") else row, RETRIEVED)


@journey(
    "workitem.state-follows",
    cites="PS3.18 11.7.2; PS3.4 CC.1.1, CC.2.1.3",
    verifies=("PS3.18-11.7.2-1", "PS3.18-11.7.2-5"),
    on=EVERY,
    when=lambda j: bool(_states(j)),
    says="A workitem is in the state that the last change of it has led to.",
)
def state_follows(j: Journey) -> Iterator[Finding]:
    for m in _states(j):
        state = reading.text(only(m.x.answer), STATE)
        if state != m.item.state:
            # what is SCHEDULED may be begun by a server that performs it
            soft = m.item.state == SCHEDULED and state == IN_PROGRESS
            yield Finding(state or "no state", str(m.item.state), where(m), seq=m.x.seq, warn=soft)


def _states(j: Journey) -> list[Moment]:
    return [m for m in about(j, RETRIEVED) if m.item.state in STATES and granted(m.x) and only(m.x.answer) is not None]


@state_follows.mutant
def is_always_scheduled(x: Exchange) -> Answer | None:
    """Every workitem is retrieved as SCHEDULED."""
    return each(x, lambda row: {**row, STATE: making.element(STATE, SCHEDULED)}, RETRIEVED)


@state_follows.mutant
def is_never_completed(x: Exchange) -> Answer | None:
    """What is COMPLETED is retrieved as IN PROGRESS."""

    def late(row: DataSet) -> DataSet:
        over = reading.text(row, STATE) == making.COMPLETED
        return {**row, STATE: making.element(STATE, IN_PROGRESS)} if over else row

    return each(x, late, RETRIEVED)
