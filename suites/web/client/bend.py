"""Knows how mutants of user agents change a question: its target, its parameters, its header fields, its payload.

Must not know rules, nor what a right question is.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.body import Body
from harness.exchange import Ask, Exchange
from suites.model.altered import Fields


def parameters(x: Exchange, *words: str) -> Ask | None:
    """The question with these raw parameters added; None when it cannot have any."""
    if x.ask.method != "GET":
        return None
    path, mark, raw = x.ask.target.partition("?")
    kept = [raw] if mark and raw else []
    return x.ask.but(target=f"{path}?{'&'.join([*kept, *words])}")


def searched(x: Exchange, *words: str, on: Iterable[str] = ()) -> Ask | None:
    """A search with these raw parameters and no others; `on` the resources that it may be changed on, all for none."""
    resources = tuple(on)
    if not x.resource.search or x.ask.method != "GET" or (resources and x.resource.search not in resources):
        return None
    return x.ask.but(target=f"{x.ask.target.partition('?')[0]}?{'&'.join(words)}")


def accepting(x: Exchange, value: str | None) -> Ask | None:
    """The question with this Accept field, or without one."""
    return x.ask.but(headers=x.ask.headers.but("accept", value)) if "accept" in x.ask.headers else None


def payload(ask: Ask, body: bytes) -> Ask:
    """The question with this payload and the length of it."""
    headers = ask.headers.but("transfer-encoding", None).but("content-length", str(len(body)))
    return ask.but(headers=headers, body=Body.of(body))


def stored(ask: Ask, root: str, *parts: tuple[Fields, bytes], boundary: str = "the-boundary") -> Ask:
    """A Store request with these parts, framed as the text wants; each part gets its Content-Length."""
    body = b""
    for fields, content in parts:
        lines = [f"{name}: {value}" for name, value in (*fields, ("Content-Length", str(len(content))))]
        head = "\r\n".join([f"--{boundary}", *lines, "", ""]).encode("latin-1")
        body += head + content + b"\r\n"
    kind = f'multipart/related; type="{root}"; boundary="{boundary}"'
    headers = ask.headers.but("content-type", kind).but("content-encoding", None)
    return payload(ask.but(headers=headers), body + f"--{boundary}--\r\n".encode("latin-1"))
