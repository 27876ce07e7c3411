"""Knows what the Capabilities Description says of rendered resources: types, parameters, their values (PS3.18 8.9, H).

Must not know the rest of the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.render import charsets, encode
from simulators.render.camera import METHODS, ORIENTATIONS
from simulators.render.document import HTML, PDF, PLAIN, XML
from simulators.web import rendered_view
from simulators.web.negotiate import JSON
from simulators.web.negotiate import XML as MODEL

Node = dict[str, Any]

VOLUMES = ("renderedmpr", "rendered3d")
_MODULE = (JSON, f'multipart/related; type="{MODEL}"')
_VECTORS = ("viewpointposition", "viewpointlookat", "viewpointup", "volumetriccurvepoint")


def renderings(level: str, one: bool) -> list[Node]:
    """The resources below a study, a series, an instance or a list of frames; `one`: single parts are to be had."""
    singles = (*encode.types(), HTML, PLAIN, XML, PDF) if one else ()
    several = tuple(f'multipart/related; type="{type}"' for type in (*encode.types(), HTML, PLAIN, XML, PDF))
    return [
        _resource("rendered", f"RetrieveRendered{level}", (*several, *singles), _view()),
        _resource("thumbnail", f"Retrieve{level}Thumbnail", encode.types(), [_parameter("viewport")]),
        _resource(VOLUMES[0], f"RetrieveRenderedMPRVolume{level}", _volume_types(), [*_view(), *_camera(True)]),
        _resource(VOLUMES[1], f"RetrieveRendered3DVolume{level}", _volume_types(), [*_view(), *_camera(False)]),
    ]


def without_volumes(node: Node) -> Node:
    """The same tree without the resources that editions before 2024e do not have."""
    kept = [without_volumes(each) for each in node.get("resource", ()) if each["@path"] not in VOLUMES]
    return {**node, "resource": kept} if "resource" in node else node


def _volume_types() -> tuple[str, ...]:
    singles = encode.types()
    return (*singles, *(f'multipart/related; type="{type}"' for type in singles), *_MODULE)


def _view() -> list[Node]:
    return [
        _parameter("annotation", rendered_view.ANNOTATIONS, repeating=True),
        _parameter("quality", type="xs:positiveInteger"),
        _parameter("viewport"),
        _parameter("window"),
        _parameter("iccprofile", rendered_view.PROFILES),
    ]


def _camera(plane: bool) -> list[Node]:
    names = [name for name in _VECTORS if plane or name != "volumetriccurvepoint"]
    return [
        _parameter("renderingmethod", [method.lower() for method in METHODS]),
        _parameter("orientation", tuple(ORIENTATIONS)),
        *(_parameter(name, repeating=name == "volumetriccurvepoint") for name in names),
        _parameter("mprslab" if plane else "swivelrange", type="xs:decimal"),
        _parameter("animationstepsize", type="xs:positiveInteger"),
        _parameter("animationrate", type="xs:positiveInteger"),
        _parameter("volumeinputreference"),
        _parameter("renderedvolumetricmetadata", ["yes"]),
    ]


def _parameter(name: str, values: Sequence[str] = (), *, type: str = "xs:string", repeating: bool = False) -> Node:
    node: Node = {"@name": name, "@style": "query", "@type": type, **({"@repeating": "true"} if repeating else {})}
    return {**node, "option": [{"@value": value} for value in values]} if values else node


def _resource(path: str, id: str, types: Sequence[str], parameters: Sequence[Node]) -> Node:
    options = [{"@value": type} for type in types]
    accept = {"@name": "Accept", "@style": "header", "@required": "true", "@default": types[0], "option": options}
    sets = {"@name": "Accept-Charset", "@style": "header", "option": [{"@value": name} for name in charsets.NAMES]}
    asked = [accept, sets, _parameter("accept"), _parameter("charset", charsets.NAMES), *parameters]
    failures = [{"@mediaType": type} for type in (HTML, PLAIN, "application/json")]
    made = {
        "@id": id,
        "@name": "GET",
        "request": {"param": asked},
        "response": [
            {"@status": "200 206", "representation": [{"@mediaType": type} for type in types]},
            {"@status": "400 404 406 413", "representation": failures},
        ],
    }
    return {"@path": path, "method": [made]}
