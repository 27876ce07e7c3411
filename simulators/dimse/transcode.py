"""Knows how a stored data set is written again in another native transfer syntax (PS3.5 A.1 to A.5).

Must not know pixels, codecs, files or associations. Values are those that are stored, whatever they are.
"""

from __future__ import annotations

from simulators.dimse.syntax import DEFLATED, Shape, deflate, shape_of
from simulators.model.scan import DataSet, Element, Source

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def transcode(source: Source, syntax: str) -> bytes:
    """The octets of a read data set, which has no encapsulated pixel data, in a native transfer syntax."""
    shape = shape_of(syntax)
    pieces: list[bytes] = []
    _dataset(source, source.dataset, shape, pieces)
    octets = b"".join(pieces)
    return deflate(octets) if syntax == DEFLATED else octets


def _dataset(source: Source, dataset: DataSet, shape: Shape, out: list[bytes]) -> None:
    for element in dataset:
        if element.items is not None:
            _sequence(source, element, element.items, shape, out)
            continue
        value = source.value(element)
        if source.little == shape.big:
            value = Shape(big=True).value(value, element.vr)
        value += b"\0" * (len(value) % 2)  # an odd one was stored so; here every value is even (PS3.5 7.1.1)
        out.append(shape.head(element.tag, element.vr, len(value)))
        out.append(value)


def _sequence(source: Source, element: Element, items: list[DataSet], shape: Shape, out: list[bytes]) -> None:
    out.append(shape.head(element.tag, "SQ", _UNDEFINED))
    for item in items:
        out.append(shape.item(_ITEM, _UNDEFINED))
        _dataset(source, item, shape, out)
        out.append(shape.item(_ITEM_END, 0))
    out.append(shape.item(_SEQUENCE_END, 0))
