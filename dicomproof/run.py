"""Knows how a check is put together: target, corpus, oracle, probes, judge, record.

Must not know how it is shown, nor any particular rule.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets as entropy
import string
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import suites
from dicomproof import __version__
from dicomproof.reach import Unreachable, knock, recognise
from dicomproof.sims import Standing, stand_up
from harness.context import DEFAULT_EDITION, POLICIES, Context, unknown_edition
from harness.judge import Judge
from harness.make.corpus import corpus
from harness.make.sample import Sample
from harness.make.variants import for_web
from harness.record import Record
from harness.rule import Catalogue, Probe, Rule
from harness.secrets import Secrets
from harness.session import BudgetSpent, Events, Session, TargetGone
from harness.talk.conversation import Web
from harness.talk.web import Limits, Talk
from harness.target import Target
from harness.verdict import Exit, Outcome, Verdict, exit_code

LOAD = "store.load"  # the probe that stores the corpus
FIND = "search.find-data"  # the probe that finds data where nothing may be stored


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
    rules = select(catalogue, options.only)
    edition = options.edition or target.edition or DEFAULT_EDITION
    if why := unknown_edition(edition):
        raise UsageError(why)
    with contextlib.ExitStack() as stack:
        record = Record(options.out, Secrets.of(target.secrets))
        stack.callback(record.close)
        standing = stack.enter_context(stand_up(target, catalogue, edition, options.data))
        run = _Run(target, options, events or Events(), catalogue, rules, edition, record, standing)
        return run.whole()


def select(catalogue: Catalogue, only: str, about: str = "web") -> list[Rule[Any]]:
    """The rules asked for, and the grounds that their content needs; UsageError when nothing fits.

    `about`: the first word of the kinds that can occur in the run, "web" for exchanges, "file" for files.
    """
    chosen = [r for r in catalogue.select(only) if any(w.split(".")[0] == about for w in r.on.split("|"))]
    if not chosen:
        raise UsageError(
            f"No rule fits --only {only!r}. It takes an id, a glob such as 'search.*', a service or a clause such as "
            "'PS3.18 10.6'; `dicomproof rules` lists them."
        )
    if about != "web":
        return chosen
    content = [r for r in chosen if r.content]
    services = {w.split(".")[1] for r in content for w in r.on.split("|") if "." in w}
    if any("." not in w for r in content for w in r.on.split("|")):
        services = set(catalogue.grounds)
    grounds = [catalogue.rules[i] for s in sorted(services) for i in catalogue.grounds.get(s, ())]
    # they come along to carry the others, so a run that does not exercise them is whole all the same
    return chosen + [replace(r, due=False) for r in grounds if r not in chosen]


class _Run:
    """One run from its first line to its last."""

    def __init__(self, target: Target, options: Options, events: Events, catalogue: Catalogue,
                 rules: Sequence[Rule[Any]], edition: str, record: Record, standing: Standing) -> None:  # fmt: skip
        self.target, self.options, self.events = target, options, events
        self.catalogue, self.rules, self.edition = catalogue, rules, edition
        self.record, self.standing = record, standing
        self.started = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        # letters only: what the same seed asks must not depend on where a digit happens to stand
        self.nonce = options.nonce or "".join(entropy.choice(string.ascii_uppercase) for _ in range(8))
        self.read_only = options.read_only or not target.write
        self.judge = self._judge()
        self.session = self._session()

    def whole(self) -> Result:
        self._header()
        reason, said = "complete", ""
        try:
            knock(self.standing.base, self.target)
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

    def _judge(self) -> Judge:
        context = Context(edition=self.edition, policies=dict(self.target.policies))
        return Judge(
            self.catalogue,
            context,
            self.rules,
            claims=self.target.claims,
            waivers=self.target.waivers,
            today=self.started.date(),
            on_error=lambda rule, text: self.record.note("error", f"{rule}\n{text}"),
        )

    def _session(self) -> Session:
        limits = Limits(deadline=self.target.deadline, body=self.target.body)
        tls = self.target.tls()
        return Session(
            self.record,
            self.judge,
            self.standing.base,
            self.options.seed,
            self.nonce,
            talk=lambda: Talk(self.standing.base, self.record.blobs, limits, tls),
            headers=self.target.headers,
            events=self.events,
            budget=self.target.requests,
            examples=self.options.examples,
            write=not self.read_only,
            patience=self.target.deadline,
            until=self.options.until,
            corpus=[] if self.read_only else list(_prepared(self.options.seed, self.nonce)),
        )

    def _header(self) -> None:
        self.record.run(
            tool={"name": "dicomproof", "version": __version__},
            mode="ask",
            started=self.started.isoformat(),
            edition=self.edition,
            policies={name: self.judge.context.policy(name) for name in POLICIES},
            target={**self.target.to_json(), "base": self.standing.base},
            waivers=[w.to_json() for w in self.target.waivers],
            seed=self.options.seed,
            nonce=self.nonce,
            examples=self.options.examples,
            only=self.options.only,
            read_only=self.read_only,
            command=self.options.command,
            catalogue=self.catalogue.digest(),
        )

    def _probes(self) -> None:
        """Recognise the target, give it data or find some, then provoke everything the rules need."""
        with self.session.talk() as talk:
            recognise(Web(self.session, talk, "reach"))
            self._give_data(talk)
        probes = [p for p in self._wanted() if self._can(p)]
        jobs = max(1, self.options.jobs)
        if jobs == 1:
            with self.session.talk() as talk:
                for number, probe in enumerate(probes, 1):
                    self.events.probe(probe, number, len(probes))
                    self._one(probe, talk)
            return
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for done in [pool.submit(self._alone, p, n, len(probes)) for n, p in enumerate(probes, 1)]:
                    done.result()
            except BaseException:
                self.session.gone = "the run was stopped"  # the other probes end at their next question
                pool.shutdown(cancel_futures=True)
                raise

    def _give_data(self, talk: Talk) -> None:
        if not self.read_only:
            self._one(self.catalogue.probes[LOAD], talk)
            if self.session.samples:
                self.standing.oracle.load([s.part10 for s in self.session.samples])
                self.session.settle()  # nothing is predicted for what was asked before
                self.session.predict = self.standing.oracle.expect
        if not self.session.holding.studies:
            self._one(self.catalogue.probes[FIND], talk)
        if not self.session.holding.studies:
            self.session.note(
                "no-data", "Nothing could be stored and nothing was found, so most rules stay unexercised."
            )

    def _wanted(self) -> Iterator[Probe]:
        kinds = [on for rule in self.rules for on in rule.on.split("|")]
        for probe in self.catalogue.probes.values():
            if probe.id not in (LOAD, FIND) and any(_overlap(k, p) for k in kinds for p in probe.provokes):
                yield probe

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
        with self.session.talk() as talk:
            self._one(probe, talk)

    def _one(self, probe: Probe, talk: Talk) -> None:
        if self.session.gone:
            return
        try:
            probe.act(Web(self.session, talk, probe.id))
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
        reason, said = self._settled(reason, said)
        verdicts = self.judge.finish()
        with contextlib.suppress(OSError):
            for verdict in verdicts:
                self.record.verdict(verdict)
            if said:
                self.record.note("ended", said)
            self.record.end(reason, Counter(v.outcome.value for v in verdicts))
        return Result(_code(reason, verdicts, not self.read_only), verdicts, said, self.options.out)

    def _settled(self, reason: str, said: str) -> tuple[str, str]:
        """Wait for what is being recorded and judged; why the run ended, if that is what ends it."""
        try:
            self.session.settle()
        except OSError as error:
            return "error", _stuck(error)
        return reason, said


def _stuck(error: OSError) -> str:
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
