"""Knows the web door of an observation: the simulator behind a relay that takes down every octet of the clients.

Must not know rules, nor how what was heard is recorded and judged.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dicomproof.simulate import behind, broken_by
from harness.association import Evidence
from harness.blobs import Blobs
from harness.exchange import Answer, Ask, Exchange
from harness.rule import Door, Mutant
from harness.watch.bases import base_of
from harness.watch.message import Head
from harness.watch.relay import Ear, Place, relaying
from harness.watch.scribe import Scribe
from harness.wire.uri import CATEGORIES, base_path
from simulators.agents.troupe import Cast, playing
from simulators.archive.archive import Archive
from simulators.line import Served
from simulators.relay import relay
from simulators.scenarios import Scenario
from simulators.serve import serve
from suites.web.client.resources import meant

ROOT = "/dicomweb"
# the top level resources of 10.1.1, and those of the chapters after it
COLLECTIONS = ("studies", "series", "instances", "workitems", "commitment-requests", *CATEGORIES)
NOBODY = Cast()
_ASKED = frozenset({"user-agent"})


def _as_it_is(ask: Ask, door: Door) -> Answer:
    return door(ask)


class WebDoor:
    """Serves at an address. `take` gets each exchange, `note` what is worth telling and is none."""

    def __init__(
        self, blobs: Blobs, take: Callable[[Evidence], None], note: Callable[[str], None], played: Scenario | None
    ) -> None:
        self._blobs, self._take, self._played = blobs, take, played
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._strays, self._first_stray = 0, ""  # what was asked past our Base URI
        self._roots = [ROOT] + ([played.root] if played and played.root else [])
        self._place = ""
        self._scribe = Scribe(self._heard, note)

    @contextlib.contextmanager
    def serving(self, archive: Archive, host: str, port: int, edition: str, mutants: Sequence[Mutant],
                cast: Cast = NOBODY) -> Iterator[str]:  # fmt: skip
        """Serve until the block ends; gives the Base URI. OSError when the address cannot be had.

        The agents of `cast` go past the relay, so that nobody takes down what they say.
        """
        broken, wire = broken_by(mutants)
        # the door behind it takes a request in whole before it is answered, also one that is refused for its head
        mutate = behind(self._played.mutate if self._played and self._played.mutate else _as_it_is, broken)
        with contextlib.ExitStack() as stack:
            stack.callback(self._scribe.close)
            around = self._played.around if self._played else None
            inner = stack.enter_context(
                serve(archive, base=ROOT, edition=edition, mutate=mutate, wire=wire, around=around)
            )
            stack.enter_context(playing(inner.url, cast))
            place = (inner.host, inner.port)
            if self._played and self._played.trouble:
                place = stack.enter_context(relay(place, trouble=self._played.trouble))
            outer = stack.enter_context(relaying(Place(*place), self, host, port))
            self._scribe.rooms.append(outer.room)
            url = Served.at((outer.host, outer.port), ROOT).url
            self._place = url.removeprefix("http://").removesuffix(ROOT)
            yield url

    def listen(self, client: str) -> Ear:
        """Somebody has connected."""
        return self._scribe.web(self._blobs, self._base, client)

    @property
    def full(self) -> bool:
        return self._scribe.full

    def told(self) -> str:
        """What was asked past us, what the scenario did, and what was asked again after it, for people."""
        return " ".join(said for said in (self._told_of_strays(), self._told_of_scenario()) if said)

    def _told_of_strays(self) -> str:
        if not self._strays:
            return ""
        where = f"not at our Base URI, http://{self._place}{ROOT}"
        return f"{self._strays} requests for DICOMweb were {where}; the first was {self._first_stray}."

    def _told_of_scenario(self) -> str:
        if self._played is None:
            return ""
        acted = self._played.acted
        if not acted:
            return f"Scenario {self._played.name}: nothing was asked that it changes the answer to."
        again = sum(self._asked[target] > times for target, times in acted.items())
        answers = f"{acted.total()} answers were changed, to {len(acted)} questions"
        return f"Scenario {self._played.name}: {answers}; {again} of them were asked again after that."

    def _base(self, head: Head | None) -> str:
        """The Base URI that a request is below; everything that is asked here is of interest."""
        if head is None:
            return f"http://{self._place}{ROOT}"
        root = next((r for r in self._roots if head.words[1].startswith(r + "/")), ROOT)
        return base_of(head, "http", self._place, root)

    def _heard(self, x: Evidence) -> None:
        assert isinstance(x, Exchange)
        with self._lock:
            self._asked[x.ask.target] += 1
        x = x.but(judged=x.judged & _ASKED, facts={**x.facts, "served": self._place})
        foreign = _foreign(x)
        if x.kind == "web.other" and _astray(x):
            self._strays += 1
            self._first_stray = self._first_stray or x.ask.line[:200]
        # pages, icons and services of other makers: PS3.18 says nothing about them
        self._take(x.but(judged=frozenset(), journey="") if foreign else x)


def _foreign(x: Exchange) -> bool:
    """It asks for something that is none of the resources that we serve, nor like one of them."""
    below = x.resource.path.removeprefix(base_path(x.ask.base)).lstrip("/")
    if not x.ask.method or x.kind != "web.other" or below.partition("/")[0] in COLLECTIONS:
        return False
    return not meant(x.ask.method, x.resource.path, x.ask.base)


def _astray(x: Exchange) -> bool:
    """It names one of our collections, but not below our Base URI."""
    beside = not x.resource.path.startswith(base_path(x.ask.base) + "/")
    return beside and not set(COLLECTIONS).isdisjoint(x.resource.path.split("/"))
