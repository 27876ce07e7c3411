"""Rules of PS3.18 12.4.1, 12.5.1 and 12.6.1 on what a user agent asks of the Non-Patient Instance service.

Header fields and search parameters that all services share are judged with those of the others.
Must not know what was answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.exchange import Ask, Exchange
from harness.make.nonpatient import Maker, stray
from harness.make.parts import Part, multipart
from harness.nonpatient import CATEGORIES
from harness.rule import ASK, SHOULD, USER_AGENT, Finding, rule
from harness.wire.uri import base_path, valid_uid
from suites.web.client.bend import payload
from suites.web.non_patient.reading import (
    DICOM,
    JSON,
    RETRIEVE,
    SEARCH,
    STORE,
    TYPES,
    XML,
    belongs,
    instances,
    kinds,
    sop_class,
    uid,
)

ASKED = f"{SEARCH}|{RETRIEVE}|{STORE}"
IMAGES = ("image/", "video/", "text/html", "text/plain", "text/rtf", "text/xml", "application/pdf",
          "application/octet-stream")  # fmt: skip


def _stores(x: Exchange) -> bool:
    # our own probes ask wrongly on purpose
    return bool(x.ask.body.size) and not x.facts.get("fault")


@rule(
    "client.non-patient-name",
    cites="PS3.18 12.1.1; Table H-1",
    verifies="PS3.18-12.1.1-1",
    level=SHOULD,  # by the policy: Annex H has other names for two of them
    on=ASKED,
    who=USER_AGENT,
    content=False,
    says="The name of a category is that of 12.1.1.",
)
def category_name(x: Exchange) -> Iterator[Finding]:
    word = _words(x.ask)[0]
    if word not in CATEGORIES:
        yield Finding(word, x.resource.category, "request target", policy="D-15")


def _words(ask: Ask) -> list[str]:
    path = ask.resource.path
    return path[len(base_path(ask.base)) :].strip("/").split("/")


@category_name.mutant(at=ASK)
def asks_by_the_name_of_annex_h(x: Exchange) -> Ask | None:
    """Hanging protocols are asked for in the singular."""
    return x.ask.but(target=x.ask.target.replace("/hanging-protocols", "/hanging-protocol", 1))


@rule(
    "client.non-patient-uid",
    cites="PS3.18 12.1.1; PS3.5 9.1",
    verifies="PS3.18-12.4.2-1",
    on=f"{RETRIEVE}|{STORE}",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.resource.uid),
    says="The last word of the URI of an instance is a UID.",
)
def instance_uid(x: Exchange) -> Iterator[Finding]:
    if not valid_uid(x.resource.uid):
        yield Finding(x.resource.uid[:80], "a UID", "request target")


@instance_uid.mutant(at=ASK)
def asks_by_name(x: Exchange) -> Ask | None:
    """An instance is asked for by its label."""
    return x.ask.but(target=x.ask.target.replace(x.resource.uid, "HOT_IRON")) if x.resource.uid else None


@instance_uid.mutant(at=ASK)
def pads_the_uid(x: Exchange) -> Ask | None:
    """The UID is padded as it is in a file."""
    return x.ask.but(target=x.ask.target.replace(x.resource.uid, f"{x.resource.uid}%00")) if x.resource.uid else None


@rule(
    "client.non-patient-accept",
    cites="PS3.18 12.4.1.3; 12.6.1.3; 12.1.3",
    verifies="PS3.18-12.1.3-1",
    level=SHOULD,  # what is asked for beside them is refused, not forbidden
    on=f"{SEARCH}|{RETRIEVE}",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.ask.accept.ranges) and not x.facts.get("served"),
    says="Instances and matches are asked for in DICOM media types.",
)
def accepts_dicom(x: Exchange) -> Iterator[Finding]:
    names = [r.parameters.get("type", r.type).lower() if r.type == "multipart/related" else r.type
             for r in x.ask.accept.ranges if r.q > 0]  # fmt: skip
    if names and all(name.startswith(IMAGES) for name in names):
        yield Finding(x.ask.headers.get("accept") or "", f"{', '.join(TYPES)}", "Accept")


@accepts_dicom.mutant(at=ASK)
def wants_a_picture(x: Exchange) -> Ask | None:
    """A color palette is asked for as a picture."""
    return x.ask.but(headers=x.ask.headers.but("accept", "image/png"))


@rule(
    "client.non-patient-store-type",
    cites="PS3.18 12.5.1.3; Table 12.5.1-2; 12.5.1.4; 12.1.3",
    verifies=("PS3.18-12.5.1.4-1", "PS3.18-12.1.3-1"),
    on=STORE,
    who=USER_AGENT,
    content=False,
    when=lambda x: not x.facts.get("fault"),
    says="A store request has a payload in a DICOM media type, which Content-Type names.",
)
def store_type(x: Exchange) -> Iterator[Finding]:
    got = x.ask.headers.get("content-type")
    if not x.ask.body.size:
        yield Finding("no payload", "one or more instances", "request payload")
    elif not got:
        yield Finding("no Content-Type", ", ".join(TYPES), "header fields")
    elif x.ask.multipart is not None and not x.ask.parts:
        yield Finding("no parts", "one or more instances", "request payload")
    elif not set(kinds(x.ask)) <= set(TYPES):
        yield Finding(", ".join(sorted(set(kinds(x.ask)))), f"{DICOM}, {JSON} or multipart {XML}", "Content-Type")


@store_type.mutant(at=ASK)
def sends_octets(x: Exchange) -> Ask | None:
    """An instance is sent as application/octet-stream."""
    headers = x.ask.headers.but("content-type", "application/octet-stream")
    return x.ask.but(headers=headers) if x.ask.body.size else None


@store_type.mutant(at=ASK)
def sends_nothing(x: Exchange) -> Ask | None:
    """The payload is forgotten."""
    return payload(x.ask, b"")


@store_type.mutant(at=ASK)
def forgets_the_type(x: Exchange) -> Ask | None:
    """No Content-Type is sent."""
    return x.ask.but(headers=x.ask.headers.but("content-type", None))


@rule(
    "client.non-patient-store-fits",
    cites="PS3.18 12.5.1.1; Table 12.5.1-1; 12.1.1; 12.5.1.4",
    verifies=("PS3.18-12.5.1.1-1", "PS3.18-12.1.1-1", "PS3.18-12.5.1.4-1"),
    on=STORE,
    who=USER_AGENT,
    content=False,
    when=lambda x: _stores(x) and set(kinds(x.ask)) <= set(TYPES),
    says="What is stored are instances of the category of the target, and the one whose UID the target has.",
)
def store_fits(x: Exchange) -> Iterator[Finding]:
    sent = instances(x.ask)
    if not sent:
        yield Finding("a payload without a readable instance", "one or more instances", "request payload")
    for one in sent or ():
        if not uid(one) or not sop_class(one):
            yield Finding("an instance without its UIDs", "SOP Class UID and SOP Instance UID", "request payload")
        elif not belongs(one, x.resource.category):
            yield Finding(f"SOP Class {sop_class(one)}", f"one of {x.resource.category}", "request payload")
        elif x.resource.uid and uid(one) != x.resource.uid:
            yield Finding(f"the instance {uid(one)}", f"the instance {x.resource.uid}", "request payload")
    if x.resource.uid and len(sent or ()) > 1:
        yield Finding(f"{len(sent or ())} instances", "the one that the target names", "request payload")


@store_fits.mutant(at=ASK)
def stores_an_image(x: Exchange) -> Ask | None:
    """An image of a patient is stored as a Non-Patient Instance."""
    return payload(x.ask, stray("mutant").part10) if x.ask.type == DICOM else None


@store_fits.mutant(at=ASK)
def stores_under_another_uid(x: Exchange) -> Ask | None:
    """The UID of the target is that of another instance."""
    return x.ask.but(target=x.ask.target.replace(x.resource.uid, "1.2.3")) if x.resource.uid else None


@store_fits.mutant(at=ASK)
def stores_in_another_category(x: Exchange) -> Ask | None:
    """Hanging protocols are stored among color palettes."""
    return x.ask.but(target=x.ask.target.replace("/hanging-protocols", "/color-palettes", 1))


@store_fits.mutant(at=ASK)
def stores_two_under_one_uid(x: Exchange) -> Ask | None:
    """Two instances are stored under the UID of one."""
    if x.ask.type != DICOM or not x.resource.uid:
        return None
    other = Maker("mutant").of(x.resource.category)
    made = multipart([Part(x.ask.payload), Part.of(other.part10)])
    return payload(x.ask.but(headers=x.ask.headers.but("content-type", made.content_type)), made.body.bytes())


@store_fits.mutant(at=ASK)
def stores_what_has_no_uid(x: Exchange) -> Ask | None:
    """The data set of an instance in JSON is empty."""
    return payload(x.ask, json.dumps([{}]).encode()) if x.ask.type == JSON else None
