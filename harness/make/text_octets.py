"""Knows how text becomes octets in the character sets of (0008,0005) (PS3.5 6.1.2; PS3.3 C.12.1.1.2).

Must not know the readers: this is the independent writer that they are tried against.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

SINGLE = {"ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859-2", "ISO_IR 109": "iso8859-3", "ISO_IR 110": "iso8859-4",
          "ISO_IR 144": "iso8859-5", "ISO_IR 127": "iso8859-6", "ISO_IR 126": "iso8859-7", "ISO_IR 138": "iso8859-8",
          "ISO_IR 148": "iso8859-9", "ISO_IR 166": "tis-620", "ISO_IR 13": "shift_jis"}  # fmt: skip
WHOLE = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}  # multi-byte, without code extensions
ESCAPES = {"ISO_IR 100": b"\x1b-A", "ISO_IR 101": b"\x1b-B", "ISO_IR 109": b"\x1b-C", "ISO_IR 110": b"\x1b-D",
           "ISO_IR 144": b"\x1b-L", "ISO_IR 127": b"\x1b-G", "ISO_IR 126": b"\x1b-F", "ISO_IR 138": b"\x1b-H",
           "ISO_IR 148": b"\x1b-M", "ISO_IR 166": b"\x1b-T", "ISO_IR 13": b"\x1b)I",
           "ISO_IR 87": b"\x1b$B", "ISO_IR 159": b"\x1b$(D", "ISO_IR 149": b"\x1b$)C",
           "ISO_IR 58": b"\x1b$)A"}  # fmt: skip
# letters beyond ASCII that each can write
LETTERS = {"ISO_IR 87": "山田太郎やまだ", "ISO_IR 159": "丂丄丅丌丒", "ISO_IR 149": "김희중吉洞",
           "ISO_IR 58": "王小东张红", "ISO_IR 192": "äΩЖ한山𠮷\u0301", "GB18030": "王小東あ€𠮷",
           "GBK": "王小東誠傢"}  # fmt: skip
SETS: tuple[tuple[str, ...], ...] = (
    (), ("ISO_IR 192",), *((term,) for term in SINGLE), ("GB18030",), ("GBK",),
    *(("", term.replace("ISO_IR", "ISO 2022 IR")) for term in ESCAPES),
    ("ISO 2022 IR 6", "ISO 2022 IR 87", "ISO 2022 IR 159"), ("ISO 2022 IR 13", "ISO 2022 IR 87"),
    ("ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"),
)  # fmt: skip
"""Values of (0008,0005) that are legal, one for each way of writing text."""

_DELIMITERS = "\\^=\r\n\f\t"  # where code extensions fall back to the first term (PS3.5 6.1.2.5.3)


def _plain(term: str) -> str:
    return term.replace("ISO 2022 IR", "ISO_IR")


@lru_cache
def letters(term: str) -> str:
    """Some letters beyond ASCII that a term can write, '' for those that have none."""
    term = _plain(term)
    if term in LETTERS:
        return LETTERS[term]
    if term == "ISO_IR 13":
        return bytes(range(0xB1, 0xBA)).decode("shift_jis")
    codec = SINGLE.get(term)
    every = bytes(range(0xC0, 0x100)).decode(codec, "ignore") if codec else ""
    return "".join(c for c in every if c.isalpha())[:12]


def encode(text: str, terms: Sequence[str]) -> bytes:
    """The octets of a whole value field of text, with backslashes. UnicodeEncodeError when a term is missing for it."""
    first = _plain(terms[0]) if terms and terms[0] else "ISO_IR 6"
    if first in WHOLE:
        return text.encode(WHOLE[first])
    if len(terms) < 2:
        return text.encode(SINGLE.get(first, "ascii"))
    made = b""
    plain = True  # no escape sequence since the last delimiter
    for term, run in groupby(text, key=lambda c: _term(c, terms)):
        written = "".join(run)
        if term == "":
            made += written.encode("ascii")
            plain = plain or any(c in _DELIMITERS for c in written)
        elif term == first and plain:
            made += written.encode(SINGLE[term])
        else:
            made += _escaped(written, term, first)
            plain = False
    return made


def _term(character: str, terms: Sequence[str]) -> str:
    """The term that writes a character, '' for ASCII."""
    if character.isascii():
        return ""
    for term in map(_plain, terms):
        if character in letters(term):
            return term
    raise UnicodeEncodeError(str(terms), character, 0, 1, "no term of these can write it")


def _escaped(text: str, term: str, first: str) -> bytes:
    if term in ("ISO_IR 87", "ISO_IR 159"):  # these take the place of ASCII, which has to come back
        codes = bytes(octet & 0x7F for octet in text.encode("euc_jp") if octet != 0x8F)
        return ESCAPES[term] + codes + (b"\x1b(J" if first == "ISO_IR 13" else b"\x1b(B")
    codec = {"ISO_IR 149": "euc_kr", "ISO_IR 58": "gb2312"}.get(term) or SINGLE[term]
    return ESCAPES[term] + text.encode(codec)
