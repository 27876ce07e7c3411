"""Knows entity tags, dates and the conditions that requests put on them (RFC 9110 8.8, 13).

Must not know resources, ranges or codings.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.datastructures import Headers

# Another one in each process, so that what is stored cannot be made to hold a boundary, and no tag outlives a version.
_KEY = secrets.token_bytes(32)
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def identity(*words: str) -> str:
    """What names one representation: 32 hexadecimal digits that change with each of the words."""
    return hmac.new(_KEY, "\0".join(words).encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Validators:
    """The strong entity tag of a representation, and when it was last changed in seconds since 1970 (0: not told)."""

    identity: str
    modified: float = 0.0

    @property
    def tag(self) -> str:
        return f'"{self.identity}"'

    @property
    def weak(self) -> str:
        """The tag of the same content in a content coding."""
        return f"W/{self.tag}"

    @property
    def date(self) -> str:
        """Last-Modified, '' when it is not told."""
        return format_datetime(datetime.fromtimestamp(int(self.modified), UTC), usegmt=True) if self.modified else ""

    def fails(self, headers: Headers) -> bool:
        """If-Match or If-Unmodified-Since is false: 412 (RFC 9110 13.2.2 steps 1 and 2)."""
        if "if-match" in headers:
            return not _listed(headers.getlist("if-match"), self.tag, strong=True)
        since = _moment(headers.get("if-unmodified-since"))
        return since is not None and bool(self.modified) and int(self.modified) > since

    def unchanged(self, headers: Headers) -> bool:
        """If-None-Match or If-Modified-Since is false: 304 (RFC 9110 13.2.2 steps 3 and 4)."""
        if "if-none-match" in headers:
            return _listed(headers.getlist("if-none-match"), self.tag, strong=False)
        since = _moment(headers.get("if-modified-since"))
        return since is not None and bool(self.modified) and int(self.modified) <= since

    def same(self, if_range: str) -> bool:
        """If-Range names this very representation: by its strong tag, or by a date that is strong (RFC 9110 13.1.5).

        A date is strong once a second went by in which a change would have been told by another one (8.8.2.2).
        """
        value = if_range.strip()
        if value.endswith('"'):
            return value == self.tag
        return bool(self.date) and value == self.date and time.time() - int(self.modified) >= 2


def _listed(fields: Iterable[str], tag: str, strong: bool) -> bool:
    """Whether a list of entity tags has this one, or is an asterisk; weak ones count in weak comparison only."""
    value = ",".join(fields).strip()
    if value == "*":
        return True
    found = _TAG.findall(value)
    return tag in found if strong else tag in {each.removeprefix("W/") for each in found}


def _moment(value: str | None) -> int | None:
    """An HTTP date in seconds since 1970; None for none, or for what is no date, which is ignored."""
    try:
        return int(parsedate_to_datetime(value).timestamp()) if value else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
