"""Multipart bodies: an independent parser reads every style; every fault is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.body import Body
from harness.make.parts import (
    BCHARS,
    FAULTS,
    STYLES,
    BoundaryInContent,
    Message,
    Part,
    Style,
    faulty,
    multipart,
    stream_parts,
)

CONTENTS = [b"\r\n\r\nfirst\r\n--", b"", b"\x00\xff" * 300 + b"\r\n--boundary\r\n"]


def parts() -> list[Part]:
    return [Part.of(content, transfer_syntax="1.2.840.10008.1.2.1") for content in CONTENTS]


def parse(message: Message) -> list[tuple[dict[str, str], bytes]]:
    """A plain reader by RFC 2046: delimiter lines, header fields, contents."""
    boundary = next(w for w in message.content_type.split(";") if w.strip().startswith("boundary")).split("=", 1)[1]
    line = b"\r\n--" + boundary.strip('"').encode()
    pieces = (b"\r\n" + message.body.bytes()).split(line)
    found: list[tuple[dict[str, str], bytes]] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return found
        padding, _, rest = piece.partition(b"\r\n")
        assert not padding.strip(b" \t")
        head, _, content = rest.partition(b"\r\n\r\n")
        fields = dict(text.split(": ", 1) for text in head.decode("latin-1").split("\r\n") if text)
        found.append(({name.lower(): value for name, value in fields.items()}, content))
    raise AssertionError("no closing delimiter")


@pytest.mark.parametrize("name", sorted(STYLES))
def test_every_style_reads_back(name: str) -> None:
    message = multipart(parts(), STYLES[name])
    read = parse(message)
    assert [content for _, content in read] == CONTENTS
    for fields, content in read:
        assert fields["content-type"].startswith("application/dicom; transfer-syntax=")
        assert fields.get("content-length", str(len(content))) == str(len(content))
    assert message.content_type.lower().startswith("multipart/related;")


def test_styles_do_what_they_say() -> None:
    def of(name: str) -> Message:
        return multipart(parts(), STYLES[name])

    assert "type=application/dicom;" in of("unquoted-type").content_type
    assert 'boundary="dicomproof-' in of("quoted-boundary").content_type
    assert of("boundary-first").content_type.index("boundary") < of("boundary-first").content_type.index("type=")
    assert 'boundary="a b  c"' in of("boundary-with-spaces").content_type
    assert of("preamble").body.bytes().startswith(b"This is")
    assert b"--not-a-delimiter" in of("epilogue").body.bytes()[-40:]
    assert b" \t \r\n" in of("padding").body.bytes()
    assert b"\r\ncontent-type: " in of("lower-case-names").body.bytes()
    assert b"\r\nContent-Length: 600" not in of("plain").body.bytes()
    assert of("no-last-line-end").body.bytes().endswith(b"--")
    assert b'transfer-syntax="1.2' in of("quoted-transfer-syntax").body.bytes()


@settings(deadline=None)
@given(st.text(BCHARS + " ", max_size=69), st.sampled_from(BCHARS), st.binary(max_size=40))
def test_any_legal_boundary(head: str, last: str, content: bytes) -> None:
    boundary = head + last
    try:
        message = multipart([Part.of(content)], Style(boundary=boundary))
    except BoundaryInContent:
        assert b"--" + boundary.encode() in content
        return
    assert message.body.bytes().startswith(b"--" + boundary.encode() + b"\r\n")
    assert message.body.bytes().count(content) >= 1


def test_a_boundary_that_a_content_holds_is_refused() -> None:
    with pytest.raises(BoundaryInContent):
        multipart(parts(), Style(boundary="boundary"))
    with pytest.raises(BoundaryInContent):
        multipart([Part.of(b"--x at the beginning")], Style(boundary="x"))
    across = b"a" * (1 << 20) + b"\r\n--split"
    with pytest.raises(BoundaryInContent):
        multipart([Part.of(across[3:])], Style(boundary="split"))


def test_zero_parts() -> None:
    message = multipart([])
    assert parse(message) == []


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_is_deterministic_and_differs(name: str) -> None:
    message = faulty(name, parts())
    assert message == faulty(name, parts())
    assert message != multipart(parts())
    assert FAULTS[name].says


def test_faults_are_what_they_say() -> None:
    sound = multipart(parts()).body.bytes()
    boundary = sound[2 : sound.index(b"\r\n")]
    assert faulty("no-closing-delimiter", parts()).body.bytes() + b"\r\n--" + boundary + b"--\r\n" == sound
    assert "boundary" not in faulty("no-boundary-parameter", parts()).content_type
    wrong = faulty("wrong-boundary", parts())
    assert b"\r\n--" + wrong.content_type.split("boundary=")[1].strip('"').encode() not in b"\r\n" + wrong.body.bytes()
    assert faulty("empty-body", parts()).body.size == 0
    assert faulty("zero-parts", parts()).body.bytes() == b"--" + boundary + b"--\r\n"
    lf = faulty("bare-lf", parts()).body.bytes()
    assert all(content in lf for content in CONTENTS)
    assert lf.count(b"\r\n") == sum(content.count(b"\r\n") for content in CONTENTS)
    assert sound.startswith(faulty("truncated", parts()).body.bytes())
    assert b"Content-Type" not in faulty("no-part-header", parts()).body.bytes()
    assert len(faulty("boundary-of-71", parts()).body.bytes().split(b"\r\n")[0]) == 73
    assert " type=" not in faulty("no-type-parameter", parts()).content_type
    assert len(parse(faulty("other-root-type", parts()))) == 3
    assert parse(faulty("part-type-unknown", parts()))[0][0]["content-type"].startswith("text/plain")
    with pytest.raises(ValueError, match="needs a part"):
        faulty("truncated", [])


def test_streaming_says_its_size(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(3_000_001)
    content_type, size, chunks = stream_parts([Body.file(path), Body.of(b"second")], chunk=65536)
    data = [*chunks]
    assert sum(map(len, data)) == size
    assert max(map(len, data)) <= 65536
    read = parse(Message(content_type, Body.of(b"".join(data))))
    assert [len(content) for _, content in read] == [3_000_001, 6]
