"""Provokes searches for a moment told in other time zones than that of what is held.

Must not judge.
"""

from __future__ import annotations

import datetime

from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.search import moments
from suites.web.search.probes.choose import encoded
from suites.web.search.timezone import KIND, minutes

ZONES = ("+0000", "-0800", "+0530")


@probe("search.time-zones", provokes=(KIND,))
def time_zones(web: Web) -> None:
    """Ask for a study by its moment, told in its own zone and in others; then by a moment that is another one there."""
    zoned = [s for s in web.holding.studies if _moment(s) is not None and minutes(s.attribute("00080201")) is not None]
    for study in zoned[:2]:
        when, own = _moment(study), minutes(study.attribute("00080201"))
        if when is None or own is None:
            continue
        one = [("StudyInstanceUID", study.study)]
        here = f"{when:%Y%m%d %H%M%S} {study.attribute('00080201')}"
        with web.journey(KIND):
            web.search("studies", [*one, ("includefield", "TimezoneOffsetFromUTC")], step="subject")
            _ask(web, one, when, "", "plain", here)
            for zone in (study.attribute("00080201"), *ZONES):
                there = when + datetime.timedelta(minutes=(minutes(zone) or 0) - own)
                _ask(web, one, there, zone, "same", here)
            for zone in ZONES[1:]:
                _ask(web, one, when, zone, "other", here)


def _moment(study: Entity) -> datetime.datetime | None:
    date, time = study.attribute("00080020"), study.attribute("00080030")
    if moments.date(date) is None or moments.time(time) is None or len(time) < 6 or not (date + time[:6]).isdigit():
        return None
    try:
        return datetime.datetime.strptime(date + time[:6], "%Y%m%d%H%M%S")
    except ValueError:  # a leap second
        return None


def _ask(web: Web, one: list[tuple[str, str]], there: datetime.datetime, zone: str, step: str, here: str) -> None:
    """A range from a minute before to a minute after that moment."""
    minute = datetime.timedelta(minutes=1)
    first, last = there - minute, there + minute
    keys = [*one, ("StudyDate", f"{first:%Y%m%d}-{last:%Y%m%d}"), ("StudyTime", f"{first:%H%M%S}-{last:%H%M%S}")]
    keys += [("TimezoneOffsetFromUTC", zone)] if zone else []
    facts = {"uid": one[0][1], "zone": zone, "here": here, "moment": f"{there:%Y%m%d %H%M%S} {zone}"}
    web.get(encoded("studies", keys), step=step, facts=facts)
