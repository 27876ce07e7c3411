"""Knows how the mutant matrix is run: each mutant does its work, and its rule must turn red.

A mutant of the answer, the question, a message or a PDU acts where it leaves, so it is tried on what one unbroken run
recorded (fast); a mutant of the door or of the octets is served and checked by the probes of its rule. `at_the_door`
serves every one of them but those of questions.
Must not know particular rules or mutants.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

import suites
from dicomproof.read import Options as ReadOptions
from dicomproof.read import read as read_files
from dicomproof.reask import Tried, tried
from dicomproof.retell import retold
from dicomproof.run import Options, check
from dicomproof.sims import doors_of
from harness.association import SIDES, Association
from harness.context import DEFAULT_EDITION, EDITIONS, Context
from harness.exchange import Exchange, Journey
from harness.judge import Judge
from harness.make.corpus import corpus
from harness.make.directory import media_directory
from harness.make.write import without_pixels
from harness.past import Past
from harness.record import Run, read
from harness.rule import At, Mutant, Role, Rule
from harness.target import Target
from harness.verdict import Outcome
from simulators.model import json_encode, xml_encode

MEMORY_DISK = Path("/dev/shm")
SEED, NONCE = 1, "MATRIX"


@dataclass(frozen=True)
class Row:
    """What became of one mutant: `others` are further rules that it turned red, `why` explains a survivor."""

    mutant: str
    rule: str
    killed: bool
    others: tuple[str, ...] = ()
    why: str = ""


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, in memory where the system has such a place: fsync costs nothing there."""
    with tempfile.TemporaryDirectory(prefix="matrix-", dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        yield Path(folder)


@dataclass
class Answers:
    """The exchanges of one unbroken run for each edition that a mutant needs, made when first asked for."""

    folder: Path
    runs: dict[str, list[Exchange]] = field(default_factory=dict)
    told: dict[str, list[Spoken]] = field(default_factory=dict)
    files: list[Exchange] = field(default_factory=list)
    pasts: dict[str, Past] = field(default_factory=dict)

    def of(self, edition: str) -> list[Exchange]:
        if edition not in self.runs:
            self.runs[edition] = list(self._run(edition, "web").exchanges())
            self.pasts[edition] = Past()
            for x in self.runs[edition]:
                self.pasts[edition].see(x)
                x.forget()
        return self.runs[edition]

    def associations(self, edition: str) -> list[Spoken]:
        """The same for DIMSE."""
        if edition not in self.told:
            self.told[edition] = [Spoken.of(a) for a in self._run(edition, "dimse").associations()]
        return self.told[edition]

    def _run(self, edition: str, door: str) -> Run:
        out = self.folder / f"{door}-{edition}"
        options = Options(out, edition=edition, seed=SEED, nonce=NONCE, examples=5)
        check(Target("sim:", simulator="reference", doors=frozenset({door})), options)
        return read(out)

    def read(self) -> list[Exchange]:
        """A file of each kind that is judged, for the rules that judge nothing else."""
        if not self.files:
            (self.folder / "files").mkdir()
            write_files(self.folder / "files")
            read_files([self.folder / "files"], ReadOptions(self.folder / "read"))
            self.files = list(read(self.folder / "read").exchanges())
        return self.files

    def tried(self, mutant: Mutant) -> Row:
        """Let the mutant change the recorded answers, one subject at a time, until its rule turns red."""
        rule = suites.load().rules[mutant.rule]
        edition = edition_for(rule)
        if mutant.at in (At.MESSAGE, At.PDU):
            return self._told_again(mutant, rule, edition)
        exchanges = self.read() if rule.service == "file" else self.of(edition)
        past = self.pasts.get(edition, Past())
        if mutant.at is At.ASK:
            return _asked(mutant, tried(mutant, rule, exchanges, edition, past))
        row = self._answered(mutant, rule, exchanges, past)
        if row.killed and rule.who is Role.BOTH and rule.over is Exchange and rule.service != "file":
            # what spoils either side's message is tried on both
            asked = tried(mutant, rule, exchanges, edition, past)
            return _asked(mutant, asked) if asked.changed else row
        return row

    def _answered(self, mutant: Mutant, rule: Rule[Any], exchanges: Sequence[Exchange], past: Past) -> Row:
        edition, changed = edition_for(rule), 0
        for group in _subjects(rule, exchanges):
            broken = [_broken(mutant, x) for x in group]
            if all(new is old for new, old in zip(broken, group, strict=True)):
                continue
            changed += 1
            # a past of its own: what the broken answers say was stored must not leak into the next subject
            judge = Judge(suites.load(), Context(edition, past=Past(dict(past.kept), dict(past.apart))), [rule])
            met = [m for x in broken for m in judge.see(x)]
            met += [m for name in {x.journey for x in broken if x.journey} for m in judge.close(name)]
            if any(found == rule.id for found, _ in met):
                return Row(mutant.id, mutant.rule, True)
        why = f"survived in {changed} changed subjects" if changed else "changed nothing in any recorded answer"
        return Row(mutant.id, mutant.rule, False, why=why)

    def _told_again(self, mutant: Mutant, rule: Rule[Any], edition: str) -> Row:
        """Let the mutant change what either side said that the rule binds, until its rule turns red."""
        changed = 0
        for group in _spoken(rule, self.associations(edition)):
            for side in SIDES:
                if side == "requestor" and any("provoked" in a.facts and "requestor" not in a.judged for a in group):
                    continue  # there it was us who broke the protocol on purpose
                broken = [retold(a, side, mutant) or a for a in group]
                if all(new is old for new, old in zip(broken, group, strict=True)):
                    continue
                changed += 1
                judge = Judge(suites.load(), Context(edition), [rule])
                met = [m for a in broken for m in judge.see(a.but(judged=frozenset({side})))]
                met += [m for name in {a.journey for a in broken if a.journey} for m in judge.close(name)]
                if met:
                    return Row(mutant.id, mutant.rule, True)
        why = f"survived in {changed} changed associations" if changed else "changed nothing in any association"
        return Row(mutant.id, mutant.rule, False, why=why)


def _asked(mutant: Mutant, outcome: Tried) -> Row:
    why = f"survived in {outcome.changed} changed questions" if outcome.changed else "changed nothing that was asked"
    return Row(mutant.id, mutant.rule, outcome.killed, why="" if outcome.killed else why)


@dataclass(frozen=True)
class Spoken:
    """An association of the unbroken run, with the name of its journey and the kinds of its operations apart."""

    association: Association
    journey: str
    kinds: frozenset[str]

    @classmethod
    def of(cls, a: Association) -> Spoken:
        return cls(a.but(journey=""), a.journey, frozenset(o.kind for o in a.operations))


def _spoken(rule: Rule[Any], associations: Sequence[Spoken]) -> Iterator[list[Association]]:
    """What the rule judges: single associations, also for their operations, or whole journeys."""
    yield from ([made] for make in rule.examples if isinstance(made := make(), Association))
    if rule.over is not Journey:
        wanted = (s for s in associations if rule.over is Association or any(map(rule.applies_to, s.kinds)))
        yield from ([s.association] for s in wanted)
        return
    journeys: dict[str, list[Association]] = {}
    for s in associations:
        if s.journey and rule.applies_to(s.journey.partition("#")[0]):
            journeys.setdefault(s.journey, []).append(s.association.but(journey=s.journey))
    yield from journeys.values()


def _subjects(rule: Rule[Any], exchanges: Sequence[Exchange]) -> Iterator[list[Exchange]]:
    """What the rule judges: single exchanges, or whole journeys."""
    if rule.over is Exchange:
        yield from ([x.but(journey="")] for x in exchanges if rule.applies_to(x.kind))
        return
    assert rule.over is Journey
    journeys: dict[str, list[Exchange]] = {}
    for x in exchanges:
        if x.journey and rule.applies_to(x.journey.partition("#")[0]):
            journeys.setdefault(x.journey, []).append(x)
    yield from journeys.values()


def _broken(mutant: Mutant, x: Exchange) -> Exchange:
    answer = mutant.act(Exchange(0, x.ask, x.answer))
    return x if answer is None or answer == x.answer else x.but(answer=answer)


def write_files(folder: Path) -> None:
    """A PS3.10 file, the same data set in both models, a captured message, and a DICOMDIR."""
    sample = corpus(SEED, NONCE)[0]
    dataset = without_pixels(sample.part10)
    (folder / "instance.dcm").write_bytes(sample.part10)
    (folder / "instance.json").write_bytes(json_encode.encode(dataset))
    (folder / "instance.xml").write_bytes(xml_encode.encode(dataset))
    head = f"--part\r\nContent-Type: application/dicom\r\nContent-Length: {len(sample.part10)}\r\n\r\n".encode()
    kind = b'Content-Type: multipart/related; type="application/dicom"; boundary="part"\r\n\r\n'
    (folder / "message").write_bytes(kind + head + sample.part10 + b"\r\n--part--\r\n")
    (folder / "DICOMDIR").write_bytes(media_directory(SEED))


def edition_for(rule: Rule[Any]) -> str:
    """An edition in which the rule applies: the default where it does, else the first of ours that fits."""
    return next(e for e in (DEFAULT_EDITION, *EDITIONS) if rule.applies_in(e))


def served(mutant: Mutant, whole: bool = False) -> Row:
    """Serve the simulator with this defect and check it with the probes of its rule; `whole`: with everything.

    A rule that judges files only is tried on files, and one that binds who asks on what was asked: there is nothing to
    serve.
    """
    rule = suites.load().rules[mutant.rule]
    with scratch() as folder:
        if rule.service == "file" or rule.who in (Role.REQUESTOR, Role.SCU, Role.USER_AGENT) or mutant.at is At.ASK:
            return Answers(folder).tried(mutant)
        target = Target(f"sim:mutant={mutant.id}", simulator="mutant", which=mutant.id, deadline=3.0)
        only, until = ("", "") if whole else (mutant.rule, mutant.rule)
        options = Options(
            folder / "out", only, edition_for(rule), SEED, 5, nonce=NONCE, until=until, data=folder / "data"
        )
        verdicts = check(target, options).verdicts
    red = {v.rule for v in verdicts if v.outcome in (Outcome.FAIL, Outcome.WARN)}
    own = next(v for v in verdicts if v.rule == mutant.rule)
    why = "" if own.rule in red else f"{own.outcome.value} after {own.exercised} exercises {own.why}".strip()
    return Row(mutant.id, mutant.rule, own.rule in red, tuple(sorted(red - {own.rule})), why)


def row_of(mutant: Mutant, answers: Answers, at_the_door: bool = False) -> Row:
    """Try one mutant where that is fastest; `at_the_door`: serve it in any case."""
    rule = suites.load().rules[mutant.rule]
    if at_the_door or mutant.at in (At.DOOR, At.WIRE) or len(doors_of(rule)) > 1:
        return served(mutant)
    row = answers.tried(mutant)
    # what is withheld shows in what the other side does then, which nobody said in the unbroken run
    return served(mutant) if not row.killed and mutant.at in (At.MESSAGE, At.PDU) else row


def matrix(chosen: Sequence[Mutant], console: Console, at_the_door: bool = False) -> list[Row]:
    """Try every mutant, a line each as it ends."""
    rows = []
    with scratch() as folder:
        answers = Answers(folder)
        for number, mutant in enumerate(chosen, 1):
            row = row_of(mutant, answers, at_the_door)
            mark = "killed  " if row.killed else "SURVIVED"
            extra = f"  also red: {', '.join(row.others)}" if row.others else ""
            console.print(
                f"{number}/{len(chosen)} {mark} {row.mutant}  {row.why}{extra}", highlight=False, markup=False
            )
            rows.append(row)
    return rows
