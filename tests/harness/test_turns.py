"""The order in which exchanges that overlapped are judged: no right answer may look wrong in it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.exchange import Answer, Ask, Exchange
from harness.turns import MOST, OVERTAKEN, Effect, Turn, Turns, effect


def test_what_a_request_may_do() -> None:
    base = "http://a/dicomweb"
    for method, target, does in (
        ("GET", "/dicomweb/studies", "asks"),
        ("POST", "/dicomweb/studies", "stores"),
        ("DELETE", "/dicomweb/studies/1.2", "changes"),
        ("PUT", "/elsewhere", "changes"),
        ("OPTIONS", "/elsewhere", "asks"),
        ("", "", "asks"),
    ):
        assert effect(Ask(method, target, base)) == does


@dataclass
class Told:
    """What happened, in the order of time: for each exchange when it began and was over, and what it does."""

    effects: list[Effect]
    began: list[int]
    over: list[int]
    order: list[int]
    overtaken: set[int]


def play(effects: list[Effect], starts: list[int]) -> Told:
    """Exchanges that begin one after the other; each is over after so many others have begun."""
    turns, given_ = Turns(), list[Exchange]()
    opened: list[tuple[int, int, Turn]] = []
    began, over, now = [0] * len(effects), [0] * len(effects), 0
    for n, does in enumerate(effects):
        now += 1
        opened.append((n + starts[n % len(starts)], n, turns.begin(does)))
        began[n] = now
        for due in sorted(o for o in opened if o[0] <= n):
            now += 1
            over[due[1]] = now
            opened.remove(due)
            given_ += turns.over(due[2], Exchange(due[1], Ask("GET", "/", ""), Answer()))
    for due in sorted(opened):
        now += 1
        over[due[1]] = now
        given_ += turns.over(due[2], Exchange(due[1], Ask("GET", "/", ""), Answer()))
    given_ += turns.rest()
    overtaken = {x.seq for x in given_ if x.facts.get(OVERTAKEN)}
    return Told(effects, began, over, [x.seq for x in given_], overtaken)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["asks", "stores", "changes"]), max_size=30),
    st.lists(st.integers(0, 6), min_size=1, max_size=9),
)
def test_nobody_is_judged_by_what_came_later(effects: list[Effect], starts: list[int]) -> None:
    """Whatever is known as stored at a question was acknowledged before it, and nothing may have undone it since."""
    told = play(effects, starts)
    assert sorted(told.order) == list(range(len(effects)))
    known: set[int] = set()
    for n in told.order:
        if effects[n] == "changes":
            known.clear()
        elif effects[n] == "stores":
            known |= {n} - told.overtaken
        else:
            for store in known:
                assert told.over[store] < told.began[n]
                assert not any(
                    does == "changes" and told.began[c] < told.over[n] and told.over[c] > told.began[store]
                    for c, does in enumerate(effects)
                )


def test_one_that_never_ends_does_not_hold_back_everything() -> None:
    turns = Turns()
    turns.begin("changes")
    given_ = sum(
        len(list(turns.over(turns.begin("asks"), Exchange(1, Ask("GET", "/", ""), Answer())))) for _ in range(3 * MOST)
    )
    assert given_ > MOST
