"""Rules of PS3.18 8.3.4.1.1 on Timezone Offset From UTC in a request: it says in which zone dates and times are meant.

Must not know other keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.exchange import Answer, Ask, Journey
from harness.rule import DOOR, Door, Finding, journey
from suites.web.search.broken import asking, parameters
from suites.web.search.rows import found, owns, rows, texts

KIND = "web.search.timezone"
ZONE = re.compile(r"([+-])([0-9]{2})([0-9]{2})\Z")


def minutes(offset: str) -> int | None:
    """An offset such as +0130 in minutes, None when it is none."""
    match = ZONE.match(offset.strip())
    if not match:
        return None
    sign, hours, rest = match.groups()
    return (int(hours) * 60 + int(rest)) * (-1 if sign == "-" else 1)


def located(j: Journey) -> bool:
    """The subject is found by UID and by its moment as it stands, and tells its date, time and zone."""
    subject = j.step("subject")
    row = next(iter(rows(subject) or ()), None) if subject else None
    tags = ("00080020", "00080030", "00080201")
    plain = j.step("plain")
    if row is None or plain is None or plain.facts["uid"] not in owns(plain):
        return False  # without a zone it fails already, which is a matter of combined ranges
    return all(any(texts(row, t)) for t in tags) and bool(j.steps("same") or j.steps("other"))


@journey(
    "search.time-zone",
    cites="PS3.18 8.3.4.1.1; PS3.4 C.2.2.2.1.3, C.2.2.2.5",
    verifies="PS3.18-8.3.4.1.1-8",
    on=KIND,
    when=located,
    says="With Timezone Offset From UTC, ranges of dates and times find the moments that they mean in that zone.",
)
def time_zone(j: Journey) -> Iterator[Finding]:
    for step, due in (("same", True), ("other", False)):
        for x in j.steps(step):
            uid, zone = x.facts["uid"], x.facts["zone"]
            if rows(x) is None:
                yield Finding(x.answer.line, "a search", f"TimezoneOffsetFromUTC={zone}", seq=x.seq)
            elif (uid in owns(x)) is not due:
                want = f"{uid} {'found' if due else 'not found'}: {x.facts['moment']} there is {x.facts['here']}"
                where = f"TimezoneOffsetFromUTC={zone}"
                yield Finding("found" if found(x) else "not found", want, where, seq=x.seq)


@time_zone.mutant(at=DOOR)
def ignores_the_zone(ask: Ask, door: Door) -> Answer:
    """Timezone Offset From UTC in a request is not looked at."""
    kept = [(n, v) for n, v in parameters(ask) if n not in ("TimezoneOffsetFromUTC", "00080201")]
    return door(asking(ask, kept))


@time_zone.mutant(at=DOOR)
def turns_the_zone_around(ask: Ask, door: Door) -> Answer:
    """Zones east of Greenwich are taken for ones west of it."""
    signs = {"%2B": "-", "+": "-", "-": "%2B"}
    zones = ("TimezoneOffsetFromUTC", "00080201")
    turned = [(n, re.sub(r"^(%2B|\+|-)", lambda m: signs[m[1]], v) if n in zones else v) for n, v in parameters(ask)]
    return door(asking(ask, turned))
