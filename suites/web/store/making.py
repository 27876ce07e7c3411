"""Knows how probes of the Store transaction make new instances, and how they look for them afterwards.

Must not judge what comes back.
"""

from __future__ import annotations

from typing import Any

from harness.make.corpus import Sample
from harness.make.variants import BadSample, fresh
from harness.talk.conversation import DICOM, Web

EXPLICIT = "1.2.840.10008.1.2.1"
AS_STORED = f"{DICOM}; transfer-syntax=*"
XML = "application/dicom+xml"
TRIES = 3  # how often something is looked for before it counts as not there


def plain(web: Web) -> Sample:
    """A small image in Explicit VR Little Endian, the likeliest to be taken."""
    known = {s.instance for s in web.samples}
    usable = [s for s in web.session.corpus if s.transfer_syntax == EXPLICIT and s.frames == 1]
    taken = [s for s in usable if s.instance in known]
    return (taken or usable or web.session.corpus)[0]


class Maker:
    """New instances for one probe, each with UIDs of its own."""

    def __init__(self, web: Web, like: Sample | None = None) -> None:
        self.like = like or plain(web)
        self.name = web.probe
        self.count = 0

    def __call__(self, like: Sample | None = None, **where: Any) -> Sample:
        self.count += 1
        return fresh(like or self.like, self.count, self.name, **where)


def look(web: Web, *samples: Sample | BadSample) -> None:
    """Retrieve each instance and search for it, a few times when it is not there."""
    for s in samples:
        study, series = _place(s)
        path = f"studies/{study}/series/{series}/instances/{s.instance}"
        for _ in range(TRIES):
            if web.get(path, AS_STORED, step="retrieve").answer.status not in (404, 409, 503):
                break
        for _ in range(TRIES):
            x = web.search(f"studies/{study}/instances", [("SOPInstanceUID", s.instance)], step="search")
            if x.answer.status not in (204, 404) and not (x.answer.json and not x.answer.json.datasets):
                break


def look_once(web: Web, study: str, series: str, instance: str) -> None:
    """Retrieve an instance and search for it, once: it should not be there."""
    web.get(f"studies/{study}/series/{series}/instances/{instance}", AS_STORED, step="retrieve")
    web.search(f"studies/{study}/instances", [("SOPInstanceUID", instance)], step="search")


def _place(s: Sample | BadSample) -> tuple[str, str]:
    return (s.study, s.series) if isinstance(s, Sample) else (s.study, "")
