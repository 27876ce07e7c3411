"""Rules of PS3.18 14.4.1 and PS3.4 K.2.2 on who searches scheduled steps, beside those on all searches.

Must not know what was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.rule import ASK, SHALL_NOT, USER_AGENT, Finding, rule
from suites.dimse.find.asked import WILD_CARD
from suites.web.client.bend import accepting, payload
from suites.web.scheduled_steps.reading import REQUIRED, SEARCH, SINCE
from suites.web.search import asked

_STEP = "00400100"


@rule(
    "client.scheduled-without-payload",
    cites="PS3.18 14.4.1.4",
    verifies="PS3.18-14.4.1.4-1",
    level=SHALL_NOT,
    on=SEARCH,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    says="A search of scheduled steps has no payload.",
)
def scheduled_without_payload(x: Exchange) -> Iterator[Finding]:
    if x.ask.body.size:
        yield Finding(f"{x.ask.body.size} octets", "no payload", "payload")


@scheduled_without_payload.mutant(at=ASK)
def asks_with_an_identifier(x: Exchange) -> Ask | None:
    """The search carries an identifier, as in DIMSE."""
    return payload(x.ask.but(headers=x.ask.headers.but("content-type", "application/dicom+json")), b"{}")


@rule(
    "client.scheduled-accept",
    cites="PS3.18 14.4.1.3 Table 14.4.1-1",
    on=SEARCH,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: x.ask.method != "HEAD",
    says="A search of scheduled steps has an Accept field.",
)
def scheduled_accept(x: Exchange) -> Iterator[Finding]:
    if "accept" not in x.ask.headers:
        yield Finding("no Accept field", "the media types that are acceptable", "header fields")


@scheduled_accept.mutant(at=ASK)
def accepts_it_knows_not_what(x: Exchange) -> Ask | None:
    """There is no Accept field."""
    return accepting(x, None)


@rule(
    "client.scheduled-keys",
    cites="PS3.18 14.4.1; 8.3.4.1; PS3.4 K.2.2, K.6.1.2.2 Table K.6-1",
    verifies="PS3.18-14.4.1-1",
    on=SEARCH,
    who=USER_AGENT,
    since=SINCE,
    content=False,
    when=lambda x: any((key.path in REQUIRED and not key.universal) or _misplaced(key) for key in asked.keys(x.ask)),
    says="Required keys are asked by the kinds of matching of Table K.6-1, with values of their VR.",
)
def scheduled_keys(x: Exchange) -> Iterator[Finding]:
    for key in asked.keys(x.ask):
        if key.path in REQUIRED and not key.universal and (wrong := _wrong(key)):
            yield Finding(key.value[:80], wrong, key.where[:80])
        elif _misplaced(key):
            # any attribute may be asked for, and this one is in no step at that place
            yield Finding(f"{key.path} of the step itself", f"{_STEP}.{key.path}", key.where[:80], warn=True)


def _misplaced(key: asked.Key) -> bool:
    """A required key that lies in Scheduled Procedure Step Sequence, asked for outside of it."""
    return key.path not in REQUIRED and f"{_STEP}.{key.path}" in REQUIRED


def _wrong(key: asked.Key) -> str:
    """What a value should be and is not, '' when it is."""
    if key.vr == "DA" and not _ranged(key.value, 8):
        return "a day YYYYMMDD or a range of days"
    if key.vr == "TM" and not _ranged(key.value, 16):
        return "a time or a range of times"
    wild = bool(set(key.value) & set("*?")) and key.value != "*"
    return "a plain value" if wild and WILD_CARD not in REQUIRED[key.path] else ""


def _ranged(text: str, longest: int) -> bool:
    words = text.split("-")
    return len(words) <= 2 and any(words) and all(len(w) <= longest and _digits(w) for w in words)


def _digits(word: str) -> bool:
    return not word or word.replace(".", "", 1).isdigit()


@scheduled_keys.mutant(at=ASK)
def writes_dates_with_dashes(x: Exchange) -> Ask | None:
    """A day is written as in ISO 8601."""
    where = x.ask.target.partition("?")[0]
    return x.ask.but(target=f"{where}?ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate=2024-03-06")


@scheduled_keys.mutant(at=ASK)
def forgets_the_sequence(x: Exchange) -> Ask | None:
    """The modality is asked for outside of Scheduled Procedure Step Sequence."""
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?Modality=CT")


@scheduled_keys.mutant(at=ASK)
def asks_for_modalities_by_pattern(x: Exchange) -> Ask | None:
    """Stations are asked for by a pattern."""
    where = x.ask.target.partition("?")[0]
    return x.ask.but(target=f"{where}?ScheduledProcedureStepSequence.ScheduledStationAETitle=CT*")
