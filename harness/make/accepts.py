"""Knows how to make legal Accept fields for a resource, and which media types they allow (RFC 9110 12.5.1; PS3.18 8.7).

Must not know what a target answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
DICOM = 'multipart/related; type="application/dicom"'
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
OCTETS = 'multipart/related; type="application/octet-stream"'

# What an origin server has to offer, the default first (8.7.3, Tables 8.7.4-1, 10.4.4-1 ff., 10.6.4-1).
OFFERED: dict[str, tuple[str, ...]] = {
    "search": (JSON, XML),
    "metadata": (JSON, XML),
    "instances": (DICOM,),
    "frames": (OCTETS,),
    "bulkdata": (OCTETS,),
    "rendered": ("image/jpeg", "image/png", "image/gif"),
    "store": (JSON, "application/dicom+xml"),
}
# Neither DICOM nor Rendered Media Types: a mixture of these two would be a wrong question (8.7.5).
UNSUPPORTED = ("application/vnd.example.unsupported", "chemical/x-unsupported", "model/x-unsupported")


@dataclass(frozen=True)
class AcceptCase:
    """A header value; the offered types it allows at all, and those of the highest weight among them.

    Types are written as in OFFERED. What a server offers beyond those is for the judge to look up.
    `any_transfer_syntax`: the transfer syntax is left to the server, else it is Explicit VR Little Endian by name
    or by default (8.7.3.5.2).
    """

    header: str
    acceptable: frozenset[str]
    preferred: frozenset[str]
    any_transfer_syntax: bool = False


@dataclass(frozen=True)
class _Member:
    """One media range: type, subtype, the type parameter of multipart or '', its weight in thousandths, and the
    transfer syntax parameter or ''."""

    kind: str
    subtype: str
    root: str = ""
    weight: int = 1000
    syntax: str = ""

    def fits(self, offered: _Member) -> int:
        """How closely it covers an offered type: 0 not at all, 4 by its type parameter too."""
        if self.kind == "*":
            return 1
        if self.kind != offered.kind:
            return 0
        if self.subtype == "*":
            return 2
        if self.subtype != offered.subtype or self.root not in ("", offered.root):
            return 0
        return 4 if self.root else 3


def _parse(offered: str) -> _Member:
    essence, _, parameter = offered.partition(";")
    kind, _, subtype = essence.partition("/")
    return _Member(kind, subtype, parameter.partition("=")[2].strip('" '))


def meaning(members: Sequence[_Member], offered: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The acceptable and the preferred among the offered: each gets the weight of the closest range (8.7.8.1).

    */* is read as RFC 9110 does, any type; that PS3.18 8.7.7 prefers the default then forbids no other.
    """
    weights = {}
    for name in offered:
        fits = [(member.fits(_parse(name)), member.weight) for member in members]
        closest = max((fit for fit, _ in fits), default=0)
        weights[name] = max((weight for fit, weight in fits if fit == closest), default=0) if closest else 0
    best = max(weights.values(), default=0)
    acceptable = frozenset(name for name, weight in weights.items() if weight > 0)
    return acceptable, frozenset(name for name in acceptable if weights[name] == best)


@st.composite
def accepts(
    draw: DrawFn, resource: str = "search", offered: Sequence[str] | None = None, unquoted: bool = False
) -> AcceptCase:
    """Accept fields that allow at least one of the offered types, in any legal spelling; the plainest comes first.

    `resource` names a row of OFFERED unless `offered` is given. `unquoted` also writes type=application/dicom
    without quotes, which PS3.18 8.7.1 prefers and RFC 9110 5.6.2 does not know. KeyError for an unknown resource.
    """
    types = tuple(offered) if offered is not None else OFFERED[resource]
    wanted = draw(st.sampled_from(types))
    members = [draw(_weighted(_parse(wanted), (1000, 1, 500, 999, 333)))]
    for other in draw(st.lists(st.sampled_from(_others(types)), max_size=3, unique=True)):
        # Two weights for one range would leave open which one counts.
        if other != replace(members[0], weight=1000):
            members.append(draw(_weighted(other, (1000, 1, 500, 999, 333, 0))))
    if members[0].root in ("application/dicom", "application/octet-stream"):
        members[0] = replace(members[0], syntax=draw(st.sampled_from(("", "*", EXPLICIT_LITTLE_ENDIAN))))
    any_syntax = members[0].syntax == "*"
    members = draw(st.permutations(members))
    acceptable, preferred = meaning(members, types)
    words = [draw(_spelled(member, unquoted)) for member in members]
    comma = draw(st.sampled_from((", ", ",", " ,\t")))
    return AcceptCase(comma.join(words), acceptable, preferred, any_syntax)


def _others(types: Sequence[str]) -> list[_Member]:
    """Ranges to add: unsupported ones, other offered types, wildcards."""
    offered = [_parse(name) for name in types]
    groups = [_Member(member.kind, "*") for member in offered]
    wild = [_Member("*", "*"), *dict.fromkeys(groups)]
    return list(dict.fromkeys([*(_parse(name) for name in UNSUPPORTED), *offered, *wild]))


def _weighted(member: _Member, weights: Sequence[int]) -> SearchStrategy[_Member]:
    return st.sampled_from(weights).map(lambda weight: replace(member, weight=weight))


@st.composite
def _spelled(draw: DrawFn, member: _Member, unquoted: bool) -> str:
    """One member with its freedoms: case of names, quotes, blanks around semicolons, forms of a weight."""
    case = draw(st.sampled_from(("as is", "upper", "title")))
    blank = draw(st.sampled_from(("", " ", " \t")))
    out = _cased(f"{member.kind}/{member.subtype}", case)
    if member.root:
        quote = draw(st.sampled_from(('"', ""))) if unquoted else '"'
        out += f"{blank};{blank}{_cased('type', case)}={quote}{member.root}{quote}"
    if member.syntax:  # its name is case sensitive (8.7.3.5.2)
        quote = draw(st.sampled_from(("", '"')))
        out += f"{blank};{blank}transfer-syntax={quote}{member.syntax}{quote}"
    if member.weight == 1000:
        return f"{out}{draw(st.sampled_from(('', f'{blank};{blank}q=1', f'{blank};{blank}q=1.000')))}"
    digits = f"{member.weight:03d}".rstrip("0") or "0"
    return f"{out}{blank};{blank}{draw(st.sampled_from(('q', 'Q')))}=0.{digits}"


def _cased(text: str, case: str) -> str:
    return {"upper": text.upper(), "title": text.title()}.get(case, text)
