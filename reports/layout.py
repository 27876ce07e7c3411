"""Knows how JSON and XML are laid out in lines by white space alone: no token is changed, dropped or put in order.

Must not know what the documents mean; what is no such document comes back as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

WIDTH = 100  # a container that fits a line stays on it
DEEPEST = 24  # steps of indentation; deeper levels stand where this one does

_JSON = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_MARKS = frozenset("[]{}:,")
_PAIRS = {"{": "}", "[": "]"}
_BETWEEN = re.compile(r"(?<=>)\s*(?=<)")


def lay_out_json(text: str, most: int) -> str:
    """JSON in lines, about `most` characters of it; duplicate names, number forms and escapes stay as they came.

    Works on tokens, so that depth costs nothing and a document that is broken by a detail is laid out all the same.
    """
    tokens = _JSON.findall(text)
    ends = _ends(tokens)
    return text if ends is None else _bounded(_json_pieces(tokens, ends), most)


def lay_out_xml(text: str, most: int) -> str:
    """XML with line ends between tags where nothing else stands, about `most` characters of it."""
    return _bounded(_xml_lines(text), most)


def _bounded(pieces: Iterator[str], most: int) -> str:
    taken: list[str] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > most:
            break
    return "".join(taken)


def _ends(tokens: Sequence[str]) -> dict[int, int] | None:
    """Where each bracket is closed, by the index of its token; None when they do not match.

    None as well for two values side by side: without the white space that parts them they would look like one.
    """
    ends: dict[int, int] = {}
    stack: list[int] = []
    before = ","
    for index, token in enumerate(tokens):
        if token not in _MARKS and before not in _MARKS:
            return None
        before = token
        if token in _PAIRS:
            stack.append(index)
        elif token in ("}", "]"):
            if not stack or _PAIRS[tokens[stack[-1]]] != token:
                return None
            ends[stack.pop()] = index
    return None if stack else ends


def _json_pieces(tokens: Sequence[str], ends: dict[int, int]) -> Iterator[str]:
    before = _widths(tokens)
    depth = index = 0
    while index < len(tokens):
        token = tokens[index]
        end = ends.get(index)
        if end is not None and before[end + 1] - before[index] <= WIDTH:
            yield from (_spaced(t) for t in tokens[index : end + 1])
            index = end
        elif end is not None:
            depth += 1
            yield token + _line(depth)
        elif token in ("}", "]"):
            depth -= 1
            yield _line(depth) + token
        else:
            yield token + _line(depth) if token == "," else _spaced(token)
        index += 1


def _widths(tokens: Sequence[str]) -> list[int]:
    """The width of everything before each token, and of the whole."""
    total, widths = 0, [0]
    for token in tokens:
        total += len(_spaced(token))
        widths.append(total)
    return widths


def _spaced(token: str) -> str:
    return token + " " if token in (",", ":") else token


def _line(depth: int) -> str:
    return "\n" + " " * min(depth, DEEPEST)


def _xml_lines(text: str) -> Iterator[str]:
    depth = at = 0
    for gap in _BETWEEN.finditer(text):
        piece = text[at : gap.start()]
        at = gap.end()
        depth = max(depth + _steps(piece), 0)
        closes = text.startswith("</", at)
        yield piece + _line(max(depth - closes, 0))
    yield text[at:]


def _steps(piece: str) -> int:
    """How many elements a stretch without a gap opens and does not close."""
    tags = re.findall(r"<(/?)[A-Za-z_][^<>]*?(/?)>", piece)
    return sum(-1 if closing else 0 if empty else 1 for closing, empty in tags)
