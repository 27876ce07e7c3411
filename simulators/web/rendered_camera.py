"""Knows the grammar of the parameters of rendered volumes (PS3.18 8.3.5.3); must not know volumes or views."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulators.render.camera import METHODS, ORIENTATIONS, Vector
from simulators.web import query
from simulators.web.call import Call, valid_uid
from simulators.web.rendered_view import decimal
from simulators.web.report import Problem

CAMERA = ("viewpointposition", "viewpointlookat", "viewpointup")
# What may not stand beside a volumetric presentation state (8.3.5.3.1 to 8.3.5.3.13).
NOT_FOR_STATES = ("volumeinputreference", "renderingmethod", "mprslab", "swivelrange", "volumetriccurvepoint",
                  "animationstepsize", "animationrate", "renderedvolumetricmetadata")  # fmt: skip
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}\Z", re.ASCII)
_MOST_POINTS = 1000
STEP = 10  # degrees or mm between the views of an animation
RATE = 10  # views in a second


@dataclass(frozen=True)
class Asked:
    """What is asked for; None and '' for what is left to the origin server. `plane`: an MPR, else a 3D rendering.

    `reference` is a SOP Instance UID and a frame, 0 for none; `curve` the points of an animation of planes.
    """

    plane: bool
    method: str
    orientation: str
    position: Vector | None
    lookat: Vector | None
    up: Vector | None
    slab: float
    swivel: float
    curve: tuple[Vector, ...]
    step: int
    rate: int
    reference: tuple[str, int] | None
    metadata: bool

    @property
    def animated(self) -> bool:
        return bool(self.swivel or self.curve)


def read(call: Call, *, plane: bool) -> Asked:
    """Problem 400 that names the parameter which is ill-formed, or stands beside one that excludes it."""
    orientation = _word(call, "orientation", tuple(ORIENTATIONS))
    position, lookat, up = (_vector(call, name) for name in CAMERA)
    if orientation and not position is lookat is up is None:
        raise Problem(400, f"Parameter orientation excludes {', '.join(CAMERA)} (PS3.18 8.3.5.3.4).")
    usual = "average_ip" if plane else "maximum_ip"
    method = _word(call, "renderingmethod", tuple(name.lower() for name in METHODS)) or usual
    return Asked(
        plane,
        method.upper(),
        orientation,
        position,
        lookat,
        up,
        _positive(call, "mprslab") if plane else 0.0,
        0.0 if plane else _positive(call, "swivelrange"),
        _curve(call) if plane else (),
        _count(call, "animationstepsize") or STEP,
        _count(call, "animationrate") or RATE,
        _reference(call),
        bool(_word(call, "renderedvolumetricmetadata", ("yes",))),
    )


def _word(call: Call, name: str, known: tuple[str, ...]) -> str:
    found = query.single(call.query, name)
    if found is None:
        return ""
    if found.text() not in known:
        raise Problem(400, f"Parameter {name} is one of {', '.join(known)}, not {found.text()[:40]!r}.")
    return found.text()


def _vector(call: Call, name: str) -> Vector | None:
    found = query.single(call.query, name)
    if found is None:
        return None
    words = found.values()
    if len(words) != 3:
        raise Problem(400, f"Parameter {name} takes three decimal numbers.")
    return decimal(words[0], name), decimal(words[1], name), decimal(words[2], name)


def _positive(call: Call, name: str) -> float:
    """0.0 when it is absent."""
    found = query.single(call.query, name)
    value = 0.0 if found is None else decimal(found.text(), name)
    if found is not None and value <= 0:
        raise Problem(400, f"Parameter {name} is more than 0.")
    return value


def _count(call: Call, name: str) -> int:
    """0 when it is absent."""
    found = query.single(call.query, name)
    if found is not None and not _COUNT.match(found.text()):
        raise Problem(400, f"Parameter {name} is an integer more than 0, not {found.text()[:40]!r}.")
    return 0 if found is None else int(found.text())


def _curve(call: Call) -> tuple[Vector, ...]:
    """The points of all parameters of that name; at least two."""
    name = "volumetriccurvepoint"
    words = [word for p in call.query if p.name == name for word in p.values()]
    if not any(p.name == name for p in call.query):
        return ()
    if len(words) % 3 or not 6 <= len(words) <= 3 * _MOST_POINTS:
        raise Problem(400, f"Parameter {name} gives three decimal numbers for each of two to {_MOST_POINTS} points.")
    flat = [decimal(word, name) for word in words]
    return tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=True))


def _reference(call: Call) -> tuple[str, int] | None:
    found = query.single(call.query, "volumeinputreference")
    if found is None:
        return None
    uid, *rest = found.values()
    if not uid or not valid_uid(uid) or len(rest) > 1 or (rest and not _COUNT.match(rest[0])):
        raise Problem(400, "Parameter volumeinputreference is a SOP Instance UID, and the number of a frame behind it.")
    return uid, int(rest[0]) if rest else 0
