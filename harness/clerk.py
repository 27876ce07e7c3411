"""Knows what is done with an exchange after it was asked: predicted, recorded, judged; and how a run is summed up.

Must not know who asks, which process or thread this happens in, or what a prediction rests on.
"""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.association import Association, Evidence
from harness.exchange import Ask, Exchange
from harness.judge import Judge, Met
from harness.record import Record
from harness.verdict import Verdict


class Oracle(Protocol):
    """Predicts right answers once it was given the same instances as the target."""

    def load(self, instances: Iterable[bytes]) -> object:
        """Take in PS3.10 instances."""

    def expect(self, ask: Ask) -> Mapping[str, Any] | None:
        """The right answer in plain JSON values, None without an opinion."""

    def expect_association(self, association: Association) -> Mapping[str, Any] | None:
        """The same for the operations of an association, by their numbers."""


class Desk(Protocol):
    """What a run hands its exchanges and associations to, one after the other.

    All but `finish` raise OSError when it cannot go on.
    """

    def header(self, line: Mapping[str, Any]) -> None:
        """The first line of the record."""

    def take(self, x: Evidence) -> Met:
        """Predict, record and judge; what rules met."""

    def close(self, journey: str) -> Met:
        """The journey of that name is over: judge it as a whole."""

    def note(self, about: str, text: str) -> None:
        """Something beside the exchanges, at its place in the record."""

    def learn(self, instances: Sequence[bytes]) -> None:
        """The target holds these PS3.10 instances from now on: what is asked next is predicted."""

    def finish(self, reason: str, said: str) -> list[Verdict]:
        """The verdicts, also written into the record, which ends with why the run ended."""


class Clerk:
    """The desk itself: everything is done here and now."""

    def __init__(self, record: Record, judge: Judge, oracle: Oracle | None = None) -> None:
        self._record, self._judge, self._oracle = record, judge, oracle
        self._learnt = False

    def header(self, line: Mapping[str, Any]) -> None:
        self._record.run(**line)

    def take(self, x: Evidence) -> Met:
        try:
            return self._judge.see(self._recorded(x.but(expected=self._expected(x))))
        except OSError:  # our own disk: the run cannot go on
            raise
        except Exception:  # our fault too, but of this exchange only
            self.note("error", f"{x.called}\n{traceback.format_exc()}")
            return []

    def close(self, journey: str) -> Met:
        self.note("journey-end", journey)
        return self._judge.close(journey)

    def note(self, about: str, text: str) -> None:
        self._record.note(about, text)

    def learn(self, instances: Sequence[bytes]) -> None:
        if self._oracle is not None:
            self._oracle.load(instances)
            self._learnt = True

    def finish(self, reason: str, said: str) -> list[Verdict]:
        verdicts = self._judge.finish()
        with contextlib.suppress(OSError):  # a full disk was told of before, and the verdicts are known all the same
            for verdict in verdicts:
                self._record.verdict(verdict)
            if said:
                self.note("ended", said)
            self._record.end(reason, Counter(v.outcome.value for v in verdicts))
        return verdicts

    def _recorded(self, x: Evidence) -> Evidence:
        return self._record.exchange(x) if isinstance(x, Exchange) else self._record.association(x)

    def _expected(self, x: Evidence) -> Mapping[str, Any] | None:
        if self._oracle is None or not self._learnt:
            return None
        try:
            return self._oracle.expect(x.ask) if isinstance(x, Exchange) else self._oracle.expect_association(x)
        except Exception:  # an oracle that breaks is our fault; the exchange itself is evidence all the same
            self.note("error", f"oracle\n{traceback.format_exc()}")
            return None
