"""Knows how to read a Store Instances Response Module (PS3.18 Annex I) out of an answer, in JSON or XML.

Must not judge it: what is missing or odd reads as empty here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.exchange import Answer, Exchange
from harness.wire import native_xml

RETRIEVE_URL, WARNING_REASON, FAILURE_REASON = "00081190", "00081196", "00081197"
FAILED, REFERENCED, OTHER = "00081198", "00081199", "0008119A"
CLASS, INSTANCE = "00081150", "00081155"
ORIGINAL, MODIFIED = "04000561", "04000550"
NAMES = {
    RETRIEVE_URL: "Retrieve URL (0008,1190)",
    WARNING_REASON: "Warning Reason (0008,1196)",
    FAILURE_REASON: "Failure Reason (0008,1197)",
    FAILED: "Failed SOP Sequence (0008,1198)",
    REFERENCED: "Referenced SOP Sequence (0008,1199)",
    OTHER: "Other Failures Sequence (0008,119A)",
    CLASS: "Referenced SOP Class UID (0008,1150)",
    INSTANCE: "Referenced SOP Instance UID (0008,1155)",
}
JSON, XML = "application/dicom+json", "application/dicom+xml"

_UID_PATH = re.compile(
    r"(?:^|/)studies/(?P<study>[^/]+)(?:/series/(?P<series>[^/]+)(?:/instances/(?P<instance>[^/]+))?)?/?\Z"
)

Attribute = Mapping[str, Any]
DataSet = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One item of one of the three sequences; `where` is its place as a JSON pointer of the model."""

    where: str
    attributes: DataSet

    def value(self, tag: str) -> Any:
        """The first value, None when the attribute is absent or empty."""
        return first(self.attributes, tag)

    def text(self, tag: str) -> str:
        """The first value as a string without padding, '' when absent or empty."""
        return _text(self.value(tag))

    @property
    def instance(self) -> str:
        return self.text(INSTANCE)

    @property
    def sop_class(self) -> str:
        return self.text(CLASS)

    @property
    def reason(self) -> int | None:
        """Failure Reason as a number, None when there is no readable one."""
        return number(self.value(FAILURE_REASON))

    @property
    def warning(self) -> int | None:
        """Warning Reason as a number, None when there is no readable one."""
        return number(self.value(WARNING_REASON))

    @property
    def coerced(self) -> bool:
        """The server says that it changed attributes: another UID than the one sent is then possible."""
        return self.warning == 0xB000 or ORIGINAL in self.attributes


@dataclass(frozen=True)
class Module:
    """The first data set of the payload. `count`: how many data sets the payload held; `form`: "json" or "xml"."""

    root: DataSet
    count: int = 1
    form: str = "json"
    stored: Sequence[Item] = field(default_factory=tuple)
    failed: Sequence[Item] = field(default_factory=tuple)
    other: Sequence[Item] = field(default_factory=tuple)

    @classmethod
    def of(cls, datasets: Sequence[DataSet], form: str) -> Module:
        root = datasets[0]
        stored, failed, other = (tuple(_items(root, tag)) for tag in (REFERENCED, FAILED, OTHER))
        return cls(root, len(datasets), form, stored, failed, other)

    @property
    def items(self) -> tuple[Item, ...]:
        """Every instance and failure that is spoken of."""
        return (*self.stored, *self.failed, *self.other)

    @property
    def troubled(self) -> bool:
        """Something failed, or was stored with a warning."""
        return bool(self.failed or self.other) or any(WARNING_REASON in i.attributes for i in self.stored)

    @property
    def speaks(self) -> bool:
        """At least one instance or failure is spoken of, so this is a module and no other document."""
        return bool(self.items)


def module(x: Exchange) -> Module | None:
    """The Store Instances Response Module of an answer, None when the payload holds no data set of the model."""
    return _read(x.answer)


@lru_cache(maxsize=8)
def _read(answer: Answer) -> Module | None:
    if answer.json is not None:
        return Module.of(answer.json.datasets, "json") if answer.json.datasets else None
    bodies = [p.content for p in answer.parts if p.media.type == XML] if answer.parts else []
    if answer.type == XML:
        bodies = [answer.payload]
    datasets = [native_xml.to_json(d) for body in bodies for d in native_xml.read(body).datasets]
    return Module.of(datasets, "xml") if datasets else None


def _items(root: DataSet, tag: str) -> Iterator[Item]:
    for n, item in enumerate(values(root, tag)):
        if isinstance(item, Mapping):
            yield Item(f"/{tag}/Value/{n}", item)


def values(dataset: DataSet, tag: str) -> list[Any]:
    """The Value array of one attribute, [] when it is absent or no array."""
    attribute = dataset.get(tag)
    found = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return found if isinstance(found, list) else []


def first(dataset: DataSet, tag: str) -> Any:
    found = values(dataset, tag)
    return found[0] if found else None


def number(value: Any) -> int | None:
    """An integer out of a JSON number or, leniently, a string of digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, Mapping | list) else str(value).strip(" \x00\t\r\n")


def named(url: str) -> tuple[str, str, str] | None:
    """Study, series and instance that a URL of the Studies Service ends in; None for any other URL."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    match = _UID_PATH.search(path)
    if not match:
        return None
    study, series, instance = (unquote(match[name] or "") for name in ("study", "series", "instance"))
    return study, series, instance


def origin(url: str) -> str:
    """Scheme and authority of an absolute http URL in lower case, without a default port."""
    found = "/".join(url.split("/")[:3]).lower()
    port = ":80" if found.startswith("http://") else ":443"
    return found.removesuffix(port)
