"""Knows which instances that were sent as metadata and bulk data came back, and what bulk data was theirs.

Must not judge them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.exchange import Exchange, Journey, view
from harness.wire import part10
from suites.web.retrieve.permitted import ORIGINAL_ATTRIBUTES
from suites.web.store.apart import Reference, references
from suites.web.store.kept import Told, acknowledged, files, retrieves

APART_JOURNEY = "web.store.effects.apart"
LARGEST = 64 << 20  # octets of a value that is looked at

Made = tuple[Told, Exchange, part10.Reading]


@view
def made(j: Journey) -> tuple[Made, ...]:
    """Each acknowledged instance that was sent apart, and the file that came back; none that tells of a coercion."""
    found: list[Made] = []
    for uid, told in acknowledged(j).items():
        for x in retrieves(j, uid) if told.sent.attributes is not None else ():
            for reading in files(x):
                if reading.dataset.text("00080018") == uid and reading.dataset.get(ORIGINAL_ATTRIBUTES) is None:
                    found.append((told, x, reading))
    return tuple(found)


def bulk(j: Journey, types: Callable[[Reference], bool]) -> Iterator[tuple[Made, Reference]]:
    """The references of these instances that lead to something, and are of these types."""
    for one in made(j):
        told = one[0]
        for reference in references(told.x.ask, told.sent):
            if reference.parts and types(reference):
                yield one, reference
