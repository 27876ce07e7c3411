"""Knows how text of unknown origin is made harmless to look at: nothing in it stays invisible, or turns the line round.

Must not know what the text is about, nor where it is shown.
"""

from __future__ import annotations

import re

# Controls, surrogates and non-characters (no XML and no UTF-8 file can hold them all), and the marks that
# reorder or hide what a reader sees. Joiners stay: Persian and Indic names need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e0fff]"
)

# Accents without end pile up over the lines around them; no script puts so many on one letter
_PILE = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{9,}")
_MARKS = 8


def visible(text: str) -> str:
    """The text with a visible sign for every character that is none; CR LF becomes LF."""
    text = _HIDDEN.sub(_sign, text.replace("\r\n", "\n"))
    return _PILE.sub(lambda m: m[0][:_MARKS] + "".join(f"\\u{ord(c):04x}" for c in m[0][_MARKS:]), text)


def in_line(text: str) -> str:
    """The same for text that stands in one line, such as a field value: line ends and tabs get signs as well."""
    signs = {"\n": "\N{SYMBOL FOR LINE FEED}", "\t": "\N{SYMBOL FOR HORIZONTAL TABULATION}"}
    return visible(re.sub("[\n\t]", lambda m: signs[m[0]], text))


def clip(text: str, most: int) -> str:
    """At most so many characters, with the length of the whole where something is missing."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def octets_text(octets: bytes) -> str:
    r"""Octets as UTF-8 text; those that are none as \xNN, so that a fault of the encoding can be seen."""
    return octets.decode("utf-8", "backslashreplace")


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
