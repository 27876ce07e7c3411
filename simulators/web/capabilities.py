"""Knows the Retrieve Capabilities transaction (PS3.18 8.9, Annexes G and H): one tree, written as WADL and as JSON.

Must not know how the transactions it lists are carried out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from simulators.model.codecs import codecs, encoders, missing
from simulators.web.call import Call, Reply
from simulators.web.capabilities_rendered import renderings, without_volumes
from simulators.web.negotiate import COMPRESSED, DEFLATED, DICOM, JSON, OCTETS, XML, Offer
from simulators.web.service import Service
from simulators.web.store_parts import SUPPORTED
from simulators.web.validators import Validators, identity

_WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_PREFIXES: Any = {None: _NAMESPACE, "xs": _SCHEMA}
OFFERS = (Offer(_WADL), Offer("application/json"))

Node = dict[str, Any]

_FILES, _OCTETS = f'multipart/related; type="{DICOM}"', f'multipart/related; type="{OCTETS}"'
_METADATA = (JSON, f'multipart/related; type="{XML}"')
_BULK = (f'multipart/related; type="{OCTETS}"', *(f'multipart/related; type="{t}"' for t in COMPRESSED))
_SINGLE = (*_BULK, OCTETS, *COMPRESSED)
_STUDY = ("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName", "PatientName",
          "PatientID", "StudyInstanceUID", "StudyID")  # fmt: skip
_SERIES = ("Modality", "SeriesInstanceUID", "SeriesNumber", "PerformedProcedureStepStartDate",
           "PerformedProcedureStepStartTime", "RequestAttributesSequence.ScheduledProcedureStepID",
           "RequestAttributesSequence.RequestedProcedureID")  # fmt: skip
_INSTANCE = ("SOPClassUID", "SOPInstanceUID", "InstanceNumber")


async def capabilities(call: Call, service: Service) -> Reply:
    """The Capabilities Description of the whole service."""
    selected = call.choose(OFFERS)
    tree = description(call.base, modern=service.since("2023e"), volumes=service.since("2024e"))
    octets = document(tree) if selected.offer.type == _WADL else json.dumps(tree, ensure_ascii=False).encode()
    which = identity(selected.offer.type, octets.decode())
    return Reply(200, selected.offer.type, (octets,), validators=Validators(which))


def description(base: str, modern: bool = True, volumes: bool = True) -> Node:
    """The tree in the JSON form of Annex G: "@name" for attributes, objects for unique elements, arrays for others.

    `modern`: empty and multiple value matching are supported; `volumes`: there are rendered volumes.
    """
    studies = _studies(modern)
    resources = [
        studies if volumes else without_volumes(studies),
        _resource("series", [_search("SearchForSeries", (*_STUDY, *_SERIES), modern)]),
        _resource("instances", [_search("SearchForInstances", (*_STUDY, *_SERIES, *_INSTANCE), modern)]),
        _resource("{BulkDataReference}", [_retrieve("RetrieveBulkdata", _SINGLE)]),
    ]
    return {
        "application": {
            "@xmlns": _NAMESPACE,
            "@xmlns:xs": _SCHEMA,
            **({"doc": lacking} if (lacking := _lacking()) else {}),
            "resources": {"@base": base, "resource": resources},
        }
    }


def _instances() -> tuple[str, ...]:
    """Media types of instances, with the transfer syntaxes that any image can be had in here (8.7.3.5.2)."""
    made = (DEFLATED, *encoders(lossy=False))
    return (_FILES, *(f"{_FILES}; transfer-syntax={syntax}" for syntax in made), _OCTETS)


def _lacking() -> list[Node]:
    """What no codec here can do, told in words: it is nothing that media types can say."""
    return [{"@xml:lang": "en", "@title": "codecs", "value": sentence} for sentence in missing(codecs())]


def document(tree: Node) -> bytes:
    """The same tree as WADL."""
    root = etree.Element(f"{{{_NAMESPACE}}}application", nsmap=_PREFIXES)
    _fill(root, tree["application"])
    made: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return made


def _fill(parent: etree._Element, node: Mapping[str, Any]) -> None:
    for name, value in node.items():
        if name == "value":
            parent.text = value
        elif name.startswith("@xmlns"):
            continue
        elif name.startswith("@"):
            parent.set(name[1:].replace("xml:", "{http://www.w3.org/XML/1998/namespace}"), value)
        else:
            for each in value if isinstance(value, list) else [value]:
                _fill(etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}"), each)


def _studies(modern: bool) -> Node:
    below = _variants("Study")
    series = _resource("series", [_search("SearchForStudySeries", _SERIES, modern)], [_series(modern)])
    instances = _resource("instances", [_search("SearchForStudyInstances", (*_SERIES, *_INSTANCE), modern)])
    methods = [_retrieve("RetrieveStudy", _instances()), _store("StoreStudyInstances")]
    study = _resource("{StudyInstance}", methods, [*below, series, instances])
    return _resource("studies", [_search("SearchForStudies", _STUDY, modern), _store("StoreInstances")], [study])


def _series(modern: bool) -> Node:
    found = [_search("SearchForStudySeriesInstances", _INSTANCE, modern)]
    instances = _resource("instances", found, [_instance()])
    return _resource("{SeriesInstance}", [_retrieve("RetrieveSeries", _instances())], [*_variants("Series"), instances])


def _instance() -> Node:
    frames = _resource(
        "frames", [], [_resource("{framelist}", [_retrieve("RetrieveFrames", _SINGLE)], renderings("Frames", True))]
    )
    methods = [_retrieve("RetrieveInstance", (*_instances(), DICOM))]
    return _resource("{SOPInstance}", methods, [*_variants("Instance"), frames])


def _variants(level: str) -> list[Node]:
    return [
        _resource("metadata", [_retrieve(f"Retrieve{level}Metadata", _METADATA)]),
        _resource("bulkdata", [_retrieve(f"Retrieve{level}Bulkdata", _BULK)]),
        _resource("pixeldata", [_retrieve(f"Retrieve{level}PixelData", _BULK)]),
        *renderings(level, level == "Instance"),
    ]


def _resource(path: str, methods: Sequence[Node], below: Sequence[Node] = ()) -> Node:
    node: Node = {"@path": path}
    if path.startswith("{"):
        node["param"] = [{"@name": path[1:-1], "@style": "template", "@type": "xs:string", "@required": "true"}]
    if methods:
        node["method"] = list(methods)
    if below:
        node["resource"] = list(below)
    return node


def _retrieve(id: str, types: Sequence[str]) -> Node:
    parameters = [_accept(types), _charset(), _query("accept", "xs:string"), _query("charset", "xs:string")]
    responses = [_response("200 206", types), _response("400 404 406")]
    return {"@id": id, "@name": "GET", "request": {"param": parameters}, "response": responses}


def _store(id: str) -> Node:
    types = (JSON, XML)
    request = {
        "param": [_accept(types), _charset()],
        "representation": [{"@mediaType": type} for type in SUPPORTED],
    }
    responses = [_response("200 202 409", types), _response("400 406 413 415 503")]
    return {"@id": id, "@name": "POST", "request": request, "response": responses}


def _search(id: str, keywords: Sequence[str], modern: bool) -> Node:
    parameters = [_accept(_METADATA), _charset(), _query("accept", "xs:string"), _query("charset", "xs:string")]
    parameters += [_query("limit", "xs:nonNegativeInteger"), _query("offset", "xs:nonNegativeInteger")]
    parameters += [_query(k, "xs:string", k.endswith("UID")) for k in keywords]
    parameters += [{**_query("includefield", "xs:string", True), "option": [{"@value": "all"}]}]
    flags = ["emptyvaluematching", "multiplevaluematching"] if modern else []
    parameters += [{**_query(f, "xs:boolean"), "option": [{"@value": "true"}, {"@value": "false"}]} for f in flags]
    responses = [_response("200 204", _METADATA), _response("400 406")]
    return {"@id": id, "@name": "GET", "request": {"param": parameters}, "response": responses}


def _accept(types: Sequence[str]) -> Node:
    options = [{"@value": type} for type in types]
    return {"@name": "Accept", "@style": "header", "@required": "true", "@default": types[0], "option": options}


def _charset() -> Node:
    return {"@name": "Accept-Charset", "@style": "header", "option": [{"@value": "UTF-8"}]}


def _query(name: str, type: str, repeating: bool = False) -> Node:
    return {"@name": name, "@style": "query", "@type": type, **({"@repeating": "true"} if repeating else {})}


def _response(status: str, types: Sequence[str] = ("text/html", "text/plain", "application/json")) -> Node:
    return {"@status": status, "representation": [{"@mediaType": type} for type in types]}
