"""Knows the Retrieve Capabilities transaction (PS3.18 8.9, Annexes G and H): one tree, written as WADL and as JSON.

Must not know how the transactions it lists are carried out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lxml import etree

from harness.context import DEFAULT_EDITION
from simulators.model.codecs import codecs, encoders, missing
from simulators.web.call import Call, Reply
from simulators.web.capabilities_nodes import METADATA, Node, accept, charset, resource, response, retrieve, search
from simulators.web.capabilities_nonpatient import non_patient
from simulators.web.capabilities_rendered import renderings, without_volumes
from simulators.web.capabilities_steps import steps
from simulators.web.capabilities_workitems import worklist
from simulators.web.negotiate import COMPRESSED, DEFLATED, DICOM, JSON, OCTETS, XML, Offer
from simulators.web.service import Service
from simulators.web.store_parts import SUPPORTED
from simulators.web.validators import Validators, identity

_WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_PREFIXES: Any = {None: _NAMESPACE, "xs": _SCHEMA}
OFFERS = (Offer(_WADL), Offer("application/json"))

_FILES, _OCTETS = f'multipart/related; type="{DICOM}"', f'multipart/related; type="{OCTETS}"'
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
    tree = description(
        call.base, modern=service.since("2023e"), volumes=service.since("2024e"), edition=service.edition
    )
    octets = document(tree) if selected.offer.type == _WADL else json.dumps(tree, ensure_ascii=False).encode()
    which = identity(selected.offer.type, octets.decode())
    return Reply(200, selected.offer.type, (octets,), validators=Validators(which))


def description(base: str, modern: bool = True, volumes: bool = True, edition: str = DEFAULT_EDITION) -> Node:
    """The tree in the JSON form of Annex G: "@name" for attributes, objects for unique elements, arrays for others.

    `modern`: empty and multiple value matching are supported; `volumes`: there are rendered volumes.
    """
    studies = _studies(modern)
    resources = [
        studies if volumes else without_volumes(studies),
        resource("series", [search("SearchForSeries", (*_STUDY, *_SERIES), modern)]),
        resource("instances", [search("SearchForInstances", (*_STUDY, *_SERIES, *_INSTANCE), modern)]),
        resource("{BulkDataReference}", [retrieve("RetrieveBulkdata", _SINGLE)]),
        worklist(modern),
        *non_patient(edition, modern),
        *steps(edition),
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
    series = resource("series", [search("SearchForStudySeries", _SERIES, modern)], [_series(modern)])
    instances = resource("instances", [search("SearchForStudyInstances", (*_SERIES, *_INSTANCE), modern)])
    methods = [retrieve("RetrieveStudy", _instances()), _store("StoreStudyInstances")]
    study = resource("{StudyInstance}", methods, [*below, series, instances])
    return resource("studies", [search("SearchForStudies", _STUDY, modern), _store("StoreInstances")], [study])


def _series(modern: bool) -> Node:
    found = [search("SearchForStudySeriesInstances", _INSTANCE, modern)]
    instances = resource("instances", found, [_instance()])
    return resource("{SeriesInstance}", [retrieve("RetrieveSeries", _instances())], [*_variants("Series"), instances])


def _instance() -> Node:
    frames = resource(
        "frames", [], [resource("{framelist}", [retrieve("RetrieveFrames", _SINGLE)], renderings("Frames", True))]
    )
    methods = [retrieve("RetrieveInstance", (*_instances(), DICOM))]
    return resource("{SOPInstance}", methods, [*_variants("Instance"), frames])


def _variants(level: str) -> list[Node]:
    return [
        resource("metadata", [retrieve(f"Retrieve{level}Metadata", METADATA)]),
        resource("bulkdata", [retrieve(f"Retrieve{level}Bulkdata", _BULK)]),
        resource("pixeldata", [retrieve(f"Retrieve{level}PixelData", _BULK)]),
        *renderings(level, level == "Instance"),
    ]


def _store(id: str) -> Node:
    types = (JSON, XML)
    request = {
        "param": [accept(types), charset()],
        "representation": [{"@mediaType": type} for type in SUPPORTED],
    }
    responses = [response("200 202 409", types), response("400 406 413 415 503")]
    return {"@id": id, "@name": "POST", "request": request, "response": responses}
