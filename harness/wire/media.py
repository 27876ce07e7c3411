"""Knows the grammar of media types, Content-Type and Accept (RFC 9110 5.6, 8.3, 12.5; PS3.18 8.7).

Must not know resources, or which media types a resource offers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.wire.flaw import Flaws

CODES: dict[str, str] = {
    "media.repeated": "A message has one Content-Type field (RFC 9110 5.3, 8.3).",
    "media.empty": "A Content-Type field has a value (RFC 9110 8.3).",
    "media.too-long": "A field value stays within 64 KiB, our bound.",
    "media.characters": "A field value has no control characters (RFC 9110 5.5).",
    "media.type": "A media type is token '/' token (RFC 9110 8.3.1).",
    "media.wildcard": "The Content-Type of a message names one type, no range (RFC 9110 8.3).",
    "media.list": "Content-Type is a single value, no comma-separated list (RFC 9110 8.3).",
    "media.parameter": "Parameters are name '=' value after ';' (RFC 9110 5.6.6).",
    "media.parameter-space": "No white space stands around the '=' of a parameter (RFC 9110 5.6.6).",
    "media.token": "An unquoted parameter value is a token (RFC 9110 5.6.2, 5.6.6).",
    "media.quoted-string": "A quoted parameter value is a well-formed quoted-string (RFC 9110 5.6.4).",
    "media.duplicate-parameter": "A parameter stands once in a media type (RFC 6838 4.3; PS3.18 8.7.3.5.2).",
    "media.unquoted-type": "The type parameter of a multipart type is quoted (RFC 2387; PS3.18 8.7.1 before 2023e).",
    "media.unquoted-boundary": "A boundary with characters beyond token is quoted (RFC 2046 5.1.1, RFC 9110 5.6.6).",
    "media.type-parameter": "The type parameter of a multipart type is a media type (RFC 2387 3.1; PS3.18 8.7.1).",
    "media.type-with-parameters": "The type parameter of a multipart type is type '/' subtype alone (RFC 2387 3.1).",
    "media.range": "A media range is type/subtype, type/* or */* (RFC 9110 12.5.1).",
    "media.q": "A weight is 0 to 1 with at most three decimals (RFC 9110 12.4.2).",
    "media.q-not-last": "The weight stands after all other parameters of a range (RFC 9110 12.5.1, a SHOULD).",
    "media.accept-empty": "An Accept field names at least one media range (PS3.18 8.7.7).",
}
# Departures from one text that another text (PS3.18 8.7.1, RFC 9110) permits: a rule decides, by edition.
NOTES = frozenset(
    {"media.unquoted-type", "media.unquoted-boundary", "media.type-with-parameters", "media.q-not-last"}
)  # fmt: skip

LONGEST = 64 << 10
_TCHAR = r"!#$%&'*+.^_`|~0-9A-Za-z\-"
TOKEN = re.compile(rf"[{_TCHAR}]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STRETCH = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[;,]', re.DOTALL)
_TYPE = re.compile(rf"([{_TCHAR}]+)/([{_TCHAR}]+)")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_COMMA_IN_BOUNDARY = re.compile(r";[ \t]*boundary=[^\s\",;]*,[^\s\";]", re.IGNORECASE)
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Parameters that frame a multipart body and say nothing about what a representation is (RFC 2387 3).
_FRAMING = frozenset({"boundary", "start", "start-info"})
# A representation that leaves these out does not contradict a range that names them (PS3.18 8.7.9, 8.7.3.5.3).
_MAY_BE_SILENT = frozenset({"transfer-syntax", "charset"})


@dataclass(frozen=True)
class Reading:
    """A Content-Type value. `type` is lower case type/subtype ('' when absent or unreadable)."""

    type: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)  # names in lower case, values unquoted
    flaws: Flaws = field(default_factory=Flaws)
    raw: str = ""

    @property
    def root(self) -> str:
        """The bare type of a multipart's parts, '' when it is not named: the type parameter may be a whole media
        type with parameters of its own (PS3.18 8.7.1)."""
        return self.parameters.get("type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Range:
    """One media range of an Accept field; `parameters` without q; `position` counts from 0."""

    type: str
    parameters: Mapping[str, str]
    q: float
    position: int

    def covers(self, type: str, parameters: Mapping[str, str] | None = None) -> bool:
        """Whether a representation of this type lies in the range (RFC 9110 12.5.1).

        Parameters that the range names have to agree, '*' agrees with everything. A representation that
        states no transfer-syntax or charset does not contradict: give the real one to be strict.
        """
        if not _covers_type(self.type, type.lower()):
            return False
        stated = parameters or {}
        return all(_agrees(name, wanted, stated.get(name)) for name, wanted in self.demands.items())

    @property
    def demands(self) -> dict[str, str]:
        """The parameters that narrow the range: all but those that only frame a multipart body."""
        return {name: value for name, value in self.parameters.items() if name not in _FRAMING}

    @property
    def specificity(self) -> tuple[int, int]:
        """Larger is more specific: */*, type/*, type/subtype, then by the number of narrowing parameters."""
        rank = 0 if self.type == "*/*" else 1 if self.type.endswith("/*") else 2
        return rank, len(self.demands)


@dataclass(frozen=True)
class AcceptReading:
    """An Accept field: its readable ranges in order, and what departs from the grammar."""

    ranges: tuple[Range, ...] = ()
    flaws: Flaws = field(default_factory=Flaws)
    raw: str = ""
    present: bool = False

    def weight(self, reading: Reading) -> float:
        """The weight of a representation by the most specific range that covers it, 0 when none does.

        Without an Accept field, or without one readable range in it, everything weighs 1 (RFC 9110 12.5.1).
        """
        if not self.ranges:
            return 1.0
        covering = [r for r in self.ranges if r.covers(reading.type, reading.parameters)]
        return max(((r.specificity, r.q) for r in covering), default=((0, 0), 0.0))[1]


def _covers_type(range_: str, type_: str) -> bool:
    if range_ in ("*/*", "*") or range_ == type_:
        return True
    return range_.endswith("/*") and type_.startswith(range_[:-1])


