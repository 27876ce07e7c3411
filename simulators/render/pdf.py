"""Knows how lines of text become a PDF file (ISO 32000-1) in a font that every reader has; must not know the text."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.render.view import TooLarge, Unrenderable

_LINES, _MOST_PAGES = 64, 2000
_ACROSS = 105  # characters that a line has room for
_PAGE = (
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>"
)


def pdf(lines: Sequence[str]) -> bytes:
    """The file, pages of A4; Unrenderable for characters outside of Windows-1252, TooLarge for too many pages."""
    try:
        encoded = [part for line in lines for part in _parts(line.expandtabs(4).encode("cp1252"))]
    except UnicodeEncodeError as problem:
        lacking = str(problem.object)[problem.start]
        raise Unrenderable(f"the font of the PDF has no U+{ord(lacking):04X}") from None
    pages = [encoded[at : at + _LINES] for at in range(0, len(encoded), _LINES)] or [[]]
    if len(pages) > _MOST_PAGES:
        raise TooLarge(f"{len(pages)} pages are more than the {_MOST_PAGES} that are written")
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        objects += [_PAGE.format(5 + 2 * number).encode(), _content(page)]
    return _file(objects)


def _parts(line: bytes) -> list[bytes]:
    return [line[at : at + _ACROSS] for at in range(0, len(line), _ACROSS)] or [b""]


def _content(lines: Sequence[bytes]) -> bytes:
    shown = b"".join(b"(%b) Tj T*\n" % _escaped(line) for line in lines)
    stream = b"BT /F1 10 Tf 12 TL 42 800 Td\n" + shown + b"ET"
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream)


def _escaped(line: bytes) -> bytes:
    for octet in (b"\\", b"(", b")"):
        line = line.replace(octet, b"\\" + octet)
    return line.replace(b"\r", b" ").replace(b"\n", b" ")


def _file(objects: Sequence[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
