"""Knows how a mutant of questions is tried: it changes what was asked, and its rule must turn red.

It is tried on the questions of an unbroken run for which the rule is silent, or on conversations worked out by hand;
where the rule binds the server, on whole conversations of that run: what it said on its own is changed with them.
Must not know particular rules or mutants, nor where the exchanges come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import suites
from harness.context import Context
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.judge import Judge
from harness.past import Past
from harness.rule import Mutant, Role, Rule

ASKED = frozenset({"user-agent"})


@dataclass(frozen=True)
class Tried:
    """How many questions or conversations the mutant changed before its rule turned red, and whether it did."""

    changed: int
    killed: bool


def tried(mutant: Mutant, rule: Rule[Any], exchanges: Sequence[Exchange], edition: str, past: Past) -> Tried:
    """Let the mutant change questions, one subject at a time, until its rule turns red."""
    changed = 0
    pairs = _conversations(mutant, rule, exchanges) if rule.over is Journey else _questions(mutant, rule, exchanges)
    for whole, broken in pairs:
        if _met(rule, whole, edition, past):
            continue  # one of our probes asked so on purpose
        changed += 1
        if _met(rule, broken, edition, past):
            return Tried(changed, True)
    return Tried(changed, False)


def _questions(mutant: Mutant, rule: Rule[Any], exchanges: Sequence[Exchange]) -> Iterator[tuple[list[Exchange], ...]]:
    for x in exchanges:
        if not rule.applies_to(x.kind):
            continue
        made = mutant.act(Exchange(0, x.ask, x.answer, facts=x.facts, judged=ASKED, side="user-agent"))
        if isinstance(made, Answer):
            return  # it changes answers only
        if isinstance(made, Ask) and made != x.ask:
            yield [x.but(journey="")], [x.but(journey="", ask=made)]


def _conversations(
    mutant: Mutant, rule: Rule[Any], exchanges: Sequence[Exchange]
) -> Iterator[tuple[list[Exchange], ...]]:
    """Conversations worked out by hand; of a rule that binds the server also those that were recorded."""
    for make in rule.examples:
        whole = conversation(rule, make())
        made = mutant.act(tuple(whole))
        if made is not None:
            yield whole, conversation(rule, made)
    for whole in _recorded(rule, exchanges) if rule.who is Role.ORIGIN_SERVER else ():
        made = mutant.act(tuple(whole))
        if made is not None:
            yield whole, list(made)


def _recorded(rule: Rule[Any], exchanges: Sequence[Exchange]) -> Iterator[list[Exchange]]:
    journeys: dict[str, list[Exchange]] = {}
    for x in exchanges:
        if x.journey and rule.applies_to(x.journey.partition("#")[0]):
            journeys.setdefault(x.journey, []).append(x)
    yield from journeys.values()


def conversation(rule: Rule[Any], exchanges: Any) -> list[Exchange]:
    """These exchanges, numbered, as a journey of the kind that the rule judges."""
    name = f"{rule.on.partition('|')[0]}#1"
    return [x.but(seq=number, journey=name) for number, x in enumerate(exchanges, 1)]


def _met(rule: Rule[Any], exchanges: Sequence[Exchange], edition: str, past: Past) -> bool:
    judge = Judge(suites.load(), Context(edition, past=Past(dict(past.kept), dict(past.apart))), [rule])
    judged = frozenset({"origin-server"}) if rule.who is Role.ORIGIN_SERVER else ASKED
    met = [m for x in exchanges for m in judge.see(x.but(judged=judged))]
    met += [m for name in {x.journey for x in exchanges if x.journey} for m in judge.close(name)]
    return bool(met)
