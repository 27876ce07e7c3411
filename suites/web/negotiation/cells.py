"""Rules on the negotiation matrix (PS3.18 8.7.3, 8.7.8, 10.4.4): each cell asked for, alone and in other forms.

Must not know which cells there are. Default and required types that are refused are found by the rules on selection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.exchange import NOT_NOW, Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, Door, Finding, journey, rule
from suites.web.negotiation.matrix import ALONE, default_syntax
from suites.web.negotiation.reading import READS, came, default, files, items, kind_of, told
from suites.web.negotiation.tables import OLD_NAMES, Offer

MATRIX = "web.search.matrix|web.retrieve.matrix"
_REFUSED = 406
_KEPT = 20  # representations of one answer that are looked at


def _cell(x: Exchange) -> dict[str, Any]:
    """What was asked, {} when the exchange is no cell of the matrix."""
    return dict(x.facts) if "cell" in x.facts else {}


def _offer(x: Exchange) -> Offer:
    name = str(_cell(x).get("type", ""))
    root = name.partition('type="')[2].rstrip('"')
    return Offer(root, multipart=True) if root else Offer(name)


def _delivered(x: Exchange) -> bool:
    """What came is of the media type that the cell is about."""
    reading, offer = told(x), _offer(x)
    root = OLD_NAMES.get(reading.root or "", reading.root or "")
    return reading.type == "multipart/related" and root == offer.type if offer.multipart else offer.is_type_of(reading)


def _syntaxes(x: Exchange) -> set[str]:
    """The transfer syntaxes of what came: those of the files, or those told, or meant by not telling any."""
    in_files = {reading.transfer_syntax for _, reading in files(x)}
    silent = default_syntax(_offer(x))
    return in_files or {item.syntax or silent for item in items(x)[:_KEPT]}


def _wrong_syntax(x: Exchange) -> str:
    """A transfer syntax that came in place of the one that the cell names, '' when none did."""
    wanted = str(_cell(x)["syntax"])
    if wanted in ("", "*"):
        return ""
    return next((s for s in _syntaxes(x) if s != wanted), "")


@rule(
    "negotiation.optional-as-asked",
    cites="PS3.18 8.7.8.1; 8.7.8.2; 8.7.3.5.2; 10.4.3.1; 10.4.4",
    verifies=("PS3.18-8.7.8.1-1", "PS3.18-8.7.8.2-1", "PS3.18-8.7.3.1-3", "PS3.18-8.7.3.5.2-1"),
    on=READS,
    when=lambda x: _cell(x).get("cell") == "optional" and _cell(x)["form"] == ALONE and x.answer.status not in NOT_NOW,
    says="An optional representation that is asked for alone comes just as it was asked for, or the answer is 406.",
)
def optional_as_asked(x: Exchange) -> Iterator[Finding]:
    if x.answer.status == _REFUSED or x.answer.status // 100 in (3, 5):
        return  # errors of the server itself http.no-server-error finds
    usual = default(x)
    if not came(x):
        yield Finding(got=x.answer.line, want="200 with it, or 406", where="status code", warn=x.answer.status == 415)
    elif not _delivered(x):
        # 8.3.3.1 and 8.7.3 send the default type where 8.7.8.1 says 406
        by_default = usual is not None and usual.is_type_of(told(x))
        if not by_default or not x.context or x.context.policy("D-02") != "default":
            yield Finding(got=kind_of(x), want=f"{_offer(x)} or 406", where="Content-Type", warn=by_default,
                          policy="D-02" if by_default else "")  # fmt: skip
    elif wrong := _wrong_syntax(x):
        yield Finding(got=wrong, want=f"{_cell(x)['syntax']} or 406", where="transfer syntax")


@optional_as_asked.mutant
def optional_is_400(x: Exchange) -> Answer | None:
    """A representation that is not offered is answered 400."""
    named = x.kind.startswith("web.retrieve") and x.ask.accept.present
    return x.answer.but(status=400) if x.answer.status == _REFUSED and named else None


@optional_as_asked.mutant
def one_syntax_for_another(x: Exchange) -> Answer | None:
    """Whatever compressed transfer syntax of a frame is asked for, JPEG 2000 is what comes."""
    named = [r.parameters.get("transfer-syntax", "") for r in x.ask.accept.ranges] or [""]
    if x.kind != "web.retrieve.frames" or not came(x) or "." not in named[0] or named[0].encode() not in _octets(x):
        return None
    return x.answer.but(body=_octets(x).replace(named[0].encode(), b"1.2.840.10008.1.2.4.90"))


def _octets(x: Exchange) -> bytes:
    return x.answer.body.bytes()


def _plain(j: Journey) -> Exchange | None:
    """The cell asked for alone, when it was delivered as asked."""
    x = j.step("plain")
    return x if x and came(x) and _delivered(x) and not _wrong_syntax(x) else None


@journey(
    "negotiation.every-form-chooses-alike",
    cites="PS3.18 8.7.8.1; 8.7.8.2; 8.7.7; 8.3.3.1",
    verifies=("PS3.18-8.7.8.1-1", "PS3.18-8.7.8.1-2", "PS3.18-8.7.8.2-1", "PS3.18-8.7.5-3", "PS3.18-8.3.3.1-1"),
    on=MATRIX,
    basis=RELATION,
    when=lambda j: _plain(j) is not None and bool(j.steps("form")),
    says="What comes when asked for alone comes in every form that prefers it: by parameter, by weight, in lists.",
)
def every_form_chooses_alike(j: Journey) -> Iterator[Finding]:
    plain = _plain(j)
    for x in j.steps("form") if plain else ():
        where, want = str(_cell(x).get("form")), f"{_offer(x)} {_cell(x).get('syntax')}".rstrip()
        if x.answer.status in NOT_NOW or (not came(x) and _cell(x)["cell"] != "optional"):
            continue  # that what is owed is refused, negotiation.supported-not-refused finds
        if not came(x):
            yield Finding(got=x.answer.line, want=f"200 with {want}", where=where, seq=x.seq)
        elif not _delivered(x):
            yield Finding(got=kind_of(x), want=want, where=where, seq=x.seq)
        elif plain is not None and _cell(x)["syntax"] != "*" and _syntaxes(x) != _syntaxes(plain):
            got = ", ".join(sorted(_syntaxes(x)))
            yield Finding(got=got, want=want, where=f"transfer syntax, {where}", seq=x.seq)


def _asked(ask: Ask) -> str:
    return ask.headers.get("accept") or ""


@every_form_chooses_alike.mutant(at=DOOR)
def the_wildcard_wins(ask: Ask, door: Door) -> Answer:
    """Where */* is in the list, the rest of it is not looked at."""
    return door(ask.but(headers=ask.headers.but("accept", "*/*")) if "*/*" in _asked(ask) else ask)


@every_form_chooses_alike.mutant(at=DOOR)
def compressed_without_weights(ask: Ask, door: Door) -> Answer:
    """A compressed type with a weight is not recognised."""
    return door(ask).but(status=406) if "image/" in _asked(ask) and "q=" in _asked(ask) else door(ask)


@every_form_chooses_alike.mutant(at=DOOR)
def syntax_of_the_first_member(ask: Ask, door: Door) -> Answer:
    """A transfer syntax counts only in the first member of the list."""
    first, comma, rest = _asked(ask).partition(",")
    kept = rest.replace("; transfer-syntax=", "; unknown=")
    return door(ask.but(headers=ask.headers.but("accept", first + comma + kept)) if comma else ask)
