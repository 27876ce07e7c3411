"""Knows status reports: what went wrong, told in a media type that the asker may accept (PS3.18 8.6.3).

Must not know what went wrong where.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from http import HTTPStatus

from simulators.web.media import Range
from simulators.web.negotiate import Acceptable, Offer

# text/html is the default of the Text category, so it stands first and is used when nothing is acceptable.
_OFFERS = (Offer("text/html"), Offer("text/plain"), Offer("application/json"))


class Problem(Exception):
    """A request that is answered with a failure code. `supported` lists what would have been understood.

    `headers` go into the answer (Allow with 405). `temporary`: the same request may succeed later (PS3.18 8.5).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        supported: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
        temporary: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.supported = tuple(supported)
        self.headers = tuple(headers)
        self.temporary = temporary

    @property
    def title(self) -> str:
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)


def render(problem: Problem, accept: Sequence[Range]) -> tuple[str, bytes]:
    """Content-Type and octets of the report."""
    selected = Acceptable(field=tuple(accept)).choose(_OFFERS)
    type = selected.offer.type if selected else "text/html"
    if type == "application/json":
        return type, _json(problem)
    text = _html(problem) if type == "text/html" else _plain(problem)
    return f"{type}; charset=utf-8", text.encode("utf-8", "replace")


def _duration(problem: Problem) -> str:
    return "temporary" if problem.temporary else "permanent"


def _json(problem: Problem) -> bytes:
    content = {
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail,
        "condition": _duration(problem),
        "supported": list(problem.supported),
    }
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def _plain(problem: Problem) -> str:
    lines = [problem.title, problem.detail, *(f"Supported: {s}" for s in problem.supported)]
    return "\n".join([*lines, f"The condition is {_duration(problem)}.", ""])


def _html(problem: Problem) -> str:
    title = escape(problem.title)
    listed = "".join(f"<li>{escape(s)}</li>" for s in problem.supported)
    supported = f"<p>Supported:</p><ul>{listed}</ul>" if listed else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><p>{escape(problem.detail)}</p>{supported}"
        f"<p>The condition is {_duration(problem)}.</p></body></html>\n"
    )
