"""Rules of PS3.18 8.6.2.1, 8.7.3, 8.7.8.2 and 8.7.9: which transfer syntax is chosen, and whether it is told truly.

Must not know data sets beyond what names their encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.body import Body
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, RELATION, SHALL_NOT, Door, Finding, journey, rule, undetected, untested
from harness.wire import media
from harness.wire.uri import valid_uid
from suites.web.negotiation.reading import Item, came, files, items, parameter, ranges, told
from suites.web.negotiation.tables import COMPRESSED, DICOM, EXPLICIT_LE, FORBIDDEN, LOSSY, OCTETS, OLD_NAMES

_J = "1.2.840.10008.1.2.4."
_BULK = "web.retrieve.frames|web.retrieve.bulkdata|web.retrieve.pixeldata"
_RETRIEVED = f"web.retrieve.instances|{_BULK}"
_KEPT = 100  # representations of one answer that are looked at
# The start of frame markers of JPEG processes, by transfer syntax (ISO/IEC 10918-1 Table B.1).
_FRAMES = {_J + "50": (0xC0,), _J + "51": (0xC0, 0xC1), _J + "57": (0xC3,), _J + "70": (0xC3,)}
_LOOKED_AT = 256 << 10  # octets of a codestream in which its first frame has to begin


def _wanted(x: Exchange, root: str) -> list[media.Range]:
    """The ranges that the selection was made by: of the accept parameter when it names the type, else of the field."""
    single, related = media.Reading(root), media.Reading("multipart/related", {"type": root})

    def fits(range_: media.Range) -> bool:
        return range_.q > 0 and any(range_.covers(r.type, r.parameters) for r in (single, related))

    named = [r for r in parameter(x).ranges if fits(r)]
    return named or [r for r in ranges(x) if fits(r)]


def _syntaxes(x: Exchange, root: str) -> set[str]:
    """The transfer-syntax parameters of those ranges; '' stands for none."""
    return {r.parameters.get("transfer-syntax", "") for r in _wanted(x, root)}


def _syntax(x: Exchange | None) -> str:
    """The transfer syntax of the first instance that came, '' when none did."""
    return next((reading.transfer_syntax for _, reading in files(x)), "") if x and came(x) else ""


@journey(
    "negotiation.parameter-names-transfer-syntax",
    cites="PS3.18 8.7.8.2; 8.3.3.1",
    verifies="PS3.18-8.7.8.2-1",
    on="web.retrieve.parameter-syntax",
    basis=RELATION,
    when=lambda j: _syntax(j.step("field")) in _syntaxes_of(j.step("field")) and bool(_syntax(j.step("parameter"))),
    says="A transfer syntax that is delivered when Accept names it is delivered when the accept parameter names it.",
)
def parameter_names_transfer_syntax(j: Journey) -> Iterator[Finding]:
    for x in j.steps("parameter"):
        if _syntax(x) != _syntax(j.step("field")):
            yield Finding(
                got=_syntax(x) or x.answer.line, want=_syntax(j.step("field")), where="(0002,0010)", seq=x.seq
            )


def _syntaxes_of(x: Exchange | None) -> set[str]:
    return _syntaxes(x, DICOM) - {"", "*"} if x else set()


@parameter_names_transfer_syntax.mutant(at=DOOR)
def overlooks_the_parameters_parameter(ask: Ask, door: Door) -> Answer:
    """The transfer-syntax parameter within the accept parameter is not looked at."""
    return door(ask.but(target=re.sub(r"%3B(%20)?transfer-syntax%3D[0-9.]+", "", ask.target)))


def _supported(x: Exchange) -> bool:
    """Any transfer syntax would do, or the one that everybody has to be able to give (8.7.3.4)."""
    asked = _syntaxes(x, DICOM)
    return bool(x.facts.get("held")) and ("*" in asked or (EXPLICIT_LE in asked and bool(x.facts.get("lossless"))))


@rule(
    "negotiation.transfer-syntax-parameter",
    cites="PS3.18 8.7.3.5.2; 10.4.4",
    verifies=("PS3.18-8.7.3.5.2-1", "PS3.18-8.7.3.5.2-3"),
    on="web.retrieve.instances",
    when=_supported,
    says="The transfer-syntax parameter is supported: * brings any, Explicit VR Little Endian brings just that.",
)
def transfer_syntax_parameter(x: Exchange) -> Iterator[Finding]:
    if not came(x):
        yield Finding(got=f"{x.answer.line} to Accept: {x.ask.accept.raw}", want="200 with the instances",
                      where="status code")  # fmt: skip


@transfer_syntax_parameter.mutant(at=DOOR)
def does_not_know_the_asterisk(ask: Ask, door: Door) -> Answer:
    """transfer-syntax=* is answered 406."""
    answer = door(ask)
    return answer.but(status=406) if "transfer-syntax=*" in (ask.headers.get("accept") or "") else answer


@transfer_syntax_parameter.mutant(at=DOOR, defects="M-AC-02")
def knows_no_transfer_syntax_parameter(ask: Ask, door: Door) -> Answer:
    """Any transfer-syntax parameter is answered 406."""
    answer = door(ask)
    return answer.but(status=406) if "transfer-syntax=" in (ask.headers.get("accept") or "") else answer


@transfer_syntax_parameter.mutant(at=DOOR)
def looks_at_the_first_transfer_syntax(ask: Ask, door: Door) -> Answer:
    """Of several transfer syntaxes in Accept only the first one counts."""
    members = (ask.headers.get("accept") or "").split(",")
    several = ask.resource.kind == "web.retrieve.instances" and sum("transfer-syntax=" in m for m in members) > 1
    return door(ask.but(headers=ask.headers.but("accept", members[0]))) if several else door(ask)


undetected("M-AC-04", why="* permits Explicit VR Little Endian in so many words (8.7.3.5.2), so this is legal")


@rule(
    "negotiation.bulk-never-implicit",
    cites="PS3.18 8.7.3; 8.7.3.4",
    verifies="PS3.18-8.7.3-1",
    level=SHALL_NOT,
    on=_BULK,
    when=lambda x: came(x) and any(i.syntax for i in items(x)[:_KEPT]),
    says="Frames and bulkdata are never said to be in Implicit VR Little Endian or Explicit VR Big Endian.",
)
def bulk_never_implicit(x: Exchange) -> Iterator[Finding]:
    for item in items(x)[:_KEPT]:
        if item.syntax in FORBIDDEN:
            yield Finding(got=FORBIDDEN[item.syntax], want="an explicit little endian transfer syntax",
                          where=f"{item.where} Content-Type")  # fmt: skip


@bulk_never_implicit.mutant
def frames_called_implicit(x: Exchange) -> Answer | None:
    """Frames are labelled with Implicit VR Little Endian."""
    return _relabelled(x, "1.2.840.10008.1.2") if x.kind == "web.retrieve.frames" else None


@rule(
    "negotiation.transfer-syntax-is-a-uid",
    cites="PS3.18 8.7.9; 8.7.3.5.2",
    verifies="PS3.18-8.7.9-1",
    on=_RETRIEVED,
    when=lambda x: came(x) and any(i.syntax for i in items(x)[:_KEPT]),
    says="The transfer-syntax parameter of a Content-Type is one UID, not the wildcard of the request.",
)
def transfer_syntax_is_a_uid(x: Exchange) -> Iterator[Finding]:
    for item in items(x)[:_KEPT]:
        if item.syntax and not valid_uid(item.syntax):
            yield Finding(got=item.syntax, want="one transfer syntax UID", where=f"{item.where} Content-Type")


@transfer_syntax_is_a_uid.mutant(defects="M-MP-19")
def echoes_the_asterisk(x: Exchange) -> Answer | None:
    """The Content-Type of parts repeats transfer-syntax=* of the request."""
    return _relabelled(x, "*")


def _relabelled(x: Exchange, syntax: str) -> Answer | None:
    """The answer with this transfer-syntax parameter in the Content-Type of each part."""
    if not x.answer.parts or not x.kind.startswith("web.retrieve") or x.kind == "web.retrieve.metadata":
        return None
    body = x.answer.body.bytes()
    named = rb"\g<1>; transfer-syntax=" + syntax.encode()
    return x.answer.but(body=re.sub(rb"(?i)(\r\nContent-Type: [a-z0-9./+\-]+)(;[^\r]*)?(?=\r\n)", named, body))


@rule(
    "negotiation.dicom-is-part10",
    cites="PS3.18 8.7.3.1; PS3.10 7.1",
    verifies="PS3.18-8.7.3.1-1",
    on="web.retrieve.instances|web.retrieve.frames|web.retrieve.bulkdata",
    when=lambda x: came(x) and any(i.media.type in (DICOM, OCTETS) for i in items(x)[:_KEPT]),
    says="What is called application/dicom is a PS3.10 file, and what is called octets of a frame is none.",
)
def dicom_is_part10(x: Exchange) -> Iterator[Finding]:
    for item in items(x)[:_KEPT]:
        prefixed = item.content.read(128, 4) == b"DICM"
        if item.media.type == DICOM and not prefixed:
            yield Finding(got=item.content.read(128, 4).hex() or "nothing", want="DICM at offset 128", where=item.where)
        elif item.media.type == OCTETS and prefixed and x.kind == "web.retrieve.frames":
            yield Finding(got="a PS3.10 file", want="the octets of the frame", where=item.where)


@dicom_is_part10.mutant
def data_sets_without_preamble(x: Exchange) -> Answer | None:
    """Instances come without preamble and prefix."""
    part = x.answer.parts[0] if x.answer.parts else None
    if part is None or part.media.type != DICOM or part.content.read(128, 4) != b"DICM":
        return None
    octets = part.content.bytes()
    shorter = x.answer.body.bytes().replace(octets, octets[132:], 1)
    return x.answer.but(body=shorter.replace(f": {len(octets)}\r\n".encode(), f": {len(octets) - 132}\r\n".encode(), 1))


@dicom_is_part10.mutant(at=DOOR, defects="M-MP-30")
def the_file_for_its_frame(ask: Ask, door: Door) -> Answer:
    """A frame is answered with the whole file, called octets."""
    answer = door(ask)
    if ask.resource.kind != "web.retrieve.frames" or not answer.ok or len(answer.parts) != 1:
        return answer
    accept = ask.headers.but("accept", f'multipart/related; type="{DICOM}"')
    whole = door(ask.but(target=ask.target.partition("/frames/")[0], headers=accept))
    if len(whole.parts) != 1:
        return answer
    frame, file = answer.parts[0].content.bytes(), whole.parts[0].content.bytes()
    body = answer.body.bytes().replace(b"\r\n\r\n" + frame, b"\r\n\r\n" + file, 1)
    return answer.but(body=body.replace(f": {len(frame)}\r\n".encode(), f": {len(file)}\r\n".encode(), 1))


def _compressed(x: Exchange) -> list[tuple[Item, str]]:
    """The parts in a compressed bulkdata media type, with its name of today."""
    found = []
    for item in items(x)[:_KEPT]:
        name = OLD_NAMES.get(item.media.type, item.media.type)
        if name in COMPRESSED and item.content.size:
            found.append((item, name))
    return found


@rule(
    "negotiation.compressed-as-labelled",
    cites="PS3.18 8.7.3.3.2 Table 8.7.3-5; 8.7.9",
    verifies=("PS3.18-8.7.3.3.2-2", "PS3.18-8.7.9-1"),
    on=_BULK,
    when=lambda x: came(x) and bool(_compressed(x)),
    says="The transfer syntax told, or the default when none is, belongs to the media type, and the octets are in it.",
)
def compressed_as_labelled(x: Exchange) -> Iterator[Finding]:
    for item, name in _compressed(x):
        told_syntax = item.syntax or COMPRESSED[name][0]
        if item.syntax and item.syntax.startswith("1.2.840.10008.1.2.") and item.syntax not in COMPRESSED[name]:
            yield Finding(got=f"{name}; transfer-syntax={item.syntax}", want=f"one of {', '.join(COMPRESSED[name])}",
                          where=f"{item.where} Content-Type")  # fmt: skip
            continue
        found = codec(item.content)
        if found and told_syntax in COMPRESSED[name] and told_syntax not in found:
            # 8.7.3 excuses a missing parameter where only lossy pixels are held
            excused = not item.syntax and any(s in LOSSY for s in found)
            yield Finding(got=f"octets of {' or '.join(sorted(found))}", want=told_syntax, where=item.where,
                          warn=excused)  # fmt: skip


def codec(content: Body) -> frozenset[str]:
    """The transfer syntaxes that the first octets can belong to; none when they tell nothing."""
    head = content.read(0, 16)
    if head.startswith(b"\xff\x4f\xff\x51"):
        jph = b"\xff\x50" in content.read(0, 512)[:512] and _capable(content)
        return frozenset(COMPRESSED["image/jphc"] if jph else (*COMPRESSED["image/jp2"], *COMPRESSED["image/jpx"]))
    if head.startswith(b"\xff\xd8\xff"):
        marker = _start_of_frame(content.read(0, _LOOKED_AT))
        if marker == 0xF7:
            return frozenset(COMPRESSED["image/jls"])
        return frozenset(s for s, markers in _FRAMES.items() if marker in markers)
    return frozenset()


def _capable(content: Body) -> bool:
    """A CAP segment with the bit of Part 15, High-Throughput JPEG 2000 (ISO/IEC 15444-1 A.5.2)."""
    octets = content.read(0, 512)
    at = octets.find(b"\xff\x50", 4)
    return at >= 0 and len(octets) >= at + 8 and bool(int.from_bytes(octets[at + 4 : at + 8], "big") & (1 << 17))


def _start_of_frame(octets: bytes) -> int:
    """The marker of the first frame of a JPEG stream, 0 when none is found (ISO/IEC 10918-1 B.1.1)."""
    at = 2
    while at + 4 <= len(octets) and octets[at] == 0xFF:
        marker = octets[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return marker
        elif marker in (0xDA, 0xD9):
            return 0
        else:
            at += 2 + int.from_bytes(octets[at + 2 : at + 4], "big")
    return 0


@compressed_as_labelled.mutant(defects="M-MP-20")
def jpeg_2000_called_baseline(x: Exchange) -> Answer | None:
    """image/jp2 is announced with the transfer syntax of JPEG Baseline."""
    return _relabelled(x, _J + "50") if any(name == "image/jp2" for _, name in _compressed(x)) else None


@compressed_as_labelled.mutant(defects="M-MP-31")
def transfer_syntax_not_told(x: Exchange) -> Answer | None:
    """Baseline JPEG comes as image/jpeg and no word that it is not the default."""
    if x.kind not in ("web.retrieve.frames", "web.retrieve.bulkdata") or not _compressed(x):
        return None
    return x.answer.but(body=re.sub(rb"(?i); *transfer-syntax=[0-9.]+", b"", x.answer.body.bytes()))


undetected("M-MP-21", why="to leave out the parameter for the default transfer syntax is legal")


@rule(
    "negotiation.charset-is-true",
    cites="PS3.18 8.7.3.5.3; 8.7.9",
    verifies="PS3.18-8.7.3.5.3-1",
    on="web.search|web.retrieve",
    when=lambda x: came(x) and "charset" in told(x).parameters and x.answer.type.endswith(("json", "xml")),
    due=False,
    wire=True,
    says="The charset parameter of a Content-Type is the character set of the content.",
)
def charset_is_true(x: Exchange) -> Iterator[Finding]:
    charset = x.answer.media.parameters["charset"]
    try:
        x.answer.payload.read(0, 4 << 20).decode(charset, "strict")
    except LookupError:
        yield Finding(got=charset, want="the name of a character set", where="Content-Type")
    except UnicodeDecodeError as error:
        whole = x.answer.payload.size <= 4 << 20 or error.start < (4 << 20) - 8
        if whole:
            yield Finding(got=f"octets that are no {charset}", want=charset, where=f"payload octet {error.start}")
    if x.answer.type.endswith("json") and charset.lower().replace("-", "") not in ("utf8", "usascii"):
        yield Finding(got=charset, want="UTF-8, which DICOM JSON is in", where="Content-Type")


@charset_is_true.mutant
def utf_8_called_ascii(x: Exchange) -> Answer | None:
    """JSON says that it is in UTF-16."""
    return x.answer.but(type="application/dicom+json; charset=utf-16") if x.answer.json else None


untested("PS3.18-8.8.5-1", why="only rendered text has a choice of character sets: JSON and XML are in UTF-8")
untested("PS3.18-8.8.5-3", why="only rendered text has a choice of character sets: JSON and XML are in UTF-8")
untested("PS3.18-8.8.4-1", why="8.8.5 falls back to UTF-8 where 8.8.4 calls it not acceptable")
untested("PS3.18-D-1", why="a table that an answer does not show; character sets of rendered text come later")