def _agrees(name: str, wanted: str, stated: str | None) -> bool:
    if stated is None:
        return wanted == "*" or name in _MAY_BE_SILENT
    if name == "type":
        return _covers_type(wanted.lower().strip(), stated.lower().strip())
    if name == "charset":
        return wanted == "*" or wanted.lower() == stated.lower()
    return wanted in ("*", stated)


def read_content_type(values: Sequence[str]) -> Reading:
    """Read the values of all Content-Type fields of one message (more than one is a flaw)."""
    if not values:
        return Reading()
    flaws = Flaws()
    if len(values) > 1:
        flaws.add("media.repeated", "Content-Type", f"{len(values)} fields", "one field")
    raw = values[0]
    text = _bounded(raw, "Content-Type", flaws).strip(" \t")
    if not text:
        flaws.add("media.empty", "Content-Type", "an empty value", "a media type")
        return Reading("", {}, flaws, raw)
    pieces = _split(text, ",")
    if len(pieces) > 1 and not _COMMA_IN_BOUNDARY.search(text) and all(_TYPE.match(p.strip(" \t")) for p in pieces):
        flaws.add("media.list", "Content-Type", _short(text), "one media type")
        text = pieces[0].strip(" \t")
    type_, parameters = _media_type(text, "Content-Type", flaws)
    if type_ and "*" in type_.split("/"):
        flaws.add("media.wildcard", "Content-Type", type_, "one media type")
    return Reading(type_, dict(parameters), flaws, raw)


def read_accept(values: Sequence[str]) -> AcceptReading:
    """Read the values of all Accept fields of one message as one list; members that cannot be read are left out."""
    if not values:
        return AcceptReading()
    flaws = Flaws()
    raw = ", ".join(values)
    ranges: list[Range] = []
    members = [m.strip(" \t") for m in _split(_bounded(raw, "Accept", flaws), ",")]
    for position, member in enumerate(m for m in members if m):
        found = _range(member, position, flaws)
        if found:
            ranges.append(found)
    if not any(members):
        flaws.add("media.accept-empty", "Accept", "no media range", "at least one")
    return AcceptReading(tuple(ranges), flaws, raw, True)


def _range(member: str, position: int, flaws: Flaws) -> Range | None:
    where = f"Accept[{position}]"
    before = _broken(flaws)
    type_, parameters = _media_type(member, where, flaws)
    if _broken(flaws) > before:
        return None
    main, _, sub = type_.partition("/")
    if (main == "*" and sub != "*") or (main != "*" and "*" in main) or (sub != "*" and "*" in sub):
        flaws.add("media.range", where, type_, "type/subtype, type/* or */*")
        return None
    names = [name for name, _ in parameters]
    weight = dict(parameters).get("q", "1")
    if not _WEIGHT.fullmatch(weight) or _quoted_weight(member):
        flaws.add("media.q", where, f"q={_short(weight)}", "0 to 1 with at most three decimals, unquoted")
        return None
    if "q" in names and names[-1] != "q":
        flaws.add("media.q-not-last", where, _short(member), "q after all other parameters")
    kept = {name: value for name, value in parameters if name != "q"}
    return Range(type_, kept, float(weight), position)


