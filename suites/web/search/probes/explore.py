"""Provokes questions that a generator makes up over what is held, and lets it shrink what turns a rule red.

Must not judge.
"""

from __future__ import annotations

from harness.make.queries import Query, queries
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search.probes.choose import scope

Scope = tuple[tuple[str, tuple[str, ...]], ...]


@probe("search.explore", provokes=("web.search",))
def explore(web: Web) -> None:
    """Ask questions of every shape, on every resource."""
    if web.holding.instances:
        narrow = _narrow(web)
        web.explore(queries(web.holding), lambda query: _ask(web, _bounded(query, narrow)))


@probe("search.explore-within", provokes=("web.search",))
def explore_within(web: Web) -> None:
    """The same without pages and among known studies alone, so that whole answers are compared."""
    if web.holding.instances:
        narrow = _narrow(web)
        resources = ("studies", "series", "instances")
        asks = queries(web.holding, resources=resources, max_keys=2, paging=False)
        web.explore(asks, lambda query: _ask(web, _within(query, narrow)))


def _narrow(web: Web) -> Scope:
    return tuple((name, tuple(value.split(","))) for name, value in scope(web))


def _bounded(query: Query, narrow: Scope) -> Query:
    """A question over the whole archive is asked for a page, or for known studies: archives can be large."""
    if query.resource not in ("studies", "series", "instances") or "limit" in dict(query.parameters):
        return query
    return _within(query, narrow)


def _within(query: Query, narrow: Scope) -> Query:
    named = {name: value for name, value in query.parameters if name in ("StudyInstanceUID", "0020000D")}
    if any(named.values()):
        return query
    return query.without(*named).with_parameters(*narrow)


def _ask(web: Web, query: Query) -> None:
    web.get(query.target().lstrip("/"))
