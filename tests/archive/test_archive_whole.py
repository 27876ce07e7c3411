"""What is held in memory is searched as the index is: the same matches in the same order, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.make.corpus import corpus
from harness.make.holding import Holding
from harness.make.queries import queries
from harness.wire import uri
from simulators.archive.archive import Archive, BadValue, Question
from simulators.archive.search import Whole
from simulators.web import query
from simulators.web.report import Problem
from simulators.web.search import question

SAMPLES = list(corpus(3, "WHOLENESS"))
HOLDING = Holding.of(SAMPLES)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    opened = Archive(tmp_path_factory.mktemp("whole") / "archive")
    batch = []
    for sample in SAMPLES:
        incoming = opened.receive()
        incoming.write(sample.part10)
        incoming.close()
        batch.append(incoming)
    assert {outcome.status for outcome in opened.store(batch)} == {"stored"}
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def whole(archive: Archive) -> Whole:
    return archive.whole()


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Questions as a server reads them out of the searches that a run makes."""
    target = draw(queries(HOLDING)).target("http://h/dw")
    resource = uri.classify("GET", target.removeprefix("http://h"), "http://h/dw")
    try:
        parameters = query.read(resource.query.raw)
        asked = question(parameters, resource.search, resource.study, resource.series, True)
    except (Problem, BadValue):
        asked = Question(("study",))
    return replace(asked, offset=0, limit=None, include=frozenset(), include_all=False, uids_only=True,
                   unknown_matches=draw(st.booleans()))  # fmt: skip


@given(asked=questions())
def test_the_same_matches_in_the_same_order(archive: Archive, whole: Whole, asked: Question) -> None:
    try:
        wanted = list(archive.search(asked).rows)
    except BadValue:
        with pytest.raises(BadValue):
            whole.search(asked)
        return
    assert whole.search(asked) == wanted
