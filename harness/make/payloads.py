"""Knows how data sets are written as the payload of a request, in both models, in one part or several (PS3.18 8.6.1).

Must not know what the data sets are about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from harness.body import Body
from harness.make.parts import Message, Part, multipart
from harness.make.store_metadata import document

Form = Literal["json", "xml", "multipart-json", "multipart-xml"]
FORMS: tuple[Form, ...] = get_args(Form)
JSON, XML = "application/dicom+json", "application/dicom+xml"
ACCEPTS: Mapping[Form, str] = {
    "json": JSON,
    "xml": XML,
    "multipart-json": f'multipart/related; type="{JSON}"',
    "multipart-xml": f'multipart/related; type="{XML}"',
}
"""Each form as one writes it in an Accept field."""


def payload(attributes: Mapping[str, Any], form: Form = "json") -> Message:
    """One data set, as an object of the DICOM JSON Model, in this form."""
    return payloads([attributes], form)


def payloads(datasets: Sequence[Mapping[str, Any]], form: Form) -> Message:
    """Data sets, one for each part; only a multipart form has room for several."""
    kind = XML if form.endswith("xml") else JSON
    octets = [document(one) if kind == XML else json.dumps(one, ensure_ascii=False).encode() for one in datasets]
    if form.startswith("multipart"):
        return multipart([Part.of(one, kind) for one in octets])
    return Message(kind, Body.of(octets[0]))
