"""Knows what the door does without being asked: in threads of its own, now or later, on associations that it opens.

Must not know services, nor what the errands are about.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final

from harness.upper_layer.offer import Offer
from simulators.dimse.link import Link, Mutate, Patience, Peer
from simulators.dimse.talk import Gone, Observer

LOG = logging.getLogger(__name__)
MOST: Final = 32  # errands that are under way at once

Errand = Callable[[], None]
Witness = Callable[[Peer], AbstractContextManager[Observer | None]]  # takes down an association with a peer


class Errands:
    """Does errands until it is closed; what fails is logged, and harms nothing else.

    `witness` takes down the associations that are opened, `mutate` is a defect in what is said on them.
    """

    def __init__(self, patience: Patience | None = None, witness: Witness | None = None,
                 mutate: Mutate | None = None) -> None:  # fmt: skip
        self._patience = patience or Patience()
        self._witness: Witness = witness or (lambda peer: nullcontext())
        self._mutate = mutate
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="errand")
        self._timers: set[threading.Timer] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give up what is still to be done."""
        with self._lock:
            self._stopped.set()
            for timer in self._timers:
                timer.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, errand: Errand) -> None:
        """As soon as there is a thread for it."""
        with suppress(RuntimeError):  # closed
            self._pool.submit(_carefully, errand)

    def later(self, pause: float, errand: Errand) -> None:
        """After so many seconds, without holding a thread meanwhile: others have their errands too."""
        timer = threading.Timer(pause, self.do, (errand,))
        timer.daemon = True
        with self._lock:
            self._timers = {one for one in self._timers if one.is_alive()} | {timer}
            if not self._stopped.is_set():
                timer.start()

    @contextmanager
    def calling(self, peer: Peer, offer: Offer) -> Iterator[Link]:
        """An association with a peer, taken down; Gone when it does not come about."""
        unwanted, mutate = self._stopped.is_set, self._mutate
        with self._witness(peer) as seen, Link(peer, offer, self._patience, unwanted, seen, mutate) as link:
            yield link


def _carefully(errand: Errand) -> None:
    try:
        errand()
    except Gone:
        pass
    except Exception:
        LOG.exception("an errand failed")
