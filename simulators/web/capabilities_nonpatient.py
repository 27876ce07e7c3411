"""Knows what the Capabilities Description says of the Non-Patient Instance service (PS3.18 12.2, Annex H).

Must not know the rest of the description.
"""

from __future__ import annotations

from pydicom.datadict import keyword_for_tag

from harness.nonpatient import CATEGORIES, Category
from simulators.web.capabilities_nodes import Node, accept, charset, resource, response, retrieve, search
from simulators.web.negotiate import DICOM, JSON, XML
from simulators.web.nonpatient import SUPPORTED

_TYPES = (JSON, DICOM, f'multipart/related; type="{XML}"')


def non_patient(edition: str, modern: bool) -> list[Node]:
    """The tree below each category of the edition, by the names of 12.1.1 (Annex H writes two in the singular)."""
    return [_category(category, modern) for category in CATEGORIES.values() if category.since <= edition]


def _category(category: Category, modern: bool) -> Node:
    name = "".join(word.capitalize() for word in category.name.split("-"))
    keys = sorted({path for model in category.models for path, key in model.keys.items() if key.matched})
    keywords = [".".join(keyword_for_tag(tag) for tag in path.split(".")) for path in keys]
    one = resource("{uid}", [retrieve(f"Retrieve{name}", _TYPES), _store(f"StoreOneOf{name}")])
    return resource(category.name, [search(f"SearchFor{name}", keywords, modern), _store(f"Store{name}")], [one])


def _store(id: str) -> Node:
    types = (JSON, XML)
    request = {
        "param": [accept(types), charset()],
        "representation": [{"@mediaType": type} for type in SUPPORTED],
    }
    responses = [response("200 400 409", types), response("400 404 406 413 415 503")]
    return {"@id": id, "@name": "POST", "request": request, "response": responses}