def _broken(flaws: Flaws) -> int:
    codes = ("media.type", "media.parameter", "media.quoted-string", "media.token")
    return sum(flaws.counts.get(code, 0) for code in codes)


def _quoted_weight(member: str) -> bool:
    pieces = [p.strip(" \t") for p in _split(member, ";")[1:]]
    return any(p[:2].lower() == "q=" and p[2:3] == '"' for p in pieces)


def _media_type(text: str, where: str, flaws: Flaws) -> tuple[str, list[tuple[str, str]]]:
    """type/subtype in lower case and the parameters in order, the first of those named twice."""
    first, *pieces = _split(text, ";")
    match = _TYPE.fullmatch(first.strip(" \t"))
    if not match:
        flaws.add("media.type", where, _short(first.strip()), "token '/' token")
        return "", []
    type_ = match.group(0).lower()
    parameters: dict[str, str] = {}
    for name, value in _parameters(pieces, type_, where, flaws):
        if name in parameters:
            flaws.add("media.duplicate-parameter", where, f"{name} twice", f"{name} once")
        else:
            parameters[name] = value
    return type_, list(parameters.items())


def _parameters(pieces: Sequence[str], type_: str, where: str, flaws: Flaws) -> Iterator[tuple[str, str]]:
    for piece in pieces:
        piece = piece.strip(" \t")
        if not piece:
            continue  # an empty parameter between two ';' is legal (RFC 9110 5.6.6)
        name, equals, value = piece.partition("=")
        if not equals or not TOKEN.fullmatch(name.strip(" \t")):
            flaws.add("media.parameter", where, _short(piece), "name '=' value")
            continue
        if name != name.strip(" \t") or value != value.strip(" \t"):
            flaws.add("media.parameter-space", where, _short(piece), "no white space around '='")
        name = name.strip(" \t").lower()
        yield name, _value(name, value.strip(" \t"), type_, where, flaws)


def _value(name: str, value: str, type_: str, where: str, flaws: Flaws) -> str:
    plain = value
    if value.startswith('"'):
        plain = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'), flags=re.DOTALL)
        if not _QUOTED.fullmatch(value):
            flaws.add("media.quoted-string", where, f"{name}={_short(value)}", "a closed quoted-string and no more")
            return plain
    elif not TOKEN.fullmatch(value):
        code = _unquoted(name, value, type_)
        want = "a token" if code == "media.token" else "a quoted-string"
        flaws.add(code, where, f"{name}={_short(value)}", want)
    if name == "type" and type_.startswith("multipart/"):
        _root_type(plain, where, flaws)
    return plain


def _unquoted(name: str, value: str, type_: str) -> str:
    if name == "type" and type_.startswith("multipart/") and _TYPE.fullmatch(value):
        return "media.unquoted-type"
    if name == "boundary" and _BOUNDARY.fullmatch(value):
        return "media.unquoted-boundary"
    return "media.token"


def _root_type(value: str, where: str, flaws: Flaws) -> None:
    if _TYPE.fullmatch(value):
        return
    first, *pieces = _split(value, ";")
    inner = Flaws()
    if _TYPE.fullmatch(first.strip(" \t")) and all(_parameters(pieces, "", where, inner)) and not inner:
        flaws.add("media.type-with-parameters", where, f"type={_short(value)}", "type/subtype alone")
    else:
        flaws.add("media.type-parameter", where, f"type={_short(value)}", "type/subtype")


def _split(text: str, mark: str) -> list[str]:
    """The pieces between marks that stand outside quoted strings."""
    pieces = []
    start = 0
    for match in _STRETCH.finditer(text):
        if match.group() == mark:
            pieces.append(text[start : match.start()])
            start = match.end()
    return [*pieces, text[start:]]


def _bounded(text: str, where: str, flaws: Flaws) -> str:
    if len(text) > LONGEST:
        flaws.add("media.too-long", where, f"{len(text)} characters", f"at most {LONGEST}")
        text = text[:LONGEST]
    control = _CONTROL.search(text)
    if control:
        flaws.add("media.characters", where, f"U+{ord(control.group()):04X}", "no control characters")
    return text


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
