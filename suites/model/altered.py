"""Knows how a mutant changes the parts of a multipart answer and keeps its framing right.

Must not know what is in the parts, nor which rule is to catch it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.exchange import Answer, Exchange

Fields = Iterable[tuple[str, str]]


def reframed(answer: Answer, parts: Iterable[tuple[Fields, bytes]]) -> Answer:
    """The answer with these parts between its own delimiters; a Content-Length of a part follows its content."""
    line = b"--" + answer.media.parameters["boundary"].encode("latin-1")
    body = b""
    for fields, content in parts:
        lines = [f"{n}: {len(content) if n.lower() == 'content-length' else v}" for n, v in fields]
        body += b"\r\n".join([line, *(f.encode("latin-1") for f in lines), b"", content, b""])
    return answer.but(body=body + line + b"--\r\n")


def of_type(x: Exchange, type_: str, change: Callable[[bytes], bytes | None]) -> Answer | None:
    """The answer with the octets of each representation of this media type changed; None when nothing changed."""
    if not x.answer.ok:
        return None
    if x.answer.type == type_:
        octets = x.answer.payload.bytes()
        changed = change(octets)
        return None if changed is None or changed == octets else x.answer.but(body=changed)
    contents = [p.content.bytes() for p in x.answer.parts]
    changes = [change(c) if p.media.type == type_ else None for p, c in zip(x.answer.parts, contents, strict=True)]
    parts = [(p.fields, c if new is None else new) for p, c, new in zip(x.answer.parts, contents, changes, strict=True)]
    same = all(new is None or new == c for c, new in zip(contents, changes, strict=True))
    return None if same else reframed(x.answer, parts)
