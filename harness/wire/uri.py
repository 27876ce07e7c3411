"""Knows Target URIs of PS3.18: resource paths, UIDs in them, and the query component (PS3.18 8.2, 8.3, 10.1.1).

Must not know which of them a server offers, nor what a query matches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import unquote_to_bytes, urlsplit

Level = Literal["", "study", "series", "instance", "frames"]

UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*\Z")

_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")

# What may follow the path of a study, series or instance (Table 10.3-2 of PS3.18).
_BELOW = {
    "metadata": "metadata",
    "rendered": "rendered",
    "thumbnail": "thumbnail",
    "bulkdata": "bulkdata",
    "pixeldata": "pixeldata",
    "renderedmpr": "renderedmpr",
    "rendered3d": "rendered3d",
}
_SERVICES = (["studies"], ["series"], ["instances"])
_SEARCH = {
    ("studies",): "studies",
    ("studies", "*", "series"): "study-series",
    ("studies", "*", "instances"): "study-instances",
    ("series",): "series",
    ("studies", "*", "series", "*", "instances"): "series-instances",
    ("instances",): "instances",
}
# What is said on a notification connection (8.10), by the methods that stand for it in a record.
SOCKET = {"EVENT": "socket.workitems.event", "SAID": "socket.workitems.said", "END": "socket.workitems.end"}
OPENING = "socket.workitems.open"
# The categories of Non-Patient Instances (Table 12.1.1-1); Table H-1 writes one of them and another in the singular.
CATEGORIES = {
    "color-palettes": "color-palettes",
    "defined-procedure-protocols": "defined-procedure-protocols",
    "defined-procedure-protocol": "defined-procedure-protocols",
    "hanging-protocols": "hanging-protocols",
    "hanging-protocol": "hanging-protocols",
    "implant-templates": "implant-templates",
    "inventories": "inventories",
}
# Method and shape of the path below the Base URI of chapters 11, 13, 14 and 15; "*" is a UID, "@" an AE title.
_WORKFLOW = {
    ("POST", "workitems"): "workitems.create",
    ("GET", "workitems"): "workitems.search",
    ("GET", "workitems/*"): "workitems.retrieve",
    ("POST", "workitems/*"): "workitems.update",
    ("PUT", "workitems/*/state"): "workitems.state",
    ("POST", "workitems/*/cancelrequest"): "workitems.cancel",
    ("POST", "workitems/*/subscribers/@"): "workitems.subscribe",
    ("DELETE", "workitems/*/subscribers/@"): "workitems.unsubscribe",
    ("POST", "workitems/*/subscribers/@/suspend"): "workitems.suspend",
    ("POST", "commitment-requests/*"): "commitments.request",
    ("GET", "commitment-requests/*"): "commitments.check",
    ("GET", "modality-scheduled-procedure-steps"): "scheduled-steps.search",
    ("POST", "modality-performed-procedure-steps/*"): "performed-steps.create",
    ("GET", "modality-performed-procedure-steps/*"): "performed-steps.retrieve",
}
# The query parameters that every request to the URI service has (9.1.2.1).
URI_PARAMETERS = ("requestType", "studyUID", "seriesUID", "objectUID")

# The levels whose attributes a search resource matches and returns (Table 10.6.1-2 ff.).
SEARCH_LEVELS: dict[str, tuple[str, ...]] = {
    "studies": ("study",),
    "study-series": ("series",),
    "study-instances": ("series", "instance"),
    "series": ("study", "series"),
    "series-instances": ("instance",),
    "instances": ("study", "series", "instance"),
}


def valid_uid(text: str) -> bool:
    """PS3.5 9.1: at most 64 characters, components without leading zeros."""
    return len(text) <= 64 and UID.match(text) is not None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter. `raw` is the value as sent (None for a bare name); `values` are split at commas
    that were not percent-encoded and then decoded."""

    name: str
    raw: str | None

    @property
    def values(self) -> tuple[str, ...]:
        if self.raw is None:
            return ()
        return tuple(decode(word) for word in self.raw.split(","))

    @property
    def value(self) -> str:
        """The whole value decoded, commas kept."""
        return decode(self.raw or "")


