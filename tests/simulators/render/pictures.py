"""Small data sets for the rendering tests, and how their renderings are read back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from simulators.archive.held import Held
from simulators.render.render import rendered
from simulators.render.view import View
from tests.web.door import make

NOTHING = View()


def grey(values: Any, bits: int = 8, **more: Any) -> Dataset:
    """A grey image of these stored values, (rows, columns) or (frames, rows, columns)."""
    array = np.array(values)
    dataset = make(frames=array.shape[0] if array.ndim == 3 else 1)
    dataset.Rows, dataset.Columns = array.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    kind = "i" if more.get("PixelRepresentation") else "u"
    put(dataset, array.astype(f"<{kind}{bits // 8}").tobytes(), bits)
    return more_of(dataset, more)


def colour(values: Any, interpretation: str = "RGB", **more: Any) -> Dataset:
    """A colour image of eight bit samples, (rows, columns, 3)."""
    array = np.array(values, "u1")
    dataset = make()
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, interpretation, 0
    put(dataset, array.tobytes(), 8)
    return more_of(dataset, more)


def put(dataset: Dataset, data: bytes, bits: int) -> None:
    """Native pixel data of even length."""
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if bits <= 8 else "OW"


def more_of(dataset: Dataset, values: dict[str, Any]) -> Dataset:
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def seen(held: Held, view: View = NOTHING, frame: int = 1, type: str = "image/png") -> Any:
    """What a lossless rendering of a frame shows, as an array of whole numbers."""
    return opened(rendered(held, type, view, [frame]))


def opened(octets: bytes) -> Any:
    with Image.open(io.BytesIO(octets)) as picture:
        picture.load()
        return np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB")).astype(int)
