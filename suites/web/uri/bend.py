"""Knows how mutants of the URI service break a question on its way or an answer: parameters, octets of the file.

Must not know which rule is to catch it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageOps
from pydicom import dcmread, dcmwrite

from harness.exchange import Answer, Ask, Exchange
from harness.rule import Door
from suites.web.retrieve.reading import DICOM


def answered(x: Exchange, status: int, *instead_of: int) -> Answer | None:
    """The answer with another code, where it has one of these."""
    return x.answer.but(status=status, reason="") if x.answer.status in instead_of else None


def without(ask: Ask, *names: str) -> Ask:
    """The question without these parameters."""
    return ask.but(target=f"{ask.resource.path}?{ask.query.without(*names)}")


def replaced(ask: Ask, name: str, value: str) -> Ask:
    """The question with another value of a parameter, added when it has none."""
    rest = ask.query.without(name)
    return ask.but(target=f"{ask.resource.path}?{rest}&{name}={value}")


def ignoring(*names: str) -> Callable[[Ask, Door], Answer]:
    """A door that does not look at these parameters."""

    def act(ask: Ask, door: Door) -> Answer:
        asked = ask.resource.kind == "web.uri" and any(n in ask.query for n in names)
        return door(without(ask, *names) if asked else ask)

    return act


def file_changed(x: Exchange, edit: Callable[[Any], Any]) -> Answer | None:
    """The answer with the data set of its PS3.10 file edited; an edit that says False changed nothing."""
    if not x.answer.ok or x.kind != "web.uri" or x.answer.type != DICOM:
        return None
    dataset = dcmread(io.BytesIO(x.answer.payload.bytes()))
    if edit(dataset) is False:
        return None
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return x.answer.but(body=out.getvalue())


def picture_changed(x: Exchange, change: Callable[[Image.Image], Image.Image]) -> Answer | None:
    """The answer with its still picture changed, in the same format."""
    if not x.answer.ok or not x.answer.type.startswith("image/"):
        return None
    with Image.open(io.BytesIO(x.answer.payload.bytes())) as picture:
        form = picture.format
        out = io.BytesIO()
        change(picture).save(out, form)
    return x.answer.but(body=out.getvalue())


def mirrored(picture: Image.Image) -> Image.Image:
    return ImageOps.mirror(picture)
