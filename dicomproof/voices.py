"""Knows with what the probes of a run speak: a conversation on the web, associations, or both.

Must not know rules, nor what any probe says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dicomproof.reach import greet, knock, knock_dimse, recognise
from dicomproof.sims import Standing
from harness.blobs import Blobs
from harness.rule import Probe
from harness.session import Session
from harness.talk.conversation import Web
from harness.talk.dialogue import Dimse, Setup
from harness.talk.dimse import Limits as Bounds
from harness.talk.listener import Listener
from harness.talk.web import Limits, Talk
from harness.target import Dimse as DimseSide
from harness.target import Target, sides
from harness.upper_layer.offer import Identity

CALLING = DimseSide.calling
# For each side: the probe that stores the corpus, and the one that finds data where nothing may be stored.
DATA = {"web": ("store.load", "search.find-data"), "dimse": ("storage.load", "find.find-data")}
ARTIM = 10.0  # seconds that a connection which should be closed may stay open
MESSAGES = 20_000  # that the target may send on one association
GIVING = frozenset(id for pair in DATA.values() for id in pair)


@dataclass(frozen=True)
class Voices:
    """What can be asked of the target, and how."""

    target: Target
    standing: Standing
    blobs: Blobs
    listener: Listener | None = None

    @property
    def base(self) -> str:
        """Base URI of the web services, '' without any."""
        return self.standing.base

    @property
    def doors(self) -> frozenset[str]:
        """ "web", "dimse", and "doors" when both are there."""
        return sides(self.standing.base, self.standing.dimse)

    def addresses(self) -> dict[str, str]:
        """Where the target is asked, for the record."""
        dimse = self.standing.dimse
        told = {
            "base": self.base,
            "uri_service": self.standing.uri_service,
            "wado_ws": self.standing.wado_ws,
            "dimse": dimse.entity.url if dimse else "",
        }
        return {name: place for name, place in told.items() if place or name == "base"}

    def knock(self) -> None:
        """Unreachable when no transport connection can be opened to a side of the target."""
        if self.base:
            knock(self.base, self.target)
        if self.standing.dimse:
            knock_dimse(self.standing.dimse.entity, self.target.dimse_tls())

    def talk(self) -> Talk:
        """A connection to the web services; it is opened when the first question goes out."""
        limits = Limits(deadline=self.target.deadline, body=self.target.body)
        return Talk(self.base, self.blobs, limits, self.target.tls())

    @contextlib.contextmanager
    def open(self, session: Session) -> Iterator[Voice]:
        """What one thread speaks with."""
        with contextlib.ExitStack() as stack:
            talk = stack.enter_context(session.talk()) if self.base else None
            yield Voice(self, session, talk)

    @cached_property
    def setup(self) -> Setup:
        """How we take part in associations."""
        side = self.standing.dimse
        assert side is not None
        identity = None
        if side.user:
            secret = side.passcode.encode()
            identity = Identity(2 if secret else 1, side.user.encode(), secret)
        return Setup(
            calling=side.calling,
            identity=identity,
            tls=self.target.dimse_tls(),
            limits=Bounds(
                deadline=self.target.deadline,
                artim=min(ARTIM, self.target.deadline),
                octets=4 * self.target.body,  # an association carries more than one answer
                messages=MESSAGES,
            ),
            listener=self.listener,
            title=side.listen.title if side.listen else CALLING,
        )


@dataclass(frozen=True)
class Voice:
    """What the probes of one thread speak with, one after the other."""

    voices: Voices
    session: Session
    talk: Talk | None

    @property
    def data(self) -> list[tuple[str, str]]:
        """The probes that store and find data, for each side that the target has."""
        return [pair for door, pair in DATA.items() if door in self.voices.doors]

    def act(self, probe: Probe) -> None:
        """Have a probe speak, on the side that it provokes, or on both."""
        doors = {word.split(".")[0] for word in probe.provokes}
        if "doors" in doors:
            probe.act(self._web(probe.id), self._dimse(probe.id))
        elif "dimse" in doors:
            probe.act(self._dimse(probe.id))
        else:
            probe.act(self._web(probe.id))

    def recognise(self) -> None:
        """Unreachable when a side of the target is not what it should be."""
        if self.talk is not None:
            recognise(self._web("reach"))
        if self.voices.standing.dimse:
            greet(self._dimse("reach"))

    def _web(self, probe: str) -> Web:
        assert self.talk is not None
        return Web(self.session, self.talk, probe)

    def _dimse(self, probe: str) -> Dimse:
        side = self.voices.standing.dimse
        assert side is not None
        return Dimse(self.session, side.entity, probe, self.voices.setup)