@dataclass(frozen=True)
class Query:
    """The query component, parameters in order; `present` tells `?` without anything from no `?`."""

    raw: str = ""
    present: bool = False

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        found = []
        for word in self.raw.split("&") if self.raw else ():
            name, equals, value = word.partition("=")
            found.append(Parameter(decode(name), value if equals else None))
        return tuple(found)

    @cached_property
    def _by_name(self) -> dict[str, list[Parameter]]:
        """So that asking for each of the many parameters of a hostile target takes no longer than reading them."""
        found: dict[str, list[Parameter]] = {}
        for parameter in self.parameters:
            found.setdefault(parameter.name, []).append(parameter)
        return found

    def all(self, name: str) -> Sequence[Parameter]:
        """Every parameter of that name, in order."""
        return self._by_name.get(name, ())

    def get(self, name: str) -> str | None:
        """The first value of that name, decoded; None when absent."""
        return next((p.value for p in self.all(name)), None)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def without(self, *names: str) -> str:
        """The raw query with these parameters left out."""
        kept = [w for w in self.raw.split("&") if decode(w.partition("=")[0]) not in names] if self.raw else []
        return "&".join(kept)


@dataclass(frozen=True)
class Resource:
    """What a request-target names. `kind` is the dotted word rules subscribe to; `search` the search resource of the
    Studies service.

    `uid` is that of a workitem, of a Non-Patient Instance, of a transaction or of a performed procedure step; `title`
    the AE title of a subscriber; `category` the npi-name of Table 12.1.1-1.
    """

    kind: str
    level: Level = ""
    study: str = ""
    series: str = ""
    instance: str = ""
    frames: str = ""
    search: str = ""
    path: str = ""
    query: Query = field(default_factory=Query)
    uid: str = ""
    title: str = ""
    category: str = ""

    @property
    def uids(self) -> tuple[str, ...]:
        return tuple(u for u in (self.study, self.series, self.instance) if u)


def decode(text: str) -> str:
    """Percent-decoding to UTF-8; octets that are not UTF-8 become U+FFFD. '+' stays what it is (RFC 3986)."""
    return unquote_to_bytes(text).decode("utf-8", "replace")


def base_path(base: str) -> str:
    """The Service Root Path of a Base URI, without a slash at its end."""
    return origin_form(base).partition("?")[0].rstrip("/")


def origin_form(target: str) -> str:
    """Path and query of an absolute URI, whatever its authority may be; a target in origin form stays as it is."""
    absolute = _AUTHORITY.match(target)
    return target[absolute.end() :].partition("#")[0] if absolute else target


def request_target(path: str, base: str) -> tuple[str, str]:
    """The request-target in origin form and the Host field for a path below a Base URI, or an absolute URI.

    "studies?x=1" and "/studies?x=1" -> ("/root/studies?x=1", "host:port"); "" and "?x" stay at the Base URI itself.
    """
    root = urlsplit(base)
    if path.startswith(("http://", "https://")):
        authority, slash, rest = path.split("//", 1)[1].partition("/")
        return slash + rest or "/", authority
    if not path or path.startswith("?"):
        return (root.path or "/") + path, root.netloc
    return f"{root.path.rstrip('/')}/{path.removeprefix('/')}", root.netloc


def classify(method: str, target: str, base: str) -> Resource:
    """Name the resource of a request-target below a Base URI; kind "web.other" for what PS3.18 9 to 15 do not know.

    Some methods are ours: READ without a base, where nobody was asked and the target is the name of a file that was
    read; EVENT, SAID and END for what was said on a notification connection, whose target is that of its opening.
    """
    if method == "READ" and not base:
        return Resource("file", path=target)
    if method in SOCKET:
        return Resource(SOCKET[method], path=target)
    if target.startswith(("http://", "https://")):
        target = origin_form(target)
    path, mark, raw = target.partition("?")
    query = Query(raw, bool(mark))
    root = base_path(base)
    below = path == root or path.startswith(root + "/")
    words = [decode(w) for w in path[len(root) :].split("/")[1:]] if below else []
    if words == [""]:
        words = []  # the Base URI itself, with a slash at its end
    if method == "OPTIONS" and below and not words:
        return Resource("web.capabilities", path=path, query=query)
    if method in ("GET", "HEAD") and words[:1] not in _SERVICES and _uri_service(path, query):
        study, series, instance = (query.get(name) or "" for name in URI_PARAMETERS[1:])
        return Resource("web.uri", "instance", study, series, instance, path=path, query=query)
    # no template has an empty segment, and /studies/ is another resource than /studies (RFC 3986 3.3)
    known = below and "" not in words
    workflow = _workflow(method, words, path, query) if known else None
    if workflow is not None:
        return workflow
    return _studies(method, words, path, query) if known else Resource("web.other", path=path, query=query)


