"""Knows what a probe can say: DICOMweb requests, journeys, and explorations that shrink to a minimal exchange.

Must not know rules by name, nor judge: it only lets the session do so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import SearchStrategy

from harness.body import EMPTY, Body
from harness.exchange import Exchange
from harness.judge import Met
from harness.make.corpus import Sample
from harness.make.holding import Holding
from harness.make.parts import Message, Part, multipart
from harness.make.queries import SAFE
from harness.session import Session, request
from harness.talk.socket import Channel, open_channel
from harness.talk.web import Talk

Example = TypeVar("Example")

JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
DICOM = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'

Fields = Iterable[tuple[str, str]]

# Hypothesis mixes in literals that it finds in the source code around it, which it reads whole for that. The same seed
# would ask other questions where other code is loaded, or the same code from another folder. There is no setting for
# it; a version without this function is not disturbed.
providers._get_local_constants = providers.Constants  # type: ignore[attr-defined]


class Web:
    """What a probe is given. All requests go below the Base URI of the target and are recorded and judged.

    `random` is seeded by the run and the probe, so a probe makes the same choices again.
    """

    def __init__(self, session: Session, talk: Talk, probe: str) -> None:
        self.session = session
        self.probe = probe
        self.random = random.Random(f"{session.seed}/{probe}")
        self._talk = talk
        self._journey = ""
        self._met: Met = []
        self._red: frozenset[str] = frozenset()
        self._exploring = False

    @property
    def base(self) -> str:
        return self.session.base

    @property
    def uri_service(self) -> str:
        """Base URI of the URI service (PS3.18 9.1.1), '' where nobody says that there is one."""
        return self.session.uri_service

    @property
    def wado_ws(self) -> str:
        """URL of the WADO-WS endpoint, '' where nobody says that there is one."""
        return self.session.wado_ws

    @property
    def holding(self) -> Holding:
        """What the target is known to hold: loaded by us, or found by searching."""
        return self.session.holding

    @property
    def samples(self) -> Sequence[Sample]:
        """The instances that we loaded and the target acknowledged; empty in a read-only run."""
        return self.session.samples

    @property
    def nonce(self) -> str:
        """A word that is in no other run's data."""
        return self.session.nonce

    @property
    def edition(self) -> str:
        return self.session.edition

    def get(self, path: str, accept: str | None = JSON, headers: Fields = (), **about: Any) -> Exchange:
        """GET below the Base URI, or of an absolute URI of the target; `accept=None` sends no Accept field."""
        return self.ask("GET", path, accept, headers, **about)

    def search(self, resource: str, parameters: Fields = (), accept: str | None = JSON, **about: Any) -> Exchange:
        """GET of a search resource with these query parameters, percent-encoded where they have to be, commas kept."""
        query = "&".join(f"{quote(n, safe=SAFE)}={quote(v, safe=SAFE + ',')}" for n, v in parameters)
        return self.get(f"{resource}?{query}" if query else resource, accept, **about)

    def store(self, parts: Iterable[bytes | Body | Sample], study: str = "", accept: str | None = JSON,
              headers: Fields = (), **about: Any) -> Exchange:  # fmt: skip
        """POST of PS3.10 parts to /studies or /studies/{study}, framed as the standard shows it."""
        return self.post_multipart(multipart([_part(p) for p in parts]), study, accept, headers, **about)

    def post_multipart(self, message: Message, study: str = "", accept: str | None = JSON,
                       headers: Fields = (), **about: Any) -> Exchange:  # fmt: skip
        """POST of a multipart message that was framed elsewhere."""
        path = f"studies/{study}" if study else "studies"
        fields = [("Content-Type", message.content_type), *headers]
        return self.ask("POST", path, accept, fields, message.body, **about)

    def ask(self, method: str, path: str, accept: str | None = JSON, headers: Fields = (), body: Body | bytes = EMPTY,
            content: Iterable[bytes] | None = None, length: int | None = None, most: int | None = None,
            **about: Any) -> Exchange:  # fmt: skip
        """Any request. `about`: step="..." inside a journey, facts={...} that rules may look at."""
        fields = ([("Accept", accept)] if accept is not None else []) + list(headers)
        ask = request(self.session, method, path, fields, body, length)
        x, met = self.session.ask(
            self._talk, ask, content, most, self._exploring, probe=self.probe, journey=self._journey, **about
        )
        self._met += met
        return x

    def socket(self, url: str, headers: tuple[tuple[str, str], ...] = (), **about: Any) -> Channel:
        """Open a notification connection (PS3.18 8.10) at the ws: or wss: URL that a subscription gave. Close it.

        `headers` replace those of the handshake by their names; `about` as in `ask`, for all that is said on it.
        """
        return open_channel(self.session, self.session.blobs, url, self.random, self._talk.tls, self.session.heard,
                            headers, probe=self.probe, journey=self._journey, **about)  # fmt: skip

    def aside(self) -> Web:
        """A voice of the same journey for another thread, with a connection of its own; close it when done."""
        other = Web(self.session, self.session.talk(), self.probe)
        other._journey = self._journey
        return other

    def close(self) -> None:
        """Close the connections of a voice that stood `aside`."""
        self._talk.close()

    @contextmanager
    def journey(self, kind: str) -> Iterator[str]:
        """The exchanges asked inside belong together and are judged as a whole at the end. Not nested.

        The name of the journey is for a voice at another door that takes part in it: `Dimse.within`.
        """
        if self._journey:
            raise ValueError(f"journey {kind} inside journey {self._journey}")
        self._journey = self.session.next_journey(kind)
        try:
            yield self._journey
        finally:
            name, self._journey = self._journey, ""
            self._met += self.session.close_journey(name, self._exploring)

    def explore(self, examples: SearchStrategy[Example], act: Callable[[Example], None], share: float = 1.0) -> None:
        """Let Hypothesis look for an example whose exchanges turn a rule red that was green until now.

        Each such rule is shrunk to a minimal exchange once; then the search goes on without it, until the run's
        number of examples (times `share`) is used up.
        """
        left = max(1, int(self.session.examples * share))
        shrunk: set[str] = set()
        self.session.settle()
        self._exploring = True
        try:
            while left > 0:
                left -= self._explored(examples, act, left, shrunk)
        finally:
            self._exploring = False

    def _explored(self, examples: SearchStrategy[Example], act: Callable[[Example], None], most: int,
                  shrunk: set[str]) -> int:  # fmt: skip
        tried = 0
        chased = ""

        def one(example: Example) -> None:
            nonlocal tried, chased
            tried += not chased
            self._met = []
            act(example)
            for rule, finding in self._met:
                # a rule that other probes turned red has its evidence; only new ones are worth the chase
                fresh = rule == chased or (not chased and rule not in shrunk and rule not in self._red)
                if not finding.warn and fresh:
                    chased = rule
                    raise _Red(rule)

        self._red = self.session.red()
        run = hypothesis.seed(self.random.getrandbits(64))(_settings(most)(hypothesis.given(examples)(one)))
        try:
            run()
        except (_Red, hypothesis.errors.Flaky):  # flaky: the target answered the same question differently
            shrunk.add(chased)
        return max(tried, 1)


class _Red(Exception):
    """Tells Hypothesis that this example turned a rule red."""


def _settings(most: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def _part(part: bytes | Body | Sample) -> Part:
    return Part.of(part.part10 if isinstance(part, Sample) else part)
