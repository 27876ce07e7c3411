"""Knows how mutants of Retrieve break an answer: parts left out or changed, files and metadata edited.

Must not know which rule is to catch it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from harness.exchange import Answer, Ask, Exchange
from harness.rule import Door
from harness.wire import uri
from harness.wire.multipart import Part
from suites.model.altered import reframed
from suites.web.retrieve.reading import DICOM, EXPLICIT_LE, IMPLICIT_LE, JSON, RELATED

Edit = Callable[[Dataset], bool | None]


def content(part: Part) -> tuple[Sequence[tuple[str, str]], bytes]:
    return part.fields, part.content.bytes()


def parts_changed(
    x: Exchange, change: Callable[[list[tuple[Any, bytes]]], list[tuple[Any, bytes]] | None]
) -> Answer | None:
    """The answer with its list of (fields, octets) changed; None when it is not multipart or nothing is to change."""
    if not x.answer.ok or not x.answer.parts:
        return None
    changed = change([content(p) for p in x.answer.parts])
    return None if changed is None else reframed(x.answer, changed)


def octets_changed(x: Exchange, change: Callable[[bytes], bytes]) -> Answer | None:
    """The answer with the octets of every representation changed."""
    if not x.answer.ok or not x.answer.body.size or x.answer.ranged:
        return None
    if x.answer.multipart is None:
        return x.answer.but(body=change(x.answer.payload.bytes()))
    return parts_changed(x, lambda parts: [(fields, change(octets)) for fields, octets in parts])


def without_items(ds: Dataset) -> bool:
    """An edit: sequences lose their items."""
    found = [e for e in ds if e.VR == "SQ" and e.value]
    for element in found:
        element.value = []
    return bool(found)


def implicit(ds: Any) -> bool:
    """An edit: what is in Explicit VR Little Endian is written in Implicit VR Little Endian."""
    if ds.file_meta.TransferSyntaxUID != EXPLICIT_LE:
        return False
    ds.file_meta.TransferSyntaxUID = IMPLICIT_LE
    return True


def files_changed(x: Exchange, edit: Edit) -> Answer | None:
    """The answer with the data set of every PS3.10 file edited; an edit that says False changed nothing."""
    if not x.answer.ok or x.answer.ranged or x.kind != "web.retrieve.instances":
        return None
    if x.answer.type == DICOM:
        octets = _edited(x.answer.payload.bytes(), edit)
        return None if octets is None else x.answer.but(body=octets)
    if not any(p.media.type == DICOM for p in x.answer.parts):
        return None
    edited = [_edited(p.content.bytes(), edit) for p in x.answer.parts]
    if all(e is None for e in edited):
        return None
    return reframed(x.answer, [(p.fields, e or p.content.bytes()) for p, e in zip(x.answer.parts, edited, strict=True)])


def _edited(octets: bytes, edit: Edit) -> bytes | None:
    if octets[128:132] != b"DICM":
        return None
    dataset = dcmread(io.BytesIO(octets))
    if edit(dataset) is False:
        return None
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def metadata_changed(x: Exchange, edit: Callable[[list[dict[str, Any]]], Any]) -> Answer | None:
    """The answer with its list of JSON data sets edited in place, attributes in order; False: nothing changed."""
    return rows_changed(x.answer, edit) if x.kind == "web.retrieve.metadata" else None


def rows_changed(answer: Answer, edit: Callable[[list[dict[str, Any]]], Any]) -> Answer | None:
    """The same for any answer that is a list of data sets in JSON, None for others."""
    if not answer.ok or not answer.body.size or answer.ranged or answer.type != JSON:
        return None
    root = json.loads(answer.payload.bytes())
    if not root or edit(root) is False:
        return None
    ordered = [dict(sorted(d.items())) for d in root]
    return answer.but(body=json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode())


def other_uid(uid: str) -> str:
    """Another UID of the same length."""
    return uid[:-1] + ("1" if uid[-1] != "1" else "2")


def instead(ask: Ask, door: Door, path: str, **changes: Any) -> Answer:
    """What the unbroken service answers for another path below the Base URI."""
    return door(ask.but(target=f"{uri.base_path(ask.base)}/{path}", **changes))


def with_accept(ask: Ask, accept: str) -> Ask:
    return ask.but(headers=ask.headers.but("accept", accept))


SEVERAL_FILES = f'{RELATED}; type="{DICOM}"'
