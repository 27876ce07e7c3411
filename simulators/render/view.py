"""Knows what can be asked of a rendering (PS3.18 8.3.5.1); must not know how it is carried out or how it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.archive.held import Held


@dataclass(frozen=True)
class Viewport:
    """The size of the view in pixels, and the part of the source that fills it as (x, y, width, height) (8.3.5.1.3).

    A negative width or height of the source mirrors it; without `source` all of it is shown.
    """

    width: int
    height: int
    source: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Window:
    """A window for values after the modality transformation; `function` LINEAR, LINEAR_EXACT or SIGMOID."""

    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True)
class View:
    """Everything that the parameters of 8.3.5.1 say.

    `annotations` may hold "patient" and "technique"; `quality` is 1 to 100; `iccprofile` '', no, yes, srgb, adobergb
    or rommrgb; `charset` the name of a character set for texts, '' for UTF-8; `state` a presentation state instance
    that is applied to the images.
    """

    viewport: Viewport | None = None
    window: Window | None = None
    annotations: frozenset[str] = frozenset()
    quality: int | None = None
    iccprofile: str = ""
    charset: str = ""
    state: Held | None = None


class Unrenderable(Exception):
    """A sentence that says why an instance has no such representation."""


class TooLarge(Unrenderable):
    """The instance could be shown, but is larger than what this renderer takes on."""


class BadView(Exception):
    """A sentence that says which parameter of the view cannot be carried out for this instance or media type.

    `parameter` is the name of the parameter of PS3.18.
    """

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(why)
        self.parameter = parameter