def _workflow(method: str, words: Sequence[str], path: str, query: Query) -> Resource | None:
    """A resource of chapters 11 to 15, None for any other."""
    verb = "GET" if method == "HEAD" else method
    if words and words[0] in CATEGORIES:
        return _non_patient(verb, words, path, query)
    uid, title = (words[at] if len(words) > at else "" for at in (1, 3))
    shape = "/".join("*" if at == 1 else "@" if at == 3 else word for at, word in enumerate(words))
    kind = _WORKFLOW.get((verb, shape))
    if kind is None:
        return None
    if kind == "performed-steps.create" and "update" in query:  # a bare name tells one from the other (15.5.1.2)
        kind = "performed-steps.update"
    return Resource(f"web.{kind}", path=path, query=query, uid=uid, title=title)


def _non_patient(verb: str, words: Sequence[str], path: str, query: Query) -> Resource | None:
    kinds = {("POST", 1): "store", ("POST", 2): "store", ("GET", 1): "search", ("GET", 2): "retrieve"}
    kind = kinds.get((verb, len(words)))
    if kind is None:
        return None
    uid = words[1] if len(words) > 1 else ""
    return Resource(f"web.non-patient.{kind}", path=path, query=query, uid=uid, category=CATEGORIES[words[0]])


def _uri_service(path: str, query: Query) -> bool:
    """Whether this is asked of the URI service, which has a Base URI of its own and no paths below it (9.1.1).

    requestType alone does not tell: other services have a parameter of that name with other values.
    """
    told = "objectUID" in query or (query.get("requestType") or "").upper() == "WADO"
    return told or path.endswith("/wado")


def _studies(method: str, words: Sequence[str], path: str, query: Query) -> Resource:
    uids = dict(zip(("study", "series", "instance"), words[1:6:2], strict=False))
    if method == "POST" and words[:1] == ["studies"] and len(words) <= 2:
        return Resource("web.store", "study" if len(words) == 2 else "", uids.get("study", ""), path=path, query=query)
    if method not in ("GET", "HEAD"):
        return Resource("web.other", path=path, query=query)
    shape = tuple("*" if i % 2 and i < 5 else w for i, w in enumerate(words))
    if shape in _SEARCH:
        name = _SEARCH[shape]
        return Resource(f"web.search.{name}", study=uids.get("study", ""), series=_second(words, uids), search=name,
                        path=path, query=query)  # fmt: skip
    return _retrieve(words, uids, path, query)


def _second(words: Sequence[str], uids: dict[str, str]) -> str:
    return uids.get("series", "") if len(words) == 5 else ""


def _retrieve(words: Sequence[str], uids: dict[str, str], path: str, query: Query) -> Resource:
    names = ("studies", "series", "instances")
    depth = 0
    while 2 * depth + 1 < len(words) and depth < 3 and words[2 * depth] == names[depth]:
        depth += 1
    if not depth:
        return Resource("web.other", path=path, query=query)
    levels: tuple[Level, ...] = ("study", "series", "instance")
    level = levels[depth - 1]
    held = dict(list(uids.items())[:depth])
    rest = list(words[2 * depth :])
    if not rest:
        return Resource("web.retrieve.instances", level, **held, path=path, query=query)
    if level == "instance" and rest[0] == "frames" and len(rest) in (2, 3):
        what = "frames" if len(rest) == 2 else _BELOW.get(rest[2], "")
        if what in ("frames", "rendered", "thumbnail", "renderedmpr", "rendered3d"):
            return Resource(f"web.retrieve.{what}", "frames", **held, frames=rest[1], path=path, query=query)
    if rest[0] in _BELOW and (len(rest) == 1 or rest[0] == "bulkdata"):
        return Resource(f"web.retrieve.{_BELOW[rest[0]]}", level, **held, path=path, query=query)
    return Resource("web.other", path=path, query=query)
