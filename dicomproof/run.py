"""Knows how a check is put together: target, corpus, oracle, probes, judge, record.

Must not know how it is shown, nor any particular rule.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets as entropy
import string
import traceback
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import suites
from dicomproof.header import header, now
from dicomproof.reach import Unreachable
from dicomproof.sims import doors_of, stand_up
from dicomproof.voices import CALLING, GIVING, Voice, Voices
from harness.apart import Lost, apart
from harness.blobs import Blobs
from harness.clerk import Clerk, Desk
from harness.context import DEFAULT_EDITION, Context, unknown_edition
from harness.entity import Entity
from harness.judge import Judge
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.make.variants import for_web
from harness.record import BLOBS, Record
from harness.rule import Catalogue, Probe, Role, Rule, service_of_kind
from harness.secrets import Secrets
from harness.session import BudgetSpent, Events, Session, TargetGone
from harness.talk.listener import Listener
from harness.target import Target, TargetError, sides
from harness.verdict import Exit, Outcome, Verdict, exit_code
from simulators.oracle import Oracle


class UsageError(Exception):
    """The command line asks for something that does not exist; the message says what does."""


@dataclass
class Options:
    """What the command line asks of a run."""

    out: Path
    only: str = ""
    edition: str = ""
    seed: int = 0
    examples: int = 25
    jobs: int = 1
    read_only: bool = False
    command: str = ""
    nonce: str = ""
    until: str = ""  # a rule whose first failure ends the run
    data: Path | None = None  # where the simulators of this run keep their data, a temporary folder by default
    apart: bool = False  # record and judge in a process of its own: pays where a run is long and there are processors


@dataclass
class Result:
    """What a run came to: the code to exit with, one sentence when it ended early, and the verdicts.

    `names` tells what an exchange is called for people, where its number says little (a file).
    """

    code: Exit
    verdicts: list[Verdict] = field(default_factory=list)
    said: str = ""
    out: Path | None = None
    names: dict[int, str] = field(default_factory=dict)


def check(target: Target, options: Options, events: Events | None = None) -> Result:
    """Ask the target, judge, record. UsageError for a wrong option; never raises for what the target does."""
    catalogue = suites.load()
    rules = answering(select(catalogue, options.only, doors(target, catalogue)))
    edition = options.edition or target.edition or DEFAULT_EDITION
    if why := unknown_edition(edition):
        raise UsageError(why)
    started = now()
    make = partial(made_desk, target, replace(options, out=options.out.absolute()), edition, started.date())
    with contextlib.ExitStack() as stack:
        blobs = Blobs(options.out.absolute() / BLOBS)
        # before the simulator, whose start and the making of data go on beside it
        desk = stack.enter_context(apart(make, blobs) if options.apart else make())
        listener = _listener(target, blobs)
        if listener is not None:
            stack.callback(listener.close)
        called_back = Entity(CALLING, listener.host, listener.port) if listener else None
        standing = stack.enter_context(stand_up(target, catalogue, edition, options.data, called_back))
        voices = Voices(target, standing, blobs, listener)
        run = _Run(target, options, events or Events(), catalogue, rules, edition, started, desk, blobs, voices)
        return run.whole()


@contextlib.contextmanager
def made_desk(target: Target, options: Options, edition: str, today: datetime.date) -> Iterator[Desk]:
    """What records, predicts and judges a run; made in the process in which it works."""
    catalogue = suites.load()
    with contextlib.ExitStack() as stack:
        record = Record(options.out, Secrets.of(target.secrets))
        stack.callback(record.close)
        judge = Judge(
            catalogue,
            Context(edition=edition, policies=dict(target.policies), claims=target.claims or frozenset()),
            answering(select(catalogue, options.only, doors(target, catalogue))),
            claims=target.claims,
            absent=target.absent,
            waivers=target.waivers,
            today=today,
            on_error=lambda rule, text: record.note("error", f"{rule}\n{text}"),
        )
        yield Clerk(record, judge, stack.enter_context(Oracle(edition)))


def doors(target: Target, catalogue: Catalogue) -> frozenset[str]:
    """The sides of the target that this run asks: "web", "dimse", and "doors" for what needs both."""
    if target.simulator == "mutant" and target.which in catalogue.mutants:
        found = doors_of(catalogue.rules[catalogue.mutants[target.which].rule])
    elif target.simulator == "control":
        found = frozenset({"dimse" if target.which.startswith("dimse-") else "web"})
    elif target.simulator:
        found = target.doors
    else:
        return sides(target.base, target.dimse)
    return sides("web" in found, "dimse" in found)


def select(catalogue: Catalogue, only: str, about: Collection[str] = ("web",)) -> list[Rule[Any]]:
    """The rules asked for, and the grounds that their content needs; UsageError when nothing fits.

    `about`: the first words of the kinds that can occur in the run: "web", "dimse", "doors", or "file" for files.
    """
    # a notification connection is opened and judged at the web door
    words = {*about, "socket"} if "web" in about else set(about)
    possible = [r for r in catalogue.rules.values() if any(w.split(".")[0] in words for w in r.on.split("|"))]
    wanted = {r.id for r in catalogue.select(only)}
    chosen = [r for r in possible if r.id in wanted]
    if not chosen:
        raise UsageError(
            f"No rule fits --only {only!r}. It takes an id, a glob such as 'search.*', a service or a clause such as "
            "'PS3.18 10.6'; `dicomproof rules` lists them."
        )
    if "file" in about:
        return chosen
    kinds = [w for r in chosen if r.content for w in r.on.split("|")]
    services = {w.split(".")[1] for w in kinds if "." in w}
    if any("." not in w for w in kinds):
        services = set(catalogue.grounds)
    ids = {i for s in services for i in catalogue.grounds.get(s, ())}
    # they come along to carry the others, so a run that does not exercise them is whole all the same
    carrying = [replace(r, due=False) for r in possible if r.id in ids and r not in chosen]
    # who is asked need not ask anybody: only now and then (C-MOVE, reports) the target is the one that these bind
    return [replace(r, due=False) if r.who in (Role.REQUESTOR, Role.SCU) else r for r in chosen] + carrying


def answering(rules: Sequence[Rule[Any]]) -> list[Rule[Any]]:
    """Those that can bind whom we ask on the web: the user agent is us. UsageError when none is left."""
    found = [r for r in rules if r.who is not Role.USER_AGENT]
    if not found:
        raise UsageError("These rules bind user agents; `dicomproof observe --web` judges a client by them.")
    return found


class _Run:
    """One run from its first line to its last."""

    def __init__(self, target: Target, options: Options, events: Events, catalogue: Catalogue,
                 rules: Sequence[Rule[Any]], edition: str, started: datetime.datetime, desk: Desk, blobs: Blobs,
                 voices: Voices) -> None:  # fmt: skip
        self.target, self.options, self.events = target, options, events
        self.catalogue, self.rules, self.edition, self.started = catalogue, rules, edition, started
        self.desk, self.blobs, self.voices = desk, blobs, voices
        # letters only: what the same seed asks must not depend on where a digit happens to stand
        self.nonce = options.nonce or "".join(entropy.choice(string.ascii_uppercase) for _ in range(8))
        self.read_only = options.read_only or not target.write
        self.session = self._session()

    def whole(self) -> Result:
        reason, said = "complete", ""
        try:
            self.session.header(self._header())
            self.voices.knock()
            self._probes()
        except Unreachable as error:
            reason, said = "unreachable", str(error)
        except KeyboardInterrupt:
            reason, said = (
                "interrupted",
                "Interrupted; the record holds what was done so far, without a verdict on the rest.",
            )
        except OSError as error:
            reason, said = "error", _stuck(error)
        return self._end(reason, said)

    def _session(self) -> Session:
        return Session(
            self.desk,
            self.blobs,
            self.voices.base,
            self.options.seed,
            self.nonce,
            talk=self.voices.talk,
            headers=self.target.headers,
            events=self.events,
            budget=self.target.requests,
            examples=self.options.examples,
            write=not self.read_only,
            patience=self.target.deadline,
            edition=self.edition,
            until=self.options.until,
            uri_service=self.voices.standing.uri_service,
            wado_ws=self.voices.standing.wado_ws,
            corpus=[] if self.read_only else list(_prepared(self.options.seed, self.nonce)),
        )

    def _header(self) -> dict[str, Any]:
        context = Context(edition=self.edition, policies=dict(self.target.policies))
        target = {**self.target.to_json(), **self.voices.addresses()}
        options, digest = self.options, self.catalogue.digest()
        return header(
            "ask", context, target, digest, options.only, options.command, self.started,
            waivers=[w.to_json() for w in self.target.waivers], seed=options.seed, nonce=self.nonce,
            examples=options.examples, read_only=self.read_only,
        )  # fmt: skip

    def _probes(self) -> None:
        """Recognise the target, give it data or find some, then provoke everything the rules need."""
        with self.voices.open(self.session) as voice:
            voice.recognise()
            self._give_data(voice)
        probes = [p for p in self._wanted() if self._can(p)]
        jobs = max(1, self.options.jobs)
        if jobs == 1:
            with self.voices.open(self.session) as voice:
                for number, probe in enumerate(probes, 1):
                    self.events.probe(probe, number, len(probes))
                    self._one(probe, voice)
            return
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for done in [pool.submit(self._alone, p, n, len(probes)) for n, p in enumerate(probes, 1)]:
                    done.result()
            except BaseException:
                self.session.gone = "the run was stopped"  # the other probes end at their next question
                pool.shutdown(cancel_futures=True)
                raise

    def _give_data(self, voice: Voice) -> None:
        for given, found in voice.data:
            if not self.read_only:
                self._one(self.catalogue.probes[given], voice)
            if not self.session.holding.studies:
                self._one(self.catalogue.probes[found], voice)
        if self.session.samples:
            self.session.learn([s.part10 for s in self.session.samples])
        if not self.session.holding.studies:
            self.session.note(
                "no-data", "Nothing could be stored and nothing was found, so most rules stay unexercised."
            )

    def _wanted(self) -> Iterator[Probe]:
        kinds = [on for rule in self.rules if rule.applies_in(self.edition) for on in rule.on.split("|")]
        missing = self._missing()
        for probe in self.catalogue.probes.values():
            there = [p for p in probe.provokes if p.split(".")[0] in self.voices.doors]
            provoked = [p for p in there if service_of_kind(p) not in missing]
            if probe.id not in GIVING and any(_overlap(k, p) for k in kinds for p in provoked):
                yield probe

    def _missing(self) -> set[str]:
        """The services that the edition does not have: none of the rules of their own applies in it."""
        rules = self.catalogue.rules.values()
        return {r.service for r in rules} - {r.service for r in rules if r.applies_in(self.edition)}

    def _can(self, probe: Probe) -> bool:
        have = {
            "nothing": True,
            "data": bool(self.session.holding.studies),
            "loaded": bool(self.session.samples),
            "write": not self.read_only,
        }[probe.needs]
        if not have:
            self.session.note("skipped", f"probe {probe.id}: needs {probe.needs}, which this run does not have")
        return have

    def _alone(self, probe: Probe, number: int, total: int) -> None:
        self.events.probe(probe, number, total)
        with self.voices.open(self.session) as voice:
            self._one(probe, voice)

    def _one(self, probe: Probe, voice: Voice) -> None:
        if self.session.gone:
            return
        try:
            voice.act(probe)
        except (TargetGone, BudgetSpent) as stop:
            self.session.note("stopped", f"probe {probe.id}: {stop}")
            self.events.note(str(stop))
        except OSError:  # our own disk: the run cannot go on
            raise
        except Exception:  # a probe that breaks is our fault; the others still run
            self.session.note("error", f"probe {probe.id}\n{traceback.format_exc()}")
            self.events.note(f"probe {probe.id} broke (our fault); see the record")

    def _end(self, reason: str, said: str) -> Result:
        if reason == "complete" and self.session.gone:
            reason, said = "target-gone", f"The target stopped answering: {self.session.gone}."
        if self.session.busy:
            self.session.note("busy", self.session.busy)
            self.events.note(self.session.busy)
        reason, said = self._settled(reason, said)
        try:
            verdicts = self.session.finish(reason, said)
        except Lost as lost:
            return Result(Exit.OURS, [], _stuck(lost), self.options.out)
        names = {n: f"association {n}" for n in self.session.associations}
        return Result(_code(reason, verdicts, not self.read_only), verdicts, said, self.options.out, names)

    def _settled(self, reason: str, said: str) -> tuple[str, str]:
        """Wait for what is being recorded and judged; why the run ended, if that is what ends it."""
        try:
            self.session.settle()
        except OSError as error:
            return "error", _stuck(error)
        return reason, said


def _listener(target: Target, blobs: Blobs) -> Listener | None:
    """Where we can be called back: wherever a simulator is told, or where the product was told."""
    if target.simulator:
        return Listener(blobs) if "dimse" in target.doors or target.simulator == "mutant" else None
    place = target.dimse.listen if target.dimse else None
    if place is None:
        return None
    try:
        return Listener(blobs, host=place.host, port=place.port)
    except OSError as error:
        raise TargetError(f"{place} cannot be listened at: {error.strerror or error}. Is it in use?") from None


def _stuck(error: OSError) -> str:
    if isinstance(error, Lost):
        return f"The run could not go on: {error}. The record holds what was done so far, and is not a result."
    return f"The run could not go on: {error}. Free some space or choose another --out."


@lru_cache(maxsize=2)
def _prepared(seed: int, nonce: str) -> tuple[Sample, ...]:
    """What a run loads; the same for the same seed and nonce, so that many runs in a row make it once."""
    return tuple(for_web(sample) for sample in corpus(seed, nonce))


def _code(reason: str, verdicts: Sequence[Verdict], all_due: bool) -> Exit:
    if reason == "unreachable":
        return Exit.UNREACHABLE
    if reason == "interrupted":
        return Exit.INTERRUPTED
    if reason == "error":
        return Exit.OURS
    code = exit_code(verdicts, all_due)
    gone_without_a_word = reason == "target-gone" and not any(v.outcome is Outcome.FAIL for v in verdicts)
    return Exit.UNREACHABLE if gone_without_a_word else code


def _overlap(on: str, provoked: str) -> bool:
    return on == provoked or on.startswith(provoked + ".") or provoked.startswith(on + ".")
